"""Passwords for ElastiCache with IAM authentication: requests to connect, signed with AWS credentials.

An ElastiCache user of type IAM logs in with a presigned `connect` request in place of a password
(https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html).
"""

from __future__ import annotations

from urllib.parse import urlencode

import botocore.session
from botocore.exceptions import NoCredentialsError, NoRegionError
from botocore.model import ServiceId
from botocore.signers import RequestSigner
from redis.credentials import CredentialProvider

_LIFETIME = 900
"""Seconds that a token lives, the maximum. It counts while a connection logs in; the connection may last longer."""
_SCHEME = "https://"


class ElastiCacheTokens(CredentialProvider):
    """Signs a token for each new connection, so that none is ever too old. Safe for many threads."""

    def __init__(self, *, user: str, cache_name: str, region_name: str | None, serverless: bool) -> None:
        """`user` is the ElastiCache user's id, which is its name as well.

        region_name   None: the region of AWS's own settings
        Raises NoRegionError if there is none, NoCredentialsError without AWS credentials.
        """
        session = botocore.session.Session()
        region = region_name or session.get_config_variable("region")
        credentials = session.get_credentials()
        if not region:
            raise NoRegionError
        if credentials is None:
            raise NoCredentialsError
        self._user, self._region = user, region
        # AWS keeps names of caches in lower case, and signs them so.
        query = {
            "Action": "connect",
            "User": user,
            **({"ResourceType": "ServerlessCache"} if serverless else {}),
        }
        self._url = f"{_SCHEME}{cache_name.lower()}/?{urlencode(query)}"
        self._signer = RequestSigner(
            ServiceId("elasticache"),
            region,
            "elasticache",
            "v4",
            credentials,
            session.get_component("event_emitter"),
        )

    def get_credentials(self) -> tuple[str, str]:
        """User and token. Raises BotoCoreError when AWS credentials cannot be renewed."""
        signed: str = self._signer.generate_presigned_url(
            {"method": "GET", "url": self._url, "body": {}, "headers": {}, "context": {}},
            operation_name="connect",
            expires_in=_LIFETIME,
            region_name=self._region,
        )
        return self._user, signed.removeprefix(_SCHEME)
