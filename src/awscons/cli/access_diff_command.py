"""`awscons access diff`: what changes for whom between two configurations, files or git revisions.

A configuration is a program, so each is read by a process of its own, in its own folder.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from awscons.access.comparison import Change, compare
from awscons.cli.terminal import markdown_table, print_json, printable, table
from awscons.errors import AwsconsError

_GIT = "git:"
_MAX_ALIKE = 10
"""Changes of one kind and role that a report lists; of more it lists the first ones and their number."""


class ConfigurationUnreadable(AwsconsError):
    """One of the two configurations cannot be read."""


def show_changes(old: str, new: str, *, form: str, every: bool) -> bool:
    """Print what changes from `old` to `new`, files or git revisions; return whether anything widens access."""
    before, after = _facts_in(old, beside=new), _facts_in(new, beside=old)
    changes = compare(before, after)
    widens = any(change.kind.widens for change in changes)
    if form == "json":
        print_json({"widens": widens, "changes": [_change_document(change) for change in changes]})
        return widens
    if not changes:
        click.echo("Nobody can open more, less or for longer than before.")
        return widens
    shown = list(_grouped(changes, limit=len(changes) if every else _MAX_ALIKE))
    header = ["change", "target", "account", "role", "who", "what"]
    if form == "md":
        click.echo("\n".join(markdown_table([header, *shown])))
    else:
        click.echo("\n".join(table([header, *([printable(cell) for cell in row] for row in shown)])))
    counts = Counter(change.kind for change in changes)
    said = ", ".join(f"{kind.value}: {count:,}" for kind, count in counts.items())
    click.echo(
        f"\n{said}. {'Somebody can do more than before.' if widens else 'Nobody can do more than before.'}"
    )
    return widens


def _grouped(changes: Sequence[Change], *, limit: int) -> Iterator[list[str]]:
    """A row for each change; of many of one kind and role the first ones, and how many there are."""
    alike = Counter((change.kind, change.role) for change in changes)
    shown: Counter[tuple[object, str]] = Counter()
    for change in changes:
        key = (change.kind, change.role)
        shown[key] += 1
        if shown[key] <= limit:
            yield [
                change.kind.value,
                change.target,
                change.account_id,
                change.role,
                change.who,
                change.what,
            ]
        elif shown[key] == limit + 1:
            more = f"and {alike[key] - limit:,} more: see them with --all"
            yield [change.kind.value, "…", "", change.role, "", more]


def _change_document(change: Change) -> dict[str, object]:
    return {
        "kind": change.kind.name.lower(),
        "widens": change.kind.widens,
        "target": change.target,
        "account_id": change.account_id,
        "role": change.role,
        "who": change.who,
        "what": change.what,
    }


def _facts_in(place: str, *, beside: str) -> list[dict[str, Any]]:
    """What a configuration opens, read by a process of its own: config.py is a program. Raises ConfigurationUnreadable.

    place    a file, or `git:REVISION` of the file that is named beside it, or `git:REVISION:FILE`
    """
    if not place.startswith(_GIT):
        return _facts_of_file(Path(place), place)
    revision, _, name = place.removeprefix(_GIT).partition(":")
    file = Path(name or (beside if not beside.startswith(_GIT) else "config.py"))
    with tempfile.TemporaryDirectory() as folder:
        return _facts_of_file(_checked_out(revision, file.absolute(), Path(folder)), place)


def _facts_of_file(path: Path, place: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "awscons", "access", "--format", "json", "--config", str(path)]
    done = subprocess.run(command, check=False, capture_output=True)  # noqa: S603  our own program
    if done.returncode != 0:
        raise ConfigurationUnreadable(
            f"{place} cannot be read\n{done.stderr.decode(errors='replace').strip()}"
        )
    found: list[dict[str, Any]] = json.loads(done.stdout)["targets"]
    return found


def _checked_out(revision: str, file: Path, folder: Path) -> Path:
    """The file as of a git revision, with everything beside it, written below `folder`."""
    if revision.startswith("-"):
        raise ConfigurationUnreadable(f"{revision!r} is no git revision")
    inside = ["git", "-C", str(file.parent)]
    top = subprocess.run([*inside, "rev-parse", "--show-prefix"], check=False, capture_output=True)  # noqa: S603
    archive = subprocess.run([*inside, "archive", revision], check=False, capture_output=True)  # noqa: S603
    if top.returncode != 0 or archive.returncode != 0:
        reason = (archive.stderr or top.stderr).decode(errors="replace").strip()
        raise ConfigurationUnreadable(
            f"git does not know {revision} of {file}: {reason}", hint="fetch the revision first"
        )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tree:
        # Python 3.11.2, which Debian 12 has, does not know the filters of PEP 706.
        tree.extraction_filter = getattr(tarfile, "data_filter", None)
        tree.extractall(folder)  # noqa: S202  by that filter, where Python has it; a git tree has no ".." either
    return folder / file.name
