"""Sockets with a deadline, against clients that send or receive so slowly that they occupy threads (Slowloris)."""

from __future__ import annotations

import errno
import socket
import ssl
import time
from typing import Any

MAX_REQUEST_SECONDS = 15.0
"""Seconds that a client may take to send its request, headers and body together."""
_MAX_RESPONSE_SECONDS = 30.0
"""Seconds that a client may take to receive the response."""


class _DeadlineSocket:
    """A socket on which a request has to arrive within `max_request_seconds`.

    The deadline is for the whole request: each further byte leaves less time, so a client that sends one byte
    at a time gains nothing.
    """

    max_request_seconds = MAX_REQUEST_SECONDS
    _deadline: float | None = None

    def setblocking(self, flag: bool, /) -> None:  # noqa: FBT001  socket's own signature
        """As gunicorn calls it: True when a thread begins to read a request."""
        self._deadline = None
        super().settimeout(self.max_request_seconds if flag else 0.0)  # type: ignore[misc]  # of the socket beside us

    def recv(self, *arguments: Any) -> bytes:
        """Receive. After the deadline the connection counts as reset, which gunicorn does not log as an error."""
        now = time.monotonic()
        if self._deadline is None:
            self._deadline = now + self.max_request_seconds
        if now >= self._deadline:
            raise _too_slow()
        super().settimeout(self._deadline - now)  # type: ignore[misc]  # as above
        try:
            received: bytes = super().recv(*arguments)  # type: ignore[misc]  # as above
        except TimeoutError:
            raise _too_slow() from None
        return received

    def sendall(self, *arguments: Any) -> None:
        """Send, to a client that has to receive it within `_MAX_RESPONSE_SECONDS`."""
        super().settimeout(_MAX_RESPONSE_SECONDS)  # type: ignore[misc]  # as above
        try:
            super().sendall(*arguments)  # type: ignore[misc]  # as above
        except TimeoutError:
            raise _too_slow() from None


class PlainSocket(_DeadlineSocket, socket.socket):
    """Plain HTTP."""


class TlsSocket(_DeadlineSocket, ssl.SSLSocket):
    """HTTPS."""


def _too_slow() -> ConnectionResetError:
    return ConnectionResetError(errno.ECONNRESET, "the client was too slow")
