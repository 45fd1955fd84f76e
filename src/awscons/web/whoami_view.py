"""GET /saml/whoami, in debug mode only: the attributes that the identity provider sent for this login."""

from __future__ import annotations

from flask import Flask, Response, abort, make_response, render_template, request

from awscons.access.attributes import name_key
from awscons.signin.identities import MAX_STORED_VALUES
from awscons.web.dependencies import WebDependencies
from awscons.web.login_views import begin_login, current_login
from awscons.web.problems import path_and_query


def register_whoami_view(app: Flask, deps: WebDependencies) -> None:
    """Register the page. It helps to set up an identity provider; people see only their own attributes."""
    kept = {name_key(name) for name in deps.attribute_map}

    @app.get("/saml/whoami")
    def whoami() -> Response:
        if request.method != "GET":
            abort(405)
        login = current_login(deps)
        if login is None:
            return begin_login(deps, path_and_query())
        received = [(name, name_key(name) in kept, values) for name, values in sorted(login.received.items())]
        page = render_template("whoami.html", received=received, max_values=MAX_STORED_VALUES)
        return make_response(page)
