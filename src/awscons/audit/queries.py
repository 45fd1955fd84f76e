"""Statements that join our events to CloudTrail: who did what with the consoles that they opened. Pure text.

The join is by role, role session name and time. It is never by access key alone: AWS's sign-in may give a console other
keys than those that we got (IAM user guide, "Enabling custom identity broker access to the AWS console"), and what was
done in the console would be missed. `userIdentity.principalId` is `AROA…:NAME`, with the role session name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from awscons.aws.role_request import legal_role_session_name

_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}(\.[A-Za-z_][A-Za-z0-9_]{0,127})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Question:
    """Whose consoles, and when.

    begin, end   UTC; of the opening of the consoles
    events       the table of our audit events
    trail        the table of CloudTrail
    """

    begin: datetime
    end: datetime
    person: str | None = None
    target: str | None = None
    events: str = "awscons_audit"
    trail: str = "cloudtrail_logs"


def is_table(name: str) -> bool:
    """Whether a name can stand in a statement as a table, with or without its database."""
    return _TABLE.fullmatch(name) is not None


def athena(question: Question) -> str:
    """A statement for Athena. Each event of CloudTrail belongs to the last console opened before it."""
    conditions = [
        "event = 'audit'",
        "action IN ('open-console', 'get-credentials')",
        "outcome = 'done'",
        f'from_iso8601_timestamp("timestamp") >= {_moment(question.begin)}',
        f'from_iso8601_timestamp("timestamp") < {_moment(question.end)}',
    ]
    if question.person is not None:
        name = _quoted(question.person)
        conditions.append(f"(user_name = {name} OR name_id = {name})")
    if question.target is not None:
        conditions.append(f"target = {_quoted(question.target)}")
    where = "\n    AND ".join(conditions)
    return f"""WITH opened AS (
  SELECT
    from_iso8601_timestamp("timestamp") AS opened_at,
    date_add('second', granted_duration, from_iso8601_timestamp("timestamp")) AS ends_at,
    user_name, target, role_arn, role_session_name, decided_by, login_id
  FROM {question.events}
  WHERE {where}
), done AS (
  SELECT
    eventid, eventname, eventsource, awsregion, sourceipaddress, errorcode,
    from_iso8601_timestamp(eventtime) AS done_at,
    useridentity.sessioncontext.sessionissuer.arn AS role_arn,
    split_part(useridentity.principalid, ':', 2) AS role_session_name
  FROM {question.trail}
  WHERE from_iso8601_timestamp(eventtime) >= {_moment(question.begin)}
    AND useridentity.type = 'AssumedRole'
), joined AS (
  SELECT
    opened.user_name, opened.target, opened.decided_by, opened.opened_at, opened.login_id,
    done.done_at, done.eventsource, done.eventname, done.awsregion, done.sourceipaddress, done.errorcode,
    row_number() OVER (PARTITION BY done.eventid ORDER BY opened.opened_at DESC) AS nearest
  FROM opened
  JOIN done
    ON done.role_arn = opened.role_arn
    AND done.role_session_name = opened.role_session_name
    AND done.done_at >= opened.opened_at
    AND done.done_at <= opened.ends_at
)
SELECT
  user_name, target, decided_by, opened_at, done_at, eventsource, eventname, awsregion, sourceipaddress, errorcode,
  login_id
FROM joined
WHERE nearest = 1
ORDER BY done_at
"""  # noqa: S608  names of tables are checked, texts are quoted, and the statement is printed and not run


def logs_insights(question: Question) -> str:
    """Two queries for CloudWatch Logs Insights, which has no join by time: the consoles, then what was done in them."""
    ours = [
        'event = "audit"',
        'action in ["open-console", "get-credentials"]',
        'outcome = "done"',
        *([f"user_name = {_in_quotes(question.person)}"] if question.person is not None else []),
        *([f"target = {_in_quotes(question.target)}"] if question.target is not None else []),
    ]
    session = legal_role_session_name(question.person) if question.person is not None else None
    theirs = [
        'userIdentity.type = "AssumedRole"',
        *([f"session_name = {_in_quotes(session)}"] if session is not None else []),
    ]
    period = f"{question.begin.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} to {question.end.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return f"""# 1. In the log group of awscons, {period}: the consoles, with role, session name and end.
fields @timestamp, user_name, target, role_arn, role_session_name, granted_duration, decided_by, login_id
| filter {" and ".join(ours)}
| sort @timestamp asc

# 2. In the log group of CloudTrail, over the time of those consoles: what was done with these roles.
fields @timestamp, eventSource, eventName, awsRegion, sourceIPAddress, errorCode,
  userIdentity.sessionContext.sessionIssuer.arn as role_arn
| parse userIdentity.principalId "*:*" as role_id, session_name
| filter {" and ".join(theirs)}
| sort @timestamp asc
"""


def _moment(moment: datetime) -> str:
    return f"from_iso8601_timestamp('{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}')"


def _quoted(text: str) -> str:
    """A literal of SQL. Raises ValueError for text that no name of ours has."""
    _check(text)
    return "'" + text.replace("'", "''") + "'"


def _in_quotes(text: str) -> str:
    """A literal of Logs Insights. Raises ValueError as above."""
    _check(text)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _check(text: str) -> None:
    if not text.isprintable():
        raise ValueError("a name has no control characters")
