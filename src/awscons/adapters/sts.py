"""The port to STS, through boto3: one session for the broker, one kept client for each region.

A client costs tens of milliseconds to make and a TLS handshake to warm; a kept one under a
millisecond. Credentials file and profile go to the session, never into the process's environment.
Every error of botocore is translated here, and none of its texts reaches further: they can quote a
request.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
    SSLError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError

from awscons import __version__
from awscons.config.settings import AwsSettings
from awscons.credentials import RoleCredentials
from awscons.durations import CredentialKind
from awscons.errors import (
    BrokerCredentialsMissing,
    UpstreamError,
    UpstreamRefused,
    UpstreamSilent,
    UpstreamThrottled,
)
from awscons.targets import RoleArn

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from types_boto3_sts import STSClient

_STEP = "sts"
_LONGEST_CONNECT = 3.0
"""Seconds; an endpoint that does not shake hands by then is not there."""

# The codes that AWS uses for "slow down"; STS sends `Throttling` with HTTP 400, not 429.
_THROTTLING = frozenset(
    {
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_CREDENTIAL_CODES = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "MissingAuthenticationToken",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_TOLD_MESSAGES = frozenset(
    {
        "AccessDenied",
        "MalformedPolicyDocument",
        "PackedPolicyTooLarge",
        "RegionDisabledException",
        "ValidationError",
    }
)
_HINTS = {
    "AccessDenied": (
        "the role's trust policy must allow this broker's principal, and the broker's own policy must allow "
        "sts:AssumeRole on this role"
    ),
    "RegionDisabledException": "STS is switched off in this region for the broker's account",
    "ExpiredToken": "the broker's own credentials have expired",
    "ExpiredTokenException": "the broker's own credentials have expired",
    "InvalidClientTokenId": "AWS does not know the broker's access key",
    "SignatureDoesNotMatch": "the broker's secret key is wrong, or this host's clock is",
    "ValidationError": "the role's own maximum session duration may be shorter than asked for",
}

# Where botocore got the credentials from. Anything else that is temporary counts as chained: asking
# for less than allowed works, asking for more does not.
_EC2_METHOD = "iam-role"


class BotoRoleAssumer:
    """AssumeRole through kept boto3 clients. Safe for many threads."""

    def __init__(self, settings: AwsSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._session: boto3.Session | None = None
        self._clients: dict[str, STSClient] = {}

    def configured_region(self) -> str | None:
        """The region that the profile or the environment names, or None."""
        return self._boto_session().region_name

    def credential_kind(self) -> CredentialKind:
        """What kind of credentials botocore found. Raises BrokerCredentialsMissing when there are none."""
        credentials = self._credentials()
        try:
            temporary = credentials.get_frozen_credentials().token is not None
        except Exception as error:  # noqa: BLE001  see _credentials
            raise _missing(error) from None
        if not temporary:
            return CredentialKind.LONG_TERM
        if credentials.method == _EC2_METHOD:
            return CredentialKind.EC2_INSTANCE
        return CredentialKind.CHAINED

    def assume_role(
        self, role: RoleArn, *, region: str, role_session_name: str, role_session_duration: int
    ) -> RoleCredentials:
        """AssumeRole at the STS endpoint of `region`; the duration in seconds. Raises UpstreamError."""
        try:
            answer = self._client(region).assume_role(
                RoleArn=str(role),
                RoleSessionName=role_session_name,
                DurationSeconds=role_session_duration,
            )
        except UpstreamError:
            raise
        except ClientError as error:
            raise _client_error(error) from None
        except Exception as error:  # noqa: BLE001  botocore lets errors of its own parser and others through
            raise _botocore_error(error) from None
        try:
            credentials = answer["Credentials"]
            return RoleCredentials(
                access_key_id=credentials["AccessKeyId"],
                secret_access_key=credentials["SecretAccessKey"],
                session_token=credentials["SessionToken"],
                expires_at=_utc(credentials["Expiration"]),
                assumed_role_arn=answer["AssumedRoleUser"]["Arn"],
                request_id=answer["ResponseMetadata"]["RequestId"],
            )
        except (KeyError, TypeError, ValueError):
            raise UpstreamRefused(
                "STS answered without credentials", step=_STEP, code="malformed answer"
            ) from None

    # --- what is kept --------------------------------------------------------------------

    def _boto_session(self) -> boto3.Session:
        with self._lock:
            if self._session is None:
                self._session = self._new_session()
            return self._session

    def _new_session(self) -> boto3.Session:
        core = botocore.session.Session(profile=self._settings.profile_name)
        if self._settings.credentials_file is not None:
            core.set_config_variable("credentials_file", self._settings.credentials_file)
        try:
            core.get_scoped_config()
            return boto3.Session(botocore_session=core)
        except Exception as error:  # noqa: BLE001  as in _credentials
            raise _missing(error) from None

    def _credentials(self) -> Credentials:
        session = self._boto_session()
        try:
            credentials = session.get_credentials()
        except Exception as error:  # noqa: BLE001  providers raise what files, programs and URLs make them raise
            raise _missing(error) from None
        if credentials is None:
            raise _missing(NoCredentialsError())
        return credentials

    def _client(self, region: str) -> STSClient:
        session = self._boto_session()
        with self._lock:
            client = self._clients.get(region)
            if client is None:
                client = session.client(
                    "sts",
                    region_name=region,
                    endpoint_url=self._settings.sts_endpoint,
                    config=self._client_config(),
                )
                self._clients[region] = client
            return client

    def _client_config(self) -> Config:
        half = self._settings.timeout / 2
        return Config(
            connect_timeout=min(_LONGEST_CONNECT, half),
            read_timeout=half,
            retries={"mode": "standard", "total_max_attempts": 2},
            # More threads than connections would make each surplus one shake hands anew.
            max_pool_connections=64,
            user_agent_extra=f"awscons/{__version__}",
        )


# --- translation -------------------------------------------------------------------------


def _client_error(error: ClientError) -> UpstreamError:
    """An answer of STS that is an error. Its message is AWS's own and names roles, never secrets."""
    details = error.response.get("Error", {})
    metadata = error.response.get("ResponseMetadata", {})
    code, request_id = str(details.get("Code", "")), str(metadata.get("RequestId", ""))
    status = metadata.get("HTTPStatusCode", 0)
    if code in _THROTTLING or status == HTTPStatus.TOO_MANY_REQUESTS:
        return UpstreamThrottled("STS is throttling", step=_STEP, code=code, request_id=request_id)
    if code in _CREDENTIAL_CODES:
        return BrokerCredentialsMissing(
            f"STS does not accept the broker's credentials: {code}",
            step=_STEP,
            code=code,
            request_id=request_id,
            hint=_HINTS.get(code, ""),
        )
    # Other messages can quote the request, and with it what signed it.
    said = f": {details.get('Message', '')}" if code in _TOLD_MESSAGES else ""
    return UpstreamRefused(
        f"STS refused: {code}{said}",
        step=_STEP,
        code=code,
        request_id=request_id,
        hint=_HINTS.get(code, ""),
    )


