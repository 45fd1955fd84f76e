"""What the pretend STS refuses in an assertion: each rule that AWS documents, by one assertion that breaks it."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from awscons.access.targets import RoleArn
from awscons.aws.assertions import AssertionIssuer, assertion_attributes
from awscons.aws.partitions import PARTITIONS
from awscons.aws.role_request import RoleRequest, SamlGrant
from awscons.demo.pretend_saml import Presented, read_assertion
from awscons.demo.pretend_sts_checks import ApiError
from awscons.saml.issuing import AssertionContent, issue_response
from awscons.saml.metadata import build_idp_metadata, parse_idp_metadata
from awscons.saml.parties import KeyPair
from support.forge import certificate_of, key_named

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
ISSUER, RECIPIENT = "https://sso.example.com/aws", "https://eu-west-1.signin.aws.amazon.com/saml"
PROVIDER = "arn:aws:iam::123456789012:saml-provider/awscons"
OURS = KeyPair(certificate_of("sp"), key_named("sp"))  # type: ignore[arg-type]  # an RSA key
THEIRS = KeyPair(certificate_of("idp"), key_named("idp"))  # type: ignore[arg-type]
METADATA = parse_idp_metadata(
    build_idp_metadata(ISSUER, [OURS.certificate], sso_url="https://sso.example.com/"),
    entity_id=None,
    now=NOW,
)
REQUEST = RoleRequest(
    role=RoleArn("aws", "123456789012", "Admin"),
    role_session_name="ada@example.com",
    session_tags=(("team", "blue"),),
    saml=SamlGrant(PROVIDER, "admin", "0123abcd"),
)
GOOD = AssertionContent(
    RECIPIENT,
    [RECIPIENT],
    "0123abcd",
    assertion_attributes(REQUEST, REQUEST.saml or SamlGrant("", "", "")),
    NOW,
)


def saying(name: str, *values: str) -> AssertionContent:
    """The good assertion, with other values of one attribute."""
    return replace(
        GOOD, attributes={**GOOD.attributes, f"https://aws.amazon.com/SAML/Attributes/{name}": values}
    )


def issued(content: AssertionContent = GOOD, *, issuer: str = ISSUER, by: KeyPair = OURS) -> bytes:
    return issue_response(content, response_id="_r", assertion_id="_a", issuer=issuer, signing=by, now=NOW)


def presented(
    response: bytes,
    *,
    now: datetime = NOW,
    used: set[str] | None = None,
    region: str | None = None,
    **form: str,
) -> Presented:
    call = {
        "RoleArn": str(REQUEST.role),
        "PrincipalArn": PROVIDER,
        "DurationSeconds": "43200",
        "SAMLAssertion": base64.b64encode(response).decode(),
        **form,
    }
    return read_assertion(call, {PROVIDER: METADATA}, set() if used is None else used, now=now, region=region)


def test_what_the_service_issues_is_read_as_it_was_meant() -> None:
    issuer = AssertionIssuer(ISSUER, OURS, partitions=PARTITIONS, clock=lambda: NOW)
    found = presented(base64.b64decode(issuer.issue(REQUEST, "eu-west-1")))
    assert (found.requested.name, found.requested.tags) == ("ada@example.com", {"team": "blue"})
    assert list(found.actions) == ["sts:AssumeRoleWithSAML", "sts:TagSession"]
    opens, tags = found.actions.values()
    assert (opens["saml:aud"], opens["saml:edupersonentitlement"]) == (RECIPIENT, ["admin"])
    assert set(tags) == {"saml:aud", "aws:RequestTag/team"}


@pytest.mark.parametrize("partition", ["aws-cn", "aws-us-gov", "aws-eusc"])
def test_the_recipient_is_the_sign_in_endpoint_of_the_roles_partition(partition: str) -> None:
    request = replace(REQUEST, role=RoleArn(partition, "123456789012", "Admin"))
    region = PARTITIONS[partition].default_region
    text = AssertionIssuer(ISSUER, OURS, partitions=PARTITIONS, clock=lambda: NOW).issue(request, region)
    assert f"https://{region}.{PARTITIONS[partition].signin_suffix}/saml".encode() in base64.b64decode(text)


@pytest.mark.parametrize(
    ("response", "options", "code"),
    [
        (issued(by=THEIRS), {}, "InvalidIdentityToken"),
        (issued().replace(b">blue<", b">reds<"), {}, "InvalidIdentityToken"),
        (issued(issuer="https://evil.example.com"), {}, "InvalidIdentityToken"),
        (issued(replace(GOOD, recipient="https://signin.aws.example.com/saml")), {}, "InvalidIdentityToken"),
        (issued(replace(GOOD, recipient="https://cn-north-1.signin.aws.amazon.com/saml")), {}, "InvalidIdentityToken"),
        (issued(replace(GOOD, audiences=["https://sso.example.com"])), {}, "InvalidIdentityToken"),
        (issued(replace(GOOD, attributes={})), {}, "InvalidIdentityToken"),
        (issued().replace(b"status:Success", b"status:Requester"), {}, "InvalidIdentityToken"),
        (issued(saying("RoleSessionName", "ada", "eve")), {}, "InvalidIdentityToken"),
        (issued(saying("RoleSessionName", "a")), {}, "ValidationError"),
        (issued(saying("SourceIdentity", "ada lovelace")), {}, "ValidationError"),
        (issued(saying("PrincipalTag:team", "blue", "red")), {}, "InvalidIdentityToken"),
        (issued(saying("PrincipalTag:team", "<b>")), {}, "ValidationError"),
        (issued(saying("Role", f"{REQUEST.role},{PROVIDER}", f"{REQUEST.role}2,{PROVIDER}")), {}, "InvalidIdentityToken"),
        (issued(), {"region": "us-east-1"}, "InvalidIdentityToken"),
        (issued(), {"RoleArn": "arn:aws:iam::123456789012:role/Other"}, "InvalidIdentityToken"),
        (issued(), {"PrincipalArn": f"{PROVIDER}2"}, "InvalidIdentityToken"),
        (issued(), {"used": {"_a"}}, "InvalidIdentityToken"),
        (b"<x/>", {}, "InvalidIdentityToken"),
        (issued(), {"now": NOW + timedelta(minutes=5)}, "ExpiredTokenException"),
        (issued(), {"now": NOW - timedelta(minutes=2)}, "ExpiredTokenException"),
        (issued(), {"SAMLAssertion": "x" * 100_001}, "ValidationError"),
        (issued(), {"DurationSeconds": "899"}, "ValidationError"),
        (issued(), {"Policy": "{"}, "MalformedPolicyDocument"),
    ],
)  # fmt: skip
def test_an_assertion_that_breaks_a_rule_is_refused_with_awss_code(
    response: bytes, options: dict[str, Any], code: str
) -> None:
    with pytest.raises(ApiError) as caught:
        presented(response, **options)
    assert caught.value.code == code
