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

_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{1,63}", re.ASCII)


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
        raise not_as_wanted("a host name in lower case, such as 'console_url.aws.amazon.com'")
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


def _ascii(value: str) -> str:
    if not value.isascii():
        raise not_as_wanted("a URL in ASCII", "encode what lies beyond")
    return value


Regions = Annotated[list[Annotated[str, AfterValidator(_region)]], BeforeValidator(list_from_tuple)]


class TargetSection(Section):
    """One target: a named door to a role."""

    service: Annotated[str, AfterValidator(_service)] = Field(
        description="Name of the target: the last part of its URL."
    )
    role: Annotated[str, AfterValidator(_role)] = Field(description="ARN of the role to assume.")
    duration: int = Field(
        default=3600,
        ge=durations.MIN_DURATION,
        le=durations.MAX_DURATION,
        description="Seconds the console should last (900 to 43,200).",
    )
    ends_with_login: bool = Field(
        default=False,
        description=(
            "Let the console never outlast the login that opened it. With less than 900 seconds left, the "
            "person signs in again first."
        ),
    )
    groups: Texts = Field(
        default=[],
        description="A person must be in at least one of them. None: every person who can sign in.",
    )
    attrs: Texts = Field(
        default=[], description="At least one of these attributes must be present and non-empty."
    )
    max_login_age: int | None = Field(
        default=None,
        ge=120,
        le=MAX_LOGIN_DURATION,
        description=(
            "Seconds since the person authenticated at the identity provider, after which this target asks "
            "for it anew (ForceAuthn); 120 or more, since clocks may differ by 60."
        ),
    )
    authn_context: Texts = Field(
        default=[],
        description=(
            "URIs of AuthnContextClassRef: whoever authenticated in none of these ways is asked to, before "
            "this target opens."
        ),
    )
    aws_profile_name: NonEmpty | None = Field(
        default=None,
        description="Profile for this target alone. Default: its partition's, else that of `aws_config`.",
    )
    source_identity: NonEmpty | None = Field(
        default=None,
        description=(
            "Attribute to send as SourceIdentity, or `user_name`. The trust policy and the broker's policy "
            "must then allow `sts:SetSourceIdentity`."
        ),
    )
    session_tags: Annotated[dict[NonEmpty, NonEmpty], AfterValidator(_session_tags)] = Field(
        default={},
        description=(
            "Session tags: each key with the attribute that gives its value, or `user_name`. Both policies "
            "must then allow `sts:TagSession`. Without a value the tag is left out."
        ),
    )
    transitive_tags: Texts = Field(
        default=[], description="Keys of `session_tags` that survive role chaining."
    )
    external_id: Annotated[str, AfterValidator(_external_id)] | None = Field(
        default=None, description="ExternalId that the role's trust policy asks for."
    )
    session_policy: Annotated[str, BeforeValidator(_session_policy)] | None = Field(
        default=None,
        description=(
            "A further bound on what the console may do: a policy, as a dict or as JSON text, at most 2,048 "
            "characters together with `policy_arns`."
        ),
    )
    policy_arns: Annotated[Texts, Field(max_length=role_request.MAX_POLICY_ARNS)] = Field(
        default=[], description="Managed policies as further bounds, at most 10."
    )
    destination: NonEmpty | None = Field(
        default=None,
        description=(
            "Console page to land on, a full https URL; `{region}` in it stands for the region. A link may "
            "name another with `?destination=`. Default: the console's front page."
        ),
    )
    region: NonEmpty | None = Field(
        default=None,
        description=(
            "Region to open the console in. A link may name another with `?region=`. "
            "Default: the region that the service itself uses."
        ),
    )
    title: ShownText | None = Field(
        default=None, description="What people read in place of the service's name: `Cloud administrator`."
    )
    description: ShownText | None = Field(default=None, description="A sentence on what it is for.")
    label: ShownText | None = Field(
        default=None,
        description="A word that stands out, such as `production`. Default: the account's `environment`.",
    )
    color: Color | None = Field(
        default=None, description="Colour of the label, `#rrggbb`. Default: the account's `color`."
    )
    regions: Texts = Field(
        default=[],
        description="Regions that the portal offers beside the usual one. Links may name others.",
    )


