"""The audit trail of a running service with two workers, as an auditor verifies and reads it."""

import gzip
import json
import os
import shutil
import signal
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from awscons.adapters.audit_log import ChainedAuditLog
from awscons.audit.event import Action, AuditEvent, Outcome
from awscons.audit.events import blocked
from awscons.signin.blocks import Block, BlockKind
from support.bare_service import CONFIG, children_of, environment_of
from support.house import open_house
from support.operator import awscons
from support.serving import free_port, program, serve_command, wait_until

EVENTS = 40


def run_service(folder: Path, *, kill: bool = False) -> Path:
    """A service that writes refused sign-ins into `audit.log`, and ends in order or not at all."""
    log = folder / "audit.log"
    server = {"audit_log": str(log), "audit_key_file": str(folder / "key"), "rate_limit_per_address": 0}
    (folder / "config.py").write_text(f"{CONFIG}server_config = {server!r}\n")
    port = free_port()
    command = serve_command("--port", str(port), "--workers", "2")
    with program(
        command, port=port, log=folder / "service.log", environment=environment_of(folder), folder=folder
    ) as process:
        wait_until(lambda: len(children_of(process.pid)) == 2)
        for _ in range(EVENTS):
            answer = httpx.post(
                f"http://127.0.0.1:{port}/saml/acs",
                data={"SAMLResponse": "eDw="},
                headers={"Origin": "https://idp.example.com", "Connection": "close"},
                timeout=20,
            )
            assert answer.status_code < 500
        if kill:
            for child in children_of(process.pid):
                os.kill(child, signal.SIGKILL)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=40)
    return log


