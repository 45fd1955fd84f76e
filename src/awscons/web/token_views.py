"""What a terminal itself asks for, without a browser and without cookies: tokens. JSON only (RFC 6749, 7009).

A web page of another site can ask for nothing here: the guard refuses writes of other sites, no answer allows other
origins to read it, and a browser holds no token of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus

from flask import Blueprint, Flask, Response, jsonify

from awscons.audit import events
from awscons.errors import AuditLogUnwritable, AwsconsError, RateLimited, StoreUnavailable
from awscons.terminals.authorization_request import CLIENT_ID
from awscons.terminals.terminal_logins import GrantRefused, Tokens, is_refresh_token
from awscons.web.cli_views import only_with_terminals
from awscons.web.dependencies import WebDependencies
from awscons.web.language import gettext as _
from awscons.web.login_views import only_field
from awscons.web.problems import caller, incident_id, log_problem
from awscons.web.proxy_headers import counted_address


def json_error(status: HTTPStatus, code: str, sentence: str, **facts: str) -> Response:
    """An error as clients read it; `facts` go to the log."""
    log_problem(status, error=code, **facts)
    response = jsonify(error=code, error_description=sentence, incident=incident_id())
    response.status_code = status.value
    return response


def error_as_json(
    error: AwsconsError, code: str, status: HTTPStatus, sentence: str | None = None
) -> Response:
    """One of our errors as JSON, with its public sentence unless there is a better one."""
    response = json_error(status, code, sentence or _(error.public), cause=str(error), hint=error.hint)
    if isinstance(error, RateLimited):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def register_token_views(app: Flask, deps: WebDependencies) -> None:
    """Register `/cli/token` and `/cli/revoke`."""
    views = Blueprint("tokens", __name__, url_prefix="/cli")
    only_with_terminals(views, deps)

    @views.post("/token")
    @_in_json
    def token() -> Response:
        if only_field("client_id") != CLIENT_ID:
            return json_error(HTTPStatus.BAD_REQUEST, "invalid_client", _("This client is not known here."))
        is_guess = True
        match only_field("grant_type"):
            case "authorization_code":
                result = deps.terminals.redeem(
                    only_field("code"),
                    redirect_uri=only_field("redirect_uri"),
                    verifier=only_field("code_verifier"),
                )
                if isinstance(result, Tokens):
                    deps.audit.record(events.terminal_signed_in(result.login, caller()))
            case "refresh_token":
                given = only_field("refresh_token")
                result, is_guess = deps.terminals.refresh(given), not is_refresh_token(given)
            case _:
                sentence = _("This service knows the grants authorization_code and refresh_token.")
                return json_error(HTTPStatus.BAD_REQUEST, "unsupported_grant_type", sentence)
        if isinstance(result, Tokens):
            return _tokens(result)
        return _no_tokens(deps, result, is_guess=is_guess)

    @views.post("/revoke")
    @_in_json
    def revoke() -> Response:
        # RFC 7009, section 2.2: the answer is the same for a token that is unknown.
        if only_field("client_id") == CLIENT_ID:
            login = deps.terminals.revoke(only_field("token"))
            if login is not None:
                deps.audit.record(events.signed_out(login, caller(), decided_by="the terminal"))
        return jsonify()

    app.register_blueprint(views)


def _in_json(view: Callable[[], Response]) -> Callable[[], Response]:
    """Answer the errors of a view as JSON."""

    @wraps(view)
    def answer() -> Response:
        try:
            return view()
        except (StoreUnavailable, AuditLogUnwritable) as error:
            return error_as_json(error, "unavailable", HTTPStatus.SERVICE_UNAVAILABLE)
        except RateLimited as error:
            return error_as_json(error, "rate_limited", HTTPStatus.TOO_MANY_REQUESTS)

    return answer


def _tokens(tokens: Tokens) -> Response:
    return jsonify(
        access_token=tokens.access_token,
        token_type="Bearer",  # noqa: S106  no password
        expires_in=tokens.expires_in,
        refresh_token=tokens.refresh_token,
        refresh_token_expires_in=tokens.refresh_expires_in,
        person=tokens.login.identity.user_name,
    )


def _no_tokens(deps: WebDependencies, refused: GrantRefused, *, is_guess: bool) -> Response:
    if refused.login is not None and refused.is_reuse:
        deps.audit.record(events.terminal_token_reused(refused.login, caller()))
    elif refused.login is not None:
        deps.audit.record(events.terminal_refused(refused.reason, refused.login, caller()))
    if is_guess:
        # A terminal that has ended comes with a token of ours. It has to learn that, or it would try for ever.
        deps.limits.check("terminal", counted_address(deps.site))
    sentence = _("The sign-in of this terminal has ended, or was never valid. Please sign in again.")
    return json_error(HTTPStatus.BAD_REQUEST, "invalid_grant", sentence, cause=refused.reason)
