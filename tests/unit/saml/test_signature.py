"""Signatures that are none, are another's, or cover something else: attacks by name, each refused."""

from datetime import UTC, datetime, timedelta

import pytest

from awscons.errors import ResponseRefused
from awscons.saml.parties import IdentityProvider, ServiceProvider
from awscons.saml.response import open_envelope, verify_envelope
from support.forge import ACS, EXC_C14N, IDP, REQUEST_ID, SP, SSO_URL, Forger, Story, certificate_of, posted

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
STORY = Story(NOW)
GOOD = Forger()
ATTACKER = Forger(key_name="attacker")
HMAC = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"


def refused_rule(form_value: str, *, bits: int = 2048) -> str:
    with pytest.raises(ResponseRefused) as caught:
        verify_envelope(
            open_envelope(form_value),
            service_provider=ServiceProvider(SP, ACS),
            identity_provider=IdentityProvider(IDP, SSO_URL, (certificate_of("idp", bits=bits),)),
            expected_request_id=REQUEST_ID,
            now=NOW,
        )
    return caught.value.rule


@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
def test_somebody_elses_key_is_refused_even_with_its_certificate_in_the_message(sign: str) -> None:
    look_alike = Forger(
        key_name="attacker",
        key_info="<ds:X509Data><ds:X509Certificate>MIIB</ds:X509Certificate></ds:X509Data>",
    )
    assert refused_rule(look_alike.form_value(STORY, sign=sign)) == "no trusted key made this signature"


def test_no_signature_at_all_is_refused() -> None:
    assert refused_rule(GOOD.form_value(STORY, sign="nothing")) == "no signature"


def test_an_assertion_signed_by_another_inside_a_well_signed_response_is_refused() -> None:
    text = ATTACKER.sign(STORY.response(STORY.assertion()), "assertion", STORY.assertion_id)
    text = GOOD.sign(text, "response", STORY.response_id)
    assert refused_rule(posted(text)) == "no trusted key made this signature"


@pytest.mark.parametrize(
    ("forger", "rule"),
    [
        (Forger(signature_hash="sha1"), "signature method"),
        (Forger(digest_hash="sha1"), "digest method"),
        (Forger(signature_uri=HMAC), "signature method"),
        (Forger(signature_uri="urn:none"), "signature method"),
        (Forger(digest_uri="http://www.w3.org/2001/04/xmldsig-more#md5"), "digest method"),
        (Forger(transforms=(EXC_C14N,)), "transforms"),
        (Forger(transforms=()), "transforms"),
        (
            Forger(transforms=(EXC_C14N, "http://www.w3.org/2000/09/xmldsig#enveloped-signature")),
            "transforms",
        ),
        (
            Forger(transforms=("http://www.w3.org/TR/1999/REC-xslt-19991116", EXC_C14N)),
            "transforms",
        ),
        (
            Forger(
                transforms=(
                    "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
                    "http://www.w3.org/TR/1999/REC-xpath-19991116",
                    EXC_C14N,
                )
            ),
            "transforms",
        ),
        (Forger(references=2), "children of SignedInfo"),
        (Forger(references=0), "children of SignedInfo"),
        (Forger(reference_uri=""), "reference"),
        (Forger(reference_uri="#_response"), "reference"),
        (Forger(reference_uri="https://evil.example.com/x"), "reference"),
        (Forger(reference_uri="#xpointer(/)"), "reference"),
        (Forger(signed_info_c14n="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"), "canonicalization"),
        (Forger(prefix_list="xs &#10;x"), "prefix list"),
        (Forger(prefix_list="xs xs"), "prefix list"),
        (Forger(prefix_list=" ".join(f"prefix{number}" for number in range(40))), "prefix list"),
        (Forger(prefix_list="x" * 257), "prefix list"),
        (Forger(object_in_signature="<ds:Object>x</ds:Object>"), "children of the Signature"),
    ],
)
def test_a_signature_outside_the_profile_is_refused(forger: Forger, rule: str) -> None:
    assert refused_rule(forger.form_value(STORY)) == rule


def test_a_small_rsa_key_is_refused_even_if_it_were_configured() -> None:
    small = Forger(bits=1024)
    assert refused_rule(small.form_value(STORY), bits=1024) == "no trusted key made this signature"


def test_a_changed_value_is_refused() -> None:
    xml = GOOD.xml(STORY).replace("ada@example.com", "eve@example.com")
    assert refused_rule(posted(xml)) == "digest does not match"


def test_a_changed_digest_is_refused() -> None:
    xml = GOOD.xml(STORY)
    digest = xml.split("<ds:DigestValue>")[1][:20]
    other = Forger(key_name="attacker").xml(STORY.at(assertion_id="_x")).split("<ds:DigestValue>")[1][:20]
    assert refused_rule(posted(xml.replace(digest, other))) == "no trusted key made this signature"


@pytest.mark.parametrize("value", ["", "####", "AAAA"])
def test_a_signature_value_that_is_none_is_refused(value: str) -> None:
    head, rest = GOOD.xml(STORY).split("<ds:SignatureValue>")
    tail = rest.split("</ds:SignatureValue>")[1]
    xml = f"{head}<ds:SignatureValue>{value}</ds:SignatureValue>{tail}"
    assert refused_rule(posted(xml)) in {"empty value", "not base64", "no trusted key made this signature"}


def test_a_comment_in_the_digest_value_is_refused() -> None:
    xml = GOOD.xml(STORY).replace("<ds:DigestValue>", "<ds:DigestValue><!-- x -->")
    assert refused_rule(posted(xml)) == "comment, entity or processing instruction"


