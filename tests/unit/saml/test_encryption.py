"""What a failed decryption tells, and what `gcm_only` does. What is refused at all: `test_corpus.py`."""

import re

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from adversary.cases import ADA, Surroundings, read, service_provider
from adversary.corpus import ATTACKS
from awscons.errors import ResponseRefused
from awscons.saml.encryption import decrypt_element
from awscons.saml.xml import Element, parse
from support.encrypt import DIGESTS, OAEP, Encrypter
from support.forge import Forger, posted

CIPHERTEXTS = [attack for attack in ATTACKS if attack.attack_class == "ciphertexts that fail"]


def refused(form_value: str, around: Surroundings | None = None) -> ResponseRefused:
    with pytest.raises(ResponseRefused) as caught:
        read(form_value, around or Surroundings())
    return caught.value


def test_cbc_can_be_switched_off() -> None:
    cbc = Encrypter(data_method="aes256-cbc").form_value(Forger(), ADA)
    assert read(cbc).name_id == "ada@example.com"
    assert refused(cbc, Surroundings(gcm_only=True)).rule == "data encryption method"


def test_without_a_key_of_ours_the_operator_is_told_how_to_get_one() -> None:
    error = refused(Encrypter().form_value(Forger(), ADA), Surroundings(our_keys=()))
    assert error.rule == "no key to decrypt with"
    assert "awscons keys new" in error.hint


def test_every_ciphertext_that_fails_gives_one_and_the_same_error() -> None:
    """Wrong key, wrong padding, wrong tag, wrong content: not even the log can be asked which it was."""
    errors = [refused(attack.form_value, attack.around) for attack in CIPHERTEXTS]
    said = {(str(error), error.rule, error.section, error.received, error.hint) for error in errors}
    assert len(errors) > 50
    assert len(said) == 1


def test_no_byte_of_a_cbc_text_can_be_asked_for() -> None:
    """The attack on XML encryption of 2011 needs two answers; each letter of the last block is tried."""
    text = Encrypter(data_method="aes256-cbc").xml(Forger(), ADA)
    end = text.rindex("</xenc:CipherValue>")
    values = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    changed = [f"{text[: end - 30]}{letter}{text[end - 29 :]}" for letter in values]
    said = {str(refused(posted(xml))) for xml in changed if xml != text}
    assert len(said) == 1


# --- one element -------------------------------------------------------------------------

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
NAME_ID = f'<saml:NameID xmlns:saml="{SAML}">ada</saml:NameID>'
(OUR_KEY,) = service_provider(Surroundings()).decryption_keys
GCM = Encrypter()


def decrypted(encrypted_id: str, *keys: RSAPrivateKey, declarations: str = f'xmlns:saml="{SAML}"') -> Element:
    (element,) = parse(f"<around {declarations}>{encrypted_id}</around>")
    return decrypt_element(element, keys or (OUR_KEY,))


def decrypt_refused(encrypted_id: str) -> ResponseRefused:
    with pytest.raises(ResponseRefused) as caught:
        decrypted(encrypted_id)
    return caught.value


@pytest.mark.parametrize("length", range(32, 48))
def test_a_cbc_plaintext_may_have_any_padding_from_one_byte_to_a_block(length: int) -> None:
    text = "a" * (length - len("<saml:NameID></saml:NameID>"))
    encrypted = Encrypter(data_method="aes128-cbc").encrypted_id(f"<saml:NameID>{text}</saml:NameID>")
    assert decrypted(encrypted).text == text


@pytest.mark.parametrize("mode", ["cbc", "gcm"])
def test_the_smallest_element_of_one_block_is_read(mode: str) -> None:
    encrypted = Encrypter(data_method=f"aes256-{mode}").encrypted_id("<saml:NameID/>")
    assert decrypted(encrypted).tag == f"{{{SAML}}}NameID"


@pytest.mark.parametrize("mask", DIGESTS)
@pytest.mark.parametrize("digest", DIGESTS)
def test_oaep_takes_every_digest_and_every_mask_of_the_profile(digest: str, mask: str) -> None:
    encrypter = Encrypter(key_method=OAEP, digest=digest, mask=mask)
    assert decrypted(encrypter.encrypted_id(NAME_ID)).text == "ada"


