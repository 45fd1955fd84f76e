"""Logout requests with an EncryptedID: everybody has our public key, and a plaintext may hold anything.

All are really signed by the identity provider, unless the name of the row says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from adversary.cases import USUAL, Attack, Door, Surroundings, of_class
from adversary.corpus.logout import ADA, OTTO, query, request, signed, unsigned
from adversary.craft import ATTACKER_SIGNS, piece, signed_assertion, swap
from support.encrypt import DS, RSA_PKCS1, XENC, Encrypter

_ALIKE = "cannot be decrypted"
_ONE = "exactly one NameID"
_ONE_KEY = "exactly one EncryptedKey"
_FORM = "children of the EncryptedID"
_NO_KEY = "no trusted key made this signature"
_TEXT_ONLY = "NameID must be text only"
_PLAIN = '<saml:NameID xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">otto@example.com</saml:NameID>'
_GCM = Encrypter()
_CBC = Encrypter(data_method="aes256-cbc")


def _both_ways(
    name: str, rule: str, name_id: Callable[[], str], around: Surroundings = USUAL
) -> list[Attack]:
    """A request with that identifier in it, posted and redirected."""
    return [
        Attack(f"{name}-by-post", rule, lambda: signed(request(name_id())), around, door=Door.LOGOUT_BY_POST),
        Attack(
            f"{name}-by-redirect",
            rule,
            lambda: query(unsigned(request(name_id()))),
            around,
            raw=True,
            door=Door.LOGOUT_BY_REDIRECT,
        ),
    ]


def _holding(name: str, rule: str, plaintext: str | bytes, encrypter: Encrypter = _GCM) -> list[Attack]:
    return _both_ways(name, rule, partial(encrypter.encrypted_id, plaintext))


def _changed(old: str, new: str) -> str:
    """An EncryptedID with one of its elements in another form; `old` is the name of the last such element."""
    xml = _GCM.encrypted_id(_PLAIN)
    return swap(xml, piece(xml, old, last=True), new)


def _without_data() -> str:
    return re.sub(r"<xenc:EncryptedData.*</xenc:EncryptedData>", "", _GCM.encrypted_id(_PLAIN))


def _somebody_elses_signature() -> str:
    """The attacker's EncryptedID in the place of the NameID that the identity provider signed."""
    return swap(signed(), OTTO, _GCM.encrypted_id(_PLAIN.replace("otto", "ada")))


IDENTIFIERS = [
    *_both_ways(
        "encrypted-id-and-name-id", _ONE, lambda: _GCM.encrypted_id(_PLAIN.replace("otto", "ada")) + OTTO
    ),
    *_both_ways("name-id-and-encrypted-id", _ONE, lambda: ADA + _GCM.encrypted_id(_PLAIN)),
    *_both_ways(
        "two-encrypted-ids",
        _ONE,
        lambda: _GCM.encrypted_id(_PLAIN) + _GCM.encrypted_id(_PLAIN.replace("otto", "ada")),
    ),
    *_both_ways("base-id", _ONE, lambda: "<saml:BaseID/>"),
    *_both_ways("base-id-and-name-id", _ONE, lambda: f"<saml:BaseID/>{OTTO}"),
    *_both_ways(
        "encrypted-id-in-extensions-alone",
        _ONE,
        lambda: f"<samlp:Extensions>{_GCM.encrypted_id(_PLAIN)}</samlp:Extensions>",
    ),
    *_both_ways("encrypted-assertion-for-a-name", _ONE, lambda: _GCM.encrypted_assertion(_PLAIN)),
]

FORMS = [
    *_both_ways("encrypted-id-empty", _FORM, lambda: "<saml:EncryptedID/>"),
    *_both_ways(
        "encrypted-id-around-a-name-id", _FORM, lambda: f"<saml:EncryptedID>{OTTO}</saml:EncryptedID>"
    ),
    *_both_ways("encrypted-id-without-data", _FORM, _without_data),
    *_both_ways(
        "encrypted-id-around-another",
        _FORM,
        lambda: f"<saml:EncryptedID>{_GCM.encrypted_id(_PLAIN)}</saml:EncryptedID>",
    ),
    *_both_ways(
        "encrypted-id-with-a-name-id-beside-its-data",
        _FORM,
        lambda: swap(_GCM.encrypted_id(_PLAIN), "</saml:EncryptedID>", f"{ADA}</saml:EncryptedID>"),
    ),
    *_both_ways(
        "encrypted-id-with-data-elsewhere",
        "cipher value",
        lambda: _changed("xenc:CipherValue", '<xenc:CipherReference URI="http://127.0.0.1/data"/>'),
    ),
    *_both_ways(
        "encrypted-id-with-its-key-elsewhere",
        _ONE_KEY,
        lambda: _changed(
            "xenc:EncryptedKey", f'<ds:RetrievalMethod xmlns:ds="{DS}" URI="http://127.0.0.1/"/>'
        ),
    ),
    *_both_ways("encrypted-id-with-two-keys", _ONE_KEY, lambda: Encrypter(keys=2).encrypted_id(_PLAIN)),
    *_both_ways(
        "encrypted-id-by-rsa-1.5",
        "key encryption method",
        lambda: Encrypter(key_method=RSA_PKCS1).encrypted_id(_PLAIN),
    ),
    *_both_ways(
        "encrypted-id-by-triple-des",
        "data encryption method",
        lambda: Encrypter(data_uri=f"{XENC}tripledes-cbc").encrypted_id(_PLAIN),
    ),
    *_both_ways(
        "encrypted-id-by-cbc-where-only-gcm-may-be",
        "data encryption method",
        lambda: _CBC.encrypted_id(_PLAIN),
        Surroundings(gcm_only=True),
    ),
    *_both_ways(
        "encrypted-id-without-a-key-of-ours",
        "no key to decrypt with",
        lambda: _GCM.encrypted_id(_PLAIN),
        Surroundings(our_keys=()),
    ),
]

