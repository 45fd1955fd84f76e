"""A pretend AWS over real HTTP: STS, the federation endpoint, and a page where the console would be.

It gives nothing away that the real one would not: requests must be signed, names and durations legal,
sign-in tokens made from credentials that STS really issued. What it is modelled on: the STS API
reference and the IAM User Guide's page on custom identity brokers.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from flask import Flask, Response, make_response, render_template, request

from awscons.console import PARTITIONS
from awscons.targets import parse_role_arn

_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 "
    r"Credential=(?P<key>[A-Z0-9]+)/(?P<date>\d{8})/(?P<region>[a-z0-9-]+)/sts/aws4_request, "
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), Signature=(?P<signature>[0-9a-f]{64})"
)
_INVALID = "1 validation error detected: Value at '{}' failed to satisfy constraint"
_TOKEN_LIFETIME = timedelta(minutes=15)
_LONGEST_CHAINED = 3600
_SHORTEST, _LONGEST = 900, 43_200


@dataclass(frozen=True, slots=True)
class RoleSession:
    """Who a set of temporary credentials is. `chained`: they were got with another role's."""

    role_arn: str
    account_id: str
    role_session_name: str
    expires_at: datetime
    chained: bool


class CredentialBook(Protocol):
    """Who knows which credentials were really issued."""

    def find(self, access_key_id: str, secret_access_key: str, session_token: str) -> RoleSession | None:
        """The role session of these credentials; None when they are wrong or have ended."""


@dataclass(frozen=True, slots=True)
class _AccessKey:
    """A key that this STS knows. `role_session` is None for the long-term key of a user."""

    secret: str
    session_token: str | None
    arn: str
    role_session: RoleSession | None


class _ApiError(Exception):
    """An error as STS answers it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class PretendSts:
    """STS: AssumeRole and GetCallerIdentity, query protocol, SigV4 checked, 2011-06-15."""

    def __init__(
        self,
        *,
        roles: dict[str, int],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`roles`: ARN to MaxSessionDuration in seconds. A role that is not there trusts nobody."""
        self._roles = roles
        self._clock = clock
        self._keys: dict[str, _AccessKey] = {}

    def add_user(self, arn: str) -> tuple[str, str]:
        """A long-term access key for an IAM user: its id and its secret."""
        key_id, secret = "AKIA" + _letters(16), secrets.token_urlsafe(30)
        self._keys[key_id] = _AccessKey(secret, None, arn, None)
        return key_id, secret

    def find(self, access_key_id: str, secret_access_key: str, session_token: str) -> RoleSession | None:
        """See CredentialBook."""
        key = self._keys.get(access_key_id)
        if key is None or key.secret != secret_access_key or key.session_token != session_token:
            return None
        role_session = key.role_session
        return role_session if role_session and role_session.expires_at > self._clock() else None

    def application(self) -> Flask:
        """The endpoint, at `POST /`."""
        app = Flask("awscons.demo.sts", static_folder=None)

        @app.post("/")
        def api() -> Response:
            request_id = secrets.token_hex(16)
            body = request.get_data()
            try:
                return _xml(200, self._answer(body, request_id))
            except _ApiError as error:
                return _xml(error.status, _error_xml(error, request_id))

        return app

    def _answer(self, body: bytes, request_id: str) -> str:
        key = self._authenticate(body)
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        match form.get("Action"):
            case "AssumeRole":
                return self._assume_role(key, form, request_id)
            case "GetCallerIdentity":
                return _caller_identity(key, request_id)
            case action:
                raise _ApiError(400, "InvalidAction", f"Could not find operation {action}")

    def _authenticate(self, body: bytes) -> _AccessKey:
        """Signature Version 4, computed again from the request as it came."""
        matched = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
        if matched is None:
            raise _ApiError(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
        key = self._keys.get(matched["key"])
        if key is None:
            raise _ApiError(
                403, "InvalidClientTokenId", "The security token included in the request is invalid."
            )
        if key.role_session is not None and key.role_session.expires_at <= self._clock():
            raise _ApiError(403, "ExpiredToken", "The security token included in the request is expired")
        signer = SigV4Auth(
            Credentials(matched["key"], key.secret, key.session_token), "sts", matched["region"]
        )
        signed_headers = {name: request.headers.get(name, "") for name in matched["headers"].split(";")}
        again = AWSRequest(request.method, request.url, headers=signed_headers, data=body)
        again.context["timestamp"] = request.headers.get("X-Amz-Date", "")
        expected = signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)
        if not secrets.compare_digest(expected, matched["signature"]):
            raise _ApiError(
                403, "SignatureDoesNotMatch", "The request signature we calculated does not match."
            )
        if key.session_token != request.headers.get("X-Amz-Security-Token"):
            raise _ApiError(
                403, "InvalidClientTokenId", "The security token included in the request is invalid."
            )
        return key

    def _assume_role(self, key: _AccessKey, form: dict[str, str], request_id: str) -> str:
        arn, name = form.get("RoleArn", ""), form.get("RoleSessionName", "")
        seconds = int(form.get("DurationSeconds", "3600"))
        role = parse_role_arn(arn)
        if not _SESSION_NAME.fullmatch(name):
            raise _ApiError(
                400,
                "ValidationError",
                "1 validation error detected: Value at 'roleSessionName' failed to satisfy constraint",
            )
        if not _SHORTEST <= seconds <= _LONGEST:
            raise _ApiError(
                400,
                "ValidationError",
                "1 validation error detected: Value at 'durationSeconds' failed to satisfy constraint",
            )
        if role is None or arn not in self._roles:
            raise _ApiError(
                403,
                "AccessDenied",
                f"User: {key.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}",
            )
        if key.role_session is not None and seconds > _LONGEST_CHAINED:
            raise _ApiError(
                400,
                "ValidationError",
                "The requested DurationSeconds exceeds the 1 hour session limit "
                "for roles assumed by role chaining",
            )
        if seconds > self._roles[arn]:
            raise _ApiError(
                400,
                "ValidationError",
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            )
        expires_at = self._clock() + timedelta(seconds=seconds)
        role_session = RoleSession(arn, role.account_id, name, expires_at, key.role_session is not None)
        key_id, secret, token = "ASIA" + _letters(16), secrets.token_urlsafe(30), secrets.token_urlsafe(300)
        assumed = (
            f"arn:{role.partition}:sts::{role.account_id}:assumed-role/{role.role_name.split('/')[-1]}/{name}"
        )
        self._keys[key_id] = _AccessKey(secret, token, assumed, role_session)
        return (
            '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>'
            f"<AssumedRoleUser><AssumedRoleId>AROA{_letters(17)}:{escape(name)}</AssumedRoleId><Arn>{escape(assumed)}</Arn></AssumedRoleUser>"
            f"<Credentials><AccessKeyId>{key_id}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>"
            f"<SessionToken>{token}</SessionToken><Expiration>{expires_at:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials>"
            f"</AssumeRoleResult><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></AssumeRoleResponse>"
        )


