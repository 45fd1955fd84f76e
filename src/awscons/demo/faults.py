"""The weather at the pretend AWS: how its regions answer, to be switched while the demo runs.

A layer in front of STS and the sign-in host of each region. Nothing of it is reachable without the demo.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from flask import Flask, Response, redirect, render_template, request

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class Fault(Enum):
    """What a region does instead of answering as it should."""

    FINE = "answers as it should"
    SLOW = "answers after 0.7 seconds"
    SILENT = "does not answer"
    RESET = "breaks every connection"
    DOWN = "answers 503, with a page"
    THROTTLING = "answers 400, Throttling"
    PAGE = "answers 200, with a page"
    TORN = "stops in the middle of an answer"


_PAGE = b"<!doctype html><title>Something else</title><h1>This is no answer to your question</h1>"
_THROTTLING = (
    b'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
    b"<Code>Throttling</Code><Message>Rate exceeded</Message></Error><RequestId>0</RequestId></ErrorResponse>"
)
_ANSWERS = {
    Fault.THROTTLING: ("400 Bad Request", _THROTTLING),
    Fault.PAGE: ("200 OK", _PAGE),
    Fault.TORN: ("200 OK", b"{"),
}
_SECONDS = {Fault.SLOW: 0.7, Fault.SILENT: 20.0}


@dataclass
class FaultInjector:
    """How each region answers just now. Safe for many threads: a region's fault is one value."""

    regions: tuple[str, ...]
    faults: dict[str, Fault] = field(default_factory=dict)

    def over(self, region: str, application: WSGIApplication) -> WSGIApplication:
        """`application`, under the weather of `region`."""

        def wrap(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            return self._answer(region, application, environ, start_response)

        return wrap

    def application(self) -> Flask:
        """A page to switch it: `GET /` and `POST /`."""
        app = Flask("awscons.demo", static_folder=None)

        @app.get("/")
        def page() -> str:
            return render_template("faults.html", injector=self, faults=list(Fault), fine=Fault.FINE)

        @app.post("/")
        def switch() -> Response:
            for region in self.regions:
                if request.form.get(region) in Fault.__members__:
                    self.faults[region] = Fault[request.form[region]]
            back: Response = redirect(request.script_root + "/", 303)  # type: ignore[assignment]
            return back

        return app

    def _answer(
        self,
        region: str,
        application: WSGIApplication,
        environ: WSGIEnvironment,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        fault = self.faults.get(region, Fault.FINE)
        time.sleep(_SECONDS.get(fault, 0))
        if fault in {Fault.FINE, Fault.SLOW}:
            return application(environ, start_response)
        if fault is Fault.RESET:
            _break_connection(environ)
        status, body = _ANSWERS.get(fault, ("503 Service Unavailable", _PAGE))
        length = len(body) + (5000 if fault is Fault.TORN else 0)
        start_response(status, [("Content-Type", "text/html"), ("Content-Length", str(length))])
        return [body]


def _break_connection(environ: WSGIEnvironment) -> None:
    """End the connection under the server's feet, where the server says which it is."""
    for name in ("gunicorn.socket", "test.socket"):
        if name in environ:
            environ[name].shutdown(socket.SHUT_RDWR)
