"""The audit trail of running services on two hosts with two workers each, as an auditor verifies and reads it."""

import gzip
import io
import json
import os
import random
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awscons.adapters.audit_log import ChainedAuditLog
from awscons.audit.chain import hash_of
from awscons.audit.event import Action, AuditEvent, Outcome
from awscons.audit.events import blocked
from awscons.cli.program import main
from awscons.demo.pretend_signin import PretendSignin
from awscons.demo.pretend_sts import PretendSts
from awscons.signin.blocks import Block, BlockKind
from support.bare_service import children_of, environment_of
from support.browser import Browser, sent_to_idp
from support.house import BROKER, ROLES, config_for, open_house, vouch_for_ada, write_credentials
from support.operator import awscons
from support.serving import free_port, program, serve_command, serving, wait_until
from support.stage import write_config, write_tls

EVENTS = 40
PEOPLE = 4
LOGS = ("web1.log.1", "web1.log", "web2.log")


@dataclass
class Answers:
    """What people at browsers were answered, by the id of their request."""

    pages: dict[str, httpx.Response] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def ask(self, browser: Browser, name: str, number: int) -> None:
        """Open a console, and post a response that is refused, in turns; until `number` are answered or one is not."""
        for count in range(number):
            request = f"{name}.{count}"
            headers = {"X-Request-ID": request, "Origin": "https://idp.example.com", "Connection": "close"}
            try:
                if count % 2:
                    page = browser.post("/saml/acs", {"SAMLResponse": "eDw="}, headers=headers)
                else:
                    page = browser.http.get(f"{browser.base}/aws/cloudadmin", headers=headers)
            except httpx.TransportError:
                self.broken.append(request)
                return
            self.pages[request] = page


def run_host(folder: Path, host: str, *, kill: bool = False) -> Answers:
    """A service with two workers on that host, which people use; it ends in order, or its workers are killed."""
    own = folder / host
    own.mkdir(exist_ok=True)
    (own / "sitecustomize.py").write_text(f"import socket\nsocket.gethostname = lambda: {host!r}\n")
    environment = environment_of(own)
    environment["PYTHONPATH"] = f"{own}{os.pathsep}{environment['PYTHONPATH']}"
    sts, answers, port = PretendSts(roles=ROLES), Answers(), free_port()
    url = f"https://localhost:{port}"
    with ExitStack() as stack:
        sts_port = stack.enter_context(serving(lambda _port: sts.application("us-east-1")))
        signin_port = stack.enter_context(serving(lambda _port: PretendSignin(book=sts).application()))
        config = config_for(
            f"{url}/saml/acs",
            sts_url=f"http://127.0.0.1:{sts_port}/",
            signin_url=f"http://127.0.0.1:{signin_port}/federation",
            credentials_file=write_credentials(own / "credentials", *sts.add_user(BROKER)),
            store={"cache_type": "SQLite", "path": str(own / "logins.sqlite3")},
            server={
                "audit_log": str(folder / f"{host}.log"),
                "audit_key_file": str(folder / f"{host}.key"),
                "trusted_proxies": 1,
                "rate_limit_per_address": 0,
                "rate_limit_per_person": 0,
            },
        )
        write_config(own / "config.py", config)
        certificate, key = write_tls(own)
        command = serve_command(
            "--port", str(port), "--workers", "2", "--certificate", certificate, "--key", key
        )
        service = program(command, port=port, log=own / "output", environment=environment, folder=own)
        process = stack.enter_context(service)
        wait_until(lambda: len(children_of(process.pid)) == 2)
        browsers = [Browser(url) for _ in range(PEOPLE)]
        for browser in browsers:
            stack.callback(browser.close)
            sent = sent_to_idp(browser.get("/aws/"))
            browser.follow(browser.answer("/saml/acs", vouch_for_ada(sent, f"{url}/saml/acs")))
        number = 5 * EVENTS if kill else EVENTS // PEOPLE
        people = [
            threading.Thread(target=answers.ask, args=(browser, f"{host}.{name}", number))
            for name, browser in enumerate(browsers)
        ]
        for person in people:
            person.start()
        if kill:
            wait_until(lambda: len(answers.pages) >= EVENTS)
            for child in children_of(process.pid):
                os.kill(child, signal.SIGKILL)
            wait_until(lambda: bool(answers.broken))
            process.send_signal(signal.SIGTERM)
        for person in people:
            person.join()
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=40)
    return answers