def _botocore_error(error: Exception) -> UpstreamError:
    """A failure before or after an answer. Only the kind of it is kept."""
    kind = type(error).__name__
    if isinstance(error, NoCredentialsError | PartialCredentialsError | CredentialRetrievalError):
        return _missing(error)
    if isinstance(error, ReadTimeoutError | ConnectTimeoutError):
        return UpstreamSilent(f"STS did not answer in time: {kind}", step=_STEP, code=kind)
    if isinstance(error, SSLError):
        return UpstreamSilent(
            f"no TLS connection to STS: {kind}",
            step=_STEP,
            code=kind,
            hint="a proxy or an old certificate bundle stands between this host and STS",
        )
    if isinstance(error, EndpointConnectionError | BotoConnectionError | HTTPClientError):
        return UpstreamSilent(f"STS cannot be reached: {kind}", step=_STEP, code=kind)
    return UpstreamRefused(f"STS gave no usable answer: {kind}", step=_STEP, code=kind)


def _missing(error: Exception) -> BrokerCredentialsMissing:
    kind = type(error).__name__
    return BrokerCredentialsMissing(
        f"the broker has no usable AWS credentials: {kind}",
        step=_STEP,
        code=kind,
        hint=(
            "set `aws_profile_name` and `aws_credentials_file`, or give the host a role; "
            "the user that runs this service must be able to read the file"
        ),
    )


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC)
