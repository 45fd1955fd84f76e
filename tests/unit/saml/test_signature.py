"""The profile of signatures that we accept: the last form that is accepted, and the first that is refused."""

import base64

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
    der = signed.findtext(".//{*}X509Certificate") or ""
    assert base64.b64decode(der) == certificate.public_bytes(Encoding.DER)
