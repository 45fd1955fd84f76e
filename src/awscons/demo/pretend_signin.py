"""A pretend federation endpoint over HTTP, and a page in place of the AWS console.

It issues a sign-in token only for credentials that the pretend STS issued. A token is valid for 15 minutes
and only at the host that issued it. Errors are HTML, as at AWS. The rules come from the IAM User Guide,
"Enable custom identity broker access to the AWS console".
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from flask import Flask, Response, make_response, render_template, request

from awscons.aws.partitions import PARTITIONS
from awscons.demo.pretend_sts import RoleSession
from awscons.demo.pretend_sts_checks import ApiError

_TOKEN_LIFETIME = timedelta(minutes=15)
_MIN_DURATION, _MAX_DURATION = 900, 43_200


class CredentialBook(Protocol):
    """Looks up the credentials that the pretend STS issued."""

    def find(self, access_key_id: str, secret_access_key: str, session_token: str) -> RoleSession | None:
        """The role session of these credentials; None if they are wrong or expired."""

    def accept_response(self, text: str, region: str | None) -> RoleSession:
        """The role session that a SAML response opens, posted to a region's host. Raises ApiError."""


@dataclass(frozen=True, slots=True)
class ConsoleVisit:
    """One opened pretend console. `console_lasts` is in seconds."""

    role_session: RoleSession
    console_lasts: int
    relogin_url: str
    destination: str


@dataclass(frozen=True, slots=True)
class _Issued:
    """What a sign-in token was issued for. `console_lasts` is in seconds."""

    role_session: RoleSession
    console_lasts: int
    ends_at: datetime
    region: str | None


@dataclass(slots=True)
class PretendSignin:
    """The federation endpoint: `getSigninToken` by GET and POST, `login` by GET.

    book       looks up the issued credentials
    visits     the consoles that were opened, in order
    log_outs   how many times a browser was logged out
    """

    book: CredentialBook
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    visits: list[ConsoleVisit] = field(default_factory=list)
    log_outs: int = 0
    _tokens: dict[str, _Issued] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def application(self, region: str | None = None) -> Flask:
        """The sign-in host of `region`: `/federation`, `/oauth`, and `/console/<number>` for each visit."""
        app = Flask("awscons.demo", static_folder=None)

        @app.route("/federation", methods=["GET", "POST"])
        def federation() -> Response:
            match request.values.get("Action"):
                case "getSigninToken":
                    return self._get_signin_token(region)
                case "login" if request.method == "GET":
                    return self._login(region)
                case _:
                    return _html_error(400, "Unknown action")

        @app.get("/oauth")
        def oauth() -> Response:
            return self._log_out()

        @app.post("/saml")
        def saml() -> Response:
            return self._take_response(region)

        @app.get("/console/<int:number>")
        def console(number: int) -> Response:
            with self._lock:
                visit = self.visits[number] if number < len(self.visits) else None
            if visit is None:
                return _html_error(404, "No such console")
            page = make_response(render_template("console.html", visit=visit))
            page.headers["Cache-Control"] = "no-store"
            return page

        return app

    def _get_signin_token(self, region: str | None) -> Response:
        try:
            # AWS accepts exactly these three texts; a missing or additional one is an error.
            match json.loads(request.values["Session"]):
                case {"sessionId": str(key), "sessionKey": str(secret), "sessionToken": str(token), **more}:
                    role_session = None if more else self.book.find(key, secret, token)
                case _:
                    role_session = None
            seconds = request.values.get("SessionDuration")
            duration = None if seconds is None else int(seconds)
        except (KeyError, ValueError):
            return _html_error(400, "Invalid credentials parameter")
        if role_session is None:
            return _html_error(400, "Invalid credentials parameter")
        if duration is not None and (role_session.chained or not _MIN_DURATION <= duration <= _MAX_DURATION):
            return _html_error(400, "Bad Request")
        left = int((role_session.expires_at - self.clock()).total_seconds())
        signin_token = secrets.token_urlsafe(400)
        with self._lock:
            ends_at = self.clock() + _TOKEN_LIFETIME
            self._tokens[signin_token] = _Issued(role_session, duration or left, ends_at, region)
        response = make_response(json.dumps({"SigninToken": signin_token}))
        response.content_type = "application/json;charset=UTF-8"
        return response

    def _take_response(self, region: str | None) -> Response:
        """AWS's sign-in page for SAML: the response opens the console that RelayState names."""
        try:
            role_session = self.book.accept_response(request.form.get("SAMLResponse", ""), region)
        except ApiError as error:
            return _html_error(error.status, f"{error.code}: {error.message}")
        destination = request.form.get("RelayState", "")
        partition = PARTITIONS[role_session.role_arn.split(":")[1]]
        if not _is_console(destination, partition.console_suffix):
            return _html_error(400, "Invalid RelayState")
        lasts = int((role_session.expires_at - self.clock()).total_seconds())
        with self._lock:
            self.visits.append(ConsoleVisit(role_session, lasts, "", destination))
            number = len(self.visits) - 1
        response = Response(status=302)
        response.headers["Location"] = f"{request.script_root}/console/{number}"
        return response

    def _log_out(self) -> Response:
        """Count a log-out, and redirect the browser. Only this host's federation endpoint is a legal target."""
        url = request.args.get("redirect_uri", "")
        if request.args.get("Action") != "logout" or not url.startswith(request.url_root + "federation?"):
            return _html_error(400, "Invalid redirect_uri")
        with self._lock:
            self.log_outs += 1
        response = Response(status=302)
        response.headers["Location"] = url
        return response

    def _login(self, region: str | None) -> Response:
        destination = request.args.get("Destination", "")
        with self._lock:
            issued = self._tokens.get(request.args.get("SigninToken", ""))
            if issued is None or issued.ends_at <= self.clock() or issued.region != region:
                return _html_error(400, "Invalid or expired token")
            partition = PARTITIONS[issued.role_session.role_arn.split(":")[1]]
            if not _is_console(destination, partition.console_suffix):
                return _html_error(400, "Invalid destination")
            relogin_url = request.args.get("Issuer", "")
            visit = ConsoleVisit(issued.role_session, issued.console_lasts, relogin_url, destination)
            self.visits.append(visit)
            number = len(self.visits) - 1
        response = Response(status=302)
        # AWS redirects to `Destination`; the demo shows its own console page instead.
        response.headers["Location"] = f"{request.script_root}/console/{number}"
        response.headers["Cache-Control"] = "no-store"
        return response


def _is_console(destination: str, console_host: str) -> bool:
    """True if `destination` is an https URL on the partition's console host.

    It reads the URL with `urlsplit`, and so checks our own rule for destinations independently.
    """
    try:
        parts = urlsplit(destination)
        port = parts.port
    except ValueError:
        return False
    below = f".{parts.hostname}".endswith(f".{console_host}")
    return parts.scheme == "https" and port is None and below and "@" not in parts.netloc


def _html_error(status: int, message: str) -> Response:
    title = f"HTTP Status {status} - {escape(message)}"
    page = f"<!doctype html><html lang=en><title>{title}</title><h1>{title}</h1></html>"
    return Response(page, status=status, content_type="text/html;charset=utf-8")
