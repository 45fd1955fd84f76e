"""Every key of the configuration, as data: type, default, limits, description.

The reference page, `awscons check` and the test that compares them read these models, so a key that
stands here is a key that is documented. What needs more than one key to judge is in `settings`.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from awscons.access import targets
from awscons.aws import durations, partitions
from awscons.aws import role_request as role_session

RESERVED_SERVICES = frozenset(
    {
        "demo",
        "favicon.ico",
        "health",
        "healthz",
        "livez",
        "metrics",
        "readyz",
        "robots.txt",
        "saml",
        "static",
    }
)
"""Paths of our own, which no target may take."""

MAX_LOGIN_DURATION = 30 * 24 * 3600
"""Seconds."""
_MAX_ENTITY_ID_LENGTH = 1024
"""Characters; SAML core 8.3.6."""

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})

# White space, control characters, and halves of surrogate pairs, which no encoding can carry.
_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f\ud800-\udfff]")
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{1,63}", re.ASCII)
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,63}", re.ASCII)
_URL_PREFIX = re.compile(r"(/[A-Za-z0-9][A-Za-z0-9._~-]*)*", re.ASCII)
_COOKIE_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}", re.ASCII)
_METRICS_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{16,512}", re.ASCII)  # RFC 6750, section 2.1
_COOKIE_PATH = re.compile(r"/[A-Za-z0-9/._~-]*", re.ASCII)
_COLOR = re.compile(r"#(?:[0-9A-Fa-f]{3}){1,2}", re.ASCII)
_ACCOUNT_ID = re.compile(r"[0-9]{12}", re.ASCII)
# Control characters, line ends among them, and halves of surrogate pairs.
_UNSHOWABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_MAX_TEXT_LENGTH = 1000
"""Characters."""
LOGO_TYPES = {".svg": "image/svg+xml", ".png": "image/png", ".webp": "image/webp"}


def not_as_wanted(wanted: str, hint: str = "") -> PydanticCustomError:
    """The error that a check of ours raises: what was wanted, and a cure."""
    return PydanticCustomError("awscons", "{wanted}", {"wanted": wanted, "hint": hint})


def _list_from_tuple(value: object) -> object:
    """A tuple is as good as a list in a Python file; a bare text is not: its letters are no groups."""
    if isinstance(value, str):
        raise not_as_wanted("a list of text", f"did you mean [{value!r}]?")
    return list(value) if isinstance(value, tuple) else value


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
    wrong = [key for key in value if not role_session.is_tag_key(key)]
    if wrong:
        raise not_as_wanted(
            f"keys of 1 to 128 letters, digits, spaces and _ . : / = + - @, not {wrong[0]!r}",
            "keys that begin with 'aws:' are AWS's own" if wrong[0].casefold().startswith("aws:") else "",
        )
    if len(value) > role_session.MAX_TAGS:
        raise not_as_wanted(f"at most {role_session.MAX_TAGS} tags")
    if len({key.casefold() for key in value}) < len(value):
        raise not_as_wanted("keys that differ in more than letter case")
    return value


def _external_id(value: str) -> str:
    if not role_session.is_external_id(value):
        raise not_as_wanted("2 to 1,224 of A-Z a-z 0-9 _ + = , . @ : / -")
    return value


def _session_policy(value: object) -> object:
    if not isinstance(value, str | dict):
        raise not_as_wanted("a policy, as a dict or as JSON text")
    policy = role_session.normal_session_policy(value)
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


def _http_url(value: str) -> str:
    wanted = "an absolute http(s) URL"
    try:
        parts = urlsplit(value)
        port_is_sound = parts.port != 0  # beyond 65,535 urlsplit raises by itself
    except ValueError:
        raise not_as_wanted(wanted) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_sound:
        raise not_as_wanted(wanted, "it begins with https://" if not parts.scheme else "")
    if parts.username is not None or parts.fragment or _UNPRINTABLE.search(value):
        raise not_as_wanted(f"{wanted}, without user name, fragment or white space")
    return value


def _upstream_url(value: str) -> str:
    _http_url(value)
    parts = urlsplit(value)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        raise not_as_wanted(
            "an https URL; plain http is for loopback only", "credentials travel on this connection"
        )
    if "{" in value.replace(partitions.REGION_PLACEHOLDER, ""):
        raise not_as_wanted("a URL with no other placeholder than {region}")
    return value


def _ascii(value: str) -> str:
    if not value.isascii():
        raise not_as_wanted("a URL in ASCII", "encode what lies beyond")
    return value


def _entity_id(value: str) -> str:
    if not 0 < len(value) <= _MAX_ENTITY_ID_LENGTH or _UNPRINTABLE.search(value):
        raise not_as_wanted("an entity ID: 1 to 1,024 characters, no white space")
    return value


def _acs_url(value: str) -> str:
    _http_url(value)
    parts = urlsplit(value)
    if not parts.path.endswith("/saml/acs") or parts.query:
        raise not_as_wanted(
            "the URL at which people reach this service, with '/saml/acs' at its end",
            "such as 'https://sso.example.com/saml/acs', or '…/awscon/saml/acs' when mounted under '/awscon'",
        )
    return value


def _cookie_name(value: str) -> str:
    if not _COOKIE_NAME.fullmatch(value):
        raise not_as_wanted("a cookie name: 1 to 64 letters, digits, '-' or '_'")
    return value


def _cookie_path(value: str) -> str:
    if not _COOKIE_PATH.fullmatch(value):
        raise not_as_wanted("a path such as '/'")
    return value


def _host_and_port(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not re.fullmatch(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]", host) or not port.isdecimal():
        raise not_as_wanted("host and port, such as '127.0.0.1:11211'")
    return value


def _memcached_word(value: str) -> str:
    """Memcached takes user and password for two words: a blank or a line end would begin another."""
    if not value or _UNPRINTABLE.search(value):
        raise not_as_wanted("one word, without white space")
    return value


def _metrics_token(value: str) -> str:
    if not _METRICS_TOKEN.fullmatch(value):
        raise not_as_wanted(
            "16 to 512 of A-Z a-z 0-9 - . _ ~ + / =", "such as the output of: openssl rand -hex 32"
        )
    return value


def _not_empty(value: str) -> str:
    if not value.strip():
        raise not_as_wanted("text that is not empty")
    return value


def _email(value: str) -> str:
    if not re.fullmatch(r"[^@\s<>:]+@[^@\s<>:]+", value):
        raise not_as_wanted("an e-mail address, such as 'it@example.com'")
    return value


def _metadata_location(value: str) -> str:
    """A file, or an address that nobody on the way can answer for: keys that we trust come from there."""
    if "://" not in value:
        return value
    _http_url(value)
    parts = urlsplit(value)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        raise not_as_wanted(
            "a file, or an https URL; plain http is for loopback only", "keys that we trust come from there"
        )
    return value


def _attribute_names(value: object) -> object:
    """A list of Names is a dict in which each Name is its own short name."""
    wanted = "a list of attribute names, or a dict of short name to attribute name"
    if isinstance(value, str):
        raise not_as_wanted(wanted, f"did you mean [{value!r}]?")
    if isinstance(value, list | tuple):
        value = {name if isinstance(name, str) else repr(name): name for name in value}
    if not isinstance(value, dict):
        raise not_as_wanted(wanted)
    for short, name in value.items():
        if not all(isinstance(text, str) and text.strip() for text in (short, name)):
            raise not_as_wanted(wanted, f"{short!r} and {name!r} must both be text that is not empty")
    return value


def _shown_text(value: str) -> str:
    _not_empty(value)
    if len(value) > _MAX_TEXT_LENGTH or _UNSHOWABLE.search(value):
        raise not_as_wanted(f"one line of text, up to {_MAX_TEXT_LENGTH:,} characters")
    return value


def _color(value: str) -> str:
    """A colour in the one spelling that everything below reads: `#rrggbb`, lower case."""
    if not _COLOR.fullmatch(value):
        likely = f"#{value}"
        hint = f"did you mean {likely!r}?" if _COLOR.fullmatch(likely) else ""
        raise not_as_wanted("a colour such as '#1f5fbf'", hint)
    digits = value.removeprefix("#").lower()
    return "#" + (digits if len(digits) == len("rrggbb") else "".join(digit * 2 for digit in digits))


def _support_url(value: str) -> str:
    if value.startswith("mailto:"):
        address = value.removeprefix("mailto:")
        if "@" not in address or _UNPRINTABLE.search(address):
            raise not_as_wanted("an address such as 'mailto:help@example.com'")
        return value
    parts = urlsplit(_http_url(value.partition("#")[0]))
    if _UNPRINTABLE.search(value):
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


NonEmpty = Annotated[str, AfterValidator(_not_empty)]
ShownText = Annotated[str, AfterValidator(_shown_text)]
Color = Annotated[str, AfterValidator(_color)]
Texts = Annotated[list[NonEmpty], BeforeValidator(_list_from_tuple)]
Server = Annotated[str, AfterValidator(_host_and_port)]
Servers = Annotated[list[Server], BeforeValidator(_list_from_tuple)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
UpstreamUrl = Annotated[str, AfterValidator(_upstream_url)]
Regions = Annotated[list[Annotated[str, AfterValidator(_region)]], BeforeValidator(_list_from_tuple)]
EntityId = Annotated[str, AfterValidator(_entity_id)]


class Section(BaseModel):
    """A dict of the configuration. Strict: no key passes unknown, no text passes for a number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


