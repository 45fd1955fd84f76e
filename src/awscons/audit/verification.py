"""Whether the audit events of logs are whole: each stream by itself, in the order of its numbers. Pure rules.

The order of lines in the files does not count: files are rotated, merged and sorted by others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from awscons.audit.chain import FIRST, AuditKey, hash_of, hour_of


class Kind(StrEnum):
    """What was found in a stream. The first five say that somebody changed it, the others do not."""

    CHANGED = "changed"
    GAP = "gap"
    CUT = "cut before an anchor"
    FORKED = "two events of one number"
    UNSIGNED = "not signed by the key"
    REPEATED = "repeated"
    STARTS_LATER = "starts later"
    UNANCHORED = "unanchored tail"
    ABSENT = "named by a checkpoint, and not in these files"
    KEY_NOT_GIVEN = "signed by a key that was not given"


BROKEN = frozenset({Kind.CHANGED, Kind.GAP, Kind.CUT, Kind.FORKED, Kind.UNSIGNED})


@dataclass(frozen=True, slots=True)
class Found:
    """Something about a stream, at the event of that number. `place`: file and line."""

    kind: Kind
    seq: int
    place: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """What the verification needs of one event.

    is_sound   whether its hash is that of its content; None: signed by a key that was not given
    is_signed  by a key
    at_stop    whether it is the last checkpoint of a process that ended in order
    """

    seq: int
    prev: str
    hash: str
    is_sound: bool | None
    is_signed: bool
    place: str
    at_stop: bool = False


@dataclass(slots=True)
class StreamReport:
    """One stream: how many events it has, its first and last number, and what was found."""

    stream: str
    events: int = 0
    first: int = 0
    last: int = -1
    found: list[Found] = field(default_factory=list)

    @property
    def is_intact(self) -> bool:
        """Whether nothing was changed, as far as the chain tells."""
        return not any(found.kind in BROKEN for found in self.found)


def link_of(facts: Mapping[str, Any], key: AuditKey | None, *, place: str, is_ambiguous: bool) -> Link | None:
    """The link of an event; None for an event that is in no chain, as of a release before chains."""
    stream, seq, prev, found = (facts.get(name) for name in ("stream", "seq", "prev", "hash"))
    if not (isinstance(stream, str) and isinstance(prev, str) and isinstance(found, str)):
        return None
    if not isinstance(seq, int) or isinstance(seq, bool) or seq < 0:
        return None
    hour = facts.get("key_hour")
    sound: bool | None
    if is_ambiguous:
        sound = False
    elif hour is None:
        sound = hash_of(facts, None) == found
    elif key is None:
        sound = None
    else:
        sound = _is_signed_by(facts, key, hour)
    at_stop = facts.get("action") == "checkpoint" and facts.get("at_stop") is True
    return Link(seq, prev, found, sound, hour is not None, place, at_stop)


def _is_signed_by(facts: Mapping[str, Any], key: AuditKey, hour: object) -> bool:
    try:
        written = hour_of(datetime.fromisoformat(str(facts.get("timestamp"))))
    except ValueError:
        return False
    # A clock that is set back by less than an hour may write with the key of the hour before.
    if not isinstance(hour, int) or not 0 <= hour - written <= 1:
        return False
    own = key.at_hour(hour)
    return own is not None and hash_of(facts, own) == facts["hash"]


def heads_of(facts: Mapping[str, Any]) -> Iterator[tuple[str, int, str]]:
    """Stream, number and hash of each head that a checkpoint names."""
    heads = facts.get("heads")
    for stream, head in heads.items() if isinstance(heads, Mapping) else ():
        match head:
            case [int() as seq, str() as found]:
                yield stream, seq, found


def verify_stream(
    stream: str,
    links: Iterable[Link],
    heads: Sequence[tuple[int, str]],
    *,
    must_be_signed: bool = False,
    is_anchored: bool = False,
) -> StreamReport:
    """The report of one stream.

    links   of its events, by number
    heads   number and hash, as checkpoints of all streams and anchors name them, in the order of their numbers
    must_be_signed   a key was given: events without its signature prove nothing
    is_anchored      whether an anchor names the stream: then its events must be there
    """
    named: dict[int, set[str]] = {}
    for seq, found in heads:
        named.setdefault(seq, set()).add(found)
    report = StreamReport(stream)
    before: Link | None = None
    for link in links:
        report.events += 1
        report.found += _about(link, before, named.get(link.seq, set()), must_be_signed=must_be_signed)
        if link.is_sound is None and not any(one.kind is Kind.KEY_NOT_GIVEN for one in report.found):
            report.found.append(Found(Kind.KEY_NOT_GIVEN, link.seq, link.place))
        if before is None:
            report.first = link.seq
        if before is None or link.seq != before.seq:
            before = link
    report.last = before.seq if before is not None else -1
    last_named = max(named, default=-1)
    if before is None and not is_anchored:
        report.found.append(Found(Kind.ABSENT, last_named))
    elif last_named > report.last:
        report.found.append(Found(Kind.CUT, report.last + 1))
    elif before is not None and not before.at_stop and report.last > last_named:
        report.found.append(Found(Kind.UNANCHORED, last_named + 1))
    return report


def _about(
    link: Link, before: Link | None, named: AbstractSet[str], *, must_be_signed: bool
) -> Iterator[Found]:
    """What is to be said of one event, which comes after `before` in its stream."""
    if before is not None and link.seq == before.seq:
        is_the_same = link.hash == before.hash and link.is_sound is not False
        yield Found(Kind.REPEATED if is_the_same else Kind.FORKED, link.seq, link.place)
        return
    if before is None and link.seq > 0:
        yield Found(Kind.STARTS_LATER, link.seq, link.place)
    if before is not None and link.seq > before.seq + 1:
        yield Found(Kind.GAP, before.seq + 1, link.place)
    follows = FIRST if link.seq == 0 else before.hash if before and link.seq == before.seq + 1 else link.prev
    if link.is_sound is False or link.prev != follows or named - {link.hash}:
        yield Found(Kind.CHANGED, link.seq, link.place)
    if must_be_signed and not link.is_signed:
        yield Found(Kind.UNSIGNED, link.seq, link.place)
