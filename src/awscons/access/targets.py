"""What can be opened: a target is a named door to one IAM role. Values only, no rules."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

# IAM names and paths: letters, digits and these signs, ASCII only ("IAM and STS quotas" in the IAM guide).
_SAML_PROVIDER = re.compile(
    r"arn:aws(?:-[a-z]+)*:iam::[0-9]{12}:saml-provider/[A-Za-z0-9._-]{1,128}", re.ASCII
)
_ROLE_ARN = re.compile(
    r"arn:(?P<partition>aws(?:-[a-z]+)*):iam::(?P<account>[0-9]{12}):role/(?P<name>(?:[\x21-\x7e]+/)?[A-Za-z0-9_+=,.@-]{1,64})"
)
RESERVED_SERVICES = frozenset(
    {
        "cli",
        "demo",
        "favicon.ico",
        "health",
        "healthz",
        "livez",
        "metrics",
        "readyz",
        "robots.txt",
        "saml",
        "static",
    }
)
"""First parts of the service's own URL paths, which no target may have as its name."""
MAX_ARN_LENGTH = 2048
"""Characters; AssumeRole, RoleArn."""


@dataclass(frozen=True, slots=True)
class RoleArn:
    """An IAM role's ARN, taken apart. `account_id` is text: twelve digits, leading zeros count."""

    partition: str
    account_id: str
    role_name: str
    """With its path, where it has one: `team/Admin`."""

    def __str__(self) -> str:
        return f"arn:{self.partition}:iam::{self.account_id}:role/{self.role_name}"


def parse_role_arn(text: str) -> RoleArn | None:
    """The role named by `text`, or None when it is no role ARN."""
    matched = _ROLE_ARN.fullmatch(text) if len(text) <= MAX_ARN_LENGTH else None
    if matched is None:
        return None
    return RoleArn(matched["partition"], matched["account"], matched["name"])


def is_saml_provider(text: str) -> bool:
    """Whether `text` is the ARN of a SAML provider (IAM API, CreateSAMLProvider)."""
    return _SAML_PROVIDER.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class RoleTerms:
    """What else AssumeRole is asked for, each switched on by itself: a trust policy may lack its action.

    source_identity   attribute that becomes SourceIdentity, which survives role chaining in CloudTrail
    session_tags      tag keys, each with the attribute whose value it gets
    transitive_tags   those of the keys that survive role chaining
    external_id       the ExternalId that the role's trust policy may require
    session_policy    JSON: a further bound on what the role session may do
    policy_arns       managed policies, as further bounds
    fixed_tags        session tags with values of their own, the same for everybody
    """

    source_identity: str | None = None
    session_tags: tuple[tuple[str, str], ...] = ()
    transitive_tags: tuple[str, ...] = ()
    external_id: str | None = field(default=None, repr=False)
    session_policy: str | None = None
    policy_arns: tuple[str, ...] = ()
    fixed_tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class AgentBounds:
    """What a coding agent gets in a terminal.

    session_policy, policy_arns   in place of those of the terminal; None and empty: the terminal's
    tags                          session tags with their values
    """

    session_policy: str | None = None
    policy_arns: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CommandLineAccess:
    """A target that gives credentials to terminals.

    max_duration                  seconds that the credentials last at most
    session_policy, policy_arns   in place of those of the console; None and empty: the console's
    agent                         None: coding agents get no credentials
    """

    max_duration: int
    session_policy: str | None = None
    policy_arns: tuple[str, ...] = ()
    agent: AgentBounds | None = None


@dataclass(frozen=True, slots=True)
class TargetDisplay:
    """How the portal shows a target. It has no influence on access; empty: not configured.

    color     `#rrggbb`
    regions   regions to offer beside the usual one
    """

    title: str = ""
    description: str = ""
    label: str = ""
    color: str = ""
    regions: tuple[str, ...] = ()


class OpenBy(Enum):
    """How the console of a target is opened; the value is the configuration's word."""

    ASSUME_ROLE = "AssumeRole"
    ASSUME_ROLE_WITH_SAML = "AssumeRoleWithSAML"
    SAML_POST = "SAML-POST"


@dataclass(frozen=True, slots=True)
class Target:
    """A target: a role, the duration of its console, and who may open it.

    name        the last part of the URL; `service` in the configuration
    duration    seconds the console should last
    ends_with_login   the console never outlasts the login that opened it
    groups      the person must be in one of them; empty: no group is required
    attributes  one of them must be present and non-empty; empty: none is required
    attribute_globs   attributes, each with globs; every one must have a value that matches one of its globs
    region      where the console opens unless a link says otherwise; None: where the service itself is
    max_login_age   maximum seconds since the person authenticated; None: no limit
    authn_context   URIs of AuthnContextClassRef, one of which is required; empty: any
    console_destination   the page that opens unless a link names another one; `{region}` in it stands for
                the region; None: the console's front page
    confirm_links  a link of another site to a console page opens only after the person has confirmed it
    profile_name   of the broker's own credentials for it; None: its partition's, else the usual one
    terms       what else AssumeRole is asked for
    open_by     the way of opening it
    saml_provider   ARN of the SAML provider that the role trusts, unless `open_by` is AssumeRole
    command_line    credentials in terminals; None: it opens in the browser only
    """

    name: str
    role: RoleArn
    duration: int
    groups: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    attribute_globs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    region: str | None = None
    console_destination: str | None = None
    max_login_age: int | None = None
    authn_context: tuple[str, ...] = ()
    ends_with_login: bool = False
    confirm_links: bool = True
    profile_name: str | None = None
    terms: RoleTerms = RoleTerms()
    display: TargetDisplay = TargetDisplay()
    open_by: OpenBy = OpenBy.ASSUME_ROLE
    saml_provider: str | None = None
    command_line: CommandLineAccess | None = None

    @property
    def keyless(self) -> bool:
        """Whether it opens without AWS credentials."""
        return self.open_by is not OpenBy.ASSUME_ROLE

    @property
    def longest_duration(self) -> int:
        """Seconds that one of its role sessions may have to last: for a console, or in a terminal."""
        return max(self.duration, self.command_line.max_duration if self.command_line else 0)

    @property
    def has_tags(self) -> bool:
        """Whether some of its role sessions have session tags."""
        access = self.command_line
        return bool(self.terms.session_tags or (access and access.agent and access.agent.tags))

    @property
    def title(self) -> str:
        """What people call it."""
        return self.display.title or self.name

    @property
    def open_to_everyone(self) -> bool:
        """True when every person who can sign in may open it."""
        return not (self.groups or self.attributes or self.attribute_globs)
