"""A target of `aws_config`: a role, who may open it, and how its console opens."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from awscons.access import targets
from awscons.access.targets import RESERVED_SERVICES
from awscons.aws import durations, partitions, role_request
from awscons.config.schema.base import (
    MAX_LOGIN_DURATION,
    Color,
    NonEmpty,
    Section,
    ShownText,
    Texts,
    not_as_wanted,
)
from awscons.config.schema.command_line_section import (
    CommandLineSection,
    PolicyArns,
    SessionPolicy,
    as_section,
    tags_with_keys,
)
from awscons.config.schema.pattern_section import Globs

_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,63}", re.ASCII)


def _service(value: str) -> str:
    if not _SERVICE.fullmatch(value):
        raise not_as_wanted(
            "one part of a URL path: up to 64 of A-Z a-z 0-9 . _ ~ -, beginning with a letter or digit"
        )
    if value in RESERVED_SERVICES:
        raise not_as_wanted("a name that is not one of our own paths", "choose another name")
    return value


def _role(value: str) -> str:
    arn = targets.parse_role_arn(value)
    if arn is None:
        raise not_as_wanted(
            "a role ARN such as 'arn:aws:iam::123456789012:role/Admin'",
            "twelve digits of account number, and `role`, not `user` or `assumed-role`",
        )
    if arn.partition not in partitions.PARTITIONS:
        known = ", ".join(sorted(partitions.PARTITIONS))
        raise not_as_wanted(f"a role in a partition with a known sign-in host: {known}")
    return value


def _saml_provider(value: str) -> str:
    if not targets.is_saml_provider(value):
        raise not_as_wanted("an ARN such as 'arn:aws:iam::123456789012:saml-provider/awscons'")
    return value


def _external_id(value: str) -> str:
    if not role_request.is_external_id(value):
        raise not_as_wanted("2 to 1,224 of A-Z a-z 0-9 _ + = , . @ : / -")
    return value


class TargetSection(Section):
    """One target: a role, who may open it, and how its console opens."""

    service: Annotated[str, AfterValidator(_service)] = Field(
        description="Name of the target: the last part of its URL."
    )
    role: Annotated[str, AfterValidator(_role)] = Field(description="ARN of the role to assume.")
    duration: int = Field(
        default=3600,
        ge=durations.MIN_DURATION,
        le=durations.MAX_DURATION,
        description="Seconds that the console lasts (900 to 43,200).",
    )
    ends_with_login: bool = Field(
        default=False,
        description=(
            "The console ends no later than the login that opened it. With less than 900 seconds left, the "
            "person signs in again first."
        ),
    )
    groups: Texts = Field(
        default=[],
        description=(
            "The person must be in at least one of these groups. Without groups: every person who can sign "
            "in."
        ),
    )
    attrs: Texts = Field(
        default=[], description="The person must have a non-empty value for at least one of these attributes."
    )
    attrs_match: dict[NonEmpty, Globs] = Field(
        default={},
        description=(
            "Attributes, each with a text or a list of texts that one of its values must match; `*` stands for any "
            "characters, `?` for one. Every attribute must match."
        ),
    )
    max_login_age: int | None = Field(
        default=None,
        ge=120,
        le=MAX_LOGIN_DURATION,
        description=(
            "Maximum seconds since the person authenticated at the identity provider. Above it, the target "
            "requires a new authentication (ForceAuthn). At least 120, because clocks may differ by 60."
        ),
    )
    authn_context: Texts = Field(
        default=[],
        description=(
            "URIs of AuthnContextClassRef. A person who authenticated by none of them must authenticate "
            "again before the target opens."
        ),
    )
    aws_profile_name: NonEmpty | None = Field(
        default=None,
        description=(
            "Profile for this target. Default: the profile of its partition, else the profile of "
            "`aws_config`."
        ),
    )
    open_by: Literal["AssumeRole", "AssumeRoleWithSAML", "SAML-POST"] | None = Field(
        default=None, description="See `open_by` in `aws_config`. Default: its value."
    )
    saml_provider: Annotated[str, AfterValidator(_saml_provider)] | None = Field(
        default=None,
        description=(
            "ARN of the SAML provider that the role trusts, unless `open_by` is `AssumeRole`. Default: the provider of "
            "the name `provider_name` in the role's account."
        ),
    )
    source_identity: NonEmpty | None = Field(
        default=None,
        description=(
            "Attribute to send as SourceIdentity, or `user_name`. The role's trust policy and the broker's "
            "policy must allow `sts:SetSourceIdentity`."
        ),
    )
    session_tags: Annotated[dict[NonEmpty, NonEmpty], AfterValidator(tags_with_keys)] = Field(
        default={},
        description=(
            "Session tags: each key with the attribute that gives its value, or `user_name`. The role's "
            "trust policy and the broker's policy must allow `sts:TagSession`. A tag without a value is "
            "left out."
        ),
    )
    transitive_tags: Texts = Field(
        default=[], description="Keys of `session_tags` that persist through role chaining."
    )
    external_id: Annotated[str, AfterValidator(_external_id)] | None = Field(
        default=None, repr=False, description="ExternalId that the role's trust policy requires."
    )
    session_policy: SessionPolicy | None = Field(
        default=None,
        description=(
            "Session policy that further restricts the console: a dict, or JSON text. Maximum 2,048 "
            "characters together with `policy_arns`."
        ),
    )
    policy_arns: PolicyArns = Field(
        default=[], description="Managed policies that further restrict the console, at most 10."
    )
    cli: Annotated[CommandLineSection | None, BeforeValidator(as_section)] = Field(
        default=None,
        description=(
            "`True`, or a dict with the keys below: people get credentials of the role in a terminal as well, by the "
            "same decision. Default: the target opens in the browser only."
        ),
    )
    destination: NonEmpty | None = Field(
        default=None,
        description=(
            "Console page that opens, a full https URL; `{region}` in it is replaced by the region. A link "
            "may name another page with `?destination=`. Default: the console's home page."
        ),
    )
    region: NonEmpty | None = Field(
        default=None,
        description=(
            "Region in which the console opens. A link may name another with `?region=`. Default: the "
            "region that the service itself uses."
        ),
    )
    notify: bool = Field(
        default=False,
        description="Tell the webhook about each console of this target, if its `events` have `console`.",
    )
    confirm_links: bool | None = Field(
        default=None,
        description="See `confirm_links` in `aws_config`. Default: its value.",
    )
    title: ShownText | None = Field(
        default=None,
        description="Title that people read in place of the service's name: `Cloud administrator`.",
    )
    description: ShownText | None = Field(
        default=None, description="One sentence that says what the target is for."
    )
    label: ShownText | None = Field(
        default=None,
        description="A highlighted word, such as `production`. Default: the account's `environment`.",
    )
    color: Color | None = Field(
        default=None, description="Colour of the label, `#rrggbb`. Default: the account's `color`."
    )
    regions: Texts = Field(
        default=[],
        description=(
            "Regions that the portal offers in addition to the default one. Links may name any other."
        ),
    )
