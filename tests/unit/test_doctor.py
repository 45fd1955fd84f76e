"""What `awscons doctor` makes of thousands of targets. No AWS: a broker that knows the answers."""

from dataclasses import replace
from typing import cast

from awscons.access.targets import Target, parse_role_arn
from awscons.aws.broker import Broker
from awscons.aws.opened import TriedRole
from awscons.aws.probe import Probe, probe_targets
from awscons.aws.role_request import TAG_SESSION, USER_NAME, RoleRequest
from awscons.cli.doctor_report import Examination, door_of, examination_lines
from awscons.errors import RoleRefused
from awscons.iam.missing import diagnose

CALLER = "arn:aws:iam::123456789012:user/broker"


class WithoutTags:
    """A broker for which every role is closed as long as the request has session tags."""

    def try_role(self, target: Target, request: RoleRequest, *, token: bool) -> TriedRole | None:
        del target, token
        if request.session_tags:
            raise RoleRefused("AccessDenied", step="sts")
        return None


class PassingItsTagsOn:
    """A broker whose own session has tags that go on into every role, and a role that does not allow that."""

    def try_role(self, target: Target, request: RoleRequest, *, token: bool) -> TriedRole | None:
        del target, request, token
        refused = RoleRefused("AccessDenied", step="sts")
        refused.action = TAG_SESSION
        raise refused


def target_in(account: int) -> Target:
    role = parse_role_arn(f"arn:aws:iam::{account:012}:role/sso/Admin")
    assert role is not None
    plain = Target(f"account-{account}", role, 3600)
    return replace(plain, terms=replace(plain.terms, session_tags=(("team", USER_NAME),)))


def probe(*targets: Target, by: type[WithoutTags | PassingItsTagsOn] = WithoutTags) -> list[Probe]:
    broker = cast("Broker", by())
    waits: list[None] = []
    found = probe_targets(
        broker, targets, name="ada", name_attribute=USER_NAME, before_second_try=lambda: waits.append(None)
    )
    probes = list(found)
    assert waits == [None]
    return probes


def test_tags_that_the_brokers_own_session_passes_on_are_told_apart_from_the_targets() -> None:
    tagged = target_in(1)
    plain = replace(tagged, terms=replace(tagged.terms, session_tags=()))
    for target, cure in ((tagged, "the target has `session_tags`"), (plain, "EKS Pod Identity")):
        (found,) = probe(target, by=PassingItsTagsOn)
        diagnosis = diagnose(found, CALLER)
        assert diagnosis
        assert (found.missing, diagnosis.cause) == ((TAG_SESSION,), "AWS does not allow sts:TagSession")
        assert cure in diagnosis.cure
        assert len(diagnosis.trust) == 1


def test_three_thousand_targets_that_lack_the_same_are_told_once() -> None:
    found = Examination(callers=[CALLER])
    for one in probe(*map(target_in, range(1, 3001))):
        found.doors.append(door_of(one, diagnose(one, CALLER), CALLER))
    lines = list(examination_lines(found, is_one_target=False))
    assert "  0 of 3,000 targets open, asked as " + CALLER in lines
    assert "  3,000 targets do not open: AWS does not allow sts:TagSession" in lines
    assert any(line.endswith("and 2,995 more") for line in lines)
    assert len(lines) < 40
