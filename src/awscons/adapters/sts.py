"""The port to STS: AssumeRole, signed and sent by ourselves over kept connections.

botocore finds the broker's credentials and renews them; its clients are left out, since they take half of a
sign-in's CPU and a tenth of a worker's memory for what are one form and one answer here. Credentials file and
profile go to botocore's session, never into the process's environment. No text of an error of botocore
reaches further: it can quote a request.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus

import botocore.session
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import NoCredentialsError

from awscons.adapters.connections import Answer, Connections, Step
from awscons.adapters.sigv4 import signed_headers
from awscons.aws.console_url import encode_form
from awscons.aws.durations import CredentialKind, kind_by_principal, kind_by_provider
from awscons.aws.partitions import sts_endpoint
from awscons.aws.ports import StsRoute
from awscons.aws.role_credentials import RoleCredentials
from awscons.aws.role_request import RoleRequest
from awscons.aws.settings import AwsSettings
from awscons.errors import (
    BrokerCredentialsMissing,
    PolicyRefused,
    RegionDisabled,
    ResponseRefused,
    RoleRefused,
    RoleSessionTooLong,
    UpstreamError,
    UpstreamRefused,
    UpstreamThrottled,
    UpstreamUnusable,
)
from awscons.saml.input_limits import check_document
from awscons.saml.xml import Element, parse

_STEP = Step("sts", "STS")
_VERSION = "2011-06-15"
_FORM = "application/x-www-form-urlencoded; charset=utf-8"

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


@dataclass(slots=True)
class _Profile:
    """What is kept of one profile, since botocore looks through all its sources each time.

    region      that the profile or the environment names
    kind        of its credentials, once it is known
    endpoints   the URL of STS by region, where our own configuration says nothing
    """

    session: botocore.session.Session
    region: str | None
    kind: CredentialKind | None = None
    endpoints: dict[str, str] = field(default_factory=dict)


class StsClient:
    """AssumeRole with the broker's own credentials. Safe for many threads."""

    def __init__(
        self, settings: AwsSettings, connections: Connections, *, environment: Mapping[str, str]
    ) -> None:
        """`environment` of the process; botocore reads it, too, and that of the process only."""
        self._settings = settings
        self._environment = environment
        self._connections = connections
        self._lock = threading.Lock()
        self._profiles: dict[str | None, _Profile] = {}

    def configured_region(self, profile_name: str | None) -> str | None:
        """The region that the profile or the environment names, or None."""
        return self._profile(profile_name).region

    def prepare(self, route: StsRoute) -> None:
        """Make what the first call by `route` needs, without a call. Raises BrokerCredentialsMissing."""
        self._signing_credentials(route.profile_name)
        self._connections.prepare(self._endpoint(route))

    def credential_kind(self, route: StsRoute) -> CredentialKind:
        """What kind of credentials botocore found; asked of STS where botocore cannot tell.

        Found out once for each profile: kinds do not change while credentials are renewed. Raises
        UpstreamError; BrokerCredentialsMissing when there are no credentials.
        """
        profile = self._profile(route.profile_name)
        if profile.kind is None:
            temporary = self._signing_credentials(route.profile_name).token is not None
            method = str(self._credentials(route.profile_name).method)
            kind = kind_by_provider(method, temporary=temporary)
            profile.kind = kind or kind_by_principal(self.principal_arn(route))
        return profile.kind

    def principal_arn(self, route: StsRoute) -> str:
        """Who the broker is to AWS, by GetCallerIdentity. Raises UpstreamError."""
        answer = self._ask(route, {"Action": "GetCallerIdentity"}, needs=())
        return _text(answer, "GetCallerIdentityResult", "Arn")

    def assume_role(
        self, request: RoleRequest, route: StsRoute, *, role_session_duration: int
    ) -> RoleCredentials:
        """AssumeRole; the duration in seconds. Raises UpstreamError."""
        form = _assume_role_form(request, role_session_duration)
        answer = self._ask(route, form, needs=request.needed_actions)
        given = "AssumeRoleResult", "Credentials"
        return RoleCredentials(
            access_key_id=_text(answer, *given, "AccessKeyId"),
            secret_access_key=_text(answer, *given, "SecretAccessKey"),
            session_token=_text(answer, *given, "SessionToken"),
            expires_at=_instant(_text(answer, *given, "Expiration")),
            assumed_role_arn=_text(answer, "AssumeRoleResult", "AssumedRoleUser", "Arn"),
            request_id=_text(answer, "ResponseMetadata", "RequestId"),
        )

    def _ask(self, route: StsRoute, form: Mapping[str, str], *, needs: tuple[str, ...]) -> Element:
        """One call of the Query API. Credentials that AWS no longer takes are read again by the next.

        needs   the actions that the role's trust policy must allow
        """
        credentials = self._signing_credentials(route.profile_name)
        endpoint, body = self._endpoint(route), encode_form({**form, "Version": _VERSION}).encode("ascii")
        signed = signed_headers(
            endpoint,
            body,
            content_type=_FORM,
            credentials=credentials,
            service="sts",
            region=route.region,
            now=datetime.now(UTC),
        )
        # One User-Agent for every call and every release of ours: detections are told to expect it.
        headers = {**signed, "user-agent": self._settings.user_agent}
        answer = self._connections.ask(_STEP, "POST", endpoint, headers=headers, body=body)
        if answer.status == HTTPStatus.OK:
            return _read(answer)
        error = _refusal(answer, needs)
        if isinstance(error, BrokerCredentialsMissing):
            self._forget(route.profile_name)
        raise error

    # --- what is kept --------------------------------------------------------------------

    def _profile(self, profile_name: str | None) -> _Profile:
        with self._lock:
            profile = self._profiles.get(profile_name)
            if profile is None:
                profile = self._profiles[profile_name] = self._read_profile(profile_name)
            return profile

    def _read_profile(self, profile_name: str | None) -> _Profile:
        session = botocore.session.Session(profile=profile_name)
        if self._settings.credentials_file is not None:
            session.set_config_variable("credentials_file", self._settings.credentials_file)
        try:
            session.get_scoped_config()
            return _Profile(session, session.get_config_variable("region"))
        except Exception as error:  # noqa: BLE001  as in _credentials
            raise _missing(error) from None

    def _credentials(self, profile_name: str | None) -> Credentials:
        profile = self._profile(profile_name)
        try:
            credentials = profile.session.get_credentials()
        except Exception as error:  # noqa: BLE001  providers raise what files, programs and URLs make them raise
            raise _missing(error) from None
        if credentials is None:
            raise _missing(NoCredentialsError())
        return credentials

    def _signing_credentials(self, profile_name: str | None) -> ReadOnlyCredentials:
        """The credentials as they are now; those that are about to end are renewed first."""
        credentials = self._credentials(profile_name)
        try:
            return credentials.get_frozen_credentials()
        except Exception as error:  # noqa: BLE001  as in _credentials
            raise _missing(error) from None

    def _endpoint(self, route: StsRoute) -> str:
        """The URL of STS: our configuration's, botocore's configuration's, or the region's own."""
        if route.endpoint is not None:
            return route.endpoint
        profile = self._profile(route.profile_name)
        known = profile.endpoints.get(route.region)
        if known is None:
            try:
                known = profile.endpoints[route.region] = self._find_endpoint(profile.session, route.region)
            except Exception as error:  # noqa: BLE001  as in _credentials
                raise _missing(error) from None
        return known

    def _find_endpoint(self, session: botocore.session.Session, region: str) -> str:
        return _configured_endpoint(session, self._environment) or sts_endpoint(
            region,
            fips=bool(session.get_config_variable("use_fips_endpoint")),
            dual_stack=bool(session.get_config_variable("use_dualstack_endpoint")),
        )

    def _forget(self, profile_name: str | None) -> None:
        """Credentials that AWS no longer takes are read anew by the next sign-in: somebody may mend them."""
        with self._lock:
            self._profiles.pop(profile_name, None)


