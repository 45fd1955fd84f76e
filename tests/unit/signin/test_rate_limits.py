"""Rate limits by themselves: exactly how many requests pass, who is refused first, and for how long."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from awscons.adapters.stores.memory_store import MemoryStore
from awscons.errors import TooManyConsoles, TooManySignIns
from awscons.signin.rate_limits import ConsoleRateLimit, MinuteCounters, SignInRateLimits
from support.clock import MovableClock

ONE_ADDRESS = "too many sign-ins from one address"
ONE_NETWORK = "too many sign-ins from one network"
OVERALL = "too many sign-ins overall"
ELSEWHERE = "203.0.113.1"


@dataclass
class Recorder:
    """The rejections that the metrics count."""

    reasons: list[str] = field(default_factory=list)

    def record_rejection(self, reason: str) -> None:
        self.reasons.append(reason)


class Limits:
    """Rate limits with a store in memory, 15 seconds after the minute began."""

    def __init__(self, *, per_address: int = 0, overall: int = 0, per_person: int = 0) -> None:
        self.clock = MovableClock(datetime(2026, 11, 22, 12, 0, 15, tzinfo=UTC))
        self.store = MemoryStore(now=lambda: self.clock().timestamp())
        self.recorder = Recorder()
        self.counters = MinuteCounters(self.store, recorder=self.recorder, clock=self.clock)
        self.sign_ins = SignInRateLimits(per_address=per_address, overall=overall, counters=self.counters)
        self.consoles = ConsoleRateLimit(per_person=per_person, counters=self.counters)

    def passes(self, address: str | None, step: str = "begin") -> bool:
        try:
            self.sign_ins.check(step, address)
        except TooManySignIns:
            return False
        return True

    def passed(self, addresses: Iterable[str | None]) -> int:
        """How many requests pass before the first that is refused."""
        number = 0
        for address in addresses:
            if not self.passes(address):
                break
            number += 1
        return number


# --- refusals ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("addresses", "settings", "cause"),
    [
        (["192.0.2.1"] * 4, {"per_address": 3}, f"{ONE_ADDRESS}: more than 3 in a minute"),
        (["2001:db8::1"] * 4, {"per_address": 3}, f"{ONE_ADDRESS}: more than 3 in a minute"),
        (
            [f"2001:db8:0:{number:x}::1" for number in range(7)],
            {"per_address": 3},
            f"{ONE_NETWORK}: more than 6 in a minute",
        ),
        (
            [f"2001:db8:0:{number:x}00::1" for number in range(13)],
            {"per_address": 3},
            f"{ONE_NETWORK}: more than 12 in a minute",
        ),
        ([None] * 4, {"overall": 3}, f"{OVERALL}: more than 3 in a minute"),
    ],
    ids=["IPv4", "/64", "/56", "/48", "overall"],
)
def test_a_refusal_names_its_limit_and_is_counted(
    addresses: list[str | None], settings: dict[str, int], cause: str
) -> None:
    limits = Limits(**settings)
    *passed, refused = addresses
    assert limits.passed(passed) == len(passed)
    with pytest.raises(TooManySignIns) as caught:
        limits.sign_ins.check("begin", refused)
    assert caught.value.cause == cause
    assert limits.recorder.reasons == [cause.partition(":")[0]]


@pytest.mark.parametrize(("second", "retry_after"), [(0, 60), (1, 59), (15, 45), (59, 1)])
def test_a_refusal_says_in_how_many_seconds_the_minute_ends(second: int, retry_after: int) -> None:
    limits = Limits(per_address=1)
    limits.clock.now = limits.clock.now.replace(second=second)
    assert limits.passes("192.0.2.1")
    with pytest.raises(TooManySignIns) as caught:
        limits.sign_ins.check("begin", "192.0.2.1")
    assert caught.value.retry_after == retry_after


def test_a_limit_counts_anew_when_the_minute_ends_and_not_before() -> None:
    limits = Limits(per_address=1)
    assert limits.passes("192.0.2.1")
    limits.clock.forward(seconds=44)
    assert not limits.passes("192.0.2.1")
    limits.clock.forward(seconds=1)
    assert limits.passes("192.0.2.1")


def test_each_step_of_a_sign_in_is_counted_by_itself() -> None:
    limits = Limits(per_address=1, overall=1)
    steps = ("begin", "acs")
    # For each step: of everybody, of this address above the overall limit, of this address once too often.
    assert [limits.passes(None, step) for step in steps] == [True, True]
    assert [limits.passes("192.0.2.1", step) for step in steps] == [True, True]
    assert [limits.passes("192.0.2.1", step) for step in steps] == [False, False]


@pytest.mark.parametrize(
    "claimed", ["127.0.0.{}", "::ffff:127.0.0.{}", "[::1]:{}", "0.0.0.0:{}", "made up {}", ""]
)
def test_what_is_no_address_of_a_client_shares_one_counter(claimed: str) -> None:
    limits = Limits(per_address=3)
    assert limits.passed(claimed.format(number) for number in range(1, 9)) == 3
    assert not limits.passes("unknown")


def test_without_an_overall_limit_any_number_of_addresses_may_sign_in() -> None:
    # A few of them share a bucket by chance.
    limits = Limits(per_address=4)
    assert limits.passed(f"192.0.2.{number}" for number in range(200)) == 200


def test_without_a_limit_of_addresses_one_address_may_use_the_overall_limit() -> None:
    assert Limits(overall=50).passed(["192.0.2.1"] * 60) == 50


@pytest.mark.parametrize("address", [None, "192.0.2.1"])
def test_a_request_that_its_network_is_refused_is_not_counted_overall(address: str | None) -> None:
    limits = Limits(per_address=3, overall=4)
    for _ in range(10):
        limits.passes("192.0.2.1")
    assert limits.passes(None)
    assert not limits.passes(None)
    assert not limits.passes(address)


@pytest.mark.parametrize(
    ("written", "plain", "other"),
    [
        ("192.0.2.1:50000", "192.0.2.1", "192.0.2.2:50000"),
        ("::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2"),
        ("[2001:db8::1]:50000", "2001:db8::2", "[2001:db8:0:1::1]:50000"),
        ("[2001:db8::1]", "2001:db8::2", "[2001:db8:0:1::1]"),
    ],
)
def test_an_address_counts_as_the_same_however_a_proxy_writes_it(
    written: str, plain: str, other: str
) -> None:
    limits = Limits(per_address=1)
    assert limits.passes(written)
    assert not limits.passes(plain)
    assert limits.passes(other)


# --- above the overall limit ---------------------------------------------------------------


def above(overall: int, per_address: int = 0) -> Limits:
    """Limits whose overall limit is used up by other clients."""
    limits = Limits(overall=overall, per_address=per_address)
    assert limits.passed([None] * overall) == overall
    return limits


@pytest.mark.parametrize(
    ("overall", "per_address", "passes"),
    [(1, 19, 2), (1, 30, 3), (1, 39, 3), (1, 40, 4), (1, 1, 1), (799, 0, 3), (800, 0, 4), (1, 0, 1)],
)
def test_above_the_overall_limit_an_address_gets_a_tenth_of_its_limit_but_two(
    overall: int, per_address: int, passes: int
) -> None:
    assert above(overall, per_address).passed(["192.0.2.1"] * 50) == passes


@pytest.mark.parametrize(
    ("shared", "addresses", "passes"),
    [
        ("an IPv4 /24", [f"192.0.2.{number}" for number in range(1, 60)], 49),
        ("an IPv6 /56", [f"2001:db8:0:{number:x}::1" for number in range(60)], 8),
        ("an IPv6 /48", [f"2001:db8:0:{number:x}00::1" for number in range(60)], 16),
    ],
)
def test_above_the_overall_limit_a_network_gets_the_limit_of_one_address(
    shared: str, addresses: list[str], passes: int
) -> None:
    assert above(1, 49).passed(addresses) == passes, shared


def test_above_the_overall_limit_an_ipv6_address_waits_though_its_network_is_light() -> None:
    limits = above(1, 40)
    assert limits.passed(["2001:db8::1"] * 10) == 4
    assert limits.passes("2001:db8:0:1::1")


def test_above_the_overall_limit_each_network_is_served_by_itself() -> None:
    limits = above(1, 40)
    assert limits.passed(f"192.0.2.{number}" for number in range(1, 60)) == 40
    assert limits.passes("192.0.3.1")


def test_above_the_overall_limit_nobody_is_served_who_names_no_address() -> None:
    limits = above(2, 40)
    assert not limits.passes(None)


def test_above_the_overall_limit_texts_that_are_no_address_share_one_counter() -> None:
    assert above(1, 40).passed(f"made up {number}" for number in range(10)) == 4


def test_requests_of_before_the_overall_limit_count_against_an_address() -> None:
    limits = Limits(overall=10, per_address=40)
    assert limits.passed(["192.0.2.1"] * 6) == 6
    assert limits.passed([ELSEWHERE] * 4) == 4
    assert not limits.passes("192.0.2.1")


# --- buckets -------------------------------------------------------------------------------


def test_the_bucket_of_a_network_is_another_one_in_another_minute_and_store() -> None:
    limits = Limits()
    texts = [f"192.0.2.{number}" for number in range(20)]
    buckets = [limits.counters.bucket(text) for text in texts]
    assert [limits.counters.bucket(text) for text in texts] == buckets
    assert [Limits().counters.bucket(text) for text in texts] != buckets
    limits.clock.forward(seconds=45)
    assert [limits.counters.bucket(text) for text in texts] != buckets


def test_buckets_are_a_bounded_number_of_whole_numbers() -> None:
    counters = Limits().counters
    buckets = [counters.bucket(f"192.0.2.{number}") for number in range(200)]
    assert set(buckets) <= set(range(65_536))
    assert len(set(buckets)) > 150


def test_processes_of_one_store_put_a_network_into_one_bucket() -> None:
    limits = Limits()
    other = MinuteCounters(limits.store, recorder=Recorder(), clock=limits.clock)
    assert limits.counters.bucket("192.0.2.1") == other.bucket("192.0.2.1")


# --- consoles ------------------------------------------------------------------------------


def test_a_person_opens_as_many_consoles_in_a_minute_as_the_limit_allows() -> None:
    limits = Limits(per_person=2)
    for _ in range(2):
        limits.consoles.check("ada@example.com")
    with pytest.raises(TooManyConsoles) as caught:
        limits.consoles.check("ada@example.com")
    assert caught.value.cause == "too many consoles of one person: more than 2 in a minute"
    assert caught.value.retry_after == 45
    limits.consoles.check("otto@example.com")
    limits.clock.forward(seconds=45)
    limits.consoles.check("ada@example.com")
