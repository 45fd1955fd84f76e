"""The chain of audit events: pure rules that the service writes by, and `awscons audit verify` checks by.

Each process writes a stream of its own. An event has the stream, its number there, the hash of the event before, and a
hash over itself. What is hashed is the canonical form: the JSON object with sorted keys and in ASCII, without the hash,
and with a salted hash in place of each personal value, so that names can be erased later without breaking the chain.

With a key the hash is an HMAC. The key evolves each hour in one direction: who takes it now cannot make the hashes of
the hours before (Bellare and Yee, "Forward integrity for secure audit logs", 1997).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

FIRST = "0" * 64
"""The `prev` of the first event of a stream."""
PERSONAL = frozenset(
    {
        "assertion_id",
        "assumed_role_arn",
        "cause",
        "client_address",
        "groups",
        "machine",
        "name_id",
        "role_session_name",
        "session_index",
        "source_identity",
        "user_agent",
        "user_name",
    }
)
"""Fields that name a person, or may."""
NAMES = ("user_name", "name_id", "role_session_name", "source_identity")
"""Those of them by which one asks for a person."""
ERASED = "erased"
_SECONDS = 3_600
_FURTHEST = 24 * 366 * 50
"""Hours; a number from a log must not keep a computer busy."""
_KEY = re.compile(r"([0-9]{1,9}):([0-9a-f]{64})", re.ASCII)


_to_json = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode


@dataclass(frozen=True, slots=True)
class AuditKey:
    """The key of one hour, counted from 1970 (UTC)."""

    hour: int
    secret: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """The key as a text. It is a secret."""
        return f"{self.hour}:{self.secret.hex()}"

    def at(self, moment: datetime) -> AuditKey | None:
        """The key of that moment's hour; None for an hour before this one, whose key this one cannot give."""
        return self.at_hour(hour_of(moment))

    def at_hour(self, hour: int) -> AuditKey | None:
        """The key of an hour. See `at`. Nothing keeps it: whoever signs has to forget the hours that are over."""
        if not self.hour <= hour <= self.hour + _FURTHEST:
            return None
        secret = self.secret
        for _ in range(hour - self.hour):
            secret = hashlib.sha256(b"awscons audit key\0" + secret).digest()
        return AuditKey(hour, secret)


def parse_audit_key(text: str) -> AuditKey:
    """The key in a text such as `awscons audit key` makes. Raises ValueError."""
    found = _KEY.fullmatch(text.strip())
    if found is None:
        raise ValueError("no audit key")
    return AuditKey(int(found[1]), bytes.fromhex(found[2]))


def hour_of(moment: datetime) -> int:
    """The hour of a moment, counted from 1970 (UTC)."""
    return int(moment.timestamp()) // _SECONDS


def canonical(event: Mapping[str, object]) -> bytes:
    """What is hashed of an event; the same before and after names were erased from it."""
    salt = str(event.get("salt", ""))
    chained: dict[str, object] = {
        name: value for name, value in event.items() if name not in {"hash", "salt", ERASED, *PERSONAL}
    }
    erased = event.get(ERASED)
    hidden = dict(erased) if isinstance(erased, Mapping) else {}
    for name in PERSONAL & event.keys():
        hidden[name] = hidden_value(salt, name, event[name])
    chained["personal"] = hidden
    return _to_json(chained).encode("ascii")


def is_canonical(event: Mapping[str, object]) -> bool:
    """Whether nothing stands in an event that its hash would not cover: as a service, or `erase`, writes it."""
    erased = event.get(ERASED, {})
    if "personal" in event or not isinstance(erased, Mapping):
        return False
    return erased.keys() <= PERSONAL and not erased.keys() & event.keys()


def hidden_value(salt: str, name: str, value: object) -> str:
    """What stands for a personal value in the canonical form: without the salt nobody can guess the value."""
    text = _to_json([name, value])
    return hmac.digest(salt.encode("ascii", "replace"), text.encode("ascii"), "sha256").hex()


def hash_of(event: Mapping[str, object], key: AuditKey | None) -> str:
    """The hash of an event: SHA-256, or with a key HMAC-SHA-256; in hex."""
    data = canonical(event)
    if key is None:
        return hashlib.sha256(data).hexdigest()
    return hmac.digest(key.secret, data, "sha256").hex()


class Chain:
    """The chain of one stream. Not safe for threads: its user links and writes an event under one lock."""

    def __init__(self, stream: str, key: AuditKey | None = None) -> None:
        """`stream`: host, process and start, a name that no other stream has."""
        self.stream = stream
        self._key = key
        self.seq = 0
        self.head = FIRST

    def link(self, event: Mapping[str, object], *, salt: str, now: datetime) -> dict[str, object]:
        """The event with its place in the chain.

        salt   random, for this event alone
        now    UTC; the key of its hour signs
        """
        if self._key is not None:
            # The keys of hours that are over are forgotten.
            self._key = self._key.at(now) or self._key
        linked = {**event, "stream": self.stream, "seq": self.seq, "prev": self.head, "salt": salt}
        if self._key is not None:
            linked["key_hour"] = self._key.hour
        linked["hash"] = self.head = hash_of(linked, self._key)
        self.seq += 1
        return linked


def erase(event: Mapping[str, object]) -> dict[str, object]:
    """The event without its personal values, with the same hash. The salt goes, too: nothing can be guessed."""
    salt = str(event.get("salt", ""))
    before = event.get(ERASED)
    hidden = dict(before) if isinstance(before, Mapping) else {}
    hidden |= {name: hidden_value(salt, name, event[name]) for name in PERSONAL & event.keys()}
    kept = {name: value for name, value in event.items() if name not in {"salt", *PERSONAL}}
    return {**kept, ERASED: hidden}


def names_person(event: Mapping[str, object], name: str) -> bool:
    """Whether an event is about the person of that name: a user name, a NameID, a role session name."""
    return any(event.get(field) == name for field in NAMES)
