"""GET <url_prefix>/<service>: the main job. Which target, whose login, may they, the console."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus

import structlog
from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import MethodNotAllowed

from awscons.access.decision import Granted, RefusalReason, Refused, decide
from awscons.access.identity import Identity, Login
from awscons.access.targets import Target
from awscons.audit.events import Action, AuditEvent, Outcome
from awscons.aws.broker import OpenedConsole
from awscons.aws.destinations import ConsoleDestination, build_destination_query, check_destination
from awscons.aws.durations import MIN_DURATION
from awscons.errors import (
    AttributesUnfit,
    AwsconsError,
    DestinationRefused,
    LoginEndsTooSoon,
    StoreUnavailable,
    UpstreamError,
    quote_for_log,
)
from awscons.web.dependencies import WebDependencies
from awscons.web.group_messages import GROUPS_OMITTED_HINT, groups_received
from awscons.web.language import gettext as _
from awscons.web.login_views import begin_login, current_login
from awscons.web.portal_model import Entry, allowed_entries, same_account
from awscons.web.problems import (
    NextStep,
    Problem,
    incident_id,
    log_problem,
    path_and_query,
    problem_response,
    status_of,
)

_log = structlog.get_logger(__name__)

MAX_CHOICES = 8
"""Consoles of the same account that a refusal offers instead."""


def register_console_views(app: Flask, deps: WebDependencies, entries: Sequence[Entry]) -> None:
    """The targets, under the configured prefix. `entries`: all of them, as people see them."""
    views = Blueprint("console", __name__)

    @views.get(deps.site.target_path("<name>"))
    def open_target(name: str) -> Response:
        target = deps.targets.get(name)
        if target is None:
            return unknown_target(deps)
        # Flask answers HEAD with the view of GET. A link checker must not assume a role.
        if request.method != "GET":
            raise MethodNotAllowed(valid_methods=["GET", "OPTIONS"])
        login = current_login(deps)
        if login is None:
            return begin_login(deps, path_and_query())
        match decide(target, login.identity):
            case Refused() as refused:
                return _refuse(deps, entries, target, login.identity, refused)
            case Granted() as granted:
                requirement = deps.logins.required_authentication(target, login)
                if requirement is not None:
                    return begin_login(deps, path_and_query(), requirement=requirement)
                return _open(deps, target, login, granted)

    app.register_blueprint(views)


def unknown_target(deps: WebDependencies) -> Response:
    """401, the documented status; no WWW-Authenticate, since no HTTP authentication would help."""
    log_problem(HTTPStatus.UNAUTHORIZED, error="UnknownTarget", cause=quote_for_log(request.path))
    home = NextStep(_("See what you can open"), deps.site.url(deps.site.home_path))
    sentence = _("There is no target of that name here. Is the link complete?")
    return problem_response(Problem(HTTPStatus.UNAUTHORIZED, sentence, next_step=home))


def _open(deps: WebDependencies, target: Target, login: Login, granted: Granted) -> Response:
    identity = login.identity
    link = deps.site.url(deps.site.target_path(target.name))
    try:
        requested = ConsoleDestination(
            region=_only("region"), console_destination=_only("destination"), logout_first=_logout_first()
        )
        opened = deps.broker.open_console(
            target, login, requested=requested, relogin_url=f"{link}{build_destination_query(requested)}"
        )
    except DestinationRefused as error:
        log_problem(status_of(error), error=type(error).__name__, cause=str(error), hint=error.hint)
        deps.audit.record(replace(_failed(target, identity, granted, error), outcome=Outcome.REFUSED))
        step = NextStep(_("Open the console's front page"), link)
        return problem_response(Problem(status_of(error), _(error.public), next_step=step))
    except AttributesUnfit as error:
        deps.audit.record(replace(_failed(target, identity, granted, error), outcome=Outcome.REFUSED))
        raise
    except LoginEndsTooSoon as error:
        deps.audit.record(replace(_failed(target, identity, granted, error), outcome=Outcome.REFUSED))
        if login.ends_at - login.signed_in_at >= timedelta(seconds=MIN_DURATION):
            # It was long enough once: a new one may be.
            return begin_login(deps, path_and_query())
        raise
    except Exception as error:
        deps.audit.record(_failed(target, identity, granted, error))
        raise
    deps.audit.record(_opened(target, identity, granted, opened))
    _remember(deps, target, identity)
    # 301 is the documented status. `no-store` keeps browsers from remembering it: the URL inside lives
    # fifteen minutes. No body, so that the URL stands in one place only.
    response = Response(status=HTTPStatus.MOVED_PERMANENTLY)
    response.headers["Location"] = opened.url.value
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _remember(deps: WebDependencies, target: Target, identity: Identity) -> None:
    """Note it among what the person opened last. The console is open: nothing of this may stop it."""
    try:
        deps.preferences.note_opened(identity.user_name, target.name)
    except StoreUnavailable as error:
        _log.warning("preferences.not_saved", cause=str(error), hint=error.hint)


def _only(parameter: str) -> str | None:
    """A parameter of the link, decoded once; None when it is not there. Raises LandingRefused for several."""
    values = request.args.getlist(parameter)
    if len(values) > 1:
        raise DestinationRefused(f"the link has {parameter} {len(values)} times")
    return values[0] if values else None


def _logout_first() -> bool | None:
    """`?logout_first=1`: through AWS's log-out first. `0`: not, even if the configuration says so."""
    match _only("logout_first"):
        case None:
            return None
        case "0" | "1" as value:
            return value == "1"
        case value:
            raise DestinationRefused(f"the link has logout_first={quote_for_log(value)}", hint="it is 0 or 1")


