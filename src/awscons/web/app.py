"""The Flask application, put together from views, guards and pages."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask, Response, g, request
from werkzeug.exceptions import NotFound
from werkzeug.middleware.proxy_fix import ProxyFix

from awscons.access.targets import RESERVED_SERVICES
from awscons.web import cookies
from awscons.web.assets import Asset, load_assets, register_assets
from awscons.web.cli_views import register_cli_views
from awscons.web.compression import register_compression
from awscons.web.console_views import register_console_views, unknown_target
from awscons.web.dependencies import WebDependencies
from awscons.web.door_views import register_door_views
from awscons.web.guards import MountPoint, register_guards
from awscons.web.health_views import register_health_views
from awscons.web.language import register_language
from awscons.web.login_views import register_login_views
from awscons.web.logout_views import register_logout_views
from awscons.web.metrics_views import register_metrics_views
from awscons.web.portal_model import build_entries
from awscons.web.portal_views import register_portal_views
from awscons.web.problems import answer_http_error, register_problems
from awscons.web.proxy_headers import register_proxy_headers
from awscons.web.terminals_view import register_terminals_view
from awscons.web.token_views import register_token_views
from awscons.web.whoami_view import register_whoami_view


def create_app(deps: WebDependencies) -> Flask:
    """The web application. It keeps no state of its own and needs no secret key: logins live in the store."""
    app = Flask("awscons.web", static_folder=None)
    # The router builds its redirects from the Host header, which any client can forge. It would send one for
    # doubled slashes; it sends none for a missing last slash, since the portal is registered with and without it.
    app.url_map.merge_slashes = False

    assets = load_assets(deps.branding, [target.display for target in deps.targets.values()])
    entries = build_entries(deps.targets.values(), site=deps.site, branding=deps.branding)
    register_proxy_headers(app, deps.site)
    register_compression(app)
    register_guards(app, deps.site, one_process_only=deps.one_process_only)
    register_language(app)
    register_problems(app, deps.site)
    register_assets(app, assets)
    register_login_views(app, deps)
    register_logout_views(app, deps)
    register_portal_views(app, deps, entries)
    register_console_views(app, deps, entries)
    register_cli_views(app, deps)
    register_token_views(app, deps)
    register_door_views(app, deps, entries)
    register_terminals_view(app, deps)
    register_health_views(app, deps.readiness, deps.site)
    if deps.debug:
        register_whoami_view(app, deps)
    if deps.metrics is not None and deps.metrics_settings.token is not None:
        register_metrics_views(app, deps.metrics, token=deps.metrics_settings.token)
    _answer_unknown_targets(app, deps)
    _set_template_globals(app, deps, assets)

    mount_path = deps.site.mount_path
    app.wsgi_app = MountPoint(  # type: ignore[method-assign]  # as Flask advises
        # Only the client's address comes from the proxy; our URLs follow from the configuration.
        ProxyFix(app.wsgi_app, x_for=deps.site.trusted_proxies, x_proto=0, x_host=0, x_port=0, x_prefix=0),
        mount_path,
    )
    return app


def _set_template_globals(app: Flask, deps: WebDependencies, assets: Mapping[str, Asset]) -> None:
    """Give every template the site, its addresses, the current login and the theme."""
    site, branding = deps.site, deps.branding
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals |= {
        "asset_url": lambda name: f"{site.mount_path}{assets[name].path}",
        "logo": f"logo{branding.logo.suffix}" if branding.logo else "icon.svg",
        "branding": branding,
        "home_url": site.url(site.home_path),
        "logout_url": site.url("/saml/logout"),
        "authorize_url": site.url("/cli/authorize"),
        "terminals_url": site.url("/cli/terminals"),
        "themes": cookies.THEMES,
    }

    @app.context_processor
    def about_this_request() -> dict[str, object]:
        return {"login": g.get("login"), "theme": cookies.theme_in(request)}


def _answer_unknown_targets(app: Flask, deps: WebDependencies) -> None:
    """Answer 401 for an unknown path below the prefix (the documented status), and 404 for any other."""
    below = f"{deps.site.url_prefix}/"

    @app.errorhandler(NotFound)
    def not_found(error: NotFound) -> Response:
        first = request.path.removeprefix("/").split("/")[0]
        if request.path.startswith(below) and first not in RESERVED_SERVICES:
            return unknown_target(deps)
        return answer_http_error(error, deps.site)
