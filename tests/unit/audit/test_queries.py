"""Statements that join our events to CloudTrail, run over sample rows as Athena would run them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot

from awscons.audit.queries import Question, athena, is_table, logs_insights

NOVEMBER = Question(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
ROLE = "arn:aws:iam::123456789012:role/sso/Admin"


def opened(at: str, **changes: Any) -> dict[str, Any]:
    return {
        "event": "audit",
        "action": "open-console",
        "outcome": "done",
        "timestamp": f"2026-11-27T{at}Z",
        "user_name": "ada@example.com",
        "name_id": "0815",
        "target": "admin",
        "role_arn": ROLE,
        "role_session_name": "ada@example.com",
        "source_identity": "ada",
        "decided_by": "group 'sysadmin'",
        "granted_duration": 3600,
        "login_id": "1",
        **changes,
    }


def done(
    at: str,
    name: str,
    *,
    session: str = "ada@example.com",
    role: str = ROLE,
    key: str = "ASIA1",
    identity: str | None = None,
) -> dict[str, Any]:
    """A row of CloudTrail, as Athena's table has it. The console has other keys than those that we got."""
    context: dict[str, Any] = {"sessionissuer": {"arn": role}}
    return {
        "eventid": f"{at}-{name}-{session}",
        "eventtime": f"2026-11-27T{at}Z",
        "eventname": name,
        "eventsource": "s3.amazonaws.com",
        "awsregion": "eu-west-1",
        "sourceipaddress": "192.0.2.7",
        "errorcode": "",
        "useridentity": {
            "type": "AssumedRole",
            "principalid": f"AROAEXAMPLE:{session}",
            "accesskeyid": key,
            "sessioncontext": context | ({"sourceidentity": identity} if identity else {}),
        },
    }


def asked(folder: Path, question: Question, events: list[Any], trail: list[Any]) -> list[dict[str, Any]]:
    """What Athena would answer."""
    (folder / "events.json").write_text("\n".join(map(json.dumps, events)))
    (folder / "trail.json").write_text("\n".join(map(json.dumps, trail)))
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for table, file in (("awscons_audit", "events"), ("cloudtrail_logs", "trail")):
        path = str(folder / f"{file}.json")
        connection.execute(
            f"CREATE TABLE {table} AS SELECT * FROM read_json('{path}', format='newline_delimited',"
            " convert_strings_to_integers=false, timestampformat='none', dateformat='none')"
        )
    (statement,) = sqlglot.transpile(athena(question), read="athena", write="duckdb")
    result = connection.execute(statement)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def test_what_was_done_in_a_console_is_found_whatever_keys_it_had(tmp_path: Path) -> None:
    trail = [done("10:05:00", "ListBuckets"), done("10:06:00", "GetObject", key="ASIA2")]
    found = asked(tmp_path, NOVEMBER, [opened("10:00:00")], trail)
    assert [(row["eventname"], row["target"], row["decided_by"]) for row in found] == [
        ("ListBuckets", "admin", "group 'sysadmin'"),
        ("GetObject", "admin", "group 'sysadmin'"),
    ]


def test_only_the_same_role_session_and_time_are_joined(tmp_path: Path) -> None:
    trail = [
        done("09:59:59", "TooEarly"),
        done("11:00:01", "TooLate"),
        done("10:05:00", "SomebodyElse", session="eve@example.com"),
        done("10:05:00", "AnotherRole", role=ROLE.replace("Admin", "Other")),
        done("10:59:59", "Right"),
    ]
    found = asked(tmp_path, NOVEMBER, [opened("10:00:00")], trail)
    assert [row["eventname"] for row in found] == ["Right"]


def test_an_event_belongs_to_the_last_console_before_it(tmp_path: Path) -> None:
    events = [opened("10:00:00", login_id="1"), opened("10:30:00", login_id="2")]
    trail = [done("10:29:00", "First"), done("10:31:00", "Second")]
    found = asked(tmp_path, NOVEMBER, events, trail)
    assert [(row["eventname"], row["login_id"]) for row in found] == [("First", "1"), ("Second", "2")]


def test_an_event_of_the_same_second_belongs_to_the_console_that_was_opened_in_it(tmp_path: Path) -> None:
    events = [opened("10:00:00.000000", login_id="1"), opened("10:30:00.987654", login_id="2")]
    found = asked(tmp_path, NOVEMBER, events, [done("10:30:00", "ConsoleLogin")])
    assert [row["login_id"] for row in found] == ["2"]


