"""The chain of audit events: whatever is done to its lines is found, and no sound line is blamed."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awscons.audit.chain import FIRST, AuditKey, Chain, erase, hash_of, hour_of, parse_audit_key
from awscons.audit.reading import find_event, split_events
from awscons.audit.verification import (
    BROKEN,
    NO_ANCHOR,
    Anchored,
    Kind,
    StreamReport,
    heads_of,
    link_of,
    verify_stream,
)

NOW = datetime(2026, 11, 27, 10, 30, tzinfo=UTC)
KEY = AuditKey(hour_of(NOW), b"k" * 32)


def written(number: int, stream: str = "host/1/now", key: AuditKey | None = None) -> list[dict[str, Any]]:
    """Events as a process writes them, one each ten minutes."""
    chain, events = Chain(stream, key), []
    for count in range(number):
        now = NOW + timedelta(minutes=10 * count)
        facts = {
            "event": "audit",
            "action": "open-console",
            "user_name": f"ada{count}",
            "timestamp": now.isoformat(),
        }
        events.append(chain.link(facts, salt=f"salt{count}", now=now))
    return events


def report(
    events: list[dict[str, Any]],
    *,
    key: AuditKey | None = None,
    heads: list[tuple[int, str]] | None = None,
    anchored: Anchored = NO_ANCHOR,
) -> StreamReport:
    """What the verification says of lines in that order, as text."""
    lines = [json.dumps(event) for event in events]
    found = [find_event(line) for line in lines]
    links = [
        link_of(one.facts, key, place=str(number), is_ambiguous=one.is_ambiguous)
        for number, one in enumerate(found)
        if one is not None
    ]
    ordered = sorted((link for link in links if link is not None), key=lambda link: (link.seq, link.hash))
    return verify_stream(
        "host/1/now", ordered, heads or [], must_be_signed=key is not None, anchored=anchored
    )


def kinds(found: StreamReport) -> set[Kind]:
    return {one.kind for one in found.found if one.kind in BROKEN}


@pytest.mark.parametrize("key", [None, KEY])
def test_what_a_process_writes_is_intact_in_any_order(key: AuditKey | None) -> None:
    events = written(12, key=key)
    random.Random(1).shuffle(events)
    found = report(events, key=key)
    assert (found.is_intact, found.events, found.last) == (True, 12, 11)


@given(
    place=st.integers(0, 11),
    name=st.sampled_from(["user_name", "action", "timestamp", "seq", "stream", "salt"]),
)
def test_a_changed_value_is_found(place: int, name: str) -> None:
    events = written(12)
    events[place][name] = events[place][name] + 1 if name == "seq" else "eve"
    assert not report(events).is_intact


@given(place=st.integers(0, 11))
def test_a_changed_event_with_a_hash_of_its_own_breaks_the_next_link(place: int) -> None:
    events = written(12)
    events[place]["user_name"] = "eve"
    events[place]["hash"] = hash_of(events[place], None)
    heads = [(11, written(12)[11]["hash"])]
    assert Kind.CHANGED in kinds(report(events, heads=heads))


@given(place=st.integers(1, 10))
def test_a_dropped_event_is_a_gap(place: int) -> None:
    events = written(12)
    del events[place]
    assert kinds(report(events)) == {Kind.GAP}


@given(place=st.integers(0, 11))
def test_a_repeated_event_is_told_and_blames_nobody(place: int) -> None:
    events = written(12)
    found = report([*events, events[place]])
    assert found.is_intact
    assert [one.seq for one in found.found if one.kind is Kind.REPEATED] == [place]


@given(place=st.integers(0, 11))
def test_an_event_of_another_stream_is_no_part_of_this_one(place: int) -> None:
    events = written(12)
    foreign = written(12, stream="other/2/now")[place]
    foreign["stream"] = "host/1/now"
    events[place] = foreign
    assert not report(events).is_intact


@given(left=st.integers(1, 11))
def test_an_end_that_was_cut_is_found_where_a_checkpoint_names_it(left: int) -> None:
    events = written(12)
    heads = [(11, events[11]["hash"])]
    assert kinds(report(events[:left], heads=heads)) == {Kind.CUT}
    assert kinds(report(events[:left], heads=heads, anchored=Anchored(last=11))) == {Kind.CUT}


@pytest.mark.parametrize(
    ("kept", "anchored", "is_intact"),
    [
        (slice(0, 12), Anchored(last=11), True),
        (slice(1, 12), Anchored(last=11), False),  # the front is missing
        (slice(0, 0), Anchored(last=11), False),  # all is missing
        (slice(6, 12), Anchored(gone=5, last=11), True),  # rotated away
        (slice(4, 12), Anchored(gone=5, last=11), True),
        (slice(7, 12), Anchored(gone=5, last=11), False),  # more than that
        (slice(0, 0), Anchored(gone=11, last=11), True),
        (slice(0, 0), Anchored(gone=11), True),
        (slice(2, 4), Anchored(gone=5), True),
        (slice(6, 9), Anchored(gone=5, last=11), False),
    ],
)
def test_what_an_anchor_covers_must_be_there_from_the_first_event_on(
    kept: slice, anchored: Anchored, *, is_intact: bool
) -> None:
    events = written(12)
    heads = [(seq, events[seq]["hash"]) for seq in (anchored.gone, anchored.last) if seq >= 0]
    assert report(events[kept], heads=heads, anchored=anchored).is_intact is is_intact


def test_without_a_checkpoint_a_cut_end_is_an_unanchored_tail() -> None:
    found = report(written(12)[:5])
    assert [one.kind for one in found.found] == [Kind.UNANCHORED]
    assert found.is_intact


def test_earlier_files_that_are_not_given_are_no_alarm() -> None:
    found = report(written(12)[4:])
    assert found.is_intact
    assert Kind.STARTS_LATER in {one.kind for one in found.found}


def test_a_key_that_stands_in_a_line_twice_is_a_change() -> None:
    (event,) = written(1)
    line = json.dumps(event).replace("{", '{"user_name": "eve", ', 1)
    found = find_event(line)
    assert found is not None
    link = link_of(found.facts, None, place="1", is_ambiguous=found.is_ambiguous)
    assert link is not None
    assert link.is_sound is False


# --- keys --------------------------------------------------------------------------------


def test_the_first_key_verifies_what_later_hours_signed() -> None:
    events = written(20, key=KEY)
    assert len({event["key_hour"] for event in events}) == 4
    assert report(events, key=KEY).is_intact


def test_a_key_cannot_make_the_keys_of_hours_before() -> None:
    later = KEY.at(NOW + timedelta(hours=3))
    assert later is not None
    assert later.at(NOW) is None
    assert later.secret != KEY.secret


def test_who_takes_the_key_later_cannot_rewrite_what_was_before() -> None:
    events = written(20, key=KEY)
    taken = KEY.at(NOW + timedelta(hours=3))
    events[0]["user_name"] = "eve"
    for forged in (hash_of(events[0], taken), hash_of(events[0], None)):
        events[0]["hash"] = forged
        assert not report(events, key=KEY).is_intact


def test_events_without_a_signature_prove_nothing_where_a_key_is_given() -> None:
    assert kinds(report(written(3), key=KEY)) == {Kind.UNSIGNED}


def test_signed_events_without_the_key_are_told_apart_and_still_linked() -> None:
    events = written(3, key=KEY)
    assert {one.kind for one in report(events).found} == {Kind.KEY_NOT_GIVEN, Kind.UNANCHORED}
    assert kinds(report([events[0], events[2]])) == {Kind.GAP}


@pytest.mark.parametrize("text", ["", "x", "1:ab", "-1:" + "a" * 64, "1:" + "A" * 64])
def test_a_text_that_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no audit key"):
        parse_audit_key(text)


def test_a_key_survives_as_text_and_is_in_no_repr() -> None:
    assert parse_audit_key(KEY.text) == KEY
    assert KEY.secret.hex() not in repr(KEY) + repr(Chain("s", KEY).__dict__)


def test_a_clock_that_was_set_back_has_a_word_of_its_own() -> None:
    chain, events = Chain("host/1/now", KEY), []
    for hours in (0, 3, 1):
        now = NOW + timedelta(hours=hours)
        facts = {"event": "audit", "action": "sign-in", "timestamp": now.isoformat()}
        events.append(chain.link(facts, salt="s", now=now))
    found = report(events, key=KEY)
    assert [(one.kind, one.seq) for one in found.found if one.kind in BROKEN] == [(Kind.LATE, 2)]


def test_who_takes_the_key_cannot_date_events_back_without_a_word() -> None:
    """With the key of a later hour the signature is right, and the time in the event is not."""
    assert Kind.LATE in kinds(report(written(3, key=KEY.at(NOW + timedelta(hours=3))), key=KEY))


# --- names -------------------------------------------------------------------------------


def test_names_can_be_erased_and_the_chain_stays_whole() -> None:
    events = written(3, key=KEY)
    events[1] = erase(events[1])
    assert "ada1" not in json.dumps(events)
    assert "salt1" not in json.dumps(events)
    assert report(events, key=KEY).is_intact
    assert erase(events[1]) == events[1]


def test_redacted_events_are_counted() -> None:
    events = written(3)
    assert report(events).redacted == 0
    events[1] = erase(events[1])
    assert report(events).redacted == 1


@pytest.mark.parametrize(
    "added",
    [
        {"personal": "eve did it"},
        {"erased": "eve did it"},
        {"erased": ["eve"]},
        {"erased": {"user_name": "0" * 64}},
        {"erased": {"action": "0" * 64}},
    ],
)
def test_nothing_can_be_added_to_an_event_that_its_hash_does_not_cover(added: dict[str, Any]) -> None:
    events = written(3, key=KEY)
    events[1] |= added
    assert kinds(report(events, key=KEY)) == {Kind.CHANGED}


def test_an_erased_name_cannot_be_replaced_by_another() -> None:
    events = written(3)
    events[1] = {**erase(events[1]), "user_name": "eve"}
    assert not report(events).is_intact


# --- lines -------------------------------------------------------------------------------

LINE = json.dumps(written(1)[0])


@pytest.mark.parametrize(
    "line",
    [
        LINE,
        f"Nov 27 10:30:00 web1 awscons[12]: {LINE}",
        f"2026-11-27T10:30:00.1Z stderr F {LINE}",
        json.dumps({"MESSAGE": LINE, "_HOSTNAME": "web1"}),
        json.dumps({"MESSAGE": list(LINE.encode()), "_HOSTNAME": "web1"}),
        json.dumps({"log": f"{LINE}\n", "stream": "stderr"}),
    ],
)
def test_an_event_is_found_whatever_carried_it(line: str) -> None:
    found = find_event(line)
    assert found is not None
    assert found.facts["hash"] == written(1)[0]["hash"]


@pytest.mark.parametrize(
    "line",
    [
        "{" + '"a": {' * 900,
        '{"event": "audit", "a": ' + "[" * 900 + "]" * 900 + "}",
        "",
        "{",
        "[1]",
        '{"event": "problem"}',
        "text {x}",
        '{"MESSAGE": [256]}',
        "{" * 3000,
    ],
)
def test_other_lines_are_passed_over(line: str) -> None:
    assert find_event(line) is None


@pytest.mark.parametrize("cut", [1, 8, 40, len(LINE) - 1])
def test_an_event_behind_a_part_of_a_line_is_found(cut: int) -> None:
    """A process was killed, or the disk was full; the next process writes behind it."""
    first, second = (json.dumps(event) for event in real_lines())
    line = f"{first[:cut]}{second}"
    for carried in (line, f"Nov 27 10:30:00 web1 awscons[12]: {line}", json.dumps({"MESSAGE": line})):
        found = find_event(carried)
        assert found is not None
        assert found.facts["seq"] == 1


def test_events_in_one_line_are_found_each_and_a_prefix_stays() -> None:
    first, second = (json.dumps(event) for event in real_lines())
    assert split_events(f"x {first}{second}\n") == [f"x {first}", f"{second}\n"]
    assert split_events(f"x {first}\n") == [f"x {first}\n"]
    assert split_events("x\n") == ["x\n"]


def real_lines() -> list[dict[str, Any]]:
    """Two events with their fields in the order in which a service writes them."""
    chain = Chain("host/1/now")
    facts = {
        "action": "sign-in",
        "user_agent": '{"action": "',
        "event": "audit",
        "timestamp": NOW.isoformat(),
    }
    return [chain.link(facts, salt="s", now=NOW) for _ in range(2)]


@pytest.mark.parametrize(
    "changes", [{"seq": -1}, {"seq": True}, {"seq": "1"}, {"prev": None}, {"stream": 5}, {"seq": 10**30}]
)
def test_an_event_without_its_place_is_in_no_chain(changes: dict[str, Any]) -> None:
    assert link_of({**written(1)[0], **changes}, None, place="1", is_ambiguous=False) is None


def test_heads_of_a_checkpoint_are_read_and_nonsense_is_not() -> None:
    heads = {"e": [True, FIRST], "f": [10**30, FIRST], "a": [3, FIRST], "b": "x", "c": [1], "d": ["1", FIRST]}
    assert list(heads_of({"heads": heads})) == [("a", 3, FIRST)]
    assert list(heads_of({"heads": []})) == []
