"""Our cookies: one that names a login, and one for each pending login. Names, flags, lifetimes.

The login cookie is SameSite=Lax: browsers send it when a person follows a link, and not with
background requests or POSTs of other sites. A pending login's cookie must come with the identity provider's
cross-site POST, so it is SameSite=None; browsers accept that only together with Secure. Plain http is for
trials; there the cookies are as strict as browsers allow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from urllib.parse import urlsplit

from flask import Request, Response

from awscons.signin.login import BegunLogin
from awscons.site import LOOPBACK_HOSTS, CookieSettings, Site

MAX_PENDING = 16
"""Maximum number of pending logins of one browser; above it the oldest are dropped. Each is one cookie."""

RETURNS_LIFETIME = timedelta(seconds=60)

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
    path: str
    secure: bool
    pending_secure: bool
    pending_same_site: SameSite | None


def choose_cookie_policy(site: Site, settings: CookieSettings, *, sso_url: str) -> CookiePolicy:
    """Choose the strictest flags that the site's URL and the identity provider's `sso_url` allow."""
    path = site.mount_path or "/"
    login_path = settings.path or path
    secure = site.is_https if settings.secure is None else settings.secure
    # RFC 6265bis 4.1.3: these prefixes make browsers insist on what we set.
    prefix = ""
    if secure and site.is_https:
        prefix = "__Host-" if path == login_path == "/" else "__Secure-"
    pending_secure, pending_same_site = _pending_flags(site, urlsplit(sso_url).hostname or "")
    pending_prefix = prefix if pending_secure else ""
    return CookiePolicy(
        login_name=settings.name or f"{prefix}awscons",
        login_path=login_path,
        pending_prefix=f"{pending_prefix}awscons-pending-",
        returns_name=f"{pending_prefix}awscons-returns",
        path=path,
        secure=secure,
        pending_secure=pending_secure,
        pending_same_site=pending_same_site,
    )


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
    """The login id that the browser sent, or ""."""
    return request.cookies.get(policy.login_name, "")


def pending_secrets_in(request: Request, policy: CookiePolicy) -> Mapping[str, str]:
    """The browser's pending-login cookies: handle to secret."""
    prefix = policy.pending_prefix
    return {
        name.removeprefix(prefix): value for name, value in request.cookies.items() if name.startswith(prefix)
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
    for handle in present[: max(0, len(present) + 1 - MAX_PENDING)]:
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
    value = request.cookies.get(policy.returns_name, "")
    return int(value) if value in {"1", "2"} else 0


def count_return(request: Request, response: Response, policy: CookiePolicy) -> None:
    """Count that the browser came back from the identity provider; `forget_returns` ends the count."""
    response.set_cookie(
        policy.returns_name,
        str(min(returns_in(request, policy) + 1, 2)),
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
            path=policy.path,
            secure=policy.secure,
            httponly=True,
            samesite="Lax",
        )
    else:
        response.delete_cookie(
            THEME_NAME, path=policy.path, secure=policy.secure, httponly=True, samesite="Lax"
        )
