"""A captured response, explained: the same verdict as at sign-in, and everything that is amiss at once."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from awscons.errors import ResponseRefused
from awscons.findings import Severity
from awscons.saml.explain import Explanation, explain_response
from awscons.saml.parties import IdentityProvider, ServiceProvider
from awscons.saml.response import open_envelope, verify_envelope
from support.encrypt import Encrypter
from support.forge import ACS, IDP, REQUEST_ID, SP, SSO_URL, Forger, Story, certificate_of, key_named, posted

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
STORY = Story(NOW)
OUR_KEY = key_named("sp")
assert isinstance(OUR_KEY, RSAPrivateKey)
US = ServiceProvider(SP, ACS, (OUR_KEY,))
THEM = IdentityProvider(IDP, SSO_URL, (certificate_of("next"), certificate_of("idp")))
ATTACKER = Forger(key_name="attacker")
CASES = [
    Forger().form_value(STORY),
    Forger().form_value(STORY, sign="both"),
    Encrypter().form_value(Forger(), STORY, sign="response"),
    Encrypter(to="another").form_value(Forger(), STORY),
    Encrypter().form_value(Forger(), STORY, sign="nothing"),
    Forger().form_value(STORY, sign="nothing"),
    ATTACKER.form_value(STORY),
    Forger(signature_hash="sha1").form_value(STORY),
    Forger().form_value(STORY.at(recipient="https://sso.example.com/")),
    Forger().form_value(STORY.at(audiences=(("urn:other",),))),
    Forger().form_value(STORY.at(response_in_response_to=None, confirmation_in_response_to=None)),
    Forger().form_value(STORY.at(name_id="<saml:NameID/>")),
    Forger().form_value(STORY.at(statement="")),
    Forger().form_value(STORY.at(assertion_issuer="https://other.example.com/")),
    posted("<html/>"),
    "not base64!",
    "",
]


def explain(form_value: str, *, now: datetime | None = None) -> Explanation:
    return explain_response(form_value, service_provider=US, identity_provider=THEM, now=now)


def signs_in(form_value: str) -> bool:
    try:
        verify_envelope(
            open_envelope(form_value),
            service_provider=US,
            identity_provider=THEM,
            expected_request_id=REQUEST_ID,
            now=NOW,
        )
    except ResponseRefused:
        return False
    return True


@pytest.mark.parametrize("form_value", CASES)
def test_the_verdict_is_that_of_a_sign_in(form_value: str) -> None:
    assert explain(form_value).accepted == signs_in(form_value)


def test_everything_amiss_is_said_at_once_with_its_cure() -> None:
    wrong = STORY.at(recipient="https://x/", audiences=(("urn:other",),))
    findings = explain(ATTACKER.form_value(wrong)).findings
    refused = {finding.subject: finding for finding in findings if finding.severity is Severity.ERROR}
    assert set(refused) == {"signature of the Assertion", "subject confirmation", "conditions and audience"}
    assert "`spid`" in refused["conditions and audience"].cure
    assert "`certificate`" in refused["signature of the Assertion"].cure


def test_the_certificate_that_signed_is_named() -> None:
    said = {finding.subject: finding.cause for finding in explain(Forger().form_value(STORY)).findings}
    assert said["signature of the Response"] == "there is none"
    assert said["signature of the Assertion"].count(":") == 31


def test_times_are_judged_as_of_the_capture_or_of_a_moment() -> None:
    form_value = Forger().form_value(STORY)
    assert explain(form_value).accepted
    late = explain(form_value, now=NOW + timedelta(hours=1))
    assert any(finding.cause.startswith("expired (") for finding in late.findings)
    assert not late.accepted


def test_what_the_response_says_of_the_person_is_there_to_compare_with_the_settings() -> None:
    told = explain(Forger().form_value(STORY))
    assert told.unverified_name_id == "ada@example.com"
    assert told.unverified_attributes == {"groups": ("sysadmin", "cloudadmin")}
