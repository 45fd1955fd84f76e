"""Encrypted assertions and NameIDs, in a safe profile of XML encryption: RSA-OAEP and AES.

Decryption proves nothing about the sender, because our encryption key is public. The plaintext is unverified,
and goes through all checks of an unencrypted element: input limits, parser, tree, structure, signature.

After a key was applied to the ciphertext, every failure raises the same error, also in the log. Otherwise an
attacker who can tell wrong padding from wrong plaintext could decrypt an assertion with many requests (the
padding oracle attack on XML encryption of 2011).
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from lxml import etree

from awscons.errors import ResponseRefused
from awscons.saml import names
from awscons.saml.input_limits import ANSWER_LIMITS, MessageLimits, check_document, decode_base64
from awscons.saml.xml import (
    Element,
    check_tree,
    element_children,
    local_name,
    only_child,
    parse,
    required_attribute,
    text_of,
)

_SECTION = "XML encryption 1.1"
_PLAINTEXTS = {names.ENCRYPTED_ASSERTION: names.ASSERTION, names.ENCRYPTED_ID: names.NAME_ID}
"""What an encrypted element must hold (SAML core 2.2.4)."""
_BLOCK = 16
"""Bytes of an AES block, and of the initialisation vector of CBC."""
_NONCE = 12
_TAG = 16
"""Bytes, of GCM; XML encryption 5.2.4 allows no shorter tag."""

_GCM_KEY_LENGTHS = {f"{names.XENC11}aes{bits}-gcm": bits // 8 for bits in (128, 192, 256)}
_CBC_KEY_LENGTHS = {f"{names.XENC}aes{bits}-cbc": bits // 8 for bits in (128, 192, 256)}
"""Bytes of the key, by algorithm."""

_DIGESTS: dict[str, hashes.HashAlgorithm] = {
    f"{names.DS}sha1": hashes.SHA1(),  # noqa: S303  as OAEP uses it, no collision helps anybody
    f"{names.XENC}sha256": hashes.SHA256(),
    "http://www.w3.org/2001/04/xmldsig-more#sha384": hashes.SHA384(),
    f"{names.XENC}sha512": hashes.SHA512(),
}
_MASK_DIGESTS: dict[str, hashes.HashAlgorithm] = {
    f"{names.XENC11}mgf1sha1": hashes.SHA1(),  # noqa: S303  as above
    f"{names.XENC11}mgf1sha256": hashes.SHA256(),
    f"{names.XENC11}mgf1sha384": hashes.SHA384(),
    f"{names.XENC11}mgf1sha512": hashes.SHA512(),
}


@dataclass(frozen=True, slots=True)
class _Ciphertext:
    """The parts of an encrypted element, after its form was checked."""

    key_padding: padding.OAEP
    wrapped_key: bytes
    data_method: str
    data: bytes


class _CannotDecrypt(Exception):
    """Any failure after a key was applied to the ciphertext. It does not leave this module."""


def decrypt_element(
    encrypted: Element,
    keys: tuple[RSAPrivateKey, ...],
    *,
    gcm_only: bool = False,
    limits: MessageLimits = ANSWER_LIMITS,
) -> Element:
    """The Assertion inside an EncryptedAssertion, or the NameID inside an EncryptedID.

    It is a document of its own. Its tree is checked, but unverified.

    encrypted   in its document, whose namespace prefixes the plaintext may use
    keys        ours; each is tried
    gcm_only    refuse AES-CBC
    limits      of the plaintext; its bytes are bounded by those of the ciphertext

    Raises ResponseRefused: with the exact reason for a form or an algorithm outside of the profile, and with
    the same reason for every later failure.
    """
    ciphertext = _read_form(encrypted)
    if gcm_only and ciphertext.data_method not in _GCM_KEY_LENGTHS:
        raise ResponseRefused(
            "data encryption method",
            section="house rule, gcm_only",
            expected="AES-GCM",
            received=ciphertext.data_method,
            hint="set the identity provider to AES-GCM, or `gcm_only` to False",
        )
    if not keys:
        raise ResponseRefused(
            "no key to decrypt with",
            section="SAML core 2.2.4",
            hint="set `sp_keys` (see `awscons keys new`), or switch encryption off at the identity provider",
        )
    plaintext_tag = _PLAINTEXTS[str(encrypted.tag)]
    try:
        plaintext = _decrypt(ciphertext, keys)
        return _parse_plaintext(plaintext, plaintext_tag, encrypted, limits)
    except (_CannotDecrypt, ResponseRefused):
        raise ResponseRefused(
            "cannot be decrypted",
            section=_SECTION,
            expected=f"one {etree.QName(plaintext_tag).localname}, encrypted to one of {len(keys)} keys of ours",
            hint="the identity provider may encrypt to an old certificate of ours: give it our metadata",
        ) from None


# --- form --------------------------------------------------------------------------------


def _read_form(encrypted: Element) -> _Ciphertext:
    """SAML core 2.2.4: one EncryptedData, and exactly one EncryptedKey, inside it or beside it."""
    data, *beside = element_children(encrypted) or [encrypted]
    if data.tag != names.ENCRYPTED_DATA or any(child.tag != names.ENCRYPTED_KEY for child in beside):
        raise ResponseRefused(f"children of the {local_name(encrypted)}", section="SAML core 2.2.4")
    key_infos = [child for child in data if child.tag == names.KEY_INFO]
    inside = [child for info in key_infos for child in info if child.tag == names.ENCRYPTED_KEY]
    if len(inside) + len(beside) != 1:
        raise ResponseRefused(
            "exactly one EncryptedKey", section=_SECTION, expected=1, received=len(inside) + len(beside)
        )
    (encrypted_key,) = (*inside, *beside)
    method = only_child(data, names.ENCRYPTION_METHOD, section=_SECTION)
    data_method = required_attribute(method, "Algorithm", section=_SECTION)
    length = (_GCM_KEY_LENGTHS | _CBC_KEY_LENGTHS).get(data_method)
    # A KeySize is allowed if it is that of the algorithm.
    sizes = {(part.tag, (part.text or "").strip()) for part in element_children(method)}
    if not length or not sizes <= {(names.KEY_SIZE, str(length * 8))}:
        raise ResponseRefused(
            "data encryption method",
            section="house rule, AES-GCM or AES-CBC",
            received=data_method,
            hint="set the identity provider to AES-256-GCM",
        )
    return _Ciphertext(
        key_padding=_oaep(only_child(encrypted_key, names.ENCRYPTION_METHOD, section=_SECTION)),
        wrapped_key=_cipher_value(encrypted_key),
        data_method=data_method,
        data=_cipher_value(data),
    )


def _oaep(method: Element) -> padding.OAEP:
    """XML encryption 5.5.2: the defaults of the digest and of the mask's digest are SHA-1."""
    algorithm = required_attribute(method, "Algorithm", section=_SECTION)
    if algorithm not in {names.RSA_OAEP, names.RSA_OAEP_MGF1_SHA1}:
        raise ResponseRefused(
            "key encryption method",
            section="house rule, RSA-OAEP",
            expected=names.RSA_OAEP,
            received=algorithm,
            hint="set the identity provider to RSA-OAEP for key transport",
        )
    digest: hashes.HashAlgorithm = hashes.SHA1()  # noqa: S303  the standard's default
    mask: hashes.HashAlgorithm = hashes.SHA1()  # noqa: S303  as above
    label = None
    seen = set()
    for parameter in element_children(method):
        if parameter.tag in seen:
            raise ResponseRefused("parameters of RSA-OAEP", section=_SECTION, received=parameter.tag)
        seen.add(parameter.tag)
        if parameter.tag == names.DIGEST_METHOD:
            digest = _known(_DIGESTS, parameter, "digest of RSA-OAEP")
        elif parameter.tag == names.MASK_GENERATION and algorithm == names.RSA_OAEP:
            mask = _known(_MASK_DIGESTS, parameter, "mask generation of RSA-OAEP")
        elif parameter.tag == names.OAEP_PARAMETERS:
            label = _base64(parameter)
        else:
            raise ResponseRefused("parameters of RSA-OAEP", section=_SECTION, received=parameter.tag)
    return padding.OAEP(mgf=padding.MGF1(mask), algorithm=digest, label=label)


