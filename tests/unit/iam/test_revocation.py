"""Revocation policies, as IAM would evaluate them for role sessions that are out."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from awscons.demo.policy_evaluation import Principal, Request, Verdict, evaluate
from awscons.iam.broker_policy import PolicyTooLarge
from awscons.iam.revocation import (
    LONGEST_CONSOLE,
    MAX_POLICY_SIZE,
    Revocation,
    RevocationUnreadable,
    person_revocations,
    revocation_policy,
    revocation_slot,
)

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
ROLE = "arn:aws:iam::222222222222:role/sso/Admin"


def is_denied(
    document: Mapping[str, object], name: str, source: str | None = None, *, issued: datetime | None = None
) -> bool:
    """Whether a role session of that name, issued a minute before NOW unless said otherwise, is shut out."""
    context = {
        "aws:userid": f"AROAEXAMPLE:{name}",
        "aws:TokenIssueTime": (issued or NOW - timedelta(minutes=1)).isoformat(),
    }
    if source is not None:
        context["aws:SourceIdentity"] = source
    request = Request(Principal(ROLE), "s3:GetObject", "arn:aws:s3:::bucket/key", context)
    return evaluate(document, request) is Verdict.DENY


def of_person(name: str, source: str | None = None, before: datetime = NOW) -> dict[str, object]:
    return revocation_policy(person_revocations(name, source, before=before), now=NOW)


def test_older_sessions_of_the_person_end_and_newer_ones_live() -> None:
    document = of_person("ada@example.com")
    assert is_denied(document, "ada@example.com")
    assert not is_denied(document, "ada@example.com", issued=NOW + timedelta(seconds=1))
    assert not is_denied(document, "otto@example.com")
    assert not is_denied(document, "not-ada@example.com")


def test_a_session_without_source_identity_does_not_slip_through() -> None:
    document = of_person("ada@example.com", "ada")
    assert is_denied(document, "ada@example.com")
    assert is_denied(document, "a-chained-name", "ada")
    assert not is_denied(document, "otto@example.com", "otto")


def test_everybody_is_shut_out_of_older_sessions_without_a_name() -> None:
    document = revocation_policy([Revocation(NOW)], now=NOW)
    assert is_denied(document, "ada@example.com")
    assert is_denied(document, "otto@example.com", "otto")
    assert not is_denied(document, "otto@example.com", issued=NOW + timedelta(seconds=1))


def test_the_slot_denies_nothing() -> None:
    assert not is_denied(revocation_slot(), "ada@example.com", "ada")
    assert read_revocations(revocation_slot()) == [Revocation(datetime(1970, 1, 1, tzinfo=UTC))]


def test_several_people_share_one_policy_that_can_be_read_again() -> None:
    ada, otto = (
        person_revocations(name, name, before=NOW - timedelta(hours=hours))
        for name, hours in (("ada@example.com", 1), ("otto@example.com", 0))
    )
    document = revocation_policy([*ada, *otto], now=NOW)
    assert sorted(read_revocations(document)) == sorted([*ada, *otto])
    assert is_denied(document, "otto@example.com")
    assert is_denied(document, "ada@example.com", issued=NOW - timedelta(hours=2))
    assert not is_denied(document, "ada@example.com")
    assert revocation_policy(read_revocations(document), now=NOW) == document


def test_people_of_one_moment_share_a_statement() -> None:
    found = [one for name in ("ada", "bob", "eve") for one in person_revocations(name, None, before=NOW)]
    (statement,) = read_statements(revocation_policy(found, now=NOW))
    assert statement["Condition"]["StringLike"] == {"aws:userid": ["*:ada", "*:bob", "*:eve"]}


def read_revocations(document: Mapping[str, object]) -> list[Revocation]:
    """What a policy says."""
    found = []
    for statement in read_statements(document):
        condition = dict(statement["Condition"])
        moment: Any = condition.pop("DateLessThan")
        before = datetime.fromisoformat(moment["aws:TokenIssueTime"])
        tests: list[Any] = list(condition.values()) or [{"": ""}]
        for key, values in (item for test in tests for item in test.items()):
            found += [
                Revocation(before, key, one) for one in ([values] if isinstance(values, str) else values)
            ]
    return found


def read_statements(document: Mapping[str, object]) -> list[dict[str, dict[str, object]]]:
    found: list[dict[str, dict[str, object]]] = json.loads(json.dumps(document))["Statement"]
    return found


def test_revocations_leave_when_nothing_can_be_open_any_more() -> None:
    old = person_revocations("ada@example.com", None, before=NOW - LONGEST_CONSOLE)
    young = person_revocations("otto@example.com", None, before=NOW - timedelta(hours=12))
    assert read_revocations(revocation_policy([*old, *young], now=NOW)) == young
    assert revocation_policy(old, now=NOW) == revocation_slot()


def test_an_earlier_revocation_that_a_later_one_includes_is_left_out() -> None:
    earlier = person_revocations("ada", None, before=NOW - timedelta(hours=1))
    later = person_revocations("ada", None, before=NOW)
    assert read_revocations(revocation_policy([*earlier, *later], now=NOW)) == later
    assert read_revocations(revocation_policy([*earlier, Revocation(NOW)], now=NOW)) == [Revocation(NOW)]


def test_a_policy_above_the_limit_is_refused_with_its_size() -> None:
    found = [
        one
        for number in range(400)
        for one in person_revocations(f"person-{number}@example.com", None, before=NOW)
    ]
    with pytest.raises(PolicyTooLarge, match=f"400 names .* {MAX_POLICY_SIZE:,} in all inline policies"):
        revocation_policy(found, now=NOW)


@pytest.mark.parametrize("name", ["*", "a?", "${aws:username}", "x", "a" * 65, ""])
def test_a_name_that_would_match_other_people_is_refused(name: str) -> None:
    with pytest.raises(RevocationUnreadable):
        person_revocations(name, None, before=NOW)
