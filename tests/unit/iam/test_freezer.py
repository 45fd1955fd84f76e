"""The freezer role's documents: it may attach and detach one policy, on the roles of targets, and nothing else."""

import pytest

from awscons.access.targets import RoleArn
from awscons.demo.policy_evaluation import Principal, Request, Verdict, evaluate
from awscons.iam.broker_policy import PolicyTooLarge
from awscons.iam.freezer import RoleNotFreezable, deny_all, freezer_of, freezer_policy, freezer_trust

CALLER = "arn:aws:iam::111111111111:role/Broker"
ADMIN = RoleArn("aws", "222222222222", "sso/Admin")
RESERVED = RoleArn(
    "aws", "222222222222", "aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef"
)


def may(action: str, role: RoleArn, policy_arn: str) -> bool:
    document = freezer_policy([ADMIN, RESERVED])
    assert document is not None
    who = Principal("arn:aws:iam::222222222222:role/awscons-freezer")
    return evaluate(document, Request(who, action, str(role), {"iam:PolicyARN": policy_arn})) is Verdict.ALLOW


@pytest.mark.parametrize("action", ["iam:AttachRolePolicy", "iam:DetachRolePolicy"])
def test_the_freezer_attaches_and_detaches_deny_all_on_the_roles_of_targets(action: str) -> None:
    assert may(action, ADMIN, "arn:aws:iam::aws:policy/AWSDenyAll")
    assert not may(action, ADMIN, "arn:aws:iam::aws:policy/AdministratorAccess")
    assert not may(action, RoleArn("aws", "222222222222", "Deploy"), deny_all("aws"))
    assert not may(action, RESERVED, deny_all("aws"))


def test_the_freezer_may_do_nothing_else() -> None:
    assert not may("iam:PutRolePolicy", ADMIN, deny_all("aws"))


def test_only_the_named_callers_may_assume_the_freezer() -> None:
    trust = freezer_trust("aws", CALLER, strict=True)
    freezer = str(freezer_of(ADMIN, "awscons-freezer"))
    for caller, verdict in ((CALLER, Verdict.ALLOW), (f"{CALLER}2", Verdict.SILENT)):
        assert evaluate(trust, Request(Principal(caller), "sts:AssumeRole", freezer, {})) is verdict


@pytest.mark.parametrize(
    ("freezer", "arn"),
    [
        ("awscons-freezer", "arn:aws-cn:iam::333333333333:role/awscons-freezer"),
        ("security/Freezer", "arn:aws-cn:iam::333333333333:role/security/Freezer"),
        (
            "arn:aws-cn:iam::{account_id}:role/f-{account_id}",
            "arn:aws-cn:iam::333333333333:role/f-333333333333",
        ),
    ],
)
def test_each_account_has_its_own_freezer(freezer: str, arn: str) -> None:
    assert str(freezer_of(RoleArn("aws-cn", "333333333333", "Admin"), freezer)) == arn


@pytest.mark.parametrize(
    "freezer",
    ["arn:aws:iam::111111111111:role/Freezer", "arn:aws-cn:iam::{account_id}:role/Freezer", "two words"],
)
def test_a_freezer_of_another_account_or_partition_is_refused(freezer: str) -> None:
    with pytest.raises(RoleNotFreezable, match="freezer_role"):
        freezer_of(ADMIN, freezer)


def test_roles_of_identity_center_cannot_be_frozen() -> None:
    with pytest.raises(RoleNotFreezable, match="IAM Identity Center"):
        freezer_of(RESERVED, "awscons-freezer")
    assert freezer_policy([RESERVED]) is None


def test_a_freezer_policy_above_the_limit_is_refused() -> None:
    roles = [RoleArn("aws", "222222222222", f"sso/team-{number:04}") for number in range(300)]
    with pytest.raises(PolicyTooLarge, match="account 222222222222"):
        freezer_policy(roles)
