"""When a login will not do for a target."""

from datetime import UTC, datetime, timedelta

import pytest

from awscons.access.identity import Identity, Login
from awscons.access.step_up import AuthnRequirement, step_up
from awscons.access.targets import RoleArn, Target

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
MFA = "https://refeds.org/profile/mfa"
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"


def target(*, age: int | None = None, context: tuple[str, ...] = ()) -> Target:
    role = RoleArn("aws", "123456789012", "Admin")
    return Target("admin", role, 3600, max_login_age=age, authn_context=context)


def login(*, minutes_ago: float | None = 0, context: tuple[str, ...] = (PASSWORD,)) -> Login:
    at = None if minutes_ago is None else NOW - timedelta(minutes=minutes_ago)
    identity = Identity("ada", "ada", {}, frozenset())
    return Login(identity, NOW, NOW + timedelta(hours=1), None, at, context)


@pytest.mark.parametrize(
    ("door", "who"),
    [
        (target(), login(minutes_ago=600)),
        (target(), login(minutes_ago=None)),
        (target(age=300), login(minutes_ago=5)),
        (target(context=(MFA,)), login(context=(PASSWORD, MFA))),
        (target(age=300, context=(MFA, PASSWORD)), login(minutes_ago=1)),
    ],
)
def test_a_login_that_is_fresh_and_of_the_kind_will_do(door: Target, who: Login) -> None:
    assert step_up(door, who, now=NOW) is None


@pytest.mark.parametrize(
    ("door", "who"),
    [
        (target(age=300), login(minutes_ago=5.1)),
        (target(age=300), login(minutes_ago=None)),
        (target(context=(MFA,)), login()),
        (target(context=(MFA,)), login(context=())),
        (target(age=300, context=(MFA,)), login(minutes_ago=6, context=(MFA,))),
    ],
)
def test_any_other_has_to_authenticate_anew_in_a_way_that_the_target_wants(door: Target, who: Login) -> None:
    assert step_up(door, who, now=NOW) == AuthnRequirement(force_authn=True, authn_context=door.authn_context)
