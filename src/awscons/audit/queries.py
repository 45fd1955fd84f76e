"""Statements that join our events to CloudTrail: who did what with the consoles that they opened. Pure text.

The join is by role, role session name and time; or by source identity and time, which also finds the roles that
somebody assumes from a console. It is never by access key alone: AWS's sign-in may give a console other keys than those
that we got (IAM user guide, "Enabling custom identity broker access to the AWS console"), and what was done in the
console would be missed. `userIdentity.principalId` is `AROA…:NAME`, with the role session name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}(\.[A-Za-z_][A-Za-z0-9_]{0,127})?", re.ASCII)

_LONGEST = timedelta(hours=13)
"""A console lasts 12 hours at most, and a role that is assumed in its last minute one more (STS, role chaining)."""
_MOST_ROWS = 10_000
"""That Logs Insights answers with in every region."""


@dataclass(frozen=True, slots=True)
class Question:
    """What was done in whose consoles, and when.

    begin, end   UTC; of what was done
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
    """A statement for Athena. Each event of CloudTrail belongs to the last console opened before it.

    CloudTrail's times are whole seconds, and ours are finer: a console counts from the beginning of its second. The
    target selects at the end, so that what was done in a person's other consoles is not taken for this one's.
    """
    target = "" if question.target is None else f" AND target = {_quoted(question.target)}"
    return f"""-- Roles that were assumed from a console are found by source identity, for targets that set one, if the
-- sessioncontext of your table of CloudTrail has sourceidentity:STRING (that of AWS's guide has not).
WITH opened AS (
  SELECT
    from_iso8601_timestamp("timestamp") AS opened_at,
    date_add('second', granted_duration, from_iso8601_timestamp("timestamp")) AS ends_at,
    user_name, target, role_arn, role_session_name, source_identity, decided_by, login_id
  FROM {question.events}
  WHERE {_consoles_of(question)}
), done AS (
  SELECT
    eventid, eventname, eventsource, awsregion, sourceipaddress, errorcode,
    from_iso8601_timestamp(eventtime) AS done_at,
    useridentity.sessioncontext.sessionissuer.arn AS role_used,
    split_part(useridentity.principalid, ':', 2) AS session_used,
    json_extract_scalar(CAST(useridentity.sessioncontext AS JSON), '$.sourceidentity') AS identity_used
  FROM {question.trail}
  WHERE from_iso8601_timestamp(eventtime) >= {_moment(question.begin)}
    AND from_iso8601_timestamp(eventtime) < {_moment(question.end)}
    AND useridentity.type = 'AssumedRole'
), joined AS (
  SELECT 'role and session name' AS joined_by, 1 AS way, opened.*, done.*
  FROM opened
  JOIN done
    ON done.role_used = opened.role_arn
    AND done.session_used = opened.role_session_name
    AND done.done_at >= date_trunc('second', opened.opened_at)
    AND done.done_at <= opened.ends_at
  UNION ALL
  SELECT 'source identity' AS joined_by, 2 AS way, opened.*, done.*
  FROM opened
  JOIN done
    ON done.identity_used = opened.source_identity
    AND done.done_at >= date_trunc('second', opened.opened_at)
    AND done.done_at <= date_add('hour', 1, opened.ends_at)
), nearest AS (
  SELECT *, row_number() OVER (PARTITION BY eventid ORDER BY way, opened_at DESC) AS place
  FROM joined
)
SELECT
  user_name, target, decided_by, opened_at, done_at, eventsource, eventname, awsregion, sourceipaddress, errorcode,
  login_id, role_used, session_used, joined_by
FROM nearest
WHERE place = 1{target}
ORDER BY done_at
"""  # noqa: S608  names of tables are checked, texts are quoted, and the statement is printed and not run


def logs_insights(question: Question) -> str:
    """Two queries for CloudWatch Logs Insights, which has no join by time: the consoles, then what was done in them.

    The second is filled in by hand from what the first answers, since only the log knows the names that AWS got. As it
    stands it finds nothing.
    """
    ours = ['event = "audit"', 'action in ["open-console", "get-credentials"]', 'outcome = "done"']
    if question.person is not None:
        name = _in_quotes(question.person)
        ours.append(f"(user_name = {name} or name_id = {name})")
    if question.target is not None:
        ours.append(f"target = {_in_quotes(question.target)}")
    begin, end = (moment.astimezone(UTC) for moment in (question.begin, question.end))
    form = "%Y-%m-%dT%H:%M:%SZ"
    return f"""# Where a query answers with {_MOST_ROWS:,} rows, there may be more: ask for parts of the period.

# 1. In the log group of awscons, {begin - _LONGEST:{form}} to {end:{form}}: the consoles, with role and session name.
fields @timestamp, user_name, target, role_arn, role_session_name, source_identity, granted_duration, decided_by,
  login_id
| filter {" and ".join(ours)}
| sort @timestamp asc
| limit {_MOST_ROWS}

# 2. In the log group of CloudTrail, {begin:{form}} to {end:{form}}: what was done with these roles. Put the values of 1
# in place of ROLE_ARN, ROLE_SESSION_NAME and SOURCE_IDENTITY. The last finds roles that were assumed from a console.
fields @timestamp, eventSource, eventName, awsRegion, sourceIPAddress, errorCode,
  userIdentity.sessionContext.sessionIssuer.arn as role_used,
  userIdentity.sessionContext.sourceIdentity as identity_used
| parse userIdentity.principalId "*:*" as role_id, session_used
| filter userIdentity.type = "AssumedRole"
  and ((role_used in ["ROLE_ARN"] and session_used in ["ROLE_SESSION_NAME"]) or identity_used in ["SOURCE_IDENTITY"])
| sort @timestamp asc
| limit {_MOST_ROWS}
"""


def _consoles_of(question: Question) -> str:
    """The condition of the consoles in which something may have been done in the period."""
    conditions = [
        "event = 'audit'",
        "action IN ('open-console', 'get-credentials')",
        "outcome = 'done'",
        f'from_iso8601_timestamp("timestamp") >= {_moment(question.begin - _LONGEST)}',
        f'from_iso8601_timestamp("timestamp") < {_moment(question.end)}',
    ]
    if question.person is not None:
        name = _quoted(question.person)
        conditions.append(f"(user_name = {name} OR name_id = {name})")
    return "\n    AND ".join(conditions)


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