PLAINTEXTS = [
    *_both_ways("encrypted-id-to-another-key", _ALIKE, lambda: Encrypter(to="another").encrypted_id(_PLAIN)),
    *_both_ways("encrypted-id-cut-short", _ALIKE, lambda: Encrypter(cut=1).encrypted_id(_PLAIN)),
    *_holding("encrypted-id-holding-nothing", _ALIKE, ""),
    *_holding("encrypted-id-holding-nothing-by-cbc", _ALIKE, "", _CBC),
    *_holding("encrypted-id-holding-no-xml", _ALIKE, b"\xff\x00otto", _CBC),
    *_holding("encrypted-id-holding-two", _ALIKE, _PLAIN + _PLAIN.replace("otto", "ada")),
    *_holding("encrypted-id-holding-text-beside", _ALIKE, f"{_PLAIN}ada"),
    *_holding("encrypted-id-holding-an-assertion", _ALIKE, signed_assertion()),
    *_holding("encrypted-id-holding-another", _ALIKE, _GCM.encrypted_id(_PLAIN)),
    *_holding("encrypted-id-holding-an-element-around", _ALIKE, f"<x>{_PLAIN}</x>"),
    *_holding("encrypted-id-holding-a-name-of-no-namespace", _ALIKE, "<NameID>otto@example.com</NameID>"),
    *_holding("encrypted-id-holding-a-document-type", _ALIKE, f"<!DOCTYPE x>{_PLAIN}"),
    *_holding("encrypted-id-holding-a-comment", _TEXT_ONLY, _PLAIN.replace("@", "<!---->@")),
    *_holding("encrypted-id-holding-an-element-inside", _TEXT_ONLY, _PLAIN.replace("@", "<x/>@")),
]

NOT_AUTHENTICATION = [
    Attack(
        "encrypted-id-unsigned",
        "exactly one Signature",
        lambda: unsigned(request(_GCM.encrypted_id(_PLAIN))),
        door=Door.LOGOUT_BY_POST,
    ),
    Attack(
        "encrypted-id-by-the-attacker",
        _NO_KEY,
        lambda: signed(request(_GCM.encrypted_id(_PLAIN)), ATTACKER_SIGNS),
        door=Door.LOGOUT_BY_POST,
    ),
    Attack(
        "encrypted-id-by-the-attacker-redirected",
        _NO_KEY,
        lambda: query(unsigned(request(_GCM.encrypted_id(_PLAIN))), ATTACKER_SIGNS),
        raw=True,
        door=Door.LOGOUT_BY_REDIRECT,
    ),
    Attack(
        "encrypted-id-in-the-place-of-a-signed-name",
        "digest does not match",
        _somebody_elses_signature,
        door=Door.LOGOUT_BY_POST,
    ),
    Attack(
        "encrypted-id-wrapped-around-a-signed-request",
        "exactly one Signature",
        lambda: unsigned(request(_GCM.encrypted_id(signed()))),
        door=Door.LOGOUT_BY_POST,
    ),
]

ATTACKS = of_class("encrypted logout", [*IDENTIFIERS, *FORMS, *PLAINTEXTS, *NOT_AUTHENTICATION])


def _posted(encrypter: Encrypter, plaintext: str = _PLAIN) -> tuple[Door, str]:
    return Door.LOGOUT_BY_POST, signed(request(encrypter.encrypted_id(plaintext)))


def _redirected(encrypter: Encrypter) -> tuple[Door, str]:
    return Door.LOGOUT_BY_REDIRECT, query(unsigned(request(encrypter.encrypted_id(_PLAIN))))


VARIANTS: dict[str, tuple[Door, str]] = {
    **{
        f"encrypted-aes{bits}-{mode}-{way}": make(Encrypter(data_method=f"aes{bits}-{mode}"))
        for bits in (128, 256)
        for mode in ("gcm", "cbc")
        for way, make in (("posted", _posted), ("redirected", _redirected))
    },
    "encrypted-key-beside-the-data": _posted(Encrypter(beside=True)),
    "encrypted-with-prefixes-of-the-request": _posted(_GCM, OTTO),
}
"""Requests that must be read, all of them for Otto, as in `logout.VARIANTS`."""