@pytest.fixture(scope="module")
def trail(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a service that ran twice, and was killed the second time; `first-key` was kept elsewhere."""
    folder = tmp_path_factory.mktemp("trail")
    assert awscons(folder, "audit", "key", "key").returncode == 0
    shutil.copy(folder / "key", folder / "first-key")
    run_service(folder)
    (folder / "audit.log").rename(folder / "audit.log.1")
    run_service(folder, kill=True)
    (folder / "audit.log.1.gz").write_bytes(gzip.compress((folder / "audit.log.1").read_bytes()))
    return folder


def verify(trail: Path, *arguments: str, stdin: str | None = None) -> tuple[int, dict[str, Any]]:
    done = awscons(trail, "audit", "verify", "--json", *arguments, stdin=stdin)
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


def test_every_stream_is_intact_over_rotation_compression_and_a_kill(trail: Path) -> None:
    status, found = verify(trail, "--key", "first-key", "audit.log", "audit.log.1.gz")
    assert status == 0
    assert sum(stream["events"] for stream in found["streams"]) >= 2 * EVENTS
    assert {finding["kind"] for stream in found["streams"] for finding in stream["findings"]} == {
        "unanchored tail"
    }
    ended = [stream for stream in found["streams"] if not stream["findings"]]
    assert ended, "processes that ended in order have no unanchored tail"


def test_what_was_changed_or_dropped_is_told_with_its_line(trail: Path) -> None:
    lines = (trail / "audit.log.1").read_text().splitlines(keepends=True)
    (trail / "changed").write_text("".join([*lines[:5], lines[5].replace("refused", "done"), *lines[6:]]))
    (trail / "dropped").write_text("".join([*lines[:5], *lines[6:]]))
    changed, dropped = verify(trail, "--key", "first-key", "changed"), verify(trail, "dropped")
    assert (changed[0], dropped[0]) == (1, 1)
    assert "changed:6" in json.dumps(changed[1])
    assert "gap" in json.dumps(dropped[1])


def test_a_cut_end_is_missed_by_an_anchor_that_was_kept_elsewhere(trail: Path) -> None:
    lines = (trail / "audit.log.1").read_text().splitlines(keepends=True)
    anchors = [line for line in lines if '"checkpoint"' in line]
    (trail / "anchors").write_text("".join(anchors))
    (trail / "cut").write_text("".join(lines[:10]))
    status, found = verify(trail, "--anchors", "anchors", "cut")
    assert status == 1
    assert "cut before an anchor" in json.dumps(found)


def test_another_key_verifies_nothing(trail: Path) -> None:
    awscons(trail, "audit", "key", "other-key")
    status, _ = verify(trail, "--key", "other-key", "audit.log")
    assert status == 1


NINA = "nina@example.com"


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a log on standard error: Ada and Nina signed in, and Nina was blocked by her NameID."""
    folder = tmp_path_factory.mktemp("people")
    with open_house(folder, saml={"user_attr": "mail"}) as house:
        for name, name_id in (("ada@example.com", "0001"), (NINA, "0815")):
            given = {"attributes": (("mail", (name,)),), "name_id": f"<saml:NameID>{name_id}</saml:NameID>"}
            house.sign_in(house.browser(), "/aws/", name, **given)
        log = ChainedAuditLog()
        log.record(blocked(Block(BlockKind.PERSON, "0815", datetime.now(UTC))))
        cause = "an operator blocked the person Nina@example.com"
        log.record(AuditEvent(action=Action.SIGN_IN, outcome=Outcome.REFUSED, cause=cause))
        log.record(
            AuditEvent(action=Action.SIGN_IN, outcome=Outcome.REFUSED, cause="10815 is another number")
        )
        terminal = AuditEvent(action=Action.SIGN_IN_TERMINAL, outcome=Outcome.REFUSED, name_id="0815")
        log.record(replace(terminal, machine="ninas-macbook"))
        (folder / "service.log").write_text(house.log.getvalue())
    return folder


def test_a_person_is_erased_by_every_name_and_the_copy_still_verifies(people: Path) -> None:
    assert "portal.no_targets" in (people / "service.log").read_text()
    done = awscons(people, "audit", "erase", NINA, "service.log")
    assert (done.returncode, "lines without an audit event were left out" in done.stderr) == (0, True)
    assert not any(name in done.stdout.casefold() for name in ("nina", '"0815'))
    assert all(name in done.stdout for name in ("ada@example.com", "0001", "10815 is another number"))
    assert verify(people, "-", stdin=done.stdout)[0] == 0
    lines = (people / "service.log").read_text().splitlines()
    assert len(done.stdout.splitlines()) == sum('"event": "audit"' in line for line in lines)


def test_a_person_is_erased_from_standard_input_and_a_pipe_as_from_a_file(people: Path) -> None:
    log = (people / "service.log").read_text()
    erased = [
        [
            json.loads(line)
            for line in awscons(people, "audit", "erase", NINA, file, stdin=log).stdout.splitlines()
        ]
        for file in ("service.log", "-", "/dev/stdin")
    ]
    assert erased[0] == erased[1] == erased[2]


def test_a_log_without_events_and_a_missing_file_are_one_sentence(trail: Path) -> None:
    assert verify(trail, "-", stdin="nothing\n")[0] == 1
    for command in (["verify", "missing"], ["show", "missing"]):
        done = awscons(trail, "audit", *command)
        assert (done.returncode, "Traceback" in done.stderr) == (1, False)
        assert "missing cannot be read" in done.stderr


# --- for other people's tools ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "text"), [("athena", "FROM audit.events"), ("logs-insights", "session_name")]
)
def test_a_statement_is_printed_for_its_tool(tmp_path: Path, tool: str, text: str) -> None:
    options = ["--from", "2026-11-01", "--to", "2026-12-01T12:00:00+01:00", "--person", "ada@example.com"]
    done = awscons(tmp_path, "audit", "query", "--for", tool, *options, "--events-table", "audit.events")
    assert (done.returncode, done.stderr) == (0, "")
    assert text in done.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--from", "yesterday", "--to", "2026-12-01"], "2026-11-27T08:00:00Z"),
        (["--from", "2026-12-01", "--to", "2026-11-01"], "--to is not after --from"),
        (["--to", "2026-11-01"], "are required"),
        (["--from", "0001-01-01", "--to", "2026-12-01"], "too far away"),
        (["--from", "2026-11-01", "--to", "2026-12-01", "--events-table", "a; DROP"], "the name of a table"),
        (["--from", "2026-11-01", "--to", "2026-12-01", "--person", "a\nb"], "no control characters"),
    ],
)
def test_a_question_that_makes_no_sense_is_one_sentence(
    tmp_path: Path, options: list[str], said: str
) -> None:
    done = awscons(tmp_path, "audit", "query", "--for", "athena", *options)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert said in done.stderr


@pytest.mark.parametrize(("shape", "field"), [("ocsf", "class_uid"), ("ecs", "@timestamp")])
def test_events_are_converted_line_by_line(trail: Path, shape: str, field: str) -> None:
    done = awscons(trail, "audit", "convert", "--to", shape, "audit.log.1.gz")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(events) >= EVENTS
    assert all(field in event for event in events)
    assert "events converted" in done.stderr


@pytest.mark.parametrize("command", [["show"], ["convert", "--to", "ecs"], ["convert", "--to", "ocsf"]])
def test_an_event_that_the_service_never_writes_is_no_traceback(tmp_path: Path, command: list[str]) -> None:
    names = (
        "action",
        "outcome",
        "user_name",
        "name_id",
        "login_id",
        "target",
        "role_arn",
        "granted_duration",
    )
    odd = {name: ["x"] for name in names} | {"timestamp": "0001-01-01T00:00:00"}
    (tmp_path / "log").write_text(json.dumps({"event": "audit", **odd}))
    done = awscons(tmp_path, "audit", *command, "log")
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
