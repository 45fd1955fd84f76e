"""What a failed decryption tells, and what `gcm_only` does. What is refused at all: `test_corpus.py`."""

import pytest

from adversary.cases import ADA, Surroundings, read
from adversary.corpus import ATTACKS
from awscons.errors import ResponseRefused
from support.encrypt import Encrypter
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
