"""Builds the audit log: of the service, and of commands that run beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

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
    """The audit log of a process that serves: chained with checkpoints, counted, and told to the webhook.

    Events go where the service that is served now has them go, until `keep_service_log`.
    """
    keep_service_log(settings, recorder, environment=environment, only_first=True)
    return _telling(MeteredAuditLog(_log_of(settings), recorder), settings, store, clock=clock, http=http)


def keep_service_log(
    settings: Settings, recorder: MetricsRecorder, *, environment: Mapping[str, str], only_first: bool = False
) -> None:
    """Write the events of this process, which serves, where the settings say, and count those that are lost.

    only_first   not if the process serves already
    """
    keep_audit_log(
        settings.audit,
        heads=_heads(settings, environment),
        serves=True,
        only_first=only_first,
        not_written=partial(recorder.record_rejection, NOT_WRITTEN),
    )


def build_command_log(settings: Settings, *, environment: Mapping[str, str]) -> AuditLog:
    """The audit log of a command that runs beside the service. Raises StoreUnavailable, ConfigurationError."""
    keep_audit_log(settings.audit, heads=_heads(settings, environment), serves=False)
    audit = _log_of(settings)
    if settings.webhook is None:
        return audit
    store = open_store(settings.backing, environment=environment)
    return _telling(audit, settings, store, clock=utc_now, http=HttpPool())


def _log_of(settings: Settings) -> ChainedAuditLog:
    return ChainedAuditLog(settings.fingerprint, required=settings.audit.required)


def _heads(settings: Settings, environment: Mapping[str, str]) -> Path | None:
    """The folder where the processes of this host note how far their streams are; None where there is no folder."""
    if isinstance(settings.backing, SqliteBacking) or environment.get("STATE_DIRECTORY"):
        return state_folder(settings.backing, environment) / "audit-heads"
    return None


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
