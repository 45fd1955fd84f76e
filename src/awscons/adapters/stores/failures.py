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
    "use a server without cluster mode"
)
_HINTS = {
    ("moved", "askerror", "crossslot", "clusterdown"): _CLUSTER,
    (
        "unknown command",
    ): "a Redis Sentinel answers like this: name the server that it watches, not the Sentinel",
    ("readonly",): "this is a replica: name the primary server",
    (
        "wrongpass",
        "noauth",
        "authenticationerror",
        "invalid username-password",
    ): "see `username` and `password`",
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
