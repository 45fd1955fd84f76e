"""What surrounds the service, for `awscons doctor`: clocks, its own public URL, proxies, the disk.

Every request goes through the service's HTTP pool, follows no redirect, sends no secret, and has a time limit.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from botocore.utils import get_environ_proxies

from awscons.adapters.aws.http_pool import Answer, Authorities, HttpPool, Limits, Step
from awscons.errors import UpstreamError
from awscons.findings import Finding, Severity, error_finding, warning
from awscons.saml.response import CLOCK_SKEW
from awscons.site import Site

_LIMITS = Limits(connect=3.0, read=5.0, total=8.0, max_bytes=4 * 1024 * 1024)
_FEW_BYTES, _TOO_FEW_BYTES = 500 * 1024 * 1024, 20 * 1024 * 1024
_HEADERS_OF_PAGES = ("X-Frame-Options", "Content-Security-Policy")
_CLOCK_CURE = "synchronise this host's clock (chrony, systemd-timesyncd)"
_OUTSIDE = "a firewall may keep this host from its own public URL; then ask it from elsewhere"


class Surroundings:
    """Asks what surrounds the service. `user_agent`: of every request."""

    def __init__(self, http: HttpPool, *, user_agent: str) -> None:
        self._http = http
        self._user_agent = user_agent

    def clock(self, peer: str, url: str, authorities: Authorities, *, now: datetime) -> Iterator[Finding]:
        """Whether a host can be reached, and whether its clock and ours agree. `now`: UTC."""
        try:
            answer = self._get(peer, url, authorities)
        except UpstreamError as error:
            yield error_finding(_host(url), error)
        else:
            yield from _clock_findings(peer, url, answer, now)
            if get_environ_proxies(url):
                proxy = urlsplit(next(iter(get_environ_proxies(url).values())))
                yield Finding(Severity.INFO, _host(url), f"reached through the proxy {proxy.hostname}")

    def own_url(self, site: Site, authorities: Authorities, *, sso_url: str) -> Iterator[Finding]:
        """What a browser meets at our own public URL, before anybody signs in."""
        subject = site.url("/")
        try:
            ready = self._get("our public URL", site.url("/readyz"), authorities)
            page = self._get("our public URL", site.url(site.home_path), authorities)
        except UpstreamError as error:
            yield warning(subject, f"{subject} cannot be asked from here: {error}", error.hint or _OUTSIDE)
            return
        yield from _readiness_findings(subject, ready)
        yield from _page_findings(subject, page, site, sso_url)

    def _get(self, peer: str, url: str, authorities: Authorities) -> Answer:
        headers = {"User-Agent": self._user_agent, "Accept": "text/html"}
        return self._http.ask(
            Step("doctor", peer), "GET", url, headers=headers, limits=_LIMITS, authorities=authorities
        )


def system_authorities(bundle: str | None = None) -> Authorities:
    """The system's authorities, and those of the variables that name more. `bundle`: a file that replaces them."""
    more = bundle or os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE")
    return Authorities(more or None, system=bundle is None, named_by="AWS_CA_BUNDLE or REQUESTS_CA_BUNDLE")


def disk_findings(folder: Path) -> Iterator[Finding]:
    """Whether there is room for logins and for metadata in `folder`, or where it is going to be."""
    existing = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(existing).free
    if free < _FEW_BYTES:
        severity = Severity.ERROR if free < _TOO_FEW_BYTES else Severity.WARNING
        cause = f"{existing} has {free // 1024 // 1024:,} MiB left on its disk"
        yield Finding(severity, str(existing), cause, "make room: without it, nobody can sign in")


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _clock_findings(peer: str, url: str, answer: Answer, now: datetime) -> Iterator[Finding]:
    try:
        theirs = parsedate_to_datetime(_lower(answer.headers).get("date", "")).astimezone(UTC)
    except ValueError:
        yield Finding(Severity.INFO, _host(url), f"{peer} says no time (no Date header)")
        return
    seconds = round((now - theirs).total_seconds())
    if abs(seconds) <= CLOCK_SKEW.total_seconds() / 2:
        yield Finding(Severity.OK, _host(url), f"{peer} can be reached, and its clock agrees with ours")
        return
    which = f"{abs(seconds):,} seconds {'ahead of' if seconds > 0 else 'behind'}"
    severity = Severity.ERROR if abs(seconds) > CLOCK_SKEW.total_seconds() else Severity.WARNING
    yield Finding(severity, _host(url), f"this host's clock is {which} that of {peer}", _CLOCK_CURE)


# --- our own URL -------------------------------------------------------------------------


def _readiness_findings(subject: str, ready: Answer) -> Iterator[Finding]:
    try:
        said = json.loads(ready.body)
        problems, warnings = list(map(str, said["problems"])), list(map(str, said["warnings"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        cause = f"{subject} is not this service, or it does not run: /readyz answers HTTP {ready.status}"
        yield Finding(
            Severity.ERROR, subject, cause, "see `acs_url`, the proxy's configuration, and the service's log"
        )
        return
    if problems:
        cause = f"the running service is not ready: {', '.join(problems)}"
        yield Finding(Severity.ERROR, subject, cause, "its log says why")
    for one in warnings:
        yield warning(
            subject, f"the running service warns of {one}", _CURE_OF_WARNING.get(one, "see its log")
        )


_CURE_OF_WARNING = {
    "undeclared_proxy": "X-Forwarded-For arrives: set `trusted_proxies` in server_config to the number of proxies"
}


def _page_findings(subject: str, page: Answer, site: Site, sso_url: str) -> Iterator[Finding]:
    headers = _lower(page.headers)
    location, cookies = headers.get("location", ""), headers.get("set-cookie", "")
    is_sent_on = page.status in {HTTPStatus.FOUND, HTTPStatus.SEE_OTHER} and _host(location) == _host(sso_url)
    if not (is_sent_on or (page.status == HTTPStatus.OK and sso_url.encode() in page.body)):
        to = f" to {_host(location)}" if location else ""
        cause = f"{site.url(site.home_path)} answers HTTP {page.status}{to}, and sends nobody to the identity provider"
        yield Finding(
            Severity.ERROR, subject, cause, "see what answers there: a proxy, another service, an older one"
        )
        return
    if site.is_https and "; secure" not in cookies.casefold():
        cause = "the cookie of a sign-in arrives without Secure, or not at all"
        yield Finding(Severity.ERROR, subject, cause, "a proxy changes cookies: see `session_secure`")
    elif site.is_https and not cookies.startswith("__Host-"):
        yield warning(
            subject, f"the cookie {cookies.partition('=')[0]!r} has no prefix __Host-", "see the proxy"
        )
    wanted = (*_HEADERS_OF_PAGES, *(("Strict-Transport-Security",) if site.is_https else ()))
    if lacking := [name for name in wanted if name.casefold() not in headers]:
        yield warning(subject, f"pages arrive without {', '.join(lacking)}", "a proxy removes these headers")
    if is_sent_on and cookies:
        yield Finding(Severity.OK, subject, "our public URL sends browsers to the identity provider")


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.casefold(): value for name, value in headers.items()}
