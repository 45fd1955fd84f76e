"""Where the elements of a response stand: which are counted in the whole tree, and in which order they come."""

import pytest

from adversary.cases import ADA
from awscons.errors import ResponseRefused
from awscons.saml.structure import check_assertion_shape, check_shape, issuer_of
from awscons.saml.xml import Element, parse
from support.forge import IDP, Forger, Story

DS = 'xmlns:ds="http://www.w3.org/2000/09/xmldsig#"'
SAMLP = 'xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"'
SIGNATURE = f"<ds:Signature {DS}/>"
# None of them may stand anywhere but where the standard puts it, whatever element it hides in.
COUNTED = {
    "{urn:oasis:names:tc:SAML:2.0:protocol}Response": f"<samlp:Response {SAMLP}/>",
    "{urn:oasis:names:tc:SAML:2.0:assertion}Assertion": "<saml:Assertion/>",
    "{urn:oasis:names:tc:SAML:2.0:assertion}EncryptedAssertion": "<saml:EncryptedAssertion/>",
    "{http://www.w3.org/2000/09/xmldsig#}Signature": SIGNATURE,
    "{urn:oasis:names:tc:SAML:2.0:assertion}Advice": "<saml:Advice/>",
    "{urn:oasis:names:tc:SAML:2.0:protocol}Extensions": f"<samlp:Extensions {SAMLP}/>",
}


def hidden(inside: str) -> Story:
    """Ada's response with something inside the value of an attribute."""
    return ADA.at(attributes=(("groups", (inside,)),))


def response(story: Story = ADA, *, response_signature: str = "", assertion_signature: str = "") -> Element:
    text = story.response(story.assertion())
    return parse(
        text.replace("{{response-signature}}", response_signature).replace(
            "{{assertion-signature}}", assertion_signature
        )
    )


def assertion(story: Story = ADA, *, signature: str = "") -> Element:
    return parse(story.assertion().replace("{{assertion-signature}}", signature))


def encrypted_response(inside: str = "") -> Element:
    text = ADA.response(f"<saml:EncryptedAssertion>{inside}</saml:EncryptedAssertion>")
    return parse(text.replace("{{response-signature}}", ""))


def refusal_of_response(root: Element) -> str:
    with pytest.raises(ResponseRefused) as caught:
        check_shape(root)
    return caught.value.rule


def refusal_of_assertion(root: Element) -> str:
    with pytest.raises(ResponseRefused) as caught:
        check_assertion_shape(root)
    return caught.value.rule


@pytest.mark.parametrize("name", COUNTED)
def test_nothing_that_matters_hides_deeper_in_a_response(name: str) -> None:
    assert refusal_of_response(response(hidden(COUNTED[name]))) == f"number of {name}"


@pytest.mark.parametrize("name", COUNTED)
def test_nothing_that_matters_hides_beside_a_ciphertext(name: str) -> None:
    assert refusal_of_response(encrypted_response(COUNTED[name])) == f"number of {name}"


@pytest.mark.parametrize("name", COUNTED)
def test_nothing_that_matters_hides_deeper_in_a_decrypted_assertion(name: str) -> None:
    assert refusal_of_assertion(assertion(hidden(COUNTED[name]))) == f"number of {name}"
    signed = assertion(hidden(COUNTED[name]), signature=SIGNATURE)
    assert refusal_of_assertion(signed) == f"number of {name}"


@pytest.mark.parametrize("response_signature", ["", SIGNATURE])
@pytest.mark.parametrize("assertion_signature", ["", SIGNATURE])
def test_an_envelope_says_which_of_its_elements_are_signed(
    response_signature: str, assertion_signature: str
) -> None:
    root = response(response_signature=response_signature, assertion_signature=assertion_signature)
    envelope = check_shape(root)
    assert envelope.unverified_response is root
    assert envelope.unverified_assertion is root[-1]
    assert envelope.response_is_signed is bool(response_signature)
    assert envelope.assertion_is_signed is bool(assertion_signature)
    assert not envelope.assertion_is_encrypted


def test_an_encrypted_assertion_is_not_known_to_be_signed() -> None:
    envelope = check_shape(encrypted_response())
    assert envelope.assertion_is_encrypted
    assert not envelope.assertion_is_signed


@pytest.mark.parametrize("signature", ["", SIGNATURE])
def test_a_decrypted_assertion_says_whether_it_is_signed(signature: str) -> None:
    assert check_assertion_shape(assertion(signature=signature)) is bool(signature)


def test_the_checks_of_the_structure_leave_the_tree_as_it_is() -> None:
    root = response(response_signature=SIGNATURE, assertion_signature=SIGNATURE)
    before = [element.tag for element in root.iter()]
    check_shape(root)
    assert [element.tag for element in root.iter()] == before


@pytest.mark.parametrize("version", ["1.1", "2", "2.00", ""])
def test_a_decrypted_assertion_is_of_saml_2(version: str) -> None:
    assert refusal_of_assertion(assertion(ADA.at(assertion_version=version))) == "version"


def test_a_decrypted_assertion_is_an_assertion() -> None:
    assert refusal_of_assertion(response()) == "root is not an Assertion"


@pytest.mark.parametrize(
    "root",
    [
        parse('<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" Version="2.0"/>'),
        assertion(ADA.at(assertion_issuer=None)),
    ],
    ids=["empty", "without an issuer"],
)
def test_a_decrypted_assertion_begins_with_its_issuer(root: Element) -> None:
    assert refusal_of_assertion(root) == "assertion begins with its Issuer"


def test_a_decrypted_assertion_may_be_nothing_but_its_issuer_as_far_as_the_structure_goes() -> None:
    story = ADA.at(without=frozenset({"subject"}), conditions="", statement="", attributes=())
    assert check_assertion_shape(assertion(story)) is False


@pytest.mark.parametrize("extra", ["<saml:Issuer>x</saml:Issuer>", "<saml:Advice/>", "<x/>", SIGNATURE])
def test_a_decrypted_assertion_has_no_other_child(extra: str) -> None:
    story = ADA.at(extra_in_assertion=extra)
    assert refusal_of_assertion(assertion(story)) == "children of the Assertion"


def test_a_response_may_come_without_an_issuer_but_then_without_a_signature() -> None:
    story = ADA.at(response_issuer=None)
    envelope = check_shape(response(story))
    assert not envelope.response_is_signed
    assert issuer_of(envelope.unverified_response) is None
    signed = response(story, response_signature=SIGNATURE)
    assert refusal_of_response(signed) == "children of the Response"


def test_the_issuer_of_an_element_is_its_child_and_none_deeper() -> None:
    assert issuer_of(parse(Forger().xml(ADA))) == IDP
    assert issuer_of(assertion(ADA.at(assertion_issuer="https://x/"))) == "https://x/"
    assert issuer_of(response(ADA.at(response_issuer=None, assertion_issuer="https://x/"))) is None
