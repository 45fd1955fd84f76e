"""Logs and audit events: JSON lines on standard error, through structlog.

Loggers of libraries write to the same stream, at warning level and above even when our own level is debug: at
debug level botocore prints answers with credentials, and signxml prints assertions.
"""

from __future__ import annotations

import codecs
import json
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import structlog

from awscons.adapters.audit_streams import AuditStream, KeySource
from awscons.audit.chain import AuditKey
from awscons.audit.event import Action, AuditEvent, Outcome
from awscons.audit.settings import AuditSettings
from awscons.config.audit_key_file import KeyFileKept, advance_key_file, key_at
from awscons.config.file_access import reason_of
from awscons.errors import AuditLogUnwritable
from awscons.findings import Finding, Severity, warning

_log = structlog.get_logger(__name__)


def _exception_without_text(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Replace an exception with its type and stack frames, because its text may quote a secret."""
    found = event.pop("exc_info", None)
    if found is True:
        found = sys.exc_info()
    error = found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)
        event["error_type"] = type(error).__name__
        event["error_at"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return event


def _to_json(event: structlog.typing.EventDict, **options: Any) -> str:
    """One line of JSON, whoever reads it.

    JSON escapes C0 controls alone. Here everything that is not printable is escaped: DEL and C1 controls, which
    terminals obey; U+0085, U+2028 and U+2029, which some readers take for the end of a line; controls of text
    direction; and halves of surrogate pairs, which UTF-8 cannot carry.
    """
    line = json.dumps(event, ensure_ascii=False, **options)
    if line.isprintable():
        return line
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in line)


class _WatchedStream(AuditStream):
    """A stream that tells when it cannot be written.

    not_written   is called for each event that is lost
    is_failing    whether the last event was lost
    """

    not_written: Callable[[], object] = staticmethod(lambda: None)
    is_failing = False

    def write(self, facts: Mapping[str, object]) -> None:
        """See `AuditStream`."""
        try:
            super().write(facts)
        except AuditLogUnwritable:
            self.is_failing = True
            self.not_written()
            raise
        self.is_failing = False

    def checkpoint(self, *, at_stop: bool = False) -> None:
        """See `AuditStream`, which suppresses the error: nobody waits for a checkpoint."""
        try:
            super().checkpoint(at_stop=at_stop)
        except AuditLogUnwritable as error:
            self.is_failing = True
            if not at_stop:  # nothing counts any more in a process that ends
                self.not_written()
            _not_written(Action.CHECKPOINT, error)
            raise


def _not_written(action: Action, error: AuditLogUnwritable) -> None:
    _log.error("audit.not_written", action=action, cause=str(error), hint=error.hint or None)


_STREAM = _WatchedStream(lambda: datetime.now(UTC))
"""Of this process: a chain has one writer, however often the service is built."""
_MUST_BE_WRITTEN = frozenset(
    {Action.SIGN_IN, Action.SIGN_IN_TERMINAL, Action.OPEN_CONSOLE, Action.GET_CREDENTIALS}
)


class ChainedAuditLog:
    """Audit events as lines named `audit`, each linked to the one before."""

    def __init__(self, configuration_hash: str = "", *, required: bool = True) -> None:
        """An audit log.

        configuration_hash   of the configuration in force; each event carries it
        required             whether a sign-in or a console fails whose event cannot be written
        """
        self._configuration_hash = configuration_hash or None
        self._required = required

    def record(self, event: AuditEvent) -> None:
        """Write one event; failures at warning level, all else at info level. Raises AuditLogUnwritable."""
        try:
            self._write(event)
        except AuditLogUnwritable as error:
            if self._required and event.outcome is Outcome.DONE and event.action in _MUST_BE_WRITTEN:
                raise
            _not_written(event.action, error)

    def check(self, file: Path | None) -> None:
        """Whether events can be written; `file`: where to, None for standard error. Raises AuditLogUnwritable.

        After an event was lost, that of the configuration in force is written again as a trial: it may be the lost one.
        """
        if _STREAM.is_failing:
            self._write(AuditEvent(action=Action.CONFIGURATION_IN_FORCE, outcome=Outcome.DONE))
        elif file is not None:
            try:
                os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640))
            except OSError as error:
                raise AuditLogUnwritable(f"the audit log cannot be written: {reason_of(error)}") from None

    def _write(self, event: AuditEvent) -> None:
        facts = {
            **replace(event, configuration_hash=self._configuration_hash).facts(),
            **structlog.contextvars.get_contextvars(),
            "event": "audit",
            "level": "warning" if event.outcome is Outcome.FAILED else "info",
            "logger": "awscons.audit",
        }
        _STREAM.write(facts)


def keep_audit_log(
    settings: AuditSettings,
    *,
    heads: Path | None,
    serves: bool,
    only_first: bool = False,
    not_written: Callable[[], object] = lambda: None,
) -> None:
    """Write the audit events of this process where the settings say; see `AuditStream.keep`.

    serves        whether this process serves: then it also keeps the file of the key up to date
    only_first    do nothing where the process has a place for its events already
    not_written   is called for each event that is lost
    """
    if only_first and _STREAM.is_kept:
        return
    key: KeySource | None = None
    if settings.key_file is not None:
        key = partial(_key_of_the_hour if serves else key_at, settings.key_file)
    elif settings.key is not None:
        key = settings.key.at
    _STREAM.keep(settings.file, heads=heads, key=key, serves=serves)
    _STREAM.not_written, _STREAM.is_failing = not_written, False


_KEY_FILES_KEPT: set[Path] = set()
"""Those that could not be written; each is reported once."""


def _key_of_the_hour(file: Path, now: datetime) -> AuditKey:
    """The key of this hour, also in its file. Raises KeysRefused."""
    try:
        return advance_key_file(file, now)
    except KeyFileKept as error:
        if file not in _KEY_FILES_KEPT:
            _KEY_FILES_KEPT.add(file)
            _log.warning("audit.key_not_advanced", cause=str(error), hint=error.hint)
        return error.key


def audit_file_findings(settings: AuditSettings, environment: Mapping[str, str]) -> Iterator[Finding]:
    """What would keep this user from writing the audit log and its key. Makes no file.

    A folder that systemd names in LOGS_DIRECTORY may be missing: systemd makes it.
    """
    if settings.file is not None and (cause := _not_appendable(settings.file, environment)):
        cure = "a file in a folder that the service's user can write, such as systemd's LogsDirectory"
        yield Finding(Severity.ERROR, "server_config.audit_log", cause, cure)
    if settings.key_file is not None and not os.access(settings.key_file.parent, os.W_OK | os.X_OK):
        cause = f"this user cannot write into {settings.key_file.parent}: the key of the first hour stays in the file"
        cure = "move it into a folder of the service's user, such as systemd's StateDirectory"
        yield warning("server_config.audit_key_file", cause, cure)


def _not_appendable(file: Path, environment: Mapping[str, str]) -> str:
    """Why nothing can be added to a file, in words; "" where it can."""
    folder = file.parent
    if os.access(file, os.F_OK):
        if file.is_dir():
            return f"{file} is a folder"
        return "" if os.access(file, os.W_OK) else f"{file} cannot be written by this user"
    if not os.access(folder, os.F_OK):
        by_systemd = str(folder) in environment.get("LOGS_DIRECTORY", "").split(":")
        return "" if by_systemd else f"this user finds no folder {folder}"
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"this user cannot make a file in {folder}"


def configure_logging(*, debug: bool = False, stream: TextIO | None = None) -> None:
    """Set up logging for this process.

    debug    log our own debug lines; loggers of libraries stay at warning level
    stream   None: standard error
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _exception_without_text,
    ]
    out = stream or sys.stderr
    to_json = _to_json if _is_utf8(out) else json.dumps
    as_json = structlog.processors.JSONRenderer(serializer=to_json)
    _STREAM.use(stream, to_json)
    structlog.configure(
        processors=[*shared, as_json],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    ours, foreign = (logging.StreamHandler(out) for _ in range(2))
    foreign.setLevel(logging.WARNING)  # werkzeug, for one, lowers the level of its own logger
    foreign.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, as_json],
        )
    )
    root, own = logging.getLogger(), logging.getLogger("awscons")
    root.handlers, own.handlers = [foreign], [ours]
    root.setLevel(logging.WARNING)
    own.setLevel(logging.DEBUG if debug else logging.INFO)
    # urllib3's warnings quote URLs, and a getSigninToken call by GET has credentials in its URL.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    # Our lines are JSON already.
    own.propagate = False


def _is_utf8(stream: TextIO) -> bool:
    """Whether any text can be written. In other encodings Python would write escapes that JSON does not know."""
    encoding = getattr(stream, "encoding", None)
    return encoding is None or codecs.lookup(encoding).name == "utf-8"


def log_unhandled_errors() -> None:
    """For a process that serves: log warnings and unhandled exceptions, which Python would print as text."""
    logging.captureWarnings(capture=True)
    log = structlog.get_logger("awscons.process")

    def in_main(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        log.critical("process.unhandled_exception", exc_info=(kind, error, trace))

    def in_thread(found: threading.ExceptHookArgs) -> None:
        if found.exc_type is not SystemExit:
            name = found.thread.name if found.thread else None
            log.error("process.unhandled_exception", thread=name, exc_info=found.exc_value)

    def nowhere(found: sys.UnraisableHookArgs) -> None:
        log.error("process.unhandled_exception", exc_info=found.exc_value)

    sys.excepthook, threading.excepthook, sys.unraisablehook = in_main, in_thread, nowhere
