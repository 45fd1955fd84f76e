"""Responses that must be accepted, and every check on their content: one row, one thing wrong."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from awscons.errors import ResponseRefused
from awscons.saml.content import Assertion
from awscons.saml.parties import IdentityProvider, ServiceProvider
from awscons.saml.response import open_envelope, verify_envelope
from support.forge import (
    ACS,
    IDP,
    REQUEST_ID,
    SP,
    SSO_URL,
    SUCCESS,
    Forger,
    Story,
    certificate_of,
    instant,
    posted,
)

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
STORY = Story(NOW)


def verify(
    form_value: str,
    *,
    signers: tuple[str, ...] = ("idp",),
    now: datetime = NOW,
    authenticated_after: datetime | None = None,
) -> Assertion:
    return verify_envelope(
        open_envelope(form_value),
        service_provider=ServiceProvider(SP, ACS),
        identity_provider=IdentityProvider(IDP, SSO_URL, tuple(map(certificate_of, signers))),
        expected_request_id=REQUEST_ID,
        now=now,
        authenticated_after=authenticated_after,
    )


def refusal(form_value: str, **expectations: object) -> ResponseRefused:
    with pytest.raises(ResponseRefused) as caught:
        verify(form_value, **expectations)  # type: ignore[arg-type]
    return caught.value


# --- accepted ----------------------------------------------------------------------------


@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
def test_a_good_response_gives_what_it_says(sign: str) -> None:
    assertion = verify(Forger().form_value(STORY, sign=sign))
    assert assertion.name_id == "ada@example.com"
    assert assertion.attributes == {"groups": ("sysadmin", "cloudadmin")}
    assert assertion.session_index == "_index"
    assert assertion.authn_instant == NOW
    assert assertion.not_on_or_after == NOW + timedelta(minutes=5)


@pytest.mark.parametrize(
    "forger",
    [
        Forger(signature_hash="sha384"),
        Forger(signature_hash="sha512", digest_hash="sha512"),
        Forger(digest_hash="sha384"),
        Forger(prefix_list="xs"),
        Forger(prefix_list="xs saml"),
        Forger(key_info="<ds:KeyName>k</ds:KeyName>"),
        Forger(
            key_info="<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>AQAB</ds:Modulus>"
            "<ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>"
        ),
        Forger(key_info="<ds:X509Data><ds:X509Certificate>bm90IG9uZQ==</ds:X509Certificate></ds:X509Data>"),
    ],
    ids=["sha384", "sha512", "digest-384", "prefix", "prefixes", "key-name", "key-value", "foreign-x509"],
)
@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
def test_every_way_to_sign_that_identity_providers_use_is_accepted(forger: Forger, sign: str) -> None:
    assert verify(forger.form_value(STORY, sign=sign)).name_id == "ada@example.com"


def test_an_elliptic_key_is_accepted() -> None:
    form_value = Forger(key_name="ec-idp").form_value(STORY)
    assert verify(form_value, signers=("ec-idp",)).name_id == "ada@example.com"


@pytest.mark.parametrize("signers", [("idp", "next"), ("next", "idp"), ("ec-idp", "next", "idp")])
def test_the_signer_may_stand_anywhere_in_the_list_of_certificates(signers: tuple[str, ...]) -> None:
    assert verify(Forger().form_value(STORY), signers=signers).name_id == "ada@example.com"


def test_an_ended_certificate_that_is_still_listed_keeps_working() -> None:
    provider = IdentityProvider(IDP, SSO_URL, (certificate_of("idp", ended=True),))
    assertion = verify_envelope(
        open_envelope(Forger().form_value(STORY)),
        service_provider=ServiceProvider(SP, ACS),
        identity_provider=provider,
        expected_request_id=REQUEST_ID,
        now=NOW,
    )
    assert assertion.name_id == "ada@example.com"


@pytest.mark.parametrize("fraction", ["", ".1", ".123", ".1234567"])
def test_instants_have_none_to_seven_fraction_digits(fraction: str) -> None:
    story = STORY.at(authn_instant=f"2026-11-22T11:59:59{fraction}Z")
    assert verify(Forger().form_value(story)).authn_instant.replace(microsecond=0) == NOW - timedelta(
        seconds=1
    )


@pytest.mark.parametrize("seconds", [-55, 55])
def test_clocks_may_be_almost_a_minute_apart(seconds: int) -> None:
    story = STORY.at(now=NOW + timedelta(seconds=seconds))
    assert verify(Forger().form_value(story)).name_id == "ada@example.com"


def test_one_of_several_audiences_may_be_us() -> None:
    story = STORY.at(audiences=(("urn:other", SP),))
    assert verify(Forger().form_value(story)).name_id == "ada@example.com"


def test_a_one_time_use_condition_is_understood() -> None:
    story = STORY.at(extra_condition="<saml:OneTimeUse/>")
    assert verify(Forger().form_value(story)).name_id == "ada@example.com"


@pytest.mark.parametrize(
    ("statement", "attributes"),
    [
        (
            '<saml:Attribute Name="g"><saml:AttributeValue>a</saml:AttributeValue></saml:Attribute>'
            '<saml:Attribute Name="g"><saml:AttributeValue>b</saml:AttributeValue></saml:Attribute>',
            {"g": ("a", "b")},
        ),
        ('<saml:Attribute Name="g"/>', {"g": ()}),
        ('<saml:Attribute Name="g"><saml:AttributeValue/></saml:Attribute>', {"g": ("",)}),
        (
            '<saml:Attribute Name="g"><saml:AttributeValue xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            'xsi:type="xs:string">Zoë</saml:AttributeValue></saml:Attribute>',
            {"g": ("Zoë",)},
        ),
        (
            '<saml:Attribute Name="g"><saml:AttributeValue><saml:NameID>x</saml:NameID></saml:AttributeValue>'
            "<saml:AttributeValue>a</saml:AttributeValue></saml:Attribute>",
            {"g": ("a",)},
        ),
    ],
    ids=["repeated", "no-value", "empty-value", "typed", "structured"],
)
def test_attributes_in_every_usual_form_become_lists(
    statement: str, attributes: dict[str, tuple[str, ...]]
) -> None:
    story = STORY.at(attribute_statement=f"<saml:AttributeStatement>{statement}</saml:AttributeStatement>")
    assert verify(Forger().form_value(story)).attributes == attributes


def test_a_comment_outside_anything_signed_is_accepted() -> None:
    xml = Forger().xml(STORY).replace("<samlp:Status>", "<!-- hello --><samlp:Status>")
    assert verify(posted(f"<!-- before -->{xml}<!-- after -->")).name_id == "ada@example.com"


def test_other_prefixes_and_white_space_are_accepted() -> None:
    story = STORY.at(
        status='\n <q:Status xmlns:q="urn:oasis:names:tc:SAML:2.0:protocol">\n'
        f'  <q:StatusCode Value="{SUCCESS}"/>\n </q:Status>\n'
    )
    assert verify(Forger().form_value(story, sign="both")).name_id == "ada@example.com"


def test_base64_may_be_broken_into_lines_and_begin_with_a_byte_order_mark() -> None:
    encoded = base64.encodebytes(b"\xef\xbb\xbf" + Forger().xml(STORY).encode()).decode()
    assert "\n" in encoded
    assert verify(encoded).name_id == "ada@example.com"


def test_the_end_of_the_session_at_the_identity_provider_is_told() -> None:
    end = NOW + timedelta(hours=1)
    assert verify(Forger().form_value(STORY.at(session_end=end))).session_not_on_or_after == end


def test_a_second_bearer_confirmation_may_be_the_one_for_us() -> None:
    story = STORY.at(
        confirmation='<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"/>'
        '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">'
        f'<saml:SubjectConfirmationData Recipient="{ACS}" InResponseTo="{REQUEST_ID}" '
        f'NotOnOrAfter="{instant(NOW + timedelta(minutes=5))}"/></saml:SubjectConfirmation>'
    )
    assert verify(Forger().form_value(story)).name_id == "ada@example.com"


# --- refused: saml content, one wrong thing a row ----------------------------------------

LATE, EARLY = NOW - timedelta(minutes=2), NOW + timedelta(minutes=2)
NEXT_HOUR = NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("story", "rule"),
    [
        (STORY.at(response_version="1.1"), "version"),
        (STORY.at(assertion_version="1.1"), "version"),
        (STORY.at(response_issuer="https://evil.example.com/"), "issuer"),
        (STORY.at(response_issuer=IDP + " "), "issuer"),
        (STORY.at(assertion_issuer="https://evil.example.com/"), "issuer"),
        (STORY.at(assertion_issuer=IDP.upper()), "issuer"),
        (STORY.at(assertion_issuer=None), "assertion begins with its Issuer"),
        (STORY.at(status=None), "exactly one Status"),
        (STORY.at(status="<samlp:Status/>"), "exactly one StatusCode"),
        (
            STORY.at(status='<samlp:Status><samlp:StatusCode Value="nope"/></samlp:Status>'),
            "status is not Success",
        ),
        (STORY.at(destination="https://sso.example.com/saml/acs/"), "response destination"),
        (STORY.at(destination="https://sso.example.com/saml"), "response destination"),
        (STORY.at(destination=""), "response destination"),
        (STORY.at(response_in_response_to="_other"), "in response to"),
        (STORY.at(response_in_response_to=None), "in response to"),
        (STORY.at(without=frozenset({"subject"})), "exactly one Subject"),
        (STORY.at(confirmation=""), "no subject confirmation"),
        (
            STORY.at(confirmation_method="urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"),
            "confirmation method",
        ),
        (
            STORY.at(
                confirmation='<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"/>'
            ),
            "exactly one SubjectConfirmationData",
        ),
        (STORY.at(recipient=None), "SubjectConfirmationData without Recipient"),
        (STORY.at(recipient=SP), "recipient"),
        (STORY.at(recipient=ACS + "/x"), "recipient"),
        (STORY.at(recipient=ACS[:-1]), "recipient"),
        (STORY.at(recipient="x" + ACS), "recipient"),
        (STORY.at(confirmation_in_response_to=None), "in response to"),
        (STORY.at(confirmation_in_response_to="_other"), "in response to"),
        (STORY.at(without=frozenset({"confirmation_end"})), "SubjectConfirmationData without NotOnOrAfter"),
        (STORY.at(confirmation_end=LATE), "expired"),
        (STORY.at(confirmation_not_before=EARLY), "not yet valid"),
        (STORY.at(confirmation_end="tomorrow"), "instant"),
        (STORY.at(conditions=""), "exactly one Conditions"),
        (STORY.at(without=frozenset({"conditions_end"})), "Conditions without NotOnOrAfter"),
        (STORY.at(conditions_end=LATE), "expired"),
        (STORY.at(conditions_begin=EARLY), "not yet valid"),
        (STORY.at(conditions_end="2026-11-22T13:00:00"), "instant"),
        (STORY.at(conditions_end="2026-11-22T13:00:00+01:00"), "instant"),
        (STORY.at(conditions_end="2026-13-22T13:00:00Z"), "instant"),
        (STORY.at(conditions_end="٢٠٢٦-11-22T13:00:00Z"), "instant"),
        (STORY.at(audiences=()), "no audience restriction"),
        (STORY.at(audiences=(("urn:other",),)), "audience"),
        (STORY.at(audiences=((SP,), ("urn:other",))), "audience"),
        (STORY.at(audiences=((),)), "audience"),
        (STORY.at(audiences=((SP + "x",),)), "audience"),
        (STORY.at(extra_condition="<saml:Condition/>"), "unknown condition"),
        (STORY.at(extra_condition='<x:Fine xmlns:x="urn:x"/>'), "unknown condition"),
        (STORY.at(statement=""), "no authentication statement"),
        (STORY.at(session_end=LATE), "expired"),
        (STORY.at(authn_instant=EARLY), "authentication instant"),
        (STORY.at(authn_instant="1970-01-01T00:00:00Z"), "authentication instant"),
        (STORY.at(authn_instant=""), "AuthnStatement without AuthnInstant"),
        (STORY.at(name_id=None), "exactly one NameID"),
        (STORY.at(name_id="<saml:NameID/>"), "NameID is empty"),
        (STORY.at(name_id="<saml:NameID> </saml:NameID>"), "NameID is empty"),
        (STORY.at(name_id="<saml:NameID>a<saml:x/>b</saml:NameID>"), "NameID must be text only"),
        (STORY.at(name_id="<saml:NameID>a</saml:NameID><saml:NameID>b</saml:NameID>"), "exactly one NameID"),
        (STORY.at(name_id="<saml:EncryptedID/>"), "exactly one NameID"),
        (
            STORY.at(
                attribute_statement="<saml:AttributeStatement><saml:EncryptedAttribute/></saml:AttributeStatement>"
            ),
            "attribute statement",
        ),
        (
            STORY.at(
                attribute_statement="<saml:AttributeStatement><saml:Attribute/></saml:AttributeStatement>"
            ),
            "Attribute without Name",
        ),
    ],
)
def test_content_with_one_thing_wrong_is_refused(story: Story, rule: str) -> None:
    assert refusal(Forger().form_value(story)).rule == rule


def test_a_signed_response_without_destination_is_refused() -> None:
    story = STORY.at(destination=None)
    assert verify(Forger().form_value(story, sign="assertion")).name_id == "ada@example.com"
    assert refusal(Forger().form_value(story, sign="response")).rule == "response destination"


@pytest.mark.parametrize("seconds", [-61, 361])
def test_a_response_more_than_a_minute_off_is_refused(seconds: int) -> None:
    form_value = Forger().form_value(STORY)
    assert refusal(form_value, now=NOW + timedelta(seconds=seconds)).rule in {"not yet valid", "expired"}


def test_an_authentication_older_than_the_demand_for_a_fresh_one_is_refused() -> None:
    stale = STORY.at(authn_instant=NOW - timedelta(hours=1))
    assert refusal(Forger().form_value(stale), authenticated_after=NOW).rule == "authentication is not fresh"
    assert verify(Forger().form_value(STORY), authenticated_after=NOW).authn_instant == NOW


def test_a_refusal_tells_the_log_what_was_expected_and_the_person_nothing_of_it() -> None:
    error = refusal(Forger().form_value(STORY.at(recipient="https://evil.example.com/")))
    assert error.section == "SAML profiles 4.1.4.2"
    assert ACS in error.expected
    assert "evil.example.com" in error.received
    assert "evil.example.com" in str(error)
    assert "acs_url" in error.hint
    assert "evil" not in error.public


def test_values_in_a_refusal_are_cut_and_cannot_break_a_log_line() -> None:
    error = refusal(Forger().form_value(STORY.at(recipient="https://x/&#10;" + "y" * 5000)))
    assert "\n" not in str(error)
    assert len(str(error)) < 600


def test_an_identity_provider_without_a_certificate_cannot_exist() -> None:
    with pytest.raises(ValueError, match="certificate"):
        IdentityProvider(IDP, SSO_URL, ())
