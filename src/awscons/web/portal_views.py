"""The portal: the targets that the person who is signed in may open, and only those.

One address for all of it. `GET <url_prefix>/` lists, `?q=` searches, `?link=` makes links to console pages;
`POST` saves a favourite or a theme. Clients that prefer JSON get the same list as JSON.
"""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlencode

import structlog
from flask import Blueprint, Flask, Response, jsonify, make_response, render_template, request

from awscons.access.decision import Granted, decide
from awscons.access.identity import Login
from awscons.aws.destinations import (
    ConsoleDestination,
    build_destination_query,
    check_destination,
    without_console_session,
)
from awscons.aws.partitions import Partition
from awscons.errors import DestinationRefused, DestinationTooLong
from awscons.web import cookies
from awscons.web.access_report_view import access_report, auditor_group
from awscons.web.dependencies import WebDependencies
from awscons.web.group_messages import groups_hint, groups_received
from awscons.web.language import gettext as _
from awscons.web.login_views import begin_login, current_login
from awscons.web.portal_model import (
    Entries,
    Entry,
    PortalModel,
    build_portal_model,
    with_granted_durations,
)
from awscons.web.problems import (
    Problem,
    incident_id,
    path_and_query,
    problem_response,
    wants_json,
)
from awscons.web.redirects import redirect_to
from awscons.web.row_writer import RowWriter

MAX_SEARCH_LENGTH = 200
"""Characters."""
MAX_CHOICES = 50
"""Targets that the form for links offers at once; above it, a search narrows them down."""

_log = structlog.get_logger(__name__)


def register_portal_views(app: Flask, deps: WebDependencies, entries: Entries) -> None:
    """Register the portal at `<url_prefix>/`, and the redirects to it. `entries`: all targets."""
    views = Blueprint("portal", __name__)
    site = deps.site
    rows = RowWriter(app.jinja_env)

    @views.get(site.home_path)
    def portal() -> Response:
        login = current_login(deps)
        if login is None:
            return _sign_in_first(deps)
        deps.blocks.check(login.identity)
        if wants_json():
            return _as_json(deps, login, entries)
        if "access" in request.args:
            return access_report(deps, login)
        if "link" in request.args:
            return _link_page(deps, login, entries)
        return _page(deps, login, entries, rows)

    @views.post(site.home_path)
    def save() -> Response:
        return _save_theme(deps) if "theme" in request.form else _save_favourite(deps)

    if site.url_prefix:
        # Explicit, since the router's own redirects would be built from the Host header.
        @views.get("/")
        @views.get(site.url_prefix)
        def to_portal() -> Response:
            return redirect_to(site.url(site.home_path), HTTPStatus.FOUND)

    app.register_blueprint(views)


def _sign_in_first(deps: WebDependencies) -> Response:
    """Send a browser to the sign-in; respond 401 to a JSON client, which cannot sign in."""
    if not wants_json():
        return begin_login(deps, path_and_query())
    return problem_response(
        Problem(
            HTTPStatus.UNAUTHORIZED,
            _("This request carries no valid login."),
            details=(_("Sign in with a browser, and send the login cookie of that browser."),),
        )
    )


def _save_theme(deps: WebDependencies) -> Response:
    response = redirect_to(deps.site.url(deps.site.home_path))
    cookies.set_theme(response, deps.cookies, request.form["theme"])
    return response


def _save_favourite(deps: WebDependencies) -> Response:
    """Add or remove a favourite, then redirect to its row. A person can add only targets they may open."""
    login = current_login(deps)
    if login is None:
        return begin_login(deps, deps.site.home_path)
    home, who = deps.site.url(deps.site.home_path), login.identity.user_name
    added = deps.targets.get(request.form.get("add", ""))
    dropped = deps.targets.get(request.form.get("drop", ""))
    if added is not None and isinstance(decide(added, login.identity), Granted):
        deps.preferences.add_favourite(who, added.name)
    elif dropped is not None:
        deps.preferences.drop_favourite(who, dropped.name)
    changed = added or dropped
    if changed is None:
        return redirect_to(home)
    kept = {name: request.form.get(name, "")[:MAX_SEARCH_LENGTH] for name in ("q", "environment")}
    query = urlencode({name: value for name, value in kept.items() if value})
    return redirect_to(f"{home}{f'?{query}' if query else ''}#t-{changed.name}")


# --- the list ----------------------------------------------------------------------------


