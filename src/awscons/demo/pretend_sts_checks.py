"""What the pretend STS refuses: it reads AssumeRole's parameters within the limits of the STS API reference.

The errors have the codes and messages of AWS, because the service reads them.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from awscons.access.targets import RoleArn, parse_role_arn

_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_TAG_KEY = re.compile(r"[\w .:/=+@-]{1,128}")
_TAG_VALUE = re.compile(r"[\w .:/=+@-]{0,256}")
_MIN_DURATION, MAX_DURATION = 900, 43_200
_MAX_TAGS, _MAX_POLICIES, _MAX_PACKED = 50, 2048, 3072


@dataclass(frozen=True, slots=True)
class AssumeRoleRequest:
    """The parameters of one AssumeRole request; `seconds` is its DurationSeconds."""

    role: RoleArn
    name: str
    seconds: int
    source_identity: str | None
    tags: Mapping[str, str]
    transitive_tags: frozenset[str]
    session_policy: str | None
    policy_arns: tuple[str, ...]

    @property
    def packed(self) -> int:
        """Policies and tags in percent of what is accepted."""
        texts = (self.session_policy or "", *self.policy_arns, *self.tags, *self.tags.values())
        return ceil(sum(map(len, texts)) * 100 / _MAX_PACKED)


class ApiError(Exception):
    """An error response of STS: its HTTP status, its code and its message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def read_assume_role(form: Mapping[str, str]) -> AssumeRoleRequest:
    """Read AssumeRole's parameters from `form`; raises ApiError for a parameter that breaks its limits."""
    role = parse_role_arn(form.get("RoleArn", ""))
    if role is None:
        raise invalid_request(f"{form.get('RoleArn', '')} is invalid")
    name = _legal("roleSessionName", form.get("RoleSessionName", ""), _NAME)
    source_identity = form.get("SourceIdentity")
    if source_identity is not None:
        _legal("sourceIdentity", source_identity, _NAME)
    if "ExternalId" in form:
        _legal("externalId", form["ExternalId"], _EXTERNAL_ID)
    try:
        seconds = int(form.get("DurationSeconds", "3600"))
    except ValueError:
        seconds = 0
    if not _MIN_DURATION <= seconds <= MAX_DURATION:
        raise _invalid("durationSeconds", seconds)
    keys = [_legal("tags", key, _TAG_KEY) for key in _members(form, "Tags", ".Key")]
    values = [_legal("tags", value, _TAG_VALUE) for value in _members(form, "Tags", ".Value")]
    transitive = _members(form, "TransitiveTagKeys", "")
    folded = {key.casefold() for key in keys}
    if len(keys) > _MAX_TAGS or len(folded) < len(keys) or any(key.startswith("aws:") for key in folded):
        raise _invalid("tags", keys)
    if not {key.casefold() for key in transitive} <= folded:
        raise _invalid("transitiveTagKeys", transitive)
    policy, arns = form.get("Policy"), _members(form, "PolicyArns", ".arn")
    _check_policies(policy, arns, sum(map(len, (*keys, *values))))
    tags = dict(zip(keys, values, strict=True))
    return AssumeRoleRequest(
        role, name, seconds, source_identity, tags, frozenset(transitive), policy, tuple(arns)
    )


def _members(form: Mapping[str, str], name: str, suffix: str) -> list[str]:
    """A list in the query protocol's form: `Tags.member.1.Key`, `Tags.member.2.Key` and so on."""
    numbered = (f"{name}.member.{number}{suffix}" for number in itertools.count(1))
    return [form[key] for key in itertools.takewhile(form.__contains__, numbered)]


def _check_policies(policy: str | None, arns: list[str], tags_size: int) -> None:
    if policy is not None:
        try:
            sound = isinstance(json.loads(policy), dict)
        except ValueError:
            sound = False
        if not sound:
            raise ApiError(400, "MalformedPolicyDocument", "The policy is not in the valid JSON format.")
    size = len(policy or "") + sum(map(len, arns))
    if size > _MAX_POLICIES or size + tags_size > _MAX_PACKED:
        raise ApiError(400, "PackedPolicyTooLarge", "Packed policy consumes more than 100% of allotted space")


def _legal(parameter: str, value: str, pattern: re.Pattern[str]) -> str:
    if not pattern.fullmatch(value):
        raise _invalid(parameter, value)
    return value


def _invalid(parameter: str, value: object) -> ApiError:
    return invalid_request(
        f"1 validation error detected: Value '{value}' at '{parameter}' failed to satisfy constraint"
    )


def invalid_request(message: str) -> ApiError:
    """The error for a parameter that AWS does not accept."""
    return ApiError(400, "ValidationError", message)


def denied(caller_arn: str, action: str, resource: str) -> ApiError:
    """The error for an `action` on `resource` that no policy allows the caller."""
    message = f"User: {caller_arn} is not authorized to perform: {action} on resource: {resource}"
    return ApiError(403, "AccessDenied", message)


def longer_than_role() -> ApiError:
    """The error for a duration above the role's maximum."""
    return invalid_request("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
