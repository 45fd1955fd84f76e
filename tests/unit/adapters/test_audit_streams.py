"""Where audit events go: in one piece, after every rotation, and never into nothing unnoticed."""

import errno
import gc
import io
import json
import os
import resource
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from awscons.adapters import audit_log
from awscons.adapters.audit_log import ChainedAuditLog, configure_logging, keep_audit_log
from awscons.adapters.audit_streams import AuditStream
from awscons.audit.chain import AuditKey, hash_of, hour_of
from awscons.audit.event import Action, AuditEvent, Outcome
from awscons.audit.settings import AuditSettings
from awscons.config import audit_key_file
from awscons.config.audit_key_file import advance_key_file, new_audit_key, read_key_file, write_key_file
from awscons.errors import AuditLogUnwritable, KeysRefused
from support.clock import MovableClock


def stream_to(file: Path, clock: MovableClock, *, heads: Path | None = None, key: Any = None) -> AuditStream:
    stream = AuditStream(clock)
    stream.keep(file, heads=heads, key=key, serves=False)
    return stream


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_events_are_linked_in_the_order_of_their_lines_whatever_threads_write(tmp_path: Path) -> None:
    stream = stream_to(tmp_path / "log", MovableClock())

    def write() -> None:
        for number in range(50):
            stream.write({"n": number})

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = lines(tmp_path / "log")
    assert [event["seq"] for event in written] == list(range(200))
    assert all(event["prev"] == before["hash"] for before, event in pairwise(written))


class LogOfApache(io.StringIO):
    """What `sys.stderr` is under mod_wsgi."""

    def fileno(self) -> int:
        raise OSError("Apache/mod_wsgi log object is not associated with a file descriptor.")


def test_standard_error_without_a_descriptor_takes_events_as_text() -> None:
    stream, log = AuditStream(MovableClock()), LogOfApache()
    stream.use(log, json.dumps)
    stream.write({"n": 1})
    assert json.loads(log.getvalue())["n"] == 1


def test_a_file_that_was_rotated_is_opened_again(tmp_path: Path) -> None:
    stream = stream_to(tmp_path / "log", MovableClock())
    stream.write({"n": 1})
    (tmp_path / "log").rename(tmp_path / "log.1")
    stream.write({"n": 2})
    assert [lines(tmp_path / name)[0]["n"] for name in ("log.1", "log")] == [1, 2]
    assert lines(tmp_path / "log")[0]["prev"] == lines(tmp_path / "log.1")[0]["hash"]


def test_an_event_that_cannot_be_written_leaves_no_gap(tmp_path: Path) -> None:
    stream = stream_to(tmp_path / "later" / "log", MovableClock())
    with pytest.raises(AuditLogUnwritable, match="No such file or directory"):
        stream.write({"n": 1})
    (tmp_path / "later").mkdir()
    stream.write({"n": 2})
    assert lines(tmp_path / "later" / "log")[0]["seq"] == 0


def test_a_full_disk_is_no_success() -> None:
    with pytest.raises(AuditLogUnwritable, match="No space left on device"):
        stream_to(Path("/dev/full"), MovableClock()).write({"n": 1})


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file can be longer than that, as on a disk that is full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_line_that_was_written_in_part_does_not_spoil_the_next_one(tmp_path: Path) -> None:
    stream = stream_to(tmp_path / "log", MovableClock())
    stream.write({"n": 1})
    with (
        room_for((tmp_path / "log").stat().st_size + 20),
        pytest.raises(AuditLogUnwritable, match="only a part of the line was written: the disk is full"),
    ):
        stream.write({"n": 2})
    stream.write({"n": 3})
    first, part, second = (tmp_path / "log").read_text().splitlines()
    assert len(part) == 20
    assert json.loads(second)["prev"] == json.loads(first)["hash"]


def test_an_event_that_lacks_its_line_break_alone_is_in_the_log(tmp_path: Path) -> None:
    stream = stream_to(tmp_path / "log", MovableClock())
    stream.write({"n": 1})
    with room_for(2 * (tmp_path / "log").stat().st_size - 1):
        stream.write({"n": 2})
    stream.write({"n": 3})
    assert [(event["n"], event["seq"]) for event in lines(tmp_path / "log")] == [(1, 0), (2, 1), (3, 2)]


