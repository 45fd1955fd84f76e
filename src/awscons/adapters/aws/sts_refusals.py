"""Errors of STS, translated: what they mean to the person and to the operator. Pure rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from awscons.adapters.aws.access_denied import access_denied_hint, denied_action, is_by_a_deny
from awscons.adapters.aws.broker_credentials import STEP
from awscons.aws.role_request import ASSUME_ROLE_WITH_SAML
from awscons.errors import (
    AccessKeyRefused,
    BrokerCredentialsMissing,
    PolicyRefused,
    RegionDisabled,
    RoleRefused,
    RoleSessionTooLong,
    UpstreamError,
    UpstreamRefused,
    UpstreamThrottled,
    UpstreamUnusable,
)

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
_UNKNOWN_KEY = (
    "the broker's access key does not exist, is off, or is of another partition; "
    "STS of a disabled opt-in region also refuses valid keys with this error"
)
# What one region says of keys that another may take.
_UNKNOWN_KEY_CODES = frozenset({"InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"})
_WRONG_SCOPE = "Credential should be scoped to a valid region"
_SCOPE_HINT = (
    "STS here is not of the region that the request was signed for: name the region of this STS endpoint in "
    "`regions`, in the target's `region` or in AWS_REGION"
)
_CREDENTIAL_HINTS = {
    "ExpiredToken": "the broker's own credentials have expired",
    "ExpiredTokenException": "the broker's own credentials have expired",
    "MissingAuthenticationToken": "something between this host and STS removes the signature",
    "RequestExpired": "the clock of this host is wrong",
    "SignatureDoesNotMatch": "the broker's secret key is wrong, or the clock of this host",
}
_POLICY_HINTS = {
    "MalformedPolicyDocument": "AWS does not understand the target's `session_policy` or `policy_arns`",
    "PackedPolicyTooLarge": "the target's session policies and session tags are too large together",
}
# Phrases of STS's ValidationError; it has no codes of its own for these.
_TOO_LONG = ("role chaining", "exceeds the MaxSessionDuration")
_TOLD_CODES = frozenset({"AccessDenied", "ValidationError", *_POLICY_HINTS})
ASSERTION_REFUSED = "STS refused our assertion"
"""How the cause begins when a SAML provider in IAM does not take an assertion."""
# Of AssumeRoleWithSAML. Their messages may quote the assertion, and are not told.
_ASSERTION_HINTS = {
    "InvalidIdentityToken": (
        "IAM's SAML provider does not exist in the role's account, or has other metadata than `awscons idp metadata` "
        "prints: another entity ID, or a key of before a rollover"
    ),
    "ExpiredTokenException": "the clock of this host is wrong: an assertion counts for five minutes",
    "IDPRejectedClaim": "the SAML provider in IAM refuses the assertion",
}
# Longer than any name that a message of those codes has to hold; keys and tokens are. ARNs of policies of the
# organization are told.
_OPAQUE = re.compile(
    r"(arn:[a-z-]+:organizations::\d{12}:policy/[\w/-]{1,200})|[A-Za-z0-9+/=_-]{40,}", re.ASCII
)


def refusal(response: Mapping[str, Any], *, status: int, needs: tuple[str, ...]) -> UpstreamError:
    """The error for an answer of STS that botocore read as one.

    response   as botocore has it: `Error`, `ResponseMetadata`
    status     of HTTP
    needs      the actions that the role's trust policy must allow
    """
    error = response.get("Error", {})
    code, message = str(error.get("Code") or status), str(error.get("Message") or "")
    if code.isdigit():
        # Something between us and STS, or something at AWS that is not STS.
        code, message = f"HTTP {status}", ""
    request_id = str(response.get("ResponseMetadata", {}).get("RequestId") or "")
    known = {"step": STEP, "code": code, "request_id": request_id}
    return (
        _of_assertion(code, needs, known)
        or _of_credentials(code, message, known)
        or _of_request(code, message, needs, known)
        or _of_service(code, message, status, known)
    )


def _of_assertion(code: str, needs: tuple[str, ...], known: dict[str, str]) -> UpstreamError | None:
    if ASSUME_ROLE_WITH_SAML not in needs or code not in _ASSERTION_HINTS:
        return None
    return UpstreamRefused(f"{ASSERTION_REFUSED}: {code}", hint=_ASSERTION_HINTS[code], **known)


def _of_credentials(code: str, message: str, known: dict[str, str]) -> UpstreamError | None:
    cause = f"STS does not accept the broker's credentials: {code}"
    if code in _UNKNOWN_KEY_CODES:
        return AccessKeyRefused(cause, hint=_UNKNOWN_KEY, **known)
    if _WRONG_SCOPE in message:
        return AccessKeyRefused(cause, hint=_SCOPE_HINT, **known)
    if code in _CREDENTIAL_HINTS:
        return BrokerCredentialsMissing(cause, hint=_CREDENTIAL_HINTS[code], **known)
    return None


def _of_request(
    code: str, message: str, needs: tuple[str, ...], known: dict[str, str]
) -> UpstreamError | None:
    if code == "AccessDenied":
        refused = RoleRefused(_told(code, message), hint=access_denied_hint(message, needs), **known)
        refused.action, refused.is_by_a_deny = denied_action(message), is_by_a_deny(message)
        return refused
    if code in _POLICY_HINTS:
        return PolicyRefused(_told(code, message), hint=_POLICY_HINTS[code], **known)
    if code == "ValidationError" and any(phrase in message for phrase in _TOO_LONG):
        hint = "give the role a longer maximum session duration in IAM, or the target a shorter `duration`"
        return RoleSessionTooLong(_told(code, message), hint=hint, **known)
    return None


def _of_service(code: str, message: str, status: int, known: dict[str, str]) -> UpstreamError:
    if code in _THROTTLING or status == HTTPStatus.TOO_MANY_REQUESTS:
        return UpstreamThrottled("STS is throttling", **known)
    if code == "RegionDisabledException":
        hint = "STS is off in this region for the broker's account: switch it on, or name other `regions`"
        return RegionDisabled(_told(code, message), hint=hint, **known)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        said = f"HTTP {status}" if code == f"HTTP {status}" else f"HTTP {status}: {code}"
        return UpstreamUnusable(f"STS answered {said}", **known)
    return UpstreamRefused(_told(code, message), **known)


def _told(code: str, message: str) -> str:
    """AWS's own message, where it is one of those that quote no request; opaque parts of it are cut out."""
    said = f": {_OPAQUE.sub(lambda found: found[1] or '…', message)}" if code in _TOLD_CODES else ""
    return f"STS refused: {code}{said}"