def _known(table: dict[str, hashes.HashAlgorithm], parameter: Element, rule: str) -> hashes.HashAlgorithm:
    algorithm = required_attribute(parameter, "Algorithm", section=_SECTION)
    if algorithm not in table:
        raise ResponseRefused(rule, section="house rule, SHA-1 or SHA-2", received=algorithm)
    return table[algorithm]


def _cipher_value(element: Element) -> bytes:
    """The bytes in a CipherValue. A CipherReference, a URL of the bytes, is refused."""
    cipher_data = only_child(element, names.CIPHER_DATA, section=_SECTION)
    children = element_children(cipher_data)
    if [child.tag for child in children] != [names.CIPHER_VALUE]:
        raise ResponseRefused("cipher value", section=_SECTION, received=[child.tag for child in children])
    return _base64(children[0])


def _base64(element: Element) -> bytes:
    return decode_base64(text_of(element, section=_SECTION), section=_SECTION, received=element.tag)


# --- cryptography ------------------------------------------------------------------------


def _decrypt(ciphertext: _Ciphertext, keys: tuple[RSAPrivateKey, ...]) -> bytes:
    for key in keys:
        try:
            data_key = key.decrypt(ciphertext.wrapped_key, ciphertext.key_padding)
        except ValueError:
            continue
        return _decrypt_data(ciphertext, data_key)
    raise _CannotDecrypt


