"""XML signatures in the profile that SAML uses, verified by two implementations.

`verify_enveloped` takes one signed element, and returns a tree that is parsed from exactly the bytes whose
digest was signed. The caller reads that tree alone, so checked and read data cannot differ.

Two verifiers must agree on those bytes: a direct one here, with lxml and cryptography, and signxml. Neither
reads KeyInfo, which is removed first: trusted keys come from the configuration alone.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.resources import files

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from awscons.errors import ResponseRefused
from awscons.saml import names
from awscons.saml.algorithms import (
    SIGNATURE_METHODS,
    UNKNOWN_KEY,
    check_signature_method,
    key_signed,
)
from awscons.saml.input_limits import decode_base64
from awscons.saml.parties import Signer
from awscons.saml.xml import (
    Element,
    element_children,
    hardened_parser,
    only_child,
    parse,
    required_attribute,
    text_of,
)

MAX_PREFIX_LIST = 256
"""Characters; real ones name two or three prefixes."""

_PROFILE = "SAML core 5.4, signature profile"
_CORE = "XML signature core"
_PREFIXES = re.compile(r"[A-Za-z_#][\w.-]*( [A-Za-z_#][\w.-]*)*", re.ASCII)

_DIGESTS: dict[str, hashes.HashAlgorithm] = {
    DigestAlgorithm.SHA256.value: hashes.SHA256(),
    DigestAlgorithm.SHA384.value: hashes.SHA384(),
    DigestAlgorithm.SHA512.value: hashes.SHA512(),
}
_SECOND_OPINION_METHODS = frozenset(SignatureMethod(uri) for uri in SIGNATURE_METHODS)
_SECOND_OPINION_DIGESTS = frozenset(DigestAlgorithm(uri) for uri in _DIGESTS)


@dataclass(frozen=True, slots=True)
class _Profile:
    """The parts of a signature, after its form was checked and before any cryptography."""

    signed_info: Element
    signature_method: str
    signature_value: bytes
    signed_info_prefixes: list[str] | None
    reference_prefixes: list[str] | None
    digest_method: str
    digest_value: bytes


def verify_enveloped(signed: Element, certificates: tuple[Certificate, ...]) -> Element:
    """The element `signed`, verified, and parsed from the canonical bytes that were signed.

    signed        an element with a Signature child right after its Issuer (its structure was checked)
    certificates  the trusted keys; each is tried, and their dates are not checked

    Raises ResponseRefused when the signature is not of the profile, when no trusted key made it, or
    when the two verifiers disagree.
    """
    # The element becomes a document of its own, so that no other part of the response has an influence.
    document = parse(etree.tostring(signed, with_tail=False))
    signature = only_child(document, names.SIGNATURE, section=_PROFILE)
    profile = _read_profile(signature, required_attribute(document, "ID", section="SAML core 5.4.2"))
    _forget_key_info(signature)
    without_key_info = etree.tostring(document)

    certificate = _find_signer(profile, certificates)
    _remove_keeping_tail(signature)
    canonical = _canonical(document, profile.reference_prefixes)
    _check_digest(canonical, profile)
    if _second_opinion(without_key_info, certificate, profile) != canonical:
        raise ResponseRefused("verifiers disagree", section="house rule, two verifiers")
    return parse(canonical)


_SIGNED_INFO = (
    f'<ds:SignedInfo xmlns:ds="{names.DS}">'
    f'<ds:CanonicalizationMethod Algorithm="{names.EXCLUSIVE_C14N}"></ds:CanonicalizationMethod>'
    f'<ds:SignatureMethod Algorithm="{names.RSA_SHA256}"></ds:SignatureMethod>'
    '<ds:Reference URI="#{reference}"><ds:Transforms>'
    f'<ds:Transform Algorithm="{names.ENVELOPED}"></ds:Transform>'
    f'<ds:Transform Algorithm="{names.EXCLUSIVE_C14N}"></ds:Transform></ds:Transforms>'
    f'<ds:DigestMethod Algorithm="{DigestAlgorithm.SHA256.value}"></ds:DigestMethod>'
    "<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
)
"""In the canonical form, so that the text itself is what is signed."""
_SIGNATURE = (
    f'<ds:Signature xmlns:ds="{names.DS}">{{signed_info}}<ds:SignatureValue>{{signature}}</ds:SignatureValue>'
    "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
    "</ds:Signature>"
)
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)


def sign_enveloped(document: bytes, signer: Signer) -> bytes:
    """A message of ours, signed in the same profile, the Signature right after its Issuer (SAML core 5.4)."""
    root = parse(document)
    issuer = only_child(root, names.ISSUER, section=_PROFILE)
    reference = root.get("ID", "")
    if not _ID.fullmatch(reference):
        raise ValueError("only a message with an ID of ours can be signed")
    # Without its signature: what the enveloped transform makes of the signed message.
    digest = hashlib.sha256(etree.tostring(root, method="c14n", exclusive=True, with_comments=False)).digest()
    signed_info = _SIGNED_INFO.format(reference=reference, digest=_in_base64(digest))
    signature = _SIGNATURE.format(
        signed_info=signed_info,
        signature=_in_base64(signer.sign(signed_info.encode("ascii"))),
        certificate=_in_base64(signer.certificate.public_bytes(Encoding.DER)),
    )
    issuer.addnext(parse(signature.encode("ascii")))
    return etree.tostring(root)


def _in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


# --- form --------------------------------------------------------------------------------


def _read_profile(signature: Element, signed_id: str) -> _Profile:
    children = element_children(signature)
    tags = [child.tag for child in children]
    if tags not in (
        [names.SIGNED_INFO, names.SIGNATURE_VALUE],
        [names.SIGNED_INFO, names.SIGNATURE_VALUE, names.KEY_INFO],
    ):
        raise ResponseRefused("children of the Signature", section=_PROFILE, received=tags)
    signed_info = children[0]
    parts = element_children(signed_info)
    tags = [part.tag for part in parts]
    if tags != [names.CANONICALIZATION_METHOD, names.SIGNATURE_METHOD, names.REFERENCE]:
        raise ResponseRefused("children of SignedInfo", section=_PROFILE, received=tags)
    canonicalization, method, reference = parts
    if element_children(method):
        raise ResponseRefused("parameters of the signature method", section=_PROFILE)
    # The one Reference must name the element that the Signature stands in. Otherwise an attacker could move a
    # validly signed element elsewhere, and put a forged one in its place (signature wrapping). "#ID" has one
    # meaning, because `check_tree` refused repeated IDs.
    if dict(reference.attrib) != {"URI": f"#{signed_id}"}:
        raise ResponseRefused(
            "reference", section="SAML core 5.4.2", expected=f"#{signed_id}", received=dict(reference.attrib)
        )
    reference_parts = element_children(reference)
    tags = [part.tag for part in reference_parts]
    if tags != [names.TRANSFORMS, names.DIGEST_METHOD, names.DIGEST_VALUE]:
        raise ResponseRefused("children of the Reference", section=_PROFILE, received=tags)
    transforms, digest_method, digest_value = reference_parts
    if element_children(digest_method):
        raise ResponseRefused("parameters of the digest method", section=_PROFILE)
    return _Profile(
        signed_info=signed_info,
        signature_method=required_attribute(method, "Algorithm", section=_PROFILE),
        signature_value=_base64(children[1]),
        signed_info_prefixes=_exclusive_c14n(canonicalization),
        reference_prefixes=_transforms(transforms),
        digest_method=required_attribute(digest_method, "Algorithm", section=_PROFILE),
        digest_value=_base64(digest_value),
    )


def _transforms(transforms: Element) -> list[str] | None:
    """SAML core 5.4.4, stricter: exactly enveloped, then exclusive canonicalization, in this order."""
    found = element_children(transforms)
    algorithms = [transform.get("Algorithm") for transform in found]
    if [transform.tag for transform in found] != [names.TRANSFORM] * 2 or algorithms != [
        names.ENVELOPED,
        names.EXCLUSIVE_C14N,
    ]:
        raise ResponseRefused(
            "transforms",
            section="SAML core 5.4.4",
            expected=[names.ENVELOPED, names.EXCLUSIVE_C14N],
            received=algorithms,
        )
    enveloped, exclusive = found
    if element_children(enveloped):
        raise ResponseRefused("parameters of the enveloped transform", section=_PROFILE)
    return _exclusive_c14n(exclusive)


def _exclusive_c14n(method: Element) -> list[str] | None:
    """The PrefixList of an exclusive canonicalization, or None; any other algorithm is refused."""
    if method.get("Algorithm") != names.EXCLUSIVE_C14N:
        raise ResponseRefused(
            "canonicalization",
            section="SAML core 5.4.3",
            expected=names.EXCLUSIVE_C14N,
            received=method.get("Algorithm", ""),
        )
    parameters = element_children(method)
    if not parameters:
        return None
    if [parameter.tag for parameter in parameters] != [names.INCLUSIVE_NAMESPACES]:
        raise ResponseRefused("parameters of the canonicalization", section=_PROFILE)
    prefix_list = parameters[0].get("PrefixList", "")
    prefixes = prefix_list.split()
    # Bounded here, because canonicalization comes before the check of the signature, and its time grows with
    # the square of the list.
    sound = len(prefix_list) <= MAX_PREFIX_LIST and len(prefixes) == len(set(prefixes))
    if not sound or element_children(parameters[0]) or not _PREFIXES.fullmatch(prefix_list):
        raise ResponseRefused("prefix list", section="Exclusive XML canonicalization 2", received=prefix_list)
    return prefixes


def _base64(element: Element) -> bytes:
    data = decode_base64(text_of(element, section=_PROFILE), section=_CORE, received=element.tag)
    if not data:
        raise ResponseRefused("empty value", section=_CORE, received=element.tag)
    return data


def _forget_key_info(signature: Element) -> None:
    """Remove KeyInfo: it is not signed, and a key that the message itself names proves nothing.

    `strip_elements` is used because `remove` is slow for a KeyInfo with many children.
    """
    etree.strip_elements(signature, names.KEY_INFO)


# --- the direct verifier -----------------------------------------------------------------


def _canonical(element: Element, prefixes: list[str] | None) -> bytes:
    canonical: bytes = etree.tostring(
        element,
        method="c14n",
        exclusive=True,
        with_comments=False,
        inclusive_ns_prefixes=prefixes,
    )
    if not canonical:
        raise ResponseRefused("canonicalization gave nothing", section=_CORE)
    return canonical


def _find_signer(profile: _Profile, certificates: tuple[Certificate, ...]) -> Certificate:
    """The trusted certificate whose key signed SignedInfo."""
    check_signature_method(profile.signature_method)
    signed_info = _canonical(profile.signed_info, profile.signed_info_prefixes)
    for certificate in certificates:
        if _key_signed(certificate, profile, signed_info):
            return certificate
    raise ResponseRefused(
        UNKNOWN_KEY,
        section=_CORE,
        expected=f"one of {len(certificates)} configured certificates",
        hint="compare `certificate` with the identity provider's current signing certificate",
    )


def _key_signed(certificate: Certificate, profile: _Profile, signed_info: bytes) -> bool:
    key, signature = certificate.public_key(), profile.signature_value
    if isinstance(key, ec.EllipticCurvePublicKey):
        try:
            signature = _der_signature(signature, key)
        except InvalidSignature:
            return False
    return key_signed(certificate, method=profile.signature_method, signature=signature, data=signed_info)


def _der_signature(raw: bytes, key: ec.EllipticCurvePublicKey) -> bytes:
    """XML signature 6.4.3: r and s side by side, each as long as the curve's field."""
    length = (key.key_size + 7) // 8
    if len(raw) != 2 * length:
        raise InvalidSignature
    return utils.encode_dss_signature(int.from_bytes(raw[:length]), int.from_bytes(raw[length:]))


