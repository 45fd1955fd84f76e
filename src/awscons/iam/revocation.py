"""Inline policies of a role that end role sessions: they deny everything to those that were issued before a moment.

AWS cannot end a role session. IAM compares `aws:TokenIssueTime` at every request, so a policy that somebody puts on
the role ends what is open, and no session that is issued later (IAM user guide, "Revoke IAM role temporary security
credentials"). All people who are shut out of one role share one policy, named POLICY_NAME: PutRolePolicy replaces it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from awscons.errors import AwsconsError
from awscons.iam.broker_policy import PolicyKind, PolicyTooLarge
from awscons.iam.policy import Statement, one_or_list, policy, policy_size

POLICY_NAME = "awscons-revocation"
LONGEST_CONSOLE = timedelta(hours=12, minutes=15)
"""Nothing that was issued earlier is open: a login URL works for 15 minutes, its console for 12 hours at most."""
MAX_POLICY_SIZE = PolicyKind.ROLE_INLINE.value
"""Characters of all inline policies of one role together, white space apart."""

_USER_ID, _SOURCE_IDENTITY = "aws:userid", "aws:SourceIdentity"
_ANY_ROLE_ID = "*:"
"""`aws:userid` of a role session is `ROLE-ID:ROLE-SESSION-NAME` (IAM user guide, "IAM policy elements: Variables")."""
_LEGAL_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{2,64}")
_START_OF_TIME = datetime(1970, 1, 1, tzinfo=UTC)


class RevocationUnreadable(AwsconsError):
    """A name cannot be in a revocation policy."""


@dataclass(frozen=True, slots=True, order=True)
class Revocation:
    """Whose role sessions end, if they were issued before a moment.

    before   UTC
    key      condition key that finds the person; empty: everybody
    value    of that key, as the policy has it
    """

    before: datetime
    key: str = ""
    value: str = ""

    def covers(self, other: Revocation) -> bool:
        """Whether this one ends everything that `other` ends."""
        is_about_them = not self.key or (self.key, self.value) == (other.key, other.value)
        return is_about_them and self.before >= other.before


def person_revocations(
    role_session_name: str, source_identity: str | None, *, before: datetime
) -> list[Revocation]:
    """What ends the role sessions of a person. Raises RevocationUnreadable for a name that STS would not accept.

    role_session_name   as CloudTrail has it. It is always matched: a session without source identity would escape
                        the other test
    source_identity     where the target sets it: it survives role chaining, where the name changes
    """
    for name in (role_session_name, source_identity or role_session_name):
        # A `*` in a name would shut other people out.
        if not _LEGAL_NAME.fullmatch(name):
            raise RevocationUnreadable(f"{name!r} is no name of a role session")
    found = [Revocation(before, _USER_ID, f"{_ANY_ROLE_ID}{role_session_name}")]
    if source_identity is not None:
        found.append(Revocation(before, _SOURCE_IDENTITY, source_identity))
    return found


def revocation_policy(revocations: Iterable[Revocation], *, now: datetime) -> dict[str, object]:
    """One policy for one role. Revocations that end nothing any more are left out.

    Raises PolicyTooLarge.
    """
    live = sorted({one for one in revocations if one.before > now - LONGEST_CONSOLE})
    needed = [one for one in live if not any(other is not one and other.covers(one) for other in live)]
    document = policy(*_statements(needed)) if needed else revocation_slot()
    size = policy_size(document)
    if size > MAX_POLICY_SIZE:
        raise PolicyTooLarge(
            f"the policy that shuts {len(needed):,} names out of one role has {size:,} characters; "
            f"IAM takes {MAX_POLICY_SIZE:,} in all inline policies of a role together",
            hint="end what is open for everybody (--target or --role without --person), or freeze the role",
        )
    return document


def revocation_slot() -> dict[str, object]:
    """A policy that ends nothing, dated 1970: a role that has it shows where a revocation belongs."""
    return policy(*_statements([Revocation(_START_OF_TIME)]))


def _statements(revocations: Iterable[Revocation]) -> Iterator[Statement]:
    """One statement for those who have the same moment and are found by the same key."""
    values: dict[tuple[datetime, str], list[str]] = {}
    for one in sorted(revocations):
        values.setdefault((one.before, one.key), []).append(one.value)
    for (before, key), found in values.items():
        who: dict[str, dict[str, str | list[str]]] = {}
        if key:
            operator = "StringLike" if key == _USER_ID else "StringEquals"
            who[operator] = {key: one_or_list(found)}
        # Whole seconds, rounded up: what was issued earlier in the same second ends as well.
        whole = before.replace(microsecond=0)
        moment = f"{whole if whole == before else whole + timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}"
        yield {
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
            "Condition": {**who, "DateLessThan": {"aws:TokenIssueTime": moment}},
        }
