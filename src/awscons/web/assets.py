"""Static files at URLs that contain a hash of the content, so that browsers may cache them for a year."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources

from flask import Blueprint, Flask, Response, abort

from awscons.access.targets import TargetDisplay
from awscons.site import LOGO_TYPES, Branding
from awscons.web.colors import ink_on, readable_on

_A_YEAR = 31_536_000
"""Seconds."""
# The backgrounds in awscons.css on which text in the accent colour is hardest to read.
LIGHT_PAPER, DARK_HOVER = "#f4f5f8", "#232b37"
DARK_CONTRAST = 6.0
"""Contrast ratio on dark backgrounds; above WCAG's 4.5, since saturated colours look duller there."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One static file. `path` is relative to the mount path."""

    path: str
    content: bytes
    content_type: str


def load_assets(branding: Branding, target_displays: Iterable[TargetDisplay]) -> dict[str, Asset]:
    """Return every file of `static/` by its file name, the style sheet with this site's colours, and the logo."""
    contents = {
        entry.name: entry.read_bytes()
        for entry in resources.files("awscons.web").joinpath("static").iterdir()
    }
    contents["awscons.css"] += _site_colors(branding, target_displays).encode("ascii")
    types = {name: mimetypes.guess_type(name)[0] or "application/octet-stream" for name in contents}
    if branding.logo:
        name = f"logo{branding.logo.suffix}"
        contents[name], types[name] = branding.logo.content, LOGO_TYPES[branding.logo.suffix]
    return {
        name: Asset(f"/static/{hashlib.sha256(content).hexdigest()[:12]}/{name}", content, types[name])
        for name, content in contents.items()
    }


def _site_colors(branding: Branding, target_displays: Iterable[TargetDisplay]) -> str:
    """Return CSS rules for the configured colours. Our Content-Security-Policy forbids inline styles."""
    light = readable_on(LIGHT_PAPER, branding.accent_color)
    dark = readable_on(DARK_HOVER, branding.accent_color, at_least=DARK_CONTRAST)
    inks = f"light-dark({ink_on(light)}, {ink_on(dark)})"
    rules = [f":root {{ --accent: light-dark({light}, {dark}); --accent-ink: {inks}; }}"]
    labels = {target.color for target in target_displays} | {
        account.color for account in branding.accounts.values()
    }
    rules += [f".k{color[1:]} {{ --k: {color}; }}" for color in sorted(labels - {""})]
    return "\n".join(["", *rules, ""])


def register_assets(app: Flask, assets: dict[str, Asset]) -> None:
    """Serve `assets`. The URL of an older release's file gets 404."""
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