# --- session_config ----------------------------------------------------------------------


class _Backing(Section):
    default_timeout: int = Field(
        default=300, ge=0, description="Accepted, without effect: each record has a lifetime of its own."
    )


class SqliteBacking(_Backing):
    """The embedded store: one file, nothing to install, right across the processes of one host."""

    cache_type: Literal["SQLite"] = Field(default="SQLite", description="The embedded store, the default.")
    path: NonEmpty | None = Field(
        default=None,
        description="The file. Default: `logins.sqlite3` in `$STATE_DIRECTORY`, or the user's state folder.",
    )
    max_size_mb: int = Field(
        default=1_024,
        ge=1,
        le=1_048_576,
        description="Size beyond which nothing more is taken: an error, and no live record is lost.",
    )


class SimpleBacking(_Backing):
    """Memory of one process: for one process only, forgotten at each restart."""

    cache_type: Literal["SimpleCache"] = Field(description="Memory of one process.")
    threshold: int = Field(
        default=0,
        ge=0,
        description="Records kept before the oldest, even live ones, are dropped; 0: as many as there are.",
    )


class FileSystemBacking(_Backing):
    """One file for each record, in a folder of their own."""

    cache_type: Literal["FileSystem"] = Field(description="A folder of files.")
    cache_dir: NonEmpty = Field(description="The folder; used by nothing else.")
    threshold: int = Field(
        default=0,
        ge=0,
        description="Records kept before the oldest, even live ones, are dropped; 0: as many as there are.",
    )
    mode: int = Field(default=0o600, ge=0, le=0o777, description="Permissions of the files.")


