"""One HTTP request whose answer is JSON, with the proxies and certificates that Python and the AWS CLI know.

HTTPS, or HTTP on loopback. No redirect is followed: a bearer token goes to the address that it is meant for.
"""

from __future__ import annotations

import json
import os
import sys
import time

from awscons_cli import __version__
from awscons_cli.errors import ServiceUnavailable, UsageMistake, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from typing import Any

TIMEOUT = 30.0
"""Seconds to wait for the service, which itself may wait for AWS."""

MAX_BYTES = 16 * 1024 * 1024
"""Of an answer: a list of ten thousand doors has four million."""

LOOPBACK = ("127.0.0.1", "::1", "localhost")

_debug = False


def turn_debug_on() -> None:
    """Say on standard error what is asked of whom; never a query, a header or a body."""
    global _debug  # noqa: PLW0603 - one switch of the process
    _debug = True


def debug(text: str) -> None:
    """Say it, if `--debug` was given."""
    if _debug:
        print(f"debug: {text}", file=sys.stderr)


class Answer:
    """What the service answered: a JSON object.

    skew   seconds by which the clock of this computer is ahead of the service's, as far as `Date` tells
    """

    __slots__ = ("document", "retry_after", "skew", "status")

    def __init__(self, status: int, document: dict[str, Any], retry_after: str, skew: float) -> None:
        self.status = status
        self.document = document
        self.retry_after = retry_after
        self.skew = skew


class NoJson(ServiceUnavailable):
    """An HTTP answer that is not a JSON object."""

    def __init__(self, host: str, status: int, content_type: str) -> None:
        self.status = status
        kind = printable(content_type.partition(";")[0], 60) or "something"
        super().__init__(
            f"{host} answered {status} with {kind} that awscons-cli cannot read.",
            "Is that the address of the service, and does no proxy ask for a sign-in first?",
        )


def service_url(text: str) -> str:
    """The base URL of a service, in its one form. Raises UsageMistake."""
    import re
    from urllib.parse import urlsplit

    mistake = UsageMistake(
        f"{printable(text)!r} is no address of a service.",
        "Give that of the portal, as https://sso.example.com.",
    )
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise mistake from None
    # Nothing that a shell would obey: the address becomes a part of profiles.
    name = re.fullmatch(r"[0-9a-f:]*:[0-9a-f:.]*|[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?", host)
    plain = name and re.fullmatch(r"[A-Za-z0-9._~/-]*", parts.path)
    if not plain or parts.username or parts.query or parts.fragment or parts.scheme not in {"http", "https"}:
        raise mistake
    if parts.scheme == "http" and host not in LOOPBACK:
        raise UsageMistake(f"{printable(text)} is not encrypted.", f"Use https://{host} instead.")
    default = {"http": 80, "https": 443}[parts.scheme]
    shown = f"[{host}]" if ":" in host else host
    suffix = "" if port in {None, default} else f":{port}"
    return f"{parts.scheme}://{shown}{suffix}{parts.path.rstrip('/')}"


def is_below(url: Any, base: str) -> bool:
    """Whether `url` is one of the service at `base`, and can be shown on a terminal."""
    return (
        isinstance(url, str)
        and url.startswith(f"{base}/")
        and printable(url, len(url)) == url
        and url.isascii()
    )


def call(
    url: str,
    *,
    form: Mapping[str, str] | None = None,
    bearer: str | None = None,
) -> Answer:
    """GET `url`, or POST the form to it. Raises ServiceUnavailable; NoJson for an answer that is no JSON."""
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.parse import urlencode, urlsplit
    from urllib.request import Request

    host = urlsplit(url).netloc
    headers = {"Accept": "application/json", "User-Agent": f"awscons-cli/{__version__}"}
    if bearer is not None:
        headers["Authorization"] = f"Bearer {bearer}"
    body = None if form is None else urlencode(form).encode()
    request = Request(url, data=body, headers=headers)  # noqa: S310 - service_url() checked the scheme
    begun = time.time()
    try:
        try:
            response = _opener(url).open(request, timeout=TIMEOUT)
        except HTTPError as error:
            response = error
        with response:
            content = response.read(MAX_BYTES + 1)
            status, answered = response.status, response.headers
    except URLError as error:
        raise _unreachable(host, error.reason) from None
    except (OSError, HTTPException, UnicodeError) as error:  # the last: the name of a proxy
        raise _unreachable(host, error) from None
    took = time.time() - begun
    debug(f"{request.get_method()} {url.partition('?')[0]} {status} {took * 1000:.0f} ms")
    document = _object(content) if _is_json(answered.get("Content-Type", "")) else None
    if document is None:
        raise NoJson(host, status, answered.get("Content-Type", ""))
    return Answer(
        status, document, answered.get("Retry-After", ""), _skew(answered.get("Date"), begun + took / 2)
    )


def _opener(url: str) -> Any:
    from urllib.parse import urlsplit
    from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, build_opener

    class NoRedirects(HTTPRedirectHandler):
        def redirect_request(self, *_arguments: object) -> None:
            """Leave the answer as it is; `call` says that it is no JSON."""

    handlers: list[Any] = [NoRedirects()]
    if urlsplit(url).hostname in LOOPBACK:
        handlers.append(ProxyHandler({}))
    if url.startswith("https:"):
        handlers.append(HTTPSHandler(context=_trusted()))
    return build_opener(*handlers)


def _trusted() -> ssl.SSLContext:
    """The certificates that Python trusts (`SSL_CERT_FILE` among them), and those that the AWS CLI is told of."""
    import ssl

    context = ssl.create_default_context()
    for variable in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        bundle = os.environ.get(variable)
        if bundle:
            try:
                folder = os.path.isdir(bundle)
                context.load_verify_locations(
                    capath=bundle if folder else None, cafile=None if folder else bundle
                )
            except (OSError, ssl.SSLError):
                raise ServiceUnavailable(
                    f"The certificates in {printable(bundle)} cannot be read.", f"{variable} names that file."
                ) from None
    return context


def _unreachable(host: str, reason: object) -> ServiceUnavailable:
    import ssl

    if isinstance(reason, ssl.SSLCertVerificationError):
        return ServiceUnavailable(
            f"The certificate of {host} is not trusted: {printable(reason.verify_message)}.",
            "SSL_CERT_FILE or AWS_CA_BUNDLE can name the file of a private certificate authority.",
        )
    if isinstance(reason, TimeoutError) or "timed out" in str(reason):
        return ServiceUnavailable(f"{host} did not answer within {TIMEOUT:.0f} seconds.")
    words = getattr(reason, "strerror", None) or printable(reason) or type(reason).__name__
    return ServiceUnavailable(f"{host} cannot be reached: {words}.", "Is the network, VPN or proxy there?")


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def _object(content: bytes) -> dict[str, Any] | None:
    if len(content) > MAX_BYTES:
        return None
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _skew(date: str | None, now: float) -> float:
    from email.utils import parsedate_to_datetime

    try:
        return now - parsedate_to_datetime(date).timestamp() if date else 0.0
    except (TypeError, ValueError):
        return 0.0
