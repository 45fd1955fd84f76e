"""Builds the audit log: of the service, and of commands that run beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from awscons.adapters.audit_log import ChainedAuditLog, keep_audit_log
from awscons.adapters.aws.http_pool import HttpPool
from awscons.adapters.metered_ports import NOT_WRITTEN, MeteredAuditLog
from awscons.adapters.stores.choice import open_store, state_folder
from awscons.adapters.webhook import TellingAuditLog, Webhook
from awscons.assembly.clock import utc_now
from awscons.audit.event import AuditLog
from awscons.audit.metrics_recorder import MetricsRecorder
from awscons.config.schema import SqliteBacking
from awscons.config.settings import Settings
from awscons.store import RecordStore


def build_service_log(
    settings: Settings,
    store: RecordStore,
    recorder: MetricsRecorder,
    *,
    environment: Mapping[str, str],
    clock: Callable[[], datetime],
    http: HttpPool,
) -> AuditLog:
    """The audit log of a process that serves: chained with checkpoints, counted, and told to the webhook."""
    count = partial(recorder.record_rejection, NOT_WRITTEN)
    audit = build_audit_log(settings, environment=environment, serves=True, not_written=count)
    return _telling(MeteredAuditLog(audit, recorder), settings, store, clock=clock, http=http)


def build_command_log(settings: Settings, *, environment: Mapping[str, str]) -> AuditLog:
    """The audit log of a command that runs beside the service. Raises StoreUnavailable, ConfigurationError."""
    audit = build_audit_log(settings, environment=environment)
    if settings.webhook is None:
        return audit
    store = open_store(settings.backing, environment=environment)
    return _telling(audit, settings, store, clock=utc_now, http=HttpPool())


def build_audit_log(
    settings: Settings,
    *,
    environment: Mapping[str, str],
    serves: bool = False,
    not_written: Callable[[], object] = lambda: None,
) -> ChainedAuditLog:
    """The audit log of this process, where the configuration wants it.

    serves        with checkpoints
    not_written   is called for each event that is lost
    """
    has_folder = isinstance(settings.backing, SqliteBacking) or environment.get("STATE_DIRECTORY")
    # Where the processes of this host note how far their streams are.
    heads = state_folder(settings.backing, environment) / "audit-heads" if has_folder else None
    keep_audit_log(settings.audit, heads=heads, checkpoints=serves, not_written=not_written)
    return ChainedAuditLog(settings.fingerprint, required=settings.audit.required)


def _telling(
    audit: AuditLog,
    settings: Settings,
    store: RecordStore,
    *,
    clock: Callable[[], datetime],
    http: HttpPool,
) -> AuditLog:
    """The audit log that also tells the webhook, where the configuration has one."""
    if settings.webhook is None:
        return audit
    return TellingAuditLog(audit, Webhook(settings.webhook, http, store, clock=clock))
