"""A forger of SAML responses: valid ones, and ones with exactly one defect.

It shares no code with awscons: it uses text templates, lxml for canonical XML, cryptography for keys. `Story`
holds the content of a response; `Forger` decides which element is signed, how and with which key.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from lxml import etree

IDP = "https://idp.example.com/metadata"
SSO_URL = "https://idp.example.com/sso"
SP = "urn:awscons:test"
ACS = "https://sso.example.com/saml/acs"
REQUEST_ID = "_request"

BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def key_named(name: str, *, bits: int = 2048) -> Key:
    """The key of that name, made once per run. Names `ec…`, `ec384…`, `ec521…` give elliptic curve keys."""
    return _key(name, bits)


@cache
def _key(name: str, bits: int) -> Key:
    if name.startswith("ec"):
        curve = {"ec384": ec.SECP384R1(), "ec521": ec.SECP521R1()}.get(name[:5], ec.SECP256R1())
        return ec.generate_private_key(curve)
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def certificate_of(name: str, *, bits: int = 2048, ended: bool = False) -> x509.Certificate:
    """A self-signed certificate for the key of that name; with `ended` it expired yesterday."""
    return _certificate(name, bits, ended)


@cache
def _certificate(name: str, bits: int, ended: bool) -> x509.Certificate:  # noqa: FBT001  a cache's key
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    begin, end = (-400, -1) if ended else (-1, 365)
    key = key_named(name, bits=bits)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=begin))
        .not_valid_after(now + timedelta(days=end))
        .sign(key, hashes.SHA256())
    )


@cache
def certificate_issued(name: str, issuer: str, *, authority: bool = False) -> x509.Certificate:
    """A certificate for the key of that name, signed by the key of another; one name for both: a root."""
    key, issuing_key = key_named(name), key_named(issuer)
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .sign(issuing_key, hashes.SHA256())
    )


def pem_of(*certificates: x509.Certificate) -> str:
    """Certificates as PEM text, one after the other."""
    return "".join(
        certificate.public_bytes(serialization.Encoding.PEM).decode() for certificate in certificates
    )


def key_pem_of(name: str, *, bits: int = 2048) -> str:
    """The private key of that name as PEM text."""
    return (
        key_named(name, bits=bits)
        .private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        .decode()
    )


def write_key_folder(folder: Path, name: str = "sp") -> Path:
    """Write a folder of service provider keys; the key of that name is the current one."""
    folder.mkdir(exist_ok=True)
    path = folder / "current.pem"
    path.write_text(key_pem_of(name) + pem_of(certificate_of(name)))
    path.chmod(0o600)
    return folder


def instant(moment: datetime) -> str:
    """A SAML instant."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Story:
    """The content of a response. None omits an element or attribute; fields with `extra` take raw XML."""

    now: datetime
    request_id: str | None = REQUEST_ID
    acs: str = ACS
    sp: str = SP
    idp: str = IDP
    response_id: str = "_response"
    assertion_id: str = "_assertion"
    response_version: str = "2.0"
    assertion_version: str = "2.0"
    response_issuer: str | None = IDP
    assertion_issuer: str | None = IDP
    destination: str | None = ACS
    response_in_response_to: str | None = REQUEST_ID
    status: str | None = f'<samlp:Status><samlp:StatusCode Value="{SUCCESS}"/></samlp:Status>'
    name_id: str | None = "<saml:NameID>ada@example.com</saml:NameID>"
    confirmation: str | None = None
    recipient: str | None = ACS
    confirmation_method: str = BEARER
    confirmation_in_response_to: str | None = REQUEST_ID
    confirmation_not_before: datetime | None = None
    confirmation_end: datetime | str | None = None
    conditions: str | None = None
    conditions_begin: datetime | str | None = None
    conditions_end: datetime | str | None = None
    audiences: tuple[tuple[str, ...], ...] = ((SP,),)
    extra_condition: str = ""
    statement: str | None = None
    authn_instant: datetime | str | None = None
    session_end: datetime | None = None
    attributes: tuple[tuple[str, tuple[str, ...]], ...] = (("groups", ("sysadmin", "cloudadmin")),)
    attribute_statement: str | None = None
    extra_in_response: str = ""
    extra_in_assertion: str = ""
    without: frozenset[str] = field(default_factory=frozenset)

    def at(self, **changes: object) -> Story:
        """A copy of the story with other values."""
        return replace(self, **changes)  # type: ignore[arg-type]

    # --- parts ---

    def response(self, assertion: str) -> str:
        """The whole response around an assertion; `{{response-signature}}` marks the signature's place."""
        attributes = _attributes(
            ID=self.response_id,
            Version=self.response_version,
            IssueInstant=instant(self.now),
            Destination=self.destination,
            InResponseTo=self.response_in_response_to,
        )
        issuer = f"<saml:Issuer>{self.response_issuer}</saml:Issuer>" if self.response_issuer else ""
        return (
            '<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" '
            f'xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" {attributes}>'
            f"{issuer}{{{{response-signature}}}}{self.status or ''}{self.extra_in_response}{assertion}"
            "</samlp:Response>"
        )

    def assertion(self) -> str:
        """The assertion; `{{assertion-signature}}` marks the signature's place."""
        attributes = _attributes(
            ID=self.assertion_id, Version=self.assertion_version, IssueInstant=instant(self.now)
        )
        issuer = f"<saml:Issuer>{self.assertion_issuer}</saml:Issuer>" if self.assertion_issuer else ""
        return (
            '<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" '
            f'xmlns:xs="http://www.w3.org/2001/XMLSchema" {attributes}>'
            f"{issuer}{{{{assertion-signature}}}}{self._subject()}{self._conditions()}"
            f"{self._authn_statement()}{self._attribute_statement()}{self.extra_in_assertion}"
            "</saml:Assertion>"
        )

    def _subject(self) -> str:
        if "subject" in self.without:
            return ""
        data = _attributes(
            Recipient=self.recipient,
            InResponseTo=self.confirmation_in_response_to,
            NotBefore=_moment(self.confirmation_not_before, None),
            NotOnOrAfter=None
            if "confirmation_end" in self.without
            else _moment(self.confirmation_end, self.now + timedelta(minutes=5)),
        )
        confirmation = self.confirmation
        if confirmation is None:
            confirmation = (
                f'<saml:SubjectConfirmation Method="{self.confirmation_method}">'
                f"<saml:SubjectConfirmationData {data}/></saml:SubjectConfirmation>"
            )
        return f"<saml:Subject>{self.name_id or ''}{confirmation}</saml:Subject>"

    def _conditions(self) -> str:
        if self.conditions is not None:
            return self.conditions
        period = _attributes(
            NotBefore=_moment(self.conditions_begin, self.now),
            NotOnOrAfter=None
            if "conditions_end" in self.without
            else _moment(self.conditions_end, self.now + timedelta(minutes=5)),
        )
        restrictions = "".join(
            "<saml:AudienceRestriction>"
            + "".join(f"<saml:Audience>{audience}</saml:Audience>" for audience in audiences)
            + "</saml:AudienceRestriction>"
            for audiences in self.audiences
        )
        return f"<saml:Conditions {period}>{restrictions}{self.extra_condition}</saml:Conditions>"

    def _authn_statement(self) -> str:
        if self.statement is not None:
            return self.statement
        attributes = _attributes(
            AuthnInstant=_moment(self.authn_instant, self.now),
            SessionIndex="_index",
            SessionNotOnOrAfter=_moment(self.session_end, None),
        )
        return (
            f"<saml:AuthnStatement {attributes}><saml:AuthnContext><saml:AuthnContextClassRef>"
            "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
            "</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
        )

    def _attribute_statement(self) -> str:
        if self.attribute_statement is not None:
            return self.attribute_statement
        if not self.attributes:
            return ""
        attributes = "".join(
            f'<saml:Attribute Name="{name}">'
            + "".join(f"<saml:AttributeValue>{value}</saml:AttributeValue>" for value in values)
            + "</saml:Attribute>"
            for name, values in self.attributes
        )
        return f"<saml:AttributeStatement>{attributes}</saml:AttributeStatement>"


