"""GET /saml/whoami, in debug mode only: what the identity provider sent of the person who is signed in."""

from __future__ import annotations

from flask import Flask, Response, abort, make_response, render_template, request

from awscons.web.dependencies import WebDependencies
from awscons.web.login_views import begin_login, current_login
from awscons.web.problems import path_and_query


def register_whoami_view(app: Flask, deps: WebDependencies) -> None:
    """The page, for whoever sets up an identity provider. People see nobody but themselves."""
    kept = {name.casefold() for name in deps.attribute_map}

    @app.get("/saml/whoami")
    def whoami() -> Response:
        if request.method != "GET":
            abort(405)
        login = current_login(deps)
        if login is None:
            return begin_login(deps, path_and_query())
        page = render_template("whoami.html", kept=kept, received=sorted(login.received.items()))
        return make_response(page)
