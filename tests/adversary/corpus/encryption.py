"""Encrypted assertions: encryption is not authentication, and a ciphertext must not tell why it fails."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from adversary.cases import ADA, OTTO, Attack, Document, Surroundings, Variant, of_class
from adversary.craft import (
    ATTACKER_SIGNS,
    EVIL,
    IDP_SIGNS,
    assertion_signature,
    forged,
    inside,
    piece,
    response_signature,
    signed_assertion,
    stripped_assertion,
    swap,
)
from support.encrypt import DS, OAEP, RSA_PKCS1, XENC, XENC11, Encrypter
from support.forge import Forger, Story

_ALIKE = "cannot be decrypted"
_DATA_METHOD = "data encryption method"
_KEY_METHOD = "key encryption method"
_ONE_KEY = "exactly one EncryptedKey"
_OAEP = "parameters of RSA-OAEP"
_NO_KEY = "no trusted key made this signature"
_BESIDE = "children of the Response"

GCM = Encrypter()
CBC = Encrypter(data_method="aes256-cbc")


def _around(content: str, *, signed_by: Forger | None = None, story: Story = OTTO) -> str:
    """A response around what stands in the place of the assertion."""
    text = story.response(content)
    if signed_by:
        text = signed_by.sign(text, "response", story.response_id)
    return text.replace("{{response-signature}}", "")


def _holding(plaintext: Document, encrypter: Encrypter = GCM) -> str:
    """A response with a ciphertext of any content: everyone who has our public key can make one."""
    return _around(encrypter.encrypted_assertion(plaintext))


def _holding_made(make: Callable[[], Document], encrypter: Encrypter) -> str:
    return _holding(make(), encrypter)


def _evil_assertion(**pieces: str) -> str:
    """The attacker's own assertion, with whatever it is wrapped around."""
    xml = forged(EVIL, **pieces)  # type: ignore[arg-type]
    return xml[xml.index("<saml:Assertion") : xml.rindex("</samlp:Response>")]


def _encrypted_anew(xml: str) -> str:
    """A genuine response with another ciphertext in it."""
    return swap(xml, piece(xml, "saml:EncryptedAssertion"), GCM.encrypted_assertion(_evil_assertion()))


def _data_changed(change: Callable[[bytes], bytes], encrypter: Encrypter = GCM) -> str:
    """A genuine response whose ciphertext was changed on its way."""
    xml = encrypter.xml(IDP_SIGNS, OTTO)
    value = piece(xml, "xenc:CipherValue", last=True)
    data = base64.b64decode(value.removeprefix("<xenc:CipherValue>").removesuffix("</xenc:CipherValue>"))
    changed = base64.b64encode(change(data)).decode()
    return swap(xml, value, f"<xenc:CipherValue>{changed}</xenc:CipherValue>")


def _flipped(at: int) -> Callable[[bytes], bytes]:
    def flip(data: bytes) -> bytes:
        changed = bytearray(data)
        changed[at] ^= 1
        return bytes(changed)

    return flip


def _said(name: str, rule: str, encrypter: Encrypter, **surroundings: object) -> Attack:
    """Otto's genuine assertion, encrypted in another way."""
    around = Surroundings(**surroundings)  # type: ignore[arg-type]
    return Attack(name, rule, lambda: encrypter.xml(IDP_SIGNS, OTTO), around)


def _key_info(inner: str) -> str:
    """Another content of the KeyInfo that leads to the key of the data."""
    xml = GCM.xml(IDP_SIGNS, OTTO)
    return swap(xml, piece(xml, "xenc:EncryptedKey"), inner)


def _reference(address: str) -> str:
    """A CipherReference in the place of the data."""
    xml = GCM.xml(IDP_SIGNS, OTTO)
    return swap(xml, piece(xml, "xenc:CipherValue", last=True), f'<xenc:CipherReference URI="{address}"/>')


def _digest_of_oaep(uri: str) -> str:
    return f'<ds:DigestMethod xmlns:ds="{DS}" Algorithm="{uri}"/>'


