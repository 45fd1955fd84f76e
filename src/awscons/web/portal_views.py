"""The portal: the targets that the person who is signed in may open, and only those."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, make_response, render_template

from awscons.access import Granted, decide
from awscons.web.login_views import begin_login, current_login
from awscons.web.parts import WebParts
from awscons.web.problems import path_and_query


def register_portal_views(app: Flask, parts: WebParts) -> None:
    """The portal at `<url_prefix>/`, the ways to it, and the health page."""
    views = Blueprint("portal", __name__)
    site = parts.site

    @views.get(site.home_path)
    def portal() -> Response:
        login = current_login(parts)
        if login is None:
            return begin_login(parts, path_and_query())
        allowed = [
            target for target in parts.targets.values() if isinstance(decide(target, login.identity), Granted)
        ]
        page = render_template(
            "portal.html",
            identity=login.identity,
            ends_at=login.ends_at,
            targets=allowed,
            url_of=lambda target: site.url(site.target_path(target.name)),
            logout_url=site.url("/saml/logout"),
        )
        return make_response(page)

    @views.get("/healthz")
    def healthz() -> Response:
        return Response("ok\n", content_type="text/plain; charset=utf-8")

    if site.url_prefix:
        # Explicit, since the router's own redirects would be built from the Host header.
        @views.get("/")
        @views.get(site.url_prefix)
        def to_portal() -> Response:
            response = Response(status=302)
            response.headers["Location"] = site.url(site.home_path)
            return response

    app.register_blueprint(views)