@dataclass(frozen=True, slots=True)
class ConsoleVisit:
    """Somebody who arrived in the pretend console, and how; durations in seconds."""

    role_session: RoleSession
    console_lasts: int
    relogin_url: str
    destination: str


@dataclass(slots=True)
class PretendSignin:
    """The federation endpoint: getSigninToken by GET and POST, login by GET; HTML on errors.

    book   who knows which credentials were issued
    """

    book: CredentialBook
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    visits: list[ConsoleVisit] = field(default_factory=list)
    _tokens: dict[str, tuple[RoleSession, int, datetime]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def application(self) -> Flask:
        """`/federation`, and `/console/<number>` where the browser lands."""
        app = Flask("awscons.demo", static_folder=None)

        @app.route("/federation", methods=["GET", "POST"])
        def federation() -> Response:
            match request.values.get("Action"):
                case "getSigninToken":
                    return self._get_signin_token()
                case "login" if request.method == "GET":
                    return self._login()
                case _:
                    return _html_error(400, "Unknown action")

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

    def _get_signin_token(self) -> Response:
        try:
            # Exactly three texts: fewer or more are an error at the real one as well.
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
        if duration is not None and (role_session.chained or not _SHORTEST <= duration <= _LONGEST):
            return _html_error(400, "Bad Request")
        left = int((role_session.expires_at - self.clock()).total_seconds())
        signin_token = secrets.token_urlsafe(400)
        with self._lock:
            self._tokens[signin_token] = (role_session, duration or left, self.clock() + _TOKEN_LIFETIME)
        response = make_response(json.dumps({"SigninToken": signin_token}))
        response.content_type = "application/json;charset=UTF-8"
        return response

    def _login(self) -> Response:
        destination = request.args.get("Destination", "")
        host = urlsplit(destination).hostname or ""
        suffixes = tuple(partition.console_suffix for partition in PARTITIONS.values())
        if not destination.startswith("https://") or not host.endswith(suffixes):
            return _html_error(400, "Invalid destination")
        with self._lock:
            known = self._tokens.get(request.args.get("SigninToken", ""))
            if known is None or known[2] <= self.clock():
                return _html_error(400, "Invalid or expired token")
            role_session, duration, _ = known
            visit = ConsoleVisit(role_session, duration, request.args.get("Issuer", ""), destination)
            self.visits.append(visit)
            number = len(self.visits) - 1
        response = Response(status=302)
        # The real one goes to `Destination`; a pretend console has a pretend page.
        response.headers["Location"] = f"{request.script_root}/console/{number}"
        response.headers["Cache-Control"] = "no-store"
        return response


# --- answers -----------------------------------------------------------------------------


def _caller_identity(key: _AccessKey, request_id: str) -> str:
    account = key.arn.split(":")[4]
    return (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
        f"<Arn>{escape(key.arn)}</Arn><UserId>AIDA{_letters(17)}</UserId><Account>{account}</Account>"
        f"</GetCallerIdentityResult><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    )


def _error_xml(error: _ApiError, request_id: str) -> str:
    return (
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
        f"<Code>{error.code}</Code><Message>{escape(error.message)}</Message></Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )


def _xml(status: int, body: str) -> Response:
    return Response(body, status=status, content_type="text/xml")


def _html_error(status: int, message: str) -> Response:
    title = f"HTTP Status {status} - {escape(message)}"
    page = f"<!doctype html><html lang=en><title>{title}</title><h1>{title}</h1></html>"
    return Response(page, status=status, content_type="text/html;charset=utf-8")


def _letters(count: int) -> str:
    return "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(count))
