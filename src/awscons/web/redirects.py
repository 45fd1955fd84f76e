"""Redirects: the one function that makes them. Each caller names the URL and the status code."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response


def redirect_to(url: str, status: HTTPStatus = HTTPStatus.SEE_OTHER) -> Response:
    """Return a redirect to the complete `url`, without a body: 303 unless the caller names another status.

    Flask's own `redirect` writes the URL into the body as well. A login URL must stand in one place only.
    """
    response = Response(status=status)
    response.headers["Location"] = url
    return response
