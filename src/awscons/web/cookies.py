"""Our cookies: one that names a login, and one for each pending login. Names, flags, lifetimes.

The login cookie is SameSite=Lax: browsers send it when a person follows a link, and not with
background requests or POSTs of other sites. A pending login's cookie must come with the identity provider's
cross-site POST, so it is SameSite=None; browsers accept that only together with Secure. Plain http is for
trials; there the cookies are as strict as browsers allow.

Over https the names begin with `__Host-`, wherever the service is mounted: browsers let no other host set such
a cookie, but a sibling host may set any other name for the parent domain. The path `/` that the prefix needs
would mix up two services of one host, so the name holds the mount path. A cookie that comes twice with
different values counts as none, since the service cannot know which one it has set.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from urllib.parse import quote, urlsplit

from flask import Request, Response

from awscons.signin.login import BegunLogin
from awscons.site import LOOPBACK_HOSTS, CookieSettings, Site

MAX_PENDING = 16
"""Maximum number of pending logins of one browser; above it the oldest are dropped. Each is one cookie."""
MAX_DROPPED = 12
"""Maximum number of pending cookies that one response deletes. Proxies have small buffers for headers."""
_MAX_HANDLE_LENGTH = 80
"""Characters; a longer cookie name cannot be ours, and would only fill the headers of a response."""

RETURNS_LIFETIME = timedelta(seconds=60)
_ACCEPTED = "a"
"""After the count of returns: the last response was accepted."""
_LINK_LIFETIME = timedelta(minutes=10)

THEME_NAME = "awscons-theme"
THEMES = ("light", "dark")
"""What a person can choose; without a choice the page follows their system."""
_THEME_LIFETIME = timedelta(days=400)

SameSite = Literal["None", "Lax"]


@dataclass(frozen=True, slots=True)
class CookiePolicy:
    """Names, paths and flags of our cookies at this site."""

    login_name: str
    login_path: str
    pending_prefix: str
    returns_name: str
    link_name: str
    path: str
    theme_path: str
    secure: bool
    pending_secure: bool
    pending_same_site: SameSite | None


def choose_cookie_policy(site: Site, settings: CookieSettings, *, sso_url: str) -> CookiePolicy:
    """Choose the strictest flags that the site's URL and the identity provider's `sso_url` allow."""
    mount_path = site.mount_path or "/"
    secure = site.is_https if settings.secure is None else settings.secure
    # RFC 6265bis 4.1.3: these prefixes make browsers insist on what we set.
    prefix = "__Host-" if secure and site.is_https else ""
    # "+" is in no quoted path, so no name of one mount path begins like a name of another.
    mount = f"+{quote(site.mount_path.strip('/'), safe='')}" if prefix and site.mount_path else ""
    path = "/" if prefix else mount_path
    login_path = settings.path or (mount_path if settings.name and not _is_host_only(settings.name) else path)
    login_prefix = "__Secure-" if prefix and login_path != "/" else prefix
    pending_secure, pending_same_site = _pending_flags(site, urlsplit(sso_url).hostname or "")
    return CookiePolicy(
        login_name=settings.name or f"{login_prefix}awscons{mount}",
        login_path=login_path,
        pending_prefix=f"{prefix}awscons-pending{mount}{'+' if mount else '-'}",
        returns_name=f"{prefix}awscons-returns{mount}",
        link_name=f"{prefix}awscons-link{mount}",
        path=path,
        theme_path=mount_path,
        secure=secure,
        pending_secure=pending_secure,
        pending_same_site=pending_same_site,
    )


def _is_host_only(name: str) -> bool:
    return name.startswith("__Host-")


def _pending_flags(site: Site, idp_host: str) -> tuple[bool, SameSite | None]:
    if site.is_https:
        return True, "None"
    if idp_host == site.host:
        return False, "Lax"
    if site.host in LOOPBACK_HOSTS:
        # Browsers accept Secure cookies over http from loopback addresses.
        return True, "None"
    return False, None


def login_id_in(request: Request, policy: CookiePolicy) -> str:
    """The login id that the browser sent; "" for none, and for several different ones."""
    return _only(login_ids_in(request, policy))


def login_ids_in(request: Request, policy: CookiePolicy) -> frozenset[str]:
    """Every login id that the browser sent: more than one if another host has planted a cookie."""
    return frozenset(request.cookies.getlist(policy.login_name))


def _only(values: Collection[str]) -> str:
    return next(iter(values)) if len(values) == 1 else ""


def pending_secrets_in(request: Request, policy: CookiePolicy) -> Mapping[str, str]:
    """The browser's pending-login cookies: handle to secret; "" for one that came with several values."""
    prefix = policy.pending_prefix
    handles = [name.removeprefix(prefix) for name in request.cookies if name.startswith(prefix)]
    return {
        handle: _only(set(request.cookies.getlist(prefix + handle)))
        for handle in handles
        if len(handle) <= _MAX_HANDLE_LENGTH
    }


def set_login(response: Response, policy: CookiePolicy, login_id: str) -> None:
    """Set the login cookie. It is a browser-session cookie; the store knows when the login ends."""
    response.set_cookie(
        policy.login_name,
        login_id,
        path=policy.login_path,
        secure=policy.secure,
        httponly=True,
        samesite="Lax",
    )


