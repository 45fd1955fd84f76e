"""`site_config`: what people see of the service."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from awscons.config.schema.base import (
    UNPRINTABLE,
    Color,
    Section,
    ShownText,
    Texts,
    http_url,
    not_as_wanted,
)
from awscons.site import LOGO_TYPES


def _support_url(value: str) -> str:
    if value.startswith("mailto:"):
        address = value.removeprefix("mailto:")
        if "@" not in address or UNPRINTABLE.search(address):
            raise not_as_wanted("an address such as 'mailto:help@example.com'")
        return value
    parts = urlsplit(http_url(value.partition("#")[0]))
    if UNPRINTABLE.search(value):
        raise not_as_wanted("a URL without white space")
    if parts.scheme != "https":
        raise not_as_wanted("an https URL, or 'mailto:' and an address")
    return value


def _logo(value: str) -> str:
    path = PurePath(value)
    if path.suffix.lower() not in LOGO_TYPES:
        raise not_as_wanted(f"a picture file: {', '.join(LOGO_TYPES)}")
    if not path.is_absolute():
        raise not_as_wanted("a full path", f"in config.py: str(Path(__file__).with_name({path.name!r}))")
    return value


class SiteSection(Section):
    """What people see. Every key is optional, and so is the whole dict."""

    title: ShownText = Field(default="awscons", description="Name of this service, on every page.")
    logo: Annotated[str, AfterValidator(_logo)] | None = Field(
        default=None,
        description="Full path of a picture: SVG, PNG or WebP, up to 256 KiB. Default: the logo of awscons.",
    )
    accent_color: Color = Field(
        default="#1f5fbf",
        description=(
            "Colour of links and buttons, `#rrggbb`. It is made lighter or darker where it would be "
            "unreadable."
        ),
    )
    support_text: ShownText | None = Field(
        default=None, description="Whom to ask for help: `Ask the cloud team, extension 4711.`"
    )
    support_url: Annotated[str, AfterValidator(_support_url)] | None = Field(
        default=None, description="Where to ask for help: an https URL, or `mailto:` and an address."
    )
    auditors: Texts = Field(
        default=[],
        description=(
            "Groups whose members can read in the portal who can open which target. Each look is an audit event."
        ),
    )
    show_required_groups: bool = Field(
        default=True, description="Show on a refusal which groups or attributes would give access."
    )
