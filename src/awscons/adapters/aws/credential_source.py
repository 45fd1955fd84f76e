"""Loads credentials once for many sign-ins, in a thread of its own. Knows nothing of AWS.

Sign-ins that need the same credentials wait for the same load, each for as long as it has time. A load that
takes longer than `patience` seconds hangs: no sign-in waits for it any more. After GIVE_UP_AFTER seconds the
next sign-in begins another load beside it. At most MAX_HANGING loads are given up in this way at a time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import structlog

from awscons.errors import BrokerCredentialsMissing, UpstreamError

GIVE_UP_AFTER = 60.0
"""Seconds."""
MAX_HANGING = 3

_log = structlog.get_logger(__name__)


class Renewable(Protocol):
    """The loaded value."""

    @property
    def must_be_renewed(self) -> bool:
        """Whether a newer value should be loaded."""

    @property
    def usable(self) -> bool:
        """Whether they can be used until then."""


Loaded = TypeVar("Loaded", bound=Renewable)


@dataclass(eq=False, slots=True)
class _Load(Generic[Loaded]):
    """A running load; `began` is a time of `time.monotonic`."""

    began: float
    result: Future[Loaded] = field(default_factory=Future)

    def hangs(self, seconds: float) -> bool:
        """Whether the load has taken longer than `seconds`."""
        return time.monotonic() - self.began >= seconds


class CredentialSource(Generic[Loaded]):
    """Credentials of one profile, loaded when they are needed. Safe for many threads."""

    def __init__(
        self,
        load: Callable[[], Loaded],
        *,
        name: str,
        patience: float,
        give_up_after: float = GIVE_UP_AFTER,
    ) -> None:
        """Name the function that loads, and the profile.

        load       raises UpstreamError, and nothing else
        name       of the profile, for logs
        patience   seconds of a load after which sign-ins no longer wait for it
        give_up_after   seconds until another load is begun beside one that hangs
        """
        self._load = load
        self._name = name
        self._patience = patience
        self._give_up_after = give_up_after
        self._lock = threading.Lock()
        self._loaded: Loaded | None = None
        self._under_way: _Load[Loaded] | None = None
        self._hanging = 0

    def current(self, seconds: float) -> Loaded:
        """Return the loaded value, or a newer one if that is due. Waits at most `seconds`. Raises UpstreamError."""
        loaded = self._loaded
        if loaded is not None and not loaded.must_be_renewed:
            return loaded
        with self._lock:
            # A load may have ended since the line above; then there is nothing to begin.
            loaded = self._loaded
            if loaded is not None and not loaded.must_be_renewed:
                return loaded
            load = self._begin()
        if loaded is not None and loaded.usable:
            return loaded
        return self._wait(load, seconds)

    def renew(self, refused: Loaded, seconds: float) -> Loaded:
        """Return a value loaded after `refused`, loading now if necessary. Raises UpstreamError."""
        with self._lock:
            if self._loaded is not None and self._loaded is not refused:
                return self._loaded
            load = self._begin()
        return self._wait(load, seconds)

    def _begin(self) -> _Load[Loaded]:
        """The running load, or a new one. The caller holds the lock."""
        under_way = self._under_way
        if under_way is not None:
            if not under_way.hangs(self._give_up_after) or self._hanging >= MAX_HANGING:
                return under_way
            self._hanging += 1
        self._under_way = load = _Load[Loaded](time.monotonic())
        name = f"credentials of {self._name}"
        threading.Thread(target=self._run, args=(load,), name=name, daemon=True).start()
        return load

    def _run(self, load: _Load[Loaded]) -> None:
        """Load; runs in a thread of its own."""
        try:
            loaded = self._load()
        except UpstreamError as error:
            self._ended(load, None)
            if self._loaded is not None:
                _log.warning(
                    "aws.credentials_not_renewed", profile=self._name, cause=error.cause, hint=error.hint
                )
            load.result.set_exception(error)
        else:
            self._ended(load, loaded)
            load.result.set_result(loaded)

    def _ended(self, load: _Load[Loaded], loaded: Loaded | None) -> None:
        with self._lock:
            if loaded is not None:
                self._loaded = loaded
            if self._under_way is load:
                self._under_way = None
            else:
                self._hanging -= 1

    def _wait(self, load: _Load[Loaded], seconds: float) -> Loaded:
        left = min(seconds, load.began + self._patience - time.monotonic())
        try:
            return load.result.result(timeout=max(0.0, left))
        except TimeoutError:
            raise BrokerCredentialsMissing(
                f"the AWS credentials of profile {self._name!r} did not come in time",
                step="sts",
                code="timeout",
                hint="what gives them hangs: its `credential_process`, the metadata service of the host, "
                "or the STS that it asks itself",
            ) from None
