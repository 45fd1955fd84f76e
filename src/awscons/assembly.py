"""The one place where the service's parts are chosen and put together.

Everything below receives what it needs; nothing reaches out at import time. Demo mode and tests call
the same function with other settings, so what they show is what runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import structlog
from flask import Flask

from awscons.adapters.audit_log import StructlogAuditLog
from awscons.adapters.caches import build_cache
from awscons.adapters.federation import FederationClient
from awscons.adapters.record_store import CacheRecordStore
from awscons.adapters.state_folder import state_folder
from awscons.adapters.sts import BotoRoleAssumer
from awscons.adapters.trust import TrustByHand, TrustByMetadata
from awscons.audit import AuditLog
from awscons.broker import Broker
from awscons.config.settings import Settings, notices
from awscons.login import Logins, Trust
from awscons.saml.metadata import build_sp_metadata
from awscons.saml.parties import IdentityProvider
from awscons.web.app import create_app
from awscons.web.cookies import choose_cookie_policy
from awscons.web.parts import WebParts

_PLACES = 12
"""Sign-ins that may wait for AWS at once, where neither the configuration nor the server says more."""

_log = structlog.get_logger(__name__)


def utc_now() -> datetime:
    """The clock of the service."""
    return datetime.now(UTC)


def build_trust(
    settings: Settings,
    *,
    environment: Mapping[str, str],
    clock: Callable[[], datetime] = utc_now,
    audit: AuditLog,
) -> Trust:
    """The identity provider that the settings trust. Raises MetadataRefused."""
    if isinstance(settings.trust, IdentityProvider):
        return TrustByHand(settings.trust, clock=clock)
    return TrustByMetadata(settings.trust, keep_in=state_folder(environment), clock=clock, audit=audit)


def our_metadata(settings: Settings) -> bytes:
    """What an identity provider has to know of us, as XML."""
    return build_sp_metadata(
        settings.service_provider,
        requested_attributes=tuple(settings.login.kept_attributes.values()),
        signs_requests=settings.login.sign_requests,
        name_id_format=settings.login.name_id_format,
        organization=settings.organization,
        technical_contact=settings.technical_contact,
    )


def build_service(
    settings: Settings,
    *,
    environment: Mapping[str, str],
    clock: Callable[[], datetime] = utc_now,
    threads: int | None = None,
) -> Flask:
    """The whole service as one WSGI application.

    environment   of the process
    clock         UTC
    threads       of the server, in each process, where that is known
    Raises ConfigurationError when a part that the settings name is not installed, MetadataRefused when
    the identity provider's metadata cannot be had.
    """
    audit = StructlogAuditLog()
    trust = build_trust(settings, environment=environment, clock=clock, audit=audit)
    identity_provider = trust.current()
    for notice in notices(settings, identity_provider, now=clock()):
        _log.warning("configuration.notice", notice=notice)
    store = CacheRecordStore(build_cache(settings.backing, environment=environment))
    return create_app(
        WebParts(
            site=settings.site,
            cookies=choose_cookie_policy(settings.site, settings.cookies, sso_url=identity_provider.sso_url),
            pending_lifetime=settings.login.pending_lifetime,
            targets={target.name: target for target in settings.targets},
            logins=Logins(
                service_provider=settings.service_provider,
                trust=trust,
                settings=settings.login,
                store=store,
                clock=clock,
            ),
            broker=Broker(
                roles=BotoRoleAssumer(settings.aws),
                signin_tokens=FederationClient(
                    settings.aws, certificate_bundle=environment.get("AWS_CA_BUNDLE")
                ),
                settings=settings.aws,
                places=settings.aws.simultaneous or (threads * 3 // 4 if threads else _PLACES) or 1,
                clock=clock,
            ),
            audit=audit,
            metadata=our_metadata(settings),
        )
    )
