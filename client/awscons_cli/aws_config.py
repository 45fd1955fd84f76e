"""The file of the AWS CLI, as text: our block between two marks, and everything else as the person wrote it.

# >>> awscons-cli https://sso.example.com >>>
[profile shop-prod-administrator]
credential_process = …
# <<< awscons-cli https://sso.example.com <<<
"""

from __future__ import annotations

import re
import shlex

from awscons_cli.errors import ClientError, UsageMistake, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

_NOTE = "# Written by `awscons-cli configure`, which also replaces it."
_SECTION = re.compile(r"\s*\[\s*(?P<title>[^\]]*?)\s*\]")
_UNSAFE = re.compile(r"[^A-Za-z0-9._@+=,~-]+")


class ConfigRefused(ClientError):
    """The file stays as it is."""


def profile_names(template: str, doors: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The profile's name for each door. Raises UsageMistake for two doors of one name."""
    names: dict[str, str] = {}
    for door in doors:
        fields = {
            "door": door["name"],
            "account_slug": door.get("account_slug") or door.get("account_id"),
            "account_id": door.get("account_id"),
            "account_name": door.get("account_name") or door.get("account_id"),
            "role": door.get("role_name"),
            "partition": door.get("partition"),
            "region": door.get("region") or "",
        }
        safe = {key: _UNSAFE.sub("-", str(value or "")) for key, value in fields.items()}
        try:
            name = template.format_map(safe)
        except (KeyError, ValueError, IndexError, AttributeError, TypeError):
            places = ", ".join(f"{{{key}}}" for key in fields)
            raise UsageMistake(f"{template!r} is no template of names.", f"It may have {places}.") from None
        if not name or _UNSAFE.search(name):
            raise UsageMistake(
                f"{printable(name)!r} cannot be the name of a profile.", "Choose another --template."
            )
        if name in names.values():
            other = next(key for key, value in names.items() if value == name)
            raise UsageMistake(
                f"The doors {other} and {door['name']} would both be the profile {name}.",
                "Put {door} into --template.",
            )
        names[str(door["name"])] = name
    return names


def profile_text(name: str, process: str, region: str | None) -> str:
    """One profile of the block."""
    title = "default" if name == "default" else f"profile {name}"
    lines = [f"[{title}]", f"credential_process = {process}", *([f"region = {region}"] if region else [])]
    return "\n".join(lines)


def sections(text: str, shown: str) -> dict[str, str]:
    """The profiles of some text, each with its lines. Raises ConfigRefused, about the file that is `shown`."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        matched = _SECTION.match(line)
        if matched:
            lines = found.setdefault(_profile_of(matched["title"], shown), [])
        lines.append(line)
    return {name: "\n".join(lines).strip() for name, lines in found.items()}


def _profile_of(title: str, shown: str) -> str:
    """The profile of a section, as the AWS CLI takes it: whatever begins like that word, split as by a shell."""
    if not title.startswith("profile"):
        return title
    try:
        words = shlex.split(title)
    except ValueError:
        raise ConfigRefused(
            f"The section [{printable(title)}] in {shown} is one that the AWS CLI cannot read; nothing was changed."
        ) from None
    return words[1] if len(words) == 2 else title


class ConfigText:
    """The text of the file, taken apart: before our block, the block, after it.

    url   the service whose block is meant; another service's block belongs to the rest
    """

    def __init__(self, text: str, url: str, path: str) -> None:
        self._path = path
        self._begin, self._end = f"# >>> awscons-cli {url} >>>", f"# <<< awscons-cli {url} <<<"
        self._newline = "\r\n" if "\r\n" in text else "\n"
        lines = text.splitlines(keepends=True)
        marks = [
            (number, line.strip())
            for number, line in enumerate(lines)
            if line.strip() in {self._begin, self._end}
        ]
        if not marks:
            self.before, self.profiles, self.after = text, {}, ""
        elif [mark for _, mark in marks] == [self._begin, self._end]:
            (first, _), (last, _) = marks
            self.before, self.after = "".join(lines[:first]), "".join(lines[last + 1 :])
            self.profiles = sections("".join(lines[first + 1 : last]), path)
        else:
            raise ConfigRefused(
                f"The marks of awscons-cli in {path} do not belong together; nothing was changed.",
                f"Remove the lines with {url}.",
            )
        self.foreign = set(sections(self.before, path)) | set(sections(self.after, path))

    def with_profiles(self, wanted: Mapping[str, str], *, prune: bool) -> str:
        """The text with these profiles in our block. Raises ConfigRefused.

        wanted  name of each profile and its text
        prune   drop the profiles of our block that are not wanted any more
        """
        taken = sorted(self.foreign & set(wanted))
        if taken:
            more = f" and {len(taken) - 1} more" if len(taken) > 1 else ""
            raise ConfigRefused(
                f"{self._path} has a profile {taken[0]}{more} of its own; nothing was changed.",
                "Rename that one, or choose another --template.",
            )
        kept = {} if prune else {name: text for name, text in self.profiles.items() if name not in wanted}
        profiles = {**kept, **wanted}
        block = ""
        if profiles:
            parts = [f"{self._begin}\n{_NOTE}", *(profiles[name] for name in sorted(profiles)), self._end]
            block = "\n\n".join(parts[:-1]) + f"\n{self._end}\n"
        before = self.before
        if block and before and not before.endswith(("\n", "\r")):
            before += self._newline
        if block and not self.profiles and before.strip() and not before.endswith(("\n\n", "\n\r\n")):
            before += self._newline
        return before + block.replace("\n", self._newline) + self.after
