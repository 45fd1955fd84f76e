"""The server on loopback that takes one answer of the browser (RFC 8252, section 7.3; RFC 9207).

Every page in the browser and every program of this computer can call it. It answers only under its own address, so
that no name of another site leads here (DNS rebinding), and only the request with our `state` ends it.
"""

from __future__ import annotations

import hmac
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from awscons_cli.errors import ClientError, Refused, printable

TIME_LIMIT = 600
"""Seconds for a person to sign in."""

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>awscons-cli</title>
<p>{text}</p>
</html>
"""


class Callback:
    """Waits for the answer of the authorization endpoint.

    state   the random text that came with our request, and must come back
    issuer  the service that must have sent the answer
    """

    def __init__(self, state: str, issuer: str) -> None:
        self._state = state
        self._issuer = issuer
        self._answer: dict[str, str] | None = None
        self._answered = threading.Event()
        self._server = _listen()
        self._server.callback = self
        host, port = self._server.server_address[:2]
        self.host = f"[{host!s}]:{port}" if ":" in str(host) else f"{host!s}:{port}"

    @property
    def redirect_uri(self) -> str:
        """Where the browser brings the answer."""
        return f"http://{self.host}/callback"

    def wait(self, seconds: float = TIME_LIMIT) -> str:
        """The code. Raises ClientError if the person or the service refused, or nobody came in time."""
        until = time.monotonic() + seconds
        try:
            while not self._answered.is_set() and time.monotonic() < until:
                self._server.handle_request()
        finally:
            self._server.server_close()
        if self._answer is None:
            raise ClientError(
                f"Nobody signed in within {seconds / 60:.0f} minutes.", "Run the command again."
            )
        return self._judge(self._answer)

    def take(self, query: dict[str, str]) -> bool:
        """Take the answer, if it belongs to our request and is the first one."""
        if self._answer is not None or not hmac.compare_digest(
            query.get("state", "").encode(), self._state.encode()
        ):
            return False
        self._answer = query
        return True

    def finish(self) -> None:
        """The browser has its page: nothing more is to be waited for."""
        self._answered.set()

    def _judge(self, answer: dict[str, str]) -> str:
        if answer.get("iss") != self._issuer:  # RFC 9207, section 2.4
            raise Refused("The answer in the browser came from another service; nothing was accepted.")
        if answer.get("error") == "access_denied":
            raise Refused("The sign-in was refused in the browser.")
        if not answer.get("code"):
            words = answer.get("error_description") or answer.get("error") or "an answer without a code"
            raise Refused(f"The service refused the sign-in: {printable(words)}.")
        return answer["code"]


def _single_fields(query: str) -> dict[str, str]:
    """The fields that come once; one that comes twice has no meaning (RFC 6749, section 3.1)."""
    try:
        fields = parse_qs(query, max_num_fields=20)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items() if len(values) == 1}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = False
    timeout = 0.2  # seconds between two looks at the clock
    callback: Callback

    def handle_error(self, *_arguments: object) -> None:
        """Browsers open connections that they do not use."""


class _Server6(_Server):
    address_family = socket.AF_INET6


def _listen() -> _Server:
    """A server on a port that the system chooses; no port is fixed, so none can be taken."""
    try:
        return _Server(("127.0.0.1", 0), _Handler)
    except OSError:
        pass
    try:
        return _Server6(("::1", 0), _Handler)
    except OSError as error:
        raise ClientError(
            f"No port on loopback can be opened: {error.strerror}.", "Use: awscons-cli login --no-browser"
        ) from None


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 5  # seconds for a browser to send its request
    server_version = "awscons-cli"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer the browser; the page says only what is known by now."""
        callback = self.server.callback
        parts = urlsplit(self.path)
        query = _single_fields(parts.query)
        if self.headers.get_all("Host") != [callback.host]:
            self._page(403, "This address is for the sign-in of awscons-cli alone.")
        elif parts.path != "/callback":
            self._page(404, "Not found.")
        elif not callback.take(query):
            self._page(400, "This answer belongs to no sign-in that awscons-cli waits for.")
        else:
            try:
                self._page(
                    200, "awscons-cli has the answer. You can close this page and go back to the terminal."
                )
            finally:
                callback.finish()

    def _page(self, status: int, text: str) -> None:
        body = _PAGE.format(text=text).encode()
        self.send_response(status)
        for name, value in (
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("Connection", "close"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing: the request holds the code."""
