"""`awscons reload`: tell the running service to read its configuration again, if the configuration is sound."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import click

from awscons.adapters.server.reload_signals import running_pid
from awscons.adapters.stores.choice import pid_file
from awscons.config.load import load_settings
from awscons.errors import AwsconsError


class NotRunning(AwsconsError):
    """No service of this configuration runs on this host, or this user may not signal it."""


def reload_service(config: Path) -> None:
    """Check the configuration, then send SIGHUP to the service. Raises ConfigurationError, NotRunning."""
    settings = load_settings(config, environment=os.environ)
    path = pid_file(settings.backing, os.environ)
    hint = "set STATE_DIRECTORY as for the service, or use: systemctl reload awscons"
    try:
        pid = running_pid(path)
        if pid is None:
            raise NotRunning(f"no `awscons serve` holds {path}", hint=hint)
        os.kill(pid, signal.SIGHUP)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise NotRunning(f"the service cannot be told: {path}: {reason}", hint=hint) from None
    click.echo(
        f"process {pid} reads the configuration {settings.fingerprint} now; its log says `configuration.reloaded`"
    )
