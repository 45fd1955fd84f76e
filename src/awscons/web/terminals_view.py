"""GET and POST /cli/terminals: the terminals that a person has signed in. They see them, and end one or all."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, make_response, render_template, request

from awscons.audit import events
from awscons.web.cli_views import only_with_terminals
from awscons.web.dependencies import WebDependencies
from awscons.web.login_views import begin_login, current_login, only_field
from awscons.web.problems import caller
from awscons.web.redirects import redirect_to

_PATH = "/cli/terminals"


def register_terminals_view(app: Flask, deps: WebDependencies) -> None:
    """Register the page, and what its buttons do."""
    views = Blueprint("terminals", __name__)
    only_with_terminals(views, deps)

    @views.get(_PATH)
    def terminals() -> Response:
        login = current_login(deps)
        if login is None:
            return begin_login(deps, _PATH)
        user_name = login.identity.user_name
        page = render_template(
            "terminals.html",
            terminals=deps.terminals.of(user_name),
            alarms=deps.alarms.of(user_name),
        )
        return make_response(page)

    @views.post(_PATH)
    def end() -> Response:
        login = current_login(deps)
        if login is None:
            return begin_login(deps, _PATH)
        user_name = login.identity.user_name
        if "confirm" in request.form:
            deps.alarms.confirm(user_name)
        # An id of somebody else's terminal is none of this person's, and ends nothing.
        elif "all" in request.form or only_field("end"):
            public_id = None if "all" in request.form else only_field("end")
            for ended in deps.terminals.end(user_name, public_id):
                deps.audit.record(events.signed_out(ended, caller()))
        return redirect_to(deps.site.url(_PATH))

    app.register_blueprint(views)
