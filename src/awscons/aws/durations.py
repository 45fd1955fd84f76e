"""How long a console can last, by the kind of credentials that the broker has. Pure rules.

AWS has two parameters: `role_session_duration` (DurationSeconds of AssumeRole) and
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
"""Seconds; the minimum of both calls."""
MAX_DURATION = 43_200
"""Seconds; the maximum of both calls."""
MAX_CHAINED_DURATION = 3_600
"""Seconds. A role assumed with another role's credentials ends after an hour, also if its maximum is higher."""

# arn:aws:sts::123456789012:assumed-role/ROLE/i-0123456789abcdef0: EC2 names the sessions of its roles itself.
_EC2_ROLE_SESSION = re.compile(r"arn:[^:]+:sts::\d{12}:assumed-role/[^/]+/i-[0-9a-f]{8,17}", re.ASCII)
_USER = re.compile(r"arn:[^:]+:iam::\d{12}:(?:user/.+|root)", re.ASCII)


class CredentialKind(Enum):
    """The kinds of the broker's credentials that have different rules for durations."""

    LONG_TERM = "access keys of an IAM user"
    EC2_INSTANCE = "the role of an EC2 instance"
    CONTAINER = "the role of a container (ECS task or EKS pod identity)"
    WEB_IDENTITY = "a role assumed with a web identity (EKS service account)"
    ASSUMED_ROLE = "temporary credentials of a role"
    USER_SESSION = "temporary credentials of an IAM user (GetSessionToken)"
    SAML_ASSERTION = "an assertion of this service's own (AssumeRoleWithSAML)"

    @property
    def chained(self) -> bool:
        """Whether a role that is assumed with them ends after an hour (role chaining).

        For an EC2 instance AWS documents no such limit, but one was reported: see `plan_durations`.
        """
        return self not in {
            CredentialKind.LONG_TERM,
            CredentialKind.EC2_INSTANCE,
            CredentialKind.SAML_ASSERTION,
        }


# botocore's names of its credential providers, of those that imply the kind.
_KIND_BY_PROVIDER = {
    "iam-role": CredentialKind.EC2_INSTANCE,
    "container-role": CredentialKind.CONTAINER,
    "assume-role-with-web-identity": CredentialKind.WEB_IDENTITY,
    "assume-role": CredentialKind.ASSUMED_ROLE,
    "sso": CredentialKind.ASSUMED_ROLE,
}


def kind_by_provider(provider: str, *, temporary: bool) -> CredentialKind | None:
    """The kind of credentials that a provider loads; None when GetCallerIdentity has to tell.

    provider    botocore's name of the provider
    temporary   whether they have a session token
    """
    return _KIND_BY_PROVIDER.get(provider) if temporary else CredentialKind.LONG_TERM


def kind_by_principal(arn: str) -> CredentialKind:
    """The kind of temporary credentials, by the ARN that GetCallerIdentity returns for them.

    An unknown ARN counts as a role: AWS accepts a duration that is too short, and refuses one that is too
    long.
    """
    if _USER.fullmatch(arn):
        return CredentialKind.USER_SESSION
    if _EC2_ROLE_SESSION.fullmatch(arn):
        return CredentialKind.EC2_INSTANCE
    return CredentialKind.ASSUMED_ROLE


@dataclass(frozen=True, slots=True)
class Durations:
    """The durations to request from AWS, in seconds, and the reason, for the audit log.

    console_session_duration   None: the parameter is left out, and the console lasts as long as the role
                               session
    """

    role_session_duration: int
    console_session_duration: int | None
    reason: str

    @property
    def console_lasts(self) -> int:
        """Seconds that the console will last."""
        return self.console_session_duration or self.role_session_duration


def plan_durations(requested: int, kind: CredentialKind) -> tuple[Durations, ...]:
    """The plans for a console of `requested` seconds (900 to 43,200), best first.

    The next plan is tried when AWS refused the one before for its duration. AWS accepts the last one always.

    1. A role session of at most an hour, which every role allows, and SessionDuration of the requested
       length. AWS refuses SessionDuration for chained roles.
    2. A role session of the requested length, without SessionDuration. AWS refuses it when the role's maximum
       is lower, or the credentials are those of a role after all.
    3. A role session of at most an hour, without SessionDuration. With credentials that are known to be a
       role's, this is the only plan: AWS documents that it refuses the others.
    """
    short, asked_with = min(requested, MAX_CHAINED_DURATION), f"asked with {kind.value}"
    if kind.chained:
        cut = "; role chaining ends after an hour" if requested > MAX_CHAINED_DURATION else ""
        return (Durations(short, None, f"{asked_with}{cut}"),)
    refused = f"{asked_with}; the federation endpoint refused SessionDuration"
    plans = [Durations(short, requested, asked_with)]
    # AWS does not say why it refuses a token, so an EC2 instance's credentials that turn out to be chained
    # are recognised only by going through all plans.
    if requested > short:
        plans.append(Durations(requested, None, refused))
        refused += ", and STS a longer role session"
    return (*plans, Durations(short, None, refused))


def plan_role_sessions(requested: int, kind: CredentialKind) -> tuple[Durations, ...]:
    """The plans for credentials that last `requested` seconds (900 to 43,200), best first.

    Without a console there is no SessionDuration, so the role session itself has to last that long. STS
    refuses that when the role's maximum is lower; it accepts an hour for every role. Role chaining ends
    after an hour.
    """
    short, asked_with = min(requested, MAX_CHAINED_DURATION), f"asked with {kind.value}"
    if kind.chained or requested == short:
        cut = "; role chaining ends after an hour" if requested > short else ""
        return (Durations(short, None, f"{asked_with}{cut}"),)
    refused = f"{asked_with}; STS refused a longer role session"
    return (Durations(requested, None, asked_with), Durations(short, None, refused))


def until_login_ends(requested: int, left: timedelta) -> int | None:
    """`requested` seconds, or fewer so that the console ends with the login; None below MIN_DURATION.

    left   time until the login ends
    """
    seconds = int(left.total_seconds())
    return min(requested, seconds) if seconds >= MIN_DURATION else None


def duration_text(seconds: int) -> str:
    """`8 h`, `1 h 30 min`: in the unit symbols that every language shares."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count)
