"""Group names that could be expensive to reduce to their plain names. `make hostile` measures how their time grows.

No test asserts a time: see `hostile`. That no expression takes more than linear time is a test of its structure.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

from awscons.access.attributes import MAX_VALUE_LENGTH
from awscons.access.distinguished_names import DistinguishedName, parse_dn
from awscons.access.groups import DnFormat, DomainFormat, PathFormat, normalize_group

_PLACE = "OU=Groups,DC=example,DC=com"
FORMATS = (PathFormat(), DomainFormat("CORP"), DnFormat(cast("DistinguishedName", parse_dn(_PLACE))))
MAX_GROWTH = 8.0
"""Factor by which the time of a group name may grow when it is four times as long; a square would be 16."""
GROUPS = {
    "spaces and a backslash": lambda size: "CN=" + " " * size + "\\",
    "spaces inside": lambda size: f"CN=a{' ' * size}b,{_PLACE}",
    "escapes": lambda size: "CN=" + r"\," * (size // 2) + f",{_PLACE}",
    "escapes in hexadecimal": lambda size: "CN=" + r"\41" * (size // 3) + f",{_PLACE}",
    "a long number": lambda size: f"CN=a,{'1.' * (size // 2)}1=b,{_PLACE}",
    "a long type": lambda size: f"CN=a,{'A-' * (size // 2)}=b,{_PLACE}",
    "backslashes": lambda size: "CORP" + "\\" * size,
    "slashes": lambda size: "/" * size,
    "spaces in the place": lambda size: f"CN=a,OU=Groups{' ' * size},DC=example,DC=com",
}
"""Group names that could be expensive to reduce, by their length."""


def growth(make: Callable[[int], str]) -> tuple[float, float]:
    """Microseconds for a name of the maximum length, and how much more that is than for a quarter of it."""
    quarter, whole = (_microseconds(make(MAX_VALUE_LENGTH // part)) for part in (4, 1))
    return whole, whole / quarter


def _microseconds(name: str) -> float:
    def once() -> float:
        begun = time.process_time_ns()
        for _ in range(200):
            normalize_group(name, FORMATS)
        return (time.process_time_ns() - begun) / 200_000

    return min(once() for _ in range(9))
