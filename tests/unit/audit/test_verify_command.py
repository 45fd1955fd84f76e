"""`awscons audit` over files that somebody has damaged, cut or made up: a sentence or a finding, never a traceback."""

import gzip
import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from awscons.adapters.audit_streams import AuditStream
from awscons.audit.chain import hash_of
from awscons.cli import audit_files, audit_verify_command
from awscons.cli.program import main
from awscons.config.audit_key_file import advance_key_file, new_audit_key, write_key_file
from support.clock import MovableClock

Run = Callable[..., tuple[int, str, str]]
BEGIN = datetime(2026, 11, 27, 10, tzinfo=UTC)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`awscons audit …` in a folder: its exit status and what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit_:
            main(["audit", *arguments])
        printed = capsys.readouterr()
        return int(exit_.value.code or 0), printed.out, printed.err

    return run


def findings(run: Run, *arguments: str) -> tuple[int, set[str]]:
    status, out, err = run("verify", "--json", *arguments)
    assert not err
    streams = json.loads(out)["streams"]
    return status, {found["kind"] for stream in streams for found in stream["findings"]}


def a_log(folder: Path, *, signed: bool = False) -> list[str]:
    """Two hours of a process with a checkpoint every ten minutes: also as `log`, its checkpoints as `anchors`."""
    clock = MovableClock(BEGIN)
    stream = AuditStream(clock)
    write_key_file(folder / "first-key", new_audit_key(clock()), replace=False)
    (folder / "key").write_bytes((folder / "first-key").read_bytes())
    stream.keep(
        folder / "log",
        heads=None,
        key=(lambda now: advance_key_file(folder / "key", now)) if signed else None,
        serves=False,
    )
    for _ in range(12):
        stream.write({"action": "sign-in", "outcome": "done", "user_name": "ada", "event": "audit"})
        clock.forward(minutes=10)
        stream.checkpoint()
    lines = (folder / "log").read_text().splitlines(keepends=True)
    (folder / "anchors").write_text("".join(lines[1::2]))
    return lines


def rewritten(line: str, **changes: Any) -> str:
    return json.dumps({**json.loads(line), **changes}) + "\n"


# --- anchors -----------------------------------------------------------------------------


@pytest.mark.parametrize("signed", [False, True])
def test_a_whole_log_is_intact_before_its_anchors(run: Run, tmp_path: Path, *, signed: bool) -> None:
    a_log(tmp_path, signed=signed)
    key = ("--key", "first-key") if signed else ()
    assert findings(run, *key, "--anchors", "anchors", "log") == (0, set())


def test_a_front_that_anchors_cover_is_missed_unless_it_was_rotated_away(run: Run, tmp_path: Path) -> None:
    lines = a_log(tmp_path)
    (tmp_path / "rest").write_text(
        "".join(lines[6:])
    )  # its first event is of half an hour after the beginning
    since = (BEGIN + timedelta(minutes=31)).isoformat()
    assert findings(run, "rest") == (0, {"starts later", "unanchored tail"})
    assert findings(run, "--anchors", "anchors", "rest") == (1, {"cut before an anchor", "starts later"})
    assert findings(run, "--anchors", "anchors", "--since", since, "rest") == (0, {"starts later"})
    (tmp_path / "less").write_text("".join(lines[9:]))
    assert findings(run, "--anchors", "anchors", "--since", since, "less")[0] == 1


def test_a_file_without_a_checkpoint_is_no_anchor(run: Run, tmp_path: Path) -> None:
    lines = a_log(tmp_path)
    for text in ("", "nothing\n", lines[0]):
        (tmp_path / "wrong").write_text(text)
        status, out, err = run("verify", "--anchors", "wrong", "log")
        assert (status, out) == (1, "")
        assert "wrong has no checkpoint, so it is no anchor" in err


@pytest.mark.parametrize("case", ["changed", "hashed again", "not signed"])
def test_an_anchor_that_no_service_wrote_is_refused(run: Run, tmp_path: Path, case: str) -> None:
    lines = a_log(tmp_path, signed=True)
    event = {**json.loads(lines[3]), "heads": {}}
    if case == "hashed again":
        event["hash"] = hash_of(event, None)
    if case == "not signed":
        del event["key_hour"]
        event["hash"] = hash_of(event, None)
    (tmp_path / "anchors").write_text(json.dumps(event))
    status, _, err = run("verify", "--key", "first-key", "--anchors", "anchors", "log")
    assert (status, "anchors:1 is not as a service wrote it" in err) == (1, True)


