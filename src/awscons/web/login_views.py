"""The way through the identity provider and back."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Flask, Response, abort, g, make_response, render_template, request

from awscons.access.identity import Login
from awscons.access.step_up import AuthnRequirement
from awscons.audit import events
from awscons.errors import NoPendingLogin, SignInError, StoreUnavailable
from awscons.signin.login import NO_REQUIREMENT
from awscons.web import cookies
from awscons.web.dependencies import WebDependencies
from awscons.web.guards import content_security_policy
from awscons.web.language import gettext as _
from awscons.web.problems import NextStep, Problem, caller, problem_response
from awscons.web.redirects import redirect_to

MAX_RETURN_PATH_LENGTH = 4096
"""Maximum length of the path and query that a pending login saves; anybody may fill the store with them."""


def register_login_views(app: Flask, deps: WebDependencies) -> None:
    """The ACS and our metadata, under `/saml/`."""
    views = Blueprint("login", __name__, url_prefix="/saml")

    # Posted by the identity provider, hence from another site: exempt from the cross-origin guard (see
    # `guards.CROSS_ORIGIN_ENDPOINTS`). A pending login of this browser protects it instead.
    @views.post("/acs")
    def acs() -> Response:
        relay_state = only_field("RelayState")
        try:
            claimed = deps.logins.claim(
                relay_state, browser_secrets=cookies.pending_secrets_in(request, deps.cookies)
            )
            if isinstance(claimed, NoPendingLogin):
                deps.limits.check("acs", request.remote_addr or "")
            finished = deps.logins.finish(only_field("SAMLResponse"), claimed)
        except NoPendingLogin as error:
            error = _with_loop_seen(deps, error)
            deps.audit.record(events.sign_in_refused(error, caller()))
            return _retry_login(deps, error)
        except (SignInError, StoreUnavailable) as error:
            deps.audit.record(events.sign_in_refused(error, caller()))
            raise
        if finished.replaced is not None:
            deps.audit.record(events.signed_out(finished.replaced, caller(), decided_by="a new sign-in"))
        deps.audit.record(events.signed_in(finished.login, caller()))
        response = redirect_to(deps.site.url(finished.return_to))
        if "destination=" in finished.return_to:
            cookies.note_link(
                response,
                deps.cookies,
                login_id=finished.login_id,
                path=finished.return_to,
                origin=finished.link_origin,
                approved=True,
            )
        cookies.set_login(response, deps.cookies, finished.login_id)
        cookies.drop_pending(response, deps.cookies, relay_state)
        cookies.drop_retry_of_login(request, response, deps.cookies)
        return response

    @views.get("/metadata")
    def metadata() -> Response:
        # RFC 7580's type for SAML metadata; it is no secret and no page.
        return Response(deps.metadata, content_type="application/samlmetadata+xml")

    app.register_blueprint(views)


def only_field(field: str) -> str:
    """A field of the posted form; "" when it is missing, or there twice and so says two things."""
    values = request.form.getlist(field)
    return values[0] if len(values) == 1 else ""


def current_login(deps: WebDependencies) -> Login | None:
    """The login that this request's cookie names, if it is one. Raises StoreUnavailable."""
    login = deps.logins.find(cookies.login_id_in(request, deps.cookies))
    g.login = login  # the bar on every page says who is signed in
    return login


def begin_login(
    deps: WebDependencies,
    return_to: str,
    *,
    requirement: AuthnRequirement = NO_REQUIREMENT,
    retry_of_login: bool = False,
    link_origin: str | None = None,
) -> Response:
    """Send the browser to the identity provider; it comes back to `return_to`, a path of ours.

    requirement   what this sign-in has to bring beyond the usual
    link_origin   of another site whose link led to `return_to`
    """
    if len(return_to) > MAX_RETURN_PATH_LENGTH:
        abort(414)
    deps.limits.check("begin", request.remote_addr or "")
    begun = deps.logins.begin(
        return_to,
        requirement=requirement,
        login_hint=request.args.get("login_hint"),
        retry_of_login=retry_of_login,
        link_origin=link_origin,
        replaced_login_id=cookies.login_id_in(request, deps.cookies),
    )
    if begun.form is None:
        # 302 for a GET; 303 where the browser has just posted something that must not be posted on.
        status = HTTPStatus.FOUND if request.method == "GET" else HTTPStatus.SEE_OTHER
        response = redirect_to(begun.url, status)
    else:
        response = make_response(render_template("post_on.html", url=begun.url, form=begun.form))
        response.headers["Content-Security-Policy"] = content_security_policy(posts_on=True)
    cookies.set_pending(request, response, deps.cookies, begun, lifetime=deps.pending_lifetime)
    return response


def _retry_login(deps: WebDependencies, error: NoPendingLogin) -> Response:
    """An answer that this browser did not ask for is never trusted; the person is asked again, by us.

    Their identity provider knows them already, so most people notice nothing: this is also how a tile
    at the identity provider works. A second time in a row is a loop, and gets an explanation.
    """
    return_to = error.return_to or deps.site.home_path
    if not error.in_a_loop:
        response = begin_login(deps, return_to, retry_of_login=True)
        cookies.mark_retry_of_login(response, deps.cookies)
        return response
    return problem_response(
        Problem(
            HTTPStatus.BAD_REQUEST,
            _("You were signed in, but the sign-in could not be matched to this browser, twice in a row."),
            details=(
                _("The most common cause is a browser that blocks the cookies of this site."),
                _(
                    "Reloading a page of the sign-in, or returning to it with the Back button, can also cause this."
                ),
                _(
                    "If this happens to everybody, people use another address than the one that their "
                    "identity provider sends them to."
                ),
            ),
            next_step=NextStep(_("Sign in again"), deps.site.url(return_to)),
        )
    )


def _with_loop_seen(deps: WebDependencies, error: NoPendingLogin) -> NoPendingLogin:
    """The same, in a loop when this browser's last sign-in was a fresh start as well.

    The pending login says so itself where the RelayState led to it; the cookie where it did not.
    """
    if error.in_a_loop or not cookies.is_retry_of_login(request, deps.cookies):
        return error
    return NoPendingLogin(error.cause, return_to=error.return_to, in_a_loop=True)


def end_current_login(deps: WebDependencies) -> None:
    """Forget every login that this request's cookies name. Raises StoreUnavailable.

    There are several if another host has planted a cookie. The one that we set must not outlast the sign-out.
    """
    for login_id in cookies.login_ids_in(request, deps.cookies):
        deps.logins.end(login_id)
