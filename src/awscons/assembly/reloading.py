"""The service with a configuration that can change while it runs: a new one replaces the old one in one step.

Requests in flight finish with the old configuration. The store and the counters stay, so logins stay. Sound is a
configuration with which the service can be built; until there is one, the last sound one serves.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from awscons.adapters.audit_log import ChainedAuditLog
from awscons.adapters.server.reload_signals import FileWatch
from awscons.assembly.observability import UNEVENTFUL, Life
from awscons.assembly.service import KeptParts, build_service, open_parts
from awscons.audit import events
from awscons.config.settings import Settings
from awscons.errors import AwsconsError

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_POLL_INTERVAL = 0.5
"""Seconds."""
_log = structlog.get_logger(__name__)


class ReloadableService:
    """A WSGI application that can be given other settings. Safe for many threads."""

    def __init__(
        self,
        settings: Settings,
        *,
        load: Callable[[], Settings],
        generation: Callable[[], int],
        environment: Mapping[str, str],
        threads: int | None,
        life: Life = UNEVENTFUL,
    ) -> None:
        """Build the service with `settings`. Raises AwsconsError, as `build_service` does.

        load         reads the configuration again; raises ConfigurationError
        generation   a number that grows whenever the configuration has to be read again
        """
        has_failed_elsewhere = life.has_failed_reload
        self._settings = settings
        self._load = load
        self._generation = generation
        self._seen = generation()
        self._has_failed = False
        self._parts: KeptParts = open_parts(settings, environment=environment)
        life = replace(life, has_failed_reload=lambda: self._has_failed or has_failed_elsewhere())

        def build(new: Settings) -> WSGIApplication:
            return build_service(
                new,
                environment=environment,
                threads=threads,
                prepared=True,
                life=life,
                parts=self._parts,
            )

        self._build = build
        self._application = build(settings)
        announce(settings)
        self._start_watching()
        # A server that loads the application before it forks has no threads of this one in its workers.
        os.register_at_fork(after_in_child=self._start_watching)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333), from its beginning to its end with one configuration."""
        return self._application(environ, start_response)

    def _start_watching(self) -> None:
        threading.Thread(target=self._watch, name="reload", daemon=True).start()

    def _watch(self) -> None:
        wait = threading.Event().wait
        while not wait(_POLL_INTERVAL):
            if (generation := self._generation()) != self._seen:
                self._seen = generation
                self._reload()

    def _reload(self) -> None:
        """Read the configuration, and replace the service if it can be built."""
        try:
            loaded = self._load()
            settings = keep_fixed_parts(loaded, self._settings)
            self._application = self._build(settings)
        except AwsconsError as error:
            self._has_failed = True
            _log.error("configuration.not_reloaded", cause=str(error), hint=error.hint or None)
            return
        self._settings, self._has_failed = settings, False
        announce(settings)
        _log.info(
            "configuration.reloaded",
            configuration_hash=settings.fingerprint,
            needs_restart=list(fixed_changes(loaded, settings)) or None,
        )


def reload_by_itself(
    settings: Settings,
    *,
    load: Callable[[], Settings],
    environment: Mapping[str, str],
    threads: int | None,
) -> ReloadableService:
    """The service in a process that looks at its configuration's files itself. Raises AwsconsError."""
    latest, changes = settings, 0
    watch = FileWatch(lambda: latest.source_files)

    def generation() -> int:
        nonlocal changes
        changes += watch.has_changed()
        return changes

    def load_and_watch() -> Settings:
        nonlocal latest
        latest = load()
        return latest

    return ReloadableService(
        settings, load=load_and_watch, generation=generation, environment=environment, threads=threads
    )


def announce(settings: Settings) -> None:
    """Write to the audit log that this process serves with these settings from now on."""
    ChainedAuditLog(settings.fingerprint).record(events.configuration_in_force())


def keep_fixed_parts(new: Settings, old: Settings) -> Settings:
    """`new` with the parts of `old` that cannot change while the service runs."""
    metrics = replace(new.metrics, file=old.metrics.file)
    if (new.metrics.token is None) != (old.metrics.token is None):
        metrics = old.metrics
    return replace(new, backing=old.backing, metrics=metrics, shutdown_delay=old.shutdown_delay)


def fixed_changes(new: Settings, in_force: Settings) -> Iterator[str]:
    """The keys whose new values count from the next start on."""
    if new.backing != in_force.backing:
        yield "session_config.session_backing"
    if new.metrics.file != in_force.metrics.file:
        yield "server_config.metrics_file"
    if new.metrics.token != in_force.metrics.token:
        yield "server_config.metrics_token"
    if new.shutdown_delay != in_force.shutdown_delay:
        yield "server_config.shutdown_delay"
