"""Whom the service trusts, and its own keys: certificates and key folders that the configuration names."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

from cryptography.x509 import Certificate

from awscons.config.build import build_binding
from awscons.config.mistakes import found_words
from awscons.config.schema import SamlSection
from awscons.config.sp_keys import KeyRing, load_key_ring
from awscons.errors import KeysRefused, Mistake
from awscons.saml.certificates import load_pem_certificates, unfit
from awscons.saml.parties import IdentityProvider
from awscons.signin.settings import MetadataSettings


def read_trust(
    saml: SamlSection,
    certificates: tuple[Certificate, ...],
    pinned: tuple[Certificate, ...],
    mistakes: list[Mistake],
) -> IdentityProvider | MetadataSettings | None:
    """The identity provider, or where its metadata is; never both, or it would be unclear which keys count.

    Adds its mistakes to `mistakes`; None where a mistake leaves nothing to trust.
    """
    if saml.idp_metadata is not None:
        if saml.certificate is not None:
            mistakes.append(
                Mistake(
                    "saml_config.certificate",
                    "set beside `idp_metadata`",
                    "one of the two: the metadata has the certificates",
                )
            )
        return MetadataSettings(
            location=saml.idp_metadata,
            entity_id=saml.issuer,
            signed_by=pinned,
            sso_url=saml.saml_endpoint,
            slo_url=saml.slo_endpoint,
            binding=build_binding(saml),
            gcm_only=saml.gcm_only,
            authorities=_checked_authorities(saml.idp_metadata_ca, mistakes),
        )
    if saml.idp_metadata_ca is not None:
        mistakes.append(Mistake("saml_config.idp_metadata_ca", "a file", "`idp_metadata` beside it"))
    if saml.idp_metadata_certificate is not None:
        mistakes.append(
            Mistake("saml_config.idp_metadata_certificate", "a certificate", "`idp_metadata` beside it")
        )
    if saml.single_logout and saml.slo_endpoint is None:
        mistakes.append(
            Mistake("saml_config.slo_endpoint", "", "the SLO URL that `single_logout` sends people to")
        )
    if saml.issuer is None or saml.saml_endpoint is None or not certificates:
        return None
    return IdentityProvider(
        saml.issuer, saml.saml_endpoint, certificates, saml.gcm_only, slo_url=saml.slo_endpoint or ""
    )


def text_in(section: object, key: str) -> str | None:
    """The text under a key of a dict that may have mistakes; None where there is none to look at."""
    value = section.get(key) if isinstance(section, Mapping) else None
    return value if isinstance(value, str) and value.strip() else None


def _checked_authorities(file: str | None, mistakes: list[Mistake]) -> str | None:
    """The file itself. Read now: metadata is fetched rarely, and a mistake would show a day later."""
    if file is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
        except OSError as error:
            reason = "no certificate in it" if isinstance(error, ssl.SSLError) else error.strerror
            mistakes.append(
                Mistake(
                    "saml_config.idp_metadata_ca",
                    f"{file}: {reason}",
                    "a PEM file of certificate authorities that the service can read",
                )
            )
    return file


def missing_trust(section: object) -> list[Mistake]:
    """The keys that are required without `idp_metadata`, as far as the dict as written lacks them."""
    if not isinstance(section, Mapping) or section.get("idp_metadata") is not None:
        return []
    return [
        Mistake(f"saml_config.{key}", "", "a value: this key is required", "unless `idp_metadata` is set")
        for key in ("saml_endpoint", "issuer", "certificate")
        if section.get(key) is None
    ]


def read_key_ring(folder: str | None, path: str, mistakes: list[Mistake]) -> KeyRing | None:
    """Keys of the service's own; None, with a mistake added, where they cannot be read.

    path   of the key in the configuration that names the folder
    """
    if folder is None:
        return None
    try:
        return load_key_ring(Path(folder))
    except KeysRefused as error:
        # The keys that sign for AWS have commands of their own.
        hint = error.hint.replace(
            "awscons keys", "awscons idp keys" if path.startswith("aws_") else "awscons keys"
        )
        mistakes.append(Mistake(path, error.cause, "a folder of sound key pairs", hint))
        return None


def read_certificates(path: str, pem: str | None, mistakes: list[Mistake]) -> tuple[Certificate, ...]:
    """The certificates in a PEM text; empty when there is none. Adds its mistakes, about `path`, to `mistakes`."""
    if pem is None:
        return ()
    wanted = "one or more PEM certificates with an RSA key of 2,048 bits or more, or an EC key"
    try:
        certificates = load_pem_certificates(pem)
    except ValueError:
        first_line = pem.strip().splitlines()[0]
        hint = "it begins with -----BEGIN CERTIFICATE----- and ends with -----END CERTIFICATE-----"
        mistakes.append(Mistake(path, found_words(first_line), wanted, hint))
        return ()
    for number, certificate in enumerate(certificates, start=1):
        reason = unfit(certificate)
        if reason:
            mistakes.append(Mistake(path, f"certificate {number}: {reason}", wanted))
    return certificates