def _mask_of_oaep(uri: str) -> str:
    return f'<xenc11:MGF xmlns:xenc11="{XENC11}" Algorithm="{uri}"/>'


def _key_inside_and_beside() -> str:
    xml = GCM.xml(IDP_SIGNS, OTTO)
    key = piece(xml, "xenc:EncryptedKey")
    return swap(xml, "</saml:EncryptedAssertion>", f"{key}</saml:EncryptedAssertion>")


NOT_AUTHENTICATION = of_class(
    "encryption is not authentication",
    [
        Attack("encrypted-and-unsigned", "no signature", lambda: GCM.xml(IDP_SIGNS, ADA, sign="nothing")),
        *(
            Attack(
                f"encrypted-and-by-the-attacker-{sign}",
                _NO_KEY,
                partial(GCM.xml, ATTACKER_SIGNS, ADA, sign=sign),
            )
            for sign in ("assertion", "response", "both")
        ),
        Attack(
            "encrypted-by-the-attacker-in-a-genuine-response",
            _NO_KEY,
            lambda: _around(
                GCM.encrypted_assertion(piece(ATTACKER_SIGNS.xml(ADA), "saml:Assertion")), signed_by=IDP_SIGNS
            ),
        ),
        Attack(
            "encrypted-anew-in-a-signed-response",
            "digest does not match",
            lambda: _encrypted_anew(GCM.xml(IDP_SIGNS, OTTO, sign="response")),
        ),
        Attack(
            "name-id-changed-inside",
            "digest does not match",
            lambda: _holding(swap(signed_assertion(), "otto@", "ada@")),
        ),
        Attack(
            "signature-of-another-sign-in-inside",
            "reference",
            lambda: _holding(_evil_assertion(assertion_signature=assertion_signature())),
        ),
        Attack(
            "xsw4-inside",
            "children of the Assertion",
            lambda: _holding(inside(_evil_assertion(), "</saml:Assertion>", signed_assertion())),
        ),
        Attack(
            "xsw8-inside",
            "number of {urn:oasis:names:tc:SAML:2.0:assertion}Assertion",
            lambda: _holding(
                _evil_assertion(
                    assertion_signature=inside(
                        assertion_signature(),
                        "</ds:Signature>",
                        f"<ds:Object>{stripped_assertion()}</ds:Object>",
                    )
                )
            ),
        ),
        Attack(
            "signature-at-the-end-inside",
            "children of the Assertion",
            lambda: _holding(inside(stripped_assertion(), "</saml:Assertion>", assertion_signature())),
        ),
        Attack(
            "clear-signed-assertion-before-the-encrypted-one",
            _BESIDE,
            lambda: _around(signed_assertion() + GCM.encrypted_assertion(_evil_assertion())),
        ),
        Attack(
            "clear-signed-assertion-after-the-encrypted-one",
            _BESIDE,
            lambda: _around(GCM.encrypted_assertion(_evil_assertion()) + signed_assertion()),
        ),
        Attack(
            "clear-forged-assertion-before-the-encrypted-one",
            _BESIDE,
            lambda: _around(_evil_assertion() + GCM.encrypted_assertion(signed_assertion())),
        ),
        Attack(
            "clear-signed-assertion-in-the-status",
            "number of {urn:oasis:names:tc:SAML:2.0:assertion}Assertion",
            lambda: swap(
                _holding(_evil_assertion()),
                "</samlp:Status>",
                f"<samlp:StatusDetail>{signed_assertion()}</samlp:StatusDetail></samlp:Status>",
            ),
        ),
        Attack(
            "clear-signed-assertion-in-the-key-info",
            "number of {urn:oasis:names:tc:SAML:2.0:assertion}Assertion",
            lambda: swap(_holding(_evil_assertion()), "</ds:KeyInfo>", f"{signed_assertion()}</ds:KeyInfo>"),
        ),
        Attack(
            "two-encrypted-assertions",
            _BESIDE,
            lambda: _around(
                GCM.encrypted_assertion(signed_assertion()) + GCM.encrypted_assertion(_evil_assertion())
            ),
        ),
        Attack(
            "genuine-signature-beside-the-ciphertext",
            "number of {http://www.w3.org/2000/09/xmldsig#}Signature",
            lambda: swap(
                _holding(_evil_assertion()),
                "</saml:EncryptedAssertion>",
                f"{assertion_signature()}</saml:EncryptedAssertion>",
            ),
        ),
        Attack(
            "genuine-signature-of-another-response-around-it",
            "digest does not match",
            lambda: OTTO.response(GCM.encrypted_assertion(_evil_assertion())).replace(
                "{{response-signature}}", response_signature()
            ),
        ),
        Attack(
            "encrypted-assertion-inside-the-encrypted-one",
            "children of the Assertion",
            lambda: _holding(
                inside(signed_assertion(), "</saml:Assertion>", GCM.encrypted_assertion(signed_assertion()))
            ),
        ),
        Attack(
            "response-signature-checked-before-anything-is-decrypted",
            _NO_KEY,
            lambda: _around(
                Encrypter(to="somebody-else").encrypted_assertion(signed_assertion()),
                signed_by=ATTACKER_SIGNS,
            ),
        ),
    ],
)

