"""Input limits: checks of a posted form value as text, before any XML parser reads it.

They are cheap, and they keep document types, entities, other encodings and huge documents away from the
parser, which is written in C.
"""

from __future__ import annotations

import base64
import codecs
import re

from awscons.errors import ResponseRefused

MAX_FORM_CHARACTERS = 350_000
"""Characters of the form value: base64 of MAX_BYTES with some white space."""
MAX_BYTES = 256_000
"""Bytes of the decoded document; a person in 200 groups needs about 25,000."""
MAX_TAGS = 12_000
"""Tags of any kind. A response of MAX_BYTES with groups has half as many. It bounds the time of the checks."""
TAGS_PER_DECLARATION = 10
"""A document may have one namespace declaration for this many allowed tags: 1,200 in a response. Equals signs,
of which every attribute has one, may be as many as tags."""

_WHITE_SPACE = b" \t\r\n"
"""The white space of XML."""
# The parser skips a byte order mark, so a second one must not hide the declaration from this pattern.
_DECLARED_ENCODING = re.compile(r"""^\ufeff?<\?xml[^>]*?encoding\s*=\s*["']([^"']*)["']""")
_LIMITS = "house rule, input limits"


def decode_form_value(form_value: str) -> str:
    """The XML text inside a SAMLResponse form value (SAML bindings 3.5.4: base64).

    Raises ResponseRefused for a value that is too large, is not strict base64 or not UTF-8, or holds a
    document type, an entity or too many tags.
    """
    return check_document(_base64_bytes(form_value))


def check_document(data: bytes, *, max_tags: int = MAX_TAGS) -> str:
    """The XML text of a document, fit for the parser. A byte order mark in front is dropped.

    max_tags   higher for documents that are longer than a response, such as metadata
    Raises ResponseRefused for a document that is not UTF-8, or holds NUL, a document type, an entity or too
    many tags.
    """
    text = _utf8(data)
    _check_text(text, max_tags)
    return text


def _base64_bytes(form_value: str) -> bytes:
    if not form_value:
        raise ResponseRefused("response missing", section="SAML bindings 3.5.4")
    if len(form_value) > MAX_FORM_CHARACTERS:
        raise ResponseRefused(
            "form value too large",
            section=_LIMITS,
            expected=f"at most {MAX_FORM_CHARACTERS} characters",
            received=len(form_value),
        )
    try:
        data = _strict_base64(form_value)
    except ValueError:
        # No part of it goes to the log: it may be a damaged assertion.
        raise ResponseRefused("form value is not base64", section="SAML bindings 3.5.4") from None
    if len(data) > MAX_BYTES:
        raise ResponseRefused(
            "document too large", section=_LIMITS, expected=f"at most {MAX_BYTES} bytes", received=len(data)
        )
    return data


def decode_base64(text: str, *, section: str, received: object = "") -> bytes:
    """The bytes of strict base64, which may contain XML's white space.

    received   what the log names; not the text itself, which may be a damaged assertion or key
    Raises ResponseRefused.
    """
    try:
        return _strict_base64(text)
    except ValueError:
        raise ResponseRefused("not base64", section=section, received=received) from None


def _strict_base64(text: str) -> bytes:
    """Raises ValueError for any character that is neither base64 nor white space."""
    return base64.b64decode(text.encode("ascii").translate(None, _WHITE_SPACE), validate=True)


def _utf8(data: bytes) -> str:
    try:
        text = data.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError:
        raise ResponseRefused("document is not UTF-8", section=_LIMITS) from None
    if "\x00" in text:
        raise ResponseRefused("document holds NUL", section=_LIMITS)
    return text


def _check_text(text: str, max_tags: int) -> None:
    declared = _DECLARED_ENCODING.match(text)
    if declared and declared[1].lower() not in {"utf-8", "utf8", "us-ascii", "ascii"}:
        raise ResponseRefused("encoding declared", section=_LIMITS, expected="UTF-8", received=declared[1])
    lowered = text.lower()
    for forbidden in ("<!doctype", "<!entity"):
        if forbidden in lowered:
            raise ResponseRefused("document type or entity", section=_LIMITS, received=forbidden)
    if text.count("<") > max_tags:
        raise ResponseRefused("too many tags", section=_LIMITS, expected=f"at most {max_tags}")
    if text.count("=") > max_tags:
        raise ResponseRefused("too many attributes in all", section=_LIMITS, expected=f"at most {max_tags}")
    max_declarations = max_tags // TAGS_PER_DECLARATION
    if text.count("xmlns") > max_declarations:
        raise ResponseRefused("too many namespaces", section=_LIMITS, expected=f"at most {max_declarations}")
