"""Clients with persistent connections: a given number at a time, for a limited number of rounds or seconds."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

MAX_DURATION = 60.0
"""Seconds after which a run ends, even if rounds are left."""


@dataclass(frozen=True)
class Address:
    """The server of requests; `tls` None: plain http."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True)
class Run:
    """The result of one run.

    seconds   of each round, sorted
    failed    number of failed rounds
    wall      seconds that the run took
    cpu       seconds of CPU that this process used
    """

    seconds: tuple[float, ...]
    failed: int
    wall: float
    cpu: float

    @property
    def rate(self) -> float:
        """Rounds a second."""
        return len(self.seconds) / self.wall if self.wall else 0.0

    def percentile(self, part: float) -> float:
        """Milliseconds within which that share of the rounds ended."""
        if not self.seconds:
            return float("nan")
        return 1_000 * self.seconds[min(len(self.seconds) - 1, int(part * len(self.seconds)))]


class _Client(asyncio.Protocol):
    """One connection: send a request, wait for the whole answer."""

    def __init__(self) -> None:
        self._received = b""
        self._wanted: int | None = None
        self._answered: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(error or ConnectionResetError("closed"))

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._wanted is None:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            self._wanted = end + 4 + _content_length(self._received[:end])
        if len(self._received) >= self._wanted and self._answered is not None:
            self._answered.set_result(self._received)

    async def ask(self, request: bytes) -> bytes:
        """Send `request`. Returns the response, head and body."""
        self._received, self._wanted = b"", None
        self._answered = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._answered


def _content_length(head: bytes) -> int:
    lower = head.lower()
    at = lower.find(b"content-length:")
    return int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


Round = Sequence[tuple[Address, bytes, bytes]]
"""Requests made one after the other: address, bytes of the request, expected beginning of the response."""


def drive(next_round: Callable[[], Round | None], *, clients: int) -> Run:
    """Run rounds with `clients` clients until none are left; each client has a connection to each address."""
    return asyncio.run(_drive(next_round, clients))


async def _drive(next_round: Callable[[], Round | None], clients: int) -> Run:
    seconds: list[float] = []
    failed = 0
    begun, begun_cpu = time.perf_counter(), time.process_time()

    async def one() -> None:
        nonlocal failed
        connections: dict[tuple[str, int], _Client] = {}
        while time.perf_counter() - begun < MAX_DURATION and (steps := next_round()) is not None:
            start = time.perf_counter()
            try:
                for address, request, wanted in steps:
                    answer = await _ask(connections, address, request)
                    if not answer.startswith(wanted):
                        raise ConnectionError(answer[:200])
            except OSError as error:
                failed += 1
                if "BENCH_SHOW_FAILURES" in os.environ:
                    print(error)
                connections.clear()
                continue
            seconds.append(time.perf_counter() - start)
        for client in connections.values():
            client.transport.close()

    await asyncio.gather(*(one() for _ in range(clients)))
    wall = time.perf_counter() - begun
    return Run(tuple(sorted(seconds)), failed, wall, time.process_time() - begun_cpu)


async def _ask(connections: dict[tuple[str, int], _Client], address: Address, request: bytes) -> bytes:
    client = connections.get((address.host, address.port))
    if client is None or client.transport.is_closing():
        _, client = await asyncio.get_running_loop().create_connection(
            _Client,
            "127.0.0.1",
            address.port,
            ssl=address.tls,
            server_hostname=address.host if address.tls else None,
        )
        connections[address.host, address.port] = client
    return await client.ask(request)


def get(address: Address, path: str, *, cookie: str = "") -> bytes:
    """A GET, as bytes."""
    cookie_line = f"Cookie: {cookie}\r\n" if cookie else ""
    return f"GET {path} HTTP/1.1\r\nHost: {address.host}:{address.port}\r\n{cookie_line}\r\n".encode()


def post(address: Address, path: str, body: bytes, *, cookie: str = "") -> bytes:
    """A POST of a form, as bytes."""
    cookie_line = f"Cookie: {cookie}\r\n" if cookie else ""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {address.host}:{address.port}\r\n{cookie_line}"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
