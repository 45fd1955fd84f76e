"""What the views need: values and use cases, built by `assembly`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from awscons.access.targets import Target
from awscons.audit.event import AuditLog
from awscons.audit.metrics_recorder import MetricsSettings
from awscons.aws.broker import Broker
from awscons.consoles import Consoles
from awscons.preferences import Preferences
from awscons.saml.input_limits import MessageLimits
from awscons.signin.blocks import BlockList
from awscons.signin.login import Logins
from awscons.signin.rate_limits import SignInRateLimits
from awscons.signin.single_logout import Logouts
from awscons.site import Branding, Site
from awscons.terminals.alarms import Alarms
from awscons.terminals.terminal_logins import Terminals
from awscons.web.cookies import CookiePolicy
from awscons.web.health_views import Readiness
from awscons.web.metrics_views import MetricsText


@dataclass(frozen=True, slots=True)
class WebDependencies:
    """Everything the views need, by name.

    metadata              our SAML metadata, as XML
    metrics               None if metrics are not configured
    one_process_only      the store is the memory of one process
    attribute_map         names of the attributes that logins store, as the identity provider sends them
    answer_limits         how large a SAML response may be
    debug                 show people the attributes that their identity provider sent
    has_terminals         a target gives credentials to terminals
    client_archive        the command-line client, as one file; None: it is not installed
    """

    site: Site
    branding: Branding
    cookies: CookiePolicy
    pending_lifetime: timedelta
    targets: Mapping[str, Target]
    logins: Logins
    logouts: Logouts
    preferences: Preferences
    blocks: BlockList
    consoles: Consoles
    broker: Broker
    audit: AuditLog
    metadata: bytes
    idp_metadata: bytes | None
    metrics_settings: MetricsSettings
    limits: SignInRateLimits
    metrics: MetricsText | None
    readiness: Readiness
    one_process_only: bool
    attribute_map: Sequence[str]
    answer_limits: MessageLimits
    debug: bool
    has_terminals: bool
    terminals: Terminals
    alarms: Alarms
    client_archive: bytes | None
