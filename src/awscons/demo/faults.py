"""Fault injection for the pretend AWS: a page chooses how each region fails while the demo runs.

`FaultInjector` wraps the STS and the sign-in host of each region. Only the demo contains it.
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
    """How a region fails. FINE means that it answers normally; the value is the text on the page."""

    FINE = "answers normally"
    SLOW = "answers after 0.7 seconds"
    SILENT = "does not answer"
    RESET = "closes every connection"
    DOWN = "answers 503 with an HTML page"
    THROTTLING = "answers 400, Throttling"
    PAGE = "answers 200 with an HTML page"
    TORN = "stops in the middle of a response"


_PAGE = b"<!doctype html><title>Unexpected page</title><h1>This page is not a response of AWS</h1>"
_THROTTLING = (
    b'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
    b"<Code>Throttling</Code><Message>Rate exceeded</Message></Error><RequestId>0</RequestId></ErrorResponse>"
)
_ANSWERS = {
    Fault.THROTTLING: ("400 Bad Request", _THROTTLING),
    Fault.PAGE: ("200 OK", _PAGE),
    Fault.TORN: ("200 OK", b"{"),
}
_DELAYS_S = {Fault.SLOW: 0.7, Fault.SILENT: 20.0}


@dataclass
class FaultInjector:
    """The current fault of each region. Threads may share it: a change replaces one value of a dict."""

    regions: tuple[str, ...]
    faults: dict[str, Fault] = field(default_factory=dict)

    def wrap(self, region: str, application: WSGIApplication) -> WSGIApplication:
        """`application` as `region` serves it: with the fault that is chosen for that region."""

        def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            return self._answer(region, application, environ, start_response)

        return answer

    def application(self) -> Flask:
        """The page that shows and changes the faults: `GET /` and `POST /`."""
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
        time.sleep(_DELAYS_S.get(fault, 0))
        if fault in {Fault.FINE, Fault.SLOW}:
            return application(environ, start_response)
        if fault is Fault.RESET:
            _break_connection(environ)
        status, body = _ANSWERS.get(fault, ("503 Service Unavailable", _PAGE))
        length = len(body) + (5000 if fault is Fault.TORN else 0)
        start_response(status, [("Content-Type", "text/html"), ("Content-Length", str(length))])
        return [body]


def _break_connection(environ: WSGIEnvironment) -> None:
    """Close the client's connection, if the server puts its socket into the WSGI environment."""
    for name in ("gunicorn.socket", "test.socket"):
        if name in environ:
            environ[name].shutdown(socket.SHUT_RDWR)