def test_an_empty_label_is_none() -> None:
    encrypter = Encrypter(extra_in_key_method="<xenc:OAEPparams/>")
    assert decrypted(encrypter.encrypted_id(NAME_ID)).text == "ada"


def test_a_key_of_another_size_is_passed_over() -> None:
    small = generate_private_key(public_exponent=65_537, key_size=1_024)
    assert decrypted(GCM.encrypted_id(NAME_ID), small, OUR_KEY).text == "ada"


def test_what_is_decrypted_may_use_every_prefix_of_its_surroundings() -> None:
    plaintext = '<NameID Format="urn:f"><x:inner/></NameID>'
    encrypted = GCM.encrypted_id(plaintext).replace("saml:", "s:")
    element = decrypted(encrypted, declarations=f"xmlns='{SAML}' xmlns:s='{SAML}' xmlns:x='urn:a&amp;b'")
    assert element.tag == f"{{{SAML}}}NameID"
    assert [child.tag for child in element] == ["{urn:a&b}inner"]


def test_what_is_decrypted_is_a_document_of_its_own() -> None:
    element = decrypted(GCM.encrypted_id(f"\n {NAME_ID}\t\n"))
    assert element.getparent() is None
    assert (element.text, element.tail) == ("ada", None)


@pytest.mark.parametrize("size", ["256", " 256\n", "\t256"])
def test_the_size_of_the_key_may_stand_in_white_space(size: str) -> None:
    assert decrypted(Encrypter(key_size=size).encrypted_id(NAME_ID)).text == "ada"


@pytest.mark.parametrize("size", ["32", "2", "-256", "256.0", " "])
def test_another_size_of_the_key_is_refused(size: str) -> None:
    assert decrypt_refused(Encrypter(key_size=size).encrypted_id(NAME_ID)).rule == "data encryption method"


def test_nothing_but_the_size_of_the_key_stands_in_the_method_of_the_data() -> None:
    encrypted = Encrypter(key_size="256").encrypted_id(NAME_ID).replace("KeySize", "Size")
    assert decrypt_refused(encrypted).rule == "data encryption method"


@pytest.mark.parametrize(
    ("rule", "pattern", "replacement"),
    [
        ("exactly one EncryptionMethod", r"<xenc:EncryptionMethod [^>]*aes.*?</xenc:EncryptionMethod>", ""),
        ("exactly one EncryptionMethod", r"<xenc:EncryptionMethod [^>]*oaep.*?</xenc:EncryptionMethod>", ""),
        ("EncryptionMethod without Algorithm", r'Algorithm="[^"]*gcm"', ""),
        ("EncryptionMethod without Algorithm", r'Algorithm="[^"]*oaep-mgf1p"', ""),
        ("DigestMethod without Algorithm", r'Algorithm="[^"]*sha256"', ""),
        ("exactly one CipherData", r"<xenc:CipherData>.*?</xenc:CipherData>", ""),
        ("CipherValue must be text only", r"<xenc:CipherValue>", "<xenc:CipherValue><x/>"),
        ("not base64", r"<xenc:CipherValue>", "<xenc:CipherValue>#"),
        ("cipher value", r"<xenc:CipherValue>.*?</xenc:CipherValue>", ""),
    ],
)
def test_a_malformed_part_is_refused_with_the_section_of_the_standard(
    rule: str, pattern: str, replacement: str
) -> None:
    encrypted = Encrypter(digest="sha256").encrypted_id(NAME_ID)
    malformed, changes = re.subn(pattern, replacement, encrypted, count=1)
    refused = decrypt_refused(malformed)
    assert changes == 1
    assert (refused.rule, refused.section) == (rule, "XML encryption 1.1")


def test_what_is_no_base64_is_recorded_by_its_element_and_not_by_its_text() -> None:
    encrypted = GCM.encrypted_id(NAME_ID).replace("<xenc:CipherValue>", "<xenc:CipherValue>#", 1)
    assert decrypt_refused(encrypted).received == "'{http://www.w3.org/2001/04/xmlenc#}CipherValue'"