@pytest.mark.parametrize("left", [0, 20])
@pytest.mark.parametrize("unbuffered", [False, True])
def test_what_standard_error_could_not_take_is_not_written_later(
    tmp_path: Path, left: int, *, unbuffered: bool
) -> None:
    with (tmp_path / "log").open("wb", buffering=0 if unbuffered else -1) as raw:
        stream = AuditStream(MovableClock())
        stream.use(io.TextIOWrapper(raw, encoding="utf-8", write_through=unbuffered), json.dumps)
        stream.write({"n": 1})
        with room_for((tmp_path / "log").stat().st_size + left), pytest.raises(AuditLogUnwritable):
            stream.write({"n": 2})
        stream.write({"n": 3})
    whole = [line for line in (tmp_path / "log").read_text().splitlines() if line.endswith("}")]
    assert [(json.loads(line)["n"], json.loads(line)["seq"]) for line in whole] == [(1, 0), (3, 1)]


def test_a_file_that_root_makes_belongs_to_the_owner_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", lambda _descriptor, user, group: given.append((user, group)))
    stream = stream_to(tmp_path / "log", MovableClock())
    stream.write({"n": 1})
    folder = tmp_path.stat()
    assert given == [(folder.st_uid, folder.st_gid)]
    stream_to(tmp_path / "log", MovableClock()).write({"n": 2})
    assert len(given) == 1


def test_a_root_that_may_give_nothing_away_writes_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", refuse)
    stream_to(tmp_path / "log", MovableClock()).write({"n": 1})
    assert lines(tmp_path / "log")[0]["n"] == 1


def test_another_file_closes_the_one_before(tmp_path: Path) -> None:
    stream = AuditStream(MovableClock())
    for name in ("a", "b", "a", "b", "b"):
        stream.keep(tmp_path / name, heads=None, key=None, serves=False)
        stream.write({"n": 1})
    opened = [file.readlink() for file in Path("/proc/self/fd").iterdir() if file.is_symlink()]
    assert [file for file in opened if file.is_relative_to(tmp_path)] == [tmp_path / "b"]
    assert [event["seq"] for event in lines(tmp_path / "b")] == [1, 3, 4]


def test_a_key_that_is_lost_makes_the_log_unwritable_and_it_recovers_with_the_key(tmp_path: Path) -> None:
    clock, file = MovableClock(), tmp_path / "key"
    stream = stream_to(tmp_path / "log", clock, key=lambda now: advance_key_file(file, now))
    with pytest.raises(AuditLogUnwritable, match=r"cannot be signed: .*key cannot be read: No such file"):
        stream.write({"n": 1})
    write_key_file(file, new_audit_key(clock()), replace=False)
    stream.write({"n": 2})
    assert "key_hour" in lines(tmp_path / "log")[0]


def test_a_checkpoint_names_every_stream_of_the_host(tmp_path: Path) -> None:
    clock, heads = MovableClock(), tmp_path / "heads"
    heads.mkdir()
    (heads / "1.json").write_text(json.dumps({"other/1/then": [7, "a" * 64]}))
    for number, text in enumerate(("{broken", "[]", "5", '{"x": 7}', "[" * 100_000), start=2):
        (heads / f"{number}.json").write_text(text)
    stream = stream_to(tmp_path / "log", clock, heads=heads)
    stream.checkpoint()
    assert not (tmp_path / "log").exists()
    stream.write({"n": 1})
    stream.checkpoint()
    first, checkpoint = lines(tmp_path / "log")
    assert checkpoint["heads"] == {"other/1/then": [7, "a" * 64], first["stream"]: [0, first["hash"]]}
    stream.checkpoint(at_stop=True)
    last = lines(tmp_path / "log")[-1]
    assert (last["last_checkpoint"], last["at_stop"]) == (checkpoint["hash"], True)


def test_heads_that_fit_no_line_are_in_several_checkpoints(tmp_path: Path) -> None:
    heads = tmp_path / "heads"
    heads.mkdir()
    names = {f"{'h' * 64}/{number}/2026-11-27T10:00:00.123456Z" for number in range(120)}
    for number, name in enumerate(sorted(names)):
        (heads / f"{number}.json").write_text(json.dumps({name: [7, "a" * 64]}))
    stream = stream_to(tmp_path / "log", MovableClock(), heads=heads)
    stream.write({"n": 1})
    stream.checkpoint(at_stop=True)
    _, *checkpoints = lines(tmp_path / "log")
    assert max(map(len, (tmp_path / "log").read_bytes().splitlines())) < 16_384
    assert {name for one in checkpoints for name in one["heads"]} > names
    assert [one["at_stop"] for one in checkpoints] == [False, False, True]
    assert [one["last_checkpoint"] for one in checkpoints[1:]] == [one["hash"] for one in checkpoints[:-1]]


# --- the key -----------------------------------------------------------------------------


