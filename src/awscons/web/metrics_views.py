"""`/metrics` for monitoring. It exists only if `metrics_token` is set, and requires that token."""

from __future__ import annotations

import hmac
from typing import Protocol

from flask import Blueprint, Flask, Response, abort, request

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class MetricsText(Protocol):
    """Port: writes the metrics."""

    def text(self) -> bytes:
        """Return all metrics in the Prometheus text format."""


def register_metrics_views(app: Flask, metrics: MetricsText, *, token: str) -> None:
    """Serve `/metrics` to clients that send `token` as a bearer token (RFC 6750, section 2.1)."""
    views = Blueprint("metrics", __name__)
    wanted = f"Bearer {token}".encode()

    @views.get("/metrics")
    def page() -> Response:
        sent = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(sent, wanted):
            # 404 hides the page from clients without the token.
            abort(404)
        return Response(metrics.text(), content_type=CONTENT_TYPE)

    app.register_blueprint(views)
