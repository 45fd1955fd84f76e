"""Fault injection for tests: a WSGI layer in front of the pretend AWS that fails as a test chooses."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


@dataclass(frozen=True)
class Answer:
    """The response that a faulty endpoint sends."""

    status: str
    body: bytes
    content_type: str = "text/html"


def sts_error(status: int, code: str, message: str) -> Answer:
    """An error response in the form of STS."""
    body = (
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
        f"<Code>{code}</Code><Message>{message}</Message></Error><RequestId>req-1</RequestId></ErrorResponse>"
    )
    return Answer(f"{status} x", body.encode(), "text/xml")


HANG = "hang"
HOLD = "hold"  # wait until released, then respond normally
RESET = "reset"
CUT_SHORT = "cut short"
FORGOTTEN = "forgotten"  # existing connections get no response; new ones work

Fault = Answer | str


@dataclass
class Faulty:
    """`fault` is None for normal responses. `calls` and `connections` count what was received."""

    application: WSGIApplication
    fault: Fault | None = None
    times: int = 1_000_000
    calls: int = 0
    connections: set[str] = field(default_factory=set)
    user_agents: set[str] = field(default_factory=set)
    methods: set[str] = field(default_factory=set)
    forgotten: frozenset[str] = frozenset()
    released: threading.Event = field(default_factory=threading.Event)
    news: threading.Condition = field(default_factory=threading.Condition)

    def misbehave(self, fault: Fault, *, times: int = 1_000_000) -> None:
        """Inject a fault from now on, for the given number of calls."""
        self.fault, self.times, self.calls = fault, times, 0
        self.forgotten = frozenset(self.connections)

    def wait_for_calls(self, count: int) -> None:
        """Return when the given number of calls has been received."""
        with self.news:
            assert self.news.wait_for(lambda: self.calls >= count, timeout=20), f"{self.calls} calls came"

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with self.news:
            self.calls += 1
            self.news.notify_all()
        self.connections.add(environ["REMOTE_PORT"])
        self.methods.add(environ["REQUEST_METHOD"])
        self.user_agents.add(environ.get("HTTP_USER_AGENT", ""))
        if self.fault == FORGOTTEN:
            return self._answer_on_new_connections(environ, start_response)
        held = self.fault == HOLD
        if held:
            self.released.wait(30)
        if held or self.fault is None or self.calls > self.times:
            return self.application(environ, start_response)
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        match self.fault:
            case Answer(status, body, content_type):
                length = str(len(body))
                start_response(status, [("Content-Type", content_type), ("Content-Length", length)])
                return [body]
            case "hang":
                self.released.wait(30)
                start_response("200 OK", [])
                return []
            case "reset":
                environ["test.socket"].shutdown(socket.SHUT_RDWR)
                start_response("200 OK", [])
                return []
            case _:
                environ["awscons-close-connection"] = True
                start_response("200 OK", [("Content-Type", "text/xml"), ("Content-Length", "5000")])
                return [b"<AssumeRoleResponse"]

    def _answer_on_new_connections(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        if environ["REMOTE_PORT"] in self.forgotten:
            self.released.wait(30)
        return self.application(environ, start_response)


@dataclass
class ByRegion:
    """The regions of one service, at `/<region>/…` of one address."""

    regions: Mapping[str, Faulty]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        _, name, rest = environ["PATH_INFO"].split("/", 2)
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = f"/{name}", f"/{rest}"
        return self.regions[name](environ, start_response)
