"""How long a console can last, given what kind of credentials the broker itself has. Pure rules.

Two knobs that AWS keeps apart: `role_session_duration` (DurationSeconds of AssumeRole) and
`console_session_duration` (SessionDuration of getSigninToken). Sources: STS API, AssumeRole; IAM
User Guide, "Enable custom identity broker access to the AWS console" and "Roles terms and concepts"
(role chaining).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

MIN_DURATION = 900
"""Seconds; the least that both calls accept."""
MAX_DURATION = 43_200
"""Seconds; the most that both calls accept."""
MAX_CHAINED_DURATION = 3_600
"""Seconds; a role assumed with another role's credentials ends after an hour, whatever its maximum."""

# arn:aws:sts::123456789012:assumed-role/ROLE/i-0123456789abcdef0: EC2 names the sessions of its roles itself.
_EC2_ROLE_SESSION = re.compile(r"arn:[^:]+:sts::\d{12}:assumed-role/[^/]+/i-[0-9a-f]{8,17}", re.ASCII)
_USER = re.compile(r"arn:[^:]+:iam::\d{12}:(?:user/.+|root)", re.ASCII)


class CredentialKind(Enum):
    """What the broker asks AWS with, as far as durations care."""

    LONG_TERM = "access keys of an IAM user"
    EC2_INSTANCE = "the role of an EC2 instance"
    CONTAINER = "the role of a container (ECS task or EKS pod identity)"
    WEB_IDENTITY = "a role assumed with a web identity (EKS service account)"
    ASSUMED_ROLE = "temporary credentials of a role"
    USER_SESSION = "temporary credentials of an IAM user (GetSessionToken)"

    @property
    def chained(self) -> bool:
        """Whether AWS ends a role that is assumed with them after an hour.

        For an EC2 instance the documentation says no, and one report says yes: see `plan_durations`.
        """
        return self not in {CredentialKind.LONG_TERM, CredentialKind.EC2_INSTANCE}


# botocore's names of its credential providers, where they settle the question.
_KIND_BY_PROVIDER = {
    "iam-role": CredentialKind.EC2_INSTANCE,
    "container-role": CredentialKind.CONTAINER,
    "assume-role-with-web-identity": CredentialKind.WEB_IDENTITY,
    "assume-role": CredentialKind.ASSUMED_ROLE,
    "sso": CredentialKind.ASSUMED_ROLE,
}


def kind_by_provider(provider: str, *, temporary: bool) -> CredentialKind | None:
    """The kind of credentials that a provider gives; None when only AWS can tell.

    provider    botocore's name for where the credentials came from
    temporary   whether they have a session token
    """
    return _KIND_BY_PROVIDER.get(provider) if temporary else CredentialKind.LONG_TERM


def kind_by_principal(arn: str) -> CredentialKind:
    """The kind of temporary credentials, by the ARN that GetCallerIdentity gives for them.

    Anything unknown counts as a role: asking for less than allowed works, asking for more does not.
    """
    if _USER.fullmatch(arn):
        return CredentialKind.USER_SESSION
    if _EC2_ROLE_SESSION.fullmatch(arn):
        return CredentialKind.EC2_INSTANCE
    return CredentialKind.ASSUMED_ROLE


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


def plan_durations(wanted: int, kind: CredentialKind) -> tuple[Durations, ...]:
    """What to ask AWS for, best first, to get a console of `wanted` seconds (900 to 43,200).

    Each is tried only after the one before was refused for its length; the last is never refused for that.

    Unchained: a role session of at most an hour, which no role's maximum can refuse, and the wanted
    length as SessionDuration. Should the token call not take that parameter: a role session of the wanted
    length without it, which a role's maximum may refuse, and role chaining will. In the end, and at once
    with another role's credentials: an hour at most, without the parameter.
    """
    short, asked_with = min(wanted, MAX_CHAINED_DURATION), f"asked with {kind.value}"
    if kind.chained:
        cut = "; role chaining ends after an hour" if wanted > MAX_CHAINED_DURATION else ""
        return (Durations(short, None, f"{asked_with}{cut}"),)
    refused = f"{asked_with}; the federation endpoint refused SessionDuration"
    plans = [Durations(short, wanted, asked_with)]
    if wanted > short:
        plans.append(Durations(wanted, None, refused))
        refused += ", and STS a longer role session"
    return (*plans, Durations(short, None, refused))


def plan_role_sessions(wanted: int, kind: CredentialKind) -> tuple[Durations, ...]:
    """What to ask STS for, best first, to get credentials that last `wanted` seconds (900 to 43,200).

    Without a console no sign-in token stretches a role session, so its own length is what counts: the
    wanted one, which the role's maximum may refuse, then an hour, which no role refuses. Role chaining ends
    after an hour.
    """
    short, asked_with = min(wanted, MAX_CHAINED_DURATION), f"asked with {kind.value}"
    if kind.chained or wanted == short:
        cut = "; role chaining ends after an hour" if wanted > short else ""
        return (Durations(short, None, f"{asked_with}{cut}"),)
    refused = f"{asked_with}; STS refused a longer role session"
    return (Durations(wanted, None, asked_with), Durations(short, None, refused))


def until_login_ends(wanted: int, left: timedelta) -> int | None:
    """`wanted` seconds, cut so that the console ends with the login; None when too little is left for any.

    left   of the login
    """
    seconds = int(left.total_seconds())
    return min(wanted, seconds) if seconds >= MIN_DURATION else None


def duration_text(seconds: int) -> str:
    """`8 h`, `1 h 30 min`: in the unit symbols that every language shares."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count)
