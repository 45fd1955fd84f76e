"""Whether a sign-in can work now: a few named checks, run at most once a second and under a time limit.

A check's name is public. Its error is for the log, which gets one line when the state changes.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from awscons.errors import AwsconsError, StoreUnavailable
from awscons.store import RecordStore

STARTING, STOPPING = "starting", "stopping"
"""Names beside those of the checks: the first probe has not ended; the service was told to stop."""

CONFIGURATION = "configuration"
"""A warning: the configuration on disk is not sound, and the last sound one serves."""

_MAX_AGE = timedelta(seconds=1)
"""For how long the result of a probe counts. Requests in this time cost nothing."""
_TIME_LIMIT = timedelta(seconds=2)
"""Of one probe. It is that of the stores' connections."""
_STORE_PROBE_CHARACTERS = 4_000
"""About the size of a login, so that a store that is too full for one is too full for the probe."""
_STORE_PROBE_LIFETIME = timedelta(minutes=1)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing without which nobody can sign in.

    name   one word for monitoring, without any secret or name of a person
    run    raises AwsconsError while it fails
    """

    name: str
    run: Callable[[], object]


class Readiness:
    """The checks and their last result. Safe for many threads."""

    def __init__(
        self,
        checks: Sequence[Check],
        *,
        clock: Callable[[], datetime],
        is_stopping: Callable[[], bool],
        has_failed_reload: Callable[[], bool] = lambda: False,
        time_limit: timedelta = _TIME_LIMIT,
    ) -> None:
        """`clock` returns UTC; `is_stopping` tells whether the service was told to stop.

        has_failed_reload   whether a newer configuration is on disk that is not sound
        """
        self._checks = checks
        self._clock = clock
        self._is_stopping = is_stopping
        self._has_failed_reload = has_failed_reload
        self._time_limit = time_limit
        self._lock = threading.Lock()
        self._is_probing = False
        self._running_check = STARTING
        self._probed_at: datetime | None = None
        self._failures: Mapping[str, AwsconsError] | None = None

    def problems(self) -> list[str]:
        """The names of the checks that fail; empty when a sign-in can work.

        A result of the last second is returned as it is. Otherwise one caller starts a probe and waits for it;
        the others get the result before it, so a store that hangs occupies one thread.
        """
        if self._is_stopping():
            return [STOPPING]
        ended, failures = threading.Event(), dict[str, AwsconsError]()
        if self._begin():
            probe = threading.Thread(
                target=self._probe, args=(failures, ended), name="readiness", daemon=True
            )
            probe.start()
            if not ended.wait(self._time_limit.total_seconds()):
                self._report({**failures, self._running_check: self._too_slow()})
        return [STARTING] if self._failures is None else sorted(self._failures)

    def warnings(self) -> list[str]:
        """Words for what is wrong although people can sign in."""
        return [CONFIGURATION] if self._has_failed_reload() else []

    def _begin(self) -> bool:
        """Whether this caller is the one to start a probe."""
        now = self._clock()
        with self._lock:
            # abs(), because a clock that was set back must not keep a result for hours.
            is_fresh = self._probed_at is not None and abs(now - self._probed_at) < _MAX_AGE
            if self._is_probing or is_fresh:
                return False
            self._is_probing = True
            return True

    def _probe(self, failures: dict[str, AwsconsError], ended: threading.Event) -> None:
        """Run the checks one after the other, and add to `failures`."""
        begun = self._clock()
        try:
            for check in self._checks:
                self._running_check = check.name
                error = _error_of(check)
                if error is None and self._clock() - begun > self._time_limit:
                    error = self._too_slow()
                if error is not None:
                    failures[check.name] = error
            self._report(failures)
        finally:
            with self._lock:
                self._probed_at, self._is_probing = self._clock(), False
            ended.set()

    def _report(self, failures: Mapping[str, AwsconsError]) -> None:
        """Save the result, and log what is different from the one before."""
        with self._lock:
            before, self._failures = self._failures or {}, failures
        for name, error in failures.items():
            if name not in before:
                _log.warning("service.not_ready", check=name, cause=str(error), hint=error.hint or None)
        if before and not failures:
            _log.info("service.ready")

    def _too_slow(self) -> AwsconsError:
        return AwsconsError(f"no answer within {self._time_limit.total_seconds():g} seconds")


def _error_of(check: Check) -> AwsconsError | None:
    try:
        check.run()
    except AwsconsError as error:
        return error
    except Exception as error:  # noqa: BLE001  whatever it is, the check did not succeed; its text may quote a secret
        return AwsconsError(f"unexpected {type(error).__name__}")
    return None


def check_store(store: RecordStore) -> None:
    """Write a record to `store`, read it, and delete it. Raises StoreUnavailable."""
    key, record = f"probe:{secrets.token_hex(8)}", {"padding": "x" * _STORE_PROBE_CHARACTERS}
    store.set(key, record, lifetime=_STORE_PROBE_LIFETIME)
    found = store.get(key)
    store.delete(key)
    if found != record:
        raise StoreUnavailable("the store does not return the record that was just written")