class NetworkBacking(_Backing):
    """A store across the network, which may be reached over TLS."""

    ssl: bool = Field(default=False, description="Talk TLS to it.")
    ssl_ca_certs: NonEmpty | None = Field(
        default=None,
        description="File with the certificates to trust, PEM, and no others. Default: the system's.",
    )
    ssl_certfile: NonEmpty | None = Field(
        default=None, description="File with our own certificate, PEM, for a server that asks for one."
    )
    ssl_keyfile: NonEmpty | None = Field(
        default=None,
        description="File with that certificate's key. Default: it is in the same file.",
    )
    key_prefix: NonEmpty = Field(default="awscons:", description="Put in front of every key.")


class RedisBacking(NetworkBacking):
    """A Redis or Valkey server, shared by any number of hosts."""

    cache_type: Literal["Redis", "RedisCache"] = Field(description="A Redis server.")
    host: NonEmpty = Field(default="localhost", description="Its name or address.")
    port: int = Field(default=6379, ge=1, le=65_535, description="Its port.")
    username: NonEmpty | None = Field(default=None, description="User of its access control list.")
    password: NonEmpty | None = Field(default=None, repr=False, description="Password.")
    db: int = Field(default=0, ge=0, description="Number of the database.")


class MemcachedBacking(NetworkBacking):
    """Memcached servers. Unless started with `-M`, they drop live logins when memory runs short."""

    cache_type: Literal["Memcached"] = Field(description="One or several memcached servers.")
    servers: Annotated[
        list[Annotated[str, AfterValidator(_host_and_port)]], BeforeValidator(_list_from_tuple)
    ] = Field(default=["127.0.0.1:11211"], min_length=1, description="`host:port`, one or several.")
    username: Annotated[str, AfterValidator(_memcached_word)] | None = Field(
        default=None, description="User in the file that memcached was given with `-Y`."
    )
    password: Annotated[str, AfterValidator(_memcached_word)] | None = Field(
        default=None, repr=False, description="That user's password."
    )


