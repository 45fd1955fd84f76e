"""What the broker gives: an opened console, credentials, a role that was tried. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from awscons.aws.durations import Durations
from awscons.aws.role_credentials import ConsoleUrl, RoleCredentials
from awscons.aws.role_request import RoleRequest


@dataclass(frozen=True, slots=True)
class IssuedCredentials:
    """Credentials of a role session, with what was requested for them.

    failed_over   regions that failed before `region`, each with the code of its failure
    """

    credentials: RoleCredentials
    request: RoleRequest
    durations: Durations
    region: str
    failed_over: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenedConsole:
    """An opened console: the URL is for the person, the other fields are for the audit log."""

    url: ConsoleUrl
    issued: IssuedCredentials
    endpoint: str
    destination: str


@dataclass(frozen=True, slots=True)
class TriedRole:
    """A role that was assumed as a trial. `packed_policy_size`: see RoleCredentials."""

    region: str
    durations: Durations
    packed_policy_size: int | None
