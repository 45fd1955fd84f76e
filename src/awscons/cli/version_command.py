"""`awscons version`: what runs here, for an inventory or a report of a problem."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import click

from awscons import __version__
from awscons.cli.terminal import print_json

LIBRARIES = (
    "apig-wsgi",
    "botocore",
    "click",
    "cryptography",
    "flask",
    "gunicorn",
    "lxml",
    "platformdirs",
    "prometheus-client",
    "pydantic",
    "pymemcache",
    "redis",
    "signxml",
    "structlog",
    "urllib3",
)
"""Every library that pyproject.toml names, those of the extras as well."""


def print_version(*, as_json: bool) -> None:
    """Print the version of awscons, or a JSON document with Python and the libraries; null: not installed."""
    if not as_json:
        click.echo(f"awscons {__version__}")
        return
    libraries = {name: _installed(name) for name in LIBRARIES}
    print_json({"version": __version__, "python": platform.python_version(), "libraries": libraries})


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
