"""The door for WSGI servers: `gunicorn awscons.wsgi:application`, or `load_application` with a path.

Building at import is what a WSGI server expects of the module it is given, and of this one alone.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from flask import Flask

from awscons.adapters.audit_log import configure_logging
from awscons.assembly.service import build_service
from awscons.config.load import load_settings


def load_application(config: Path) -> Flask:
    """The service configured by the file at `config`. Raises ConfigurationError with every mistake in it."""
    configure_logging(debug="DEBUG" in os.environ)
    settings = load_settings(config, environment=os.environ)
    return build_service(settings, environment=os.environ, threads=_threads_of_mod_wsgi(), prepared=True)


def _threads_of_mod_wsgi() -> int | None:
    """How many threads this process of Apache has; None under any other server, none of which says."""
    return getattr(sys.modules.get("mod_wsgi"), "threads_per_process", None)


def __getattr__(name: str) -> Flask:
    # Only a server that asks for `application` builds one; `load_application` can be imported without.
    if name != "application":
        raise AttributeError(name)
    return load_application(Path(os.environ.get("AWSCONS_CONFIG", "config.py")))
