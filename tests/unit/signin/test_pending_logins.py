"""Pending logins in the store: handles, slots and lifetimes, and which handles are looked up at all."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from awscons.adapters.stores.memory_store import MemoryStore
from awscons.signin.pending_logins import PendingLogins
from awscons.signin.records import PendingLogin
from awscons.store import Record
from support.clock import MovableClock

LIFETIME = timedelta(minutes=10)
BEGUN_AT = datetime(2026, 11, 22, 12, 0, 0, 900_000, tzinfo=UTC)
PENDING = PendingLogin("_1", "/aws/x", "0" * 64, BEGUN_AT, force_authn=False, retry_of_login=False)


class Watched(MemoryStore):
    """A store that remembers which keys were looked up."""

    def __init__(self, clock: MovableClock) -> None:
        super().__init__(now=lambda: clock().timestamp())
        self.looked_up: list[str] = []

    def get(self, key: str) -> Record | None:
        self.looked_up.append(key)
        return super().get(key)


def pending_logins(slots: int, clock: MovableClock | None = None) -> tuple[PendingLogins, Watched]:
    store = Watched(clock or MovableClock())
    return PendingLogins(store=store, max_pending=slots, lifetime=LIFETIME), store


def test_a_handle_begins_with_its_time_and_is_too_random_to_guess() -> None:
    pending, _store = pending_logins(1)
    beginning, random, slot = pending.save(PENDING).split(".")
    assert int(beginning, 16) == int(BEGUN_AT.timestamp())
    assert len(beginning) == 8
    assert len(base64.urlsafe_b64decode(random)) == 24
    assert slot == "0"


@pytest.mark.parametrize("slots", [1_000_000, 1], ids=["in a free slot", "in place of another"])
def test_a_pending_login_is_kept_for_its_lifetime_and_no_longer(slots: int) -> None:
    clock = MovableClock()
    pending, _store = pending_logins(slots, clock)
    pending.save(PENDING)
    clock.forward(seconds=60)
    handle = pending.save(PENDING)
    clock.now += LIFETIME - timedelta(seconds=1)
    assert pending.find(handle) == PENDING
    clock.forward(seconds=1)
    assert pending.find(handle) is None


def test_a_pending_login_whose_slot_another_took_is_not_found_and_the_other_is() -> None:
    pending, _store = pending_logins(1)
    first, second = pending.save(PENDING), pending.save(PENDING)
    assert first != second
    assert pending.find(first) is None
    assert pending.find(second) == PENDING


def test_a_new_pending_login_leaves_others_alone_where_most_slots_are_free() -> None:
    pending, _store = pending_logins(1_000_000)
    handles = [pending.save(PENDING) for _ in range(200)]
    assert all(pending.find(handle) == PENDING for handle in handles)


def test_every_slot_is_used_and_none_beyond() -> None:
    pending, _store = pending_logins(3)
    assert {pending.save(PENDING).rpartition(".")[2] for _ in range(100)} == {"0", "1", "2"}


@pytest.mark.parametrize(
    ("handle", "keys"),
    [
        ("x.12345678", ["pending:12345678"]),
        ("x.123456789", []),
        ("x" * 78 + ".1", ["pending:1"]),
        ("x" * 79 + ".1", []),
        ("x.", []),
        ("x.-1", []),
        ("x.1.a", []),
        ("x.٣", []),
        ("x.²", []),
        ("", []),
    ],
)
def test_a_handle_that_cannot_be_ours_is_not_looked_up(handle: str, keys: list[str]) -> None:
    pending, store = pending_logins(10)
    assert pending.find(handle) is None
    assert store.looked_up == keys
