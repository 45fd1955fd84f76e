"""Where audit events go: in one piece, after every rotation, and never into nothing unnoticed."""

import json
import resource
import threading
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from awscons.adapters.audit_streams import AuditStream
from awscons.audit.chain import AuditKey, hash_of
from awscons.config.audit_key_file import advance_key_file, new_audit_key, read_key_file, write_key_file
from awscons.errors import AuditLogUnwritable, KeysRefused
from support.clock import MovableClock


def stream_to(file: Path, clock: MovableClock, *, heads: Path | None = None, key: Any = None) -> AuditStream:
    stream = AuditStream(clock)
    stream.keep(file, heads=heads, key=key, checkpoints=False)
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


def test_a_line_that_was_written_in_part_does_not_spoil_the_next_one(tmp_path: Path) -> None:
    stream = stream_to(tmp_path / "log", MovableClock())
    stream.write({"n": 1})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "log").stat().st_size + 20, limits[1]))
    try:
        with pytest.raises(AuditLogUnwritable):
            stream.write({"n": 2})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    stream.write({"n": 3})
    first, part, second = (tmp_path / "log").read_text().splitlines()
    assert len(part) == 20
    assert json.loads(second)["prev"] == json.loads(first)["hash"]


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
    (heads / "2.json").write_text("{broken")
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