PROFILE = of_class(
    "encryption profile",
    [
        _said("pkcs1-v1.5", _KEY_METHOD, Encrypter(key_method=RSA_PKCS1)),
        _said("pkcs1-v1.5-under-the-name-of-oaep-1.1", _KEY_METHOD, Encrypter(key_method=f"{XENC11}rsa-1_5")),
        _said("key-wrapped-by-another-key", _KEY_METHOD, Encrypter(key_method=f"{XENC}kw-aes256")),
        _said("triple-des", _DATA_METHOD, Encrypter(data_uri=f"{XENC}tripledes-cbc")),
        _said("gcm-under-the-old-namespace", _DATA_METHOD, Encrypter(data_uri=f"{XENC}aes256-gcm")),
        _said(
            "chacha20",
            _DATA_METHOD,
            Encrypter(data_uri="http://www.w3.org/2007/05/xmldsig-more#chacha20poly1305"),
        ),
        _said("data-method-of-nothing", _DATA_METHOD, Encrypter(data_uri="urn:none")),
        _said("key-size-not-of-the-method", _DATA_METHOD, Encrypter(key_size="128")),
        _said("cbc-where-only-gcm-may-be", _DATA_METHOD, CBC, gcm_only=True),
        _said(
            "oaep-with-md5",
            "digest of RSA-OAEP",
            Encrypter(extra_in_key_method=_digest_of_oaep("http://www.w3.org/2001/04/xmldsig-more#md5")),
        ),
        _said(
            "oaep-with-two-digests",
            _OAEP,
            Encrypter(digest="sha256", extra_in_key_method=_digest_of_oaep(f"{XENC}sha256")),
        ),
        _said(
            "oaep-with-a-mask-of-md5",
            "mask generation of RSA-OAEP",
            Encrypter(key_method=OAEP, extra_in_key_method=_mask_of_oaep("urn:mgf1md5")),
        ),
        _said("oaep-of-1.0-with-a-mask", _OAEP, Encrypter(mask="sha256")),
        _said("oaep-with-something-else", _OAEP, Encrypter(extra_in_key_method="<x/>")),
        _said("two-keys-inside", _ONE_KEY, Encrypter(keys=2)),
        Attack(
            "two-keys-beside",
            _ONE_KEY,
            lambda: Encrypter(keys=2, beside=True).xml(IDP_SIGNS, OTTO).replace(' Id="_key"', ""),
        ),
        _said("no-key", _ONE_KEY, Encrypter(keys=0)),
        Attack("one-key-inside-and-one-beside", _ONE_KEY, _key_inside_and_beside),
        Attack("key-by-name-only", _ONE_KEY, lambda: _key_info("<ds:KeyName>sp</ds:KeyName>")),
        Attack(
            "key-to-be-fetched",
            _ONE_KEY,
            lambda: _key_info('<ds:RetrievalMethod URI="https://evil.example.com/key"/>'),
        ),
        Attack(
            "key-by-agreement",
            _ONE_KEY,
            lambda: _key_info(f'<xenc:AgreementMethod xmlns:xenc="{XENC}" Algorithm="{XENC}dh"/>'),
        ),
        Attack("data-to-be-fetched", "cipher value", lambda: _reference("https://evil.example.com/x")),
        Attack("data-from-a-file", "cipher value", lambda: _reference("file:///etc/passwd")),
        _said("two-data", "exactly one CipherData", Encrypter(extra_in_data="<xenc:CipherData/>")),
        Attack(
            "two-values",
            "cipher value",
            lambda: swap(
                GCM.xml(IDP_SIGNS, OTTO), "<xenc:CipherData>", "<xenc:CipherData><xenc:CipherValue/>"
            ),
        ),
        Attack(
            "nothing-in-the-encrypted-assertion",
            "children of the EncryptedAssertion",
            lambda: _around("<saml:EncryptedAssertion/>"),
        ),
        Attack(
            "two-encrypted-data",
            "children of the EncryptedAssertion",
            lambda: swap(
                GCM.xml(IDP_SIGNS, OTTO),
                "</saml:EncryptedAssertion>",
                '<xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#"/></saml:EncryptedAssertion>',
            ),
        ),
        Attack(
            "ciphertext-not-base64",
            "not base64",
            lambda: swap(GCM.xml(IDP_SIGNS, OTTO), "<xenc:CipherValue>", "<xenc:CipherValue>#"),
        ),
        _said("no-key-of-ours", "no key to decrypt with", GCM, our_keys=()),
    ],
)

