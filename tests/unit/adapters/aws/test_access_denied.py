"""When STS denies a role, the operator reads which policy denies it, and where it is changed."""

import pytest

from awscons.adapters.aws.access_denied import access_denied_hint

WHO = (
    "User: arn:aws:iam::123456789012:user/broker is not authorized to perform: sts:AssumeRole on resource: "
    "arn:aws:iam::123456789012:role/Admin"
)
NEEDS = ("sts:AssumeRole", "sts:TagSession")
OTHER_POLICIES = [
    ("a service control policy", "service control policy (SCP)"),
    ("a resource control policy", "resource control policy (RCP)"),
    ("a permissions boundary", "permissions boundary"),
    ("a session policy", "session policy of this broker's own credentials"),
    ("a VPC endpoint policy", "VPC endpoint"),
]


@pytest.mark.parametrize(
    ("policy", "named"), [*OTHER_POLICIES, ("an identity-based policy", "a policy of this broker's own")]
)
def test_an_explicit_deny_outside_the_trust_policy_is_told_of_as_such(policy: str, named: str) -> None:
    hint = access_denied_hint(f"{WHO} with an explicit deny in {policy}", NEEDS)
    assert named in hint
    assert "denies sts:AssumeRole explicitly" in hint
    assert "no trust policy helps" in hint


@pytest.mark.parametrize(("policy", "named"), OTHER_POLICIES)
def test_a_policy_that_does_not_allow_it_is_named(policy: str, named: str) -> None:
    kind = policy.removeprefix("a ")
    hint = access_denied_hint(f"{WHO} because no {kind} allows the sts:AssumeRole action", NEEDS)
    assert named in hint
    assert "does not allow sts:AssumeRole" in hint


@pytest.mark.parametrize(
    "policy", ["a resource-based policy", "the role trust policy", "a role trust policy"]
)
def test_a_deny_in_the_trust_policy_is_told_of_as_such(policy: str) -> None:
    hint = access_denied_hint(f"{WHO} with an explicit deny in {policy}", NEEDS)
    assert hint.startswith("the role's trust policy denies sts:AssumeRole explicitly")


@pytest.mark.parametrize(
    "reason", ["", " because no identity-based policy allows the sts:AssumeRole action"], ids=["none", "own"]
)
def test_where_something_must_be_allowed_both_places_are_named(reason: str) -> None:
    hint = access_denied_hint(WHO + reason, NEEDS)
    assert "trust policy" in hint
    assert "broker's own policy must allow sts:AssumeRole and sts:TagSession" in hint


@pytest.mark.parametrize(
    ("action", "passed_on"),
    [
        ("TagSession", "those of EKS Pod Identity go away with --disable-session-tags"),
        ("SetSourceIdentity", "the broker's own session has a source identity"),
    ],
)
def test_what_the_target_does_not_need_is_what_the_brokers_own_session_passes_on(
    action: str, passed_on: str
) -> None:
    message = WHO.replace("AssumeRole", action)
    assert passed_on in access_denied_hint(message, ("sts:AssumeRole",))
    assert "since the target has" in access_denied_hint(message, ("sts:AssumeRole", f"sts:{action}"))


@pytest.mark.parametrize("needs", [(), ("sts:GetCallerIdentity",), NEEDS])
@pytest.mark.parametrize(
    "message", ["", "Access denied", WHO, WHO.replace("AssumeRole", "GetCallerIdentity")]
)
def test_every_hint_names_an_action(message: str, needs: tuple[str, ...]) -> None:
    hint = access_denied_hint(message, needs)
    assert "  " not in hint
    assert "sts:" in hint
    if not message and "sts:GetCallerIdentity" in needs:
        assert "a policy denies it" in hint
