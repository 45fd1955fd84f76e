"""An audit event: its fields, its actions and outcomes, and the port that writes it. `events` builds them.

No field may ever hold a credential, a token, an assertion or a login URL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Protocol

MAX_GROUPS = 200
"""Groups in one event."""
MAX_LINE = 16_000
"""Bytes of an event's line: container engines split lines above 16 KiB, and half a line is no event."""
_FRAME = len('{"": }')
_NEVER_CUT = 64
"""Characters of a text that stays as it is, whatever the line's length."""
MAX_LOGGED_NAME = 256
"""Characters of a name that another party chose."""


class Action(StrEnum):
    """What somebody wanted to do."""

    SIGN_IN = "sign-in"
    OPEN_CONSOLE = "open-console"
    GET_CREDENTIALS = "get-credentials"
    SIGN_IN_TERMINAL = "sign-in-terminal"
    SIGN_OUT = "sign-out"
    END_LOGIN = "end-login"
    BLOCK = "block"
    LIFT_BLOCK = "lift-block"
    FREEZE_ROLE = "freeze-role"
    THAW_ROLE = "thaw-role"
    READ_ACCESS_REPORT = "read-access-report"
    CONFIGURATION_IN_FORCE = "configuration-in-force"
    IDP_KEYS_CHANGED = "idp-keys-changed"
    CHECKPOINT = "checkpoint"


class Outcome(StrEnum):
    """What came of it. `refused`: one of our rules forbids it. `failed`: the store or AWS was unavailable."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


class Via(StrEnum):
    """By which door somebody asked for a role."""

    CONSOLE = "console"
    CLI = "cli"
    AGENT = "agent"


@dataclass(frozen=True, slots=True)
class Caller:
    """The client that asks for something.

    address       as the server sees it; None where there is no client
    incident_id   the number that an error page shows, by which the log is searched
    user_agent    as the client sends it; anybody can send anything
    link_origin   origin of another site whose link to a console page the client follows; `unknown` if the
                  browser does not name it; None where there is no such site
    via           by which door it asks for a role
    """

    address: str | None = None
    incident_id: str | None = None
    user_agent: str | None = None
    link_origin: str | None = None
    via: Via = Via.CONSOLE


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One decision. Fields that do not apply stay None and are not written.

    login_id                    the login's public id, the same in every event of one login; it opens nothing
    reason                      why not, in a few fixed words: for searching and counting
    decided_by                  the group or attribute that let the person in, or the reason why none did
    session_tags                the keys; their values are what CloudTrail shows
    assumed_role_arn, sts_request_id, access_key_id   join to CloudTrail's AssumeRole and GetSigninToken
                                (an access key id is an identifier that CloudTrail shows; it opens nothing)
    console_session_duration    requested seconds; CloudTrail does not record it
    requested_duration, granted_duration   seconds; different when AWS's rules allow less
    region                      in which STS and the federation endpoint were asked
    failed_over_regions         regions that failed before it, each with the code of its failure
    client_address              as the server sees it
    user_agent                  of the client that signs in
    authn_request_id, assertion_id, session_index   join to the log of the identity provider: our AuthnRequest, its
                                assertion and its session
    authn_instant, authn_context   when and how the person authenticated, as the identity provider says
    groups, group_count         the groups that the login stores, at most MAX_GROUPS of them; how many arrived
    configuration_hash          names the configuration in force; the log adds it to every event
    link_origin                 of the site whose link to a console page the person followed
    via                         the door: a browser's, a terminal's, or that of a coding agent in a terminal
    machine                     what a terminal's computer calls itself
    assertion_key               SHA-256 fingerprint of our certificate whose key signed the assertion for AWS
    keys_added, keys_removed    SHA-256 fingerprints of the identity provider's signing certificates
    """

    action: Action
    outcome: Outcome
    incident_id: str | None = None
    reason: str | None = None
    login_id: str | None = None
    user_name: str | None = None
    name_id: str | None = None
    target: str | None = None
    role_arn: str | None = None
    decided_by: str | None = None
    role_session_name: str | None = None
    source_identity: str | None = None
    session_tags: str | None = None
    assumed_role_arn: str | None = None
    access_key_id: str | None = None
    sts_request_id: str | None = None
    role_session_duration: int | None = None
    console_session_duration: int | None = None
    requested_duration: int | None = None
    granted_duration: int | None = None
    duration_reason: str | None = None
    region: str | None = None
    failed_over_regions: str | None = None
    signin_endpoint: str | None = None
    assertion_key: str | None = None
    console_destination: str | None = None
    cause: str | None = None
    hint: str | None = None
    client_address: str | None = None
    user_agent: str | None = None
    authn_request_id: str | None = None
    assertion_id: str | None = None
    session_index: str | None = None
    authn_instant: str | None = None
    authn_context: str | None = None
    groups: tuple[str, ...] | None = None
    group_count: int | None = None
    link_origin: str | None = None
    via: str | None = None
    machine: str | None = None
    idp_entity_id: str | None = None
    keys_added: str | None = None
    keys_removed: str | None = None
    configuration_hash: str | None = None

    def facts(self) -> dict[str, str | int | list[str]]:
        """The fields that apply, by name. Those with names that other parties chose are cut, visibly."""
        values = {name: getattr(self, name) for name in _FIELDS}
        facts = {name: value for name, value in values.items() if value is not None}
        if self.groups is not None:
            facts["groups"] = [_cut(group) for group in self.groups]
        return facts | {name: _cut(facts[name]) for name in _FOREIGN_NAMES & facts.keys()}


_FIELDS = tuple(field.name for field in fields(AuditEvent))
_FOREIGN_NAMES = frozenset(
    {
        "machine",
        "user_name",
        "name_id",
        "decided_by",
        "user_agent",
        "assertion_id",
        "session_index",
        "authn_context",
    }
)


def shortened(
    facts: Mapping[str, object], excess: int, to_json: Callable[[dict[str, object]], str]
) -> dict[str, object]:
    """The facts in a line that is shorter by at least `excess` bytes: the last groups go, then the ends of texts."""
    fitting = dict(facts)

    def size(value: object) -> int:
        return len(to_json({"": value}).encode())

    groups = fitting.get("groups")
    if isinstance(groups, list):
        kept = list(groups)
        while excess > 0 and kept:
            excess -= size(kept.pop()) - _FRAME
        fitting["groups"] = kept
    while excess > 0:
        name = max(fitting, key=lambda name: size(fitting[name]) if isinstance(fitting[name], str) else 0)
        text = str(fitting[name])
        if len(text) <= _NEVER_CUT:
            break
        fitting[name] = f"{text[: len(text) // 2]}…"
        excess -= size(text) - size(fitting[name])
    return fitting


def _cut(text: str) -> str:
    """`text`, of at most MAX_LOGGED_NAME characters."""
    if len(text) <= MAX_LOGGED_NAME:
        return text
    return f"{text[:MAX_LOGGED_NAME]}… ({len(text)} characters)"


class AuditLog(Protocol):
    """Where events go."""

    def record(self, event: AuditEvent) -> None:
        """Write one event. Raises AuditLogUnwritable for a sign-in or a console that must not happen unrecorded."""