def _check_digest(canonical: bytes, profile: _Profile) -> None:
    algorithm = _DIGESTS.get(profile.digest_method)
    if algorithm is None:
        raise ResponseRefused(
            "digest method", section="house rule, SHA-2 only", received=profile.digest_method
        )
    digest = hashes.Hash(algorithm)
    digest.update(canonical)
    if not hmac.compare_digest(digest.finalize(), profile.digest_value):
        raise ResponseRefused("digest does not match", section=_CORE)


def _remove_keeping_tail(signature: Element) -> None:
    """The enveloped-signature transform: remove the Signature, and keep the white space after it."""
    parent, before = signature.getparent(), signature.getprevious()
    if parent is None:  # pragma: no cover  a Signature that is its own document has no content to sign
        raise ResponseRefused("signature without a parent", section=_CORE)
    if signature.tail and before is not None:
        before.tail = (before.tail or "") + signature.tail
    elif signature.tail:
        parent.text = (parent.text or "") + signature.tail
    parent.remove(signature)


# --- the second opinion ------------------------------------------------------------------


class _SecondVerifier(XMLVerifier):
    """signxml's verifier, with its schema read as bytes: signxml reads it in the encoding of the locale."""

    @classmethod
    def schemas(cls) -> list[etree.XMLSchema]:
        """The schema of signatures, which signxml checks them with."""
        return [_schema(name) for name in cls.schema_files]


