"""`aws_config`: the targets, the partitions, and how this service calls AWS."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from awscons.access.targets import RESERVED_SERVICES, parse_role_arn
from awscons.aws import partitions, role_request
from awscons.aws.assertions import is_kms_key
from awscons.config.schema.base import (
    HttpUrl,
    NonEmpty,
    Section,
    UpstreamUrl,
    list_from_tuple,
    not_as_wanted,
)
from awscons.config.schema.pattern_section import AccountSection, PatternSection
from awscons.config.schema.target_section import TargetSection
from awscons.iam.freezer import ACCOUNT_ID

_URI = re.compile(r"(?=.{1,1024}\Z)[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+")
_PROVIDER_NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{1,63}", re.ASCII)
_LINK_ORIGIN = re.compile(rf"https://(?:{_HOST.pattern}|[a-z0-9-]{{1,63}})(?::[1-9][0-9]{{0,4}})?", re.ASCII)
_URL_PREFIX = re.compile(r"(/[A-Za-z0-9][A-Za-z0-9._~-]*)*", re.ASCII)


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


def _freezer(value: str) -> str:
    arn = value if value.startswith("arn:") else f"arn:aws:iam::{ACCOUNT_ID}:role/{value}"
    if parse_role_arn(arn.replace(ACCOUNT_ID, "123456789012")) is None:
        raise not_as_wanted("the name of a role, or its ARN with {account_id}", "such as 'awscons-freezer'")
    return value


def _entity_id(value: str) -> str:
    if not _URI.fullmatch(value):
        raise not_as_wanted("a URI of up to 1,024 characters, such as 'https://sso.example.com/aws'")
    return value


def _kms_key(value: str) -> str:
    if not is_kms_key(value):
        hint = "an alias may be moved to another key, so name the key itself" if ":alias/" in value else ""
        raise not_as_wanted("the ARN of a key, 'arn:aws:kms:eu-west-1:123456789012:key/…'", hint)
    return value


def _provider_name(value: str) -> str:
    if not _PROVIDER_NAME.fullmatch(value):
        raise not_as_wanted("1 to 128 of A-Z a-z 0-9 . _ -")
    return value


Regions = Annotated[list[Annotated[str, AfterValidator(_region)]], BeforeValidator(list_from_tuple)]


class IdentityProviderSection(Section):
    """This service as the identity provider that roles trust: for targets that open without any AWS key."""

    keys: NonEmpty | None = Field(
        default=None,
        description=(
            "Folder of its key pair, made with `awscons idp keys new`. It must not be that of `sp_keys`: whoever has "
            "this key can open every role that trusts it. Either this or `kms_key` is required."
        ),
    )
    kms_key: Annotated[str, AfterValidator(_kms_key)] | None = Field(
        default=None,
        description=(
            "ARN of a key in AWS KMS that signs instead, and never leaves KMS: `arn:aws:kms:REGION:ACCOUNT:key/ID`. "
            "The service then needs AWS credentials that allow `kms:Sign`."
        ),
    )
    certificate: NonEmpty | None = Field(
        default=None,
        description=(
            "The certificate of `kms_key`, PEM, made with `awscons idp keys new --kms-key`; during a rollover, also "
            'that of the next key. `{"file": PATH}` is most convenient.'
        ),
    )
    entity_id: Annotated[str, AfterValidator(_entity_id)] | None = Field(
        default=None, description="Its entity ID. Default: the URL of its metadata, `/saml/idp-metadata`."
    )
    provider_name: Annotated[str, AfterValidator(_provider_name)] = Field(
        default="awscons", description="Name of the SAML provider in IAM, the same in each account."
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
    freezer_role: Annotated[str, AfterValidator(_freezer)] | None = Field(
        default=None,
        description=(
            "Name, with its path, of the role in each account with which `awscons revoke --freeze` shuts a role, or "
            "its ARN with `{account_id}`. Default: nothing can be frozen."
        ),
    )
    open_by: Literal["AssumeRole", "AssumeRoleWithSAML", "SAML-POST"] = Field(
        default="AssumeRole",
        description=(
            "How targets open, unless a target says otherwise. `AssumeRole` needs AWS credentials; "
            "`AssumeRoleWithSAML` needs none, only `identity_provider`; consoles then last up to 12 hours, wherever "
            "the service runs. With `SAML-POST` the browser posts to AWS's sign-in page, and the service calls nobody."
        ),
    )
    identity_provider: IdentityProviderSection | None = Field(
        default=None, description="This service as the identity provider that roles trust."
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
    saml_signin_endpoint: UpstreamUrl | None = Field(
        default=None,
        description=(
            "Full URL to which browsers post with `open_by` `SAML-POST`, for private networks and tests; `{region}` in "
            "it is replaced by the region. Default: AWS's sign-in page of the partition and region."
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
