"""A captured response, explained: the same verdict as at sign-in, and everything that is amiss at once."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from awscons.errors import ResponseRefused
from awscons.findings import Finding, Severity
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
    Forger().form_value(STORY.at(destination=None)),
    Forger().form_value(STORY.at(destination=None), sign="response"),
    Forger().form_value(STORY.at(audiences=(("urn:other",),))),
    Forger().form_value(STORY.at(response_in_response_to=None, confirmation_in_response_to=None)),
    Forger().form_value(STORY.at(name_id="<saml:NameID/>")),
    Forger().form_value(STORY.at(statement="")),
    Forger().form_value(STORY.at(assertion_issuer="https://other.example.com/")),
    posted("<html/>"),
    "not base64!",
    "",
]


def explain(form_value: str, *, at: datetime | None = None, now: datetime = NOW) -> Explanation:
    return explain_response(form_value, service_provider=US, identity_provider=THEM, now=now, at=at)


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
    late = explain(form_value, at=NOW + timedelta(hours=1))
    assert any(finding.cause.startswith("expired (") for finding in late.findings)
    assert not late.accepted


def test_what_the_response_says_of_the_person_is_there_to_compare_with_the_settings() -> None:
    told = explain(Forger().form_value(STORY))
    assert told.unverified_name_id == "ada@example.com"
    assert told.unverified_attributes == {"groups": ("sysadmin", "cloudadmin")}


# --- the clock ---------------------------------------------------------------------------


def clock_of(told: Explanation) -> Finding:
    (finding,) = [finding for finding in told.findings if finding.subject == "clock"]
    return finding


def test_a_response_that_is_ahead_of_this_hosts_clock_is_refused_with_by_how_much() -> None:
    told = explain(Forger().form_value(Story(NOW + timedelta(seconds=90))))
    finding = clock_of(told)
    assert (finding.severity, told.accepted) == (Severity.ERROR, False)
    assert "NotBefore is 90 s ahead of this host's clock; 60 s are allowed" in finding.cause
    assert "NTP" in finding.cure


def test_a_time_of_authentication_that_is_ahead_is_refused_by_its_name() -> None:
    story = STORY.at(authn_instant=NOW + timedelta(seconds=61))
    told = explain(Forger().form_value(story.at(now=NOW + timedelta(seconds=30), conditions_begin=NOW)))
    assert "AuthnInstant is 61 s ahead" in clock_of(told).cause


@pytest.mark.parametrize("seconds", [-30, 0, 30, 60])
def test_a_clock_within_the_tolerance_makes_no_difference(seconds: int) -> None:
    told = explain(Forger().form_value(Story(NOW + timedelta(seconds=seconds))))
    assert told.accepted
    assert clock_of(told).severity is Severity.OK


def test_a_response_of_the_past_is_judged_as_of_its_own_time_and_said_to_have_expired() -> None:
    told = explain(Forger().form_value(STORY), now=NOW + timedelta(hours=1))
    assert told.accepted
    assert clock_of(told).severity is Severity.INFO
    assert "3,600 s behind this host's clock; as of now it has expired" in clock_of(told).cause


def test_a_moment_that_the_operator_gives_is_the_only_one() -> None:
    told = explain(Forger().form_value(STORY), at=NOW, now=NOW + timedelta(hours=1))
    assert told.accepted
    assert not [finding for finding in told.findings if finding.subject == "clock"]


# --- refusals ----------------------------------------------------------------------------

_SENDER_VOUCHES = STORY.at(confirmation_method="urn:oasis:names:tc:SAML:2.0:cm:sender-vouches")
REFUSALS = {
    "destination": STORY.at(destination=f"{ACS}/"),
    "recipient": STORY.at(recipient=f"{ACS}/"),
    "audience (SAML core": STORY.at(audiences=((f"{SP}/",),)),
    "no audience restriction": STORY.at(audiences=()),
    "Issuer of the Assertion": STORY.at(assertion_issuer=f"{IDP}/"),
    "Issuer of the Response": STORY.at(response_issuer="https://other.example.com/"),
    "in response to": STORY.at(response_in_response_to=None, confirmation_in_response_to=None),
    "subject confirmation": STORY.at(confirmation_in_response_to="_other"),
    "confirmation method": _SENDER_VOUCHES,
    "no subject confirmation": STORY.at(confirmation=" "),
    "SubjectConfirmationData without NotOnOrAfter": STORY.at(without=frozenset({"confirmation_end"})),
    "Conditions without NotOnOrAfter": STORY.at(without=frozenset({"conditions_end"})),
    "SubjectConfirmationData without Recipient": STORY.at(recipient=None),
    "unknown condition": STORY.at(extra_condition="<saml:Condition/>"),
    "authentication statement": STORY.at(statement=" "),
    "exactly one NameID": STORY.at(name_id=None),
    "NameID is empty": STORY.at(name_id="<saml:NameID/>"),
    "NameID must be text only": STORY.at(name_id="<saml:NameID>a<saml:x/></saml:NameID>"),
    "Attribute without Name": STORY.at(
        attribute_statement="<saml:AttributeStatement><saml:Attribute/></saml:AttributeStatement>"
    ),
}
"""By the words that name what is wrong."""


def refused(told: Explanation) -> list[Finding]:
    return [finding for finding in told.findings if finding.severity is Severity.ERROR]


@pytest.mark.parametrize("words", REFUSALS)
def test_a_refusal_names_its_element_and_its_cure(words: str) -> None:
    findings = refused(explain(Forger().form_value(REFUSALS[words])))
    assert any(words in f"{finding.subject}: {finding.cause}" for finding in findings)
    assert all(finding.cure for finding in findings)


@pytest.mark.parametrize(
    "form_value",
    [
        "",
        "not base64!",
        posted("<html/>"),
        posted("<x"),
        posted("<!DOCTYPE x><x/>"),
        Forger().form_value(STORY, sign="nothing"),
        ATTACKER.form_value(STORY),
        Forger(signature_hash="sha1").form_value(STORY),
        Forger(transforms=("http://www.w3.org/TR/1999/REC-xpath-19991116",)).form_value(STORY),
        Forger(references=2).form_value(STORY),
        posted(Forger().xml(STORY).replace("ada@", "eve@")),
        Encrypter(to="another").form_value(Forger(), STORY),
        Encrypter(keys=2).form_value(Forger(), STORY),
        Encrypter(data_uri="urn:x").form_value(Forger(), STORY),
    ],
)
def test_every_refusal_of_the_form_the_signature_and_the_encryption_has_a_cure(form_value: str) -> None:
    findings = refused(explain(form_value))
    assert findings
    assert all(finding.cure for finding in findings)


@pytest.mark.parametrize(
    ("story", "said"),
    [
        (STORY.at(destination=f"{ACS}/"), "the slash at the end"),
        (STORY.at(recipient=ACS.replace("https", "http")), "the scheme"),
        (STORY.at(recipient=ACS.replace("sso.example.com", "sso.example.com:8443")), "the port"),
        (STORY.at(recipient=ACS.replace("sso", "www")), "the host"),
        (STORY.at(audiences=((SP.upper(),),)), "upper and lower case"),
        (STORY.at(audiences=(("urn:other", f"{SP}/"),)), "the slash at the end"),
        (STORY.at(assertion_issuer=f"\n{IDP}\n"), "the white space around it"),
    ],
)
def test_what_differs_is_named_where_a_value_nearly_matches(story: Story, said: str) -> None:
    cures = [finding.cure for finding in refused(explain(Forger().form_value(story, sign="both")))]
    assert any(cure.startswith(f"the two differ only in {said}; ") for cure in cures)
