"""Rules for every request and response: security headers, cross-origin writes, body sizes, mount path.

A view gets the strictest rules unless it sets its own header. Each exemption has its reason beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import IO, TYPE_CHECKING

from flask import Flask, Response, abort, request

from awscons.errors import ConfigurationError, Mistake
from awscons.site import Site

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_ORIGIN = re.compile(r"https?://[a-z0-9.\[\]:-]{1,300}(?=[/?#]|$)", re.ASCII)
"""Scheme, host and port, in lower case; browsers write host names in ASCII."""

UNKNOWN_ORIGIN = "unknown"

MAX_BODY_BYTES = 256 * 1024
"""Maximum size of a request body, except that of a SAML response: see `max_answer_kb`."""

CLOSE_CONNECTION = "awscons-close-connection"
"""In the WSGI environment: the server should close the connection after this answer."""

_MAX_DISCARDED = 4 * 1024 * 1024
"""Maximum number of bytes that are read and discarded from a body that is too large."""

_ONE_PROCESS_ONLY = Mistake(
    "session_config.session_backing",
    "'SimpleCache', under a server that runs several processes",
    "a store that they share: SQLite (the default), FileSystem, Redis, Memcached or DynamoDB",
    "or run one process; under mod_wsgi that is WSGIDaemonProcess without `processes=`",
)


def content_security_policy(*, posts_on: bool = False, posts_to: Sequence[str] = ()) -> str:
    """Return the Content-Security-Policy of a page.

    posts_on   the page posts a form to the identity provider. Browsers apply form-action to the redirects
               that follow as well, so it allows every host
    posts_to   sources of the page's form and of the redirects that follow
    """
    forms = "*" if posts_on else " ".join(posts_to) or "'self'"
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        f"form-action {forms}; frame-ancestors 'none'; base-uri 'none'"
    )


ACS = "login.acs"
CROSS_ORIGIN_ENDPOINTS = frozenset({ACS, "logout.slo_post"})
"""Endpoints that pages of the identity provider post to. Signatures and pending logins protect them."""


def register_guards(app: Flask, site: Site, *, one_process_only: bool) -> None:
    """Apply the guards to every view of `app`.

    one_process_only   the store is the memory of this process: refuse to run in several processes
    """
    app.config["MAX_CONTENT_LENGTH"] = app.config["MAX_FORM_MEMORY_SIZE"] = MAX_BODY_BYTES
    app.config["MAX_FORM_PARTS"] = 20

    @app.before_request
    def refuse_large_bodies() -> None:
        body, length = request.environ["wsgi.input"], request.content_length
        if length is None and "Transfer-Encoding" in request.headers:
            # Werkzeug would truncate it at the limit without an error. Browsers always send Content-Length.
            if "wsgi.input_terminated" in request.environ:
                _read_and_discard(body, _MAX_DISCARDED)
            abort(411)
        if request.endpoint != ACS and body_is_too_large(MAX_BODY_BYTES):
            abort(413)

    @app.before_request
    def refuse_several_processes() -> None:
        # The other processes would know neither the logins nor the used responses of this one.
        if one_process_only and request.environ.get("wsgi.multiprocess"):
            raise ConfigurationError("the store of logins", [_ONE_PROCESS_ONLY])

    _refuse_cross_origin_writes(app, site)
    _close_after_unread_bodies(app)
    _add_headers(app, site)


def body_is_too_large(max_bytes: int) -> bool:
    """Whether the body of this request has more bytes; then it is read and discarded. Else it may be read as a form."""
    length = request.content_length
    if length is not None and length > max_bytes:
        _read_and_discard(request.environ["wsgi.input"], length)
        return True
    request.max_content_length = request.max_form_memory_size = max_bytes
    return False


def _read_and_discard(body: IO[bytes], length: int) -> None:
    """Read up to `_MAX_DISCARDED` bytes of a body that is refused, and discard them.

    A client that is still sending would otherwise get a connection reset and not the response.
    """
    left = min(length, _MAX_DISCARDED)
    while left > 0 and (part := body.read(min(left, 65_536))):
        left -= len(part)


def _close_after_unread_bodies(app: Flask) -> None:
    """Ask the server to close the connection after an answer that is sent before the request's body was read.

    The rest of the body is still on the connection. A client or proxy that sent its next request there would lose it
    (RFC 9112, section 9.6). The header itself is the server's: an application must not send it (PEP 3333).
    """

    @app.after_request
    def close_after_unread_body(response: Response) -> Response:
        if _body_is_unread():
            request.environ[CLOSE_CONNECTION] = True
        return response


def _body_is_unread() -> bool:
    length = request.content_length
    if length is None:
        return "Transfer-Encoding" in request.headers
    return length > (request.max_content_length or 0) or request.stream.tell() < length


def _refuse_cross_origin_writes(app: Flask, site: Site) -> None:
    @app.before_request
    def refuse_cross_origin_writes() -> None:
        if request.method in {"GET", "HEAD", "OPTIONS"} or request.endpoint in CROSS_ORIGIN_ENDPOINTS:
            return
        # Every browser sends one of these headers with a POST. A client that sends neither is no browser,
        # so no other site can make it send a login cookie.
        fetch_site = request.headers.get("Sec-Fetch-Site")
        if fetch_site is not None and fetch_site not in {"same-origin", "none"}:
            abort(403, "a request from another site")
        origin = request.headers.get("Origin")
        if fetch_site is None and origin is not None and origin != site.origin:
            abort(403, "a request from another site")
        # A proxy may have removed both. A referrer that names another site says the same.
        referrer = request.headers.get("Referer")
        if fetch_site is None and origin is None and referrer and origin_of(referrer) != site.origin:
            abort(403, "a request from another site")


def origin_of(url: str) -> str:
    """The origin of a URL as browsers write it (RFC 6454); "" if it has none."""
    matched = _ORIGIN.match(url)
    return matched[0] if matched else ""


def foreign_origin(site: Site) -> str | None:
    """The origin of another site that caused this request; UNKNOWN_ORIGIN if the browser hides it; else None.

    A sibling host is another site here. An address that a person typed, a bookmark or a link of another program is
    no site (`none`). Clients that are no browsers send neither header.
    """
    origin = origin_of(request.headers.get("Referer", ""))
    fetch_site = request.headers.get("Sec-Fetch-Site")
    if fetch_site in {"same-origin", "none"} or (fetch_site is None and origin in {"", site.origin}):
        return None
    return UNKNOWN_ORIGIN if origin in {"", site.origin} else origin


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
        # No referrer to other sites. `no-referrer` would make browsers send `Origin: null` with our own
        # forms, and the guard above would refuse them.
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
    """WSGI middleware: moves the mount path from PATH_INFO to SCRIPT_NAME, unless the server has done so.

    Apache's WSGIScriptAlias does it; a proxy that forwards the whole path does not.
    """

    def __init__(self, application: WSGIApplication, mount_path: str) -> None:
        self._application = application
        self._mount_path = mount_path

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request, as WSGI has it (PEP 3333)."""
        path = environ.get("PATH_INFO", "")
        if path in {"", self._mount_path}:
            # The mount path itself, without a last slash: the router would redirect to the forgeable Host header.
            environ["SCRIPT_NAME"], environ["PATH_INFO"] = self._mount_path, "/"
        elif not environ.get("SCRIPT_NAME") and path.startswith(f"{self._mount_path}/"):
            environ["SCRIPT_NAME"] = self._mount_path
            environ["PATH_INFO"] = path.removeprefix(self._mount_path)
        return self._application(environ, start_response)
