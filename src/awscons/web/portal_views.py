"""The portal: the targets that the person who is signed in may open, and only those.

One address for all of it. `GET <url_prefix>/` lists, `?q=` searches, `?link=` makes links to console pages;
`POST` keeps a favourite or a theme. Machine clients get the list as JSON, by the same rules.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import urlencode

import structlog
from flask import Blueprint, Flask, Response, jsonify, make_response, render_template, request

from awscons.access import Granted, decide
from awscons.console import LONGEST_DESTINATION, Landing, Partition, build_landing_query, check_landing
from awscons.errors import LandingRefused
from awscons.identity import Login
from awscons.web import cookies
from awscons.web.language import gettext as _
from awscons.web.listing import Entry, Listing, allowed_entries, as_they_last, build_listing
from awscons.web.login_views import begin_login, current_login
from awscons.web.parts import WebParts
from awscons.web.people import groups_hint, groups_received
from awscons.web.problems import (
    Problem,
    incident_id,
    path_and_query,
    problem_response,
    wants_json,
)
from awscons.web.rows import Rows

LONGEST_SEARCH = 200
"""Characters."""
# With several consoles open at once, AWS puts the account and a mark of that one browser before the host.
_OWN_CONSOLE = re.compile(r"https://(?P<account>[0-9]{12})-[a-z0-9]+\.", re.ASCII)

_log = structlog.get_logger(__name__)


def register_portal_views(app: Flask, parts: WebParts, entries: Sequence[Entry]) -> None:
    """The portal at `<url_prefix>/`, the ways to it, and the health page. `entries`: all targets."""
    views = Blueprint("portal", __name__)
    site = parts.site
    rows = Rows(app.jinja_env)

    @views.get(site.home_path)
    def portal() -> Response:
        login = current_login(parts)
        if login is None:
            return _sign_in_first(parts)
        if wants_json():
            return _as_json(parts, login, entries)
        if "link" in request.args:
            return _link_page(parts, login, entries)
        return _page(parts, login, entries, rows)

    @views.post(site.home_path)
    def keep() -> Response:
        return _keep_theme(parts) if "theme" in request.form else _keep_favourite(parts)

    @views.get("/healthz")
    def healthz() -> Response:
        return Response("ok\n", content_type="text/plain; charset=utf-8")

    if site.url_prefix:
        # Explicit, since the router's own redirects would be built from the Host header.
        @views.get("/")
        @views.get(site.url_prefix)
        def to_portal() -> Response:
            response = Response(status=302)
            response.headers["Location"] = site.url(site.home_path)
            return response

    app.register_blueprint(views)


def _sign_in_first(parts: WebParts) -> Response:
    """A browser is sent to sign in; a machine client, which could not, is told."""
    if not wants_json():
        return begin_login(parts, path_and_query())
    return problem_response(
        Problem(
            HTTPStatus.UNAUTHORIZED,
            _("Nobody is signed in."),
            details=(_("Sign in with a browser, and send its cookie."),),
        )
    )


def _keep_theme(parts: WebParts) -> Response:
    response = _back_to(parts.site.url(parts.site.home_path))
    cookies.set_theme(response, parts.cookies, request.form["theme"])
    return response


def _keep_favourite(parts: WebParts) -> Response:
    """Add or drop one; then back to the list, to where the person was. Only what one may open is added."""
    login = current_login(parts)
    if login is None:
        return begin_login(parts, parts.site.home_path)
    home, who = parts.site.url(parts.site.home_path), login.identity.user_name
    added = parts.targets.get(request.form.get("add", ""))
    dropped = parts.targets.get(request.form.get("drop", ""))
    if added is not None and isinstance(decide(added, login.identity), Granted):
        parts.preferences.add_favourite(who, added.name)
    elif dropped is not None:
        parts.preferences.drop_favourite(who, dropped.name)
    changed = added or dropped
    if changed is None:
        return _back_to(home)
    search = request.form.get("q", "")[:LONGEST_SEARCH]
    query = f"?{urlencode({'q': search})}" if search else ""
    return _back_to(f"{home}{query}#t-{changed.name}")


def _back_to(url: str) -> Response:
    response = Response(status=HTTPStatus.SEE_OTHER)
    response.headers["Location"] = url
    return response


# --- the list ----------------------------------------------------------------------------


def _page(parts: WebParts, login: Login, entries: Sequence[Entry], rows: Rows) -> Response:
    search = request.args.get("q", "")[:LONGEST_SEARCH].strip()
    listing = _listing(parts, login, entries, search)
    if not listing.total:
        return _nothing_to_open(login)
    return make_response(render_template("portal.html", listing=listing, search=search, row=rows))


def _listing(parts: WebParts, login: Login, entries: Sequence[Entry], search: str) -> Listing:
    preferred = parts.preferences.of(login.identity.user_name)
    return build_listing(
        as_they_last(entries, parts.broker.last_given),
        identity=login.identity,
        favourites=preferred.favourites,
        recent=preferred.recent,
        search=search,
        face=parts.face,
    )


def _nothing_to_open(login: Login) -> Response:
    """Signed in, and no target is open: whom to ask, for the person; why, for the operator."""
    identity = login.identity
    hint = groups_hint(identity)
    _log.info(
        "portal.nothing_to_open",
        incident_id=incident_id(),
        user_name=identity.user_name,
        groups_received=len(identity.groups),
        **({"hint": hint} if hint else {}),
    )
    page = render_template(
        "nothing.html", groups_received=groups_received(identity), incident_id=incident_id()
    )
    return make_response(page)


def _as_json(parts: WebParts, login: Login, entries: Sequence[Entry]) -> Response:
    """The same list for machines: what may be opened, by the same rules."""
    search = request.args.get("q", "")[:LONGEST_SEARCH].strip()
    favourites = set(parts.preferences.of(login.identity.user_name).favourites)
    words = search.casefold().split()
    found = [
        _entry_as_json(entry, favourite=entry.name in favourites)
        for entry in allowed_entries(entries, login.identity)
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
        "description": target.face.description,
        "label": entry.label,
        "color": entry.color,
        "account_id": target.role.account_id,
        "account_name": entry.account,
        "role": target.role.role_name,
        "role_arn": str(target.role),
        "duration": target.duration,
        "regions": list(target.face.regions),
        "favourite": favourite,
    }


# --- links to console pages --------------------------------------------------------------


def _link_page(parts: WebParts, login: Login, entries: Sequence[Entry]) -> Response:
    """A form that turns a console URL into a link of ours; it opens nothing."""
    allowed = allowed_entries(entries, login.identity)
    if not allowed:
        return _nothing_to_open(login)
    chosen = next((entry for entry in allowed if entry.name == request.args["link"]), None)
    pasted = request.args.get("page", "").strip()
    link, mistake = "", ""
    if chosen:
        link, mistake = _link_to(chosen, pasted, parts.broker.partition_of(chosen.target))
    page = render_template(
        "link.html",
        choices=allowed,
        chosen=chosen,
        pasted=pasted,
        longest=LONGEST_DESTINATION,
        link=link,
        mistake=mistake,
    )
    return make_response(page)


def _link_to(entry: Entry, pasted: str, partition: Partition) -> tuple[str, str]:
    """The link to a console page through a target, or what is wrong with the page."""
    account = _OWN_CONSOLE.match(pasted)
    if account and account["account"] != entry.target.role.account_id:
        return "", _(
            "This page is one of account %(page_account)s, and this target opens account %(account)s.",
            page_account=account["account"],
            account=entry.target.role.account_id,
        )
    asked = Landing(console_destination=_OWN_CONSOLE.sub("https://", pasted) or None)
    try:
        check_landing(asked, partition)
    except LandingRefused:
        return "", _(
            "This is not the address of a page of the AWS console. It begins like this: %(example)s",
            example=f"https://{partition.default_region}.{partition.console_suffix}/",
        )
    return f"{entry.url}{build_landing_query(asked)}", ""
