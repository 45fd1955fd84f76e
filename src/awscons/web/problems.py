"""Errors as responses: the table of status codes, the error page, and the incident id of page and log.

A person gets a sentence, an incident id and a next step. A client that prefers JSON gets the same as
`application/problem+json` (RFC 9457). Causes go to the log only.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

import structlog
from flask import Flask, Response, g, jsonify, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from awscons.audit.event import Caller
from awscons.errors import (
    AttributesUnfit,
    AuditLogUnwritable,
    AwsconsError,
    Blocked,
    BrokerBusy,
    BrokerCredentialsMissing,
    ConfigurationError,
    DestinationRefused,
    IdpDeclined,
    LoginEndsTooSoon,
    MetadataRefused,
    NoAgentAccess,
    NoCommandLineAccess,
    RateLimited,
    ResponseTooLarge,
    SignInError,
    SigningKeyRefused,
    SigningKeySilent,
    StoreUnavailable,
    UpstreamError,
    UpstreamRefused,
    UpstreamSilent,
    UpstreamThrottled,
)
from awscons.site import Site
from awscons.web.guards import foreign_origin
from awscons.web.language import N_
from awscons.web.language import gettext as _

_log = structlog.get_logger(__name__)

# The first match wins, so subclasses stand before their base classes.
STATUS_CODES: tuple[tuple[type[AwsconsError], HTTPStatus], ...] = (
    (DestinationRefused, HTTPStatus.BAD_REQUEST),
    (AttributesUnfit, HTTPStatus.FORBIDDEN),
    (LoginEndsTooSoon, HTTPStatus.FORBIDDEN),
    (Blocked, HTTPStatus.FORBIDDEN),
    (NoCommandLineAccess, HTTPStatus.FORBIDDEN),
    (NoAgentAccess, HTTPStatus.FORBIDDEN),
    (BrokerBusy, HTTPStatus.SERVICE_UNAVAILABLE),
    (ResponseTooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (SignInError, HTTPStatus.BAD_REQUEST),
    (RateLimited, HTTPStatus.TOO_MANY_REQUESTS),
    (UpstreamThrottled, HTTPStatus.SERVICE_UNAVAILABLE),
    (BrokerCredentialsMissing, HTTPStatus.SERVICE_UNAVAILABLE),
    (UpstreamSilent, HTTPStatus.GATEWAY_TIMEOUT),
    (SigningKeySilent, HTTPStatus.SERVICE_UNAVAILABLE),
    (SigningKeyRefused, HTTPStatus.SERVICE_UNAVAILABLE),
    (UpstreamRefused, HTTPStatus.BAD_GATEWAY),
    (UpstreamError, HTTPStatus.BAD_GATEWAY),
    (StoreUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (AuditLogUnwritable, HTTPStatus.SERVICE_UNAVAILABLE),
    (MetadataRefused, HTTPStatus.SERVICE_UNAVAILABLE),
    (ConfigurationError, HTTPStatus.INTERNAL_SERVER_ERROR),
    (AwsconsError, HTTPStatus.INTERNAL_SERVER_ERROR),
)

_TITLES = {
    HTTPStatus.BAD_REQUEST: N_("Bad request"),
    HTTPStatus.UNAUTHORIZED: N_("Unknown"),
    HTTPStatus.FORBIDDEN: N_("Unauthorized"),
    HTTPStatus.NOT_FOUND: N_("Not found"),
    HTTPStatus.METHOD_NOT_ALLOWED: N_("Method not allowed"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: N_("Request too large"),
    HTTPStatus.REQUEST_URI_TOO_LONG: N_("Address too long"),
    HTTPStatus.TOO_MANY_REQUESTS: N_("Too many requests"),
    HTTPStatus.INTERNAL_SERVER_ERROR: N_("Our mistake"),
    HTTPStatus.BAD_GATEWAY: N_("AWS did not open the console"),
    HTTPStatus.SERVICE_UNAVAILABLE: N_("Service unavailable"),
    HTTPStatus.GATEWAY_TIMEOUT: N_("AWS did not respond"),
}
_SENTENCES = {
    HTTPStatus.FORBIDDEN: N_("This service refused the request because it came from another site."),
    HTTPStatus.NOT_FOUND: N_("There is no page at this address."),
    HTTPStatus.METHOD_NOT_ALLOWED: N_("This address does not accept %(method)s requests."),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: N_("The request is larger than this service accepts."),
    HTTPStatus.REQUEST_URI_TOO_LONG: N_("This address is too long to be stored while you sign in."),
}
_TRY_LATER = N_("Your identity provider had a problem of its own. Please try again in a moment.")
_NOT_REACHED = N_(
    "Your identity provider could not reach the organization that signs you in. Please try again in a moment."
)
_DECLINED = {
    "AuthnFailed": N_(
        "Your identity provider could not sign you in: the sign-in there failed or was cancelled."
    ),
    "RequestDenied": N_(
        "Your identity provider does not allow you to use this service. Please ask the people who run the "
        "identity provider."
    ),
    "UnknownPrincipal": N_("Your identity provider does not know the account that you signed in with."),
    "NoAuthnContext": N_(
        "Your identity provider could not sign you in as this service requires, for example with a second factor."
    ),
    "NoPassive": N_(
        "Your identity provider has to ask you something before it signs you in. Please sign in there first."
    ),
    "NoAvailableIDP": _NOT_REACHED,
    "NoSupportedIDP": _NOT_REACHED,
    "ProxyCountExceeded": _NOT_REACHED,
    "Responder": _TRY_LATER,
    "TooManyResponses": _TRY_LATER,
    "PartialLogout": _TRY_LATER,
}
"""What the status of the identity provider means to the person, by the names of SAML core 3.2.2.2."""
_REQUEST_NOT_ACCEPTED = N_(
    "Your identity provider did not accept the request of this service. Please tell the people who run this service."
)
"""All other statuses: they are about the request, so the person can do nothing about it."""
_EXPIRED = N_("Your sign-in at the identity provider took too long, or ended in another tab.")
CONFIRM = "confirm"
"""Query parameter of a target's link: `1` asks before a console page opens. Anybody may add it."""
_NOT_UNDERSTOOD = N_("This service could not process the request.")
_RETRY_AFTER = "5"
"""Seconds; the Retry-After of every 503."""