class DynamoDBBacking(_Backing):
    """A DynamoDB table, made when it is missing. Credentials come from AWS's usual sources."""

    cache_type: Literal["DynamoDB"] = Field(description="A DynamoDB table.")
    table_name: NonEmpty = Field(default="awscons", description="Its name.")
    region_name: NonEmpty | None = Field(
        default=None, description="Its region. Default: that of the AWS configuration."
    )
    endpoint_url: UpstreamUrl | None = Field(
        default=None, description="Full URL of DynamoDB, for private networks and tests."
    )
    key_prefix: NonEmpty = Field(default="awscons:", description="Put in front of every key.")


Backing = Annotated[
    SqliteBacking | SimpleBacking | FileSystemBacking | RedisBacking | MemcachedBacking | DynamoDBBacking,
    Field(discriminator="cache_type"),
]

BACKINGS: dict[str, type[Section]] = {
    "SQLite": SqliteBacking,
    "SimpleCache": SimpleBacking,
    "FileSystem": FileSystemBacking,
    "Redis": RedisBacking,
    "RedisCache": RedisBacking,
    "Memcached": MemcachedBacking,
    "DynamoDB": DynamoDBBacking,
}


class SessionSection(Section):
    """Where logins are kept, and the cookie that names one. `{}` is a good choice."""

    heading: ClassVar[str] = "session_config"

    session_backing: Backing = Field(
        default_factory=SqliteBacking,
        description="Where logins are kept: a dict with `cache_type` and its options.",
    )
    session_cookie: Annotated[str, AfterValidator(_cookie_name)] | None = Field(
        default=None,
        description="Name of the login cookie. Default: `awscons`, with the strictest prefix possible.",
    )
    session_expire: int = Field(
        default=3600, ge=1, le=MAX_LOGIN_DURATION, description="Seconds without use after which a login ends."
    )
    session_secure: bool | None = Field(
        default=None,
        description="`False` allows plain http, not just on this host. Default: as `acs_url` says.",
    )
    session_path: Annotated[str, AfterValidator(_cookie_path)] | None = Field(
        default=None, description="Path of the login cookie. Default: where the service is mounted."
    )
    session_reference: Any = Field(default=None, description="Accepted, without effect.")


# --- saml_config -------------------------------------------------------------------------


class OrganizationSection(Section):
    """Who runs this service, for the administrators of the identity provider."""

    heading: ClassVar[str] = "saml_config.organization"

    name: NonEmpty = Field(description="Its name.")
    display_name: NonEmpty | None = Field(default=None, description="As people know it. Default: `name`.")
    url: HttpUrl = Field(description="Its home page.")