class PartitionSection(Section):
    """What one partition needs beyond what AWS publishes; nothing of it is needed for `aws`."""

    aws_profile_name: NonEmpty | None = Field(
        default=None,
        description="Profile for the targets of this partition: credentials never cross partitions.",
    )
    fips: bool = Field(
        default=False, description="Sign in by the host with FIPS 140 cryptography (`aws-us-gov`)."
    )
    console_host: Annotated[str, AfterValidator(_host)] | None = Field(
        default=None,
        description=(
            "Host of its console, without a region, such as `console_url.aws.amazon.com`. "
            "Required where AWS does not publish it (`aws-iso…`)."
        ),
    )
    sts_endpoint: UpstreamUrl | None = Field(
        default=None, description="Full URL of its STS, as in `aws_config`, for this partition alone."
    )
    signin_endpoint: UpstreamUrl | None = Field(
        default=None,
        description="Full URL of its federation endpoint, as in `aws_config`, for this partition alone.",
    )
    signin_method: Literal["POST", "GET"] = Field(
        default="POST",
        description=(
            "How the token is asked for. GET puts credentials into a URL: only for a sign-in host that takes "
            "no POST, and with no proxy on the way that opens TLS."
        ),
    )


class AwsSection(Section):
    """The targets, and how this service itself talks to AWS."""

    url_prefix: Annotated[str, AfterValidator(_url_prefix)] = Field(
        default="", description="Put in front of every target's URL."
    )
    aws_profile_name: NonEmpty | None = Field(
        default=None, description="Profile in the credentials file. Also accepted as `aws_profile`."
    )
    aws_profile: NonEmpty | None = Field(default=None, description="Another name of `aws_profile_name`.")
    aws_credentials_file: NonEmpty | None = Field(
        default=None,
        description="Credentials file. Default: whatever AWS SDKs find (EC2 role, environment, …).",
    )
    contact_url: Annotated[HttpUrl, AfterValidator(_ascii)] | None = Field(
        default=None,
        description=(
            "Where the owner of another account can read who we are; part of the User-Agent of every call to "
            "AWS, which CloudTrail shows. Default: the address of this service."
        ),
    )
    role_session_name_attr: NonEmpty = Field(
        default=role_request.USER_NAME,
        description="Attribute that CloudTrail calls people by (RoleSessionName). Default: their user name.",
    )
    regions: Regions = Field(
        default=[],
        description=(
            "Regions to sign in by, nearest first, for all partitions together; one that does not answer "
            "is passed over for the next. Default: the region of the profile or environment, else one for "
            "each partition."
        ),
    )
    logout_first: bool = Field(
        default=False,
        description=(
            "Send browsers through AWS's log-out before each console, as `?logout_first=1` on a link does "
            "once; "
            "`?logout_first=0` on a link prevents it."
        ),
    )
    timeout: float = Field(
        default=10.0,
        ge=1,
        le=300,
        description=(
            "Seconds that one sign-in may spend on AWS, with every retry and every region. One answer may "
            "take a quarter of it (9 at most), one connection 15 percent (3 at most)."
        ),
    )
    max_concurrent_sign_ins: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description=(
            "Sign-ins that may wait for AWS at the same time, in each process; the next waits a tenth of a "
            "second and is answered with 503. Keep it below the server's threads, so that other pages stay "
            "quick. Default: seven of eight threads of `awscons serve` and of mod_wsgi, never the last two; "
            "under any other server 12."
        ),
    )
    sts_endpoint: UpstreamUrl | None = Field(
        default=None,
        description=(
            "Full URL of STS, for private networks and tests; `{region}` in it stands for the region. "
            "Default: the regional endpoint."
        ),
    )
    signin_endpoint: UpstreamUrl | None = Field(
        default=None,
        description=(
            "Full URL of the federation endpoint, for private networks and tests; `{region}` in it stands "
            "for the region. Default: by partition and region."
        ),
    )
    partitions: Annotated[dict[str, PartitionSection], AfterValidator(_partition_names)] = Field(
        default={}, description="By name (`aws`, `aws-cn`, `aws-us-gov`, …): what a partition needs."
    )
    targets: list[TargetSection] = Field(min_length=1, description="The targets, at least one.")
