"""What `awscons doctor` makes of thousands of targets. No AWS: a broker that knows the answers."""

from dataclasses import replace
from typing import cast

from awscons.access.targets import Target, parse_role_arn
from awscons.aws.broker import Broker
from awscons.aws.opened import TriedRole
from awscons.aws.probe import Probe, probe_targets
from awscons.aws.role_request import USER_NAME, RoleRequest
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


def target_in(account: int) -> Target:
    role = parse_role_arn(f"arn:aws:iam::{account:012}:role/sso/Admin")
    assert role is not None
    plain = Target(f"account-{account}", role, 3600)
    return replace(plain, terms=replace(plain.terms, session_tags=(("team", USER_NAME),)))


def probe(*targets: Target) -> list[Probe]:
    broker = cast("Broker", WithoutTags())
    waits: list[None] = []
    found = probe_targets(
        broker, targets, name="ada", name_attribute=USER_NAME, before_second_try=lambda: waits.append(None)
    )
    probes = list(found)
    assert waits == [None]
    return probes


def test_three_thousand_targets_that_lack_the_same_are_told_once() -> None:
    found = Examination(callers=[CALLER])
    for one in probe(*map(target_in, range(1, 3001))):
        found.doors.append(door_of(one, diagnose(one, CALLER), CALLER))
    lines = list(examination_lines(found, is_one_target=False))
    assert "  0 of 3,000 targets open, asked as " + CALLER in lines
    assert "  3,000 targets do not open: AWS does not allow sts:TagSession" in lines
    assert any(line.endswith("and 2,995 more") for line in lines)
    assert len(lines) < 40