@dataclass
class Trail:
    """The logs of two hosts, the first of which ran twice and was killed the second time; `first-key` is elsewhere."""

    folder: Path
    killed: Answers
    lines: list[str]

    def write(self, name: str, lines: list[str]) -> str:
        """A file of those lines."""
        (self.folder / name).write_text("".join(lines))
        return name

    def verify(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """What `awscons audit verify` says with the key."""
        printed = io.StringIO()
        paths = [one if one.startswith("--") else str(self.folder / one) for one in arguments]
        key = str(self.folder / "first-key")
        with redirect_stdout(printed), pytest.raises(SystemExit) as exit_:
            main(["audit", "verify", "--json", "--key", key, *paths])
        return int(exit_.value.code or 0), json.loads(printed.getvalue())

    def broken(self, lines: list[str]) -> tuple[set[str], set[str]]:
        """The streams that are not intact with anchors that were kept elsewhere, and what was found in any."""
        status, found = self.verify("--anchors", "anchors", self.write("changed.log", lines))
        streams = {one["stream"] for one in found["streams"] if not one["intact"]}
        assert status == bool(streams)
        return streams, {finding["kind"] for one in found["streams"] for finding in one["findings"]}


@pytest.fixture(scope="module")
def trail(tmp_path_factory: pytest.TempPathFactory) -> Trail:
    folder = tmp_path_factory.mktemp("trail")
    assert awscons(folder, "audit", "key", "first-key").returncode == 0
    for host in ("web1", "web2"):
        shutil.copy(folder / "first-key", folder / f"{host}.key")
    run_host(folder, "web1")
    (folder / "web1.log").rename(folder / "web1.log.1")
    killed = run_host(folder, "web1", kill=True)
    run_host(folder, "web2")
    (folder / "web1.log.1.gz").write_bytes(gzip.compress((folder / "web1.log.1").read_bytes()))
    lines = [line for name in LOGS for line in (folder / name).read_text().splitlines(keepends=True)]
    found = Trail(folder, killed, lines)
    found.write("anchors", [line for line in lines if '"checkpoint"' in line])
    return found


def place_of(line: str) -> tuple[str, int]:
    event = json.loads(line)
    return event["stream"], event["seq"]


def is_covered(trail: Trail, line: str) -> bool:
    """Whether an anchor, or a later event of its stream, covers an event; else nothing can miss it."""
    stream, seq = place_of(line)
    anchored = {name for one in trail.lines if '"checkpoint"' in one for name in json.loads(one)["heads"]}
    last = max(number for name, number in map(place_of, trail.lines) if name == stream)
    return stream in anchored or 0 < seq < last


# --- sound logs --------------------------------------------------------------------------


def test_every_stream_is_intact_over_hosts_rotation_compression_and_a_kill(trail: Trail) -> None:
    status, found = trail.verify("web1.log", "web1.log.1.gz", "web2.log")
    assert status == 0
    assert sum(stream["events"] for stream in found["streams"]) >= 3 * EVENTS
    assert {finding["kind"] for stream in found["streams"] for finding in stream["findings"]} == {
        "unanchored tail"
    }
    assert {stream["stream"].split("/")[0] for stream in found["streams"]} == {"web1", "web2"}
    ended = [stream for stream in found["streams"] if not stream["findings"]]
    assert ended, "processes that ended in order have no unanchored tail"


def test_whatever_was_answered_before_a_kill_is_in_the_log(trail: Trail) -> None:
    assert trail.killed.broken, "requests ran while the workers were killed"
    events = [
        json.loads(line) for line in (trail.folder / "web1.log").read_text().splitlines() if "}" in line
    ]
    by_request = {event.get("request_id"): event for event in events}
    seen = Counter(page.status_code for page in trail.killed.pages.values())
    assert min(seen[301], seen[400]) > PEOPLE
    for request, page in trail.killed.pages.items():
        event = by_request[request]
        if page.status_code == 301:
            assert (event["action"], event["outcome"]) == ("open-console", "done")
        elif page.status_code < 500:
            assert (event["action"], event["outcome"]) == ("sign-in", "refused")
            assert event["incident_id"] in page.text


@settings(max_examples=10, deadline=None)
@given(seed=st.integers())
def test_any_order_of_lines_is_sound(trail: Trail, seed: int) -> None:
    lines = list(trail.lines)
    random.Random(seed).shuffle(lines)
    assert trail.broken(lines) == (set(), {"unanchored tail"})


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_a_line_that_is_there_twice_is_told_and_blames_nobody(trail: Trail, data: st.DataObject) -> None:
    lines = [*trail.lines, data.draw(st.sampled_from(trail.lines))]
    assert trail.broken(lines) == (set(), {"unanchored tail", "repeated"})


# --- what somebody does to them ----------------------------------------------------------

ALTERED: dict[str, Callable[[Any], object]] = {
    "action": lambda _: "sign-out",
    "configuration_hash": lambda _: "0" * 16,
    "timestamp": lambda value: value.replace("2", "3", 1),
    "level": lambda _: "debug",
    "seq": lambda value: value + 1,
    "prev": lambda _: "1" * 64,
    "hash": lambda _: "1" * 64,
    "key_hour": lambda value: value - 1,
    "personal": lambda _: {},
    "new": lambda _: "eve",
}


@settings(max_examples=15, deadline=None)
@given(data=st.data(), name=st.sampled_from(sorted(ALTERED)))
def test_an_altered_line_breaks_its_stream_and_no_other(trail: Trail, data: st.DataObject, name: str) -> None:
    number = data.draw(st.integers(0, len(trail.lines) - 1))
    event = json.loads(trail.lines[number])
    lines = list(trail.lines)
    lines[number] = json.dumps({**event, name: ALTERED[name](event.get(name))}) + "\n"
    assert trail.broken(lines)[0] == {event["stream"]}
    _, found = trail.verify("changed.log")
    places = {
        finding["place"] for one in found["streams"] for finding in one["findings"] if finding["breaks"]
    }
    assert any(place.endswith(f"changed.log:{number + 1}") for place in places)


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_a_dropped_line_is_missed_in_its_stream_alone(trail: Trail, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(trail.lines) - 1))
    streams, kinds = trail.broken([*trail.lines[:number], *trail.lines[number + 1 :]])
    if is_covered(trail, trail.lines[number]):
        assert streams == {place_of(trail.lines[number])[0]}
    else:
        assert streams == set()
        assert "unanchored tail" in kinds


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_an_end_that_was_cut_is_missed_where_an_anchor_covers_it(trail: Trail, data: st.DataObject) -> None:
    stream, last = place_of(data.draw(st.sampled_from(trail.lines)))
    kept = [line for line in trail.lines if place_of(line)[0] != stream or place_of(line)[1] < last]
    streams, kinds = trail.broken(kept)
    if is_covered(trail, next(line for line in trail.lines if place_of(line) == (stream, 0))):
        assert (streams, "cut before an anchor" in kinds) == ({stream}, True)
    else:
        assert streams == set()


