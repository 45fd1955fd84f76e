"""What the web wing is given. Values and use cases only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from awscons.audit import AuditLog
from awscons.broker import Broker
from awscons.config.settings import Site
from awscons.login import Logins
from awscons.targets import Target
from awscons.web.cookies import CookiePolicy


@dataclass(frozen=True, slots=True)
class WebParts:
    """Everything the views need, by name.

    proxies   how many proxies' `X-Forwarded-For` is believed
    """

    site: Site
    cookies: CookiePolicy
    pending_lifetime: timedelta
    targets: Mapping[str, Target]
    logins: Logins
    broker: Broker
    audit: AuditLog
    proxies: int
