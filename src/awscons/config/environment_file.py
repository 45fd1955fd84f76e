r"""Reads a file of environment variables by the rules of systemd's `EnvironmentFile=` (systemd.exec).

One assignment a line. Lines that are empty, begin with `#` or `;`, or lack `=` are ignored. In an unquoted value a
backslash protects the next character and joins lines, and white space at the ends is dropped. `'…'` is taken as it
stands, over several lines as well. In `"…"` a backslash protects `"`, `\`, `` ` `` and `$`, and joins lines.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = re.compile(r"[ \t\r]*([A-Za-z_][A-Za-z0-9_]*)[ \t\r]*=")
_PART = re.compile(
    r"""[ \t\r]*(?: '(?P<single>[^']*)' | "(?P<double>(?:[^"\\]|\\.)*)" | (?P<plain>(?:[^\n\\]|\\.)+) )""",
    re.DOTALL | re.VERBOSE,
)
_REST_OF_LINE = re.compile(r"[^\n]*\n?")


def parse_environment_file(text: str) -> Mapping[str, str]:
    """The variables by name; of two assignments to one name, the last counts."""
    variables: dict[str, str] = {}
    position = 0
    while position < len(text):
        named = _NAME.match(text, position)
        if named is not None:
            variables[named[1]], position = _value(text, named.end())
        position = _end_of_line(text, position)
    return variables


def _value(text: str, position: int) -> tuple[str, int]:
    """The value that begins there, and where it ends."""
    value = ""
    while (part := _PART.match(text, position)) is not None:
        position = part.end()
        if part["single"] is not None:
            value += part["single"]
        elif part["double"] is not None:
            value += re.sub(r'\\(["\\`$])', r"\1", part["double"].replace("\\\n", ""))
        else:
            value += re.sub(r"\\(.)", r"\1", part["plain"].replace("\\\n", "")).rstrip(" \t\r")
    return value, position


def _end_of_line(text: str, position: int) -> int:
    rest = _REST_OF_LINE.match(text, position)
    return rest.end() if rest else len(text)
