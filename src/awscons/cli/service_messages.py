"""What `awscons serve` says on standard error: sentences at a terminal, one JSON object a line everywhere else.

The log itself is JSON at a terminal too. Only the messages here are for the person who starts the command. Their
lines have the fields of the log, without its libraries: a mistyped option should not wait for them.
"""

from __future__ import annotations

import json
import sys
import warnings
from datetime import UTC, datetime

import click

from awscons.errors import AwsconsError, ConfigurationError, grouped_mistakes


def say(event: str, sentence: str, **facts: str) -> None:
    """The sentence at a terminal, else a log line with the same content."""
    if sys.stderr.isatty():
        click.echo(sentence, err=True)
    else:
        _write(event, "info", **facts)


def log_import_problems() -> None:
    """Until the log is set up: write warnings and exceptions of the imports as JSON, unless at a terminal."""
    if not sys.stderr.isatty():
        warnings.showwarning = lambda message, *_where: _write(str(message), "warning")
        sys.excepthook = lambda kind, *_what: _write(
            "process.unhandled_exception", "critical", error_type=kind.__name__
        )


def log_start_error(error: click.ClickException | AwsconsError) -> None:
    """Log why the service did not start: a line for each mistake in the configuration, then the error itself."""
    if isinstance(error, click.ClickException):
        cause, hint = error.format_message(), "see: awscons serve --help"
    else:
        cause, hint = str(error), error.hint
    if isinstance(error, ConfigurationError):
        log_mistakes(error, "server.start_failed")
    else:
        _write("server.start_failed", "error", cause=cause, hint=hint)


def log_mistakes(error: ConfigurationError, event: str) -> None:
    """A log line for each mistake in the configuration, and one for what comes of them: `event`."""
    for mistake in grouped_mistakes(error.mistakes):
        _write(
            "configuration.mistake",
            "error",
            subject=mistake.path,
            found=mistake.found,
            wanted=mistake.wanted,
            hint=mistake.hint,
            repeated=mistake.repeated,
        )
    _write(event, "error", cause=str(error).partition("\n")[0])


def _write(event: str, level: str, **facts: str) -> None:
    timestamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    line = {**facts, "event": event, "level": level, "logger": __name__, "timestamp": timestamp}
    click.echo(json.dumps({name: value for name, value in line.items() if value}), err=True)
