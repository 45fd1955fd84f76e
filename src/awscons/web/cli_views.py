"""Signing a terminal in: what a browser sees of it. `/cli/metadata`, `/cli/authorize`, `/cli/code`, the client itself.

The person signs in as everywhere, and then allows the terminal on a page that names its machine. That page posts to
ourselves, so the guard against other sites holds; it also carries a proof that this service made it for this login.
"""

from __future__ import annotations

import hashlib
from http import HTTPStatus
from urllib.parse import urlencode

from flask import Blueprint, Flask, Response, abort, jsonify, make_response, render_template, request
from werkzeug.exceptions import MethodNotAllowed

from awscons import __version__
from awscons.access.identity import Login
from awscons.audit import events
from awscons.errors import LoginEndsTooSoon
from awscons.signin.login import NO_REQUIREMENT
from awscons.site import Site
from awscons.terminals.authorization_request import (
    AuthorizationRequest,
    RequestRefused,
    parse_authorization_request,
)
from awscons.terminals.terminal_logins import is_code
from awscons.web import cookies
from awscons.web.dependencies import WebDependencies
from awscons.web.guards import content_security_policy
from awscons.web.language import gettext as _
from awscons.web.link_confirmation import refuse_unasked_request
from awscons.web.login_views import begin_login, current_login
from awscons.web.problems import NextStep, Problem, caller, log_problem, problem_response
from awscons.web.redirects import redirect_to

_PASTE_PATH = "/cli/code"
_DENIED = "access_denied"


def only_with_terminals(views: Blueprint, deps: WebDependencies) -> None:
    """Answer 404 to all of these views where no target gives credentials to terminals."""

    @views.before_request
    def refuse_without_terminals() -> None:
        if not deps.has_terminals:
            abort(HTTPStatus.NOT_FOUND)


def register_cli_views(app: Flask, deps: WebDependencies) -> None:
    """Register the pages and documents that begin a terminal's login."""
    views = Blueprint("cli", __name__, url_prefix="/cli")
    only_with_terminals(views, deps)
    paste_uri = deps.site.url(_PASTE_PATH)

    @views.get("/metadata")
    def metadata() -> Response:
        return jsonify(_metadata(deps.site))

    @views.get("/authorize")
    def authorize() -> Response:
        # Flask answers HEAD with the view of GET. A link checker must begin no sign-in.
        if request.method != "GET":
            raise MethodNotAllowed(valid_methods=["GET", "POST"])
        refused = refuse_unasked_request(_home(deps))
        if refused is not None:
            return refused
        asked = parse_authorization_request(request.args.to_dict(flat=False), paste_uri=paste_uri)
        return _refuse(deps, asked) if isinstance(asked, RequestRefused) else _ask(deps, asked)

    @views.post("/authorize")
    def decide() -> Response:
        asked = parse_authorization_request(request.form.to_dict(flat=False), paste_uri=paste_uri)
        return _refuse(deps, asked) if isinstance(asked, RequestRefused) else _decided(deps, asked)

    @views.get("/code")
    def code() -> Response:
        # What is shown has the form of a code of ours, so no link can make this page say anything else.
        given = request.args.get("code", "")
        return make_response(render_template("terminal_code.html", code=given if is_code(given) else ""))

    @views.get("/awscons.pyz")
    def client() -> Response:
        return _client(deps)

    app.register_blueprint(views)


def _metadata(site: Site) -> dict[str, object]:
    """RFC 8414, and the addresses of our own."""
    return {
        "issuer": site.url(""),
        "authorization_endpoint": site.url("/cli/authorize"),
        "token_endpoint": site.url("/cli/token"),
        "revocation_endpoint": site.url("/cli/revoke"),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "awscons_version": __version__,
        "doors_endpoint": site.url("/cli/doors"),
        "credentials_endpoint": site.url("/cli/credentials"),
        "paste_redirect_uri": site.url(_PASTE_PATH),
        "client_download": site.url("/cli/awscons.pyz"),
    }