_INSIDE: dict[str, Callable[[], Document]] = {
    "nothing": lambda: b"",
    "words": lambda: "garbage",
    "no-utf-8": lambda: b"\xff\xfe",
    "utf-16": lambda: signed_assertion().encode("utf-16"),
    "two-assertions": lambda: signed_assertion() + _evil_assertion(),
    "text-behind-the-assertion": lambda: signed_assertion() + " text",
    "a-comment-before-the-assertion": lambda: "<!-- x -->" + signed_assertion(),
    "an-instruction-behind-the-assertion": lambda: signed_assertion() + "<?x?>",
    "a-response": lambda: _around(signed_assertion()),
    "an-advice": lambda: f"<saml:Advice>{signed_assertion()}</saml:Advice>",
    "the-end-of-what-is-around-it": lambda: f"</surroundings>{signed_assertion()}<surroundings>",
    "the-end-of-the-response": lambda: f"</saml:EncryptedAssertion>{signed_assertion()}",
    "a-document-type": lambda: '<!DOCTYPE x [<!ENTITY e "x">]>' + signed_assertion(),
    "a-declaration": lambda: "<?xml version='1.0'?>" + signed_assertion(),
    "a-comment-in-the-name-id": lambda: swap(signed_assertion(), "otto@", "otto<!---->@"),
    "a-prefix-of-nowhere": lambda: swap(signed_assertion(), "<saml:Subject>", "<x:y/><saml:Subject>"),
    "an-assertion-of-saml-1": lambda: signed_assertion().replace("SAML:2.0", "SAML:1.0"),
    "two-equal-ids": lambda: swap(signed_assertion(), "<saml:Subject>", '<saml:Subject ID="_assertion">'),
}

