"""The main job, as a use case: may this person open this target, and if so, open it and write it down.

    decide → block list → step up → role session → sign-in token → console URL → audit event → recent targets

It knows nothing of HTTP. The web pages open consoles through it, and clients get credentials through it, so
that every door has the same decision, the same limits and the same audit event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from awscons.access.command_line import bounded_for_terminal
from awscons.access.decision import Granted, Refused, decide
from awscons.access.identity import Identity, Login
from awscons.access.step_up import AuthnRequirement, step_up
from awscons.access.targets import OpenBy, Target
from awscons.audit import events
from awscons.audit.event import Action, AuditLog, Caller, Via
from awscons.aws.destinations import ConsoleDestination, build_destination_query, parse_destination
from awscons.aws.durations import MIN_DURATION
from awscons.aws.opened import IssuedCredentials, OpenedConsole
from awscons.aws.saml_post import PostedConsole
from awscons.errors import AwsconsError, LoginEndsTooSoon, StoreUnavailable
from awscons.preferences import Preferences

_log = structlog.get_logger(__name__)


class ConsoleOpener(Protocol):
    """One way of opening targets; `aws.broker.Broker` documents the methods."""

    def open_console(
        self, target: Target, login: Login, *, requested: ConsoleDestination, relogin_url: str
    ) -> OpenedConsole | PostedConsole:
        """The console of a target."""

    def issue_credentials(self, target: Target, login: Login) -> IssuedCredentials:
        """Credentials of a target's role."""


class ConsoleLimit(Protocol):
    """How many consoles one person may open; `signin.rate_limits` counts them."""

    def check(self, person: str) -> None:
        """Count one console of that person. Raises TooManyConsoles, StoreUnavailable."""


class Blocking(Protocol):
    """The people and targets that an operator has blocked; `signin.blocks` has the list."""

    def check(self, identity: Identity, target: str) -> None:
        """Raises Blocked for a person or a target that is blocked, StoreUnavailable."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The console is open, or opens when the browser posts the form."""

    console: OpenedConsole | PostedConsole


@dataclass(frozen=True, slots=True)
class Issued:
    """The credentials are there."""

    issued: IssuedCredentials


@dataclass(frozen=True, slots=True)
class NotAllowed:
    """The person may not open the target."""

    refused: Refused


@dataclass(frozen=True, slots=True)
class StepUpNeeded:
    """The person has to sign in again first; the requirement is empty where any new sign-in will do."""

    requirement: AuthnRequirement


@dataclass(frozen=True, slots=True)
class Failed:
    """The person may open the target, and it could not be opened."""

    error: AwsconsError


class Consoles:
    """Opens targets for people who signed in. Safe for many threads."""

    def __init__(
        self,
        *,
        openers: Mapping[OpenBy, ConsoleOpener],
        preferences: Preferences,
        blocks: Blocking,
        limit: ConsoleLimit,
        audit: AuditLog,
        clock: Callable[[], datetime],
    ) -> None:
        """`openers`: one for each way of opening; `clock` gives UTC."""
        self._openers = openers
        self._preferences = preferences
        self._blocks = blocks
        self._limit = limit
        self._audit = audit
        self._clock = clock

    def open(
        self,
        target: Target,
        login: Login,
        *,
        link: str,
        parameters: Mapping[str, Sequence[str]],
        caller: Caller,
    ) -> Opened | NotAllowed | StepUpNeeded | Failed:
        """Open the console of `target`.

        link         our own URL of the target; with the same destination it is where AWS sends people whose
                     console session ended
        parameters   the query parameters of the link, which name the page and region; not checked yet
        An unexpected exception is written to the audit log as well, and raised.
        """
        action = Action.OPEN_CONSOLE
        granted = self._admit(action, target, login, caller)
        if not isinstance(granted, Granted):
            return granted
        try:
            self._limit.check(login.identity.user_name)
            requested = parse_destination(parameters)
            opened = self._openers[target.open_by].open_console(
                target,
                login,
                requested=requested,
                relogin_url=f"{link}{build_destination_query(requested)}",
            )
        except Exception as error:  # noqa: BLE001  the audit log has every outcome; what is not ours goes on
            return self._not_opened(action, target, login, granted, error, caller)
        self._audit.record(events.console_opened(target, login, granted, opened, caller))
        self._remember(target, login)
        return Opened(opened)

    def issue_credentials(
        self,
        target: Target,
        login: Login,
        *,
        caller: Caller,
        duration: int | None = None,
        is_agent: bool = False,
    ) -> Issued | NotAllowed | StepUpNeeded | Failed:
        """Give credentials of the target's role to a terminal, without a console. As `open` otherwise.

        duration   requested seconds; they never last longer than the target and the login allow
        is_agent   a coding agent asks, which gets what the target allows to agents
        """
        action = Action.GET_CREDENTIALS
        caller = replace(caller, via=Via.AGENT if is_agent else Via.CLI)

        def bounded() -> Target:
            return bounded_for_terminal(target, duration=duration, is_agent=is_agent)

        granted = self._admit(action, target, login, caller, check=bounded)
        if not isinstance(granted, Granted):
            return granted
        try:
            self._limit.check(login.identity.user_name)
            issued = self._openers[target.open_by].issue_credentials(bounded(), login)
        except Exception as error:  # noqa: BLE001  as above
            return self._not_opened(action, target, login, granted, error, caller)
        self._audit.record(events.credentials_issued(bounded(), login, granted, issued, caller))
        return Issued(issued)

    def _admit(
        self,
        action: Action,
        target: Target,
        login: Login,
        caller: Caller,
        *,
        check: Callable[[], object] = lambda: None,
    ) -> Granted | NotAllowed | StepUpNeeded | Failed:
        """The decision. `check` raises for what nobody may have of this target; only who may open it learns that."""
        match decide(target, login.identity):
            case Refused() as refused:
                self._audit.record(events.access_refused(action, target, login, refused, caller))
                return NotAllowed(refused)
            case Granted() as granted:
                try:
                    self._blocks.check(login.identity, target.name)
                    check()
                except AwsconsError as error:
                    return self._not_opened(action, target, login, granted, error, caller)
                requirement = step_up(target, login, now=self._clock())
                return granted if requirement is None else StepUpNeeded(requirement)

    def _not_opened(
        self,
        action: Action,
        target: Target,
        login: Login,
        granted: Granted,
        error: Exception,
        caller: Caller,
    ) -> StepUpNeeded | Failed:
        self._audit.record(events.opening_failed(action, target, login, granted, error, caller))
        if not isinstance(error, AwsconsError):
            raise error
        long_enough_once = login.ends_at - login.signed_in_at >= timedelta(seconds=MIN_DURATION)
        if isinstance(error, LoginEndsTooSoon) and long_enough_once:
            # A new login lasts as long as this one did at first, so signing in again may help.
            return StepUpNeeded(AuthnRequirement())
        return Failed(error)

    def _remember(self, target: Target, login: Login) -> None:
        """Add the target to the recent ones. The console is open; a store that fails must not stop it."""
        try:
            self._preferences.note_opened(login.identity.user_name, target.name)
        except StoreUnavailable as error:
            _log.warning("preferences.not_saved", cause=str(error), hint=error.hint)
