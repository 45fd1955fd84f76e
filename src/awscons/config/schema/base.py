"""What every section has in common: the strict dict, and types with their validators for several sections."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict
from pydantic_core import PydanticCustomError

from awscons.aws import partitions
from awscons.site import LOOPBACK_HOSTS

MAX_LOGIN_DURATION = 30 * 24 * 3600
"""Seconds."""
# White space, control characters, and halves of surrogate pairs, which no encoding can carry.
UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f\ud800-\udfff]")
_COLOR = re.compile(r"#(?:[0-9A-Fa-f]{3}){1,2}", re.ASCII)
# Control characters, line ends among them, and halves of surrogate pairs.
_UNSHOWABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_MAX_TEXT_LENGTH = 1000
"""Characters."""


def not_as_wanted(wanted: str, hint: str = "") -> PydanticCustomError:
    """The error that a validator raises: what is wanted, and a cure."""
    return PydanticCustomError("awscons", "{wanted}", {"wanted": wanted, "hint": hint})


def list_from_tuple(value: object) -> object:
    """Accepts a tuple as a list. Refuses a single text, whose letters would become the entries."""
    if isinstance(value, str):
        raise not_as_wanted("a list of text", f"did you mean [{value!r}]?")
    return list(value) if isinstance(value, tuple) else value


def http_url(value: str) -> str:
    """`value`, an absolute http(s) URL without user name, fragment or white space."""
    wanted = "an absolute http(s) URL"
    try:
        parts = urlsplit(value)
        port_is_sound = parts.port != 0  # beyond 65,535 urlsplit raises by itself
    except ValueError:
        raise not_as_wanted(wanted) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_sound:
        raise not_as_wanted(wanted, "it begins with https://" if not parts.scheme else "")
    if parts.username is not None or parts.fragment or UNPRINTABLE.search(value):
        raise not_as_wanted(f"{wanted}, without user name, fragment or white space")
    return value


def _upstream_url(value: str) -> str:
    http_url(value)
    parts = urlsplit(value)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        raise not_as_wanted(
            "an https URL; plain http is for loopback only", "credentials travel on this connection"
        )
    if "{" in value.replace(partitions.REGION_PLACEHOLDER, ""):
        raise not_as_wanted("a URL with no other placeholder than {region}")
    return value


def _not_empty(value: str) -> str:
    if not value.strip():
        raise not_as_wanted("text that is not empty")
    return value


def _shown_text(value: str) -> str:
    _not_empty(value)
    if len(value) > _MAX_TEXT_LENGTH or _UNSHOWABLE.search(value):
        raise not_as_wanted(f"one line of text, up to {_MAX_TEXT_LENGTH:,} characters")
    return value


def _color(value: str) -> str:
    """A colour as `#rrggbb` in lower case, the one form that the pages use."""
    if not _COLOR.fullmatch(value):
        likely = f"#{value}"
        hint = f"did you mean {likely!r}?" if _COLOR.fullmatch(likely) else ""
        raise not_as_wanted("a colour such as '#1f5fbf'", hint)
    digits = value.removeprefix("#").lower()
    return "#" + (digits if len(digits) == len("rrggbb") else "".join(digit * 2 for digit in digits))


NonEmpty = Annotated[str, AfterValidator(_not_empty)]


ShownText = Annotated[str, AfterValidator(_shown_text)]


Color = Annotated[str, AfterValidator(_color)]


Texts = Annotated[list[NonEmpty], BeforeValidator(list_from_tuple)]


HttpUrl = Annotated[str, AfterValidator(http_url)]


UpstreamUrl = Annotated[str, AfterValidator(_upstream_url)]


class Section(BaseModel):
    """A dict of the configuration. Strict: no key passes unknown, no text passes for a number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)
