"""The way through the identity provider and back."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Flask, Response, abort, g, make_response, render_template, request

from awscons.audit import Action, AuditEvent, Outcome
from awscons.errors import NoPendingLogin, ResponseRefused, SignInError, StoreUnavailable
from awscons.identity import Login
from awscons.login import NO_DEMANDS
from awscons.step_up import Demands
from awscons.web import cookies
from awscons.web.guards import content_security_policy
from awscons.web.language import gettext as _
from awscons.web.parts import WebParts
from awscons.web.problems import NextStep, Problem, incident_id, problem_response

LONGEST_RETURN = 4096
"""Characters of a path and query that a sign-in keeps; whoever asks fills the store with them."""


def register_login_views(app: Flask, parts: WebParts) -> None:
    """The ACS and our metadata, under `/saml/`."""
    views = Blueprint("login", __name__, url_prefix="/saml")

    # Posted by the identity provider, hence from another site: exempt from the cross-origin guard (see
    # `guards.POSTED_FROM_ELSEWHERE`). A pending login of this browser protects it instead.
    @views.post("/acs")
    def acs() -> Response:
        parts.limits.check("acs", request.remote_addr or "")
        relay_state = only_field("RelayState")
        try:
            finished = parts.logins.finish(
                only_field("SAMLResponse"),
                relay_state,
                browser_secrets=cookies.pending_secrets_in(request, parts.cookies),
            )
        except NoPendingLogin as error:
            error = _with_loop_seen(parts, error)
            _record_refusal(parts, Outcome.REFUSED, error)
            return _start_afresh(parts, error)
        except (SignInError, StoreUnavailable) as error:
            outcome = Outcome.FAILED if isinstance(error, StoreUnavailable) else Outcome.REFUSED
            _record_refusal(parts, outcome, error)
            raise
        parts.audit.record(
            AuditEvent(
                action=Action.SIGN_IN,
                outcome=Outcome.DONE,
                user_name=finished.login.identity.user_name,
                name_id=finished.login.identity.name_id,
                client_address=request.remote_addr,
            )
        )
        response = _redirect(parts.site.url(finished.return_to))
        cookies.set_login(response, parts.cookies, finished.login_id)
        cookies.drop_pending(response, parts.cookies, relay_state)
        cookies.drop_fresh_start(request, response, parts.cookies)
        return response

    @views.get("/metadata")
    def metadata() -> Response:
        # RFC 7580's type for SAML metadata; it is no secret and no page.
        return Response(parts.metadata, content_type="application/samlmetadata+xml")

    app.register_blueprint(views)


def only_field(field: str) -> str:
    """A field of the posted form; "" when it is missing, or there twice and so says two things."""
    values = request.form.getlist(field)
    return values[0] if len(values) == 1 else ""


def current_login(parts: WebParts) -> Login | None:
    """The login that this request's cookie names, if it is one. Raises StoreUnavailable."""
    login = parts.logins.find(cookies.login_id_in(request, parts.cookies))
    g.login = login  # the bar on every page says who is signed in
    return login


def begin_login(
    parts: WebParts, return_to: str, *, demands: Demands = NO_DEMANDS, fresh_start: bool = False
) -> Response:
    """Send the browser to the identity provider; it comes back to `return_to`, a path of ours.

    demands   what this sign-in has to bring beyond the usual
    """
    if len(return_to) > LONGEST_RETURN:
        abort(414)
    parts.limits.check("begin", request.remote_addr or "")
    begun = parts.logins.begin(
        return_to,
        demands=demands,
        login_hint=request.args.get("login_hint"),
        fresh_start=fresh_start,
    )
    if begun.form is None:
        # 302 for a GET; 303 where the browser has just posted something that must not be posted on.
        status = HTTPStatus.FOUND if request.method == "GET" else HTTPStatus.SEE_OTHER
        response = _redirect(begun.url, status)
    else:
        response = make_response(render_template("post_on.html", url=begun.url, form=begun.form))
        response.headers["Content-Security-Policy"] = content_security_policy(posts_on=True)
    cookies.set_pending(request, response, parts.cookies, begun, lifetime=parts.pending_lifetime)
    return response


def _start_afresh(parts: WebParts, error: NoPendingLogin) -> Response:
    """An answer that this browser did not ask for is never trusted; the person is asked again, by us.

    Their identity provider knows them already, so most people notice nothing: this is also how a tile
    at the identity provider works. A second time in a row is a loop, and gets an explanation.
    """
    return_to = error.return_to or parts.site.home_path
    if not error.in_a_loop:
        response = begin_login(parts, return_to, fresh_start=True)
        cookies.set_fresh_start(response, parts.cookies)
        return response
    return problem_response(
        Problem(
            HTTPStatus.BAD_REQUEST,
            _("You were signed in, but the sign-in could not be matched to this browser, twice in a row."),
            details=(
                _("Most often the browser blocks this site's cookies."),
                _("A page reloaded, or reached with the Back button, can do it too."),
                _(
                    "If it happens to everybody, the address that people use is not the one that their "
                    "identity provider sends them to."
                ),
            ),
            next_step=NextStep(_("Sign in again"), parts.site.url(return_to)),
        )
    )


def _with_loop_seen(parts: WebParts, error: NoPendingLogin) -> NoPendingLogin:
    """The same, in a loop when this browser's last sign-in was a fresh start as well.

    The pending login says so itself where the RelayState led to it; the cookie where it did not.
    """
    if error.in_a_loop or not cookies.has_fresh_start(request, parts.cookies):
        return error
    return NoPendingLogin(error.cause, return_to=error.return_to, in_a_loop=True)


def end_current_login(parts: WebParts) -> None:
    """Forget the login that this request's cookie names. Raises StoreUnavailable."""
    login_id = cookies.login_id_in(request, parts.cookies)
    if login_id:
        parts.logins.end(login_id)


def _record_refusal(parts: WebParts, outcome: Outcome, error: SignInError | StoreUnavailable) -> None:
    parts.audit.record(
        AuditEvent(
            action=Action.SIGN_IN,
            outcome=outcome,
            incident_id=incident_id(),
            reason=error.rule if isinstance(error, ResponseRefused) else type(error).__name__,
            cause=str(error),
            hint=error.hint or None,
            client_address=request.remote_addr,
        )
    )


def _redirect(url: str, status: HTTPStatus = HTTPStatus.SEE_OTHER) -> Response:
    response = Response(status=status)
    response.headers["Location"] = url
    return response
