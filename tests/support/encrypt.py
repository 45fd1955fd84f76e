"""Somebody who encrypts assertions, well or badly, with code of the tests' own.

`Encrypter` encrypts to the key called `sp` as common identity providers do; each field makes one
thing different.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from support.forge import Forger, Story, key_named, posted

XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
DS = "http://www.w3.org/2000/09/xmldsig#"
OAEP_SHA1 = f"{XENC}rsa-oaep-mgf1p"
OAEP = f"{XENC11}rsa-oaep"
RSA_PKCS1 = f"{XENC}rsa-1_5"
DIGESTS: dict[str, tuple[str, hashes.HashAlgorithm]] = {
    "sha1": (f"{DS}sha1", hashes.SHA1()),
    "sha256": (f"{XENC}sha256", hashes.SHA256()),
    "sha384": ("http://www.w3.org/2001/04/xmldsig-more#sha384", hashes.SHA384()),
    "sha512": (f"{XENC}sha512", hashes.SHA512()),
}


@dataclass(frozen=True)
class Encrypter:
    """How an assertion is encrypted.

    data_method   `aes128-cbc`, `aes256-gcm`, …
    key_method    the URI of the key transport
    digest, mask  of OAEP; `mask` is said only with OAEP of XML encryption 1.1
    key_size      said of the AES key, where it is said
    beside        put the EncryptedKey beside the EncryptedData, not inside
    data_key      the AES key; random unless given
    """

    to: str = "sp"
    data_method: str = "aes256-gcm"
    data_uri: str = ""
    key_method: str = OAEP_SHA1
    digest: str = "sha1"
    mask: str = ""
    label: bytes = b""
    beside: bool = False
    data_key: bytes = b""
    keys: int = 1
    key_size: str = ""
    extra_in_data: str = ""
    extra_in_key_method: str = ""
    cut: int = 0

    def form_value(self, forger: Forger, story: Story, *, sign: str = "assertion") -> str:
        """A response with its assertion encrypted, as it is posted; signed inside, around or both."""
        return posted(self.xml(forger, story, sign=sign))

    def xml(self, forger: Forger, story: Story, *, sign: str = "assertion") -> str:
        """The same as XML."""
        text = story.response(story.assertion())
        if sign in {"assertion", "both"}:
            text = forger.sign(text, "assertion", story.assertion_id)
        text = text.replace("{{assertion-signature}}", "")
        begin, end = text.index("<saml:Assertion"), text.index("</saml:Assertion>") + len("</saml:Assertion>")
        text = text[:begin] + self.encrypted_assertion(text[begin:end]) + text[end:]
        if sign in {"response", "both"}:
            text = forger.sign(text, "response", story.response_id)
        return text.replace("{{response-signature}}", "")

    def encrypted_assertion(self, plaintext: str | bytes) -> str:
        """The EncryptedAssertion around a plaintext."""
        return self._encrypted("EncryptedAssertion", plaintext)

    def encrypted_id(self, plaintext: str | bytes) -> str:
        """The EncryptedID around a plaintext."""
        return self._encrypted("EncryptedID", plaintext)

    def _encrypted(self, name: str, plaintext: str | bytes) -> str:
        data = plaintext.encode() if isinstance(plaintext, str) else plaintext
        key = self.data_key or os.urandom(int(self.data_method[3:6]) // 8)
        value = base64.b64encode(self._data(key, data)).decode()
        wrapped = self._encrypted_key(key) * self.keys
        inside = '<ds:RetrievalMethod URI="#_key"/>' if self.beside else wrapped
        size = f"<xenc:KeySize>{self.key_size}</xenc:KeySize>" if self.key_size else ""
        namespace = XENC11 if self.data_method.endswith("gcm") else XENC
        return (
            f'<saml:{name}><xenc:EncryptedData xmlns:xenc="{XENC}" Type="{XENC}Element">'
            f'<xenc:EncryptionMethod Algorithm="{self.data_uri or namespace + self.data_method}">{size}'
            "</xenc:EncryptionMethod>"
            f'<ds:KeyInfo xmlns:ds="{DS}">{inside}</ds:KeyInfo>'
            f"<xenc:CipherData><xenc:CipherValue>{value}</xenc:CipherValue></xenc:CipherData>"
            f"{self.extra_in_data}</xenc:EncryptedData>{wrapped if self.beside else ''}"
            f"</saml:{name}>"
        )

    def _data(self, key: bytes, data: bytes) -> bytes:
        if self.data_method.endswith("gcm"):
            nonce = os.urandom(12)
            whole = nonce + AESGCM(key).encrypt(nonce, data, None)
        else:
            vector, missing = os.urandom(16), 16 - len(data) % 16
            encryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
            whole = vector + encryptor.update(data + os.urandom(missing - 1) + bytes([missing]))
        return whole[: -self.cut] if self.cut else whole

    def _encrypted_key(self, data_key: bytes) -> str:
        uri, digest = DIGESTS[self.digest]
        mask = DIGESTS[self.mask][1] if self.mask else hashes.SHA1()
        private_key = key_named(self.to)
        assert isinstance(private_key, rsa.RSAPrivateKey)
        scheme: padding.AsymmetricPadding = (
            padding.PKCS1v15()
            if self.key_method == RSA_PKCS1
            else padding.OAEP(padding.MGF1(mask), digest, self.label or None)
        )
        value = base64.b64encode(private_key.public_key().encrypt(data_key, scheme)).decode()
        said = f'<ds:DigestMethod xmlns:ds="{DS}" Algorithm="{uri}"/>' if self.digest != "sha1" else ""
        if self.mask:
            said += f'<xenc11:MGF xmlns:xenc11="{XENC11}" Algorithm="{XENC11}mgf1{self.mask}"/>'
        if self.label:
            said = f"<xenc:OAEPparams>{base64.b64encode(self.label).decode()}</xenc:OAEPparams>{said}"
        identifier = ' Id="_key"' if self.beside else ""
        return (
            f'<xenc:EncryptedKey xmlns:xenc="{XENC}"{identifier}><xenc:EncryptionMethod Algorithm="{self.key_method}">'
            f"{said}{self.extra_in_key_method}</xenc:EncryptionMethod>"
            f"<xenc:CipherData><xenc:CipherValue>{value}</xenc:CipherValue></xenc:CipherData>"
            "</xenc:EncryptedKey>"
        )