@settings(max_examples=10, deadline=None)
@given(data=st.data(), rehash=st.booleans())
def test_a_line_of_another_stream_is_no_part_of_this_one(
    trail: Trail, data: st.DataObject, *, rehash: bool
) -> None:
    number = data.draw(st.integers(0, len(trail.lines) - 1))
    event = json.loads(trail.lines[number])
    foreign = [line for line in trail.lines if place_of(line)[0] != event["stream"]]
    spliced = json.loads(data.draw(st.sampled_from(foreign)))
    spliced |= {name: event[name] for name in ("stream", "seq", "prev")}
    if rehash:
        del spliced["key_hour"]
        spliced["hash"] = hash_of(spliced, None)
    lines = list(trail.lines)
    lines[number] = json.dumps(spliced) + "\n"
    assert trail.broken(lines)[0] == {event["stream"]}


# --- commands ----------------------------------------------------------------------------


def test_another_key_verifies_nothing(trail: Trail) -> None:
    awscons(trail.folder, "audit", "key", "other-key")
    done = awscons(trail.folder, "audit", "verify", "--key", "other-key", "web1.log")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)


def test_a_person_is_erased_and_the_copy_still_verifies(trail: Trail) -> None:
    done = awscons(trail.folder, "audit", "erase", "nobody@example.com", "web1.log.1")
    assert done.stdout == (trail.folder / "web1.log.1").read_text()
    assert "0 events were redacted" in done.stderr
    copy = awscons(trail.folder, "audit", "erase", "ada@example.com", "web1.log.1").stdout
    assert "ada@example.com" not in copy
    status, found = trail.verify(trail.write("redacted", [copy]))
    assert (status, sum(stream["redacted"] for stream in found["streams"]) >= EVENTS // 2) == (0, True)


# --- erasing ----------------------------------------------------------------------------

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
    assert awscons(people, "audit", "verify", "-", stdin=done.stdout).returncode == 0
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


def test_a_log_without_events_and_a_missing_file_are_one_sentence(trail: Trail) -> None:
    assert awscons(trail.folder, "audit", "verify", "-", stdin="nothing\n").returncode == 1
    for command in (["verify", "missing"], ["show", "missing"]):
        done = awscons(trail.folder, "audit", *command)
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
def test_events_are_converted_line_by_line(trail: Trail, shape: str, field: str) -> None:
    done = awscons(trail.folder, "audit", "convert", "--to", shape, "web1.log.1.gz")
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
