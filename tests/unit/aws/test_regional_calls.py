"""The first region that answers: who is asked, in which order, how often, and whose failure is reported."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from awscons.aws.failover import Budget, Circuits
from awscons.aws.regional_calls import RegionalCalls
from awscons.errors import (
    AccessKeyRefused,
    RegionDisabled,
    RoleRefused,
    UpstreamError,
    UpstreamSilent,
    UpstreamThrottled,
    UpstreamUnusable,
)
from support.clock import MovableClock

SILENT = UpstreamSilent("no answer", step="sts", code="timeout")
UNUSABLE = UpstreamUnusable("HTTP 503", step="sts", code="503", request_id="req-1")
THROTTLED = UpstreamThrottled("rate exceeded", step="sts", code="Throttling")
DISABLED = RegionDisabled("not activated", step="sts", code="RegionDisabledException")
KEY_REFUSED = AccessKeyRefused("invalid", step="sts", code="InvalidClientTokenId")


@dataclass
class Aws:
    """Regions, each with the failures of its next calls. `new_keys`: whether loading them again finds others."""

    failures: dict[str, list[UpstreamError]] = field(default_factory=dict)
    new_keys: bool = False
    asked: list[str] = field(default_factory=list)
    renewals: list[float] = field(default_factory=list)
    clock: MovableClock = field(default_factory=MovableClock)
    at_renewal: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self._circuits = Circuits(clock=self.clock)

    def run(self, budget: Budget | None = None, *, slowest_call: float = 1) -> tuple[str, tuple[str, ...]]:
        calls = RegionalCalls(("a", "b", "c"), self._circuits, slowest_call, self._renew)
        return calls.run(self._work, budget or Budget(1000))

    def _work(self, region: str) -> str:
        self.asked.append(region)
        coming = self.failures.get(region, [])
        if coming:
            raise coming.pop(0)
        return f"done in {region}"

    def _renew(self, seconds_left: float) -> bool:
        self.renewals.append(seconds_left)
        self.at_renewal()
        return self.new_keys


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that would have been made."""
    made: list[float] = []
    monkeypatch.setattr(time, "sleep", made.append)
    return made


@pytest.mark.parametrize("error", [SILENT, UNUSABLE, THROTTLED, DISABLED, KEY_REFUSED])
def test_a_failure_of_one_region_fails_over_to_the_next(error: UpstreamError) -> None:
    aws = Aws({"a": [error]})
    assert aws.run() == ("done in b", (f"a: {error.code}",))
    assert aws.asked == ["a", "b"]
    assert aws.renewals == []


def test_a_failure_that_every_region_would_have_is_raised_at_once() -> None:
    aws = Aws({"a": [RoleRefused("AccessDenied", step="sts")]})
    with pytest.raises(RoleRefused):
        aws.run()
    assert aws.asked == ["a"]


@pytest.mark.parametrize(
    ("error", "next_time"),
    [(SILENT, ["b"]), (UNUSABLE, ["b"]), (DISABLED, ["b"]), (KEY_REFUSED, ["b"]), (THROTTLED, ["a"])],
)
def test_a_region_that_failed_comes_last_next_time_but_a_throttled_one_does_not(
    error: UpstreamError, next_time: list[str]
) -> None:
    aws = Aws({"a": [error]})
    aws.run()
    aws.asked.clear()
    aws.run()
    assert aws.asked == next_time


def test_a_region_that_answers_again_comes_first_again() -> None:
    aws = Aws({"a": [SILENT]})
    aws.run()
    aws.clock.forward(seconds=30)
    aws.asked.clear()
    for _ in range(3):
        aws.run()
    assert aws.asked == ["a", "a", "a"]


def test_after_all_regions_those_that_may_have_recovered_are_asked_once_more(pauses: list[float]) -> None:
    aws = Aws({"a": [DISABLED], "b": [SILENT, SILENT], "c": [KEY_REFUSED]})
    with pytest.raises(RegionDisabled):
        aws.run()
    assert aws.asked == ["a", "b", "c", "b"]
    (pause,) = pauses
    assert 0.1 <= pause <= 0.4


def test_the_first_regions_failure_is_reported() -> None:
    aws = Aws({"a": [UNUSABLE] * 2, "b": [SILENT] * 2, "c": [SILENT] * 2})
    with pytest.raises(UpstreamUnusable):
        aws.run()
    assert aws.asked == ["a", "b", "c", "a", "b", "c"]


def test_a_refused_key_is_reported_only_if_every_region_refuses_it() -> None:
    aws = Aws({"a": [KEY_REFUSED], "b": [SILENT] * 2, "c": [KEY_REFUSED]})
    with pytest.raises(UpstreamSilent):
        aws.run()
    assert aws.renewals == []


def everywhere(error: UpstreamError, times: int = 1) -> dict[str, list[UpstreamError]]:
    return {region: [error] * times for region in "abc"}


def test_keys_that_every_region_refuses_are_loaded_again_and_reported_if_they_are_the_same() -> None:
    aws = Aws(everywhere(KEY_REFUSED))
    with pytest.raises(AccessKeyRefused):
        aws.run(Budget(50))
    assert aws.asked == ["a", "b", "c"]
    (seconds_left,) = aws.renewals
    assert 40 < seconds_left <= 50


def test_new_keys_are_tried_at_once_and_the_failures_of_the_old_ones_are_forgotten(
    pauses: list[float],
) -> None:
    aws = Aws({**everywhere(KEY_REFUSED), "a": [KEY_REFUSED, SILENT]}, new_keys=True)
    assert aws.run() == ("done in b", ("a: timeout",))
    assert aws.asked == ["a", "b", "c", "a", "b"]
    assert pauses == [0, 0]


def test_new_keys_that_are_refused_as_well_are_reported() -> None:
    aws = Aws(everywhere(KEY_REFUSED, times=2), new_keys=True)
    with pytest.raises(AccessKeyRefused):
        aws.run()
    assert aws.asked == ["a", "b", "c"] * 2
    assert len(aws.renewals) == 1


def test_no_call_begins_with_less_time_than_one_call_may_take() -> None:
    aws = Aws(everywhere(SILENT))
    with pytest.raises(UpstreamSilent, match="time for this sign-in"):
        aws.run(Budget(10), slowest_call=11)
    assert aws.asked == []


def test_a_call_begins_with_exactly_the_time_that_one_may_take() -> None:
    aws = Aws(everywhere(SILENT))
    assert aws.run(Budget(0), slowest_call=0)[0] == "done in a"
    assert aws.asked == ["a", "b", "c", "a"]


def test_keys_that_take_all_the_time_to_load_again_end_the_sign_in_as_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    began = time.monotonic()
    aws = Aws(everywhere(KEY_REFUSED), new_keys=True)
    aws.at_renewal = lambda: monkeypatch.setattr(time, "monotonic", lambda: began + 50)
    with pytest.raises(UpstreamSilent) as caught:
        aws.run(Budget(50))
    assert (caught.value.step, caught.value.code) == ("sts", "timeout")
    assert aws.asked == ["a", "b", "c"]


def test_a_region_that_failed_is_logged_with_the_answer_of_aws(
    log: Callable[[], list[dict[str, object]]],
) -> None:
    Aws({"a": [UNUSABLE]}).run()
    (line,) = log()
    assert [line[key] for key in ("event", "region", "step", "code", "cause", "request_id")] == [
        "aws.region_failed_over",
        "a",
        "sts",
        "503",
        "HTTP 503",
        "req-1",
    ]