@dataclass(frozen=True)
class Forger:
    """Signs responses with one key: the identity provider's, or an attacker's."""

    key_name: str = "idp"
    bits: int = 2048
    signature_hash: str = "sha256"
    digest_hash: str = "sha256"
    digest_uri: str = ""
    signature_uri: str = ""
    prefix_list: str | None = None
    key_info: str = ""
    transforms: Sequence[str] = (ENVELOPED, EXC_C14N)
    references: int = 1
    reference_uri: str | None = None
    signed_info_c14n: str = EXC_C14N
    object_in_signature: str = ""

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate of the key."""
        return certificate_of(self.key_name, bits=self.bits)

    def xml(self, story: Story, *, sign: str = "assertion") -> str:
        """The response as XML; `sign` is `assertion`, `response`, `both` or `nothing`."""
        text = story.response(story.assertion())
        if sign in {"assertion", "both"}:
            text = self.sign(text, "assertion", story.assertion_id)
        if sign in {"response", "both"}:
            text = self.sign(text, "response", story.response_id)
        return text.replace("{{assertion-signature}}", "").replace("{{response-signature}}", "")

    def form_value(self, story: Story, *, sign: str = "assertion") -> str:
        """The SAMLResponse form value."""
        return posted(self.xml(story, sign=sign))

    def sign(self, text: str, place: str, signed_id: str) -> str:
        """Sign the element with that ID, and insert the signature at its mark."""
        empty = text.replace("{{assertion-signature}}", "").replace("{{response-signature}}", "")
        root = etree.fromstring(empty.encode())
        signed = _element(root, place)
        digest = hashes.Hash(_HASHES[self.digest_hash])
        digest.update(self._canonical(signed))
        info = self._signed_info(signed_id, base64.b64encode(digest.finalize()).decode())
        # SignedInfo is signed at its final place, because the namespaces in scope there are part of it.
        unsigned = text.replace(f"{{{{{place}-signature}}}}", self._signature(info, "AA=="))
        tree = etree.fromstring(
            unsigned.replace("{{assertion-signature}}", "").replace("{{response-signature}}", "").encode()
        )
        infos = _element(tree, place).findall("{*}Signature/{*}SignedInfo")
        value = base64.b64encode(self._sign_bytes(self._canonical(infos[0]))).decode()
        return text.replace(f"{{{{{place}-signature}}}}", self._signature(info, value))

    def _canonical(self, element: etree._Element) -> bytes:
        prefixes = self.prefix_list.split() if self.prefix_list else None
        canonical: bytes = etree.tostring(
            element, method="c14n", exclusive=True, with_comments=False, inclusive_ns_prefixes=prefixes
        )
        return canonical

    def _signed_info(self, signed_id: str, digest: str) -> str:
        inclusive = (
            f'<ec:InclusiveNamespaces xmlns:ec="{EXC_C14N}" PrefixList="{self.prefix_list}"/>'
            if self.prefix_list
            else ""
        )
        transforms = "".join(
            f'<ds:Transform Algorithm="{uri}">{inclusive if uri == EXC_C14N else ""}</ds:Transform>'
            for uri in self.transforms
        )
        uri = f"#{signed_id}" if self.reference_uri is None else self.reference_uri
        reference = (
            f'<ds:Reference URI="{uri}"><ds:Transforms>{transforms}</ds:Transforms>'
            f'<ds:DigestMethod Algorithm="{self.digest_uri or _digest_uri(self.digest_hash)}"/>'
            f"<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>"
        )
        method = self.signature_uri or self._method_uri()
        return (
            f'<ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{self.signed_info_c14n}">{inclusive}'
            f'</ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="{method}"/>'
            f"{reference * self.references}</ds:SignedInfo>"
        )

    def _signature(self, signed_info: str, value: str) -> str:
        key_info = f"<ds:KeyInfo>{self.key_info}</ds:KeyInfo>" if self.key_info else ""
        return (
            '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#">'
            f"{signed_info}<ds:SignatureValue>{value}</ds:SignatureValue>{key_info}"
            f"{self.object_in_signature}</ds:Signature>"
        )

    def _method_uri(self) -> str:
        kind = "ecdsa" if self.key_name.startswith("ec") else "rsa"
        if self.signature_hash == "sha1":
            return f"http://www.w3.org/2000/09/xmldsig#{kind}-sha1"
        return f"http://www.w3.org/2001/04/xmldsig-more#{kind}-{self.signature_hash}"

    def _sign_bytes(self, data: bytes) -> bytes:
        key, algorithm = key_named(self.key_name, bits=self.bits), _HASHES[self.signature_hash]
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(data, padding.PKCS1v15(), algorithm)
        r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(algorithm)))
        length = (key.key_size + 7) // 8
        return r.to_bytes(length, "big") + s.to_bytes(length, "big")


def _element(root: etree._Element, place: str) -> etree._Element:
    if place == "response":
        return root
    (assertion,) = root.findall("{urn:oasis:names:tc:SAML:2.0:assertion}Assertion")
    return assertion


def posted(xml: str | bytes) -> str:
    """XML as the value of a SAMLResponse form field."""
    data = xml.encode() if isinstance(xml, str) else xml
    return base64.b64encode(data).decode()


def _digest_uri(name: str) -> str:
    return {
        "sha1": "http://www.w3.org/2000/09/xmldsig#sha1",
        "sha256": SHA256,
        "sha384": "http://www.w3.org/2001/04/xmldsig-more#sha384",
        "sha512": "http://www.w3.org/2001/04/xmlenc#sha512",
    }[name]


def _moment(value: datetime | str | None, default: datetime | None) -> str | None:
    if isinstance(value, str):
        return value
    chosen = value or default
    return instant(chosen) if chosen else None


def _attributes(**values: str | None) -> str:
    return " ".join(f'{name}="{value}"' for name, value in values.items() if value is not None)
