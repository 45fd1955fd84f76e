"""`session_config`: where logins are stored, and the login cookie."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from awscons.config.schema.base import (
    MAX_LOGIN_DURATION,
    UNPRINTABLE,
    NonEmpty,
    Section,
    UpstreamUrl,
    list_from_tuple,
    not_as_wanted,
)

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
    """Memcached takes user and password for two words: a blank or a line end would begin another."""
    if not value or UNPRINTABLE.search(value):
        raise not_as_wanted("one word, without white space")
    return value


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
        list[Annotated[str, AfterValidator(_host_and_port)]], BeforeValidator(list_from_tuple)
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
