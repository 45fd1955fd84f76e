"""`aws_config`: the targets, the partitions, and how this service calls AWS."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from awscons.access import targets
from awscons.access.targets import RESERVED_SERVICES
from awscons.aws import durations, partitions, role_request
from awscons.config.schema.base import (
    MAX_LOGIN_DURATION,
    Color,
    HttpUrl,
    NonEmpty,
    Section,
    ShownText,
    Texts,
    UpstreamUrl,
    list_from_tuple,
    not_as_wanted,
)
from awscons.config.schema.pattern_section import AccountSection, Globs, PatternSection

_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{1,63}", re.ASCII)
_LINK_ORIGIN = re.compile(rf"https://(?:{_HOST.pattern}|[a-z0-9-]{{1,63}})(?::[1-9][0-9]{{0,4}})?", re.ASCII)
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,63}", re.ASCII)
_URL_PREFIX = re.compile(r"(/[A-Za-z0-9][A-Za-z0-9._~-]*)*", re.ASCII)


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


def _session_tags(value: dict[str, str]) -> dict[str, str]:
    wrong = [key for key in value if not role_request.is_tag_key(key)]
    if wrong:
        raise not_as_wanted(
            f"keys of 1 to 128 letters, digits, spaces and _ . : / = + - @, not {wrong[0]!r}",
            "keys that begin with 'aws:' are AWS's own" if wrong[0].casefold().startswith("aws:") else "",
        )
    if len(value) > role_request.MAX_TAGS:
        raise not_as_wanted(f"at most {role_request.MAX_TAGS} tags")
    if len({key.casefold() for key in value}) < len(value):
        raise not_as_wanted("keys that differ in more than letter case")
    return value


def _external_id(value: str) -> str:
    if not role_request.is_external_id(value):
        raise not_as_wanted("2 to 1,224 of A-Z a-z 0-9 _ + = , . @ : / -")
    return value


def _session_policy(value: object) -> object:
    if not isinstance(value, str | dict):
        raise not_as_wanted("a policy, as a dict or as JSON text")
    policy = role_request.normal_session_policy(value)
    if policy is None:
        raise not_as_wanted(
            "a policy with a Statement: JSON, each key once, no characters beyond U+00FF",
            "",
        )
    return policy


def _partition_names(value: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(value) - set(partitions.PARTITIONS))
    if unknown:
        raise not_as_wanted(f"names of partitions: {', '.join(partitions.PARTITIONS)}, not {unknown[0]!r}")
    return value


def _host(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise not_as_wanted("a host name in lower case, such as 'console.aws.amazon.com'")
    return value


def _region(value: str) -> str:
    if not any(partitions.is_region(value, partition) for partition in partitions.PARTITIONS.values()):
        raise not_as_wanted("the name of a region, such as 'eu-west-1'")
    return value


def _url_prefix(value: str) -> str:
    if not _URL_PREFIX.fullmatch(value):
        likely = "/" + value.strip("/")
        hint = f"did you mean {likely!r}?" if _URL_PREFIX.fullmatch(likely) else ""
        raise not_as_wanted('"" or a path such as "/aws", without a slash at the end', hint)
    first = value.strip("/").split("/")[0]
    if first in RESERVED_SERVICES:
        raise not_as_wanted("a path that is not one of our own", f"'/{first}' is ours")
    return value


def _link_origin(value: str) -> str:
    if not _LINK_ORIGIN.fullmatch(value) or value.endswith(":443"):
        raise not_as_wanted(
            "an https origin in lower case, such as 'https://wiki.example.com'",
            "without a path, without a slash at the end, and with a port only if it is not 443",
        )
    return value


def _ascii(value: str) -> str:
    if not value.isascii():
        raise not_as_wanted("a URL in ASCII", "percent-encode all other characters")
    return value


Regions = Annotated[list[Annotated[str, AfterValidator(_region)]], BeforeValidator(list_from_tuple)]


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
    source_identity: NonEmpty | None = Field(
        default=None,
        description=(
            "Attribute to send as SourceIdentity, or `user_name`. The role's trust policy and the broker's "
            "policy must allow `sts:SetSourceIdentity`."
        ),
    )
    session_tags: Annotated[dict[NonEmpty, NonEmpty], AfterValidator(_session_tags)] = Field(
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
    session_policy: Annotated[str, BeforeValidator(_session_policy)] | None = Field(
        default=None,
        description=(
            "Session policy that further restricts the console: a dict, or JSON text. Maximum 2,048 "
            "characters together with `policy_arns`."
        ),
    )
    policy_arns: Annotated[Texts, Field(max_length=role_request.MAX_POLICY_ARNS)] = Field(
        default=[], description="Managed policies that further restrict the console, at most 10."
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


class PartitionSection(Section):
    """Settings that one partition needs in addition to what AWS publishes. The partition `aws` needs none."""

    aws_profile_name: NonEmpty | None = Field(
        default=None,
        description="Profile for the targets of this partition. Credentials work in one partition only.",
    )
    fips: bool = Field(
        default=False, description="Use the sign-in host with FIPS 140 cryptography (`aws-us-gov`)."
    )
    console_host: Annotated[str, AfterValidator(_host)] | None = Field(
        default=None,
        description=(
            "Host of the console without a region, such as `console.aws.amazon.com`. Required where AWS "
            "does not publish it (`aws-iso…`)."
        ),
    )
    sts_endpoint: UpstreamUrl | None = Field(
        default=None, description="Full URL of STS for this partition; see `sts_endpoint` in `aws_config`."
    )
    signin_endpoint: UpstreamUrl | None = Field(
        default=None,
        description=(
            "Full URL of the federation endpoint for this partition; see `signin_endpoint` in `aws_config`."
        ),
    )
    signin_method: Literal["POST", "GET"] = Field(
        default="POST",
        description=(
            "HTTP method that requests the sign-in token. GET puts credentials into a URL: use it only for "
            "a sign-in host that does not accept POST, and never through a proxy that decrypts TLS."
        ),
    )


class AwsSection(Section):
    """The targets, and how this service itself calls AWS."""

    url_prefix: Annotated[str, AfterValidator(_url_prefix)] = Field(
        default="", description="Prefix of every target's URL."
    )
    aws_profile_name: NonEmpty | None = Field(
        default=None, description="Profile in the credentials file. Also accepted as `aws_profile`."
    )
    aws_profile: NonEmpty | None = Field(default=None, description="Another name of `aws_profile_name`.")
    aws_credentials_file: NonEmpty | None = Field(
        default=None,
        description=(
            "Credentials file. Default: the credentials that AWS SDKs find (EC2 role, environment, …)."
        ),
    )
    contact_url: Annotated[HttpUrl, AfterValidator(_ascii)] | None = Field(
        default=None,
        description=(
            "Page that tells the owner of another account who runs this service. It is part of the User-"
            "Agent of every call to AWS, which CloudTrail records. Default: the URL of this service."
        ),
    )
    role_session_name_attr: NonEmpty = Field(
        default=role_request.USER_NAME,
        description=(
            "Attribute that becomes the RoleSessionName, the name in CloudTrail. Default: the user name."
        ),
    )
    regions: Regions = Field(
        default=[],
        description=(
            "Regions to call, nearest first, for all partitions together. If a region does not answer, the "
            "next one is called. Default: the region of the profile or environment, else one region for "
            "each partition."
        ),
    )
    logout_first: bool = Field(
        default=False,
        description=(
            "Sign browsers out of AWS before each console opens. `?logout_first=1` in a link does so once; "
            "`?logout_first=0` prevents it."
        ),
    )
    confirm_links: bool = Field(
        default=True,
        description=(
            "When a link on another site names a console page (`?destination=`), show a page that names the "
            "role, the account and the console page, with a button, before a console opens."
        ),
    )
    trusted_link_origins: Annotated[
        list[Annotated[str, AfterValidator(_link_origin)]], BeforeValidator(list_from_tuple)
    ] = Field(
        default=[],
        description=(
            "Origins of sites whose links need no such page: `https://wiki.example.com`. A site can hide its "
            "origin (then the page appears), and cannot pretend another."
        ),
    )
    timeout: float = Field(
        default=10.0,
        ge=1,
        le=300,
        description=(
            "Maximum seconds that one sign-in spends on AWS, including every retry and every region. One "
            "answer may take a quarter of it (at most 9), one connection 15 percent (at most 3)."
        ),
    )
    max_concurrent_sign_ins: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description=(
            "Maximum number of sign-ins that call AWS at the same time, in each process. A further sign-in "
            "waits up to 0.1 s for a free slot; if none becomes free it gets 503 with Retry-After. Keep it "
            "below the server's number of threads, so that other pages stay fast. Default: under `awscons "
            "serve` and mod_wsgi, seven eighths of the threads, with at least two left free; under any "
            "other server 12."
        ),
    )
    sts_endpoint: UpstreamUrl | None = Field(
        default=None,
        description=(
            "Full URL of STS, for private networks and tests; `{region}` in it is replaced by the region. "
            "Default: the regional endpoint."
        ),
    )
    signin_endpoint: UpstreamUrl | None = Field(
        default=None,
        description=(
            "Full URL of the federation endpoint, for private networks and tests; `{region}` in it is "
            "replaced by the region. Default: the endpoint of the partition and region."
        ),
    )
    partitions: Annotated[dict[str, PartitionSection], AfterValidator(_partition_names)] = Field(
        default={}, description="Settings of a partition by its name (`aws`, `aws-cn`, `aws-us-gov`, …)."
    )
    accounts: str | list[AccountSection] | None = Field(
        default=None,
        description=(
            "The AWS accounts, for `patterns` and for the names that people read: a list, or a file `.csv`, `.json` or "
            "`.toml`. A relative name starts at the folder of `config.py`."
        ),
    )
    patterns: list[PatternSection] = Field(
        default=[], description="Targets for many accounts at once. Needs `accounts`."
    )
    targets: list[TargetSection] = Field(
        min_length=1, description="The targets, at least one. With `patterns` the key may be missing."
    )