CIPHERTEXTS = of_class(
    "ciphertexts that fail",
    [
        _said("encrypted-to-somebody-else", _ALIKE, Encrypter(to="somebody-else")),
        _said("key-of-another-length", _ALIKE, Encrypter(data_key=b"k" * 16)),
        _said("key-of-another-length-for-cbc", _ALIKE, replace(CBC, data_key=b"k" * 24)),
        _said(
            "oaep-digest-not-as-said", _ALIKE, Encrypter(extra_in_key_method=_digest_of_oaep(f"{XENC}sha256"))
        ),
        _said(
            "oaep-label-not-as-used",
            _ALIKE,
            Encrypter(extra_in_key_method="<xenc:OAEPparams>bGFiZWw=</xenc:OAEPparams>"),
        ),
        *(
            _said(f"gcm-tag-{bits}-bits-long", _ALIKE, Encrypter(cut=16 - bits // 8))
            for bits in (120, 96, 64, 32, 8, 0)
        ),
        Attack("gcm-tag-changed", _ALIKE, lambda: _data_changed(_flipped(-1))),
        Attack("gcm-text-changed", _ALIKE, lambda: _data_changed(_flipped(40))),
        Attack("gcm-nonce-changed", _ALIKE, lambda: _data_changed(_flipped(0))),
        Attack("gcm-nothing-but-a-nonce", _ALIKE, lambda: _data_changed(lambda data: data[:12])),
        Attack("gcm-nothing", _ALIKE, lambda: _data_changed(lambda _: b"")),
        Attack("cbc-nothing", _ALIKE, lambda: _data_changed(lambda _: b"", CBC)),
        Attack("cbc-nothing-but-a-vector", _ALIKE, lambda: _data_changed(lambda data: data[:16], CBC)),
        Attack("cbc-half-a-block", _ALIKE, lambda: _data_changed(lambda data: data[:-8], CBC)),
        Attack("cbc-a-block-short", _ALIKE, lambda: _data_changed(lambda data: data[:-16], CBC)),
        Attack("cbc-last-block-changed", _ALIKE, lambda: _data_changed(_flipped(-1), CBC)),
        Attack("cbc-padding-changed", _ALIKE, lambda: _data_changed(_flipped(-17), CBC)),
        Attack("cbc-first-letter-changed", _ALIKE, lambda: _data_changed(_flipped(0), CBC)),
        *(
            Attack(f"{mode}-holding-{name}", _ALIKE, partial(_holding_made, make, encrypter))
            for mode, encrypter in (("gcm", GCM), ("cbc", CBC))
            for name, make in _INSIDE.items()
        ),
    ],
)

ATTACKS = [*NOT_AUTHENTICATION, *PROFILE, *CIPHERTEXTS]


def _read(name: str, encrypter: Encrypter, sign: str = "assertion", **surroundings: object) -> Variant:
    around = Surroundings(**surroundings)  # type: ignore[arg-type]
    return Variant(name, lambda: encrypter.xml(IDP_SIGNS, OTTO, sign=sign), around=around)


def _with_prefixes_of_the_surroundings() -> str:
    """As programs write it that cut the assertion out of the response without its declarations."""
    plaintext = swap(signed_assertion(), 'xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ', "")
    return _holding(plaintext)


VARIANTS = [
    *(
        _read(f"encrypted-aes{bits}-{mode}-{sign}-signed", Encrypter(data_method=f"aes{bits}-{mode}"), sign)
        for bits in (128, 192, 256)
        for mode in ("cbc", "gcm")
        for sign in ("assertion", "response", "both")
    ),
    _read("encrypted-gcm-where-only-gcm-may-be", GCM, gcm_only=True),
    _read("encrypted-oaep-sha256", Encrypter(digest="sha256")),
    _read("encrypted-oaep-1.1", Encrypter(key_method=OAEP, digest="sha256")),
    _read("encrypted-oaep-1.1-mask-sha256", Encrypter(key_method=OAEP, digest="sha256", mask="sha256")),
    _read(
        "encrypted-oaep-sha512-and-a-label",
        Encrypter(key_method=OAEP, digest="sha512", mask="sha512", label=b"x"),
    ),
    _read("encrypted-key-beside-the-data", Encrypter(beside=True), "both"),
    _read("encrypted-with-the-key-size-said", Encrypter(key_size="256")),
    _read("encrypted-to-our-first-key", GCM, our_keys=("sp", "old")),
    _read("encrypted-to-our-old-key", Encrypter(to="old"), our_keys=("sp", "old")),
    Variant("encrypted-with-prefixes-of-its-surroundings", _with_prefixes_of_the_surroundings),
]
