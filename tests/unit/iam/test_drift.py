"""What `aws iam` printed is read strictly: anything else is refused, never taken for an account without drift."""

import json
from urllib.parse import quote

import pytest

from awscons.iam.drift import NotIamOutput, read_observed

ARN = "arn:aws:iam::111111111111:role/Admin"
TRUST = {"Version": "2012-10-17", "Statement": []}
ROLE = {"Arn": ARN, "RoleId": "AROAEXAMPLE00000", "AssumeRolePolicyDocument": TRUST}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        "null",
        '{"Role": {}}',
        '{"Role": []}',
        '{"Role": null}',
        json.dumps({"Role": {**ROLE, "AssumeRolePolicyDocument": "x"}}),
        json.dumps({"Role": ROLE}) + "x",
        "\x00",
        "[" * 9000,
    ],
    ids=repr,
)
def test_text_that_is_no_output_of_aws_iam_is_refused(text: str) -> None:
    with pytest.raises(NotIamOutput):
        read_observed(text)


def test_a_policy_as_the_api_encodes_it_is_the_same_as_one_that_the_cli_decoded() -> None:
    encoded = {**ROLE, "AssumeRolePolicyDocument": quote(json.dumps(TRUST))}
    assert read_observed(json.dumps({"Role": encoded})).trusts == {ARN: TRUST}
    assert read_observed(json.dumps(ROLE)).trusts == {ARN: TRUST}


def test_managed_policies_and_those_of_groups_count_with_the_inline_ones() -> None:
    def policy(action: str) -> dict[str, object]:
        return {"Statement": {"Effect": "Allow", "Action": action, "Resource": "*"}}

    attached = [{"PolicyArn": "arn:aws:iam::1:policy/m"}]
    versions = [
        {"IsDefaultVersion": False, "Document": policy("old")},
        {"IsDefaultVersion": True, "Document": policy("managed")},
    ]
    user = {
        "Arn": "arn:aws:iam::1:user/u",
        "UserId": "AIDA",
        "UserPolicyList": [{"PolicyDocument": policy("inline")}],
        "GroupList": ["g", "unknown"],
        "AttachedManagedPolicies": attached,
    }
    document = {
        "UserDetailList": [user],
        "GroupDetailList": [{"GroupName": "g", "GroupPolicyList": [{"PolicyDocument": policy("group")}]}],
        "Policies": [{"Arn": attached[0]["PolicyArn"], "PolicyVersionList": versions}],
    }
    found = read_observed(json.dumps(document)).policies["arn:aws:iam::1:user/u"]
    assert [statement["Action"] for statement in found] == ["inline", "managed", "group"]