def test_an_element_in_the_digest_value_is_refused() -> None:
    xml = GOOD.xml(STORY).replace("<ds:DigestValue>", "<ds:DigestValue><ds:x/>")
    assert refused_rule(posted(xml)) == "DigestValue must be text only"


def test_a_second_signed_info_is_refused() -> None:
    xml = GOOD.xml(STORY)
    signed_info = xml[xml.index("<ds:SignedInfo>") : xml.index("</ds:SignedInfo>") + len("</ds:SignedInfo>")]
    assert refused_rule(posted(xml.replace(signed_info, signed_info * 2))) == "children of the Signature"


# --- wrapping: the signed thing and the read thing differ --------------------------------


def signed_assertion() -> str:
    """A well-signed assertion that says who Otto is."""
    xml = GOOD.xml(STORY.at(name_id="<saml:NameID>otto@example.com</saml:NameID>"))
    return xml[xml.index("<saml:Assertion") : xml.index("</samlp:Response>")]


def evil(assertion_id: str = "_evil") -> Story:
    return STORY.at(assertion_id=assertion_id, name_id="<saml:NameID>ada@example.com</saml:NameID>")


def unsigned(story: Story, *, around: str = "", inside: str = "", before: str = "") -> str:
    """A response around an unsigned assertion, with the signed one put somewhere."""
    assertion = story.at(extra_in_assertion=inside).assertion().replace("{{assertion-signature}}", around)
    return posted(story.response(before + assertion).replace("{{response-signature}}", ""))


@pytest.mark.parametrize(
    "form_value",
    [
        unsigned(evil(), before=signed_assertion()),
        unsigned(evil(), inside=signed_assertion()),
        unsigned(evil(), inside=f"<saml:Advice>{signed_assertion()}</saml:Advice>"),
        unsigned(evil(), before=f"<samlp:Extensions>{signed_assertion()}</samlp:Extensions>"),
        unsigned(
            evil("_assertion"),
            around=signed_assertion()[
                signed_assertion().index("<ds:Signature") : signed_assertion().index("</ds:Signature>")
            ]
            + f"<ds:Object>{signed_assertion()}</ds:Object></ds:Signature>",
        ),
        unsigned(
            evil(),
            inside=f"<saml:AttributeStatement><saml:Attribute Name='x'><saml:AttributeValue>{signed_assertion()}"
            "</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>",
        ),
        posted(
            GOOD.xml(STORY).replace(
                "<samlp:Status>", GOOD.xml(STORY).replace("_response", "_r2") + "<samlp:Status>"
            )
        ),
    ],
    ids=[
        "signed-assertion-beside",
        "signed-assertion-nested",
        "signed-assertion-in-advice",
        "signed-assertion-in-extensions",
        "signed-assertion-in-signature-object",
        "signed-assertion-in-attribute-value",
        "response-in-response",
    ],
)
def test_a_wrapped_assertion_is_refused(form_value: str) -> None:
    refused_rule(form_value)


def test_a_signature_of_another_element_in_the_right_place_is_refused() -> None:
    moved = signed_assertion()
    signature = moved[moved.index("<ds:Signature") : moved.index("</ds:Signature>") + len("</ds:Signature>")]
    assert refused_rule(unsigned(evil(), around=signature)) == "reference"


def test_two_elements_with_one_id_are_refused() -> None:
    assert refused_rule(GOOD.form_value(STORY.at(response_id="_assertion"))) == "ID not unique"


@pytest.mark.parametrize("attribute", ["Id", "id", "iD"])
def test_an_id_in_another_letter_case_counts_as_an_id(attribute: str) -> None:
    xml = GOOD.xml(STORY).replace("<samlp:Status>", f'<samlp:Status {attribute}="_assertion">')
    assert refused_rule(posted(xml)) == "ID not unique"


def test_a_qualified_id_is_refused() -> None:
    xml = GOOD.xml(STORY).replace("<samlp:Status>", '<samlp:Status xml:id="_x">')
    assert refused_rule(posted(xml)) == "qualified ID attribute"


def test_text_split_by_a_comment_is_refused() -> None:
    story = STORY.at(name_id="<saml:NameID>ada@example.com<!-- -->.evil.com</saml:NameID>")
    assert refused_rule(GOOD.form_value(story)) == "comment, entity or processing instruction"


def test_an_unsigned_issuer_split_by_a_comment_is_refused() -> None:
    xml = GOOD.xml(STORY).replace(f"<saml:Issuer>{IDP}", f"<saml:Issuer>{IDP}<!-- -->", 1)
    assert refused_rule(posted(xml)) == "Issuer must be text only"


def test_a_relative_namespace_is_refused() -> None:
    xml = GOOD.xml(STORY).replace("<samlp:Status>", '<samlp:Status xmlns:x="relative/uri">')
    assert refused_rule(posted(xml)) == "relative namespace"


def test_the_envelope_cannot_give_what_the_signed_assertion_does_not() -> None:
    """An unsigned envelope may only cause refusals: nothing it says is in the result."""
    assertion = verify_envelope(
        open_envelope(
            posted(GOOD.xml(STORY).replace('ID="_response"', 'ID="_response" SessionIndex="evil"'))
        ),
        service_provider=ServiceProvider(SP, ACS),
        identity_provider=IdentityProvider(IDP, SSO_URL, (certificate_of("idp"),)),
        expected_request_id=REQUEST_ID,
        now=NOW + timedelta(seconds=1),
    )
    assert "evil" not in repr(assertion)
