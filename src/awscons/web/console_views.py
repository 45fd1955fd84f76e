"""GET <url_prefix>/<service>: which target, whose login, and the answer to what `consoles` made of it."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from flask import Blueprint, Flask, Response, make_response, render_template, request
from werkzeug.exceptions import MethodNotAllowed

from awscons.access.decision import RefusalReason, Refused
from awscons.access.identity import Identity, Login
from awscons.access.targets import Target
from awscons.aws.destinations import (
    FAILED_REGION,
    ConsoleDestination,
    build_destination_query,
    check_destination,
    parse_destination,
)
from awscons.aws.role_credentials import ConsoleUrl
from awscons.aws.saml_post import PostedConsole
from awscons.consoles import Failed, NotAllowed, Opened, StepUpNeeded
from awscons.errors import DestinationRefused, quote_for_log
from awscons.web import cookies
from awscons.web.dependencies import WebDependencies
from awscons.web.group_messages import groups_received
from awscons.web.guards import content_security_policy, foreign_origin
from awscons.web.language import gettext as _
from awscons.web.link_confirmation import (
    LinkSource,
    confirmation_page,
    link_source,
    needs_confirmation,
    parameters,
    path_that_asks,
    refuse_unasked_request,
)
from awscons.web.login_views import begin_login, current_login
from awscons.web.portal_model import Entries
from awscons.web.problems import (
    CONFIRM,
    NextStep,
    Problem,
    caller,
    log_problem,
    path_and_query,
    problem_response,
    repeated_path,
    status_of,
)
from awscons.web.redirects import redirect_to

MAX_CHOICES = 8
"""Consoles of the same account that a refusal offers instead."""


def register_console_views(app: Flask, deps: WebDependencies, entries: Entries) -> None:
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
        refused = refuse_unasked_request(
            NextStep(_("See what you can open"), deps.site.url(deps.site.home_path))
        )
        if refused is not None:
            return refused
        login, source = current_login(deps), link_source(deps)
        if login is None:
            return begin_login(deps, path_that_asks(source), link_origin=source.origin)
        if needs_confirmation(deps, target, login, source):
            return confirmation_page(deps, entries.named(name), source)
        response = _open(deps, entries, target, login, source)
        cookies.drop_noted_link(request, response, deps.cookies)
        return response

    app.register_blueprint(views)


def unknown_target(deps: WebDependencies) -> Response:
    """401, the documented status; no WWW-Authenticate, since no HTTP authentication would help."""
    log_problem(HTTPStatus.UNAUTHORIZED, error="UnknownTarget", cause=quote_for_log(request.path))
    home = NextStep(_("See what you can open"), deps.site.url(deps.site.home_path))
    sentence = _("There is no target of that name. Please check that the link is complete.")
    return problem_response(Problem(HTTPStatus.UNAUTHORIZED, sentence, next_step=home))


def _open(
    deps: WebDependencies, entries: Entries, target: Target, login: Login, source: LinkSource
) -> Response:
    link, given = deps.site.url(deps.site.target_path(target.name)), {**parameters()}
    if foreign_origin(deps.site) is not None:
        given.pop(FAILED_REGION, None)  # that a region failed counts for everybody: no link of others says so
    result = deps.consoles.open(
        target, login, link=link, parameters=given, caller=replace(caller(), link_origin=source.origin)
    )
    match result:
        case Opened(console):
            if isinstance(console, PostedConsole):
                return _posted(target, console, link)
            return _to_console(console.url)
        case NotAllowed(refused):
            return _refuse(deps, entries, target, login.identity, refused)
        case StepUpNeeded(requirement):
            # The person has confirmed the link, if that was necessary.
            return begin_login(deps, path_and_query(), requirement=requirement, link_origin=source.origin)
        case Failed(DestinationRefused() as bad_link):
            return _bad_link(bad_link, link)
        case Failed(error):
            raise error


def _to_console(url: ConsoleUrl) -> Response:
    # 301 is the documented status. `no-store` keeps browsers from remembering it: the URL inside lives
    # fifteen minutes. No body, so that the URL stands in one place only.
    response = redirect_to(url.value, HTTPStatus.MOVED_PERMANENTLY)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _posted(target: Target, posted: PostedConsole, link: str) -> Response:
    """A page whose form opens the console. It is never stored, so that Back and Reload make a new assertion."""
    here = parse_destination(parameters())
    elsewhere = [
        NextStep(
            region,
            f"{link}{build_destination_query(replace(here, region=region))}&{FAILED_REGION}={posted.region}",
        )
        for region in posted.other_regions
    ]
    page = render_template("post_console.html", target=target, posted=posted, elsewhere=elsewhere)
    response = make_response(page)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Content-Security-Policy"] = content_security_policy(posts_to=posted.allowed_hosts)
    return response


def _bad_link(error: DestinationRefused, link: str) -> Response:
    log_problem(status_of(error), error=type(error).__name__, cause=str(error), hint=error.hint)
    step = NextStep(_("Open the console's home page"), link)
    return problem_response(Problem(status_of(error), _(error.public), next_step=step))


def _refuse(
    deps: WebDependencies, entries: Entries, target: Target, identity: Identity, refused: Refused
) -> Response:
    choices = _same_place_elsewhere(deps, entries, target, identity)
    return problem_response(
        Problem(
            HTTPStatus.FORBIDDEN,
            _(
                "You are signed in as %(person)s, and you may not open “%(target)s”.",
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
    deps: WebDependencies, entries: Entries, target: Target, identity: Identity
) -> tuple[NextStep, ...]:
    """What the person may open in the same account, landing where the refused link would have led."""
    try:
        requested = replace(parse_destination(parameters()), logout_first=None)
        check_destination(requested, deps.broker.partition_of(target))
    except DestinationRefused:
        requested = ConsoleDestination()
    query = build_destination_query(requested)
    if requested.console_destination and CONFIRM in repeated_path(deps.site):
        query += f"&{CONFIRM}=1"
    allowed = entries.allowed_in_account(target, identity)
    return tuple(
        NextStep(entry.target.title, f"{entry.url}{query}", entry.target.role.role_name)
        for entry in allowed[:MAX_CHOICES]
    )


def _what_would_help(identity: Identity, refused: Refused, *, says_which: bool) -> tuple[str, ...]:
    """The reason, in words that a person can act on; `says_which`: naming groups and attributes."""
    sentences = []
    names = ", ".join(refused.attributes)
    if refused.reason is RefusalReason.ATTRIBUTE_DOES_NOT_MATCH:
        if says_which:
            sentences.append(
                _("This target is open to people with a certain value of: %(attributes)s.", attributes=names)
            )
        return tuple(sentences)
    if refused.reason is RefusalReason.NONE_OF_THE_ATTRIBUTES:
        if says_which:
            sentences.append(
                _("This target is open to people who have a value for: %(attributes)s.", attributes=names)
            )
        return tuple(sentences)
    if says_which:
        sentences.append(
            _("This target is open to members of: %(groups)s.", groups=", ".join(refused.groups))
        )
    sentences.append(groups_received(identity))
    sentences.append(
        _(
            "If you have just been added to a group, sign out and sign in again: this service reads groups at sign-in."
        )
    )
    return tuple(sentences)
