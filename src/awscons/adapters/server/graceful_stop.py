"""How the server stops: it says so for a while, then it closes its listener, then requests in flight finish."""

from __future__ import annotations

import mmap
import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import structlog
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

from awscons.adapters.server.reload_signals import FileWatch

_STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})
_QUICK_TIMEOUT = 1
"""Seconds that requests in flight get when the server has to end at once."""

_log = structlog.get_logger(__name__)


class StopFlag:
    """Tells the workers that the server was told to stop. Make it before the fork: they share its memory.

    shutdown_delay   seconds between SIGTERM and the moment at which the server closes its listener
    """

    def __init__(self, shutdown_delay: float = 0) -> None:
        self.shutdown_delay = shutdown_delay
        self._shared = mmap.mmap(-1, 1)

    def set(self) -> None:
        """The server was told to stop."""
        self._shared[0] = 1

    def is_set(self) -> bool:
        """Whether the server was told to stop."""
        return bool(self._shared[0])


class DrainingArbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's parent process, which takes requests for some seconds after SIGTERM.

    A second SIGTERM or SIGINT ends the server at once, in that time and while requests finish.
    """

    def __init__(
        self, app: Any, *, stop_flag: StopFlag, on_hup: Callable[[], None], watched: FileWatch | None
    ) -> None:
        """`on_hup`: called for SIGHUP, and when one of the watched files has changed."""
        super().__init__(app)
        self._stop_flag = stop_flag
        self._on_hup = on_hup
        self._watched = watched
        self._closes_at: float | None = None
        self._was_told_to_stop = False
        self._is_halting = False

    def signal(self, sig: int, frame: FrameType | None) -> None:
        """Queue a signal; the second one that asks to stop becomes SIGQUIT, gunicorn's quick stop."""
        if sig in _STOP_SIGNALS:
            sig, self._was_told_to_stop = (signal.SIGQUIT if self._was_told_to_stop else sig), True
        super().signal(sig, frame)

    def wait_for_signals(self, timeout: float = 1.0) -> list[int]:
        """Wait for signals, and until the listener closes at the longest."""
        if self._closes_at is None:
            signals: list[int] = super().wait_for_signals(timeout)
            if self._watched is not None and self._watched.has_changed():
                self._on_hup()
        else:
            left = self._closes_at - time.monotonic()
            if left <= 0:
                raise StopIteration  # as gunicorn's own handler of SIGTERM does
            signals = super().wait_for_signals(min(timeout, left))
        # gunicorn would leave the quick stop out when it came together with the other.
        return [signal.SIGQUIT] if signal.SIGQUIT in signals else signals

    def handle_term(self) -> None:
        """Say that the server stops, and go on for `shutdown_delay` seconds."""
        self._stop_flag.set()
        _log.info("server.stopping", shutdown_delay=self._stop_flag.shutdown_delay)
        self._closes_at = time.monotonic() + self._stop_flag.shutdown_delay

    def handle_quit(self) -> None:
        """End at once."""
        self.cfg.set("graceful_timeout", _QUICK_TIMEOUT)
        super().handle_quit()

    def handle_hup(self) -> None:
        """Read the configuration again; gunicorn would replace the workers, and their memory with them."""
        self._on_hup()

    def handle_int(self) -> None:
        """End at once, as Ctrl-C means."""
        self.handle_quit()

    def stop(self, graceful: bool = True) -> None:  # noqa: FBT001, FBT002  gunicorn's own signature
        """Close the listener, and wait for the workers."""
        self._stop_flag.set()
        self._is_halting = True
        super().stop(graceful)

    def reap_workers(self) -> None:
        """Collect workers that have ended. One that cannot start stops the server, once."""
        try:
            super().reap_workers()
        except HaltServer:
            # Raised again for each further worker, and then nobody catches it.
            if not self._is_halting:
                raise
