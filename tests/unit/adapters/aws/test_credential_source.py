"""One load for many, in a thread that nobody has to wait for."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from awscons.adapters.aws.credential_source import CredentialSource
from awscons.errors import BrokerCredentialsMissing

FAILED = BrokerCredentialsMissing("the helper failed", step="sts")


@dataclass(frozen=True)
class Keys:
    number: int
    must_be_renewed: bool = False
    usable: bool = True


class Loads:
    """What a source calls: each load waits to be let through, and gives the next thing of a list."""

    def __init__(self, *gives: Keys | BrokerCredentialsMissing) -> None:
        self.gives = list(gives)
        self.begun = 0
        self.through = threading.Semaphore(0)
        self.lock = threading.Lock()

    def __call__(self) -> Keys:
        with self.lock:
            self.begun += 1
        assert self.through.acquire(timeout=20)
        with self.lock:
            found = self.gives.pop(0)
        if isinstance(found, BrokerCredentialsMissing):
            raise found
        return found

    def let_through(self, count: int = 1) -> None:
        self.through.release(count)


def source_of(loads: Loads, *, patience: float = 20, give_up_after: float = 60) -> CredentialSource[Keys]:
    return CredentialSource(loads, name="cons", patience=patience, give_up_after=give_up_after)


@pytest.fixture
def loads() -> Iterator[Callable[..., Loads]]:
    made: list[Loads] = []

    def make(*gives: Keys | BrokerCredentialsMissing) -> Loads:
        made.append(Loads(*gives))
        return made[-1]

    yield make
    for found in made:
        found.gives += [Keys(0)] * 10
        found.let_through(10)


def test_many_who_come_together_wait_for_one_load(loads: Callable[..., Loads]) -> None:
    slow = loads(Keys(1))
    source, got = source_of(slow), []
    threads = [threading.Thread(target=lambda: got.append(source.current(20))) for _ in range(12)]
    for thread in threads:
        thread.start()
    slow.let_through()
    for thread in threads:
        thread.join(20)
    assert got == [Keys(1)] * 12
    assert slow.begun == 1


def test_what_was_loaded_is_kept(loads: Callable[..., Loads]) -> None:
    slow = loads(Keys(1))
    slow.let_through()
    source = source_of(slow)
    assert [source.current(20), source.current(0)] == [Keys(1), Keys(1)]


def test_nobody_waits_longer_than_they_have_time(loads: Callable[..., Loads]) -> None:
    source = source_of(loads(Keys(1)))
    with pytest.raises(BrokerCredentialsMissing, match="profile 'cons' did not come in time"):
        source.current(0.01)


def test_nobody_waits_for_a_load_that_hangs(loads: Callable[..., Loads]) -> None:
    source = source_of(loads(Keys(1)), patience=0)
    with pytest.raises(BrokerCredentialsMissing, match="did not come in time"):
        source.current(20)


def test_what_will_end_soon_is_used_while_newer_is_loaded(loads: Callable[..., Loads]) -> None:
    slow = loads(Keys(1, must_be_renewed=True), Keys(2))
    slow.let_through()
    source = source_of(slow)
    assert source.current(20) == Keys(1, must_be_renewed=True)
    assert source.current(0) == Keys(1, must_be_renewed=True)
    slow.let_through()
    refused = Keys(1, must_be_renewed=True)
    assert source.renew(refused, 20) in {refused, Keys(2)}


def test_what_has_ended_is_not_used(loads: Callable[..., Loads]) -> None:
    slow = loads(Keys(1, must_be_renewed=True, usable=False), Keys(2))
    slow.let_through(2)
    source = source_of(slow)
    source.current(20)
    assert source.current(20) == Keys(2)


def test_a_failure_is_told_to_everybody_who_waits_and_the_next_tries_again(
    loads: Callable[..., Loads],
) -> None:
    slow = loads(FAILED, Keys(1))
    slow.let_through(2)
    source = source_of(slow)
    with pytest.raises(BrokerCredentialsMissing, match="helper failed"):
        source.current(20)
    assert source.current(20) == Keys(1)


def test_what_was_refused_is_loaded_again_unless_somebody_did_it_already(loads: Callable[..., Loads]) -> None:
    slow = loads(Keys(1), Keys(2))
    slow.let_through(2)
    source = source_of(slow)
    first = source.current(20)
    assert source.renew(first, 20) == Keys(2)
    assert source.renew(first, 0) == Keys(2)
    assert slow.begun == 2


def test_loads_that_hang_are_given_up_but_never_many_at_once(loads: Callable[..., Loads]) -> None:
    slow = loads(*[Keys(number) for number in range(10)])
    source = source_of(slow, patience=0, give_up_after=0)
    for _ in range(10):
        with pytest.raises(BrokerCredentialsMissing):
            source.current(0)
    assert slow.begun == 4
