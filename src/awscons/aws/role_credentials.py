"""Values that open doors at AWS, and therefore show nothing of themselves.

Their `repr` and `str` hide every secret part, so that a log line, a traceback or a debugger's
print cannot give one away. Whoever needs the secret itself reads the field by name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RoleCredentials:
    """Temporary credentials of one role session, as AssumeRole gave them.

    access_key_id      an identifier, not a secret: CloudTrail shows it, and so may the audit log
    expires_at         UTC
    assumed_role_arn   `arn:…:assumed-role/ROLE/SESSIONNAME`
    request_id         of the AssumeRole call, for CloudTrail and AWS support
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires_at: datetime
    assumed_role_arn: str
    request_id: str


@dataclass(frozen=True, slots=True)
class SigninToken:
    """What the federation endpoint gives for credentials; good for 15 minutes."""

    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ConsoleUrl:
    """The login URL: whoever opens it within 15 minutes is in the console. A secret for as long."""

    value: str = field(repr=False)
