"""Audit events: who signed in, who opened which role, when, and why they were allowed to.

Each decision is one event, whatever its outcome, and each kind of decision has one constructor here. No
other module builds an AuditEvent, so that a field says the same thing everywhere. The fields join to
CloudTrail. No field may ever hold a credential, a token, an assertion or a login URL.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Protocol

from awscons.access.decision import Granted, RefusalReason, Refused
from awscons.access.groups import GROUPS_OMITTED_HINT
from awscons.access.identity import Login
from awscons.access.targets import Target
from awscons.aws.broker import IssuedCredentials, OpenedConsole
from awscons.errors import (
    AttributesUnfit,
    AwsconsError,
    DestinationRefused,
    LoginEndsTooSoon,
    RateLimited,
    ResponseRefused,
    SignInError,
    StoreUnavailable,
    UpstreamError,
)
from awscons.signin.login import FinishedLogin
from awscons.signin.register import StoredLogin

MAX_GROUPS = 200
"""Groups in one event."""
MAX_LOGGED_NAME = 256
"""Characters of a name that another party chose."""


class Action(StrEnum):
    """What somebody wanted to do."""

    SIGN_IN = "sign-in"
    OPEN_CONSOLE = "open-console"
    GET_CREDENTIALS = "get-credentials"
    SIGN_OUT = "sign-out"
    END_LOGIN = "end-login"
    READ_ACCESS_REPORT = "read-access-report"
    CONFIGURATION_IN_FORCE = "configuration-in-force"
    IDP_KEYS_CHANGED = "idp-keys-changed"


class Outcome(StrEnum):
    """What came of it. `refused`: one of our rules forbids it. `failed`: the store or AWS was unavailable."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Caller:
    """The client that asks for something.

    address       as the server sees it; None where there is no client
    incident_id   the number that an error page shows, by which the log is searched
    user_agent    as the client sends it; anybody can send anything
    link_origin   origin of another site whose link to a console page the client follows; `unknown` if the
                  browser does not name it; None where there is no such site
    """

    address: str | None = None
    incident_id: str | None = None
    user_agent: str | None = None
    link_origin: str | None = None


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
    {"user_name", "name_id", "decided_by", "user_agent", "assertion_id", "session_index", "authn_context"}
)


def _cut(text: str) -> str:
    """`text`, of at most MAX_LOGGED_NAME characters."""
    if len(text) <= MAX_LOGGED_NAME:
        return text
    return f"{text[:MAX_LOGGED_NAME]}… ({len(text)} characters)"


class AuditLog(Protocol):
    """Where events go. Writing one never fails a request."""

    def record(self, event: AuditEvent) -> None:
        """Write one event."""


# --- sign-in -----------------------------------------------------------------------------


def signed_in(finished: FinishedLogin, caller: Caller) -> AuditEvent:
    """Somebody signed in."""
    login, assertion = finished.login, finished.assertion
    groups = sorted(login.identity.groups)
    return replace(
        _login_event(Action.SIGN_IN, login, login.public_id, address=caller.address),
        user_agent=caller.user_agent,
        authn_request_id=finished.request_id,
        assertion_id=assertion.assertion_id,
        session_index=assertion.session_index,
        authn_instant=assertion.authn_instant.isoformat(),
        authn_context=" ".join(assertion.authn_context) or None,
        groups=tuple(groups[:MAX_GROUPS]),
        group_count=len(groups) + login.identity.groups_not_stored,
    )


def sign_in_refused(error: SignInError | StoreUnavailable, caller: Caller) -> AuditEvent:
    """A sign-in ended with `error`."""
    return replace(_message_refused(Action.SIGN_IN, error, caller), user_agent=caller.user_agent)


# --- sign-out ----------------------------------------------------------------------------


def signed_out(login: Login, caller: Caller, *, decided_by: str | None = None) -> AuditEvent:
    """A login ended. `decided_by`: who ended it, where that was not the person."""
    return _login_event(
        Action.SIGN_OUT, login, login.public_id, decided_by=decided_by, address=caller.address
    )


def sign_out_refused(error: SignInError | StoreUnavailable, caller: Caller) -> AuditEvent:
    """A logout message of the identity provider ended with `error`."""
    return _message_refused(Action.SIGN_OUT, error, caller)


def login_revoked(stored: StoredLogin) -> AuditEvent:
    """An operator ended a login."""
    return _login_event(Action.END_LOGIN, stored.login, stored.public_id, decided_by="operator")


# --- consoles and credentials ------------------------------------------------------------


def console_opened(
    target: Target, login: Login, granted: Granted, opened: OpenedConsole, caller: Caller
) -> AuditEvent:
    """A console was opened."""
    return _issued(
        Action.OPEN_CONSOLE,
        target,
        login,
        granted,
        opened.issued,
        caller,
        signin_endpoint=opened.endpoint,
        console_destination=opened.destination,
    )


def credentials_issued(
    target: Target, login: Login, granted: Granted, issued: IssuedCredentials, caller: Caller
) -> AuditEvent:
    """Credentials were given without a console."""
    return _issued(Action.GET_CREDENTIALS, target, login, granted, issued, caller)


