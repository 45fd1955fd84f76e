"""The port to STS, through boto3: one session for each profile, one kept client for each route.

A client costs tens of milliseconds to make and a TLS handshake to warm; a kept one under a
millisecond. Credentials file and profile go to the session, never into the process's environment.
Every error of botocore is translated here, and none of its texts reaches further: they can quote a
request.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
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
from botocore.utils import parse_timestamp

from awscons.broker import StsRoute
from awscons.config.settings import AwsSettings
from awscons.credentials import RoleCredentials
from awscons.durations import CredentialKind, kind_by_principal, kind_by_provider
from awscons.errors import (
    BrokerCredentialsMissing,
    PolicyRefused,
    RegionDisabled,
    RoleRefused,
    RoleSessionTooLong,
    UpstreamError,
    UpstreamRefused,
    UpstreamSilent,
    UpstreamThrottled,
    UpstreamUnusable,
)
from awscons.role_session import RoleRequest

if TYPE_CHECKING:
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    from types_boto3_sts import STSClient
    from types_boto3_sts.type_defs import AssumeRoleRequestTypeDef

_STEP = "sts"

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
_CREDENTIAL_HINTS = {
    "ExpiredToken": "the broker's own credentials have expired",
    "ExpiredTokenException": "the broker's own credentials have expired",
    "InvalidAccessKeyId": "the broker's access key does not exist",
    "InvalidClientTokenId": "the broker's access key does not exist, is off, or is of another partition",
    "MissingAuthenticationToken": "something between this host and STS takes the signature off",
    "RequestExpired": "the clock of this host is wrong",
    "SignatureDoesNotMatch": "the broker's secret key is wrong, or the clock of this host",
    "UnrecognizedClientException": "the broker's access key does not exist, or is of another partition",
}
_POLICY_HINTS = {
    "MalformedPolicyDocument": "AWS does not understand the target's `session_policy` or `policy_arns`",
    "PackedPolicyTooLarge": "the target's session policies and session tags are too large together",
}
# Phrases of STS's ValidationError; it has no codes of their own for these.
_TOO_LONG = ("role chaining", "exceeds the MaxSessionDuration")
_TOLD_CODES = frozenset({"AccessDenied", "ValidationError", *_POLICY_HINTS})
_ACTION = re.compile(r"not authorized to perform: (sts:[A-Za-z]+)")
# Longer than any name that a message of those codes has to hold; keys and tokens are.
_OPAQUE = re.compile(r"[A-Za-z0-9+/=_-]{40,}")

_Answer = TypeVar("_Answer")


class BotoRoleAssumer:
    """AssumeRole through kept boto3 clients. Safe for many threads."""

    def __init__(self, settings: AwsSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._sessions: dict[str | None, boto3.Session] = {}
        self._clients: dict[StsRoute, STSClient] = {}
        self._kinds: dict[str | None, CredentialKind] = {}

    def configured_region(self, profile_name: str | None) -> str | None:
        """The region that the profile or the environment names, or None."""
        return self._session(profile_name).region_name

    def prepare(self, route: StsRoute) -> None:
        """Make what the first call by `route` needs, without a call. Raises BrokerCredentialsMissing."""
        try:
            self._client(route)
        except UpstreamError:
            raise
        except Exception as error:  # noqa: BLE001  botocore reads files and asks what there is to ask
            raise _missing(error) from None

    def credential_kind(self, route: StsRoute) -> CredentialKind:
        """What kind of credentials botocore found; asked of STS where botocore cannot tell.

        Found out once for each profile: kinds do not change while credentials are renewed. Raises
        UpstreamError; BrokerCredentialsMissing when there are no credentials.
        """
        known = self._kinds.get(route.profile_name)
        if known is not None:
            return known
        credentials = self._credentials(route.profile_name)
        try:
            temporary = credentials.get_frozen_credentials().token is not None
        except Exception as error:  # noqa: BLE001  see _credentials
            raise _missing(error) from None
        kind = kind_by_provider(str(credentials.method), temporary=temporary)
        if kind is None:
            kind = kind_by_principal(self.principal_arn(route))
        self._kinds[route.profile_name] = kind
        return kind

    def principal_arn(self, route: StsRoute) -> str:
        """Who the broker is to AWS, by GetCallerIdentity. Raises UpstreamError."""
        answer = self._ask(route, lambda client: client.get_caller_identity(), needs=())
        try:
            return str(answer["Arn"])
        except (KeyError, TypeError):
            raise UpstreamUnusable(
                "STS did not say who we are", step=_STEP, code="malformed answer"
            ) from None

    def assume_role(
        self, request: RoleRequest, route: StsRoute, *, role_session_duration: int
    ) -> RoleCredentials:
        """AssumeRole; the duration in seconds. Raises UpstreamError."""
        parameters = _parameters(request, role_session_duration)
        answer = self._ask(
            route, lambda client: client.assume_role(**parameters), needs=request.needed_actions
        )
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
        except (KeyError, TypeError, ValueError, AttributeError):
            raise UpstreamUnusable(
                "STS answered without credentials", step=_STEP, code="malformed answer"
            ) from None

    def _ask(
        self, route: StsRoute, call: Callable[[STSClient], _Answer], *, needs: tuple[str, ...]
    ) -> _Answer:
        """One call. A kept connection that broke is replaced once; credentials that ended are read again.

        needs   the actions that the role's trust policy must allow
        """
        try:
            try:
                return call(self._client(route))
            except ConnectionClosedError:
                return call(self._client(route))
        except UpstreamError:
            raise
        except ClientError as error:
            translated = _client_error(error, needs)
            if isinstance(translated, BrokerCredentialsMissing):
                self._forget(route.profile_name)
            raise translated from None
        except Exception as error:  # noqa: BLE001  botocore lets errors of its own parser and others through
            _raise_botocore_error(error)

    # --- what is kept --------------------------------------------------------------------

    def _session(self, profile_name: str | None) -> boto3.Session:
        with self._lock:
            session = self._sessions.get(profile_name)
            if session is None:
                session = self._sessions[profile_name] = self._new_session(profile_name)
            return session

    def _new_session(self, profile_name: str | None) -> boto3.Session:
        core = botocore.session.Session(profile=profile_name)
        if self._settings.credentials_file is not None:
            core.set_config_variable("credentials_file", self._settings.credentials_file)
        # botocore's own looks for every form that a date was ever written in.
        parsers = core.get_component("response_parser_factory")
        parsers.set_parser_defaults(timestamp_parser=_parse_timestamp)
        try:
            core.get_scoped_config()
            return boto3.Session(botocore_session=core)
        except Exception as error:  # noqa: BLE001  as in _credentials
            raise _missing(error) from None

    def _credentials(self, profile_name: str | None) -> Credentials:
        session = self._session(profile_name)
        try:
            credentials = session.get_credentials()
        except Exception as error:  # noqa: BLE001  providers raise what files, programs and URLs make them raise
            raise _missing(error) from None
        if credentials is None:
            raise _missing(NoCredentialsError())
        return credentials

    def _client(self, route: StsRoute) -> STSClient:
        session = self._session(route.profile_name)
        with self._lock:
            client = self._clients.get(route)
            if client is None:
                client = self._clients[route] = session.client(
                    "sts",
                    region_name=route.region,
                    endpoint_url=route.endpoint,
                    config=self._client_config(),
                )
                client.meta.events.register("before-sign.sts", self._name_ourselves)
            return client

    def _name_ourselves(self, request: AWSRequest, **_more: object) -> None:
        """One User-Agent for every call and every release of botocore: detections are told to expect it."""
        request.headers["User-Agent"] = self._settings.user_agent

    def _forget(self, profile_name: str | None) -> None:
        """Credentials that AWS no longer takes are read anew by the next sign-in: somebody may mend them."""
        with self._lock:
            self._sessions.pop(profile_name, None)
            self._kinds.pop(profile_name, None)
            for route in [route for route in self._clients if route.profile_name == profile_name]:
                del self._clients[route]

    def _client_config(self) -> Config:
        return Config(
            connect_timeout=self._settings.connect_timeout,
            read_timeout=self._settings.read_timeout,
            # The broker repeats, in another region first, and within the time of the whole sign-in.
            retries={"mode": "standard", "total_max_attempts": 1},
            # More threads than connections would make each surplus one shake hands anew.
            max_pool_connections=64,
            # `_name_ourselves` has the last word; botocore would put a long one together, twice a call.
            user_agent=self._settings.user_agent,
        )


def _parse_timestamp(text: Any) -> datetime:
    """ISO 8601, as STS writes it; whatever else by botocore's own rules."""
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        parsed: datetime = parse_timestamp(text)
        return parsed


