"""One piece of work in the first region that answers, within the time budget of one sign-in.

A region that does not answer, or answers for itself alone, fails over to the next one. A failure that every
region would have, such as AccessDenied, is raised at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog

from awscons.aws.failover import Budget, Circuits
from awscons.errors import (
    AccessKeyRefused,
    RegionDisabled,
    UpstreamError,
    UpstreamSilent,
    UpstreamThrottled,
    UpstreamUnusable,
)

_MAX_PAUSE = 0.4
"""Seconds before a region is tried again."""
_FAILS_OVER = (AccessKeyRefused, RegionDisabled, UpstreamSilent, UpstreamThrottled, UpstreamUnusable)
"""Failures of one region that another region may not have."""
_STAYS = (AccessKeyRefused, RegionDisabled)
"""Failures that the same region would repeat."""

_Done = TypeVar("_Done")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RegionalCalls:
    """The failover of one sign-in.

    slowest_call       seconds that one call may take; no call begins with less time left
    renew_credentials  loads the broker's credentials again; returns whether they are different now
    """

    regions: Sequence[str]
    circuits: Circuits
    slowest_call: float
    renew_credentials: Callable[[float], bool]

    def run(self, work: Callable[[str], _Done], budget: Budget) -> tuple[_Done, tuple[str, ...]]:
        """The result of `work` in the first region that answers, and the regions that failed before it.

        Raises UpstreamError: at once for a failure that every region would have, else that of the first
        region, which is the one to look into; UpstreamSilent if the time ran out before any region failed.
        """
        failures: list[tuple[str, UpstreamError]] = []
        for region in self._tries(budget, failures):
            try:
                done = work(region)
            except UpstreamError as error:
                if not isinstance(error, _FAILS_OVER):
                    raise
                failures.append((region, error))
                self._fail_over(region, error)
            else:
                self.circuits.worked(region)
                return done, tuple(f"{region}: {error.code}" for region, error in failures)
        if not failures:
            # Loading the keys again may take all the time that is left.
            raise UpstreamSilent("the time for this sign-in has run out", step="sts", code="timeout")
        raise _error_to_report([error for _, error in failures])

    def _tries(self, budget: Budget, failures: list[tuple[str, UpstreamError]]) -> Iterator[str]:
        """All regions in turn, then once more those that may have recovered."""
        for region in self.circuits.in_order(self.regions):
            if budget.left >= self.slowest_call:
                yield region
        pause = 0.0
        if failures and all(isinstance(error, AccessKeyRefused) for _, error in failures):
            # A disabled opt-in region refuses valid keys with the same error. Only when every region refuses
            # them are the keys wrong. Then they are loaded again: somebody may have replaced them.
            if not self.renew_credentials(budget.left):
                return
            again = [region for region, _ in failures]
            failures.clear()  # these failures were about the old keys
        else:
            pause = _MAX_PAUSE
            again = [region for region, error in failures if not isinstance(error, _STAYS)]
        for region in again:
            budget.pause(pause)
            if budget.left >= self.slowest_call:
                yield region

    def _fail_over(self, region: str, error: UpstreamError) -> None:
        """Log a failed region, and open its circuit; throttling does not, because that region works."""
        if not isinstance(error, UpstreamThrottled):
            self.circuits.failed(region)
        _log.warning(
            "aws.region_failed_over",
            region=region,
            step=error.step,
            code=error.code,
            cause=error.cause,
            request_id=error.request_id,
        )


def _error_to_report(failures: Sequence[UpstreamError]) -> UpstreamError:
    """The failure of the first region, but one other than AccessKeyRefused if there is any.

    The keys are known to be wrong only if every region refuses them.
    """
    return next((error for error in failures if not isinstance(error, AccessKeyRefused)), failures[0])
