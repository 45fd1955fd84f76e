"""The pretend AWS evaluates policies as IAM does: what no statement allows is refused, and a deny wins."""

from typing import Any

import pytest

from awscons.demo.policy_evaluation import Principal, Request, UnknownElement, Verdict, evaluate

ROLE = "arn:aws:iam::222222222222:role/sso/Admin"
USER = "arn:aws:iam::111111111111:user/broker"
BROKER = Principal(USER, unique_id="AIDAEXAMPLE")
SESSION = Principal(
    "arn:aws:iam::111111111111:role/x/Host", "arn:aws:sts::111111111111:assumed-role/Host/i-1"
)
ROOT = "arn:aws:iam::111111111111:root"
ALLOW, DELEGATED, DENY, SILENT = Verdict.ALLOW, Verdict.ALLOW_ACCOUNT, Verdict.DENY, Verdict.SILENT


def verdict(
    *statements: dict[str, Any], principal: Principal = BROKER, **context: str | list[str]
) -> Verdict:
    keys = {name.replace("__", ":"): value for name, value in context.items()}
    document = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", **one} for one in statements]}
    return evaluate(document, Request(principal, "sts:AssumeRole", ROLE, keys))


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ({}, ALLOW),
        ({"Action": ["sts:TagSession", "STS:assume*"]}, ALLOW),
        ({"Action": "sts:TagSession"}, SILENT),
        ({"Action": "sts:AssumeRol"}, SILENT),
        ({"Resource": "arn:aws:iam::*:role/sso/*"}, ALLOW),
        ({"Resource": ["arn:aws:iam::*:role/team/*", "arn:aws:iam::222222222222:role/sso/Admi?"]}, ALLOW),
        ({"Resource": "arn:aws:iam::222222222222:role/SSO/*"}, SILENT),
        ({"NotResource": ROLE}, SILENT),
        ({"Effect": "Deny"}, DENY),
    ],
)
def test_a_statement_is_about_the_actions_and_resources_that_it_names(
    statement: dict[str, Any], expected: Verdict
) -> None:
    assert verdict(statement) is expected


def test_an_action_that_is_excepted_is_not_allowed() -> None:
    document = {"Statement": [{"Effect": "Allow", "NotAction": ["sts:assumerole"], "Resource": "*"}]}
    assert evaluate(document, Request(BROKER, "sts:AssumeRole", ROLE, {})) is SILENT


def test_an_explicit_deny_wins_over_every_allow() -> None:
    assert verdict({}, {"Effect": "Deny"}, {}) is DENY


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (USER, ALLOW),
        ([ROOT, USER], ALLOW),
        ("*", ALLOW),
        (ROOT, DELEGATED),
        ("111111111111", DELEGATED),
        ("arn:aws:iam::222222222222:root", SILENT),
        ("arn:aws-cn:iam::111111111111:root", SILENT),
        ("AIDAEXAMPLE", ALLOW),
        ("AIDAOFTHEDELETEDONE", SILENT),
        ("arn:aws:iam::111111111111:user/brok*", SILENT),
    ],
)
def test_a_principal_is_named_by_arn_account_or_unique_id(named: object, expected: Verdict) -> None:
    assert verdict({"Principal": {"AWS": named}}) is expected


@pytest.mark.parametrize("named", [SESSION.arn, SESSION.session])
def test_a_role_session_is_named_by_its_role_or_by_itself(named: str) -> None:
    assert verdict({"Principal": {"AWS": named}}, principal=SESSION) is ALLOW


