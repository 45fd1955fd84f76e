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
from awscons.adapters.aws.broker_credentials import BrokerCredentials
from awscons.adapters.aws.federation_client import FederationClient
from awscons.adapters.aws.http_pool import HttpPool
from awscons.adapters.aws.sts_client import StsClient
from awscons.adapters.idp_metadata import MetadataIdpTrust, StaticIdpTrust
from awscons.adapters.metrics import (
    MeteredAuditLog,
    MeteredRoleAssumer,
    MeteredSigninTokens,
    MetricsPage,
    build_shared_counters,
)
from awscons.adapters.stores.choice import open_store, sqlite_path, state_folder
from awscons.audit.events import AuditLog
from awscons.audit.metrics_recorder import Gauge, MetricsRecorder, NoMetrics
from awscons.aws.broker import Broker
from awscons.config.configuration_warnings import configuration_warnings
from awscons.config.schema import SimpleBacking, SqliteBacking
from awscons.config.settings import Settings
from awscons.errors import MetadataRefused, StoreCannotList, StoreUnavailable
from awscons.preferences import Preferences
from awscons.saml.certificates import end_of, fingerprint
from awscons.saml.metadata import build_sp_metadata
from awscons.saml.parties import IdentityProvider
from awscons.signin.idp_trust import IdpTrust
from awscons.signin.login import RETURN_PATH_TTL, Logins
from awscons.signin.pending_logins import PendingLogins
from awscons.signin.rate_limits import SignInRateLimits
from awscons.signin.register import LoginRegister
from awscons.signin.single_logout import Logouts
from awscons.web.app import create_app
from awscons.web.cookies import choose_cookie_policy
from awscons.web.dependencies import WebDependencies

_MAX_CONCURRENT = 12
"""Sign-ins that may wait for AWS at once, where neither the configuration nor the server says more."""

_log = structlog.get_logger(__name__)


def utc_now() -> datetime:
    """The clock of the service."""
    return datetime.now(UTC)


def build_idp_trust(
    settings: Settings,
    *,
    environment: Mapping[str, str],
    clock: Callable[[], datetime] = utc_now,
    audit: AuditLog,
    http: HttpPool | None = None,
) -> IdpTrust:
    """The identity provider that the settings trust; `http` fetches its metadata. Raises MetadataRefused."""
    if isinstance(settings.trust, IdentityProvider):
        return StaticIdpTrust(settings.trust, clock=clock)
    return MetadataIdpTrust(
        settings.trust,
        folder=state_folder(settings.backing, environment),
        clock=clock,
        audit=audit,
        http=http or HttpPool(),
    )


def our_metadata(settings: Settings) -> bytes:
    """What an identity provider has to know of us, as XML."""
    return build_sp_metadata(
        settings.service_provider,
        requested_attributes=tuple(settings.login.attribute_map.values()),
        signs_requests=settings.login.sign_requests,
        name_id_format=settings.login.name_id_format,
        organization=settings.organization,
        technical_contact=settings.technical_contact,
    )


def build_broker(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = utc_now,
    threads: int | None = None,
    recorder: MetricsRecorder | None = None,
    http: HttpPool | None = None,
) -> Broker:
    """The AWS side alone; see `build_service`. `meter` is told how long AWS takes."""
    recorder, http = recorder or NoMetrics(), http or HttpPool()
    credentials = BrokerCredentials(settings.aws)
    roles = StsClient(settings.aws, http, credentials)
    federation = FederationClient(settings.aws, http, credentials)
    return Broker(
        roles=MeteredRoleAssumer(roles, recorder),
        signin_tokens=MeteredSigninTokens(federation, recorder),
        settings=settings.aws,
        max_concurrent=settings.aws.max_concurrent_sign_ins
        or (_max_concurrent(threads) if threads else _MAX_CONCURRENT),
        clock=clock,
    )


def _max_concurrent(threads: int) -> int:
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
    recorder: MetricsRecorder = NoMetrics()
    shared_counters = None
    if settings.metrics.token is not None:
        recorder = shared_counters = build_shared_counters(settings, environment=environment)
    audit = MeteredAuditLog(StructlogAuditLog(), recorder)
    http = HttpPool()
    trust = build_idp_trust(settings, environment=environment, clock=clock, audit=audit, http=http)
    identity_provider = trust.current()
    for warning in configuration_warnings(settings, identity_provider, now=clock()):
        _log.warning(
            "configuration.warning", subject=warning.subject, warning=warning.cause, hint=warning.cure or None
        )
    store = open_store(settings.backing, environment=environment)
    debug = "DEBUG" in environment
    metrics = None
    if shared_counters is not None:
        # Whoever knows a state that operators watch adds a source of gauges here.
        metrics = MetricsPage(shared_counters, [_about_us, lambda: _about_trust(trust, settings, clock())])
    register = LoginRegister(store=store, settings=settings.login, clock=clock)
    broker = build_broker(settings, clock=clock, threads=threads, recorder=recorder, http=http)
    app = create_app(
        WebDependencies(
            site=settings.site,
            branding=settings.branding,
            cookies=choose_cookie_policy(settings.site, settings.cookies, sso_url=identity_provider.sso_url),
            pending_lifetime=settings.login.pending_lifetime + RETURN_PATH_TTL,
            targets={target.name: target for target in settings.targets},
            logins=Logins(
                service_provider=settings.service_provider,
                trust=trust,
                settings=settings.login,
                store=store,
                pending=PendingLogins(
                    store=store,
                    max_pending=settings.login.max_pending_logins,
                    lifetime=settings.login.pending_lifetime + RETURN_PATH_TTL,
                ),
                register=register,
                clock=clock,
                store_received=debug,
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
            metrics_settings=settings.metrics,
            limits=SignInRateLimits(
                per_address=settings.rate_limits.per_address,
                overall=settings.rate_limits.overall,
                counters=store,
                recorder=recorder,
                clock=clock,
            ),
            recorder=recorder,
            metrics=metrics,
            one_process_only=isinstance(settings.backing, SimpleBacking),
            attribute_map=tuple(settings.login.attribute_map.values()),
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
    store = open_store(settings.backing, environment=environment)
    return LoginRegister(store=store, settings=settings.login, clock=clock)


def _about_trust(trust: IdpTrust, settings: Settings, now: datetime) -> Iterator[Gauge]:
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
