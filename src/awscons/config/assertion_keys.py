"""The keys that sign assertions for AWS: a folder of key pairs, or one key in KMS with its certificate."""

from __future__ import annotations

from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import Certificate
from cryptography.x509.oid import NameOID

from awscons.aws.assertions import AssertionKeys, KmsKey
from awscons.config.mistakes import found_words
from awscons.config.sp_keys import KeyRing
from awscons.config.trust_and_keys import read_certificates, read_key_ring, text_in
from awscons.errors import Mistake

_PATH = "aws_config.identity_provider"


def kms_common_name(arn: str) -> str:
    """The common name of the certificate of a KMS key: it tells which key a certificate is of."""
    return f"awscons {arn.rpartition('/')[2]}"[:64]


def read_assertion_keys(
    aws_config: object, sp_keys: KeyRing | None, mistakes: list[Mistake]
) -> AssertionKeys | None:
    """The keys that `identity_provider` names; None where there are none, or a mistake is added.

    aws_config   as written; it may have mistakes
    sp_keys      of this service as a service provider: they must be others
    """
    section = aws_config.get("identity_provider") if isinstance(aws_config, Mapping) else None
    if not isinstance(section, Mapping):
        return None
    folder, arn, pem = (text_in(section, key) for key in ("keys", "kms_key", "certificate"))
    if (folder is None) == (arn is None):
        found = "both `keys` and `kms_key`" if folder else ""
        hint = "make a key with: awscons idp keys new FOLDER"
        mistakes.append(Mistake(_PATH, found, "one of `keys` and `kms_key`: the key that signs", hint))
        return None
    if arn is not None:
        return _read_kms_key(arn, pem, mistakes)
    if pem is not None:
        mistakes.append(Mistake(f"{_PATH}.certificate", "set beside `keys`", "none: the folder has it"))
    ring = read_key_ring(folder, f"{_PATH}.keys", mistakes)
    if ring is None:
        return None
    if sp_keys and sp_keys.current.certificate == ring.current.certificate:
        hint = "awscons idp keys new FOLDER"
        mistakes.append(Mistake(f"{_PATH}.keys", "the keys of `sp_keys`", "a folder of their own", hint))
        return None
    return AssertionKeys(ring.current, ring.published, ring.next)


def _read_kms_key(arn: str, pem: str | None, mistakes: list[Mistake]) -> AssertionKeys | None:
    path, make = f"{_PATH}.certificate", f"awscons idp keys new --kms-key {arn} FILE"
    if pem is None:
        mistakes.append(Mistake(path, "", "the certificate of `kms_key`", f"make it with: {make}"))
        return None
    certificates = read_certificates(path, pem, mistakes)
    if not certificates:
        return None
    if not all(isinstance(certificate.public_key(), RSAPublicKey) for certificate in certificates):
        mistakes.append(
            Mistake(path, "a certificate of another kind of key", "RSA keys, which alone sign for AWS")
        )
        return None
    of_keys = {_common_name(certificate): certificate for certificate in certificates}
    own = of_keys.get(kms_common_name(arn))
    if own is None:
        found = found_words(", ".join(of_keys))
        mistakes.append(Mistake(path, found, f"the certificate of {arn}", f"make it with: {make}"))
        return None
    # The command that makes them appends: those before it are of former keys, which are trusted for a while yet.
    name, newest = list(of_keys.items())[-1]
    following = f"{arn.rpartition('/')[0]}/{name.removeprefix('awscons ')}"
    return AssertionKeys(
        KmsKey(arn, own),
        (own, *(certificate for certificate in of_keys.values() if certificate is not own)),
        KmsKey(following, newest) if newest is not own else None,
    )


def _common_name(certificate: Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""
