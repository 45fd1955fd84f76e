"""A careless service provider, with defects that real ones have had: the wrapping attacks succeed against it.

This proves that they are attacks: if their signatures were invalid anyway, they would test nothing about
wrapping.
"""

from __future__ import annotations

import base64
import copy
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from lxml import etree

from support.forge import certificate_of

_DS = "{http://www.w3.org/2000/09/xmldsig#}"


def finds_a_genuine_signature(xml: str) -> bool:
    """Whether any signature in it, wherever it stands, is the identity provider's over any element it names."""
    root = etree.fromstring(xml.encode())
    return any(_verifies(signature, root) for signature in root.iter(f"{_DS}Signature"))


def _verifies(signature: etree._Element, root: etree._Element) -> bool:
    signed_info = signature.find(f"{_DS}SignedInfo")
    reference = signature.find(f".//{_DS}Reference")
    digest = signature.findtext(f".//{_DS}DigestValue") or ""
    value = signature.findtext(f"{_DS}SignatureValue") or ""
    if signed_info is None or reference is None or not _signed(_canonical(signed_info), value):
        return False
    signed_id = reference.get("URI", "").removeprefix("#")
    return any(
        _digest(element, signature) == digest for element in root.iter() if _has_id(element, signed_id)
    )


def _has_id(element: etree._Element, signed_id: str) -> bool:
    return any(
        etree.QName(name).localname.lower() == "id" and value == signed_id
        for name, value in element.attrib.items()
    )


def _digest(element: etree._Element, signature: etree._Element) -> str:
    """The digest of an element without that signature, if it is in there: the enveloped transform."""
    mark = "naive-mark"
    signature.set(mark, "")
    document = etree.fromstring(etree.tostring(element, with_tail=False))
    del signature.attrib[mark]
    for marked in document.xpath(f"//*[@{mark}]"):
        marked.getparent().remove(marked)
    return base64.b64encode(hashlib.sha256(_canonical(document)).digest()).decode()


def _canonical(element: etree._Element) -> bytes:
    alone = copy.deepcopy(element)
    alone.tail = None
    canonical: bytes = etree.tostring(alone, method="c14n", exclusive=True)
    return canonical


def _signed(data: bytes, value: str) -> bool:
    key = certificate_of("idp").public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    try:
        key.verify(base64.b64decode(value), data, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True
