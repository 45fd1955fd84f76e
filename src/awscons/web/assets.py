"""Static files under names that hold a hash of their content, so that browsers may keep them for long."""

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
IN_THE_DARK = 6.0
"""Contrast; more than is asked for, since saturated colours look duller there."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One static file; `path` is below where we are mounted."""

    path: str
    content: bytes
    content_type: str


def load_assets(branding: Branding, target_displays: Iterable[TargetDisplay]) -> dict[str, Asset]:
    """Every file in `static/`, by its plain name, in this site's colours; and the site's logo."""
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
    """Rules for what the configuration names: our own policy lets colours come from style sheets alone."""
    light = readable_on(LIGHT_PAPER, branding.accent_color)
    dark = readable_on(DARK_HOVER, branding.accent_color, at_least=IN_THE_DARK)
    inks = f"light-dark({ink_on(light)}, {ink_on(dark)})"
    rules = [f":root {{ --accent: light-dark({light}, {dark}); --accent-ink: {inks}; }}"]
    labels = {target.color for target in target_displays} | {
        account.color for account in branding.accounts.values()
    }
    rules += [f".k{color[1:]} {{ --k: {color}; }}" for color in sorted(labels - {""})]
    return "\n".join(["", *rules, ""])


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
