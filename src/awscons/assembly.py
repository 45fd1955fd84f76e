"""The one place where the service's parts are chosen and put together.

Everything below receives what it needs; nothing reaches out at import time. Demo mode and tests call
the same function with other settings, so what they show is what runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

import structlog
from flask import Flask

from awscons import __version__
from awscons.adapters.audit_log import StructlogAuditLog
from awscons.adapters.caches import build_cache, sqlite_path, state_folder
from awscons.adapters.connections import Connections
from awscons.adapters.federation import FederationClient
from awscons.adapters.metrics import (
    MeteredAuditLog,
    MeteredRoleAssumer,
    MeteredSigninTokens,
    MetricsPage,
    build_tally,
)
from awscons.adapters.record_store import CacheRecordStore
from awscons.adapters.sts import StsClient, certificate_bundle
from awscons.adapters.trust import TrustByHand, TrustByMetadata
from awscons.audit import AuditLog
from awscons.broker import Broker
from awscons.config.schema import SimpleBacking, SqliteBacking
from awscons.config.settings import Settings, notices
from awscons.errors import MetadataRefused, StoreCannotList, StoreUnavailable
from awscons.login import WAY_KEPT, Logins
from awscons.login_register import LoginRegister
from awscons.logout import Logouts
from awscons.measures import Gauge, Meter, NoMeter
from awscons.pending_logins import PendingLogins
from awscons.preferences import Preferences
from awscons.saml.certificates import end_of, fingerprint
from awscons.saml.metadata import build_sp_metadata
from awscons.saml.parties import IdentityProvider
from awscons.trust import Trust
from awscons.web.app import create_app
from awscons.web.cookies import choose_cookie_policy
from awscons.web.limits import SignInLimits
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
    return TrustByMetadata(
        settings.trust, keep_in=state_folder(settings.backing, environment), clock=clock, audit=audit
    )


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


def build_broker(
    settings: Settings,
    *,
    environment: Mapping[str, str],
    clock: Callable[[], datetime] = utc_now,
    threads: int | None = None,
    meter: Meter | None = None,
) -> Broker:
    """The AWS side alone; see `build_service`. `meter` is told how long AWS takes."""
    meter = meter or NoMeter()
    connections = Connections(
        connect_timeout=settings.aws.connect_timeout,
        read_timeout=settings.aws.read_timeout,
        certificate_bundle=certificate_bundle(settings.aws, environment),
    )
    roles = StsClient(settings.aws, connections, environment=environment)
    federation = FederationClient(connections, user_agent=settings.aws.user_agent)
    return Broker(
        roles=MeteredRoleAssumer(roles, meter),
        signin_tokens=MeteredSigninTokens(federation, meter),
        settings=settings.aws,
        places=settings.aws.simultaneous or (_places(threads) if threads else _PLACES),
        clock=clock,
    )


def _places(threads: int) -> int:
    """All threads but an eighth, which is for pages that need no AWS; two of them at the least."""
    return max(1, threads - max(2, threads // 8))


def build_service(
    settings: Settings,
    *,
    environment: Mapping[str, str],
    clock: Callable[[], datetime] = utc_now,
    threads: int | None = None,
    prepared: bool = False,
) -> Flask:
    """The whole service as one WSGI application.

    environment   of the process
    clock         UTC
    threads       of the server, in each process, where that is known
    prepared      make at once what the first requests would wait for: clients, TLS, templates
    Raises ConfigurationError when a part that the settings name is not installed, MetadataRefused when
    the identity provider's metadata cannot be had.
    """
    meter: Meter = NoMeter()
    tally = None
    if settings.server.metrics_token is not None:
        meter = tally = build_tally(settings, environment=environment)
    audit = MeteredAuditLog(StructlogAuditLog(), meter)
    trust = build_trust(settings, environment=environment, clock=clock, audit=audit)
    identity_provider = trust.current()
    for notice in notices(settings, identity_provider, now=clock()):
        _log.warning("configuration.notice", notice=notice)
    store = CacheRecordStore(build_cache(settings.backing, environment=environment))
    debug = "DEBUG" in environment
    metrics = None
    if tally is not None:
        # Whoever knows a state that operators watch adds a source of gauges here.
        metrics = MetricsPage(tally, [_about_us, lambda: _about_trust(trust, settings, clock())])
    register = LoginRegister(store=store, settings=settings.login, clock=clock)
    broker = build_broker(settings, environment=environment, clock=clock, threads=threads, meter=meter)
    app = create_app(
        WebParts(
            site=settings.site,
            face=settings.face,
            cookies=choose_cookie_policy(settings.site, settings.cookies, sso_url=identity_provider.sso_url),
            pending_lifetime=settings.login.pending_lifetime + WAY_KEPT,
            targets={target.name: target for target in settings.targets},
            logins=Logins(
                service_provider=settings.service_provider,
                trust=trust,
                settings=settings.login,
                store=store,
                pending=PendingLogins(
                    store=store,
                    most=settings.server.most_pending_logins,
                    lifetime=settings.login.pending_lifetime + WAY_KEPT,
                ),
                register=register,
                clock=clock,
                keep_received=debug,
            ),
            logouts=Logouts(
                service_provider=settings.service_provider,
                trust=trust,
                store=store,
                register=register,
                tells_the_identity_provider=settings.login.single_logout,
                clock=clock,
            ),
            preferences=Preferences(store),
            broker=broker,
            audit=audit,
            metadata=our_metadata(settings),
            server=settings.server,
            limits=SignInLimits(
                per_address=settings.server.sign_ins_per_address,
                overall=settings.server.sign_ins_overall,
                counters=store,
                meter=meter,
                clock=clock,
            ),
            meter=meter,
            metrics=metrics,
            one_process_only=isinstance(settings.backing, SimpleBacking),
            kept_attributes=tuple(settings.login.kept_attributes.values()),
            debug=debug,
        )
    )
    if prepared:
        _prepare(app, broker, settings)
    return app


def _prepare(app: Flask, broker: Broker, settings: Settings) -> None:
    broker.prepare(settings.targets)
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)


def build_login_register(
    settings: Settings, *, environment: Mapping[str, str], clock: Callable[[], datetime] = utc_now
) -> LoginRegister:
    """The register of the logins that the service keeps, for a command beside it.

    Raises StoreCannotList where only the service itself can reach them, StoreUnavailable where there is
    no store yet, ConfigurationError.
    """
    match settings.backing:
        case SimpleBacking():
            raise StoreCannotList(
                "SimpleCache keeps logins in the memory of the running service",
                hint="restart the service, and every login has ended",
            )
        case SqliteBacking() as backing:
            # Not made here: an empty store in another place than the service's would say "nobody".
            path = sqlite_path(backing, environment)
            if not path.exists():
                raise StoreUnavailable(
                    f"there is no store at {path}",
                    hint="set STATE_DIRECTORY as for the service, or name `path` in session_backing",
                )
    store = CacheRecordStore(build_cache(settings.backing, environment=environment))
    return LoginRegister(store=store, settings=settings.login, clock=clock)


def _about_trust(trust: Trust, settings: Settings, now: datetime) -> Iterator[Gauge]:
    """How long the keys of a sign-in have: the identity provider's, and our own."""
    try:
        theirs = trust.current().signing_certificates
    except MetadataRefused:
        theirs = ()
    yield Gauge(
        "awscons_trusted_certificates",
        "Signing certificates of the identity provider, as known now.",
        len(theirs),
    )
    ours = settings.service_provider.published_certificates
    for party, certificates in (("identity-provider", theirs), ("service-provider", ours)):
        for certificate in certificates:
            yield Gauge(
                "awscons_certificate_expiry_seconds",
                "Seconds until a certificate ends; negative when it has.",
                (end_of(certificate) - now).total_seconds(),
                {"party": party, "fingerprint": fingerprint(certificate)},
            )


def _about_us() -> Iterator[Gauge]:
    yield Gauge("awscons_info", "Always 1; which release this is.", 1, {"version": __version__})
