"""Signing out, here and at the identity provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus

from flask import Blueprint, Flask, Response, g, make_response, render_template, request

from awscons.access.identity import Login
from awscons.audit import events
from awscons.errors import MetadataRefused, SignInError, StoreUnavailable
from awscons.signin.single_logout import FinishedLogout, LogoutReceived
from awscons.web import cookies
from awscons.web.dependencies import WebDependencies
from awscons.web.login_views import current_login, end_current_login, only_field
from awscons.web.problems import caller, log_problem
from awscons.web.proxy_headers import counted_address
from awscons.web.redirects import redirect_to

_HERE, _EVERYWHERE, _PARTLY = "here", "everywhere", "partly"


def register_logout_views(app: Flask, deps: WebDependencies) -> None:
    """Sign-out and the SLO address, under `/saml/`."""
    views = Blueprint("logout", __name__, url_prefix="/saml")

    @views.post("/logout")
    def logout() -> Response:
        login = current_login(deps)
        # First: if the store fails now, the person is still signed in and can repeat it.
        _end_terminals(deps, login)
        end_current_login(deps)
        # Again, for one that was signed in meanwhile. From now on, none can be.
        _end_terminals(deps, login)
        g.login = None
        onward = None
        if login is not None:
            deps.audit.record(events.signed_out(login, caller()))
            onward = _word_for_the_identity_provider(deps, login)
        if onward is None:
            response = _to_signed_out(deps, _HERE)
        else:
            # A page in between: browsers hold the whole chain of redirects that follows a form to our
            # form-action, and where the identity provider leads people is not ours to know.
            response = make_response(render_template("leaving.html", url=onward))
        cookies.drop_login(response, deps.cookies)
        return response

    @views.get("/slo")
    def slo_redirect() -> Response:
        deps.limits.check("slo", counted_address(deps.site))
        query = request.environ.get("QUERY_STRING", "")
        return _respond_to_logout(
            deps, lambda: deps.logouts.handle_redirect(query), _claims_to_answer(request.args)
        )

    # Posted by the identity provider, hence from another site: exempt from the cross-origin guard (see
    # `guards.CROSS_ORIGIN_ENDPOINTS`). The identity provider's signature protects it instead.
    @views.post("/slo")
    def slo_post() -> Response:
        deps.limits.check("slo", counted_address(deps.site))
        return _respond_to_logout(
            deps,
            lambda: deps.logouts.handle_post(
                saml_request=only_field("SAMLRequest"),
                saml_response=only_field("SAMLResponse"),
                relay_state=only_field("RelayState"),
            ),
            _claims_to_answer(request.form),
        )

    @views.get("/signed-out")
    def signed_out() -> Response:
        # One of three fixed words decides; anybody may write it into a link, and it says nothing of them.
        return make_response(render_template("signed_out.html", reach=request.args.get("reach", _HERE)))

    app.register_blueprint(views)


def _end_terminals(deps: WebDependencies, login: Login | None) -> None:
    if login is None or not deps.has_terminals:
        return
    for ended in deps.terminals.end(login.identity.user_name):
        deps.audit.record(events.signed_out(ended, caller()))


def _word_for_the_identity_provider(deps: WebDependencies, login: Login) -> str | None:
    """Where to take it. Whatever goes wrong there, the person is signed out here, and is told so."""
    try:
        return deps.logouts.begin(login)
    except (MetadataRefused, StoreUnavailable) as error:
        log_problem(HTTPStatus.OK, error=type(error).__name__, cause=str(error), hint=error.hint)
        return None


def _respond_to_logout(
    deps: WebDependencies,
    handle: Callable[[], LogoutReceived | FinishedLogout],
    claims_to_answer: bool,  # noqa: FBT001  which of two kinds
) -> Response:
    try:
        received = handle()
    except (SignInError, StoreUnavailable) as error:
        deps.audit.record(events.sign_out_refused(error, caller()))
        if claims_to_answer and isinstance(error, SignInError):
            # The person signed out here before they were sent away. That the answer does not count (Entra
            # ID leaves it unsigned) is no news to them; it only cannot be said that they are out there.
            return _to_signed_out(deps, _HERE)
        raise
    if isinstance(received, FinishedLogout):
        return _to_signed_out(deps, _EVERYWHERE if received.everywhere else _PARTLY)
    for login in received.ended:
        deps.audit.record(events.signed_out(login, caller(), decided_by="the identity provider"))
    if received.answer_url is None:
        return _to_signed_out(deps, _HERE)
    return redirect_to(received.answer_url)


def _claims_to_answer(fields: Mapping[str, str]) -> bool:
    return "SAMLResponse" in fields and "SAMLRequest" not in fields


def _to_signed_out(deps: WebDependencies, reach: str) -> Response:
    query = "" if reach == _HERE else f"?reach={reach}"
    return redirect_to(f"{deps.site.url('/saml/signed-out')}{query}")
