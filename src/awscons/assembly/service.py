"""The whole service as one WSGI application.

Demo mode and tests call the same function with other settings, so they show what runs in production.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog
from flask import Flask

from awscons.access.targets import OpenBy
from awscons.adapters.aws.http_pool import HttpPool
from awscons.adapters.client_archive import load_client_archive
from awscons.adapters.shared_counters import SharedCounters
from awscons.adapters.stores.choice import open_store
from awscons.assembly.audit_side import build_service_log, keep_service_log
from awscons.assembly.aws_side import build_assertions, build_broker
from awscons.assembly.clock import utc_now
from awscons.assembly.observability import (
    UNEVENTFUL,
    Life,
    build_counters,
    build_metrics_page,
    build_readiness,
    is_debug_mode,
)
from awscons.assembly.signin_side import (
    build_idp_trust,
    build_logins,
    build_logouts,
    build_rate_limits,
    build_terminals,
    our_idp_metadata,
    our_metadata,
)
from awscons.audit.event import AuditLog
from awscons.audit.metrics_recorder import MetricsRecorder, NoMetrics
from awscons.aws.assertions import AssertionIssuer
from awscons.aws.broker import Broker
from awscons.aws.saml_post import ConsolePoster
from awscons.config.configuration_warnings import configuration_warnings
from awscons.config.schema import SimpleBacking
from awscons.config.settings import Settings
from awscons.consoles import ConsoleOpener, Consoles
from awscons.findings import Finding, warning
from awscons.preferences import Preferences
from awscons.saml.self_test import run_self_test
from awscons.signin.blocks import BlockList
from awscons.signin.login import RETURN_PATH_TTL
from awscons.signin.rate_limits import ConsoleRateLimit, MinuteCounters
from awscons.signin.register import LoginRegister
from awscons.store import RecordStore
from awscons.terminals.alarms import Alarms
from awscons.web.app import create_app
from awscons.web.cookies import choose_cookie_policy
from awscons.web.dependencies import WebDependencies

_log = structlog.get_logger(__name__)

_OLD_DEBUG = warning(
    "DEBUG", "DEBUG switches on debug mode, and other programs read it too", "set AWSCONS_DEBUG"
)


def _old_debug(environment: Mapping[str, str]) -> list[Finding]:
    return [_OLD_DEBUG] if is_debug_mode(environment) and "AWSCONS_DEBUG" not in environment else []


@dataclass(frozen=True, slots=True)
class KeptParts:
    """What stays when a service is built again with another configuration: logins and counts."""

    store: RecordStore
    counters: SharedCounters | None


def open_parts(settings: Settings, *, environment: Mapping[str, str]) -> KeptParts:
    """Open the store, and the counters if metrics are configured. Raises ConfigurationError, StoreUnavailable."""
    counters = build_counters(settings, environment=environment)
    return KeptParts(open_store(settings.backing, environment=environment), counters)


def build_service(
    settings: Settings,
    *,
    environment: Mapping[str, str],
    clock: Callable[[], datetime] = utc_now,
    threads: int | None = None,
    prepared: bool = False,
    life: Life = UNEVENTFUL,
    parts: KeptParts | None = None,
) -> Flask:
    """Build the service.

    environment   of the process
    clock         UTC
    threads       of each process of the server, where that is known
    prepared      make clients, TLS contexts and templates now, so that no request waits for them
    life          what happens to the process
    parts         those of the service that this one replaces; None: it is the first one
    Raises SelfTestFailed when the installation cannot verify signatures, ConfigurationError when a part that the
    settings name is not installed, MetadataRefused when the identity provider's metadata is not available.
    """
    run_self_test()
    debug = is_debug_mode(environment)
    parts = parts or open_parts(settings, environment=environment)
    store, recorder = parts.store, parts.counters or NoMetrics()
    http = HttpPool()
    audit = build_service_log(settings, store, recorder, environment=environment, clock=clock, http=http)
    trust = build_idp_trust(settings, environment=environment, clock=clock, audit=audit, http=http)
    identity_provider = trust.current()
    _log_warnings(configuration_warnings(settings, identity_provider, now=clock()), environment)
    register = LoginRegister(store=store, settings=settings.login, clock=clock)
    assertions = build_assertions(settings, clock=clock, http=http)
    broker = build_broker(
        settings, clock=clock, threads=threads, recorder=recorder, http=http, assertions=assertions
    )
    minute_counters = MinuteCounters(store, recorder=recorder, clock=clock)
    app = create_app(
        WebDependencies(
            site=settings.site,
            branding=settings.branding,
            cookies=choose_cookie_policy(settings.site, settings.cookies, sso_url=identity_provider.sso_url),
            pending_lifetime=settings.login.pending_lifetime + RETURN_PATH_TTL,
            targets={target.name: target for target in settings.targets},
            logins=build_logins(
                settings, trust=trust, store=store, register=register, clock=clock, debug=debug
            ),
            logouts=build_logouts(settings, trust=trust, store=store, register=register, clock=clock),
            preferences=Preferences(store),
            blocks=BlockList(store),
            consoles=_build_consoles(
                settings, store, broker, assertions, minute_counters, audit=audit, clock=clock
            ),
            broker=broker,
            audit=audit,
            metadata=our_metadata(settings),
            idp_metadata=our_idp_metadata(settings),
            metrics_settings=settings.metrics,
            limits=build_rate_limits(settings, minute_counters),
            metrics=build_metrics_page(parts.counters, settings, trust=trust, clock=clock, life=life),
            readiness=build_readiness(settings, trust=trust, store=store, clock=clock, life=life),
            one_process_only=isinstance(settings.backing, SimpleBacking),
            attribute_map=tuple(settings.login.attribute_map.values()),
            answer_limits=settings.service_provider.answer_limits,
            debug=debug,
            has_terminals=settings.login.terminals,
            terminals=build_terminals(settings, store=store, register=register, clock=clock),
            alarms=Alarms(store, clock=clock),
            client_archive=load_client_archive() if settings.login.terminals else None,
        )
    )
    return _finish(app, broker if prepared else None, settings, recorder, environment)


def _build_consoles(
    settings: Settings,
    store: RecordStore,
    broker: Broker,
    assertions: AssertionIssuer | None,
    counters: MinuteCounters,
    *,
    audit: AuditLog,
    clock: Callable[[], datetime],
) -> Consoles:
    openers: dict[OpenBy, ConsoleOpener] = dict.fromkeys(OpenBy, broker)
    if assertions is not None:
        openers[OpenBy.SAML_POST] = ConsolePoster(broker, assertions, settings.aws, clock=clock)
    return Consoles(
        openers=openers,
        preferences=Preferences(store),
        blocks=BlockList(store),
        limit=ConsoleRateLimit(per_person=settings.rate_limits.per_person, counters=counters),
        audit=audit,
        clock=clock,
    )


def _log_warnings(warnings: Iterable[Finding], environment: Mapping[str, str]) -> None:
    for found in (*warnings, *_old_debug(environment)):
        _log.warning(
            "configuration.warning", subject=found.subject, warning=found.cause, hint=found.cure or None
        )


def _finish(
    app: Flask,
    broker: Broker | None,
    settings: Settings,
    recorder: MetricsRecorder,
    environment: Mapping[str, str],
) -> Flask:
    """The service, prepared if the broker is given. It has the events of this process once nothing can fail."""
    if broker is not None:
        broker.prepare(settings.targets)
        for name in app.jinja_env.list_templates():
            app.jinja_env.get_template(name)
    keep_service_log(settings, recorder, environment=environment)
    return app