def _decrypt_data(ciphertext: _Ciphertext, key: bytes) -> bytes:
    method, data = ciphertext.data_method, ciphertext.data
    if len(key) != (_GCM_KEY_LENGTHS | _CBC_KEY_LENGTHS)[method]:
        raise _CannotDecrypt
    if method in _GCM_KEY_LENGTHS:
        if len(data) <= _NONCE + _TAG:
            raise _CannotDecrypt
        try:
            return AESGCM(key).decrypt(data[:_NONCE], data[_NONCE:], None)
        except InvalidTag:
            raise _CannotDecrypt from None
    if len(data) < 2 * _BLOCK or len(data) % _BLOCK:
        raise _CannotDecrypt
    decryptor = Cipher(algorithms.AES(key), modes.CBC(data[:_BLOCK])).decryptor()
    padded = decryptor.update(data[_BLOCK:]) + decryptor.finalize()
    # XML encryption 5.2.1: the last byte counts the padding, whose other bytes may be anything.
    if not 0 < padded[-1] <= _BLOCK:
        raise _CannotDecrypt
    return padded[: -padded[-1]]


# --- plaintext ---------------------------------------------------------------------------


def _parse_plaintext(plaintext: bytes, tag: str, surroundings: Element, limits: MessageLimits) -> Element:
    """The one element of that name that the plaintext holds, as a document of its own.

    The plaintext may use prefixes that only its surroundings declare (XML encryption 4.4, type Element). So
    it is parsed inside an element with the same declarations first.
    """
    text = check_document(plaintext, limits)
    declarations = "".join(
        f" {'xmlns:' + prefix if prefix else 'xmlns'}={quoteattr(uri)}"
        for prefix, uri in surroundings.nsmap.items()
    )
    wrapper = parse(f"<surroundings{declarations}>{text}</surroundings>")
    children = element_children(wrapper)
    if len(children) != 1 or len(wrapper) != 1 or children[0].tag != tag:
        raise _CannotDecrypt
    root = parse(etree.tostring(children[0], with_tail=False))
    check_tree(root)
    return root
