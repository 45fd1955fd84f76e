"""`site_config`: what people see of the service."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from awscons.config.schema.base import (
    UNPRINTABLE,
    Color,
    Section,
    ShownText,
    http_url,
    not_as_wanted,
)
from awscons.site import LOGO_TYPES

_ACCOUNT_ID = re.compile(r"[0-9]{12}", re.ASCII)


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


def _account_id(value: str) -> str:
    if not _ACCOUNT_ID.fullmatch(value):
        raise not_as_wanted("an account number: twelve digits, as text")
    return value


class AccountSection(Section):
    """One AWS account, as people know it."""

    name: ShownText | None = Field(default=None, description="Name of the account: `Web shop`.")
    environment: ShownText | None = Field(
        default=None,
        description="One word for its purpose: `production`. It is the label of the account's targets.",
    )
    color: Color | None = Field(default=None, description="Colour of that label, `#rrggbb`.")


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
    show_required_groups: bool = Field(
        default=True, description="Show on a refusal which groups or attributes would give access."
    )
    accounts: dict[Annotated[str, AfterValidator(_account_id)], AccountSection] = Field(
        default={}, description="Names, environments and colours of accounts, by account number."
    )
