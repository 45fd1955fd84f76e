"""Makes the certificate of a key in KMS, for `awscons idp keys new`. It is never on the way of a request.

Needed rights on the key: kms:GetPublicKey and kms:Sign.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.x509 import Certificate

from awscons.adapters.aws.kms_signer import SIGNING_ALGORITHM, USELESS_KEY
from awscons.errors import KeysRefused
from awscons.saml.certificates import SMALLEST_RSA_KEY, make_certificate

_VALID_FROM = timedelta(hours=1)


def certify_kms_key(
    arn: str, *, profile: str | None, common_name: str, now: datetime, valid_for: timedelta
) -> Certificate:
    """A self-signed certificate of that key.

    profile   of the credentials; None: those that AWS SDKs find
    now       UTC
    Raises KeysRefused: no credentials, no right, no answer, or a key that cannot sign assertions.
    """
    try:
        session = botocore.session.Session(profile=profile)
        config = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard"})
        client: Any = session.create_client("kms", region_name=arn.split(":")[3], config=config)
        described = client.get_public_key(KeyId=arn)
        key = load_der_public_key(described["PublicKey"])
        algorithms = described.get("SigningAlgorithms", ())
        if (
            not isinstance(key, RSAPublicKey)
            or SIGNING_ALGORITHM not in algorithms
            or key.key_size < SMALLEST_RSA_KEY
        ):
            found = f"{described.get('KeySpec')} for {described.get('KeyUsage')}"
            raise KeysRefused(f"the KMS key is of another kind: {found}", hint=USELESS_KEY)

        def sign(message: bytes) -> bytes:
            answer = client.sign(
                KeyId=arn,
                Message=message,
                MessageType="RAW",
                SigningAlgorithm=SIGNING_ALGORITHM,
            )
            return bytes(answer["Signature"])

        return make_certificate(
            common_name, key, sign, not_before=now - _VALID_FROM, not_after=now + valid_for
        )
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        hint = "the credentials, and the policy of the key, must allow kms:GetPublicKey and kms:Sign"
        raise KeysRefused(f"KMS answers {code} to {error.operation_name}", hint=hint) from None
    except BotoCoreError as error:
        # The texts of botocore's own errors hold names and hosts, and no credentials.
        raise KeysRefused(
            f"KMS: {error}", hint="give --profile with credentials that may use the key"
        ) from None
