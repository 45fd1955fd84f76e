"""Tells one URL about chosen audit events. Never in the way of a request: a queue in memory, and a thread of its own.

A message that waited for more than ten minutes is dropped and logged; the audit log has every event in any case.
"""

from __future__ import annotations

import atexit
import os
import queue
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus

import structlog

from awscons.adapters.aws.http_pool import Authorities, HttpPool, Limits, Step
from awscons.audit.event import AuditEvent, AuditLog
from awscons.audit.notifications import Notice, WebhookSettings, body_of, notices_of, signature_of
from awscons.errors import StoreUnavailable, UpstreamError
from awscons.store import RecordStore, hashed

MAX_WAITING = 1_000
"""Messages in the queue of a process."""
_PAUSES = (1.0, 5.0, 30.0, 120.0)
"""Seconds before each further try."""
_PATIENCE = timedelta(seconds=sum(_PAUSES))
"""The age from which a message has no further try: those that waited behind another are not paused for once more."""
_TOO_OLD = timedelta(minutes=10)
"""The age from which a message is not tried at all: one try may take 15 seconds, and 1,000 may wait."""
_LIMITS = Limits(connect=3, read=10, total=15)
_AT_EXIT = 5.0
"""Seconds that a process waits at its end for messages on their way."""
_IDLE = 60.0
"""Seconds without a message after which the thread ends: a service that was reloaded leaves none behind."""
_REMEMBERED = timedelta(days=400)
_MAX_KNOWN = 10_000
"""People of whom a process remembers that they have opened a console before."""
_TRY_AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_STEP = Step("webhook", "the webhook")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Message:
    """`person`: of a first console, as the store knows them; the thread asks whether it is the first."""

    notice: Notice
    id: str
    queued_at: datetime
    person: str | None
    body: bytes = field(repr=False)


class Webhook:
    """One URL. Safe for many threads; a forked process has a thread of its own."""

    def __init__(
        self,
        settings: WebhookSettings,
        http: HttpPool,
        store: RecordStore,
        *,
        clock: Callable[[], datetime],
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        """`store` remembers who has opened a console before; `clock` gives UTC."""
        self._settings = settings
        self._http = http
        self._store = store
        self._clock = clock
        self._pause = pause
        self._lock = threading.Lock()
        self._process = 0
        self._is_running = False
        self._waiting: queue.Queue[_Message] = queue.Queue(MAX_WAITING)
        self._known: set[str] = set()

    def tell(self, event: AuditEvent) -> None:
        """Queue what is to be told of an event. Raises nothing."""
        for notice in notices_of(event, self._settings):
            person = hashed(event.user_name or "") if notice is Notice.FIRST_CONSOLE else None
            if person in self._known:
                continue
            now = self._clock()
            body = body_of(notice, event, self._settings, timestamp=now.isoformat().replace("+00:00", "Z"))
            message = _Message(notice, f"msg_{secrets.token_hex(12)}", now, person, body)
            try:
                with self._lock:
                    self._running().put_nowait(message)
            except queue.Full:
                _dropped(message, f"{MAX_WAITING} messages wait already")
            except RuntimeError:
                _dropped(message, "this process can start no thread")

    def _is_first(self, message: _Message, person: str) -> bool:
        try:
            is_first = self._store.add(f"first-console:{person}", {}, lifetime=_REMEMBERED)
        except StoreUnavailable as error:
            _dropped(message, str(error))
            return False
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        self._known.add(person)
        return is_first

    def _running(self) -> queue.Queue[_Message]:
        """The queue of this process, whose thread runs. The caller holds the lock."""
        if self._process != os.getpid():
            self._process, self._waiting = os.getpid(), queue.Queue(MAX_WAITING)
            atexit.register(self.finish, _AT_EXIT)
            self._is_running = False
        if not self._is_running:
            threading.Thread(target=self._deliver_all, args=(self._waiting,), daemon=True).start()
            self._is_running = True
        return self._waiting

    def finish(self, seconds: float) -> None:
        """Wait at most that long until every message was delivered or given up."""
        ends = time.monotonic() + seconds
        while self._waiting.unfinished_tasks and time.monotonic() < ends:
            time.sleep(0.02)

    def _deliver_all(self, waiting: queue.Queue[_Message]) -> None:
        while True:
            try:
                message = waiting.get(timeout=_IDLE)
            except queue.Empty:
                with self._lock:
                    if waiting.empty():
                        self._is_running = False  # the next message starts another thread
                        return
                continue
            try:
                if message.person is None or self._is_first(message, message.person):
                    self._deliver(message)
            except Exception as error:  # noqa: BLE001  whatever it is, later messages are still to be sent
                _not_delivered(message, f"unexpected {type(error).__name__}")
            finally:
                waiting.task_done()

    def _deliver(self, message: _Message) -> None:
        if self._clock() - message.queued_at >= _TOO_OLD:
            _not_delivered(message, "others that nobody took kept it waiting for too long")
            return
        cause = ""
        for pause in (0.0, *_PAUSES):
            if pause:
                if self._clock() - message.queued_at >= _PATIENCE:
                    break
                self._pause(pause)
            moment = int(self._clock().timestamp())
            headers = {
                "Content-Type": "application/json",
                "webhook-id": message.id,
                "webhook-timestamp": str(moment),
                "webhook-signature": signature_of(self._settings.secret, message.id, moment, message.body),
            }
            try:
                answer = self._http.ask(
                    _STEP,
                    "POST",
                    self._settings.url,
                    headers=headers,
                    body=message.body,
                    limits=_LIMITS,
                    authorities=Authorities(None, system=True),
                )
            except UpstreamError as error:
                cause = error.cause
                continue
            if answer.status < HTTPStatus.MULTIPLE_CHOICES:
                return
            cause = f"HTTP {answer.status}"
            if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR and answer.status not in _TRY_AGAIN:
                break  # the same message would get the same answer
        _not_delivered(message, cause)


def _dropped(message: _Message, cause: str) -> None:
    _log.warning("webhook.dropped", notice=message.notice.value, cause=cause)


def _not_delivered(message: _Message, cause: str) -> None:
    _log.warning("webhook.not_delivered", notice=message.notice.value, message_id=message.id, cause=cause)


class TellingAuditLog:
    """An audit log whose events the webhook may tell about, once they are written."""

    def __init__(self, audit: AuditLog, webhook: Webhook) -> None:
        self._audit = audit
        self._webhook = webhook

    def record(self, event: AuditEvent) -> None:
        """Write one event, and tell about it. Raises AuditLogUnwritable."""
        self._audit.record(event)
        self._webhook.tell(event)
