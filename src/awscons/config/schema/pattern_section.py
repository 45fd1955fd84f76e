"""`accounts` and `patterns` of `aws_config`: many accounts, and the targets that each of them gets."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from awscons.config.schema.base import Color, NonEmpty, Section, ShownText, not_as_wanted

_ACCOUNT_ID = re.compile(r"[0-9]{12}", re.ASCII)
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,62}", re.ASCII)


def _account_id(value: str) -> str:
    if not _ACCOUNT_ID.fullmatch(value):
        likely = value.rjust(12, "0")
        hint = f"a spreadsheet may have removed leading zeros: did you mean {likely!r}?"
        raise not_as_wanted(
            "an account number: twelve digits, as text",
            hint if value.isdigit() and _ACCOUNT_ID.fullmatch(likely) else "",
        )
    return value


def _slug(value: str) -> str:
    if not _SLUG.fullmatch(value):
        raise not_as_wanted("one part of a URL path: up to 63 of A-Z a-z 0-9 . _ ~ -")
    return value


class AccountSection(Section):
    """One AWS account, as people know it. In a CSV file, columns named `tag:NAME` are its tags."""

    id: Annotated[str, AfterValidator(_account_id)] = Field(description="Account number: twelve digits.")
    name: ShownText | None = Field(default=None, description="Name of the account: `Web shop`.")
    slug: Annotated[str, AfterValidator(_slug)] | None = Field(
        default=None,
        description=(
            "The account in the names of targets. Default: made from `name`; give it explicitly, and links "
            "survive a new name."
        ),
    )
    ou: NonEmpty | None = Field(
        default=None, description="Path of its organizational unit, such as `Root/Production/Shops`."
    )
    environment: ShownText | None = Field(
        default=None,
        description="One word for its purpose: `production`. It is the label of the account's targets.",
    )
    color: Color | None = Field(default=None, description="Colour of that label, `#rrggbb`.")
    tags: dict[NonEmpty, str] = Field(
        default={}, description="Tags of the account, for `{tag:NAME}` and for selections."
    )
    status: Literal["ACTIVE", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"] = Field(
        default="ACTIVE",
        description="State of the account in AWS Organizations. Patterns give targets to active accounts only.",
    )


Globs = Annotated[list[NonEmpty], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)]


class SelectionSection(Section):
    """Selects accounts. Every value is a text or a list of texts; `*` stands for any characters, `?` for one."""

    id: Globs = Field(default=[], description="Account numbers.")
    slug: Globs = Field(default=[], description="Slugs: `shop-*`.")
    ou: Globs = Field(default=[], description="Paths of organizational units: `Root/Production/*`.")
    environment: Globs = Field(default=[], description="Environments.")
    tags: dict[NonEmpty, Globs] = Field(default={}, description="Values of tags, by name of the tag.")


class RoleSection(Section):
    """The keys of a target that differ for one role of a pattern."""

    model_config = ConfigDict(extra="allow")


def _roles(value: dict[str, RoleSection]) -> dict[str, RoleSection]:
    if not value:
        raise not_as_wanted("at least one role, or no `roles`")
    return value


class PatternSection(Section):
    """Targets for many accounts: every key of a target, with placeholders, and which accounts get one.

    The placeholders `{account_id}`, `{account_name}`, `{account_slug}`, `{environment}`, `{role}` and `{tag:NAME}`
    may stand in every text; `{role_arn}` in every text but `role` itself.
    """

    model_config = ConfigDict(extra="allow")

    roles: Annotated[dict[NonEmpty, RoleSection], AfterValidator(_roles)] = Field(
        default={},
        description=(
            "Role names, each with the keys of a target that differ for it. Every account gets one target for "
            "each of them, and `{role}` is its name. Default: one target for each account."
        ),
    )
    only: SelectionSection | None = Field(
        default=None, description="Only accounts that match every key of this selection get targets."
    )
    # The configuration's word is a keyword of Python.
    except_: SelectionSection | None = Field(
        default=None, alias="except", description="Accounts that match any key of this selection get none."
    )
