"""`session_config`: where logins are stored, and the login cookie."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from awscons.aws import durations
from awscons.config.schema.base import (
    MAX_LOGIN_DURATION,
    UNPRINTABLE,
    NonEmpty,
    Section,
    UpstreamUrl,
    list_from_tuple,
    not_as_wanted,
)
from awscons.config.schema.redis_url import RedisKind, RedisPlace, parse_redis_url

_COOKIE_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}", re.ASCII)
_COOKIE_PATH = re.compile(r"/[A-Za-z0-9/._~-]*", re.ASCII)


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
    """Memcached separates user and password by white space, so neither may contain any."""
    if not value or UNPRINTABLE.search(value):
        raise not_as_wanted("one word, without white space")
    return value


def _redis_url(value: str) -> str:
    parse_redis_url(value)
    return value


class _Backing(Section):
    default_timeout: int = Field(
        default=300, ge=0, description="Accepted without effect: each record has its own lifetime."
    )


class SqliteBacking(_Backing):
    """The embedded store: one file, nothing to install, shared by all processes of one host."""

    cache_type: Literal["SQLite"] = Field(default="SQLite", description="The embedded store, the default.")
    path: NonEmpty | None = Field(
        default=None,
        description=(
            "The file. Default: `logins.sqlite3` in `$STATE_DIRECTORY`, or in the user's state folder."
        ),
    )
    max_size_mb: int = Field(
        default=1_024,
        ge=1,
        le=1_048_576,
        description=(
            "Maximum size of the file in MB. Above it, new records are refused with an error; no live "
            "record is lost."
        ),
    )


class SimpleBacking(_Backing):
    """Memory of one process. The service then runs as one process; a restart ends every login."""

    cache_type: Literal["SimpleCache"] = Field(description="Memory of one process.")
    threshold: int = Field(
        default=0,
        ge=0,
        description=(
            "Maximum number of records. Above it the oldest are evicted, even if they have not expired. 0 "
            "means no limit."
        ),
    )


class FileSystemBacking(_Backing):
    """A folder with one file for each record."""

    cache_type: Literal["FileSystem"] = Field(description="A folder of files.")
    cache_dir: NonEmpty = Field(description="The folder. Nothing else may use it.")
    threshold: int = Field(
        default=0,
        ge=0,
        description=(
            "Maximum number of records. Above it the oldest are evicted, even if they have not expired. 0 "
            "means no limit."
        ),
    )
    mode: int = Field(default=0o600, ge=0, le=0o777, description="Permissions of the files.")


class NetworkBacking(_Backing):
    """A store across the network, with or without TLS."""

    ssl: bool = Field(default=False, description="Connect to the server with TLS.")
    ssl_ca_certs: NonEmpty | None = Field(
        default=None,
        description=(
            "PEM file of the only certificates to trust. Default: the certificates that the system trusts."
        ),
    )
    ssl_certfile: NonEmpty | None = Field(
        default=None, description="PEM file with the client certificate, for a server that requires one."
    )
    ssl_keyfile: NonEmpty | None = Field(
        default=None,
        description="File with the key of `ssl_certfile`. Default: the key is in `ssl_certfile`.",
    )
    key_prefix: NonEmpty = Field(default="awscons:", description="Prefix of every key.")

    @property
    def has_tls(self) -> bool:
        """Whether connections are made with TLS."""
        return self.ssl


class RedisBacking(NetworkBacking):
    """Redis or Valkey: a server, Sentinels, a Cluster, or ElastiCache. Shared by any number of hosts."""

    cache_type: Literal["Redis", "RedisCache", "Valkey"] = Field(description="Redis or Valkey.")
    url: Annotated[str, AfterValidator(_redis_url)] | None = Field(
        default=None,
        repr=False,
        description=(
            "Where it is, in place of `host`, `port` and `db`: `redis://user:password@host:6379/0`, "
            "`redis+sentinel://host1:26379,host2:26379/mymaster/0`, `redis+cluster://host1,host2`, "
            "`unix:///run/redis.sock`. `rediss` means TLS. `valkey` and `valkeys` mean the same."
        ),
    )
    host: NonEmpty = Field(default="localhost", description="Host name or address of the server.")
    port: int = Field(default=6379, ge=1, le=65_535, description="Port of the server.")
    username: NonEmpty | None = Field(default=None, description="User in the server's access control list.")
    password: NonEmpty | None = Field(
        default=None, repr=False, description="Password of the user, or of the server."
    )
    db: int = Field(default=0, ge=0, description="Number of the database.")
    sentinel_username: NonEmpty | None = Field(default=None, description="User of the Sentinels.")
    sentinel_password: NonEmpty | None = Field(
        default=None, repr=False, description="Password of the Sentinels, if they have one."
    )
    iam_cache_name: NonEmpty | None = Field(
        default=None,
        description=(
            "Name of an ElastiCache cache or replication group. Tokens signed with AWS credentials then take the place "
            "of a password; `username` is the ElastiCache user."
        ),
    )
    iam_region_name: NonEmpty | None = Field(
        default=None, description="Region of that cache. Default: the region of the AWS configuration."
    )
    iam_serverless: bool = Field(default=False, description="The cache is a serverless one.")

    @property
    def place(self) -> RedisPlace:
        """Where it is and as whom to log in, by whichever keys."""
        if self.url is None:
            nodes = ((self.host, self.port),)
            place = RedisPlace(RedisKind.SERVER, nodes, db=self.db)
        else:
            place = parse_redis_url(self.url)
        return replace(
            place,
            tls=place.tls or self.ssl,
            username=place.username or self.username,
            password=place.password or self.password,
        )

    @property
    def has_tls(self) -> bool:
        """Whether connections are made with TLS."""
        return self.place.tls


class MemcachedBacking(NetworkBacking):
    """Memcached servers. Unless started with `-M`, they evict live logins when their memory is full."""

    cache_type: Literal["Memcached"] = Field(description="One or several memcached servers.")
    servers: Annotated[
        list[Annotated[str, AfterValidator(_host_and_port)]], BeforeValidator(list_from_tuple)
    ] = Field(default=["127.0.0.1:11211"], min_length=1, description="The servers as `host:port`.")
    username: Annotated[str, AfterValidator(_memcached_word)] | None = Field(
        default=None, description="User in the file that memcached was given with `-Y`."
    )
    password: Annotated[str, AfterValidator(_memcached_word)] | None = Field(
        default=None, repr=False, description="Password of that user."
    )


class DynamoDBBacking(_Backing):
    """A DynamoDB table, created if it is missing. Credentials come from AWS's usual sources."""

    cache_type: Literal["DynamoDB"] = Field(description="A DynamoDB table.")
    table_name: NonEmpty = Field(default="awscons", description="Name of the table.")
    region_name: NonEmpty | None = Field(
        default=None, description="Region of the table. Default: the region of the AWS configuration."
    )
    endpoint_url: UpstreamUrl | None = Field(
        default=None, description="Full URL of DynamoDB, for private networks and tests."
    )
    key_prefix: NonEmpty = Field(default="awscons:", description="Prefix of every key.")


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
    "Valkey": RedisBacking,
    "Memcached": MemcachedBacking,
    "DynamoDB": DynamoDBBacking,
}