def test_the_key_file_forgets_the_hours_that_are_over(tmp_path: Path) -> None:
    file, clock = tmp_path / "key", MovableClock(datetime(2026, 11, 27, 10, tzinfo=UTC))
    first = new_audit_key(clock())
    write_key_file(file, first, replace=False)
    stream = stream_to(tmp_path / "log", clock, key=lambda now: advance_key_file(file, now))
    stream.write({"n": 1})
    clock.forward(hours=2)
    stream.write({"n": 2})
    stream.checkpoint()
    assert read_key_file(file) == first.at(clock())
    for event in lines(tmp_path / "log"):
        assert event["hash"] == hash_of(event, first.at_hour(event["key_hour"]))
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_worker_forgets_the_keys_of_the_hours_that_are_over(tmp_path: Path) -> None:
    clock = MovableClock(datetime(2026, 11, 27, 10, tzinfo=UTC))
    secret = secrets.token_bytes(32)
    write_key_file(tmp_path / "key", AuditKey(hour_of(clock()), secret), replace=False)
    stream = stream_to(tmp_path / "log", clock, key=lambda now: advance_key_file(tmp_path / "key", now))
    for _ in range(4):
        stream.write({"n": 1})
        stream.checkpoint()
        clock.forward(hours=1)
    kept = [one for one in gc.get_objects() if isinstance(one, AuditKey) and one.secret == secret]
    assert kept == []


@pytest.mark.parametrize(("serves", "advances"), [(True, True), (False, False)])
def test_only_a_process_that_serves_replaces_the_key_file(
    tmp_path: Path, *, serves: bool, advances: bool
) -> None:
    first = AuditKey(hour_of(datetime.now(UTC)) - 2, b"k" * 32)
    write_key_file(tmp_path / "key", first, replace=False)
    configure_logging(stream=io.StringIO())
    settings = AuditSettings(file=tmp_path / "log", key_file=tmp_path / "key")
    with a_process_of_its_own(settings, serves=serves):
        ChainedAuditLog().record(AuditEvent(action=Action.BLOCK, outcome=Outcome.DONE))
    (event,) = lines(tmp_path / "log")
    assert event["hash"] == hash_of(event, first.at_hour(event["key_hour"]))
    assert event["key_hour"] > first.hour
    assert (read_key_file(tmp_path / "key") != first) is advances


def test_a_key_file_that_cannot_be_replaced_is_reported_once_and_events_are_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = AuditKey(hour_of(datetime.now(UTC)) - 2, b"k" * 32)
    write_key_file(tmp_path / "key", first, replace=False)

    def refuse(_path: Path, _content: bytes) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(audit_key_file, "write_private", refuse)
    log = io.StringIO()
    configure_logging(stream=log)
    settings = AuditSettings(file=tmp_path / "log", key_file=tmp_path / "key")
    for _ in range(2):
        with a_process_of_its_own(settings, serves=True):
            ChainedAuditLog().record(AuditEvent(action=Action.BLOCK, outcome=Outcome.DONE))
    (said,) = map(json.loads, log.getvalue().splitlines())
    assert said["event"] == "audit.key_not_advanced"
    assert "Permission denied" in said["cause"]
    assert all(event["key_hour"] > first.hour for event in lines(tmp_path / "log"))


@contextmanager
def a_process_of_its_own(settings: AuditSettings, *, serves: bool) -> Iterator[None]:
    """The stream of this process, as if it had just begun."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit_log, "_STREAM", AuditStream(lambda: datetime.now(UTC)))
        keep_audit_log(settings, heads=None, serves=serves)
        yield


def test_a_key_file_that_cannot_be_written_keeps_its_key(tmp_path: Path) -> None:
    clock = MovableClock(datetime(2026, 11, 27, 10, tzinfo=UTC))
    first = new_audit_key(clock())
    write_key_file(tmp_path / "key", first, replace=False)
    clock.forward(hours=1)
    (tmp_path / "key").rename(tmp_path / "moved")
    (tmp_path / "key").symlink_to("/proc/self/attr/none")
    with pytest.raises(KeysRefused):
        advance_key_file(tmp_path / "key", clock())


@pytest.mark.parametrize("text", ["", "secret", "12:zz"])
def test_a_file_without_a_key_is_refused_and_not_quoted(tmp_path: Path, text: str) -> None:
    (tmp_path / "key").write_text(text)
    with pytest.raises(KeysRefused) as caught:
        read_key_file(tmp_path / "key")
    assert not text or text not in str(caught.value)


def test_a_key_that_exists_is_not_replaced(tmp_path: Path) -> None:
    key = AuditKey(1, b"k" * 32)
    write_key_file(tmp_path / "key", key, replace=False)
    with pytest.raises(KeysRefused, match="exists already"):
        write_key_file(tmp_path / "key", key, replace=False)
