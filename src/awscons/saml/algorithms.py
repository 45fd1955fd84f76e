"""The accepted signature methods: SHA-2 with RSA or ECDSA, for XML signatures and for query strings."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import Certificate

from awscons.errors import ResponseRefused
from awscons.saml import names
from awscons.saml.certificates import SMALLEST_RSA_KEY

UNKNOWN_KEY = "no trusted key made this signature"
"""The rule of the only refusal after which newer metadata may help."""

_SHA2: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_RSA = {f"{names.DSIG_MORE}rsa-{name}": algorithm for name, algorithm in _SHA2.items()}
_ECDSA = {f"{names.DSIG_MORE}ecdsa-{name}": algorithm for name, algorithm in _SHA2.items()}
SIGNATURE_METHODS = frozenset({*_RSA, *_ECDSA})
"""Their URIs."""


def check_signature_method(method: str) -> None:
    """Raises ResponseRefused for every other method, such as HMAC or SHA-1."""
    if method not in SIGNATURE_METHODS:
        raise ResponseRefused(
            "signature method",
            section="house rule, SHA-2 with RSA or ECDSA",
            received=method,
            hint="set the identity provider to sign with RSA-SHA256",
        )


def key_signed(certificate: Certificate, *, method: str, signature: bytes, data: bytes) -> bool:
    """Whether the certificate's key made this signature over `data` with this method.

    signature   ECDSA signatures in DER
    """
    key = certificate.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey) and key.key_size >= SMALLEST_RSA_KEY:
            key.verify(signature, data, padding.PKCS1v15(), _RSA[method])
            return True
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(_ECDSA[method]))
            return True
    except (InvalidSignature, KeyError):
        return False
    return False
