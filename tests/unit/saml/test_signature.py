"""The profile of signatures that we accept: the last form that is accepted, and the first that is refused."""

import base64
import re

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from adversary.cases import ADA, Surroundings, read
from adversary.craft import genuine, swap
from awscons.errors import ResponseRefused
from awscons.saml.parties import KeyPair
from awscons.saml.signature import MAX_PREFIX_LIST, sign_enveloped, verify_enveloped
from awscons.saml.xml import local_name, parse
from support.forge import EXC_C14N, Forger, certificate_of, key_named, posted


def refusal(xml: str, around: Surroundings | None = None) -> ResponseRefused:
    with pytest.raises(ResponseRefused) as caught:
        read(posted(xml), around or Surroundings())
    return caught.value


# --- prefix lists ------------------------------------------------------------------------


def test_a_prefix_list_has_a_maximum_length() -> None:
    longest = Forger(prefix_list="x" * MAX_PREFIX_LIST)
    assert read(longest.form_value(ADA)).name_id == "ada@example.com"
    too_long = Forger(prefix_list="x" * (MAX_PREFIX_LIST + 1))
    assert refusal(too_long.xml(ADA)).rule == "prefix list"


@pytest.mark.parametrize(
    "inclusive",
    [
        '<ec:InclusiveNamespaces xmlns:ec="{}"/>',
        '<ec:InclusiveNamespaces xmlns:ec="{}" PrefixList=""/>',
        '<ec:InclusiveNamespaces xmlns:ec="{}" PrefixList=" xs"/>',
        '<ec:InclusiveNamespaces xmlns:ec="{}" PrefixList="xs  saml"/>',
        '<ec:InclusiveNamespaces xmlns:ec="{}" PrefixList="1s"/>',
        '<ec:InclusiveNamespaces xmlns:ec="{}" PrefixList="xs"><ec:x/></ec:InclusiveNamespaces>',
    ],
)
def test_a_prefix_list_is_names_with_one_space_between_and_nothing_inside(inclusive: str) -> None:
    element = inclusive.format(EXC_C14N)
    xml = swap(genuine(), f'"{EXC_C14N}"></ds:Transform>', f'"{EXC_C14N}">{element}</ds:Transform>')
    assert refusal(xml).rule == "prefix list"


def test_a_canonicalization_has_one_prefix_list_at_most() -> None:
    element = f'<ec:InclusiveNamespaces xmlns:ec="{EXC_C14N}" PrefixList="xs"/>'
    xml = swap(genuine(), f'"{EXC_C14N}"></ds:Transform>', f'"{EXC_C14N}">{element * 2}</ds:Transform>')
    assert refusal(xml).rule == "parameters of the canonicalization"


# --- what is read ------------------------------------------------------------------------


def verified(text: str) -> str:
    """A document signed at its mark and verified, as canonical XML."""
    signed = Forger().sign(text, "response", "_x")
    root = verify_enveloped(parse(signed), (certificate_of("idp"),))
    return etree.tostring(root, method="c14n").decode()


@pytest.mark.parametrize("before", ["", "\n", "<a></a>", "<a></a>\n", "<a></a><c></c>\n "])
@pytest.mark.parametrize("after", ["", "\t", "<b></b>", "\t<b></b> "])
def test_all_but_the_signature_is_read_with_the_white_space_around_it(before: str, after: str) -> None:
    text = f'<x ID="_x">{before}{{{{response-signature}}}}{after}</x>'
    assert verified(text) == f'<x ID="_x">{before}{after}</x>'


def test_comments_are_not_signed_and_not_read() -> None:
    assert verified('<x ID="_x">{{response-signature}}<b><!--c--></b></x>') == '<x ID="_x"><b></b></x>'


def test_the_signature_is_that_of_the_element_and_none_deeper() -> None:
    """Each entity of a signed federation may be signed as well."""
    inner = '<b><ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"></ds:Signature></b>'
    assert verified(f'<x ID="_x">{inner}{{{{response-signature}}}}</x>') == f'<x ID="_x">{inner}</x>'


def test_the_signed_element_is_found_by_id_and_by_no_other_name_of_an_attribute() -> None:
    text = '<x ID="_x">{{response-signature}}<b Id="_x"></b><b xml:id="_x"></b></x>'
    assert verified(text) == '<x ID="_x"><b Id="_x"></b><b xml:id="_x"></b></x>'


def test_a_text_behind_the_element_has_no_influence() -> None:
    signed = Forger().sign('<x ID="_x">{{response-signature}}<b></b></x>', "response", "_x")
    root = verify_enveloped(parse(f"<y>{signed}text</y>")[0], (certificate_of("idp"),))
    assert etree.tostring(root, method="c14n") == b'<x ID="_x"><b></b></x>'


# --- what is missing ---------------------------------------------------------------------


@pytest.mark.parametrize("element", ["DigestMethod", "SignatureMethod"])
def test_each_method_names_its_algorithm(element: str) -> None:
    xml = re.sub(f"<ds:{element} [^>]*>", f"<ds:{element}/>", genuine())
    refused = refusal(xml)
    assert refused.rule == f"{element} without Algorithm"
    assert refused.section == "SAML core 5.4, signature profile"


@pytest.mark.parametrize("element", ["DigestValue", "SignatureValue"])
def test_a_value_that_is_not_base64_is_recorded_by_its_element_and_not_by_its_text(element: str) -> None:
    refused = refusal(re.sub(f"<ds:{element}>[^<]*<", f"<ds:{element}>#secret#<", genuine()))
    assert refused.rule == "not base64"
    assert element in refused.received
    assert "secret" not in str(refused)


def test_an_element_without_a_signature_is_refused() -> None:
    with pytest.raises(ResponseRefused) as caught:
        verify_enveloped(parse('<x ID="_x"/>'), (certificate_of("idp"),))
    assert caught.value.rule == "exactly one Signature"
    assert caught.value.section == "SAML core 5.4, signature profile"


# --- our own -----------------------------------------------------------------------------

MESSAGE = (
    b'<LogoutRequest xmlns="urn:oasis:names:tc:SAML:2.0:protocol" ID="_ours">'
    b'<Issuer xmlns="urn:oasis:names:tc:SAML:2.0:assertion">us</Issuer>'
    b'<NameID xmlns="urn:oasis:names:tc:SAML:2.0:assertion">ada</NameID></LogoutRequest>'
)


def test_a_message_that_we_sign_is_of_the_profile_that_we_accept() -> None:
    certificate, key = certificate_of("sp"), key_named("sp")
    assert isinstance(key, RSAPrivateKey)
    signed = parse(sign_enveloped(MESSAGE, KeyPair(certificate, key)))
    assert etree.tostring(verify_enveloped(signed, (certificate,)), method="c14n") == MESSAGE
    assert [local_name(child) for child in signed] == ["Issuer", "Signature", "NameID"]
    assert signed[1].prefix == "ds"
    reference = signed.find(".//{*}Reference")
    assert reference is not None
    assert reference.get("URI") == "#_ours"
    der = signed.findtext(".//{*}X509Certificate") or ""
    assert base64.b64decode(der) == certificate.public_bytes(Encoding.DER)


def test_a_message_of_ours_without_an_issuer_is_not_signed() -> None:
    key = key_named("sp")
    assert isinstance(key, RSAPrivateKey)
    with pytest.raises(ResponseRefused) as caught:
        sign_enveloped(b'<x ID="_x"/>', KeyPair(certificate_of("sp"), key))
    assert caught.value.rule == "exactly one Issuer"
    assert caught.value.section == "SAML core 5.4, signature profile"
