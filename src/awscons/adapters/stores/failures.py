"""Errors of the stores' libraries become StoreUnavailable. Nothing else belongs here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from awscons.errors import AwsconsError, StoreUnavailable

STORE_HINT = (
    "see `session_backing`: is the file or folder writable for this user, the server up, its password right?"
)

# What the class and the text of an error reveal about a server, and what helps. The first match counts.
_CLUSTER = (
    "this is a node of a Redis Cluster, which refuses the keys of other nodes with MOVED: "
    "set `url` to redis+cluster:// with its nodes"
)
_HINTS = {
    (
        "cluster mode is not enabled",
    ): "this is a server without cluster mode: set `url` to redis:// with its address",
    (
        "watch no master",
    ): "`SENTINEL masters` lists the names that they know: the one in `url` comes after the hosts",
    (
        "no other is elected yet",
    ): "an election takes some seconds; if it lasts, look at the logs of the Sentinels",
    ("no sentinel answers",): "see the hosts in `url`, `sentinel_username` and `sentinel_password`",
    (
        "unknown command 'sentinel",
    ): "this is no Sentinel: set `url` to the Sentinels, or to redis:// for one server",
    (
        "clusterdown",
        "slotnotcovered",
    ): "slots of this Redis Cluster have no master: see `CLUSTER INFO`; `url` has to "
    "begin with redis+cluster://",
    ("moved", "askerror", "crossslot"): _CLUSTER,
    (
        "unknown command",
    ): "a Redis Sentinel answers like this: set `url` to redis+sentinel:// with the name of its master",
    ("nopermissionerror",): "docs/how-to/redis.md lists the rights that are enough",
    ("readonly",): "this is a replica: name the primary server",
    (
        "wrongpass",
        "noauth",
        "authenticationerror",
        "invalid username-password",
    ): "see `username` and `password`",
    (
        "the cluster announces",
    ): "this host has to reach what `CLUSTER SLOTS` lists: if it cannot, set `cluster-announce-ip` or "
    "`cluster-announce-hostname` of the nodes",
    ("connection reset", "connection closed"): "if the server expects TLS on this port, set `ssl`",
    ("sslerror", "wrong_version_number", "certificate_verify"): "see `ssl` and `ssl_ca_certs`",
}


def hint_for(error: Exception) -> str:
    """What to try after this error of a library."""
    said = f"{type(error).__name__}: {error}".lower()
    return next((hint for words, hint in _HINTS.items() if any(word in said for word in words)), STORE_HINT)


@contextmanager
def unavailable(operation: str) -> Iterator[None]:
    """Turn any error of a library into StoreUnavailable; also a decorator. `operation`: a verb, for the log.

    It catches Exception because the libraries raise more than they document: pymemcache, for example,
    raises IndexError for an answer that it cannot read. Whatever the error is, the record was not read or
    written for certain, so the service must answer 503 and must not guess.
    """
    try:
        yield
    except AwsconsError:
        raise
    except Exception as error:  # noqa: BLE001  see above
        raise StoreUnavailable(
            f"the store failed to {operation} a record: {type(error).__name__}: {error}", hint=hint_for(error)
        ) from None
