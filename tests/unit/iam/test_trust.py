"""Trust policies: what a target needs is allowed to the broker, and to nobody else."""

from collections.abc import Mapping

import pytest

from awscons.access.targets import RoleArn, RoleTerms, Target
from awscons.aws.role_request import ASSUME_ROLE, SET_SOURCE_IDENTITY, TAG_SESSION
from awscons.demo.policy_evaluation import Principal, Request, Verdict, evaluate
from awscons.iam.policy import policy_size
from awscons.iam.trust import principal_of, trust_policy, trust_shape, trust_statement

BROKER = "arn:aws:iam::111111111111:role/web/Broker"
OTHER = "arn:aws:iam::111111111111:role/web/Other"
ROLE = RoleArn("aws", "222222222222", "sso/Admin")
EVERYTHING = RoleTerms(source_identity="user_name", session_tags=(("team", "ou"),), external_id="42")


def target(terms: RoleTerms) -> Target:
    return Target(name="admin", role=ROLE, duration=3600, terms=terms)


def verdict(document: Mapping[str, object], action: str, broker: str = BROKER, **context: str) -> bool:
    keys = {"aws:PrincipalArn": broker} | {f"sts:{name}": value for name, value in context.items()}
    found = evaluate(document, Request(Principal(broker), action, str(ROLE), keys))
    return found in {Verdict.ALLOW, Verdict.ALLOW_ACCOUNT}


@pytest.mark.parametrize("strict", [False, True])
def test_a_trust_policy_lets_the_broker_do_what_the_target_needs(*, strict: bool) -> None:
    document = trust_policy(trust_shape(target(EVERYTHING)), BROKER, strict=strict)
    assert verdict(document, ASSUME_ROLE, ExternalId="42")
    assert verdict(document, SET_SOURCE_IDENTITY)
    assert verdict(document, TAG_SESSION)
    assert not verdict(document, ASSUME_ROLE)
    assert not verdict(document, ASSUME_ROLE, ExternalId="43")
    assert not any(verdict(document, action, OTHER, ExternalId="42") for action in (ASSUME_ROLE, TAG_SESSION))


def test_the_external_id_is_a_condition_of_assume_role_alone() -> None:
    first, second = trust_policy(trust_shape(target(EVERYTHING)), BROKER)["Statement"]  # type: ignore[misc]
    assert (first["Action"], first["Condition"]["StringEquals"]) == (ASSUME_ROLE, {"sts:ExternalId": "42"})
    assert second["Action"] == [SET_SOURCE_IDENTITY, TAG_SESSION]
    assert list(second["Condition"]) == ["ArnEquals"]


@pytest.mark.parametrize(
    ("terms", "actions"),
    [
        (RoleTerms(), {ASSUME_ROLE}),
        (RoleTerms(source_identity="mail"), {ASSUME_ROLE, SET_SOURCE_IDENTITY}),
        (RoleTerms(session_tags=(("a", "b"),)), {ASSUME_ROLE, TAG_SESSION}),
    ],
)
def test_only_the_actions_that_the_target_needs_are_allowed(terms: RoleTerms, actions: set[str]) -> None:
    document = trust_policy(trust_shape(target(terms)), BROKER)
    known = {ASSUME_ROLE, SET_SOURCE_IDENTITY, TAG_SESSION}
    assert {action for action in known if verdict(document, action)} == actions


def test_a_role_with_several_targets_takes_the_external_id_of_each() -> None:
    one, two = target(RoleTerms(external_id="x1")), target(RoleTerms(external_id="x2"))
    document = trust_policy(trust_shape(one, two), BROKER)
    assert verdict(document, ASSUME_ROLE, ExternalId="x1")
    assert verdict(document, ASSUME_ROLE, ExternalId="x2")
    assert not verdict(document, ASSUME_ROLE)


def test_a_target_without_an_external_id_lifts_the_requirement_for_its_role() -> None:
    shape = trust_shape(target(RoleTerms(external_id="x1")), target(RoleTerms()))
    assert verdict(trust_policy(shape, BROKER), ASSUME_ROLE)


def test_two_brokers_may_open_one_role() -> None:
    document = trust_policy(trust_shape(target(RoleTerms())), BROKER, OTHER)
    assert verdict(document, ASSUME_ROLE)
    assert verdict(document, ASSUME_ROLE, OTHER)


def test_the_missing_statement_for_one_action_has_that_action_alone() -> None:
    statement = trust_statement((TAG_SESSION,), trust_shape(target(EVERYTHING)), BROKER)
    assert statement == {
        "Sid": "AwsconsTagSession",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
        "Action": TAG_SESSION,
        "Condition": {"ArnEquals": {"aws:PrincipalArn": BROKER}},
    }


def test_the_shape_in_words_does_not_tell_the_external_id() -> None:
    shape = trust_shape(target(RoleTerms(source_identity="mail", external_id="s3cret")))
    assert shape.words == "AssumeRole, SetSourceIdentity, an external id"
    assert "s3cret" not in repr(shape)


def test_a_role_session_is_trusted_by_its_role() -> None:
    session = "arn:aws-cn:sts::111111111111:assumed-role/Broker/i-0123456789abcdef0"
    assert principal_of(session) == "arn:aws-cn:iam::111111111111:role/Broker"
    assert principal_of(BROKER) == BROKER


def test_white_space_does_not_count_towards_the_size() -> None:
    assert policy_size({"Version": "2012-10-17"}) == len('{"Version":"2012-10-17"}')