def test_a_role_that_was_assumed_from_a_console_is_found_by_its_source_identity(tmp_path: Path) -> None:
    events = [opened("10:00:00", login_id="1"), opened("10:30:00", login_id="2", role_arn="other")]
    chained = {"role": "arn:aws:iam::210987654321:role/Deploy", "session": "terraform"}
    trail = [
        done("10:40:00", "Direct", identity="ada"),
        done("10:41:00", "Chained", identity="ada", **chained),
        done("12:29:00", "ChainedInTheLastMinute", identity="ada", **chained),
        done("12:31:00", "TooLate", identity="ada", **chained),
        done("10:42:00", "SomebodyElse", identity="eve", **chained),
        done("10:42:00", "Nobody", **chained),
    ]
    found = asked(tmp_path, NOVEMBER, events, trail)
    assert [(row["eventname"], row["login_id"], row["joined_by"], row["role_used"]) for row in found] == [
        ("Direct", "1", "role and session name", ROLE),
        ("Chained", "2", "source identity", chained["role"]),
        ("ChainedInTheLastMinute", "2", "source identity", chained["role"]),
    ]


def test_a_console_that_was_opened_before_the_period_counts_with_what_was_done_in_it(tmp_path: Path) -> None:
    period = Question(datetime(2026, 11, 27, 12, tzinfo=UTC), datetime(2026, 11, 27, 13, tzinfo=UTC))
    events = [opened("00:30:00", granted_duration=43_200)]
    trail = [done("11:59:59", "Before"), done("12:00:00", "Within"), done("13:00:00", "After")]
    assert [row["eventname"] for row in asked(tmp_path, period, events, trail)] == ["Within"]


def test_refusals_and_other_times_open_nothing(tmp_path: Path) -> None:
    events = [opened("10:00:00", outcome="refused"), opened("10:00:00", timestamp="2026-10-27T10:00:00Z")]
    assert asked(tmp_path, NOVEMBER, events, [done("10:05:00", "ListBuckets")]) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [("ada@example.com", 1), ("0815", 1), ("eve@example.com", 0), ("x' OR '1'='1", 0), ("o'neil'; --", 0)],
)
def test_a_name_selects_a_person_and_is_never_a_part_of_the_statement(
    tmp_path: Path, name: str, expected: int
) -> None:
    question = Question(NOVEMBER.begin, NOVEMBER.end, person=name)
    found = asked(tmp_path, question, [opened("10:00:00")], [done("10:05:00", "ListBuckets")])
    assert len(found) == expected


def test_a_target_selects_its_consoles(tmp_path: Path) -> None:
    question = Question(NOVEMBER.begin, NOVEMBER.end, target="other")
    assert asked(tmp_path, question, [opened("10:00:00")], [done("10:05:00", "ListBuckets")]) == []


def test_what_was_done_in_another_console_of_the_person_is_not_given_to_the_target(tmp_path: Path) -> None:
    events = [opened("10:00:00"), opened("10:01:00", target="other", role_arn="other")]
    question = Question(NOVEMBER.begin, NOVEMBER.end, target="other")
    assert asked(tmp_path, question, events, [done("10:05:00", "ListBuckets", identity="ada")]) == []


def test_logs_insights_filters_our_events_by_quoted_texts_and_the_trail_by_what_they_say() -> None:
    text = logs_insights(Question(NOVEMBER.begin, NOVEMBER.end, person='zoë "x" \\', target="admin"))
    first, second = text.split("# 2. ")
    name = r'"zoë \"x\" \\"'
    assert (
        '| filter event = "audit" and action in ["open-console", "get-credentials"] and outcome = "done"'
        f' and (user_name = {name} or name_id = {name}) and target = "admin"\n' in first
    )
    assert (
        '| filter userIdentity.type = "AssumedRole"\n  and ((role_used in ["ROLE_ARN"]'
        ' and session_used in ["ROLE_SESSION_NAME"]) or identity_used in ["SOURCE_IDENTITY"])\n' in second
    )
    assert "2026-10-31T11:00:00Z to 2026-12-01T00:00:00Z" in first
    assert "2026-11-01T00:00:00Z to 2026-12-01T00:00:00Z" in second
    assert all(query.rstrip().endswith("| limit 10000") for query in (first, second))


@pytest.mark.parametrize("make", [athena, logs_insights])
def test_a_name_with_control_characters_is_refused(make: Any) -> None:
    with pytest.raises(ValueError, match="control characters"):
        make(Question(NOVEMBER.begin, NOVEMBER.end, person="a\nb"))


@pytest.mark.parametrize(
    ("name", "expected"), [("cloudtrail_logs", True), ("audit.trail", True), ("x; DROP", False), ("", False), ("a.b.c", False)]
)  # fmt: skip
def test_only_names_of_tables_are_tables(name: str, *, expected: bool) -> None:
    assert is_table(name) is expected
