"""What comes out of a response, and what a refusal tells whom. What is refused at all: `test_corpus.py`."""

from dataclasses import replace
from datetime import timedelta

import pytest

from adversary.cases import ADA, NOW, USUAL, Surroundings, identity_provider, read, service_provider
from awscons.errors import ResponseRefused
from awscons.saml.assertion import Assertion
from awscons.saml.input_limits import MessageLimits
from awscons.saml.parties import IdentityProvider
from awscons.saml.response import open_envelope, verify_envelope
from support.encrypt import Encrypter
from support.forge import ACS, IDP, REQUEST_ID, SSO_URL, Forger, Story, posted


def refused(story: Story, around: Surroundings | None = None) -> ResponseRefused:
    with pytest.raises(ResponseRefused) as caught:
        read(Forger().form_value(story), around or Surroundings())
    return caught.value


@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
def test_a_good_response_gives_what_it_says(sign: str) -> None:
    assertion = read(Forger().form_value(ADA, sign=sign))
    assert assertion.assertion_id == "_assertion"
    assert assertion.idp_entity_id == IDP
    assert assertion.name_id == "ada@example.com"
    assert assertion.attributes == {"groups": ("sysadmin", "cloudadmin")}
    assert assertion.session_index == "_index"
    assert assertion.authn_instant == NOW
    assert assertion.not_on_or_after == NOW + timedelta(minutes=5)
    assert assertion.session_not_on_or_after is None


@pytest.mark.parametrize(
    ("fraction", "microseconds"), [("", 0), (".1", 100_000), (".123", 123_000), (".1234567", 123_456)]
)
def test_instants_have_none_to_seven_fraction_digits(fraction: str, microseconds: int) -> None:
    story = ADA.at(authn_instant=f"2026-11-22T11:59:59{fraction}Z")
    expected = NOW - timedelta(seconds=1) + timedelta(microseconds=microseconds)
    assert read(Forger().form_value(story)).authn_instant == expected


def test_the_end_of_the_session_at_the_identity_provider_is_told() -> None:
    end = NOW + timedelta(hours=1)
    assert read(Forger().form_value(ADA.at(session_end=end))).session_not_on_or_after == end


def test_several_authentication_statements_give_the_latest_sign_in_and_the_earliest_end() -> None:
    hour = timedelta(hours=1)
    statements = "".join(
        f'<saml:AuthnStatement AuthnInstant="{at:%Y-%m-%dT%H:%M:%SZ}" SessionNotOnOrAfter="{end:%Y-%m-%dT%H:%M:%SZ}">'
        "<saml:AuthnContext/></saml:AuthnStatement>"
        for at, end in ((NOW - hour, NOW + hour), (NOW - 2 * hour, NOW + 2 * hour))
    )
    assertion = read(Forger().form_value(ADA.at(statement=statements)))
    assert assertion.authn_instant == NOW - hour
    assert assertion.session_not_on_or_after == NOW + hour


@pytest.mark.parametrize(
    ("seconds", "rule"), [(-61, "not yet valid"), (360, "expired"), (-60, None), (359, None)]
)
def test_a_clock_may_be_off_by_a_minute_and_no_more(seconds: int, rule: str | None) -> None:
    around = Surroundings(now=NOW + timedelta(seconds=seconds))
    if rule is None:
        assert read(Forger().form_value(ADA), around).name_id == "ada@example.com"
    else:
        assert refused(ADA, around).rule == rule


def test_the_envelope_cannot_give_what_the_signed_assertion_does_not() -> None:
    """An unsigned envelope may only cause refusals: nothing it says is in the result."""
    xml = Forger().xml(ADA).replace('ID="_response"', 'ID="_response" SessionIndex="evil"')
    assert "evil" in xml
    assert "evil" not in repr(read(posted(xml)))


def test_a_refusal_tells_the_log_what_was_expected_and_the_person_nothing_of_it() -> None:
    error = refused(ADA.at(recipient="https://evil.example.com/"))
    assert error.section == "SAML profiles 4.1.4.2"
    assert ACS in error.expected
    assert "evil.example.com" in error.received
    assert "evil.example.com" in str(error)
    assert "acs_url" in error.hint
    assert "evil" not in error.public


def test_values_in_a_refusal_are_cut_and_cannot_break_a_log_line() -> None:
    error = refused(ADA.at(recipient="https://x/&#10;" + "y" * 5000))
    assert "\n" not in str(error)
    assert len(str(error)) < 600


def test_what_the_identity_provider_said_of_a_failure_goes_to_the_log() -> None:
    error = refused(
        ADA.at(
            status='<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Responder">'
            '<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:NoPassive"/></samlp:StatusCode>'
            "<samlp:StatusMessage>AADSTS50105: not assigned to a role</samlp:StatusMessage></samlp:Status>"
        )
    )
    assert "NoPassive" in str(error)
    assert "AADSTS50105" in str(error)
    assert "AADSTS" not in error.public


def test_an_assertion_without_an_id_is_refused_inside_a_signed_response_as_well() -> None:
    text = (
        ADA.response(ADA.assertion()).replace(' ID="_assertion"', "").replace("{{assertion-signature}}", "")
    )
    with pytest.raises(ResponseRefused) as caught:
        read(posted(Forger().sign(text, "response", "_response")))
    assert (caught.value.rule, caught.value.section) == ("Assertion without ID", "SAML core 2.3.3")


def read_within(form_value: str, limits: MessageLimits) -> Assertion:
    return verify_envelope(
        open_envelope(form_value, limits),
        service_provider=replace(service_provider(USUAL), answer_limits=limits),
        identity_provider=identity_provider(USUAL),
        expected_request_id=REQUEST_ID,
        now=NOW,
    )


@pytest.mark.parametrize("sign", ["assertion", "response"])
def test_a_response_may_be_as_large_as_the_operator_says_and_no_larger(sign: str) -> None:
    form_value = Forger().form_value(ADA, sign=sign)
    assert read_within(form_value, MessageLimits(64 * 1024)).name_id == "ada@example.com"
    with pytest.raises(ResponseRefused) as caught:
        read_within(form_value, MessageLimits(len(form_value) - 1))
    assert caught.value.rule == "form value too large"


def test_the_limits_of_the_operator_hold_for_a_decrypted_assertion_as_well() -> None:
    """Encrypted tags are not counted before they are decrypted, so they are counted then."""
    many = ADA.at(attributes=(("groups", tuple("g" * 1_000)),))
    form_value = Encrypter().form_value(Forger(), many)
    assert len(read_within(form_value, MessageLimits(512 * 1024)).attributes["groups"]) == 1_000
    with pytest.raises(ResponseRefused) as caught:
        read_within(form_value, MessageLimits(256 * 1024))
    assert caught.value.rule == "cannot be decrypted"


def test_an_identity_provider_without_a_certificate_cannot_exist() -> None:
    with pytest.raises(ValueError, match="certificate"):
        IdentityProvider(IDP, SSO_URL, ())
