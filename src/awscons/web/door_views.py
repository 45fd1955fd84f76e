"""What a signed-in terminal asks for: the doors of its person, and credentials. JSON only.

Both decide anew at every request, through the use case that opens consoles. No answer is ever stored.
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Flask, Response, jsonify, request

from awscons.access.identity import Login
from awscons.access.targets import Target
from awscons.aws.durations import MAX_DURATION, MIN_DURATION
from awscons.aws.role_credentials import RoleCredentials
from awscons.consoles import Failed, Issued, NotAllowed, StepUpNeeded
from awscons.errors import (
    AttributesUnfit,
    AuditLogUnwritable,
    AwsconsError,
    Blocked,
    LoginEndsTooSoon,
    NoAgentAccess,
    NoCommandLineAccess,
    RateLimited,
    StoreUnavailable,
    UpstreamRefused,
    quote_for_log,
)
from awscons.site import Account
from awscons.web.cli_views import only_with_terminals
from awscons.web.dependencies import WebDependencies
from awscons.web.language import gettext as _
from awscons.web.login_views import only_field
from awscons.web.portal_model import Entries, Entry
from awscons.web.problems import caller
from awscons.web.token_views import error_as_json, json_error

# The first match wins. All others are AWS's, or about reaching it.
_ERRORS: tuple[tuple[type[AwsconsError], str, HTTPStatus], ...] = (
    (StoreUnavailable, "unavailable", HTTPStatus.SERVICE_UNAVAILABLE),
    (AuditLogUnwritable, "unavailable", HTTPStatus.SERVICE_UNAVAILABLE),
    (RateLimited, "rate_limited", HTTPStatus.TOO_MANY_REQUESTS),
    (Blocked, "access_denied", HTTPStatus.FORBIDDEN),
    (AttributesUnfit, "access_denied", HTTPStatus.FORBIDDEN),
    (NoCommandLineAccess, "no_cli", HTTPStatus.FORBIDDEN),
    (NoAgentAccess, "no_agent", HTTPStatus.FORBIDDEN),
    (UpstreamRefused, "aws_refused", HTTPStatus.BAD_GATEWAY),
    (AwsconsError, "aws_unavailable", HTTPStatus.SERVICE_UNAVAILABLE),
)


def register_door_views(app: Flask, deps: WebDependencies, entries: Entries) -> None:
    """Register `/cli/doors` and `/cli/credentials`. `entries`: all targets, as people see them."""
    views = Blueprint("doors", __name__, url_prefix="/cli")
    only_with_terminals(views, deps)

    @views.errorhandler(AwsconsError)
    def failed(error: AwsconsError) -> Response:
        return _failed(error)

    @views.get("/doors")
    def doors() -> Response:
        login = _bearer(deps)
        if login is None:
            return _sign_in_again()
        deps.blocks.check(login.identity)
        return jsonify(doors=[_door(entry, deps) for entry in entries.allowed(login.identity)])

    @views.post("/credentials")
    def credentials() -> Response:
        login = _bearer(deps)
        return _sign_in_again() if login is None else _credentials(deps, login)

    app.register_blueprint(views)


def _bearer(deps: WebDependencies) -> Login | None:
    """The terminal's login of the request's access token (RFC 6750). Raises StoreUnavailable."""
    given = request.authorization
    return deps.terminals.find(given.token) if given and given.type == "bearer" and given.token else None


def _door(entry: Entry, deps: WebDependencies) -> dict[str, object]:
    target, role = entry.target, entry.target.role
    account, access = deps.branding.accounts.get(role.account_id, Account()), target.command_line
    return {
        "name": target.name,
        "title": target.title,
        "account_id": role.account_id,
        "account_name": account.name or None,
        "account_slug": account.slug or role.account_id,
        "role_name": role.role_name.rpartition("/")[2],
        "role_arn": str(role),
        "partition": role.partition,
        "region": target.region,
        "cli": access is not None,
        "max_duration": access.max_duration if access else target.duration,
        "console_url": entry.url,
    }


def _credentials(deps: WebDependencies, login: Login) -> Response:
    target = deps.targets.get(only_field("door"))
    if target is None:
        sentence, cause = _("There is no target of that name."), quote_for_log(only_field("door"))
        return json_error(HTTPStatus.NOT_FOUND, "unknown_door", sentence, cause=cause)
    seconds, is_agent = only_field("duration"), only_field("agent")
    if seconds and not _is_duration(seconds):
        sentence = _("The duration is a whole number of seconds, from 900 to 43200.")
        return json_error(HTTPStatus.BAD_REQUEST, "invalid_request", sentence, cause="duration")
    if is_agent not in {"", "true", "false"}:
        sentence = _("The field “agent” is true or false.")
        return json_error(HTTPStatus.BAD_REQUEST, "invalid_request", sentence, cause="agent")
    result = deps.consoles.issue_credentials(
        target,
        login,
        caller=caller(),
        duration=int(seconds) if seconds else None,
        is_agent=is_agent == "true",
    )
    return _answer(result, target, login)


def _answer(result: Issued | NotAllowed | StepUpNeeded | Failed, target: Target, login: Login) -> Response:
    match result:
        case Issued(issued):
            return _issued(issued.credentials)
        case NotAllowed(refused):
            return _not_allowed(target, login, refused.reason.value)
        case StepUpNeeded(requirement):
            if not (requirement.force_authn or requirement.authn_context):
                return _sign_in_again()
            sentence = _(
                "“%(target)s” requires a newer or stronger sign-in than this terminal has.",
                target=target.title,
            )
            return json_error(HTTPStatus.FORBIDDEN, "step_up_required", sentence)
        case Failed(error):
            return _failed(error)


def _is_duration(text: str) -> bool:
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_DURATION))
    return is_number and MIN_DURATION <= int(text) <= MAX_DURATION


def _issued(credentials: RoleCredentials) -> Response:
    """What `credential_process` of the AWS CLI and SDKs reads."""
    return jsonify(
        Version=1,
        AccessKeyId=credentials.access_key_id,
        SecretAccessKey=credentials.secret_access_key,
        SessionToken=credentials.session_token,
        Expiration=f"{credentials.expires_at:%Y-%m-%dT%H:%M:%SZ}",
    )


def _not_allowed(target: Target, login: Login, cause: str) -> Response:
    sentence = _(
        "You are signed in as %(person)s, and you may not open “%(target)s”.",
        person=login.identity.user_name,
        target=target.title,
    )
    return json_error(HTTPStatus.FORBIDDEN, "access_denied", sentence, cause=cause)


def _sign_in_again() -> Response:
    """Also for a login that ends before AWS's shortest credentials would."""
    sentence = _("The sign-in of this terminal has ended, or ends in less than 15 minutes.")
    response = json_error(HTTPStatus.UNAUTHORIZED, "invalid_token", sentence)
    response.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    return response


def _failed(error: AwsconsError) -> Response:
    if isinstance(error, LoginEndsTooSoon):
        return _sign_in_again()
    code, status = next((code, status) for kind, code, status in _ERRORS if isinstance(error, kind))
    return error_as_json(error, code, status)