def certificate_bundle(settings: AwsSettings, environment: Mapping[str, str]) -> str | None:
    """The file of certificates to trust that AWS_CA_BUNDLE or the broker's profile names, or None."""
    named = environment.get("AWS_CA_BUNDLE")
    if named:
        return named
    try:
        session = botocore.session.Session(profile=settings.profile_name)
        bundle: str | None = session.get_config_variable("ca_bundle")
    except Exception:  # noqa: BLE001  a profile that cannot be read is told of by whoever needs its credentials
        return None
    return bundle


def _configured_endpoint(session: botocore.session.Session, environment: Mapping[str, str]) -> str | None:
    """The URL that the environment or the profile gives STS.

    In this order: AWS SDKs and Tools Reference Guide, "Service-specific endpoints".
    """
    if session.get_config_variable("ignore_configured_endpoint_urls"):
        return None
    profile = session.get_scoped_config()
    services = session.full_config.get("services", {}).get(profile.get("services"), {})
    in_turn = (
        environment.get("AWS_ENDPOINT_URL_STS"),
        environment.get("AWS_ENDPOINT_URL"),
        services.get("sts", {}).get("endpoint_url"),
        profile.get("endpoint_url"),
    )
    return next(filter(None, in_turn), None)


def _assume_role_form(request: RoleRequest, role_session_duration: int) -> dict[str, str]:
    """AssumeRole as the Query API has it; what is not switched on is not there at all."""
    form = {
        "Action": "AssumeRole",
        "RoleArn": str(request.role),
        "RoleSessionName": request.role_session_name,
        "DurationSeconds": str(role_session_duration),
    }
    if request.source_identity is not None:
        form["SourceIdentity"] = request.source_identity
    for number, (key, value) in enumerate(request.session_tags, 1):
        form[f"Tags.member.{number}.Key"] = key
        form[f"Tags.member.{number}.Value"] = value
    for number, key in enumerate(request.transitive_tags, 1):
        form[f"TransitiveTagKeys.member.{number}"] = key
    if request.external_id is not None:
        form["ExternalId"] = request.external_id
    if request.session_policy is not None:
        form["Policy"] = request.session_policy
    for number, arn in enumerate(request.policy_arns, 1):
        form[f"PolicyArns.member.{number}.arn"] = arn
    return form


