"""gzip compression of responses, for clients that accept it.

An attacker can guess a secret on a compressed page from the length of many responses (BREACH). Our pages
contain no secret, and browsers send the login cookie with no background request of another site (SameSite=Lax).
"""

from __future__ import annotations

import gzip

from flask import Flask, Response, request

MIN_BYTES = 1024
"""Minimum size of a compressed response; a smaller one fits into one network packet anyway."""
_LEVEL = 5
_TYPES = frozenset({"text/html", "text/css", "text/javascript", "application/json", "image/svg+xml"})


def register_compression(app: Flask) -> None:
    """Compress the responses of `app`. Flask runs the hook that was registered first as the last one."""

    @app.after_request
    def compress(response: Response) -> Response:
        if response.is_streamed or request.method == "HEAD":
            return response
        body = response.get_data()
        if not body or response.mimetype not in _TYPES:
            return response
        response.vary.add("Accept-Encoding")
        if len(body) >= MIN_BYTES and request.accept_encodings.quality("gzip") > 0:
            # No time in the gzip header: equal responses have equal bytes.
            response.set_data(gzip.compress(body, _LEVEL, mtime=0))
            response.headers["Content-Encoding"] = "gzip"
        return response
