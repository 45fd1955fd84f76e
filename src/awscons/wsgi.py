"""The entry point for WSGI servers: `gunicorn awscons.wsgi:application`, or `load_application` with a path.

A WSGI server expects that importing the module gives a finished application. No other module builds at import.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from awscons.adapters.audit_log import configure_logging, log_unhandled_errors
from awscons.assembly.observability import is_debug_mode
from awscons.assembly.reloading import announce, reload_by_itself
from awscons.assembly.service import build_service
from awscons.config.load import load_settings
from awscons.errors import AwsconsError, ConfigurationError

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_log = structlog.get_logger(__name__)


_BOOT_FAILED = 3
"""gunicorn starts no further worker after a worker ends with this exit status."""
_RETRY_AFTER = 5
"""Seconds."""


def load_application(config: Path | str) -> WSGIApplication:
    """The service, configured by the file at `config`.

    When it cannot start, the log has the reason, and SystemExit is raised, because servers show other exceptions as
    tracebacks. Under mod_wsgi, which shows SystemExit as one too, an application is returned that answers 503 and tries
    to start the service again.
    """
    configure_logging(debug=is_debug_mode(os.environ))
    log_unhandled_errors()
    application = _built(config)
    if application is not None:
        return application
    if "mod_wsgi" not in sys.modules:
        raise SystemExit(_BOOT_FAILED)
    return _NotStarted(config)


def _built(config: Path | str) -> WSGIApplication | None:
    """The service; None, with the reason in the log, when it cannot start."""
    load = partial(load_settings, config, environment=os.environ)
    threads = _threads_of_mod_wsgi()
    try:
        settings = load()
        if settings.reload_on_change:
            return reload_by_itself(settings, load=load, environment=os.environ, threads=threads)
        service = build_service(settings, environment=os.environ, threads=threads, prepared=True)
    except AwsconsError as error:
        _log.error("server.start_failed", cause=str(error), hint=error.hint or None)
        return None
    announce(settings)
    return service


class _NotStarted:
    """Answers 503 until the service can be built; tries that for a request, at most once in _RETRY_AFTER seconds."""

    def __init__(self, config: Path | str) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._tried_at = time.monotonic()
        self._application: WSGIApplication | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with self._lock:
            if self._application is None and time.monotonic() - self._tried_at >= _RETRY_AFTER:
                self._application = _built(self._config)
                self._tried_at = time.monotonic()
        if self._application is not None:
            return self._application(environ, start_response)
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("Retry-After", str(_RETRY_AFTER))]
        start_response("503 Service Unavailable", headers)
        return [ConfigurationError.public.encode()]


def _threads_of_mod_wsgi() -> int | None:
    """Threads of this process under Apache's mod_wsgi. None under other servers, which do not tell the application."""
    return getattr(sys.modules.get("mod_wsgi"), "threads_per_process", None)


def __getattr__(name: str) -> WSGIApplication:
    # Importing `load_application` alone must build nothing, so `application` is built when a server reads it.
    if name != "application":
        raise AttributeError(name)
    return load_application(os.environ.get("AWSCONS_CONFIG", "config.py"))