# --- reading -----------------------------------------------------------------------------


def _read(answer: Answer) -> Element:
    """The root element of an answer, by the parser that everything foreign goes through."""
    try:
        return parse(check_document(answer.body))
    except ResponseRefused:
        raise _malformed() from None


def _text(answer: Element, *path: str) -> str:
    """The text at that path. Of whatever namespace: the front of AWS's services has one of its own."""
    found = answer.findtext("/".join(f"{{*}}{name}" for name in path))
    if not found:
        raise _malformed()
    return found


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise _malformed() from None


def _malformed() -> UpstreamUnusable:
    return UpstreamUnusable("STS gave no usable answer", step=_STEP.name, code="malformed answer")


# --- translation -------------------------------------------------------------------------


def _refusal(answer: Answer, needs: tuple[str, ...]) -> UpstreamError:  # noqa: PLR0911  one for each kind
    """An answer of STS that is an error. Its message is AWS's own; opaque parts of it are cut out."""
    status = answer.status
    try:
        root = _read(answer)
        code, message = _text(root, "Error", "Code"), root.findtext("{*}Error/{*}Message") or ""
        request_id = root.findtext("{*}RequestId") or ""
    except UpstreamUnusable:
        # Whatever stands between us and STS, or something at AWS that is not STS.
        code, message, request_id = f"HTTP {status}", "", ""
    # Other messages can quote the request, and with it what signed it.
    said = f": {_OPAQUE.sub('…', message)}" if code in _TOLD_CODES else ""
    cause, known = f"STS refused: {code}{said}", {"step": _STEP.name, "code": code, "request_id": request_id}
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


def _missing(error: Exception) -> BrokerCredentialsMissing:
    kind = type(error).__name__
    return BrokerCredentialsMissing(
        f"the broker has no usable AWS credentials: {kind}",
        step=_STEP.name,
        code=kind,
        hint=(
            "set `aws_profile_name` and `aws_credentials_file`, or give the host a role; "
            "the user that runs this service must be able to read the file"
        ),
    )
