"""Static files under names that hold a hash of their content, so that browsers may keep them for long."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from importlib import resources

from flask import Blueprint, Flask, Response, abort

_A_YEAR = 31_536_000
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One static file; `path` is below where we are mounted."""

    path: str
    content: bytes
    content_type: str


def load_assets() -> dict[str, Asset]:
    """Every file in `static/`, by its plain name."""
    assets = {}
    for entry in resources.files("awscons.web").joinpath("static").iterdir():
        content = entry.read_bytes()
        digest = hashlib.sha256(content).hexdigest()[:12]
        content_type = mimetypes.guess_type(entry.name)[0] or "application/octet-stream"
        assets[entry.name] = Asset(f"/static/{digest}/{entry.name}", content, content_type)
    return assets


def register_assets(app: Flask, assets: dict[str, Asset]) -> None:
    """Serve them. A file of an older release is gone, not guessed."""
    by_path = {asset.path: asset for asset in assets.values()}
    views = Blueprint("assets", __name__)

    @views.get("/static/<digest>/<name>")
    def static_file(digest: str, name: str) -> Response:
        asset = by_path.get(f"/static/{digest}/{name}")
        if asset is None:
            abort(404)
        response = Response(asset.content, content_type=asset.content_type)
        response.headers["Cache-Control"] = f"public, max-age={_A_YEAR}, immutable"
        return response

    app.register_blueprint(views)