class SamlSection(Section):
    """The identity provider, and who we are to it."""

    heading: ClassVar[str] = "saml_config"

    idp_metadata: Annotated[NonEmpty, AfterValidator(_metadata_location)] | None = Field(
        default=None,
        description=(
            "The identity provider's metadata: a file, or an https URL that is looked at daily. It gives "
            "its entity ID, its addresses and every signing certificate, so that a rollover needs nobody. "
            "In place of `saml_endpoint` and `certificate`."
        ),
    )
    idp_metadata_certificate: NonEmpty | None = Field(
        default=None,
        description="PEM: the certificate that has to have signed the metadata. Default: it may be unsigned.",
    )
    saml_endpoint: HttpUrl | None = Field(
        default=None,
        description="The identity provider's SSO URL. Required without `idp_metadata`.",
    )
    spid: EntityId = Field(description="Our entity ID, as the identity provider knows us.")
    issuer: EntityId | None = Field(
        default=None,
        description=(
            "The identity provider's entity ID. Required without `idp_metadata`; "
            "with it, says which one of several in the document."
        ),
    )
    acs_url: Annotated[str, AfterValidator(_acs_url)] = Field(
        description=(
            "Where the identity provider posts its answer: the public URL of this service and `/saml/acs`. "
            "All our own URLs follow from it. The environment variable `ACS_ENDPOINT` overrides it."
        )
    )
    certificate: NonEmpty | None = Field(
        default=None,
        description=(
            "The identity provider's signing certificate, PEM; several in one text for a rollover. "
            "Required without `idp_metadata`."
        ),
    )
    user_attr: NonEmpty = Field(
        default="name_id",
        description="What names the person in AWS: `name_id`, or the name of an attribute with one value.",
    )
    assertions: Annotated[dict[NonEmpty, NonEmpty], BeforeValidator(_attribute_names)] = Field(
        default={},
        description=(
            "Attributes to keep, matched by Name without regard to case: a list of Names, or a dict that "
            'gives them short names, such as `{"groups": "http://schemas.microsoft.com/ws/2008/06/identity/'
            'claims/groups"}`. `groups` must be among them for group rules.'
        ),
    )
    group_formats: Annotated[list[Literal["path", "domain", "dn"]], BeforeValidator(_list_from_tuple)] = (
        Field(
            default=[],
            description=(
                "Formats of group names that are reduced to the plain name: `path` (`/admins`, Keycloak), "
                "`domain` (`CORP\\admins`, ADFS), `dn` (`CN=admins,OU=…`, Active Directory). Nothing is "
                "reduced unless "
                "it is named here."
            ),
        )
    )
    auth_duration: int = Field(
        default=3600,
        ge=1,
        le=MAX_LOGIN_DURATION,
        description=(
            "Seconds after which a login ends, however much it is used; "
            "earlier if the identity provider says so."
        ),
    )
    force_reauth: bool = Field(
        default=False,
        description="Ask for a full login at the identity provider each time (ForceAuthn), and verify it.",
    )
    authn_request_binding: Literal["HTTP-Redirect", "HTTP-POST"] = Field(
        default="HTTP-Redirect", description="How the AuthnRequest is sent."
    )
    authn_context: Texts = Field(
        default=[],
        description=(
            "URIs of AuthnContextClassRef, one of which is demanded of every sign-in, and verified. "
            "Entra ID refuses people with a second factor when this is set."
        ),
    )
    name_id_format: EntityId | None = Field(
        default=None,
        description="URI of the NameID format to ask for. Default: none, which every provider understands.",
    )
    login_hint: Literal["off", "query", "subject"] = Field(
        default="off",
        description=(
            "Hand on `?login_hint=ada@example.com` of a link, so that nobody types a name twice: `query`, as "
            "a parameter of the SSO URL (Entra ID), or `subject`, in the AuthnRequest (Okta, Keycloak)."
        ),
    )
    sp_keys: NonEmpty | None = Field(
        default=None,
        description=(
            "Folder of our own key pairs, made by `awscons keys new`. With it, assertions may be encrypted "
            "to us and our messages are signed where that is set."
        ),
    )
    sign_requests: bool = Field(default=False, description="Sign AuthnRequests. Needs `sp_keys`.")
    gcm_only: bool = Field(
        default=False,
        description="Refuse assertions that are encrypted with AES-CBC rather than AES-GCM.",
    )
    single_logout: bool = Field(
        default=False,
        description=(
            "Signing out here signs out at the identity provider as well. Needs `sp_keys`, and an address "
            "in its metadata or in `slo_endpoint`. Its own logout messages are always heard."
        ),
    )
    slo_endpoint: HttpUrl | None = Field(
        default=None,
        description="The identity provider's SLO URL (HTTP-Redirect). Default: as its metadata says.",
    )
    organization: OrganizationSection | None = Field(
        default=None, description="Who runs this service: `name`, `display_name`, `url`. For our metadata."
    )
    technical_contact: Annotated[str, AfterValidator(_email)] | None = Field(
        default=None, description="E-mail address of those who run it. For our metadata."
    )
    idp_ok: bool = Field(
        default=True,
        description=(
            "Accepted for old configurations. Tiles at the identity provider always work, and an answer that "
            "nobody asked for is never trusted: it only starts a fresh sign-in."
        ),
    )
    reqid_life: int = Field(
        default=600, ge=1, le=3600, description="Seconds that a person may take at the identity provider."
    )


