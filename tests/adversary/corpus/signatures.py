"""Signatures that are none, or somebody else's, or made with what nobody should trust.

Keys that the message brings along, HMAC with a public key as its secret, weak hashes, transforms that
take away what was to be signed, references to elsewhere and to nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from functools import partial

from cryptography.hazmat.primitives import serialization
from lxml import etree

from adversary.cases import ADA, OTTO, Attack, Surroundings, of_class
from adversary.craft import ATTACKER_SIGNS, IDP_SIGNS, genuine, piece, swap
from support.forge import ENVELOPED, EXC_C14N, Forger, certificate_of

_NO_KEY = "no trusted key made this signature"
_METHOD = "signature method"
_DIGEST_METHOD = "digest method"
_TRANSFORMS = "transforms"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_DSIG = "http://www.w3.org/2000/09/xmldsig#"
_XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
_XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"
_C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"


def _der_in_base64(name: str) -> str:
    return base64.b64encode(certificate_of(name).public_bytes(serialization.Encoding.DER)).decode()


def _with_key_of(kind: str) -> str:
    """Ada, signed by the attacker, who brings the key along."""
    return Forger(key_name="attacker", key_info=_key_of(kind)).xml(ADA)


def _hmac_signed(secret: bytes, *, save: int = 32, length: str = "") -> str:
    """A signature by HMAC under a secret that everybody knows, over a SignedInfo that says so."""
    xml = Forger(signature_uri=_MORE + "hmac-sha256").xml(ADA)
    if length:
        xml = swap(
            xml,
            f'<ds:SignatureMethod Algorithm="{_MORE}hmac-sha256"/>',
            f'<ds:SignatureMethod Algorithm="{_MORE}hmac-sha256"><ds:HMACOutputLength>{length}'
            "</ds:HMACOutputLength></ds:SignatureMethod>",
        )
    signed_info = piece(xml, "ds:SignedInfo").replace(
        "<ds:SignedInfo>", f'<ds:SignedInfo xmlns:ds="{_DSIG}">'
    )
    canonical = etree.tostring(etree.fromstring(signed_info), method="c14n", exclusive=True)
    value = base64.b64encode(hmac.digest(secret, canonical, hashlib.sha256)[:save]).decode()
    return swap(xml, piece(xml, "ds:SignatureValue"), f"<ds:SignatureValue>{value}</ds:SignatureValue>")


def _public_key() -> bytes:
    return (
        certificate_of("idp")
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def _signature_value(value: str) -> str:
    xml = genuine()
    return swap(xml, piece(xml, "ds:SignatureValue"), f"<ds:SignatureValue>{value}</ds:SignatureValue>")


def _zeros() -> str:
    """An elliptic signature of nothing but zeros (the class of CVE-2022-21449)."""
    xml = Forger(key_name="ec-idp").xml(ADA)
    nothing = base64.b64encode(bytes(64)).decode()
    return swap(xml, piece(xml, "ds:SignatureValue"), f"<ds:SignatureValue>{nothing}</ds:SignatureValue>")


def _a_zero_more() -> str:
    """The same two numbers in more bytes: a second form of one signature."""
    xml = Forger(key_name="ec-idp").xml(OTTO)
    value = piece(xml, "ds:SignatureValue")
    raw = base64.b64decode(value.removeprefix("<ds:SignatureValue>").removesuffix("</ds:SignatureValue>"))
    longer = base64.b64encode(raw[:32] + b"\0" + raw[32:]).decode()
    return swap(xml, value, f"<ds:SignatureValue>{longer}</ds:SignatureValue>")


def _signed_by_two_halves() -> str:
    """The assertion by the attacker, the response around it by the identity provider."""
    text = ATTACKER_SIGNS.sign(OTTO.response(OTTO.assertion()), "assertion", OTTO.assertion_id)
    return IDP_SIGNS.sign(text, "response", OTTO.response_id)


def _key_of(kind: str) -> str:
    return {
        "certificate": f"<ds:X509Data><ds:X509Certificate>{_der_in_base64('attacker')}</ds:X509Certificate></ds:X509Data>",
        "both-certificates": f"<ds:X509Data><ds:X509Certificate>{_der_in_base64('idp')}</ds:X509Certificate>"
        f"<ds:X509Certificate>{_der_in_base64('attacker')}</ds:X509Certificate></ds:X509Data>",
        "trusted-certificate": f"<ds:X509Data><ds:X509Certificate>{_der_in_base64('idp')}"
        "</ds:X509Certificate></ds:X509Data>",
        "key-value": "<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>"
        + base64.b64encode(_modulus()).decode()
        + "</ds:Modulus><ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>",
        "key-name-of-the-trusted-key": "<ds:KeyName>idp</ds:KeyName>",
        "retrieval-method": '<ds:RetrievalMethod URI="https://evil.example.com/key" '
        f'Type="{_DSIG}X509Data"/>',
        "retrieval-method-of-a-file": '<ds:RetrievalMethod URI="file:///etc/passwd"/>',
        "der-encoded-key-value": '<dsig11:DEREncodedKeyValue xmlns:dsig11="http://www.w3.org/2009/xmldsig11#">'
        "AAAA</dsig11:DEREncodedKeyValue>",
    }[kind]


def _modulus() -> bytes:
    numbers = certificate_of("attacker").public_key().public_numbers()  # type: ignore[union-attr]
    return int(numbers.n).to_bytes(256, "big")  # type: ignore[union-attr]


FOREIGN_KEYS = of_class(
    "foreign keys",
    [
        Attack("nothing-is-signed", "no signature", lambda: genuine("nothing", ADA)),
        *(
            Attack(f"the-attackers-key-over-{sign}", _NO_KEY, partial(ATTACKER_SIGNS.xml, ADA, sign=sign))
            for sign in ("assertion", "response", "both")
        ),
        *(
            Attack(f"the-attackers-key-with-{kind}", _NO_KEY, partial(_with_key_of, kind))
            for kind in (
                "certificate",
                "both-certificates",
                "trusted-certificate",
                "key-value",
                "key-name-of-the-trusted-key",
                "retrieval-method",
                "retrieval-method-of-a-file",
                "der-encoded-key-value",
            )
        ),
        Attack(
            "two-key-infos",
            "children of the Signature",
            lambda: swap(genuine(), "</ds:SignatureValue>", "</ds:SignatureValue><ds:KeyInfo/><ds:KeyInfo/>"),
        ),
        Attack("assertion-by-the-attacker-in-a-genuine-response", _NO_KEY, _signed_by_two_halves),
        Attack(
            "signed-by-a-key-that-is-trusted-no-longer",
            _NO_KEY,
            genuine,
            Surroundings(signers=("next",)),
        ),
        Attack(
            "elliptic-signature-where-only-rsa-is-trusted",
            _NO_KEY,
            lambda: Forger(key_name="ec-idp").xml(ADA),
        ),
        Attack("elliptic-signature-of-zeros", _NO_KEY, _zeros, Surroundings(signers=("ec-idp",))),
        Attack(
            "elliptic-signature-with-a-zero-more", _NO_KEY, _a_zero_more, Surroundings(signers=("ec-idp",))
        ),
        Attack(
            "attribute-of-the-signature-that-no-schema-knows",
            "verifiers disagree",
            lambda: swap(genuine(), "<ds:SignatureValue>", '<ds:SignatureValue Name="x">'),
        ),
        Attack(
            "rsa-method-claimed-over-an-elliptic-key",
            _NO_KEY,
            lambda: Forger(key_name="ec-idp", signature_uri=_MORE + "rsa-sha256").xml(ADA),
            Surroundings(signers=("ec-idp",)),
        ),
        Attack(
            "elliptic-method-claimed-over-an-rsa-key",
            _NO_KEY,
            lambda: Forger(signature_uri=_MORE + "ecdsa-sha256").xml(ADA),
        ),
        Attack(
            "hash-of-the-method-changed-after-signing",
            _NO_KEY,
            lambda: swap(genuine(), _MORE + "rsa-sha256", _MORE + "rsa-sha512"),
        ),
        Attack("name-id-changed", "digest does not match", lambda: swap(genuine(), "otto@", "ada@")),
        Attack("group-changed", "digest does not match", lambda: swap(genuine(), ">dbs<", ">sysadmin<")),
        Attack(
            "name-id-and-digest-changed",
            _NO_KEY,
            lambda: swap(
                swap(genuine(), "otto@", "ada@"),
                piece(genuine(), "ds:DigestValue"),
                piece(genuine(story=OTTO.at(name_id=ADA.name_id)), "ds:DigestValue"),
            ),
        ),
        Attack("signature-value-cut-short", _NO_KEY, lambda: _signature_value("AAAA")),
        Attack(
            "signature-value-of-one",
            _NO_KEY,
            lambda: _signature_value(base64.b64encode(bytes(255) + b"\1").decode()),
        ),
        Attack("signature-value-not-base64", "not base64", lambda: _signature_value("####")),
        Attack(
            "signature-left-out",
            "no signature",
            lambda: swap(genuine(), piece(genuine(), "ds:Signature"), ""),
        ),
        Attack(
            "signature-without-a-value",
            "children of the Signature",
            lambda: swap(genuine(), piece(genuine(), "ds:SignatureValue"), ""),
        ),
        Attack(
            "signature-without-anything",
            "children of the Signature",
            lambda: swap(genuine(), piece(genuine(), "ds:Signature"), f'<ds:Signature xmlns:ds="{_DSIG}"/>'),
        ),
    ],
)

HMAC = of_class(
    "hmac",
    [
        Attack("hmac-with-the-public-key-as-secret", _METHOD, lambda: _hmac_signed(_public_key())),
        Attack("hmac-with-an-empty-secret", _METHOD, lambda: _hmac_signed(b"")),
        Attack(
            "hmac-with-the-certificate-as-secret",
            _METHOD,
            lambda: _hmac_signed(certificate_of("idp").public_bytes(serialization.Encoding.DER)),
        ),
        Attack("hmac-cut-to-a-byte", _METHOD, lambda: _hmac_signed(_public_key(), save=1)),
        Attack(
            "hmac-that-names-a-short-length",
            "parameters of the signature method",
            lambda: _hmac_signed(_public_key(), save=1, length="8"),
        ),
        Attack(
            "hmac-sha1",
            _METHOD,
            lambda: Forger(signature_uri=_DSIG + "hmac-sha1").xml(ADA),
        ),
    ],
)

WEAK = of_class(
    "weak algorithms",
    [
        Attack("rsa-sha1", _METHOD, lambda: Forger(signature_hash="sha1").xml(OTTO)),
        Attack("ecdsa-sha1", _METHOD, lambda: Forger("ec-idp", signature_hash="sha1").xml(OTTO)),
        Attack("sha1-digest", _DIGEST_METHOD, lambda: Forger(digest_hash="sha1").xml(OTTO)),
        Attack(
            "sha1-digest-in-one-of-two-signatures",
            _DIGEST_METHOD,
            lambda: IDP_SIGNS.sign(
                Forger(digest_hash="sha1").sign(
                    OTTO.response(OTTO.assertion()), "assertion", OTTO.assertion_id
                ),
                "response",
                OTTO.response_id,
            ),
        ),
        *(
            Attack(f"signed-with-{uri.split('#')[-1]}", _METHOD, partial(Forger(signature_uri=uri).xml, OTTO))
            for uri in (
                _DSIG + "dsa-sha1",
                "http://www.w3.org/2009/xmldsig11#dsa-sha256",
                _MORE + "rsa-md5",
                _MORE + "rsa-ripemd160",
                _MORE + "rsa-sha224",
                "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1",
                _MORE + "RSA-SHA256",
                "urn:none",
            )
        ),
        *(
            Attack(
                f"digest-by-{uri.split('#')[-1]}",
                _DIGEST_METHOD,
                partial(Forger(digest_uri=uri).xml, OTTO),
            )
            for uri in (
                _MORE + "md5",
                _MORE + "sha224",
                "http://www.w3.org/2001/04/xmlenc#ripemd160",
                "http://www.w3.org/2001/04/xmlenc#SHA256",
                "urn:none",
            )
        ),
        Attack(
            "rsa-key-of-1024-bits",
            _NO_KEY,
            lambda: Forger(key_name="small", bits=1024).xml(OTTO),
            Surroundings(signers=("small:1024",)),
        ),
        Attack(
            "signature-method-without-an-algorithm",
            "SignatureMethod without Algorithm",
            lambda: swap(genuine(), f' Algorithm="{_MORE}rsa-sha256"', ""),
        ),
        Attack(
            "digest-method-with-parameters",
            "parameters of the digest method",
            lambda: genuine().replace(
                'sha256"/><ds:DigestValue', 'sha256"><ds:x/></ds:DigestMethod><ds:DigestValue'
            ),
        ),
    ],
)


def _transformed(*transforms: str) -> str:
    return Forger(transforms=transforms).xml(OTTO)


def _with_parameters(transform: str, parameters: str) -> str:
    """Parameters put into a transform of a signature."""
    return swap(
        genuine(),
        f'<ds:Transform Algorithm="{transform}"></ds:Transform>',
        f'<ds:Transform Algorithm="{transform}">{parameters}</ds:Transform>',
    )


_STYLESHEET = (
    '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
    '<xsl:template match="/"><xsl:copy-of select="document(\'file:///etc/passwd\')"/></xsl:template>'
    "</xsl:stylesheet>"
)

TRANSFORMS = of_class(
    "transforms and references",
    [
        Attack("no-transforms", _TRANSFORMS, _transformed),
        Attack("enveloped-only", _TRANSFORMS, lambda: _transformed(ENVELOPED)),
        Attack("canonical-form-only", _TRANSFORMS, lambda: _transformed(EXC_C14N)),
        Attack("transforms-in-the-other-order", _TRANSFORMS, lambda: _transformed(EXC_C14N, ENVELOPED)),
        Attack("enveloped-twice", _TRANSFORMS, lambda: _transformed(ENVELOPED, ENVELOPED, EXC_C14N)),
        Attack("canonical-form-twice", _TRANSFORMS, lambda: _transformed(ENVELOPED, EXC_C14N, EXC_C14N)),
        Attack("xslt", _TRANSFORMS, lambda: _transformed(ENVELOPED, _XSLT, EXC_C14N)),
        Attack("xslt-first", _TRANSFORMS, lambda: _transformed(_XSLT, EXC_C14N)),
        Attack("xpath", _TRANSFORMS, lambda: _transformed(ENVELOPED, _XPATH, EXC_C14N)),
        Attack(
            "xpath-filter-2",
            _TRANSFORMS,
            lambda: _transformed(ENVELOPED, "http://www.w3.org/2002/06/xmldsig-filter2", EXC_C14N),
        ),
        Attack("base64-transform", _TRANSFORMS, lambda: _transformed(_DSIG + "base64", EXC_C14N)),
        Attack("a-hundred-transforms", _TRANSFORMS, lambda: _transformed(*[ENVELOPED] * 100, EXC_C14N)),
        Attack(
            "inclusive-canonical-form-of-the-content", _TRANSFORMS, lambda: _transformed(ENVELOPED, _C14N)
        ),
        Attack(
            "canonical-form-with-comments",
            _TRANSFORMS,
            lambda: _transformed(ENVELOPED, EXC_C14N + "WithComments"),
        ),
        Attack(
            "inclusive-canonical-form-of-signed-info",
            "canonicalization",
            lambda: Forger(signed_info_c14n=_C14N).xml(OTTO),
        ),
        Attack(
            "signed-info-in-a-form-of-our-own",
            "canonicalization",
            lambda: Forger(signed_info_c14n="urn:none").xml(OTTO),
        ),
        Attack(
            "stylesheet-inside-the-enveloped-transform",
            "parameters of the enveloped transform",
            lambda: _with_parameters(ENVELOPED, _STYLESHEET),
        ),
        Attack(
            "stylesheet-inside-the-canonical-form",
            "parameters of the canonicalization",
            lambda: _with_parameters(EXC_C14N, _STYLESHEET),
        ),
        Attack(
            "xpath-inside-the-canonical-form",
            "parameters of the canonicalization",
            lambda: _with_parameters(EXC_C14N, f'<ds:XPath xmlns:ds="{_DSIG}">not(//saml:NameID)</ds:XPath>'),
        ),
        Attack(
            "prefix-list-with-a-line-end", "prefix list", lambda: Forger(prefix_list="xs &#10;x").xml(OTTO)
        ),
        Attack("prefix-list-that-repeats", "prefix list", lambda: Forger(prefix_list="xs xs").xml(OTTO)),
        Attack("prefix-list-without-end", "prefix list", lambda: Forger(prefix_list="x" * 257).xml(OTTO)),
        Attack("two-references", "children of SignedInfo", lambda: Forger(references=2).xml(OTTO)),
        Attack("no-reference", "children of SignedInfo", lambda: Forger(references=0).xml(OTTO)),
        Attack(
            "second-reference-to-the-response",
            "children of SignedInfo",
            lambda: swap(
                genuine(),
                "</ds:SignedInfo>",
                piece(genuine("response"), "ds:Reference") + "</ds:SignedInfo>",
            ),
        ),
        *(
            Attack(f"reference-{name}", "reference", partial(Forger(reference_uri=uri).xml, OTTO))
            for name, uri in {
                "to-the-whole-document": "",
                "to-the-response": "#_response",
                "to-nobody": "#_nobody",
                "to-another-host": "https://evil.example.com/x",
                "to-a-file": "file:///etc/passwd",
                "by-xpointer": "#xpointer(/)",
                "by-xpointer-id": "#xpointer(id('_assertion'))",
                "without-the-hash": "_assertion",
                "with-a-path-before-it": "x#_assertion",
                "percent-encoded": "#%5Fassertion",
            }.items()
        ),
        Attack(
            "reference-without-an-address",
            "reference",
            lambda: swap(genuine(), ' URI="#_assertion"', ""),
        ),
        Attack(
            "reference-with-a-type",
            "reference",
            lambda: swap(genuine(), ' URI="#_assertion"', f' URI="#_assertion" Type="{_DSIG}Manifest"'),
        ),
        Attack(
            "manifest-in-an-object",
            "children of the Signature",
            lambda: Forger(
                object_in_signature='<ds:Object><ds:Manifest><ds:Reference URI="#_assertion"/></ds:Manifest></ds:Object>'
            ).xml(OTTO),
        ),
        Attack(
            "reference-without-transforms-element",
            "children of the Reference",
            lambda: swap(genuine(), piece(genuine(), "ds:Transforms"), ""),
        ),
    ],
)

ATTACKS = [*FOREIGN_KEYS, *HMAC, *WEAK, *TRANSFORMS]
