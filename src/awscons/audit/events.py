"""Audit events: who signed in, who opened which role, when, and why they were allowed to.

Each decision is one event, whatever its outcome, and each kind of decision has one constructor here. No
other module builds an AuditEvent, so that a field says the same thing everywhere. The fields join to
CloudTrail. No field may ever hold a credential, a token, an assertion or a login URL.
"""

from __future__ import annotations

from dataclasses import replace

from awscons.access.decision import Granted, RefusalReason, Refused
from awscons.access.groups import GROUPS_OMITTED_HINT
from awscons.access.identity import Login
from awscons.access.targets import RoleArn, Target
from awscons.audit.event import MAX_GROUPS, Action, AuditEvent, Caller, Outcome
from awscons.aws.opened import IssuedCredentials, OpenedConsole
from awscons.aws.saml_post import PostedConsole
from awscons.errors import (
    AttributesUnfit,
    AwsconsError,
    Blocked,
    DestinationRefused,
    LoginEndsTooSoon,
    NoAgentAccess,
    NoCommandLineAccess,
    RateLimited,
    ResponseRefused,
    SignInError,
    StoreUnavailable,
    UpstreamError,
)
from awscons.signin.blocks import Block, BlockKind
from awscons.signin.login import FinishedLogin
from awscons.signin.register import StoredLogin

_OPERATOR = "operator"
_OUR_REFUSALS = (
    AttributesUnfit,
    Blocked,
    DestinationRefused,
    LoginEndsTooSoon,
    NoAgentAccess,
    NoCommandLineAccess,
    RateLimited,
)
"""Errors by which a rule of ours refuses a person; others are failures."""

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


# --- terminals ---------------------------------------------------------------------------


def terminal_signed_in(login: Login, caller: Caller) -> AuditEvent:
    """A terminal got its first tokens. `login`: the terminal's."""
    return replace(
        _login_event(Action.SIGN_IN_TERMINAL, login, login.public_id, address=caller.address),
        user_agent=caller.user_agent,
        decided_by=f"login {login.terminal.allowed_by}" if login.terminal else None,
    )


def terminal_refused(reason: str, login: Login, caller: Caller, machine: str | None = None) -> AuditEvent:
    """A terminal got no tokens. `login`: its own, or that of the browser; `reason`: one of a few fixed texts."""
    event = _login_event(Action.SIGN_IN_TERMINAL, login, login.public_id, address=caller.address)
    return replace(
        event,
        outcome=Outcome.REFUSED,
        incident_id=caller.incident_id,
        reason=reason,
        user_agent=caller.user_agent,
        machine=machine or event.machine,
    )


def terminal_token_reused(login: Login, caller: Caller) -> AuditEvent:
    """A code or refresh token came again, so the login of its terminal has ended."""
    return replace(
        terminal_refused("token used before", login, caller),
        hint="somebody may have a copy of the person's tokens: ask the person, who is told in the portal as well",
    )


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
    return _login_event(Action.END_LOGIN, stored.login, stored.public_id, decided_by=_OPERATOR)


def blocked(block: Block) -> AuditEvent:
    """An operator blocked a person or a target."""
    return _by_operator(Action.BLOCK, block.kind, block.name)


def block_lifted(kind: BlockKind, name: str) -> AuditEvent:
    """An operator ended a block."""
    return _by_operator(Action.LIFT_BLOCK, kind, name)


def role_frozen(role: RoleArn, error: AwsconsError | None = None, *, thawed: bool = False) -> AuditEvent:
    """An operator froze or thawed a role; `error`: it did not come to that."""
    return AuditEvent(
        action=Action.THAW_ROLE if thawed else Action.FREEZE_ROLE,
        outcome=Outcome.DONE if error is None else Outcome.FAILED,
        reason=type(error).__name__ if error else None,
        role_arn=str(role),
        decided_by=_OPERATOR,
        cause=str(error) if error else None,
        hint=(error.hint or None) if error else None,
    )


# --- consoles and credentials ------------------------------------------------------------


def console_opened(
    target: Target, login: Login, granted: Granted, opened: OpenedConsole | PostedConsole, caller: Caller
) -> AuditEvent:
    """A console was opened; or the browser got the form that opens it, which is the last that this service sees."""
    if isinstance(opened, PostedConsole):
        return _session_event(
            Action.OPEN_CONSOLE,
            target,
            login,
            granted,
            opened,
            caller,
            signin_endpoint=opened.endpoint,
            console_destination=opened.destination,
        )
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
        via=caller.via,
        machine=_machine(login),
    )


def opening_failed(
    action: Action, target: Target, login: Login, granted: Granted, error: Exception, caller: Caller
) -> AuditEvent:
    """A person may open a target, and it was not opened.

    Of an unexpected error only the class is written, since its text may quote a secret.
    """
    expected = error if isinstance(error, AwsconsError) else None
    refused = isinstance(error, _OUR_REFUSALS)
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
        assertion_key=error.assertion_key if isinstance(error, UpstreamError) else None,
        cause=str(expected) if expected else type(error).__name__,
        hint=(expected.hint or None) if expected else None,
        client_address=caller.address,
        link_origin=caller.link_origin,
        via=caller.via,
        machine=_machine(login),
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
        machine=_machine(login),
    )


def _machine(login: Login) -> str | None:
    return login.terminal.machine if login.terminal else None


def _by_operator(action: Action, kind: BlockKind, name: str) -> AuditEvent:
    """A person, by NameID or user name, or a target."""
    is_person = kind is BlockKind.PERSON
    return AuditEvent(
        action=action,
        outcome=Outcome.DONE,
        user_name=name if is_person else None,
        target=None if is_person else name,
        decided_by=_OPERATOR,
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
    credentials = issued.credentials
    return replace(
        _session_event(
            action,
            target,
            login,
            granted,
            issued,
            caller,
            signin_endpoint=signin_endpoint,
            console_destination=console_destination,
        ),
        assumed_role_arn=credentials.assumed_role_arn,
        access_key_id=credentials.access_key_id,
        sts_request_id=credentials.request_id,
        failed_over_regions=", ".join(issued.failed_over) or None,
    )


def _session_event(
    action: Action,
    target: Target,
    login: Login,
    granted: Granted,
    session: IssuedCredentials | PostedConsole,
    caller: Caller,
    *,
    signin_endpoint: str | None = None,
    console_destination: str | None = None,
) -> AuditEvent:
    """What is known of a role session before AWS has answered, and afterwards."""
    request = session.request
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
        role_session_duration=session.durations.role_session_duration,
        console_session_duration=session.durations.console_session_duration,
        requested_duration=target.duration,
        granted_duration=session.durations.console_lasts,
        duration_reason=session.durations.reason,
        region=session.region,
        client_address=caller.address,
        link_origin=caller.link_origin,
        via=caller.via,
        machine=_machine(login),
        assertion_key=request.saml.key if request.saml else None,
        signin_endpoint=signin_endpoint,
        console_destination=console_destination,
    )