def _page(deps: WebDependencies, login: Login, entries: Entries, rows: RowWriter) -> Response:
    search = request.args.get("q", "")[:MAX_SEARCH_LENGTH].strip()
    environment = request.args.get("environment", "")[:MAX_SEARCH_LENGTH]
    portal = _portal_model(deps, login, entries, search, environment)
    if not portal.total:
        return _nothing_to_open(login)
    page = render_template(
        "portal.html",
        portal=portal,
        search=search,
        environment=environment,
        row=rows,
        is_auditor=auditor_group(deps, login) is not None,
        has_terminals=deps.has_terminals,
        alarms=deps.alarms.of(login.identity.user_name) if deps.has_terminals else (),
    )
    return make_response(page)


def _portal_model(
    deps: WebDependencies, login: Login, entries: Entries, search: str, environment: str
) -> PortalModel:
    preferred = deps.preferences.of(login.identity.user_name)
    return build_portal_model(
        with_granted_durations(entries.allowed(login.identity), deps.broker.last_granted),
        favourites=preferred.favourites,
        recent=preferred.recent,
        search=search,
        environment=environment,
        branding=deps.branding,
    )


def _nothing_to_open(login: Login) -> Response:
    """Tell a person without targets whom to ask, and log the reason for the operator."""
    identity = login.identity
    hint = groups_hint(identity)
    _log.info(
        "portal.no_targets",
        incident_id=incident_id(),
        user_name=identity.user_name,
        groups_received=len(identity.groups) + identity.groups_not_stored,
        **({"hint": hint} if hint else {}),
    )
    page = render_template(
        "nothing.html", groups_received=groups_received(identity), incident_id=incident_id()
    )
    return make_response(page)


def _as_json(deps: WebDependencies, login: Login, entries: Entries) -> Response:
    """Return the targets that the person may open as JSON."""
    search = request.args.get("q", "")[:MAX_SEARCH_LENGTH].strip()
    favourites = set(deps.preferences.of(login.identity.user_name).favourites)
    words = search.casefold().split()
    found = [
        _entry_as_json(entry, favourite=entry.name in favourites)
        for entry in entries.allowed(login.identity)
        if all(word in entry.words for word in words)
    ]
    response = jsonify(
        user_name=login.identity.user_name,
        login_ends_at=login.ends_at.isoformat(timespec="seconds"),
        targets=found,
    )
    response.vary.add("Accept")
    return response


def _entry_as_json(entry: Entry, *, favourite: bool) -> dict[str, object]:
    target = entry.target
    return {
        "name": target.name,
        "url": entry.url,
        "title": target.title,
        "description": target.display.description,
        "label": entry.label,
        "color": entry.color,
        "account_id": target.role.account_id,
        "account_name": entry.account,
        "role": target.role.role_name,
        "role_arn": str(target.role),
        "duration": target.duration,
        "regions": list(target.display.regions),
        "favourite": favourite,
    }


# --- links to console pages --------------------------------------------------------------


def _link_page(deps: WebDependencies, login: Login, entries: Entries) -> Response:
    """Show the form that turns a console URL into a link to a target."""
    allowed = entries.allowed(login.identity)
    if not allowed:
        return _nothing_to_open(login)
    name, search = request.args["link"], request.args.get("find", "")[:MAX_SEARCH_LENGTH].strip()
    chosen = next((entry for entry in allowed if entry.name == name), None)
    words = search.casefold().split()
    found = [entry for entry in allowed if all(word in entry.words for word in words)]
    pasted = request.args.get("page", "").strip()
    link, mistake = "", ""
    if chosen:
        link, mistake = _link_to(chosen, pasted, deps.broker.partition_of(chosen.target))
        found = [chosen, *(entry for entry in found if entry is not chosen)]
    page = render_template(
        "link.html",
        choices=found[:MAX_CHOICES],
        left_out=max(len(found) - MAX_CHOICES, 0),
        is_searchable=len(allowed) > MAX_CHOICES,
        search=search,
        chosen=chosen,
        pasted=pasted,
        link=link,
        mistake=mistake,
    )
    return make_response(page)


def _link_to(entry: Entry, pasted: str, partition: Partition) -> tuple[str, str]:
    """Return (link, "") for a page that the target can open, else ("", a sentence with the reason)."""
    account, page = without_console_session(pasted)
    if account and account != entry.target.role.account_id:
        return "", _(
            "This page belongs to account %(page_account)s, but this target opens account %(account)s.",
            page_account=account,
            account=entry.target.role.account_id,
        )
    requested = ConsoleDestination(console_destination=page or None)
    try:
        check_destination(requested, partition)
    except DestinationTooLong as error:
        return "", _(error.public)
    except DestinationRefused:
        return "", _(
            "This is not the address of a page of the AWS console. Such an address begins with %(example)s",
            example=f"https://{partition.default_region}.{partition.console_suffix}/",
        )
    return f"{entry.url}{build_destination_query(requested)}", ""
