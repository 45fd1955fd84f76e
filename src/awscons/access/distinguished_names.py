"""Distinguished names of a directory, from and to their text (RFC 4514). Pure rules.

A text is read as a whole or not at all. cryptography's reader is no help: it knows nine attribute types, and
refuses a CN of more than 64 characters, which directories have.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

COMMON_NAME = "cn"
_SHORT_NAMES = {
    "2.5.4.3": COMMON_NAME,
    "2.5.4.6": "c",
    "2.5.4.7": "l",
    "2.5.4.8": "st",
    "2.5.4.9": "street",
    "2.5.4.10": "o",
    "2.5.4.11": "ou",
    "0.9.2342.19200300.100.1.1": "uid",
    "0.9.2342.19200300.100.1.25": "dc",
}
"""RFC 4514, section 3: attribute types that a text may name by number."""

# One attribute with its value, and the separator after it. Every quantifier is possessive (`++`, `*+`), so the
# pattern never tries a second way: its time is linear in the text.
_ATTRIBUTE = re.compile(
    r" *+(?P<type>[A-Za-z][A-Za-z0-9-]*+|[0-9]++(?:\.[0-9]++)*+) *+="
    r'(?P<value>(?:[^\\,+;"<>\x00]++|\\(?:[0-9A-Fa-f]{2}|[\\ "#+,;<=>]))*+)(?P<separator>[,+]|\Z)'
)
_ESCAPE = re.compile(r"((?:\\[0-9A-Fa-f]{2})+)|\\(.)")

_MAX_ATTRIBUTES = 64
"""Attributes of a DN; directories are a dozen levels deep."""

_Attributes = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class DistinguishedName:
    """A DN, in the order of its text: the entry first, the root of the directory last.

    text   as it was written
    rdns   of each RDN its attributes, as (type, value), with types in lower case and values as they are
    """

    text: str
    rdns: tuple[_Attributes, ...] = field(repr=False)

    def is_below(self, base: DistinguishedName) -> bool:
        """Whether this entry is directly or anywhere below `base`, and not `base` itself.

        Values are compared without regard to case and runs of spaces. caseIgnoreMatch (RFC 4518) also takes
        compatible letters for the same, such as a long s; here they differ, which lets nobody in.
        """
        depth = len(self.rdns) - len(base.rdns)
        return depth > 0 and all(map(_is_same, self.rdns[depth:], base.rdns))

    def first_value(self, attribute_type: str) -> str:
        """The value of the first RDN; "" when the RDN has another attribute, or several."""
        ((received_type, value), *more) = self.rdns[0]
        return value if received_type == attribute_type and not more else ""

    def __str__(self) -> str:
        return self.text


def parse_dn(text: str) -> DistinguishedName | None:
    """The DN in `text`; None when any part of the text is no DN, or is a value in hexadecimal BER (`#0401…`).

    A DN of more than 64 attributes is none.

    Spaces around separators have no meaning, as older standards wrote them (RFC 2253, section 4).
    """
    if text.count("=") > _MAX_ATTRIBUTES:
        return None
    rdns: list[_Attributes] = []
    attributes: _Attributes = ()
    position, separator = 0, ","
    while separator:
        matched = _ATTRIBUTE.match(text, position)
        value = _value_of(matched["value"]) if matched else None
        if matched is None or value is None:
            return None
        attribute_type = matched["type"].lower()
        attributes += ((_SHORT_NAMES.get(attribute_type, attribute_type), value),)
        position, separator = matched.end(), matched["separator"]
        if separator != "+":
            rdns.append(attributes)
            attributes = ()
    return DistinguishedName(text, tuple(rdns))


def _value_of(raw: str) -> str | None:
    """The value without its escapes and the spaces around it; None for BER and for bytes that are not UTF-8."""
    raw = raw.lstrip(" ")
    if raw.startswith("#"):
        return None
    bare = raw.rstrip(" ")
    if "\\" not in raw:
        return bare
    # In `a\ ` the last space is escaped, and belongs to the value.
    backslashes = len(bare) - len(bare.rstrip("\\"))
    if backslashes % 2:
        bare += " "
    try:
        return _ESCAPE.sub(_unescaped, bare)
    except UnicodeDecodeError:
        return None


def _unescaped(matched: re.Match[str]) -> str:
    return bytes.fromhex(matched[1].replace("\\", "")).decode() if matched[1] else matched[2]


def _is_same(one: _Attributes, other: _Attributes) -> bool:
    """Whether two RDNs are equal. The order of their attributes has no meaning (X.501, section 9.3)."""
    return one == other or sorted(map(_folded, one)) == sorted(map(_folded, other))


def _folded(attribute: tuple[str, str]) -> tuple[str, str]:
    attribute_type, value = attribute
    return attribute_type, " ".join(value.lower().split())