# --- aws_config --------------------------------------------------------------------------


class TargetSection(Section):
    """One target: a named door to a role."""

    heading: ClassVar[str] = "aws_config.targets[]"

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
    policy_arns: Annotated[Texts, Field(max_length=role_session.MAX_POLICY_ARNS)] = Field(
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

    title: ClassVar[str] = "aws_config.partitions{}"

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

    heading: ClassVar[str] = "aws_config"

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
        default=role_session.USER_NAME,
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


# --- server_config -----------------------------------------------------------------------


class ServerSection(Section):
    """How the service is reached, and what it bears. May be left out altogether."""

    heading: ClassVar[str] = "server_config"

    trusted_proxies: int = Field(
        default=0,
        ge=0,
        le=10,
        description=(
            "Proxies in front of us, each of which adds to `X-Forwarded-For`. That decides the client's "
            "address in the audit log and in rate limits, and nothing else."
        ),
    )
    rate_limit_per_address: int = Field(
        default=300,
        ge=0,
        description="Sign-ins that one address may begin, and answers it may post, in a minute; 0: no limit.",
    )
    rate_limit_overall: int = Field(
        default=6_000,
        ge=0,
        description="The same for everybody together, over all processes and hosts; 0: no limit.",
    )
    max_pending_logins: int = Field(
        default=50_000,
        ge=100,
        le=10_000_000,
        description="Half-finished sign-ins that are remembered; beyond it, new ones displace others.",
    )
    metrics_token: Annotated[str, AfterValidator(_metrics_token)] | None = Field(
        default=None,
        repr=False,
        description=(
            "Opens `/metrics` to whoever sends it as a bearer token: 16 characters or more. "
            "Default: there is no such page."
        ),
    )
    metrics_file: NonEmpty | None = Field(
        default=None,
        description=(
            "The file in which the processes of a host add up what they count. "
            "Default: `metrics.sqlite3` beside the embedded store, or in the state folder."
        ),
    )


# --- site_config -------------------------------------------------------------------------


class AccountSection(Section):
    """One AWS account, as people know it."""

    heading: ClassVar[str] = "site_config.accounts[]"

    name: ShownText | None = Field(default=None, description="Its name: `Web shop`.")
    environment: ShownText | None = Field(
        default=None, description="What it is for, in a word: `production`. The label of its targets."
    )
    color: Color | None = Field(default=None, description="Colour of that label, `#rrggbb`.")


class SiteSection(Section):
    """What people see. All of it is optional, and so is the whole dict."""

    heading: ClassVar[str] = "site_config"

    title: ShownText = Field(default="awscons", description="Name of this service, on every page.")
    logo: Annotated[str, AfterValidator(_logo)] | None = Field(
        default=None,
        description="Full path of a picture: SVG, PNG or WebP, up to 256 KiB. Default: our own.",
    )
    accent_color: Color = Field(
        default="#1f5fbf",
        description="Colour of links and buttons, `#rrggbb`; lighter or darker where it could not be read.",
    )
    support_text: ShownText | None = Field(
        default=None, description="Whom to ask: `Ask the cloud team, extension 4711.`"
    )
    support_url: Annotated[str, AfterValidator(_support_url)] | None = Field(
        default=None, description="Where to ask: an https URL, or `mailto:` and an address."
    )
    show_required_groups: bool = Field(
        default=True, description="Whether a refusal says which groups or attributes would let the person in."
    )
    accounts: dict[Annotated[str, AfterValidator(_account_id)], AccountSection] = Field(
        default={}, description="Accounts by their number: names, environments and colours for them."
    )


SECTIONS: tuple[type[Section], ...] = (
    SessionSection,
    SamlSection,
    AwsSection,
    ServerSection,
    SiteSection,
)
"""The dicts, in the order in which the reference describes them."""
