"""Logs are JSON lines, and quote nobody's secrets, whoever writes them."""

import io
import json
import logging

import pytest
import structlog

from awscons.adapters.audit_log import ChainedAuditLog, configure_logging
from awscons.audit.chain import hash_of
from awscons.audit.event import Action, AuditEvent, Outcome


def logged(write: object, *, debug: bool = False) -> list[dict[str, object]]:
    stream = io.StringIO()
    configure_logging(debug=debug, stream=stream)
    write()  # type: ignore[operator]
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_audit_event_is_one_line_with_the_fields_that_apply() -> None:
    event = AuditEvent(action=Action.OPEN_CONSOLE, outcome=Outcome.DONE, user_name="Zoë\n")
    (line,) = logged(lambda: ChainedAuditLog().record(event))
    assert line["event"] == "audit"
    assert line["action"] == "open-console"
    assert line["user_name"] == "Zoë\n"
    assert "cause" not in line
    assert str(line["timestamp"]).endswith("Z")


def test_a_failure_is_a_warning() -> None:
    event = AuditEvent(action=Action.SIGN_IN, outcome=Outcome.FAILED)
    (line,) = logged(lambda: ChainedAuditLog().record(event))
    assert line["level"] == "warning"


def test_other_peoples_debug_lines_never_appear() -> None:
    def write() -> None:
        for name in ("botocore.parsers", "urllib3.connectionpool", "signxml.processor", "werkzeug"):
            logging.getLogger(name).debug("secret")
            logging.getLogger(name).info("secret")

    assert logged(write, debug=True) == []


def test_other_peoples_warnings_are_json_too() -> None:
    (line,) = logged(lambda: logging.getLogger("botocore").warning("careful: %s", "x"))
    assert (line["event"], line["logger"], line["level"]) == ("careful: x", "botocore", "warning")


def test_an_exception_is_written_as_type_and_places_without_its_text() -> None:
    def fail() -> None:
        raise ValueError("https://signin/?SigninToken=secret")

    def write() -> None:
        try:
            fail()
        except ValueError as error:
            structlog.get_logger("awscons.x").error("broken", exc_info=error)
            logging.getLogger("other").exception("broken as well")

    for line in logged(write):
        assert line["error_type"] == "ValueError"
        assert "fail" in str(line["error_at"])
        assert "secret" not in json.dumps(line)


def test_our_own_debug_lines_appear_only_when_debugging() -> None:
    def write() -> None:
        structlog.get_logger("awscons.x").debug("detail")

    assert logged(write) == []
    assert len(logged(write, debug=True)) == 1


UNPRINTABLE = "\x00\x1b\x7f\x85\x9b\u00ad\u061c\u200b\u200e\u2028\u2029\u202e\u2066\ufeff\ud800\U000e0041"


def test_no_value_can_begin_a_line_or_control_a_terminal_whoever_reads_the_log() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)
    event = AuditEvent(action=Action.SIGN_IN, outcome=Outcome.REFUSED, name_id=f"Zoë{UNPRINTABLE}\U0001f600")
    ChainedAuditLog().record(event)
    logging.getLogger("botocore").warning("careful: %s", UNPRINTABLE)
    written = stream.getvalue()
    assert len(written.encode().decode().splitlines()) == 2
    assert all(line.isprintable() for line in written.splitlines())
    ours, foreign = map(json.loads, written.splitlines())
    assert ours["name_id"] == event.name_id
    assert foreign["event"] == f"careful: {UNPRINTABLE}"


def test_names_that_others_chose_are_cut_with_a_mark() -> None:
    event = AuditEvent(
        action=Action.SIGN_IN,
        outcome=Outcome.DONE,
        user_name="u" * 256,
        name_id="n" * 1_000,
        groups=("g", "h" * 300),
        console_destination="https://" + "d" * 1_000,
    )
    facts = event.facts()
    assert facts["user_name"] == "u" * 256
    assert facts["name_id"] == "n" * 256 + "… (1000 characters)"
    assert facts["groups"] == ["g", "h" * 256 + "… (300 characters)"]
    assert facts["console_destination"] == event.console_destination


@pytest.mark.parametrize("name", ["g", "\u5b57", "\u0085", "\U000e0041"])
def test_a_person_in_many_groups_of_long_names_stays_within_a_line_that_engines_do_not_split(
    name: str,
) -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)
    groups = tuple(f"{number:03}{name * 250}" for number in range(200))
    event = AuditEvent(action=Action.SIGN_IN, outcome=Outcome.DONE, groups=groups, user_agent=name * 9_000)
    ChainedAuditLog().record(event)
    assert len(stream.getvalue().encode()) < 16_384
    kept = json.loads(stream.getvalue())["groups"]
    assert kept == list(groups)[: len(kept)]
    assert kept


def test_long_texts_are_cut_where_the_line_would_be_split() -> None:
    event = AuditEvent(
        action=Action.OPEN_CONSOLE, outcome=Outcome.FAILED, cause="c" * 30_000, hint="h" * 20_000
    )
    (line,) = logged(lambda: ChainedAuditLog().record(event))
    assert len(json.dumps(line)) < 16_384
    assert str(line["cause"]).endswith("c…")
    assert hash_of(line, None) == line["hash"]


def test_a_line_is_json_where_the_locale_knows_only_ascii() -> None:
    """As standard error is under LC_ALL=C: other characters become escapes of Python's, which JSON does not know."""
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="ascii", errors="backslashreplace", write_through=True)
    configure_logging(stream=stream)
    structlog.get_logger("awscons.x").warning("Zoë")
    logging.getLogger("other").warning("Zoë")
    assert [json.loads(line)["event"] for line in written.getvalue().splitlines()] == ["Zoë", "Zoë"]
