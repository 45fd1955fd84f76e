"""What the web wing is given. Values and use cases only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from awscons.access.targets import Target
from awscons.audit.events import AuditLog
from awscons.audit.metrics_recorder import MetricsSettings
from awscons.aws.broker import Broker
from awscons.consoles import Consoles
from awscons.preferences import Preferences
from awscons.signin.login import Logins
from awscons.signin.rate_limits import SignInRateLimits
from awscons.signin.single_logout import Logouts
from awscons.site import Branding, Site
from awscons.web.cookies import CookiePolicy
from awscons.web.metrics_views import MetricsText


@dataclass(frozen=True, slots=True)
class WebDependencies:
    """Everything the views need, by name.

    metadata              ours, as XML
    metrics               None where the configuration wants none
    one_process_only      logins are kept in the memory of one process
    kept_attributes       names of the attributes that logins keep, as the identity provider sends them
    debug                 show people what their identity provider sent
    """

    site: Site
    branding: Branding
    cookies: CookiePolicy
    pending_lifetime: timedelta
    targets: Mapping[str, Target]
    logins: Logins
    logouts: Logouts
    preferences: Preferences
    consoles: Consoles
    broker: Broker
    audit: AuditLog
    metadata: bytes
    metrics_settings: MetricsSettings
    limits: SignInRateLimits
    metrics: MetricsText | None
    one_process_only: bool
    attribute_map: Sequence[str]
    debug: bool
