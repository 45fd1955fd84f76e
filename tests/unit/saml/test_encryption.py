"""Encrypted assertions: every legal way is read, every other refused, and failures look alike."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from awscons.errors import ResponseRefused
from awscons.saml.content import Assertion
from awscons.saml.parties import IdentityProvider, ServiceProvider
from awscons.saml.response import open_envelope, verify_envelope
from support.encrypt import DS, OAEP, RSA_PKCS1, XENC, Encrypter
from support.forge import ACS, IDP, REQUEST_ID, SP, SSO_URL, Forger, Story, certificate_of, key_named, posted

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
STORY = Story(NOW)
MD5 = f'<ds:DigestMethod xmlns:ds="{DS}" Algorithm="http://www.w3.org/2001/04/xmldsig-more#md5"/>'
GOOD = Forger()
PLAIN = "<saml:Assertion" + GOOD.xml(STORY).partition("<saml:Assertion")[2].partition("</samlp:Response>")[0]


def verify(form_value: str, *, keys: tuple[str, ...] = ("sp",), gcm_only: bool = False) -> Assertion:
    private_keys = tuple(key for key in map(key_named, keys) if isinstance(key, RSAPrivateKey))
    return verify_envelope(
        open_envelope(form_value),
        service_provider=ServiceProvider(SP, ACS, private_keys),
        identity_provider=IdentityProvider(IDP, SSO_URL, (certificate_of("idp"),), gcm_only),
        expected_request_id=REQUEST_ID,
        now=NOW,
    )


def refusal(form_value: str, *, keys: tuple[str, ...] = ("sp",), gcm_only: bool = False) -> ResponseRefused:
    with pytest.raises(ResponseRefused) as caught:
        verify(form_value, keys=keys, gcm_only=gcm_only)
    return caught.value


def around(encrypted_assertion: str, *, forger: Forger = GOOD, sign: bool = False) -> str:
    text = STORY.response(encrypted_assertion)
    if sign:
        text = forger.sign(text, "response", STORY.response_id)
    return posted(text.replace("{{response-signature}}", ""))


# --- accepted ----------------------------------------------------------------------------


@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
@pytest.mark.parametrize(
    "encrypter",
    [
        *(Encrypter(data_method=f"aes{bits}-{mode}") for bits in (128, 192, 256) for mode in ("cbc", "gcm")),
        Encrypter(digest="sha256"),
        Encrypter(key_method=OAEP, digest="sha256"),
        Encrypter(key_method=OAEP, digest="sha256", mask="sha256"),
        Encrypter(key_method=OAEP, digest="sha512", mask="sha512", label=b"label"),
        Encrypter(beside=True),
    ],
)
def test_what_is_encrypted_to_us_in_a_legal_way_is_read(encrypter: Encrypter, sign: str) -> None:
    assertion = verify(encrypter.form_value(GOOD, STORY, sign=sign))
    assert assertion.name_id == "ada@example.com"
    assert assertion.attributes == {"groups": ("sysadmin", "cloudadmin")}


@pytest.mark.parametrize("keys", [("sp", "old"), ("old", "sp")])
def test_any_of_our_keys_opens_it(keys: tuple[str, ...]) -> None:
    assert verify(Encrypter().form_value(GOOD, STORY), keys=keys).name_id == "ada@example.com"


def test_prefixes_that_only_the_surroundings_declare_are_understood() -> None:
    plain = PLAIN.replace('xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ', "", 1)
    assert "xmlns:saml" not in plain.partition("<ds:Signature")[0]
    assert verify(around(Encrypter().encrypted_assertion(plain))).name_id == "ada@example.com"


# --- refused for its form ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("encrypter", "rule"),
    [
        (Encrypter(key_method=RSA_PKCS1), "key encryption method"),
        (Encrypter(extra_in_key_method=MD5), "digest of RSA-OAEP"),
        (Encrypter(data_uri=f"{XENC}tripledes-cbc"), "data encryption method"),
        (Encrypter(data_uri=f"{XENC}aes256-gcm"), "data encryption method"),
        (Encrypter(mask="sha256"), "parameters of RSA-OAEP"),
        (Encrypter(extra_in_key_method="<x/>"), "parameters of RSA-OAEP"),
        (Encrypter(keys=2), "exactly one EncryptedKey"),
        (Encrypter(keys=2, beside=True), "exactly one EncryptedKey"),
        (Encrypter(keys=0), "exactly one EncryptedKey"),
        (Encrypter(extra_in_data="<xenc:CipherData/>"), "exactly one CipherData"),
    ],
)
def test_a_form_or_algorithm_outside_the_profile_is_refused_by_name(encrypter: Encrypter, rule: str) -> None:
    assert refusal(encrypter.form_value(GOOD, STORY)).rule == rule


def test_cbc_can_be_switched_off() -> None:
    cbc = Encrypter(data_method="aes256-cbc").form_value(GOOD, STORY)
    assert refusal(cbc, gcm_only=True).rule == "data encryption method"
    assert verify(Encrypter().form_value(GOOD, STORY), gcm_only=True).name_id == "ada@example.com"


def test_a_cipher_reference_is_not_followed() -> None:
    text = Encrypter().encrypted_assertion(PLAIN)
    begin, end = text.rindex("<xenc:CipherValue>"), text.rindex("</xenc:CipherData>")
    text = f'{text[:begin]}<xenc:CipherReference URI="https://example.com/"/>{text[end:]}'
    assert refusal(around(text)).rule == "cipher value"


def test_without_a_key_of_ours_the_operator_is_told_how_to_get_one() -> None:
    refused = refusal(Encrypter().form_value(GOOD, STORY), keys=())
    assert refused.rule == "no key to decrypt with"
    assert "awscons keys new" in refused.hint


# --- refused for what is inside, all alike -----------------------------------------------


@pytest.mark.parametrize("data_method", ["aes256-cbc", "aes256-gcm"])
@pytest.mark.parametrize(
    "plaintext",
    [
        b"",
        b"garbage",
        b"\xff\xfe",
        "<saml:Assertion/>" * 2,
        f"{PLAIN}{PLAIN}",
        f"{PLAIN} text",
        f"{PLAIN}<!-- comment -->",
        f"<!-- comment -->{PLAIN}",
        f"<x>{PLAIN}</x>",
        f"</surroundings>{PLAIN}<surroundings>",
        f'<!DOCTYPE x [<!ENTITY e "x">]>{PLAIN}',
        f"<?xml version='1.0'?>{PLAIN}",
        PLAIN.replace("ada@example.com", "ada<!---->@example.com"),
        "<samlp:Response/>",
        "<saml:Advice/>",
    ],
)
def test_anything_but_one_assertion_inside_is_one_and_the_same_refusal(
    plaintext: str | bytes, data_method: str
) -> None:
    encrypted = Encrypter(data_method=data_method).encrypted_assertion(plaintext)
    for sign in (False, True):
        assert refusal(around(encrypted, sign=sign)).rule == "cannot be decrypted"


@pytest.mark.parametrize(
    "encrypter",
    [
        Encrypter(to="somebody else"),
        Encrypter(data_key=b"k" * 16),
        Encrypter(data_key=b"k" * 24, data_method="aes256-cbc"),
        Encrypter(cut=1),
        Encrypter(cut=4),
        Encrypter(cut=12),
        Encrypter(data_method="aes256-cbc", cut=1),
        Encrypter(data_method="aes256-cbc", cut=16),
    ],
)
def test_a_wrong_key_a_short_tag_and_a_cut_text_are_one_and_the_same_refusal(encrypter: Encrypter) -> None:
    refused = refusal(encrypter.form_value(GOOD, STORY))
    assert refused.rule == "cannot be decrypted"
    assert refused.received == ""


def test_every_error_of_a_changed_cbc_text_looks_the_same_to_the_person_and_in_the_log() -> None:
    key = b"k" * 32
    text = Encrypter(data_method="aes256-cbc", data_key=key).xml(GOOD, STORY)
    begin = text.rindex("<xenc:CipherValue>") + len("<xenc:CipherValue>")
    changed = [f"{text[:begin]}{letter}{text[begin + 1 :]}" for letter in "ABCDEFGH"]
    said = {str(refusal(posted(xml))) for xml in changed if xml != text}
    assert len(said) == 1


# --- encryption is not authentication ----------------------------------------------------


def test_an_encrypted_assertion_that_nobody_signed_is_refused() -> None:
    assert refusal(Encrypter().form_value(GOOD, STORY, sign="nothing")).rule == "no signature"


@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
def test_an_encrypted_assertion_of_somebody_else_is_refused(sign: str) -> None:
    attacker = Forger(key_name="attacker")
    assert (
        refusal(Encrypter().form_value(attacker, STORY, sign=sign)).rule
        == "no trusted key made this signature"
    )


def test_a_response_signature_is_verified_before_anything_is_decrypted() -> None:
    encrypted = Encrypter(to="somebody else").encrypted_assertion(PLAIN)
    signed_by_another = around(encrypted, forger=Forger(key_name="attacker"), sign=True)
    assert refusal(signed_by_another).rule == "no trusted key made this signature"


def test_an_assertion_in_the_clear_beside_the_encrypted_one_is_refused() -> None:
    encrypted = Encrypter().encrypted_assertion(PLAIN)
    for both in (encrypted + PLAIN, PLAIN + encrypted, encrypted + encrypted):
        assert refusal(around(both)).rule == "children of the Response"


def test_an_encrypted_assertion_inside_the_decrypted_one_is_refused() -> None:
    inner = PLAIN.replace("</saml:Assertion>", f"{Encrypter().encrypted_assertion(PLAIN)}</saml:Assertion>")
    assert refusal(around(Encrypter().encrypted_assertion(inner))).rule == "children of the Assertion"