def drop_login(response: Response, policy: CookiePolicy) -> None:
    """Delete the login cookie."""
    response.delete_cookie(
        policy.login_name, path=policy.login_path, secure=policy.secure, httponly=True, samesite="Lax"
    )


def set_pending(
    request: Request,
    response: Response,
    policy: CookiePolicy,
    begun: BegunLogin,
    *,
    lifetime: timedelta,
) -> None:
    """Bind a pending login to the browser; above MAX_PENDING, drop the oldest ones."""
    response.set_cookie(
        policy.pending_prefix + begun.handle,
        begun.browser_secret,
        max_age=lifetime,
        path=policy.path,
        secure=policy.pending_secure,
        httponly=True,
        samesite=policy.pending_same_site,
    )
    # Handles begin with the time of their making, so their order is their age.
    present = sorted(pending_secrets_in(request, policy))
    for handle in present[: max(0, len(present) + 1 - MAX_PENDING)][:MAX_DROPPED]:
        drop_pending(response, policy, handle)


def drop_pending(response: Response, policy: CookiePolicy, handle: str) -> None:
    """Delete the cookie of a pending login."""
    response.delete_cookie(
        policy.pending_prefix + handle,
        path=policy.path,
        secure=policy.pending_secure,
        httponly=True,
        samesite=policy.pending_same_site,
    )


def returns_in(request: Request, policy: CookiePolicy) -> int:
    """How often this browser came back from the identity provider within a minute without being signed in."""
    value = request.cookies.get(policy.returns_name, "").removesuffix(_ACCEPTED)
    return int(value) if value in {"1", "2"} else 0


def last_return_was_refused(request: Request, policy: CookiePolicy) -> bool:
    """Whether this browser came back within a minute and its response was refused.

    The ACS cannot ask for the login instead: browsers send its cookie with no post of another site.
    """
    return returns_in(request, policy) > 0 and not request.cookies[policy.returns_name].endswith(_ACCEPTED)


def count_return(request: Request, response: Response, policy: CookiePolicy, *, accepted: bool) -> None:
    """Count that the browser came back from the identity provider; `forget_returns` ends the count.

    accepted   its response was accepted; the login that follows may still be of no use
    """
    response.set_cookie(
        policy.returns_name,
        str(min(returns_in(request, policy) + 1, 2)) + (_ACCEPTED if accepted else ""),
        max_age=RETURNS_LIFETIME,
        path=policy.path,
        secure=policy.pending_secure,
        httponly=True,
        samesite=policy.pending_same_site,
    )


def forget_returns(request: Request, response: Response, policy: CookiePolicy) -> None:
    """End the count, if there is one."""
    if policy.returns_name in request.cookies:
        response.delete_cookie(
            policy.returns_name,
            path=policy.path,
            secure=policy.pending_secure,
            httponly=True,
            samesite=policy.pending_same_site,
        )


def note_link(
    response: Response, policy: CookiePolicy, *, login_id: str, path: str, origin: str | None, approved: bool
) -> None:
    """Tell the next request for `path` where the link to it came from; see `link_source.LinkSource`.

    approved   the request needs no confirmation because of the site that it comes from: before the sign-in, the
               browser said where the navigation began. After it, every navigation comes from the identity provider
    """
    text = f"{int(approved)}{origin or ''}"
    response.set_cookie(
        policy.link_name,
        f"{_link_proof(login_id, path, text)}.{text}",
        max_age=_LINK_LIFETIME,
        path=policy.path,
        secure=policy.secure,
        httponly=True,
        samesite="Lax",
    )


def noted_link_in(request: Request, policy: CookiePolicy, *, path: str) -> tuple[str | None, bool] | None:
    """Origin and approval that `note_link` has noted for `path` and this login; None if it noted none."""
    login_id = login_id_in(request, policy)
    proof, _, text = _only(set(request.cookies.getlist(policy.link_name))).partition(".")
    if not (login_id and text) or not hmac.compare_digest(
        _link_proof(login_id, path, text).encode(), proof.encode()
    ):
        return None
    return text[1:] or None, text[0] == "1"


def _link_proof(login_id: str, path: str, text: str) -> str:
    """Keyed with the login id, which no other site knows; so none can make such a cookie."""
    message = f"{text}\n{path}".encode("utf-8", "surrogatepass")
    return hmac.new(login_id.encode(), message, hashlib.sha256).hexdigest()


def drop_noted_link(request: Request, response: Response, policy: CookiePolicy) -> None:
    """Delete the note, if the browser sent it: it serves one request."""
    if policy.link_name in request.cookies:
        response.delete_cookie(
            policy.link_name, path=policy.path, secure=policy.secure, httponly=True, samesite="Lax"
        )


def theme_in(request: Request) -> str:
    """The theme that this person chose, or "" for the theme of the operating system."""
    theme = request.cookies.get(THEME_NAME, "")
    return theme if theme in THEMES else ""


def set_theme(response: Response, policy: CookiePolicy, theme: str) -> None:
    """Store the chosen theme in a cookie; delete the cookie if `theme` is not one of THEMES."""
    if theme in THEMES:
        response.set_cookie(
            THEME_NAME,
            theme,
            max_age=_THEME_LIFETIME,
            path=policy.theme_path,
            secure=policy.secure,
            httponly=True,
            samesite="Lax",
        )
    else:
        response.delete_cookie(
            THEME_NAME, path=policy.theme_path, secure=policy.secure, httponly=True, samesite="Lax"
        )
