"""Requests for a console that a person did not make: refused, or confirmed on a page first.

A console is opened by a GET, so that links work. So other sites can cause it, and browsers do it ahead of time. What
the browser says about a request decides here: `Sec-Purpose`, `Sec-Fetch-Dest`, `Sec-Fetch-Site`, `Referer`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from flask import Response, make_response, render_template, request

from awscons.access.decision import Granted, decide
from awscons.access.identity import Login
from awscons.access.targets import Target
from awscons.aws.destinations import build_destination_query, check_destination, parse_destination
from awscons.errors import DestinationRefused
from awscons.web import cookies
from awscons.web.dependencies import WebDependencies
from awscons.web.guards import UNKNOWN_ORIGIN, foreign_origin
from awscons.web.language import gettext as _
from awscons.web.portal_model import Entry
from awscons.web.problems import CONFIRM, NextStep, Problem, log_problem, path_and_query, problem_response

_PURPOSE_HEADERS = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
"""Browsers announce by these that nobody has followed the link yet."""
_PURPOSES = ("prefetch", "prerender", "preview")


@dataclass(frozen=True, slots=True)
class LinkSource:
    """Where a link to a console page came from.

    origin      of the other site; `unknown` if the browser does not name it; None: there is no other site
    is_foreign  the link needs a confirmation
    """

    origin: str | None = None
    is_foreign: bool = False


def refuse_unasked_request(home: NextStep) -> Response | None:
    """The refusal of a request that is no navigation of a person; None for all others.

    Clients that are no browsers send none of these headers.
    """
    purposes = " ".join(request.headers.get(name, "") for name in _PURPOSE_HEADERS).lower()
    if any(purpose in purposes for purpose in _PURPOSES):
        status, cause = HTTPStatus.SERVICE_UNAVAILABLE, "the browser prefetches the link"
        sentence = _("This service opens no console before somebody has followed the link.")
    elif request.headers.get("Sec-Fetch-Dest", "document") != "document":
        status, cause = HTTPStatus.FORBIDDEN, "the request is part of another page"
        sentence = _("AWS consoles open in a tab or window of the browser, and not inside another page.")
    else:
        return None
    log_problem(status, error="UnaskedRequest", cause=cause)
    return problem_response(Problem(status, sentence, next_step=home))


def link_source(deps: WebDependencies) -> LinkSource:
    """Where the link of this request came from. Only a link to a console page can be foreign."""
    if "destination" not in request.args:
        return LinkSource()
    origin = foreign_origin(deps.site)
    noted = cookies.noted_link_in(request, deps.cookies, path=path_and_query())
    if noted is not None:
        noted_origin, approved = noted
        if approved or origin is None:
            return LinkSource(noted_origin)
    return LinkSource(origin, origin is not None and origin not in deps.site.trusted_link_origins)


def path_that_asks(source: LinkSource) -> str:
    """`path_and_query`, marked if the request after a sign-in has to ask for confirmation."""
    path = path_and_query()
    return f"{path}&{CONFIRM}=1" if source.is_foreign and CONFIRM not in request.args else path


def needs_confirmation(deps: WebDependencies, target: Target, login: Login, source: LinkSource) -> bool:
    """Whether the person has to confirm the link. What will be refused in any case needs no confirmation."""
    asked = source.is_foreign or (CONFIRM in request.args and "destination" in request.args)
    if not (asked and target.confirm_links and isinstance(decide(target, login.identity), Granted)):
        return False
    try:
        check_destination(parse_destination(parameters()), deps.broker.partition_of(target))
    except DestinationRefused:
        return False
    return True


def confirmation_page(deps: WebDependencies, entry: Entry, source: LinkSource) -> Response:
    """The page that says what is about to open. Its button is a link of our own, so the browser says `same-origin`."""
    requested = parse_destination(parameters())
    path = f"{deps.site.target_path(entry.name)}{build_destination_query(requested)}"
    page = render_template(
        "confirm.html",
        entry=entry,
        origin=None if source.origin == UNKNOWN_ORIGIN else source.origin,
        requested=requested,
        url=deps.site.url(path),
    )
    response = make_response(page)
    login_id = cookies.login_id_in(request, deps.cookies)
    cookies.note_link(
        response, deps.cookies, login_id=login_id, path=path, origin=source.origin, approved=False
    )
    return response


def parameters() -> Mapping[str, Sequence[str]]:
    """The query parameters of the link, decoded once."""
    return request.args.to_dict(flat=False)