def _login_for(deps: WebDependencies, asked: AuthorizationRequest) -> Login | Response:
    """The login of this browser, good enough for the terminal; else the way to a sign-in. Raises Blocked."""
    login, target = current_login(deps), deps.targets.get(asked.door)
    requirement = deps.terminals.required_sign_in(login, target) if login else NO_REQUIREMENT
    if login is None or requirement is not None:
        path = f"/cli/authorize?{urlencode(asked.parameters)}"
        return begin_login(deps, path, requirement=requirement or NO_REQUIREMENT)
    deps.blocks.check(login.identity)
    if deps.terminals.ends_too_soon(login):
        raise LoginEndsTooSoon(
            "a new login ends too soon for a terminal",
            hint="a longer session at the identity provider",
        )
    return login


def _ask(deps: WebDependencies, asked: AuthorizationRequest) -> Response:
    """The page on which the person allows or refuses the terminal."""
    login = _login_for(deps, asked)
    if isinstance(login, Response):
        return login
    page = render_template(
        "terminal_consent.html",
        asked=asked,
        proof=deps.terminals.consent_proof(cookies.login_id_in(request, deps.cookies), asked),
        ends_at=deps.terminals.ends_at(login),
    )
    response = make_response(page)
    # Browsers apply form-action to the redirect that follows as well. A source cannot name an IPv6 address.
    origin = asked.loopback_origin
    allowed = ["'self'"] if origin is None else ["'self'", "http:" if "[" in origin else origin]
    response.headers["Content-Security-Policy"] = content_security_policy(posts_to=allowed)
    return response


def _decided(deps: WebDependencies, asked: AuthorizationRequest) -> Response:
    """What the person decided on that page."""
    proof, decision = request.form.get("proof", ""), request.form.get("decision")
    login_id = cookies.login_id_in(request, deps.cookies)
    if decision is None or not deps.terminals.is_consent(proof, login_id, asked):
        return _ask(deps, asked)
    login = _login_for(deps, asked)
    if isinstance(login, Response):
        return login
    if decision != "allow":
        deps.audit.record(events.terminal_refused("denied by the person", login, caller(), asked.machine))
        return _back(deps, asked.redirect_uri, asked.state, error=_DENIED)
    return _back(deps, asked.redirect_uri, asked.state, code=deps.terminals.issue_code(login, asked))


def _client(deps: WebDependencies) -> Response:
    if deps.client_archive is None:
        abort(HTTPStatus.NOT_FOUND)
    response = Response(deps.client_archive, content_type="application/octet-stream")
    response.headers["Content-Disposition"] = 'attachment; filename="awscons.pyz"'
    response.headers["Cache-Control"] = "no-cache"
    response.set_etag(hashlib.sha256(deps.client_archive).hexdigest())
    response.make_conditional(request)
    return response


def _back(deps: WebDependencies, redirect_uri: str, state: str, **answer: str) -> Response:
    """The browser takes the answer to the terminal, and says whose it is (RFC 9207)."""
    query = urlencode({**answer, **({"state": state} if state else {}), "iss": deps.site.url("")})
    response = redirect_to(f"{redirect_uri}?{query}")
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _refuse(deps: WebDependencies, refused: RequestRefused) -> Response:
    log_problem(HTTPStatus.BAD_REQUEST, error="RequestRefused", cause=refused.reason)
    if refused.redirect_uri is not None:
        return _back(
            deps,
            refused.redirect_uri,
            refused.state,
            error=refused.error,
            error_description=f"not as expected: {refused.reason}",
        )
    sentence = _("This link does not come from the command-line client of this service.")
    return problem_response(Problem(HTTPStatus.BAD_REQUEST, sentence, next_step=_home(deps)))


def _home(deps: WebDependencies) -> NextStep:
    return NextStep(_("See what you can open"), deps.site.url(deps.site.home_path))
