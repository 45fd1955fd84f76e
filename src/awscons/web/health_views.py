"""`/healthz` and `/readyz` for load balancers and supervisors: without a login, and exempt from rate limits."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Protocol

from flask import Blueprint, Flask, Response, jsonify

from awscons.site import Site
from awscons.web.proxy_headers import undeclared_proxy_header

UNDECLARED_PROXY = "undeclared_proxy"
"""A warning: this request came with a header of a proxy, and `trusted_proxies` knows of none."""


class Readiness(Protocol):
    """Port: tells whether a sign-in can work now. Asking often costs nothing."""

    def problems(self) -> Sequence[str]:
        """One public word for each reason why not; empty when it can."""

    def warnings(self) -> Sequence[str]:
        """One public word for each thing that is wrong although people can sign in."""


def register_health_views(app: Flask, readiness: Readiness, site: Site) -> None:
    """Serve `/healthz`, which says that this process answers, and `/readyz`, which says whether people can sign in."""
    views = Blueprint("health", __name__)

    @views.get("/healthz")
    def healthz() -> Response:
        return Response("ok\n", content_type="text/plain; charset=utf-8")

    @views.get("/readyz")
    def readyz() -> Response:
        problems, warnings = list(readiness.problems()), list(readiness.warnings())
        if undeclared_proxy_header(site):
            warnings.append(UNDECLARED_PROXY)
        response = jsonify(ready=not problems, problems=problems, warnings=warnings)
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE if problems else HTTPStatus.OK
        return response

    app.register_blueprint(views)
