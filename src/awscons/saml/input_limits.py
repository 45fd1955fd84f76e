"""Input limits: checks of a posted form value as text, before any XML parser reads it.

They are cheap, and they keep document types, entities, other encodings and huge documents away from the
parser, which is written in C.
"""

from __future__ import annotations

import base64
import codecs
import re
from dataclasses import dataclass

from awscons.errors import ResponseRefused, ResponseTooLarge

DEFAULT_MAX_ANSWER_KB = 2_048
"""KiB of the form with a response. Somebody in 3,000 groups needs up to 1,800: a DN of 120 characters for each, with
namespaces of its own, encrypted, in base64 twice and percent-encoded."""
MAX_DECLARATIONS_OF_TAG = 40
"""Namespace declarations of one tag. With the maximum depth it bounds how many are in scope somewhere, and with
that the time of canonicalization; aggregated metadata has twenty at its root."""
_BYTES_PER_TAG = 128
"""By default a response has at most 12,288 tags; 3,000 groups are 6,000."""


@dataclass(frozen=True, slots=True)
class MessageLimits:
    """Limits of one posted message. All follow from the size of its form, so that none is met long before another.

    max_form_bytes   bytes of the form, and so the maximum number of characters of its value
    cure             what an operator can do about a message that is too large
    """

    max_form_bytes: int
    cure: str = ""

    @property
    def max_bytes(self) -> int:
        """Bytes of the decoded document: base64 writes three as four characters."""
        return self.max_form_bytes * 3 // 4

    @property
    def max_tags(self) -> int:
        """Tags of any kind, counted by `<`. It bounds the time of all checks."""
        return self.max_bytes // _BYTES_PER_TAG


def answer_limits(max_answer_kb: int) -> MessageLimits:
    """The limits of a response."""
    cure = "raise `max_answer_kb` in server_config, or let the identity provider send fewer groups"
    return MessageLimits(max_answer_kb * 1024, cure)


ANSWER_LIMITS = answer_limits(DEFAULT_MAX_ANSWER_KB)
LOGOUT_LIMITS = MessageLimits(256 * 1024)
"""For a logout message, which names one person."""
METADATA_LIMITS = MessageLimits(64 * 1024 * 1024)
"""For metadata, which may describe a federation. It is not posted; its own module bounds its bytes."""

_WHITE_SPACE = b" \t\r\n"
"""The white space of XML."""
# The parser skips a byte order mark, so a second one must not hide the declaration from this pattern.
_DECLARED_ENCODING = re.compile(r"""^\ufeff?<\?xml[^>]*?encoding\s*=\s*["']([^"']*)["']""")
_LIMITS = "house rule, input limits"


def decode_form_value(form_value: str, limits: MessageLimits = ANSWER_LIMITS) -> str:
    """The XML text inside a SAMLResponse form value (SAML bindings 3.5.4: base64).

    Raises ResponseTooLarge, and ResponseRefused for a value that is not strict base64 or not UTF-8, or holds
    a document type or an entity.
    """
    return check_document(_base64_bytes(form_value, limits), limits)


def check_document(data: bytes, limits: MessageLimits) -> str:
    """The XML text of a document, fit for the parser. A byte order mark in front is dropped.

    Attributes, namespace declarations among them, may be twice as many as tags.
    Raises ResponseTooLarge, and ResponseRefused for a document that is not UTF-8, or holds NUL, a document type
    or an entity.
    """
    text = _utf8(data)
    _check_text(text)
    _check_counts(text, limits)
    return text


def _base64_bytes(form_value: str, limits: MessageLimits) -> bytes:
    if not form_value:
        raise ResponseRefused("response missing", section="SAML bindings 3.5.4")
    check_size("form value", len(form_value), limits.max_form_bytes, limits)
    try:
        return _strict_base64(form_value)
    except ValueError:
        # No part of it goes to the log: it may be a damaged assertion.
        raise ResponseRefused("form value is not base64", section="SAML bindings 3.5.4") from None


def check_size(what: str, size: int, maximum: int, limits: MessageLimits) -> None:
    """Raises ResponseTooLarge for a size in bytes above the maximum, which follows from `limits`."""
    if size > maximum:
        raise ResponseTooLarge(
            f"{what} too large",
            section=_LIMITS,
            expected=f"at most {maximum:,} bytes",
            received=f"{size:,}",
            hint=limits.cure,
        )


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


def _check_text(text: str) -> None:
    declared = _DECLARED_ENCODING.match(text)
    if declared and declared[1].lower() not in {"utf-8", "utf8", "us-ascii", "ascii"}:
        raise ResponseRefused("encoding declared", section=_LIMITS, expected="UTF-8", received=declared[1])
    lowered = text.lower()
    for forbidden in ("<!doctype", "<!entity"):
        if forbidden in lowered:
            raise ResponseRefused("document type or entity", section=_LIMITS, received=forbidden)


def _check_counts(text: str, limits: MessageLimits) -> None:
    # Every attribute has two quotation marks; those in texts count as well.
    attributes = (text.count('"') + text.count("'")) // 2
    declarations = text.count("xmlns")
    for what, count, maximum in (
        ("tags", text.count("<"), limits.max_tags),
        ("attributes in all", attributes, 2 * limits.max_tags),
        ("namespaces", declarations, 2 * limits.max_tags),
    ):
        if count > maximum:
            raise ResponseTooLarge(
                f"too many {what}", section=_LIMITS, expected=f"at most {maximum:,}", hint=limits.cure
            )
    if declarations > MAX_DECLARATIONS_OF_TAG and (
        max(tag.count("xmlns") for tag in text.split("<")) > MAX_DECLARATIONS_OF_TAG
    ):
        raise ResponseRefused(
            "too many namespaces of one tag", section=_LIMITS, expected=f"at most {MAX_DECLARATIONS_OF_TAG}"
        )
