"""`/healthz` and `/readyz` for load balancers and supervisors: without a login, and exempt from rate limits."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Protocol

from flask import Blueprint, Flask, Response, jsonify


class Readiness(Protocol):
    """Port: tells whether a sign-in can work now. Asking often costs nothing."""

    def problems(self) -> Sequence[str]:
        """One public word for each reason why not; empty when it can."""

    def warnings(self) -> Sequence[str]:
        """One public word for each thing that is wrong although people can sign in."""


def register_health_views(app: Flask, readiness: Readiness) -> None:
    """Serve `/healthz`, which says that this process answers, and `/readyz`, which says whether people can sign in."""
    views = Blueprint("health", __name__)

    @views.get("/healthz")
    def healthz() -> Response:
        return Response("ok\n", content_type="text/plain; charset=utf-8")

    @views.get("/readyz")
    def readyz() -> Response:
        problems = list(readiness.problems())
        response = jsonify(ready=not problems, problems=problems, warnings=list(readiness.warnings()))
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE if problems else HTTPStatus.OK
        return response

    app.register_blueprint(views)
