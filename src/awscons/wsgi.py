"""The entry point for WSGI servers: `gunicorn awscons.wsgi:application`, or `load_application` with a path.

A WSGI server expects that importing the module gives a finished application. No other module builds at import.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from flask import Flask

from awscons.adapters.audit_log import configure_logging, log_unhandled_errors
from awscons.assembly.service import build_service
from awscons.config.load import load_settings


def load_application(config: Path) -> Flask:
    """The service, configured by the file at `config`. Raises ConfigurationError with all mistakes in it."""
    configure_logging(debug="DEBUG" in os.environ)
    log_unhandled_errors()
    settings = load_settings(config, environment=os.environ)
    return build_service(settings, environment=os.environ, threads=_threads_of_mod_wsgi(), prepared=True)


def _threads_of_mod_wsgi() -> int | None:
    """Threads of this process under Apache's mod_wsgi. None under other servers, which do not tell the application."""
    return getattr(sys.modules.get("mod_wsgi"), "threads_per_process", None)


def __getattr__(name: str) -> Flask:
    # Importing `load_application` alone must build nothing, so `application` is built when a server reads it.
    if name != "application":
        raise AttributeError(name)
    return load_application(Path(os.environ.get("AWSCONS_CONFIG", "config.py")))
