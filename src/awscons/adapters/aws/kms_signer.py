"""Signing with a key in KMS, through botocore's own client: the key is never on this host.

Needed right on the key: kms:Sign. A signature has a time budget and a circuit of its own, because it is on the way of
each assertion, and no other region could help.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Any, NoReturn

from botocore.exceptions import BotoCoreError
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import Certificate

from awscons.adapters.aws.broker_credentials import BrokerCredentials, unusable_configuration
from awscons.adapters.aws.http_pool import HttpPool, Step
from awscons.adapters.aws.pooled_client import make_client, run_call
from awscons.aws.failover import Circuits
from awscons.aws.settings import AwsSettings
from awscons.errors import (
    BrokerCredentialsMissing,
    SigningKeyRefused,
    SigningKeySilent,
    UpstreamError,
    UpstreamRefused,
    UpstreamSilent,
)

SIGNING_ALGORITHM = "RSASSA_PKCS1_V1_5_SHA_256"
STEP = "kms"
_STEP = Step(STEP, "KMS")
_OPEN_FOR, _MAX_OPEN = timedelta(seconds=5), timedelta(seconds=30)
"""Shorter than a region's: while the circuit is open, no console opens."""
# KMS API, Sign: exceptions that pass by themselves.
_PASSING = frozenset(
    {
        "DependencyTimeoutException",
        "KMSInternalException",
        "KeyUnavailableException",
        "LimitExceededException",
        "ThrottlingException",
    }
)
_CREDENTIALS_REFUSED = (
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "UnrecognizedClientException",
)
"""Common errors of the KMS API: AWS does not accept the credentials."""
USELESS_KEY = "make a key with the key usage SIGN_VERIFY and the key spec RSA_3072"
_HINTS = {
    "AccessDeniedException": "the service's AWS credentials, and the policy of the key, must allow kms:Sign",
    "DisabledException": "the key is disabled: enable it in KMS",
    "InvalidKeyUsageException": USELESS_KEY,
    "KMSInvalidStateException": "the key is pending deletion or import",
    "NotFoundException": "`kms_key` names a key that does not exist in that account and region",
    **dict.fromkeys(
        _CREDENTIALS_REFUSED, "the service's AWS credentials do not exist, are off, or have ended"
    ),
    "ValidationException": USELESS_KEY,
}


class KmsClient:
    """KMS in the region of one key. Safe for many threads."""

    def __init__(
        self,
        arn: str,
        settings: AwsSettings,
        http: HttpPool,
        credentials: BrokerCredentials,
    ) -> None:
        _, partition, _, self._region, *_ = arn.split(":")
        self._arn = arn
        self._profile_name = settings.partitions[partition].profile_name or settings.profile_name
        self._settings = settings
        self._http = http
        self._credentials = credentials
        self._client: Any = None

    def prepare(self) -> None:
        """Make the client, without a call. Raises UpstreamError."""
        if self._client is None:
            self._client = make_client(
                _STEP,
                self._settings,
                self._http,
                self._credentials,
                profile_name=self._profile_name,
                region=self._region,
                endpoint=None,
            )

    def sign(self, message: bytes) -> bytes:
        """The signature by RSASSA-PKCS1-v1_5 with SHA-256. Raises UpstreamError.

        KMS takes messages of up to 4,096 bytes (KMS API, Sign). What XML signatures sign has some 700, whatever the
        size of the document.
        """
        ends = time.monotonic() + self._settings.slowest_call
        self.prepare()
        call = partial(
            self._client.sign,
            KeyId=self._arn,
            Message=message,
            MessageType="RAW",
            SigningAlgorithm=SIGNING_ALGORITHM,
        )
        loaded = self._credentials.current(self._profile_name, seconds=self._settings.slowest_call)
        try:
            try:
                answer = run_call(call, loaded.keys, ends=ends, refused=_refusal, unreadable=_unreadable)
            except SigningKeyRefused as error:
                # Somebody may have replaced the credentials.
                if error.code not in _CREDENTIALS_REFUSED:
                    raise
                newer = self._credentials.renew(self._profile_name, loaded, seconds=ends - time.monotonic())
                if newer.keys == loaded.keys:
                    raise
                answer = run_call(call, newer.keys, ends=ends, refused=_refusal, unreadable=_unreadable)
        except BotoCoreError as error:
            raise unusable_configuration(error, self._profile_name) from None
        return bytes(answer["Signature"])


class KmsSigner:
    """A `Signer` whose key is in KMS. Safe for many threads."""

    def __init__(self, client: KmsClient, certificate: Certificate, *, clock: Callable[[], datetime]) -> None:
        """`certificate` has the public key that others verify by; `clock` gives UTC."""
        self._kms = client
        self._certificate = certificate
        self._circuits = Circuits(clock=clock, open_for=_OPEN_FOR, max_open=_MAX_OPEN)

    @property
    def certificate(self) -> Certificate:
        """See `Signer`."""
        return self._certificate

    def sign(self, message: bytes) -> bytes:
        """See `Signer`. Raises SigningKeyRefused, SigningKeySilent, BrokerCredentialsMissing."""
        if not self._circuits.admits(STEP):
            raise SigningKeySilent(
                "KMS failed a moment ago, and is not asked yet", step=STEP, code="circuit open"
            )
        try:
            signature = self._kms.sign(message)
        except UpstreamRefused:
            self._circuits.worked(STEP)  # it answers
            raise
        except BrokerCredentialsMissing:
            raise
        except UpstreamError as error:
            self._failed(error)
        self._circuits.worked(STEP)
        key = self._certificate.public_key()
        assert isinstance(key, RSAPublicKey)  # noqa: S101  the configuration takes no other
        try:
            key.verify(signature, message, PKCS1v15(), SHA256())
        except InvalidSignature:
            raise SigningKeyRefused(
                "the KMS key signs, but `certificate` is that of another key",
                step=STEP,
                code="another key",
                hint="make its certificate with: awscons idp keys new --kms-key ARN FILE",
            ) from None
        return signature

    def _failed(self, error: UpstreamError) -> NoReturn:
        self._circuits.failed(STEP)
        if isinstance(error, SigningKeySilent):
            raise error
        hint = "is there a way from this host to KMS?" if isinstance(error, UpstreamSilent) else ""
        raise SigningKeySilent(error.cause, step=STEP, code=error.code, hint=hint) from None


def _refusal(response: Mapping[str, Any], status: int) -> UpstreamError:
    """The error for an answer of KMS. Its message may quote an ARN and no secret, but is not needed."""
    code = str(response.get("Error", {}).get("Code") or status)
    known = {
        "step": STEP,
        "code": f"HTTP {code}" if code.isdigit() else code,
        "request_id": str(response.get("ResponseMetadata", {}).get("RequestId") or ""),
    }
    if code in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return SigningKeySilent(f"KMS did not sign: {known['code']}", **known)
    return SigningKeyRefused(f"KMS refused to sign: {code}", hint=_HINTS.get(code, ""), **known)


def _unreadable(status: int) -> UpstreamError:
    return SigningKeySilent(f"KMS gave no usable answer: HTTP {status}", step=STEP, code="malformed answer")
