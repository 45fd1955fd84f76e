"""Answers made smaller on their way, where the browser can take it and the server in front need not.

Compression and secrets on one page can give the secrets away by their length (BREACH), to somebody who makes
a browser ask again and again with guesses. Our pages hold no secret, and the login cookie does not come
with requests that another site makes in the background (SameSite=Lax).
"""

from __future__ import annotations

import gzip

from flask import Flask, Response, request

WORTH_IT = 1024
"""Bytes; smaller answers fit into one packet as they are."""
_LEVEL = 5
_TYPES = frozenset({"text/html", "text/css", "text/javascript", "application/json", "image/svg+xml"})


def register_compression(app: Flask) -> None:
    """Compress what `app` answers. Registered first, so that it comes after all others."""

    @app.after_request
    def compress(response: Response) -> Response:
        if response.is_streamed or request.method == "HEAD":
            return response
        body = response.get_data()
        if not body or response.mimetype not in _TYPES:
            return response
        response.vary.add("Accept-Encoding")
        if len(body) >= WORTH_IT and request.accept_encodings.quality("gzip") > 0:
            # No time in the header: the same answer is the same bytes.
            response.set_data(gzip.compress(body, _LEVEL, mtime=0))
            response.headers["Content-Encoding"] = "gzip"
        return response