@dataclass(frozen=True, slots=True)
class NextStep:
    """What a person can do next. `href` is a complete URL of this service; `note` is further text."""

    label: str
    href: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """What an error page says, in the language of the page. No text comes from AWS or the identity provider.

    details   further sentences
    choices   targets that the person may open, under `choices_heading`
    """

    status: HTTPStatus
    sentence: str
    details: tuple[str, ...] = ()
    next_step: NextStep | None = None
    choices_heading: str = ""
    choices: tuple[NextStep, ...] = ()


def incident_id() -> str:
    """Return the incident id of this request, such as `7f3k-9qxd`. Each request has exactly one."""
    if "incident_id" not in g:
        # Without 0, 1, i, l and o, which people confuse.
        alphabet = "23456789abcdefghjkmnpqrstuvwxyz"
        letters = "".join(secrets.choice(alphabet) for _ in range(8))
        g.incident_id = f"{letters[:4]}-{letters[4:]}"
    known: str = g.incident_id
    return known


def caller() -> Caller:
    """The client address, incident id and User-Agent of this request, for the audit log."""
    return Caller(request.remote_addr or None, incident_id(), request.headers.get("User-Agent"))


def status_of(error: AwsconsError) -> HTTPStatus:
    """Return the HTTP status of `error`."""
    return next(status for kind, status in STATUS_CODES if isinstance(error, kind))


