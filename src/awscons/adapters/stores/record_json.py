"""Records to and from JSON bytes, and lifetimes in seconds: the format that every store shares.

JSON and never pickle: loading a pickle runs the code in it, and other people may be able to write to a store.
"""

from __future__ import annotations

import json
import math
from datetime import timedelta
from typing import NoReturn

import structlog

from awscons.store import Record

_log = structlog.get_logger(__name__)


def encode_record(record: Record) -> bytes:
    """The record as JSON in ASCII. Raises ValueError or TypeError for values that JSON does not have."""
    return json.dumps(record, allow_nan=False, separators=(",", ":")).encode()


def decode_record(key: str, stored: str | bytes | None) -> Record | None:
    """The record in `stored`; None when `stored` is None or is not a JSON object.

    The second case is logged, with the kind of the record but without its key, which may name a person.
    Stores pass b"" for something under the key that is not even text.
    """
    if stored is None:
        return None
    try:
        record = _DECODER.decode(stored if isinstance(stored, str) else stored.decode())
    except (ValueError, RecursionError) as error:
        found = type(error).__name__
    else:
        if isinstance(record, dict):
            return record
        found = type(record).__name__
    _log.warning("store.record_invalid", kind=key.partition(":")[0], found=found)
    return None


def whole_seconds(lifetime: timedelta) -> int:
    """`lifetime` in seconds, rounded up and at least 1: most stores read 0 as "for ever"."""
    return max(1, math.ceil(lifetime.total_seconds()))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# Python's decoder accepts NaN and Infinity, which JSON (RFC 8259, section 6) does not have.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
