"""A service that speaks the protocol of `awscons-cli` and nothing else, as strictly as it is written.

It checks PKCE, binds codes to redirect URIs, rotates refresh tokens and detects their reuse. Beside it stands an STS
that knows the credentials that it gave out. A test changes its attributes to let it refuse, fail or lie.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

DOORS = [
    {
        "name": name,
        "title": title,
        "account_id": account_id,
        "account_name": account,
        "account_slug": slug,
        "role_name": role,
        "role_arn": f"arn:aws:iam::{account_id}:role/{role}",
        "partition": "aws",
        "region": region,
        "cli": cli,
        "max_duration": 3600,
    }
    for name, title, account_id, account, slug, role, region, cli in (
        ("cloudadmin", "Cloud administrator", "123456789012", "Shop", "shop", "Admin", "eu-central-1", True),
        ("auditor", "Auditor", "123456789012", "Shop", "shop", "Audit", None, True),
        ("billing", "Billing", "210987654321", None, "210987654321", "Billing", None, False),
    )
]

Reply = tuple[int, dict[str, str], bytes]


class CliService:
    """The state of the service, and its answers.

    ahead        seconds that its clock is ahead of this computer's
    lifetime     of credentials, seconds
    token_life   of access tokens, seconds
    login_life   of a login, seconds
    refusal      status and code with which it refuses doors and credentials; None: it grants
    consents     False: the person refuses on the consent page
    broken       an answer that it gives to everything, in place of its own
    asked        method and path of each request so far
    meanwhile    by method and path: what happens once, before the next answer is sent
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.issuer_in_answers = url
        self.ahead = 0.0
        self.lifetime = 3600.0
        self.token_life = 300.0
        self.login_life = 8 * 3600.0
        self.refusal: tuple[int, str] | None = None
        self.consents = True
        self.broken: Reply | None = None
        self.version = "0.1.0"
        self.person = "Ada Lovelace"
        self.doors = [dict(door, console_url=f"{url}/aws/{door['name']}") for door in DOORS]
        self.asked: list[str] = []
        self.meanwhile: dict[str, Callable[[], object]] = {}
        self.machines: list[str] = []
        self.reused = 0
        self.given: dict[str, str] = {}
        self._codes: dict[str, dict[str, str]] = {}
        self._access: dict[str, tuple[str, float]] = {}
        self._refresh: dict[str, str] = {}
        self._used: dict[str, str] = {}
        self._one = threading.Lock()

    def count(self, what: str) -> int:
        """How often it was asked for that."""
        return self.asked.count(what)

    def end_all_logins(self) -> None:
        """What `awscons logins end --all` does."""
        self._access.clear()
        self._refresh.clear()

    def forget_access_tokens(self) -> None:
        """Let them end before their time."""
        self._access.clear()

    def reply(self, method: str, target: str, headers: Any, body: bytes) -> Reply:
        """The answer to a request."""
        path = urlsplit(target).path
        answer = self._reply(method, path, target, headers, body)
        self.meanwhile.pop(f"{method} {path}", lambda: None)()
        return answer

    def _reply(self, method: str, path: str, target: str, headers: Any, body: bytes) -> Reply:
        query = dict(parse_qsl(urlsplit(target).query, strict_parsing=True)) if "?" in target else {}
        form = dict(parse_qsl(body.decode(), strict_parsing=True)) if body else {}
        with self._one:
            self.asked.append(f"{method} {path}")
            if self.broken is not None:
                return self.broken
            if method == "POST" and path == "/sts/":
                return self._caller_identity(headers)
            if method == "POST":
                assert headers["Content-Type"] == "application/x-www-form-urlencoded"
            assert headers["User-Agent"].startswith("awscons-cli/") or path == "/cli/authorize"
            answers: dict[str, Callable[[], Reply]] = {
                "GET /cli/metadata": self._metadata,
                "GET /cli/authorize": lambda: self._authorize(query),
                "POST /cli/token": lambda: self._token(form),
                "POST /cli/revoke": lambda: self._revoke(form),
                "GET /cli/doors": lambda: self._bearer(headers) or _json(200, {"doors": self.doors}),
                "POST /cli/credentials": lambda: self._bearer(headers) or self._credentials(form),
            }
            answer = answers.get(f"{method} {path}")
            return answer() if answer else (404, {"Content-Type": "text/html"}, b"<h1>Not found</h1>")

    def _metadata(self) -> Reply:
        endpoints = {
            "authorization_endpoint": "authorize",
            "token_endpoint": "token",
            "revocation_endpoint": "revoke",
            "doors_endpoint": "doors",
            "credentials_endpoint": "credentials",
            "paste_redirect_uri": "code",
            "client_download": "awscons.pyz",
        }
        return _json(
            200,
            {
                "issuer": self.url,
                **{name: f"{self.url}/cli/{path}" for name, path in endpoints.items()},
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "code_challenge_methods_supported": ["S256"],
                "awscons_version": self.version,
            },
        )

    def _authorize(self, query: dict[str, str]) -> Reply:
        redirect_uri = query.get("redirect_uri", "")
        loopback = re.fullmatch(r"http://(127\.0\.0\.1|\[::1\]):\d+/callback", redirect_uri)
        pasted = redirect_uri == f"{self.url}/cli/code"
        if query.get("client_id") != "awscons-cli" or not (loopback or pasted):
            return 400, {}, b"never redirected"
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", query["code_challenge"])
        assert len(query["state"]) >= 32
        assert 1 <= len(query["machine"]) <= 64
        self.machines.append(query["machine"])
        code = secrets.token_urlsafe(32)
        self._codes[code] = query
        if pasted:
            return 200, {"Content-Type": "text/plain"}, code.encode()
        answer = {"code": code} if self.consents else {"error": "access_denied"}
        back = urlencode({**answer, "state": query["state"], "iss": self.issuer_in_answers})
        return 303, {"Location": f"{redirect_uri}?{back}"}, b""

    def _token(self, form: dict[str, str]) -> Reply:
        assert form["client_id"] == "awscons-cli"
        if form["grant_type"] == "authorization_code":
            asked = self._codes.pop(form["code"], {})
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if asked.get("code_challenge") != challenge or asked.get("redirect_uri") != form["redirect_uri"]:
                return _json(400, {"error": "invalid_grant"})
            return self._tokens(secrets.token_hex(8))
        token = form["refresh_token"]
        if token in self._used:
            self.reused += 1
            family = self._used[token]
            self._refresh = {key: value for key, value in self._refresh.items() if value != family}
            self._access = {key: value for key, value in self._access.items() if value[0] != family}
        if token not in self._refresh:
            return _json(400, {"error": "invalid_grant", "error_description": "Sign in again."})
        self._used[token] = self._refresh.pop(token)
        return self._tokens(self._used[token])

    def _tokens(self, family: str) -> Reply:
        access, refresh = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self._access[access] = (family, time.time() + self.token_life)
        self._refresh[refresh] = family
        document = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": int(self.token_life),
            "refresh_token": refresh,
            "refresh_token_expires_in": int(self.login_life),
            "person": self.person,
        }
        return _json(200, document)

    def _revoke(self, form: dict[str, str]) -> Reply:
        assert form["client_id"] == "awscons-cli"
        family = self._refresh.pop(form["token"], None)
        self._access = {key: value for key, value in self._access.items() if value[0] != family}
        return 200, {}, b""

    def _bearer(self, headers: Any) -> Reply | None:
        kind, _, token = headers.get("Authorization", "").partition(" ")
        _, ends = self._access.get(token, ("", 0.0))
        if kind != "Bearer" or ends < time.time():
            challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            return _json(401, {"error": "invalid_token", "error_description": "Sign in again."}, challenge)
        if self.refusal is None:
            return None
        status, code = self.refusal
        document = {"error": code, "error_description": f"It says {code}.", "incident": "INC-1"}
        return _json(status, document, {"Retry-After": "7"} if status == 429 else {})

    def _credentials(self, form: dict[str, str]) -> Reply:
        door = next((door for door in self.doors if door["name"] == form["door"]), None)
        if door is None:
            return _json(404, {"error": "unknown_door", "error_description": "There is no such door."})
        if not door["cli"]:
            return _json(403, {"error": "no_cli", "error_description": "It opens in the browser only."})
        if form.get("agent") == "true" and door["name"] == "auditor":
            return _json(403, {"error": "no_agent", "error_description": "No coding agents there."})
        access_key_id = f"ASIA{secrets.token_hex(8).upper()}"
        self.given[access_key_id] = f"session-{secrets.token_hex(16)}"
        end = datetime.fromtimestamp(time.time() + self.ahead + self.lifetime, UTC)
        document = {
            "Version": 1,
            "AccessKeyId": access_key_id,
            "SecretAccessKey": f"secret-{secrets.token_hex(16)}",
            "SessionToken": self.given[access_key_id],
            "Expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return _json(200, document)

    def _caller_identity(self, headers: Any) -> Reply:
        key = re.search(r"Credential=(\w+)/", headers.get("Authorization", ""))
        if key is None or self.given.get(key[1]) != headers.get("X-Amz-Security-Token"):
            return 403, {"Content-Type": "text/xml"}, b"<ErrorResponse/>"
        text = (
            '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
            f"<UserId>AROA:ada</UserId><Account>123456789012</Account><Arn>arn:aws:sts::123456789012:{key[1]}</Arn>"
            "</GetCallerIdentityResult></GetCallerIdentityResponse>"
        )
        return 200, {"Content-Type": "text/xml"}, text.encode()


def _json(status: int, document: dict[str, Any], headers: dict[str, str] | None = None) -> Reply:
    own = {"Content-Type": "application/json", "Cache-Control": "no-store", **(headers or {})}
    return status, own, json.dumps(document).encode()


class _Handler(BaseHTTPRequestHandler):
    service: CliService

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, headers, content = self.service.reply(self.command, self.path, self.headers, body)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate((timestamp or time.time()) + self.service.ahead, usegmt=True)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


@contextmanager
def cli_service(tls: ssl.SSLContext | None = None) -> Iterator[CliService]:
    """The service, answering on loopback."""
    handler = type("Handler", (_Handler,), {})
    with _Server(("127.0.0.1", 0), handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        service = CliService(f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}")
        handler.service = service  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()
