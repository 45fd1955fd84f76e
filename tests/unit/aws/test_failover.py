"""Time, places and circuits: what keeps a sign-in short while a part of AWS fails."""

import random
import threading
import time

import pytest

from awscons.aws.failover import Budget, Circuits, ConcurrencyLimit
from awscons.errors import BrokerBusy
from support.clock import MovableClock


def test_a_region_that_fails_stands_behind_the_others_for_a_while() -> None:
    clock = MovableClock()
    circuits = Circuits(clock=clock)
    assert circuits.in_order(["a", "b", "c"]) == ["a", "b", "c"]
    circuits.failed("a")
    assert circuits.in_order(["a", "b", "c"]) == ["b", "c", "a"]
    circuits.failed("b")
    assert circuits.in_order(["a", "b", "c"]) == ["c", "a", "b"]


def test_after_a_while_one_probes_it_and_the_others_still_pass_it_by() -> None:
    clock = MovableClock()
    circuits = Circuits(clock=clock)
    circuits.failed("a")
    clock.forward(seconds=30)
    assert circuits.in_order(["a", "b"]) == ["a", "b"]
    assert circuits.in_order(["a", "b"]) == ["b", "a"]
    circuits.worked("a")
    assert circuits.in_order(["a", "b"]) == ["a", "b"]


def test_the_more_often_it_fails_the_longer_it_is_avoided_but_never_for_ever() -> None:
    clock = MovableClock()
    circuits = Circuits(clock=clock)
    for expected in (30, 60, 120, 240, 300, 300, 300):
        circuits.failed("a")
        clock.forward(seconds=expected - 1)
        assert circuits.in_order(["a", "b"]) == ["b", "a"]
        clock.forward(seconds=1)
        assert circuits.in_order(["a", "b"]) == ["a", "b"]


def test_a_probe_that_never_says_how_it_ended_is_followed_by_another() -> None:
    clock = MovableClock()
    circuits = Circuits(clock=clock)
    circuits.failed("a")
    clock.forward(seconds=30)
    circuits.in_order(["a", "b"])
    clock.forward(seconds=29)
    assert circuits.in_order(["a", "b"]) == ["b", "a"]
    clock.forward(seconds=1)
    assert circuits.in_order(["a", "b"]) == ["a", "b"]


def test_no_region_is_ever_left_out() -> None:
    circuits = Circuits(clock=MovableClock())
    for region in ("a", "b"):
        circuits.failed(region)
    assert circuits.in_order(["a", "b"]) == ["a", "b"]
    assert circuits.in_order(["a"]) == ["a"]


def test_of_many_at_once_exactly_one_probes() -> None:
    clock = MovableClock()
    circuits = Circuits(clock=clock)
    circuits.failed("a")
    clock.forward(seconds=30)
    firsts: list[str] = []
    threads = [
        threading.Thread(target=lambda: firsts.append(circuits.in_order(["a", "b"])[0])) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert firsts.count("a") == 1


def test_a_place_beyond_the_last_is_refused_and_free_again_afterwards() -> None:
    bulkhead = ConcurrencyLimit(2, max_wait=0)
    with bulkhead.slot(), bulkhead.slot(), pytest.raises(BrokerBusy, match="2 sign-ins"), bulkhead.slot():
        pass
    with pytest.raises(ZeroDivisionError), bulkhead.slot():
        raise ZeroDivisionError
    with bulkhead.slot(), bulkhead.slot():
        pass


def test_whoever_comes_a_moment_too_early_gets_the_place_that_becomes_free() -> None:
    bulkhead, asks, inside = ConcurrencyLimit(1, max_wait=60), threading.Event(), threading.Event()

    def come() -> None:
        asks.set()
        with bulkhead.slot():
            inside.set()

    early = threading.Thread(target=come)
    with bulkhead.slot():
        early.start()
        assert asks.wait(20)
    early.join(20)
    assert inside.is_set()


def test_a_budget_that_is_spent_has_nothing_left_and_no_time_to_pause() -> None:
    assert Budget(0).left == 0
    Budget(-1).pause(1000)
    assert 0 < Budget(1000).left <= 1000


@pytest.mark.parametrize(("drawn", "seconds"), [(0, 0.1), (1, 0.4)])
def test_a_pause_is_random_between_a_quarter_and_the_whole(
    drawn: int, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    monkeypatch.setattr(random, "uniform", lambda *bounds: bounds[drawn])
    Budget(1000).pause(0.4)
    assert pauses == [seconds]
