"""What holds for every request and every answer: security headers, origins, sizes, our mount point.

A view that says nothing gets the strictest of it. Each exemption stands beside its reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO, TYPE_CHECKING

from flask import Flask, Response, abort, request

from awscons.errors import ConfigurationError, Mistake
from awscons.site import Site

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

MAX_BODY_BYTES = 256 * 1024
"""Bytes of a request's body. A person in 200 groups needs about 40,000: a SAML response, twice encoded."""

_MAX_PASSED = 4 * 1024 * 1024
"""Bytes."""

_ONE_PROCESS_ONLY = Mistake(
    "session_config.session_backing",
    "'SimpleCache', under a server that runs several processes",
    "a store that they share: SQLite (the default), FileSystem, Redis, Memcached or DynamoDB",
    "or run one process; under mod_wsgi that is WSGIDaemonProcess without `processes=`",
)


def content_security_policy(*, posts_on: bool = False) -> str:
    """What a page of ours may load and do.

    posts_on   the page exists to post a form to the identity provider, wherever that leads it next
               (browsers apply form-action to the redirects that follow, too); a script of ours does so
    """
    forms = "*" if posts_on else "'self'"
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        f"form-action {forms}; frame-ancestors 'none'; base-uri 'none'"
    )


POSTED_FROM_ELSEWHERE = frozenset({"login.acs", "logout.slo_post"})
"""The endpoints that the identity provider's pages post to by design; other things protect them instead."""


def register_guards(app: Flask, site: Site, *, one_process_only: bool) -> None:
    """Put the guards in front of and behind every view of `app`.

    one_process_only   logins lie in the memory of this process, so there must be no other
    """
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.config["MAX_FORM_MEMORY_SIZE"] = MAX_BODY_BYTES
    app.config["MAX_FORM_PARTS"] = 20

    @app.before_request
    def refuse_large_bodies() -> None:
        # Whatever the view makes of it.
        body, length = request.environ["wsgi.input"], request.content_length
        if length is None and "Transfer-Encoding" in request.headers:
            # Werkzeug would cut it at the limit, and read that. Browsers always say how long a body is.
            if "wsgi.input_terminated" in request.environ:
                _let_pass(body, _MAX_PASSED)
            abort(411)
        if length is not None and length > MAX_BODY_BYTES:
            _let_pass(body, length)
            abort(413)

    @app.before_request
    def refuse_several_processes() -> None:
        # A login of one process would be unknown to the others, and a replay as well.
        if one_process_only and request.environ.get("wsgi.multiprocess"):
            raise ConfigurationError("the store of logins", [_ONE_PROCESS_ONLY])

    _refuse_cross_origin_writes(app, site)
    _add_headers(app, site)


def _let_pass(body: IO[bytes], length: int) -> None:
    """Read a body to no purpose: a client that is still sending would hear of no answer, only of a reset.

    Up to a point. Whoever sends more than that does not listen anyway.
    """
    left = min(length, _MAX_PASSED)
    while left > 0 and (part := body.read(min(left, 65_536))):
        left -= len(part)


def _refuse_cross_origin_writes(app: Flask, site: Site) -> None:
    @app.before_request
    def refuse_cross_origin_writes() -> None:
        if request.method in {"GET", "HEAD", "OPTIONS"} or request.endpoint in POSTED_FROM_ELSEWHERE:
            return
        # Browsers say where a request comes from; what says nothing is no browser and holds no cookie
        # that somebody else could ride on.
        fetch_site = request.headers.get("Sec-Fetch-Site")
        if fetch_site is not None and fetch_site not in {"same-origin", "none"}:
            abort(403, "a request from another site")
        origin = request.headers.get("Origin")
        if fetch_site is None and origin is not None and origin != site.origin:
            abort(403, "a request from another site")


def _add_headers(app: Flask, site: Site) -> None:
    always = {
        "Cross-Origin-Opener-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
    if site.is_https:
        always["Strict-Transport-Security"] = "max-age=31536000"
    unless_the_view_says = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": content_security_policy(),
        # Nothing to other sites. To ourselves it stays, since without it browsers would send our own
        # forms with `Origin: null`, which is a stranger's.
        "Referrer-Policy": "same-origin",
    }

    @app.after_request
    def add_headers(response: Response) -> Response:
        said = {name.lower() for name, _ in response.headers}
        for name, value in unless_the_view_says.items():
            if name.lower() not in said:
                response.headers.add(name, value)
        for name, value in always.items():
            response.headers[name] = value
        return response


class MountPoint:
    """Moves our mount path out of PATH_INFO where the server in front did not.

    Apache's WSGIScriptAlias does it; a proxy that passes the whole path on does not. Both then work.
    """

    def __init__(self, application: WSGIApplication, mount_path: str) -> None:
        self._application = application
        self._mount_path = mount_path

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request, as WSGI has it (PEP 3333)."""
        path = environ.get("PATH_INFO", "")
        if path in {"", self._mount_path}:
            # The mount path itself, without a slash. The router would redirect, by the Host header.
            environ["SCRIPT_NAME"], environ["PATH_INFO"] = self._mount_path, "/"
        elif not environ.get("SCRIPT_NAME") and path.startswith(f"{self._mount_path}/"):
            environ["SCRIPT_NAME"] = self._mount_path
            environ["PATH_INFO"] = path.removeprefix(self._mount_path)
        return self._application(environ, start_response)
