"""What is open at AWS, for `awscons revoke`: from audit events, or what may be open, from the logins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TextIO

from awscons.access.decision import Granted, decide
from awscons.access.targets import RoleArn, Target, parse_role_arn
from awscons.aws.role_request import build_role_request
from awscons.cli.usage_log import LogUnreadable, audit_events, moment_of
from awscons.errors import AttributesUnfit
from awscons.signin.register import StoredLogin

_OPENINGS = frozenset({"open-console", "get-credentials"})


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A role session that may still be used.

    person, name_id                 user name, and NameID
    session_name, source_identity   as CloudTrail shows them
    since, until                    UTC; None where only the login is known
    """

    person: str
    name_id: str
    target: str
    role: RoleArn
    session_name: str
    source_identity: str | None
    since: datetime | None = None
    until: datetime | None = None


def sessions_in_logs(logs: Iterable[TextIO], *, now: datetime) -> list[OpenSession]:
    """What the audit logs say was opened and has not ended, in their order. Raises LogUnreadable."""
    found: list[OpenSession] = []
    for log in logs:
        is_log = False
        for event in audit_events(log):
            is_log = True
            if event.get("action") in _OPENINGS and event.get("outcome") == "done":
                found += _session(event, moment_of(event, log), now)
        if not is_log:
            raise LogUnreadable(
                f"{log.name} has no audit event of this service",
                hint="a log has one JSON object on each line",
            )
    return found


def _session(event: Mapping[str, object], since: datetime, now: datetime) -> Iterator[OpenSession]:
    lasts = max(_seconds(event, "granted_duration"), _seconds(event, "role_session_duration"))
    until, role = since + timedelta(seconds=lasts), parse_role_arn(str(event.get("role_arn")))
    if role is not None and until > now:
        source = event.get("source_identity")
        yield OpenSession(
            str(event.get("user_name")),
            str(event.get("name_id")),
            str(event.get("target")),
            role,
            str(event.get("role_session_name")),
            str(source) if source else None,
            since,
            until,
        )


def _seconds(event: Mapping[str, object], name: str) -> int:
    value = event.get(name)
    return value if isinstance(value, int) else 0


def sessions_of_logins(
    logins: Iterable[StoredLogin], targets: Iterable[Target], *, name_attribute: str
) -> list[OpenSession]:
    """What these logins may have opened: every target that they allow."""
    found: dict[OpenSession, None] = {}
    wanted = list(targets)
    for stored in logins:
        identity = stored.login.identity
        for target in wanted:
            if not isinstance(decide(target, identity), Granted):
                continue
            try:
                request = build_role_request(target, identity, name_attribute=name_attribute)
            except AttributesUnfit:
                continue  # AWS has never seen this person there
            found[
                OpenSession(
                    identity.user_name,
                    identity.name_id,
                    target.name,
                    target.role,
                    request.role_session_name,
                    request.source_identity,
                )
            ] = None
    return list(found)
