"""Consoles that the browser opens with our assertion, and what the assertion says."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from lxml import etree

from awscons.access.targets import OpenBy, RoleArn, Target
from awscons.aws.assertions import AssertionIssuer, assertion_attributes
from awscons.aws.destinations import ConsoleDestination
from awscons.aws.durations import CredentialKind
from awscons.aws.partitions import PARTITIONS
from awscons.aws.principal import Principal
from awscons.aws.role_request import RoleRequest, SamlGrant, build_role_request
from awscons.aws.saml_post import ConsolePoster, PostedConsole
from awscons.errors import BrokerBusy
from awscons.saml.parties import KeyPair
from support.fake_aws import FAR, NEAR, NOW, SETTINGS, FakeAws, login_of
from support.forge import certificate_of, key_named
from support.sample_people import ADA, CLOUDADMIN

PROVIDER = "arn:aws:iam::123456789012:saml-provider/awscons"
POSTED = replace(CLOUDADMIN, open_by=OpenBy.SAML_POST, saml_provider=PROVIDER)
ATTRIBUTE = "https://aws.amazon.com/SAML/Attributes/"


def issuer() -> AssertionIssuer:
    pair = KeyPair(certificate_of("sp"), key_named("sp"))  # type: ignore[arg-type]  # an RSA key
    return AssertionIssuer("https://sso.example.com/aws", pair, partitions=PARTITIONS, clock=lambda: NOW)


def posted(
    target: Target = POSTED,
    requested: ConsoleDestination = ConsoleDestination(),  # noqa: B008  frozen
    **settings: Any,
) -> PostedConsole:
    aws = FakeAws()
    own = replace(SETTINGS, **settings)
    poster = ConsolePoster(aws.broker(**settings), issuer(), own, clock=lambda: NOW)
    return poster.open_console(target, login_of(ADA), requested=requested, relogin_url="")


def said(response: str, path: str) -> Sequence[str]:
    """Texts and values in a response."""
    namespaces = {"saml": "urn:oasis:names:tc:SAML:2.0:assertion"}
    found: list[str] = etree.fromstring(base64.b64decode(response)).xpath(path, namespaces=namespaces)
    return found


def values(response: str, name: str) -> Sequence[str]:
    return said(response, f"//saml:Attribute[@Name='{name}']/saml:AttributeValue/text()")


# --- the form ----------------------------------------------------------------------------


def test_the_form_goes_to_the_nearest_region_and_opens_its_front_page() -> None:
    console = posted()
    assert console.endpoint == f"https://{NEAR}.signin.aws.amazon.com/saml"
    assert console.destination == f"https://{NEAR}.console.aws.amazon.com/console/home?region={NEAR}"
    assert (console.region, console.other_regions) == (NEAR, (FAR,))
    assert (
        console.allowed_hosts[:5]
        == (
            f"https://{NEAR}.signin.aws.amazon.com",
            "https://signin.aws.amazon.com",  # AWS redirects the browser there: form-action counts for that as well
            "https://*.signin.aws.amazon.com",
            "https://console.aws.amazon.com",
            "https://*.console.aws.amazon.com",
        )
    )
    assert console.durations.console_lasts == 28800
    assert console.durations.reason.endswith("by the browser; the role's maximum counts")
    assert values(console.response, f"{ATTRIBUTE}SessionDuration") == ["28800"]


def test_a_link_may_open_a_page_in_a_region_that_does_not_sign_in() -> None:
    console = posted(requested=ConsoleDestination(region="sa-east-1"))
    assert console.region == NEAR
    assert console.destination == "https://sa-east-1.console.aws.amazon.com/console/home?region=sa-east-1"


def test_a_link_may_choose_among_the_regions_that_sign_in() -> None:
    console = posted(requested=ConsoleDestination(region=FAR))
    assert (console.region, console.other_regions) == (FAR, (NEAR,))
    assert console.destination.startswith(f"https://{FAR}.console")


def test_the_targets_own_page_opens_in_the_region_that_signs_in() -> None:
    page = "https://{region}.console.aws.amazon.com/s3/home"
    console = posted(replace(POSTED, console_destination=page))
    assert console.destination == f"https://{NEAR}.console.aws.amazon.com/s3/home"


def test_another_partition_has_its_own_sign_in_page() -> None:
    chinese = replace(POSTED, role=RoleArn("aws-cn", "123456789012", "Admin"))
    console = posted(chinese)
    assert console.endpoint == "https://cn-north-1.signin.amazonaws.cn/saml"
    assert "https://*.console.amazonaws.cn" in console.allowed_hosts


def test_a_configured_address_takes_the_form_and_is_allowed() -> None:
    console = posted(saml_signin_endpoint="https://proxy.example.com:8443/{region}/saml://x")
    assert console.endpoint == f"https://proxy.example.com:8443/{NEAR}/saml://x"
    assert console.allowed_hosts[0] == "https://proxy.example.com:8443"
    assert said(console.response, "//saml:SubjectConfirmationData/@Recipient") == [
        f"https://{NEAR}.signin.aws.amazon.com/saml"
    ]


def test_a_signature_that_waits_for_kms_takes_one_of_the_sign_ins_that_may_wait() -> None:
    aws = FakeAws()
    broker = aws.broker(max_concurrent=1)
    poster = ConsolePoster(broker, issuer(), SETTINGS, clock=lambda: NOW)
    with broker.slot(), pytest.raises(BrokerBusy):
        poster.open_console(POSTED, login_of(ADA), requested=ConsoleDestination(), relogin_url="")


@pytest.mark.parametrize(
    ("partition", "audience"),
    [("aws", ""), ("aws-cn", ":cn-north-1"), ("aws-us-gov", ":govcloud"), ("aws-eusc", "")],
)
def test_the_audience_is_the_entity_id_of_the_partition(partition: str, audience: str) -> None:
    target = replace(POSTED, role=replace(POSTED.role, partition=partition))
    found = said(posted(target).response, "//saml:Audience/text()")
    assert found[1:] == [f"urn:amazon:webservices{audience}"]


def test_credentials_of_such_a_target_come_from_sts() -> None:
    aws = FakeAws()
    poster = ConsolePoster(aws.broker(), issuer(), SETTINGS, clock=lambda: NOW)
    issued = poster.issue_credentials(POSTED, login_of(ADA))
    ((route, _),) = aws.sts.assumed
    assert route.keyless
    assert issued.request.saml == aws.sts.requests[0].saml


# --- who the service is to AWS -----------------------------------------------------------


def test_without_aws_credentials_the_principal_is_the_saml_provider_and_nobody_is_asked() -> None:
    aws = FakeAws()
    found = aws.broker().principal(POSTED)
    assert found == Principal(PROVIDER, NEAR, CredentialKind.SAML_ASSERTION)
    assert aws.sts.seconds_left == []


# --- the assertion -----------------------------------------------------------------------


def test_the_assertion_says_who_which_role_and_for_how_long() -> None:
    ends = NOW + timedelta(hours=2)
    grant = SamlGrant(PROVIDER, "cloudadmin", "0123abcd", session_ends=ends)
    request = replace(build_role_request(POSTED, ADA, name_attribute="user_name"), saml=grant)
    response = issuer().issue(request, NEAR)
    first, second = said(response, "//@ID[starts-with(., '_')]")
    assert (len(first), len(second), first != second) == (41, 41, True)
    assert said(response, "//saml:NameID/text()") == ["0123abcd"]
    assert said(response, "//@SessionNotOnOrAfter") == [ends.strftime("%Y-%m-%dT%H:%M:%SZ")]
    assert values(response, f"{ATTRIBUTE}Role") == [f"{request.role},{PROVIDER}"]
    assert values(response, "urn:oid:1.3.6.1.4.1.5923.1.1.1.7") == ["cloudadmin"]
    assert values(response, f"{ATTRIBUTE}SessionDuration") == []


def test_what_a_target_does_not_use_is_not_in_the_assertion() -> None:
    request = build_role_request(POSTED, ADA, name_attribute="user_name")
    assert request.saml is not None
    assert [name.rpartition("/")[2] for name in assertion_attributes(request, request.saml)] == [
        "Role",
        "RoleSessionName",
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.7",
    ]


def test_one_person_has_another_name_id_in_each_account_and_always_the_same_in_one() -> None:
    other = replace(POSTED, role=RoleArn("aws", "999999999999", "Admin"))
    grants = [
        build_role_request(target, ADA, name_attribute="user_name").saml for target in (POSTED, POSTED, other)
    ]
    first, again, elsewhere = [grant.subject for grant in grants if grant is not None]
    assert first == again != elsewhere
    assert "ada" not in first


def test_a_request_for_assume_role_has_no_assertion() -> None:
    request = RoleRequest(role=POSTED.role, role_session_name="ada")
    with pytest.raises(ValueError, match="AssumeRole"):
        issuer().issue(request, NEAR)