class SessionSection(Section):
    """Where logins are stored, and the login cookie. `{}` suits one host."""

    session_backing: Backing = Field(
        default_factory=SqliteBacking,
        description="Where logins are stored: a dict with `cache_type` and the options of that store.",
    )
    session_cookie: Annotated[str, AfterValidator(_cookie_name)] | None = Field(
        default=None,
        description=(
            "Name of the login cookie. Default: `awscons` with the strictest prefix (`__Host-`, "
            "`__Secure-`) that works, and with the path at which the service is mounted."
        ),
    )
    session_expire: int = Field(
        default=3600,
        ge=1,
        le=MAX_LOGIN_DURATION,
        description="Idle timeout: seconds without a request after which a login ends.",
    )
    cli_login_duration: int | None = Field(
        default=None,
        ge=durations.MIN_DURATION,
        le=MAX_LOGIN_DURATION,
        description=(
            "Seconds from a person's sign-in until the terminals end that they signed in with it. Default: they end "
            "when the login in the browser ends at the latest (`auth_duration`)."
        ),
    )
    session_secure: bool | None = Field(
        default=None,
        description=(
            "`False` allows plain http beyond this host. Default: the cookie is `Secure` when `acs_url` is "
            "https."
        ),
    )
    session_path: Annotated[str, AfterValidator(_cookie_path)] | None = Field(
        default=None,
        description=(
            "Path of the login cookie. Default: `/` where the name has the prefix `__Host-`, else the path "
            "at which the service is mounted."
        ),
    )
    session_reference: Any = Field(default=None, description="Accepted without effect.")
