"""configure: profiles for the doors, written into the file of the AWS CLI, which belongs to the person.

The file is replaced as a whole, keeps its mode and its symbolic link, and stays as it is if anything is amiss.
"""

from __future__ import annotations

import os
import stat
import sys

from awscons_cli.aws_config import ConfigRefused, ConfigText, profile_names, profile_text, sections
from awscons_cli.errors import printable
from awscons_cli.logins import Logins
from awscons_cli.state import printable_path, write_private

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def configure_command(options: argparse.Namespace) -> int:
    """`configure`: bring our block of the file up to date."""
    from awscons_cli.doors import fetch_doors
    from awscons_cli.role_credentials import check_door

    login = Logins(os.environ).chosen(options.service)
    doors = [door for door in fetch_doors(login)[0] if door.get("cli")]
    names = profile_names(options.template, doors)
    program = own_command()
    wanted = {}
    for door in doors:
        words = ["credentials", "--service", login.url, check_door(str(door["name"]))]
        process = command_line([*program, *words])
        region = printable(door.get("region") or "", 40) or None
        wanted[names[door["name"]]] = profile_text(names[door["name"]], process, region)
    path = _path_of("AWS_CONFIG_FILE", "config")
    shown = printable_path(path)
    with (login.state.parent or login.state).lock("configure"):  # one file, whatever the service
        old = _read(path)
        parts = ConfigText(old, login.url, shown)
        _refuse_shadowed(set(wanted))
        new = parts.with_profiles(wanted, prune=options.prune)
        _check_form(new, shown)
        if options.dry_run:
            _print_difference(old, new, shown)
        elif new != old:
            _replace(path, new, shown)
    _report(parts.profiles, ConfigText(new, login.url, shown).profiles, shown, dry_run=options.dry_run)
    return 0


def own_command() -> list[str]:
    """The command that starts this program again, from any folder."""
    started = os.path.abspath(sys.argv[0])
    if os.path.basename(started) == "__main__.py":  # python -m awscons_cli
        return [sys.executable, "-m", "awscons_cli"]
    # The launcher that pip makes for Windows leaves out how its name ends.
    if not os.path.isfile(started) and os.path.isfile(f"{started}.exe"):
        return [f"{started}.exe"]
    with open(started, "rb") as file:
        archive = b"PK\x03\x04" in file.read(200)
    if archive and not started.endswith(".exe"):
        return [sys.executable, started]
    return [started]


def command_line(words: Sequence[str], platform: str = sys.platform) -> str:
    """The words as `credential_process` takes them: some SDKs split them, others give them to a shell."""
    if platform == "win32":
        return " ".join(f'"{word}"' if " " in word else word for word in words)
    import shlex

    return " ".join(shlex.quote(word) for word in words)


def _path_of(variable: str, name: str) -> str:
    return os.path.expanduser(os.environ.get(variable) or os.path.join("~", ".aws", name))


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            text = file.read()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise ConfigRefused(f"{printable_path(path)} is no text in UTF-8; nothing was changed.") from None
    except OSError as error:
        raise ConfigRefused(f"{printable_path(path)} cannot be read: {error.strerror}.") from None
    _check_form(text, printable_path(path))
    return text


def _check_form(text: str, shown: str) -> None:
    """The file must be one that the AWS CLI can read, before and after."""
    import configparser

    parser = configparser.RawConfigParser(default_section="")
    try:
        parser.read_string(text)
    except configparser.Error as error:
        line = getattr(error, "lineno", None) or next(
            (number for number, _ in getattr(error, "errors", ())), None
        )
        place = f", line {line}," if line else ""
        raise ConfigRefused(
            f"{shown}{place} is not in the form that the AWS CLI reads; nothing was changed."
        ) from None


def _refuse_shadowed(names: set[str]) -> None:
    """Keys in the credentials file would be used in place of ours, without a word."""
    path = _path_of("AWS_SHARED_CREDENTIALS_FILE", "credentials")
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            taken = sorted(names & set(sections(file.read(), printable_path(path))))
    except OSError:
        return
    if taken:
        raise ConfigRefused(
            f"{printable_path(path)} has keys for a profile {taken[0]}, which programs would use; nothing was changed.",
            "Remove them, or choose another --template.",
        )


def _replace(path: str, text: str, shown: str) -> None:
    target = os.path.realpath(path)  # a link stays a link
    try:
        mode = 0o600
        if os.path.exists(target):
            mode = stat.S_IMODE(os.stat(target).st_mode)
            if not os.path.isfile(target):
                raise ConfigRefused(f"{shown} is no regular file; nothing was changed.")
            if not mode & 0o222:
                raise ConfigRefused(f"{shown} is read-only; nothing was changed.", f"Try: chmod u+w {shown}")
        os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
        write_private(target, text.encode(), mode)
    except OSError as error:
        raise ConfigRefused(f"{shown} cannot be written: {error.strerror}; nothing was changed.") from None


def _print_difference(old: str, new: str, shown: str) -> None:
    import difflib

    for line in difflib.unified_diff(old.splitlines(), new.splitlines(), shown, shown, lineterm=""):
        print(line)


def _report(old: dict[str, str], new: dict[str, str], shown: str, *, dry_run: bool) -> None:
    added, removed = set(new) - set(old), set(old) - set(new)
    changed = {name for name in set(old) & set(new) if old[name] != new[name]}
    would = "would be " if dry_run else ""
    print(
        f"{shown}: {len(added)} profiles {would}added, {len(changed)} changed, {len(removed)} removed.",
        file=sys.stderr if dry_run else sys.stdout,
    )