@cache
def _schema(name: str) -> etree.XMLSchema:
    with files("signxml.schemas").joinpath(name).open("rb") as file:
        return etree.XMLSchema(etree.parse(file))


def _second_opinion(document: bytes, certificate: Certificate, profile: _Profile) -> bytes:
    """The bytes that signxml says were signed by that certificate's key."""
    configuration = SignatureConfiguration(
        location="./",
        expect_references=1,
        signature_methods=_SECOND_OPINION_METHODS,
        digest_algorithms=_SECOND_OPINION_DIGESTS,
        # The certificate is a carrier of a key that the configuration trusts. Its dates decide
        # nothing, or an expired one still in use would lock everyone out at midnight.
        verification_time=certificate.not_valid_before_utc + timedelta(seconds=1),
    )
    try:
        result = _SecondVerifier().verify(
            document,
            parser=hardened_parser(),
            x509_cert=certificate,
            id_attribute="ID",
            expect_config=configuration,
            # signxml's schema knows no PrefixList of SignedInfo's own, legal as it is; every child of
            # the Signature was compared with the profile above in any case.
            validate_schema=profile.signed_info_prefixes is None,
        )
    except (UnicodeError, etree.XMLSchemaParseError):
        # The document is UTF-8 and was parsed before: this is a fault of the installation, not of the sender.
        raise
    except (SignXMLException, etree.LxmlError, ValueError) as error:
        raise ResponseRefused(
            "verifiers disagree", section="house rule, two verifiers", received=type(error).__name__
        ) from error
    if isinstance(result, list):  # pragma: no cover  only with several references, which were refused
        raise ResponseRefused("verifiers disagree", section="house rule, two verifiers")
    return result.signed_data
