"""`/metrics`, for monitoring: there only when the configuration has a token, and only with that token."""

from __future__ import annotations

import hmac
from typing import Protocol

from flask import Blueprint, Flask, Response, abort, request

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class MetricsText(Protocol):
    """Who knows the numbers."""

    def text(self) -> bytes:
        """All of them, in Prometheus's text format."""


def register_metrics_views(app: Flask, metrics: MetricsText, *, token: str) -> None:
    """Serve `/metrics` to whoever sends `token` as a bearer token (RFC 6750, section 2.1)."""
    views = Blueprint("metrics", __name__)
    wanted = f"Bearer {token}".encode()

    @views.get("/metrics")
    def page() -> Response:
        sent = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(sent, wanted):
            # As if there were no such page: whoever may look knows the token.
            abort(404)
        return Response(metrics.text(), content_type=CONTENT_TYPE)

    app.register_blueprint(views)
