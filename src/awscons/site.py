"""Where people reach the service, and what they see of the whole site. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts for which plain http is safe: no network lies between."""
LOGO_TYPES = {".svg": "image/svg+xml", ".png": "image/png", ".webp": "image/webp"}
"""Media type of a logo by the suffix of its file."""
MAX_LOGO_BYTES = 256 * 1024
"""Bytes."""


@dataclass(frozen=True, slots=True)
class Site:
    """The public URL of the service. All our own URLs are built from it and not from a request's headers.

    origin      `https://sso.example.com`, without a slash at the end
    mount_path  `/awscon`, or "" when mounted at the root
    url_prefix  `/aws`, or ""
    trusted_proxies  proxies in front of the service, each of which adds to `X-Forwarded-For`
    """

    origin: str
    mount_path: str
    url_prefix: str
    trusted_proxies: int = 0
    trusted_link_origins: frozenset[str] = frozenset()

    @property
    def is_https(self) -> bool:
        """Whether people reach us over TLS."""
        return self.origin.startswith("https://")

    @property
    def host(self) -> str:
        """The host name, without port."""
        return urlsplit(self.origin).hostname or ""

    @property
    def home_path(self) -> str:
        """The portal's path, below where we are mounted."""
        return f"{self.url_prefix}/"

    def target_path(self, name: str) -> str:
        """A target's path, below where we are mounted."""
        return f"{self.url_prefix}/{name}"

    def url(self, path: str) -> str:
        """The public URL of a path of ours (the path begins with a slash)."""
        return f"{self.origin}{self.mount_path}{path}"


@dataclass(frozen=True, slots=True)
class CookieSettings:
    """What the configuration says of cookies; None: the service chooses."""

    name: str | None
    path: str | None
    secure: bool | None


@dataclass(frozen=True, slots=True)
class Account:
    """An AWS account, as people know it; empty: nothing was said of it. `slug`: its name in names of targets."""

    name: str = ""
    environment: str = ""
    color: str = ""
    slug: str = ""


@dataclass(frozen=True, slots=True)
class Logo:
    """The picture beside the site's name."""

    suffix: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Branding:
    """What people see of the whole site; colours as `#rrggbb`.

    support_text, support_url   whom and where to ask; each may be ""
    auditors                    groups whose members can read the access report
    accounts                    by account number
    """

    title: str = "awscons"
    logo: Logo | None = None
    accent_color: str = "#1f5fbf"
    support_text: str = ""
    support_url: str = ""
    show_required_groups: bool = True
    auditors: frozenset[str] = frozenset()
    accounts: Mapping[str, Account] = field(default_factory=dict)
