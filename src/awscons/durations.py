"""How long a console can last, given what kind of credentials the broker itself has. One pure rule.

Two knobs that AWS keeps apart: `role_session_duration` (DurationSeconds of AssumeRole) and
`console_session_duration` (SessionDuration of getSigninToken). Sources: STS API, AssumeRole; IAM
User Guide, "Enable custom identity broker access to the AWS console" and "Roles terms and concepts"
(role chaining).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

SHORTEST = 900
"""Seconds; the least that both calls accept."""
LONGEST = 43_200
"""Seconds; the most that both calls accept."""
LONGEST_CHAINED = 3_600
"""Seconds; a role assumed with another role's credentials ends after an hour, whatever its maximum."""


class CredentialKind(Enum):
    """What the broker asks AWS with, as far as durations care."""

    LONG_TERM = "long-term access keys of an IAM user"
    EC2_INSTANCE = "the role of an EC2 instance"
    CHAINED = "temporary credentials of another role"


@dataclass(frozen=True, slots=True)
class Durations:
    """What to ask AWS for, in seconds, and why.

    console_session_duration   None: leave the parameter out; the console then lasts as long as the
                               role session
    """

    role_session_duration: int
    console_session_duration: int | None
    reason: str

    @property
    def console_lasts(self) -> int:
        """Seconds the console will last."""
        return self.console_session_duration or self.role_session_duration


def choose_durations(wanted: int, kind: CredentialKind) -> Durations:
    """The legal pair of durations for a console of `wanted` seconds (900 to 43,200).

    Unchained: at most an hour of role session, which no role's maximum can refuse, and the wanted
    length as SessionDuration. An EC2 instance's role is documented not to count as chaining.
    Chained: at most an hour, and no SessionDuration at all: with it the token call answers 400.
    """
    role_session = min(wanted, LONGEST_CHAINED)
    if kind is CredentialKind.CHAINED:
        cut = "; role chaining ends after an hour" if wanted > LONGEST_CHAINED else ""
        return Durations(role_session, None, f"asked with {kind.value}{cut}")
    return Durations(role_session, wanted, f"asked with {kind.value}")


def without_console_session_duration(durations: Durations) -> Durations:
    """The fall-back when the token call refuses SessionDuration: the console lasts as the role session."""
    return Durations(
        durations.role_session_duration,
        None,
        f"{durations.reason}; the federation endpoint refused SessionDuration",
    )
