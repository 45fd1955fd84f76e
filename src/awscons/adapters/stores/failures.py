"""Errors of the stores' libraries become StoreUnavailable. Nothing else belongs here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from awscons.errors import AwsconsError, StoreUnavailable

STORE_HINT = (
    "see `session_backing`: is the file or folder writable for this user, the server up, its password right?"
)


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
            f"the store failed to {operation} a record: {type(error).__name__}: {error}", hint=STORE_HINT
        ) from None
