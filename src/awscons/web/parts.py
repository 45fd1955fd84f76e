"""What the web wing is given. Values and use cases only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from awscons.audit import AuditLog
from awscons.broker import Broker
from awscons.config.settings import ServerSettings, Site, SiteFace
from awscons.login import Logins
from awscons.logout import Logouts
from awscons.measures import Meter
from awscons.preferences import Preferences
from awscons.targets import Target
from awscons.web.cookies import CookiePolicy
from awscons.web.limits import SignInLimits
from awscons.web.metrics_views import MetricsText


@dataclass(frozen=True, slots=True)
class WebParts:
    """Everything the views need, by name.

    metadata              ours, as XML
    metrics               None where the configuration wants none
    one_process_only      logins are kept in the memory of one process
    kept_attributes       names of the attributes that logins keep, as the identity provider sends them
    debug                 show people what their identity provider sent
    """

    site: Site
    face: SiteFace
    cookies: CookiePolicy
    pending_lifetime: timedelta
    targets: Mapping[str, Target]
    logins: Logins
    logouts: Logouts
    preferences: Preferences
    broker: Broker
    audit: AuditLog
    metadata: bytes
    server: ServerSettings
    limits: SignInLimits
    meter: Meter
    metrics: MetricsText | None
    one_process_only: bool
    kept_attributes: Sequence[str]
    debug: bool
