"""Whether the audit events of logs are whole: each stream by itself, in the order of its numbers. Pure rules.

The order of lines in the files does not count: files are rotated, merged and sorted by others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeGuard

from awscons.audit.chain import ERASED, FIRST, AuditKey, hash_of, hour_of, is_canonical
from awscons.audit.reading import moment_of

_MAX_SEQ = 2**63 - 1
"""What a database can hold; no process writes as many events."""


class Kind(StrEnum):
    """What was found in a stream. The first six say that somebody may have changed it, the others do not."""

    CHANGED = "changed"
    GAP = "gap"
    CUT = "cut before an anchor"
    FORKED = "two events of one number"
    UNSIGNED = "not signed by the key"
    LATE = "signed later than it says"
    REPEATED = "repeated"
    STARTS_LATER = "starts later"
    UNANCHORED = "unanchored tail"
    ABSENT = "named by a checkpoint, and not in these files"
    KEY_NOT_GIVEN = "signed by a key that was not given"
    ANCHOR_ABSENT = "an anchor before is not among those given"


BROKEN = frozenset({Kind.CHANGED, Kind.GAP, Kind.CUT, Kind.FORKED, Kind.UNSIGNED, Kind.LATE})


@dataclass(frozen=True, slots=True)
class Found:
    """Something about a stream, at the event of that number. `place`: file and line."""

    kind: Kind
    seq: int
    place: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """What the verification needs of one event.

    is_sound     whether its hash is that of its content; None: signed by a key that was not given
    is_signed    by a key
    at_stop      whether it is the last checkpoint of a process that ended in order
    is_redacted  whether names were erased from it
    is_late      whether its key is of a later hour than its time
    """

    stream: str
    seq: int
    prev: str
    hash: str
    is_sound: bool | None
    is_signed: bool
    place: str
    at_stop: bool = False
    is_redacted: bool = False
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class Anchored:
    """What anchors say of one stream: its events after number `gone`, up to number `last`, must be there.

    gone   the last number that older anchors name, from before the time since when files were kept
    """

    gone: int = -1
    last: int = -1


NO_ANCHOR = Anchored()


@dataclass(slots=True)
class StreamReport:
    """One stream: how many events it has, its first and last number, how many are redacted, and what was found."""

    stream: str
    events: int = 0
    redacted: int = 0
    first: int = 0
    last: int = -1
    found: list[Found] = field(default_factory=list)

    @property
    def is_intact(self) -> bool:
        """Whether nothing was changed, as far as the chain tells."""
        return not any(found.kind in BROKEN for found in self.found)


def link_of(facts: Mapping[str, Any], key: AuditKey | None, *, place: str, is_ambiguous: bool) -> Link | None:
    """The link of an event; None for an event that is in no chain, as of a release before chains."""
    stream, prev, found = (_text(facts.get(name)) for name in ("stream", "prev", "hash"))
    seq = facts.get("seq")
    if stream is None or prev is None or found is None or not _is_number(seq):
        return None
    hour = facts.get("key_hour")
    sound: bool | None
    if is_ambiguous or not is_canonical(facts):
        sound = False
    elif hour is None:
        sound = hash_of(facts, None) == found
    elif key is None:
        sound = None
    else:
        sound = _is_signed_by(facts, key, hour)
    return Link(
        stream,
        seq,
        prev,
        found,
        sound,
        hour is not None,
        place,
        at_stop=facts.get("action") == "checkpoint" and facts.get("at_stop") is True,
        is_redacted=ERASED in facts,
        is_late=bool(sound) and isinstance(hour, int) and hour - (_hour_written(facts) or 0) > 1,
    )


def _text(value: object) -> str | None:
    """A text that can be stored: half a surrogate pair, which no process writes, is replaced."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None


def _is_number(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_SEQ


def _hour_written(facts: Mapping[str, Any]) -> int | None:
    moment = moment_of(facts)
    return None if moment is None else hour_of(moment)


def _is_signed_by(facts: Mapping[str, Any], key: AuditKey, hour: object) -> bool:
    written = _hour_written(facts)
    # Where a clock was set back, the key is of a later hour, since the earlier ones are forgotten.
    if written is None or not _is_number(hour) or hour < written:
        return False
    own = _key_at(key, hour)
    return own is not None and hash_of(facts, own) == facts["hash"]


@lru_cache(maxsize=4_096)
def _key_at(key: AuditKey, hour: int) -> AuditKey | None:
    """The key of an hour, kept for the next event: only who verifies may keep the keys of hours that are over."""
    return key.at_hour(hour)


def heads_of(facts: Mapping[str, Any]) -> Iterator[tuple[str, int, str]]:
    """Stream, number and hash of each head that a checkpoint names."""
    heads = facts.get("heads")
    for stream, head in heads.items() if isinstance(heads, Mapping) else ():
        match head:
            case [seq, str() as found] if _is_number(seq):
                yield str(_text(stream)), seq, str(_text(found))


def verify_stream(
    stream: str,
    links: Iterable[Link],
    heads: Sequence[tuple[int, str]],
    *,
    must_be_signed: bool = False,
    anchored: Anchored = NO_ANCHOR,
) -> StreamReport:
    """The report of one stream.

    links   of its events, by number
    heads   number and hash, as checkpoints of all streams and anchors name them, in the order of their numbers
    must_be_signed   a key was given: events without its signature prove nothing
    anchored         what anchors say of the stream
    """
    named: dict[int, set[str]] = {}
    for seq, found in heads:
        named.setdefault(seq, set()).add(found)
    report = StreamReport(stream)
    before: Link | None = None
    for link in links:
        report.events += 1
        report.redacted += link.is_redacted
        report.found += _about(link, before, named.get(link.seq, set()), must_be_signed=must_be_signed)
        if link.is_sound is None and not any(one.kind is Kind.KEY_NOT_GIVEN for one in report.found):
            report.found.append(Found(Kind.KEY_NOT_GIVEN, link.seq, link.place))
        if before is None:
            report.first = link.seq
        if before is None or link.seq != before.seq:
            before = link
    report.last = before.seq if before is not None else -1
    last_named = max(named, default=-1)
    has_front = before is not None and report.first <= anchored.gone + 1
    if before is None and anchored.last <= anchored.gone:
        report.found.append(Found(Kind.ABSENT, last_named))
    elif anchored.last > anchored.gone and not has_front:
        report.found.append(Found(Kind.CUT, anchored.gone + 1))
    if before is not None and last_named > max(report.last, anchored.gone):
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
    if link.is_late:
        yield Found(Kind.LATE, link.seq, link.place)