def test_an_anchor_that_is_missing_between_others_is_told(run: Run, tmp_path: Path) -> None:
    lines = a_log(tmp_path)
    (tmp_path / "anchors").write_text("".join([*lines[1:6:2], *lines[9::2]]))
    assert findings(run, "--anchors", "anchors", "log") == (0, {"an anchor before is not among those given"})


def test_since_without_anchors_makes_no_sense(run: Run, tmp_path: Path) -> None:
    a_log(tmp_path)
    status, _, err = run("verify", "--since", "2026-11-27", "log")
    assert (status, "it needs --anchors" in err) == (2, True)


def test_erased_names_are_counted(run: Run, tmp_path: Path) -> None:
    a_log(tmp_path)
    (tmp_path / "redacted").write_text(run("erase", "ada", "log")[1])
    status, out, _ = run("verify", "redacted")
    assert (status, "names were erased from 12 of them" in out) == (0, True)
    assert [one["redacted"] for one in json.loads(run("verify", "--json", "log")[1])["streams"]] == [0]


# --- lines and files ---------------------------------------------------------------------


def test_an_event_behind_a_part_of_a_line_is_no_gap(run: Run, tmp_path: Path) -> None:
    lines = a_log(tmp_path)
    torn = rewritten(lines[0], stream="killed")[:200]
    (tmp_path / "torn").write_text(
        "".join([*lines[:4], torn, *lines[4:8], lines[8].rstrip("\n"), *lines[9:]])
    )
    assert findings(run, "--anchors", "anchors", "torn") == (0, set())
    (tmp_path / "redacted").write_text(run("erase", "ada", "torn")[1])
    assert "names were erased from 12 of them" in run("verify", "--anchors", "anchors", "redacted")[1]


@pytest.mark.parametrize(
    "changes",
    [
        {"seq": 10**30},
        {"stream": "\ud800"},
        {"hash": "\ud800"},
        {"prev": "\ud800"},
        {"key_hour": 10**30},
        {"key_hour": "x"},
        {"timestamp": "0001-01-01T00:00:00"},
        {"action": ["sign-in"], "user_name": ["ada"], "login_id": ["x"], "outcome": {}, "target": []},
        {"user_name": "\ud800"},
        {"heads": {"\ud800": [1, "\ud800"], "x": [10**30, "y"]}},
    ],
)
def test_an_event_of_nonsense_is_a_finding_or_passed_over(
    run: Run, tmp_path: Path, changes: dict[str, Any]
) -> None:
    lines = a_log(tmp_path, signed=True)
    (tmp_path / "bad").write_text("".join([*lines[:4], rewritten(lines[4], **changes), *lines[5:]]))
    assert findings(run, "--key", "first-key", "bad")[0] == 1
    assert run("verify", "bad")[2] == ""
    for options in (
        (),
        ("--json",),
        ("--person", "ada", "--target", "x", "--outcome", "done", "--login", "x"),
    ):
        status, out, err = run("show", *options, "bad")
        assert (status, err) == (0, "")
        assert out.isprintable() or "\n" in out


def test_a_gzip_file_with_a_flipped_bit_is_one_sentence(run: Run, tmp_path: Path) -> None:
    data = bytearray(gzip.compress("".join(a_log(tmp_path)).encode()))
    data[40] ^= 255
    (tmp_path / "bad.gz").write_bytes(data)
    status, _, err = run("verify", "bad.gz")
    assert (status, "bad.gz cannot be read: it is cut off or damaged" in err) == (1, True)


def test_a_line_without_end_is_read_in_parts(tmp_path: Path) -> None:
    (tmp_path / "zeros.gz").write_bytes(gzip.compress(b"0" * 5_000_000 + b"\n" + b"x\n"))
    lines = list(audit_files.read_lines([tmp_path / "zeros.gz"], ""))
    assert max(len(line) for line, _ in lines) == 1_000_000
    assert lines[-1] == ("x\n", f"{tmp_path / 'zeros.gz'}:2")


def test_a_folder_for_temporary_files_that_is_full_is_one_sentence(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_log(tmp_path)

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(audit_verify_command, "_gather", full)
    status, _, err = run("verify", "log")
    assert (status, "temporary files cannot be used: database or disk is full" in err) == (1, True)
    assert "TMPDIR" in err