def _parameters(request: RoleRequest, role_session_duration: int) -> AssumeRoleRequestTypeDef:
    """AssumeRole's parameters; what is not switched on is not there at all."""
    parameters: AssumeRoleRequestTypeDef = {
        "RoleArn": str(request.role),
        "RoleSessionName": request.role_session_name,
        "DurationSeconds": role_session_duration,
    }
    if request.source_identity is not None:
        parameters["SourceIdentity"] = request.source_identity
    if request.session_tags:
        parameters["Tags"] = [{"Key": key, "Value": value} for key, value in request.session_tags]
    if request.transitive_tags:
        parameters["TransitiveTagKeys"] = list(request.transitive_tags)
    if request.external_id is not None:
        parameters["ExternalId"] = request.external_id
    if request.session_policy is not None:
        parameters["Policy"] = request.session_policy
    if request.policy_arns:
        parameters["PolicyArns"] = [{"arn": arn} for arn in request.policy_arns]
    return parameters


# --- translation -------------------------------------------------------------------------


def _client_error(error: ClientError, needs: tuple[str, ...]) -> UpstreamError:  # noqa: PLR0911  one for each kind
    """An answer of STS that is an error. Its message is AWS's own; opaque parts of it are cut out."""
    details = error.response.get("Error", {})
    metadata = error.response.get("ResponseMetadata", {})
    code, request_id = str(details.get("Code", "")), str(metadata.get("RequestId", ""))
    message, status = str(details.get("Message", "")), metadata.get("HTTPStatusCode", 0)
    # Other messages can quote the request, and with it what signed it.
    said = f": {_OPAQUE.sub('…', message)}" if code in _TOLD_CODES else ""
    cause, known = f"STS refused: {code}{said}", {"step": _STEP, "code": code, "request_id": request_id}
    if code in _THROTTLING or status == HTTPStatus.TOO_MANY_REQUESTS:
        return UpstreamThrottled("STS is throttling", **known)
    if code in _CREDENTIAL_HINTS:
        cause = f"STS does not accept the broker's credentials: {code}"
        return BrokerCredentialsMissing(cause, hint=_CREDENTIAL_HINTS[code], **known)
    if code == "AccessDenied":
        return RoleRefused(cause, hint=_access_hint(message, needs), **known)
    if code in _POLICY_HINTS:
        return PolicyRefused(cause, hint=_POLICY_HINTS[code], **known)
    if code == "RegionDisabledException":
        hint = "STS is off in this region for the broker's account: switch it on, or name other `regions`"
        return RegionDisabled(cause, hint=hint, **known)
    if code == "ValidationError" and any(phrase in message for phrase in _TOO_LONG):
        return RoleSessionTooLong(cause, **known)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return UpstreamUnusable(f"STS answered HTTP {status}: {code}", **known)
    return UpstreamRefused(cause, **known)