def problem_response(problem: Problem) -> Response:
    """Return `problem` as a page, or as JSON if the client prefers that."""
    title = _(_TITLES[problem.status]) if problem.status in _TITLES else problem.status.phrase
    if wants_json():
        response = jsonify(
            type="about:blank",
            title=title,
            status=problem.status.value,
            detail=" ".join((problem.sentence, *problem.details)),
            incident=incident_id(),
        )
        response.content_type = "application/problem+json"
    else:
        page = render_template("problem.html", title=title, problem=problem, incident_id=incident_id())
        response = make_response(page)
    response.status_code = problem.status.value
    response.vary.add("Accept")
    if problem.status is HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = _RETRY_AFTER
    return response


def wants_json() -> bool:
    """Whether the Accept header prefers JSON to HTML. Browsers prefer HTML."""
    accepted = request.accept_mimetypes
    best = accepted.best_match(["text/html", "application/json", "application/problem+json"])
    return best is not None and best != "text/html" and accepted[best] > accepted["text/html"]


def register_problems(app: Flask, site: Site) -> None:
    """Register error handlers that respond to every error of `app`, and log its cause."""

    @app.errorhandler(AwsconsError)
    def ours(error: AwsconsError) -> Response:
        status = status_of(error)
        log_problem(status, error=type(error).__name__, cause=str(error), hint=error.hint)
        step = _home(site)
        if isinstance(error, SignInError):
            step = NextStep(_("Sign in again"), site.url(error.return_to or site.home_path))
        elif request.method == "GET" and not isinstance(error, Blocked):
            step = NextStep(_("Try again"), site.url(repeated_path(site)))
        response = problem_response(Problem(status, _(_sentence_of(error)), next_step=step))
        if isinstance(error, RateLimited):
            response.headers["Retry-After"] = str(error.retry_after)
        return response

    @app.errorhandler(HTTPException)
    def of_http(error: HTTPException) -> Response:
        return answer_http_error(error, site)

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        # The log writes only the type of the error and its lines of code, since messages may hold secrets.
        _log.error(
            "problem.unexpected",
            incident_id=incident_id(),
            client_address=request.remote_addr,
            exc_info=error,
        )
        return problem_response(
            Problem(HTTPStatus.INTERNAL_SERVER_ERROR, _(AwsconsError.public), next_step=_home(site))
        )


def _sentence_of(error: AwsconsError) -> str:
    """The sentence for the person, not yet translated."""
    if not isinstance(error, IdpDeclined):
        return error.public
    return _EXPIRED if error.expired else _DECLINED.get(error.status, _REQUEST_NOT_ACCEPTED)


def answer_http_error(error: HTTPException, site: Site) -> Response:
    """Respond to an error that Flask or a guard raised, such as 404, 405 or 413."""
    status = HTTPStatus(error.code or 500)
    log_problem(status, error=type(error).__name__, cause=str(error.description))
    sentence = _(_SENTENCES.get(status, _NOT_UNDERSTOOD), method=request.method)
    response = problem_response(Problem(status, sentence, next_step=_home(site)))
    allow = dict(error.get_headers()).get("Allow")
    if allow:
        response.headers["Allow"] = allow
    return response


def _home(site: Site) -> NextStep:
    return NextStep(_("See what you can open"), site.url(site.home_path))


def log_problem(status: HTTPStatus, **facts: str) -> None:
    """Log one line for the operator, with the incident id that the page shows."""
    write = _log.warning if status >= HTTPStatus.INTERNAL_SERVER_ERROR else _log.info
    told = {name: value for name, value in facts.items() if value}
    write(
        "problem",
        incident_id=incident_id(),
        client_address=request.remote_addr,
        status=status.value,
        method=request.method,
        **told,
    )


def repeated_path(site: Site) -> str:
    """`path_and_query` for a later request of our own pages.

    If another site caused this request, the later one asks for confirmation: our own page would hide the other site.
    """
    path = path_and_query()
    foreign = "destination" in request.args and foreign_origin(site) is not None
    return f"{path}&{CONFIRM}=1" if foreign and CONFIRM not in request.args else path


def path_and_query() -> str:
    """Return the path of this request below the mount path, percent-encoded, with the query unchanged."""
    query = request.environ.get("QUERY_STRING", "")
    path = quote(request.path, safe="/~")
    return f"{path}?{query}" if query else path