def access_refused(
    action: Action, target: Target, login: Login, refused: Refused, caller: Caller
) -> AuditEvent:
    """A person may not open a target."""
    omitted = refused.reason is RefusalReason.GROUPS_OMITTED
    return AuditEvent(
        action=action,
        outcome=Outcome.REFUSED,
        incident_id=caller.incident_id,
        reason=refused.reason.value,
        login_id=login.public_id,
        user_name=login.identity.user_name,
        name_id=login.identity.name_id,
        target=target.name,
        role_arn=str(target.role),
        decided_by=refused.reason.value,
        hint=GROUPS_OMITTED_HINT if omitted else None,
        client_address=caller.address,
        link_origin=caller.link_origin,
    )


def opening_failed(
    action: Action, target: Target, login: Login, granted: Granted, error: Exception, caller: Caller
) -> AuditEvent:
    """A person may open a target, and it was not opened.

    Of an unexpected error only the class is written, since its text may quote a secret.
    """
    expected = error if isinstance(error, AwsconsError) else None
    refused = isinstance(error, (DestinationRefused, AttributesUnfit, LoginEndsTooSoon, RateLimited))
    return AuditEvent(
        action=action,
        outcome=Outcome.REFUSED if refused else Outcome.FAILED,
        incident_id=caller.incident_id,
        reason=type(error).__name__,
        login_id=login.public_id,
        user_name=login.identity.user_name,
        name_id=login.identity.name_id,
        target=target.name,
        role_arn=str(target.role),
        decided_by=granted.reason,
        sts_request_id=(error.request_id or None) if isinstance(error, UpstreamError) else None,
        cause=str(expected) if expected else type(error).__name__,
        hint=(expected.hint or None) if expected else None,
        client_address=caller.address,
        link_origin=caller.link_origin,
    )


# --- reports -----------------------------------------------------------------------------


def access_report_read(login: Login, caller: Caller, *, group: str | None) -> AuditEvent:
    """A person asked who can open what. `group`: of the auditors, the one that allows it; None: refused."""
    return AuditEvent(
        action=Action.READ_ACCESS_REPORT,
        outcome=Outcome.DONE if group else Outcome.REFUSED,
        incident_id=None if group else caller.incident_id,
        reason=None if group else "not an auditor",
        login_id=login.public_id,
        user_name=login.identity.user_name,
        name_id=login.identity.name_id,
        decided_by=f"group {group!r}" if group else "not an auditor",
        client_address=caller.address,
    )


def configuration_in_force() -> AuditEvent:
    """A process serves with a configuration from now on; the log adds the configuration's hash, as to each event."""
    return AuditEvent(action=Action.CONFIGURATION_IN_FORCE, outcome=Outcome.DONE)


# --- the identity provider ---------------------------------------------------------------


def idp_keys_changed(entity_id: str, *, added: str, removed: str) -> AuditEvent:
    """The identity provider's metadata brought other signing keys; `added`, `removed`: fingerprints."""
    return AuditEvent(
        action=Action.IDP_KEYS_CHANGED,
        outcome=Outcome.DONE,
        idp_entity_id=entity_id,
        keys_added=added,
        keys_removed=removed,
    )


# --- inside ------------------------------------------------------------------------------


def _login_event(
    action: Action,
    login: Login,
    login_id: str,
    *,
    decided_by: str | None = None,
    address: str | None = None,
) -> AuditEvent:
    """A login began or ended."""
    return AuditEvent(
        action=action,
        outcome=Outcome.DONE,
        login_id=login_id,
        user_name=login.identity.user_name,
        name_id=login.identity.name_id,
        decided_by=decided_by,
        client_address=address,
    )


def _message_refused(action: Action, error: SignInError | StoreUnavailable, caller: Caller) -> AuditEvent:
    """A SAML message was not accepted: `reason` is the name of the check, or the class of the error."""
    return AuditEvent(
        action=action,
        outcome=Outcome.FAILED if isinstance(error, StoreUnavailable) else Outcome.REFUSED,
        incident_id=caller.incident_id,
        reason=error.rule if isinstance(error, ResponseRefused) else type(error).__name__,
        cause=str(error),
        hint=error.hint or None,
        client_address=caller.address,
    )


def _issued(
    action: Action,
    target: Target,
    login: Login,
    granted: Granted,
    issued: IssuedCredentials,
    caller: Caller,
    *,
    signin_endpoint: str | None = None,
    console_destination: str | None = None,
) -> AuditEvent:
    request = issued.request
    return AuditEvent(
        action=action,
        outcome=Outcome.DONE,
        login_id=login.public_id,
        user_name=login.identity.user_name,
        name_id=login.identity.name_id,
        target=target.name,
        role_arn=str(target.role),
        decided_by=granted.reason,
        role_session_name=request.role_session_name,
        source_identity=request.source_identity,
        session_tags=", ".join(key for key, _ in request.session_tags) or None,
        assumed_role_arn=issued.credentials.assumed_role_arn,
        access_key_id=issued.credentials.access_key_id,
        sts_request_id=issued.credentials.request_id,
        role_session_duration=issued.durations.role_session_duration,
        console_session_duration=issued.durations.console_session_duration,
        requested_duration=target.duration,
        granted_duration=issued.durations.console_lasts,
        duration_reason=issued.durations.reason,
        region=issued.region,
        failed_over_regions=", ".join(issued.failed_over) or None,
        signin_endpoint=signin_endpoint,
        console_destination=console_destination,
        client_address=caller.address,
        link_origin=caller.link_origin,
    )
