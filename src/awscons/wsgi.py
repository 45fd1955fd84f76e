"""The entry point for WSGI servers: `gunicorn awscons.wsgi:application`, or `load_application` with a path.

A WSGI server expects that importing the module gives a finished application. No other module builds at import.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import structlog
from flask import Flask

from awscons.adapters.audit_log import configure_logging
from awscons.assembly.observability import is_debug_mode
from awscons.assembly.service import build_service
from awscons.config.load import load_settings
from awscons.errors import AwsconsError

_log = structlog.get_logger(__name__)


_BOOT_FAILED = 3
"""gunicorn starts no further worker after a worker ends with this exit status."""


def load_application(config: Path | str) -> Flask:
    """The service, configured by the file at `config`.

    Raises SystemExit, with the reason in the log, when the service cannot start: WSGI servers would show any other
    exception as a traceback.
    """
    configure_logging(debug=is_debug_mode(os.environ))
    try:
        settings = load_settings(config, environment=os.environ)
        return build_service(settings, environment=os.environ, threads=_threads_of_mod_wsgi(), prepared=True)
    except AwsconsError as error:
        _log.error("server.start_failed", cause=str(error), hint=error.hint or None)
        raise SystemExit(_BOOT_FAILED) from None


def _threads_of_mod_wsgi() -> int | None:
    """Threads of this process under Apache's mod_wsgi. None under other servers, which do not tell the application."""
    return getattr(sys.modules.get("mod_wsgi"), "threads_per_process", None)


def __getattr__(name: str) -> Flask:
    # Importing `load_application` alone must build nothing, so `application` is built when a server reads it.
    if name != "application":
        raise AttributeError(name)
    return load_application(os.environ.get("AWSCONS_CONFIG", "config.py"))