def _refuse(
    deps: WebDependencies, entries: Sequence[Entry], target: Target, identity: Identity, refused: Refused
) -> Response:
    left_out = refused.reason is RefusalReason.GROUPS_OMITTED
    deps.audit.record(
        AuditEvent(
            action=Action.OPEN_CONSOLE,
            outcome=Outcome.REFUSED,
            incident_id=incident_id(),
            reason=refused.reason.value,
            user_name=identity.user_name,
            name_id=identity.name_id,
            target=target.name,
            role_arn=str(target.role),
            decided_by=refused.reason.value,
            hint=GROUPS_OMITTED_HINT if left_out else None,
            client_address=request.remote_addr,
        )
    )
    choices = _same_place_elsewhere(deps, entries, target, identity)
    return problem_response(
        Problem(
            HTTPStatus.FORBIDDEN,
            _(
                "You are signed in as %(person)s, and may not open “%(target)s”.",
                person=identity.user_name,
                target=target.title,
            ),
            details=_what_would_help(identity, refused, says_which=deps.branding.show_required_groups),
            next_step=NextStep(_("See what you can open"), deps.site.url(deps.site.home_path)),
            choices_heading=_("In the same account you may open:"),
            choices=choices,
        )
    )


def _same_place_elsewhere(
    deps: WebDependencies, entries: Sequence[Entry], target: Target, identity: Identity
) -> tuple[NextStep, ...]:
    """What the person may open in the same account, landing where the refused link would have led."""
    try:
        requested = ConsoleDestination(region=_only("region"), console_destination=_only("destination"))
        check_destination(requested, deps.broker.partition_of(target))
    except DestinationRefused:
        requested = ConsoleDestination()
    query = build_destination_query(requested)
    allowed = allowed_entries(same_account(entries, target), identity)
    return tuple(
        NextStep(entry.target.title, f"{entry.url}{query}", entry.target.role.role_name)
        for entry in allowed[:MAX_CHOICES]
    )


def _what_would_help(identity: Identity, refused: Refused, *, says_which: bool) -> tuple[str, ...]:
    """The reason, in words that a person can act on; `says_which`: naming groups and attributes."""
    sentences = []
    if refused.reason is RefusalReason.NONE_OF_THE_ATTRIBUTES:
        if says_which:
            names = ", ".join(refused.attributes)
            sentences.append(
                _("It is open to people whose account has a value for: %(attributes)s.", attributes=names)
            )
        return tuple(sentences)
    if says_which:
        sentences.append(_("It is open to members of: %(groups)s.", groups=", ".join(refused.groups)))
    sentences.append(groups_received(identity))
    sentences.append(
        _("If you have just been added to a group, sign out and in again: groups are read at sign-in.")
    )
    return tuple(sentences)


# --- audit -------------------------------------------------------------------------------


def _opened(target: Target, identity: Identity, granted: Granted, opened: OpenedConsole) -> AuditEvent:
    return AuditEvent(
        action=Action.OPEN_CONSOLE,
        outcome=Outcome.DONE,
        user_name=identity.user_name,
        name_id=identity.name_id,
        target=target.name,
        role_arn=str(target.role),
        decided_by=granted.reason,
        role_session_name=opened.request.role_session_name,
        source_identity=opened.request.source_identity,
        session_tags=", ".join(key for key, _ in opened.request.session_tags) or None,
        assumed_role_arn=opened.credentials.assumed_role_arn,
        access_key_id=opened.credentials.access_key_id,
        sts_request_id=opened.credentials.request_id,
        role_session_duration=opened.durations.role_session_duration,
        console_session_duration=opened.durations.console_session_duration,
        requested_duration=target.duration,
        granted_duration=opened.durations.console_lasts,
        duration_reason=opened.durations.reason,
        region=opened.region,
        failed_over_regions=", ".join(opened.failed_over) or None,
        signin_endpoint=opened.endpoint,
        console_destination=opened.destination,
        client_address=request.remote_addr,
    )


def _failed(target: Target, identity: Identity, granted: Granted, error: Exception) -> AuditEvent:
    """Whatever went wrong; of the unforeseen only its kind, since its text may quote a secret."""
    foreseen = error if isinstance(error, AwsconsError) else None
    return AuditEvent(
        action=Action.OPEN_CONSOLE,
        outcome=Outcome.FAILED,
        incident_id=incident_id(),
        reason=type(error).__name__,
        user_name=identity.user_name,
        name_id=identity.name_id,
        target=target.name,
        role_arn=str(target.role),
        decided_by=granted.reason,
        sts_request_id=(error.request_id or None) if isinstance(error, UpstreamError) else None,
        cause=str(foreseen) if foreseen else type(error).__name__,
        hint=(foreseen.hint or None) if foreseen else None,
        client_address=request.remote_addr,
    )