@pytest.mark.parametrize(
    ("condition", "context", "expected"),
    [
        ({"StringEquals": {"sts:ExternalId": "x"}}, {"sts__ExternalId": "x"}, ALLOW),
        ({"StringEquals": {"STS:externalid": ["y", "x"]}}, {"sts__ExternalId": "x"}, ALLOW),
        ({"StringEquals": {"sts:ExternalId": "x"}}, {"sts__ExternalId": "X"}, SILENT),
        ({"StringEquals": {"sts:ExternalId": "x"}}, {}, SILENT),
        ({"StringEqualsIfExists": {"sts:ExternalId": "x"}}, {}, ALLOW),
        ({"StringNotEquals": {"sts:ExternalId": "x"}}, {}, ALLOW),
        ({"StringNotEquals": {"sts:ExternalId": "x"}}, {"sts__ExternalId": "x"}, SILENT),
        ({"StringLike": {"sts:RoleSessionName": "ada@*"}}, {"sts__RoleSessionName": "ada@x"}, ALLOW),
        ({"StringLike": {"sts:RoleSessionName": "ada@*"}}, {"sts__RoleSessionName": "eve@x"}, SILENT),
        ({"StringNotLike": {"sts:RoleSessionName": "a*"}}, {"sts__RoleSessionName": "ada"}, SILENT),
        ({"ArnEquals": {"aws:PrincipalArn": USER}}, {"aws__PrincipalArn": USER}, ALLOW),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/b*"}}, {"aws__PrincipalArn": USER}, ALLOW),
        ({"ArnEquals": {"aws:PrincipalArn": USER + "2"}}, {"aws__PrincipalArn": USER}, SILENT),
        ({"ArnNotLike": {"aws:PrincipalArn": USER}}, {"aws__PrincipalArn": USER}, SILENT),
        ({"Null": {"sts:SourceIdentity": "false"}}, {}, SILENT),
        ({"Null": {"sts:SourceIdentity": "true"}}, {}, ALLOW),
        ({"Null": {"sts:SourceIdentity": False}}, {"sts__SourceIdentity": "ada"}, ALLOW),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}, {"aws__TagKeys": ["a"]}, ALLOW),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}}, {"aws__TagKeys": ["a", "b"]}, SILENT),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}}, {}, ALLOW),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a"]}}, {"aws__TagKeys": ["a", "b"]}, ALLOW),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a"]}}, {}, SILENT),
        ({"DateLessThan": {"aws:TokenIssueTime": "2026-01-02T00:00:00Z"}}, {"aws__TokenIssueTime": "2026-01-01T23:59:59Z"}, ALLOW),
        ({"DateLessThan": {"aws:TokenIssueTime": "2026-01-02T00:00:00Z"}}, {"aws__TokenIssueTime": "2026-01-02T00:00:00Z"}, SILENT),
        ({"DateGreaterThan": {"aws:TokenIssueTime": "2026-01-02"}}, {"aws__TokenIssueTime": "2026-01-03T00:00:00Z"}, ALLOW),
    ],
)  # fmt: skip
def test_a_condition_holds_as_iam_documents_it(
    condition: dict[str, Any], context: dict[str, Any], expected: Verdict
) -> None:
    assert verdict({"Condition": condition}, **context) is expected


def test_every_condition_of_a_statement_must_hold() -> None:
    both = {"StringEquals": {"sts:ExternalId": "x", "aws:ResourceAccount": "222222222222"}}
    assert verdict({"Condition": both}, sts__ExternalId="x") is SILENT
    assert verdict({"Condition": both}, sts__ExternalId="x", aws__ResourceAccount="222222222222") is ALLOW


@pytest.mark.parametrize(
    "statement",
    [
        {"Condition": {"IpAddress": {"aws:PrincipalArn": "10.0.0.0/8"}}},
        {"Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}}},
        {"Condition": {"Sometimes:StringEquals": {"aws:TagKeys": "a"}}},
        {"Principal": {"Service": "ec2.amazonaws.com"}},
        {"NotPrincipal": {"AWS": USER}},
    ],
)
def test_what_is_not_known_is_an_error_and_never_an_allow(statement: dict[str, Any]) -> None:
    with pytest.raises(UnknownElement):
        verdict(statement, aws__PrincipalArn=USER, aws__TagKeys="a")
