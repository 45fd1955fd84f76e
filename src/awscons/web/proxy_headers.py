"""What proxies in front of the service say of a request: the client's address, and an id of the request.

The headers count only if `trusted_proxies` in the configuration says that there are proxies.
"""

from __future__ import annotations

import ipaddress
import re
import threading

import structlog
from flask import Flask, Response, g, request
from structlog.contextvars import bind_contextvars, clear_contextvars
from werkzeug.http import parse_list_header

from awscons.site import Site

REQUEST_ID = "X-Request-ID"
_SOUND_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}", re.ASCII)
_OF_PROXIES = ("X-Forwarded-For", "Forwarded")

_log = structlog.get_logger(__name__)


def register_proxy_headers(app: Flask, site: Site) -> None:
    """Put a trusted proxy's request id into the log and the answer; notice a proxy that is not configured."""
    if site.trusted_proxies:
        _use_request_ids(app)
    else:
        _notice_undeclared_proxy(app, site)


def _use_request_ids(app: Flask) -> None:
    @app.before_request
    def bind_request_id() -> None:
        sent = request.headers.get(REQUEST_ID, "")
        if _SOUND_REQUEST_ID.fullmatch(sent):
            g.request_id = sent
            bind_contextvars(request_id=sent)

    @app.after_request
    def answer_request_id(response: Response) -> Response:
        if "request_id" in g:
            response.headers[REQUEST_ID] = g.request_id
        return response

    @app.teardown_request
    def forget_request_id(_error: BaseException | None) -> None:
        # The thread serves other requests afterwards.
        clear_contextvars()


def _notice_undeclared_proxy(app: Flask, site: Site) -> None:
    not_yet_said = threading.Lock()

    @app.before_request
    def notice_undeclared_proxy() -> None:
        header = undeclared_proxy_header(site)
        # Acquired once and never released: one line for each process.
        if header and not_yet_said.acquire(blocking=False):
            _log.warning(
                "proxy.undeclared",
                header=header,
                hint="if there are proxies in front, set `trusted_proxies` in server_config to their number; until "
                "then, the client address in the audit log and in rate limits is that of the nearest proxy",
            )


def undeclared_proxy_header(site: Site) -> str | None:
    """The header of a proxy that this request has and the configuration knows nothing of."""
    if site.trusted_proxies:
        return None
    return next((name for name in _OF_PROXIES if name in request.headers), None)


def counted_address(site: Site) -> str | None:
    """The address for which rate limits count this request; None for a connection of this host that names no client.

    Such a connection comes from a proxy that the configuration does not name, whose address is everybody's, or from
    a program of the operator. An address that only a header claims is always counted.
    """
    forwarded = parse_list_header(request.headers.get("X-Forwarded-For", ""))
    is_claimed = 0 < site.trusted_proxies <= len(forwarded)
    return None if not is_claimed and _is_of_this_host(request.remote_addr) else request.remote_addr


def _is_of_this_host(address: str | None) -> bool:
    """Whether a connection comes from this host; one over a Unix socket has no address."""
    if not address:
        return True
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback
