"""Credentials, sign-in tokens and console URLs: secrets of AWS.

Their `repr` and `str` leave every secret field out, so that a log line or a traceback cannot reveal one.
Code that needs the secret reads the field by name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RoleCredentials:
    """Temporary credentials of one role session, as AssumeRole returned them.

    access_key_id      an identifier and no secret: CloudTrail and the audit log show it
    expires_at         UTC
    assumed_role_arn   `arn:…:assumed-role/ROLE/SESSIONNAME`
    request_id         of the AssumeRole call, for CloudTrail and AWS support
    packed_policy_size   session policies and tags in percent of what AWS accepts; None where there are none
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires_at: datetime
    assumed_role_arn: str
    request_id: str
    packed_policy_size: int | None = None


@dataclass(frozen=True, slots=True)
class SigninToken:
    """The sign-in token that the federation endpoint issues for credentials; valid for 15 minutes."""

    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ConsoleUrl:
    """The login URL, a secret: for 15 minutes it opens the console for anybody who has it."""

    value: str = field(repr=False)
