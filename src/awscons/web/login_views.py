"""The way through the identity provider and back."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Flask, Response, abort, g, make_response, render_template, request

from awscons.access.identity import Login
from awscons.access.step_up import AuthnRequirement
from awscons.audit import events
from awscons.errors import (
    IdpDeclined,
    NoPendingLogin,
    ResponseTooLarge,
    SignInError,
    SignInLoop,
    StoreUnavailable,
)
from awscons.saml.input_limits import check_size
from awscons.signin.login import NO_REQUIREMENT
from awscons.web import cookies
from awscons.web.dependencies import WebDependencies
from awscons.web.guards import body_is_too_large, content_security_policy
from awscons.web.language import gettext as _
from awscons.web.problems import NextStep, Problem, caller, log_problem, problem_response, status_of
from awscons.web.proxy_headers import counted_address
from awscons.web.redirects import redirect_to

MAX_RETURN_PATH_LENGTH = 4096
"""Maximum length of the path and query that a pending login saves; anybody may fill the store with them."""

MAX_RETURNS = 2
"""How often a browser may come back from the identity provider within a minute and still have to sign in."""


def register_login_views(app: Flask, deps: WebDependencies) -> None:
    """The ACS and our metadata, under `/saml/`."""
    views = Blueprint("login", __name__, url_prefix="/saml")

    # Posted by the identity provider, hence from another site: exempt from the cross-origin guard (see
    # `guards.CROSS_ORIGIN_ENDPOINTS`). A pending login of this browser protects it instead.
    @views.post("/acs")
    def acs() -> Response:
        too_large = _size_error(deps)
        relay_state = "" if too_large else only_field("RelayState")
        browser_secrets = cookies.pending_secrets_in(request, deps.cookies)
        try:
            claimed = deps.logins.claim(relay_state, browser_secrets=browser_secrets)
            if isinstance(claimed, NoPendingLogin):
                deps.limits.check("acs", counted_address(deps.site))
            if too_large is not None:
                raise too_large
            finished = deps.logins.finish(
                only_field("SAMLResponse"), claimed, relay_state, browser_secrets=browser_secrets
            )
        except (SignInError, StoreUnavailable) as error:
            deps.audit.record(events.sign_in_refused(error, caller()))
            return _try_again(deps, error)
        if finished.replaced is not None:
            deps.audit.record(events.signed_out(finished.replaced, caller(), decided_by="a new sign-in"))
        deps.audit.record(events.signed_in(finished, caller()))
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
        cookies.count_return(request, response, deps.cookies, accepted=True)
        return response

    @app.after_request
    def forget_returns(response: Response) -> Response:
        """A browser that is signed in, and is not being sent to the identity provider again, is in no loop."""
        if g.get("login") is not None and "begun" not in g:
            cookies.forget_returns(request, response, deps.cookies)
        return response

    app.register_blueprint(views)
    _publish_metadata(app, "metadata", deps.metadata)
    _publish_metadata(app, "idp-metadata", deps.idp_metadata)


def _publish_metadata(app: Flask, name: str, document: bytes | None) -> None:
    """It is no secret and no page; the type is RFC 7580's for SAML metadata. None: there is no such document."""

    def metadata() -> Response:
        if document is None:
            abort(HTTPStatus.NOT_FOUND)
        return Response(document, content_type="application/samlmetadata+xml")

    app.add_url_rule(f"/saml/{name}", f"login.{name}", metadata)


def _size_error(deps: WebDependencies) -> ResponseTooLarge | None:
    """The error for a body that is larger than the form with a response may be; it has been discarded then."""
    limits, size = deps.answer_limits, request.content_length or 0
    if body_is_too_large(limits.max_form_bytes):
        try:
            check_size("form", size, limits.max_form_bytes, limits)
        except ResponseTooLarge as error:
            return error
    return None


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

    requirement   what this sign-in requires in addition to the configuration
    link_origin   of another site whose link led to `return_to`
    A browser that came back twice within a minute and has to go once more gets a page instead of a loop.
    """
    if len(return_to) > MAX_RETURN_PATH_LENGTH:
        abort(414)
    if cookies.returns_in(request, deps.cookies) >= MAX_RETURNS:
        return _loop_page(deps, SignInLoop(return_to=return_to))
    deps.limits.check("begin", counted_address(deps.site))
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
    g.begun = True
    cookies.set_pending(request, response, deps.cookies, begun, lifetime=deps.pending_lifetime)
    return response


def _try_again(deps: WebDependencies, error: SignInError | StoreUnavailable) -> Response:
    """Start the sign-in afresh once, where that helps, or raise `error` for its page.

    A response that this browser did not request is never trusted; this service asks the identity provider
    anew. The identity provider knows the person already, so most people notice nothing: this is also how a
    tile at the identity provider works. The same helps a person who took too long there.
    """
    returned_before = cookies.last_return_was_refused(request, deps.cookies)
    match error:
        case NoPendingLogin() if error.in_a_loop or returned_before:
            return _loop_page(deps, NoPendingLogin(error.cause, return_to=error.return_to, in_a_loop=True))
        case NoPendingLogin():
            response = begin_login(deps, error.return_to or deps.site.home_path, retry_of_login=True)
        case IdpDeclined(expired=True, return_to=str(return_to)) if not returned_before:
            # The path itself knows what its sign-in requires, and whether another tab has signed in by now.
            response = redirect_to(deps.site.url(return_to))
        case _:
            raise error
    cookies.count_return(request, response, deps.cookies, accepted=False)
    return response


def _loop_page(deps: WebDependencies, error: NoPendingLogin | SignInLoop) -> Response:
    """A page in place of an endless loop; its button starts afresh."""
    log_problem(status_of(error), error=type(error).__name__, cause=str(error), hint=error.hint)
    if isinstance(error, SignInLoop):
        sentence = _(SignInLoop.public)
    else:
        sentence = _(
            "You were signed in, but the sign-in could not be matched to this browser, twice in a row."
        )
    response = problem_response(
        Problem(
            status_of(error),
            sentence,
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
            next_step=NextStep(_("Sign in again"), deps.site.url(error.return_to or deps.site.home_path)),
        )
    )
    cookies.forget_returns(request, response, deps.cookies)
    return response


def end_current_login(deps: WebDependencies) -> None:
    """Forget every login that this request's cookies name. Raises StoreUnavailable.

    There are several if another host has planted a cookie. The one that we set must not outlast the sign-out.
    """
    for login_id in cookies.login_ids_in(request, deps.cookies):
        deps.logins.end(login_id)
