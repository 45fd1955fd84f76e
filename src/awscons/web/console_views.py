"""GET <url_prefix>/<service>: the main job. Which target, whose login, may they, the console."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus

import structlog
from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import MethodNotAllowed

from awscons.access import Granted, RefusalReason, Refused, decide
from awscons.audit import Action, AuditEvent, Outcome
from awscons.broker import OpenedConsole
from awscons.console import Landing, build_landing_query, check_landing
from awscons.durations import SHORTEST
from awscons.errors import (
    AttributesUnfit,
    AwsconsError,
    LandingRefused,
    LoginEndsTooSoon,
    StoreUnavailable,
    UpstreamError,
    shown,
)
from awscons.identity import Identity, Login
from awscons.targets import Target
from awscons.web.language import gettext as _
from awscons.web.listing import Entry, allowed_entries, same_account
from awscons.web.login_views import begin_login, current_login
from awscons.web.parts import WebParts
from awscons.web.people import GROUPS_OMITTED_HINT, groups_received
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

MOST_CHOICES = 8
"""Consoles of the same account that a refusal offers instead."""


def register_console_views(app: Flask, parts: WebParts, entries: Sequence[Entry]) -> None:
    """The targets, under the configured prefix. `entries`: all of them, as people see them."""
    views = Blueprint("console", __name__)

    @views.get(parts.site.target_path("<name>"))
    def open_target(name: str) -> Response:
        target = parts.targets.get(name)
        if target is None:
            return unknown_target(parts)
        # Flask answers HEAD with the view of GET. A link checker must not assume a role.
        if request.method != "GET":
            raise MethodNotAllowed(valid_methods=["GET", "OPTIONS"])
        login = current_login(parts)
        if login is None:
            return begin_login(parts, path_and_query())
        match decide(target, login.identity):
            case Refused() as refused:
                return _refuse(parts, entries, target, login.identity, refused)
            case Granted() as granted:
                demands = parts.logins.demands_of(target, login)
                if demands is not None:
                    return begin_login(parts, path_and_query(), demands=demands)
                return _open(parts, target, login, granted)

    app.register_blueprint(views)


def unknown_target(parts: WebParts) -> Response:
    """401, the documented status; no WWW-Authenticate, since no HTTP authentication would help."""
    log_problem(HTTPStatus.UNAUTHORIZED, error="UnknownTarget", cause=shown(request.path))
    home = NextStep(_("See what you can open"), parts.site.url(parts.site.home_path))
    sentence = _("There is no target of that name here. Is the link complete?")
    return problem_response(Problem(HTTPStatus.UNAUTHORIZED, sentence, next_step=home))


def _open(parts: WebParts, target: Target, login: Login, granted: Granted) -> Response:
    identity = login.identity
    link = parts.site.url(parts.site.target_path(target.name))
    try:
        asked = Landing(region=_only("region"), console_destination=_only("destination"), fresh=_fresh())
        opened = parts.broker.open_console(
            target, login, asked=asked, relogin_url=f"{link}{build_landing_query(asked)}"
        )
    except LandingRefused as error:
        log_problem(status_of(error), error=type(error).__name__, cause=str(error), hint=error.hint)
        parts.audit.record(replace(_failed(target, identity, granted, error), outcome=Outcome.REFUSED))
        step = NextStep(_("Open the console's front page"), link)
        return problem_response(Problem(status_of(error), _(error.public), next_step=step))
    except AttributesUnfit as error:
        parts.audit.record(replace(_failed(target, identity, granted, error), outcome=Outcome.REFUSED))
        raise
    except LoginEndsTooSoon as error:
        parts.audit.record(replace(_failed(target, identity, granted, error), outcome=Outcome.REFUSED))
        if login.ends_at - login.signed_in_at >= timedelta(seconds=SHORTEST):
            # It was long enough once: a new one may be.
            return begin_login(parts, path_and_query())
        raise
    except Exception as error:
        parts.audit.record(_failed(target, identity, granted, error))
        raise
    parts.audit.record(_opened(target, identity, granted, opened))
    _remember(parts, target, identity)
    # 301 is the documented status. `no-store` keeps browsers from remembering it: the URL inside lives
    # fifteen minutes. No body, so that the URL stands in one place only.
    response = Response(status=HTTPStatus.MOVED_PERMANENTLY)
    response.headers["Location"] = opened.url.value
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _remember(parts: WebParts, target: Target, identity: Identity) -> None:
    """Note it among what the person opened last. The console is open: nothing of this may stop it."""
    try:
        parts.preferences.note_opened(identity.user_name, target.name)
    except StoreUnavailable as error:
        _log.warning("preferences.not_kept", cause=str(error), hint=error.hint)


def _only(parameter: str) -> str | None:
    """A parameter of the link, decoded once; None when it is not there. Raises LandingRefused for several."""
    values = request.args.getlist(parameter)
    if len(values) > 1:
        raise LandingRefused(f"the link has {parameter} {len(values)} times")
    return values[0] if values else None


def _fresh() -> bool | None:
    """`?fresh=1`: through AWS's log-out first; `?fresh=0`: not, whatever the configuration says."""
    match _only("fresh"):
        case None:
            return None
        case "0" | "1" as value:
            return value == "1"
        case value:
            raise LandingRefused(f"the link has fresh={shown(value)}", hint="it is 0 or 1")


def _refuse(
    parts: WebParts, entries: Sequence[Entry], target: Target, identity: Identity, refused: Refused
) -> Response:
    left_out = refused.reason is RefusalReason.GROUPS_OMITTED
    parts.audit.record(
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
    choices = _same_place_elsewhere(parts, entries, target, identity)
    return problem_response(
        Problem(
            HTTPStatus.FORBIDDEN,
            _(
                "You are signed in as %(person)s, and may not open “%(target)s”.",
                person=identity.user_name,
                target=target.title,
            ),
            details=_what_would_help(identity, refused, says_which=parts.face.groups_on_refusals),
            next_step=NextStep(_("See what you can open"), parts.site.url(parts.site.home_path)),
            choices_heading=_("In the same account you may open:"),
            choices=choices,
        )
    )


def _same_place_elsewhere(
    parts: WebParts, entries: Sequence[Entry], target: Target, identity: Identity
) -> tuple[NextStep, ...]:
    """What the person may open in the same account, landing where the refused link would have led."""
    try:
        asked = Landing(region=_only("region"), console_destination=_only("destination"))
        check_landing(asked, parts.broker.partition_of(target))
    except LandingRefused:
        asked = Landing()
    query = build_landing_query(asked)
    allowed = allowed_entries(same_account(entries, target), identity)
    return tuple(
        NextStep(entry.target.title, f"{entry.url}{query}", entry.target.role.role_name)
        for entry in allowed[:MOST_CHOICES]
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
        duration_wanted=target.duration,
        duration_given=opened.durations.console_lasts,
        duration_reason=opened.durations.reason,
        region=opened.region,
        regions_passed_over=", ".join(opened.passed_over) or None,
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
