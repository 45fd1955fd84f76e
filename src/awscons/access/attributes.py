"""Which attribute a name means, and which of its values count. Pure rules."""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Iterable, Mapping

MAX_VALUE_LENGTH = 1_024
"""Characters of a value, or of a group as it arrives. A longer value does not count: no DN is so long, and AWS
accepts 256 characters in a session tag."""
_NO_TEXT = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
"""Unicode's categories of control and format characters, and of separators."""
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def name_key(name: str) -> str:
    r"""`name` for a comparison without regard to case. Only ASCII letters have a case here.

    `casefold` would make `group\u017f`, with a long s, equal to `groups`.
    """
    return name.translate(_LOWER)


def values_named(name: str, attributes: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """The values of every attribute of that name, in any letter case, that contain something to read."""
    wanted = name_key(name)
    return tuple(
        value
        for received, values in attributes.items()
        if name_key(received) == wanted
        for value in values
        if has_text(value)
    )


def has_text(value: str) -> bool:
    """Whether there is more in `value` than white space, control and format characters, such as U+200B."""
    return any(unicodedata.category(character) not in _NO_TEXT for character in value)