def _access_hint(message: str, needs: tuple[str, ...]) -> str:
    """What to allow, and where. AWS names the action that is missing, or names none."""
    named = _ACTION.search(message)
    action = named.group(1) if named else ""
    both = "both the role's trust policy, for this broker's principal, and the broker's own policy must allow"
    match action:
        case "sts:TagSession":
            return f"{both} {action}, since the target has `session_tags`"
        case "sts:SetSourceIdentity":
            return f"{both} {action}, since the target has `source_identity`"
        case _:
            actions = " and ".join(needs) or action
            return f"{both} {actions} on this role; its conditions, such as sts:ExternalId, count too"


def _raise_botocore_error(error: Exception) -> NoReturn:
    """A failure before or after an answer. Only the kind of it is kept."""
    kind = type(error).__name__
    known = {"step": _STEP, "code": kind}
    if isinstance(error, NoCredentialsError | PartialCredentialsError | CredentialRetrievalError):
        raise _missing(error) from None
    if isinstance(error, ReadTimeoutError | ConnectTimeoutError):
        raise UpstreamSilent(f"STS did not answer in time: {kind}", **known) from None
    if isinstance(error, SSLError):
        hint = "a proxy or an old certificate bundle stands between this host and STS; see AWS_CA_BUNDLE"
        raise UpstreamSilent(f"no TLS connection to STS: {kind}", hint=hint, **known) from None
    if isinstance(error, EndpointConnectionError | BotoConnectionError | HTTPClientError):
        raise UpstreamSilent(f"STS cannot be reached: {kind}", **known) from None
    raise UpstreamUnusable(f"STS gave no usable answer: {kind}", **known) from None


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
