"""The register of logins: whose they are, until when they count, and that ending one ends it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from awscons.access.identity import Identity, Login
from awscons.adapters.stores.choice import open_store
from awscons.adapters.stores.memory_store import MemoryStore
from awscons.config.schema import SqliteBacking
from awscons.signin.records import IndexSlot, record_of
from awscons.signin.register import MAX_LOGINS_PER_NAME, LoginRegister
from awscons.signin.settings import LoginSettings
from awscons.store import Record, hashed
from support.clock import MovableClock
from support.sample_people import ADA, OTTO

HOUR = timedelta(hours=1)
SETTINGS = LoginSettings(
    user_attr="name_id",
    attribute_map={"groups": "groups"},
    auth_duration=8 * HOUR,
    idle_timeout=HOUR,
    pending_lifetime=timedelta(minutes=10),
    force_authn=False,
)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def register(tmp_path: Path, clock: MovableClock) -> LoginRegister:
    store = open_store(SqliteBacking(path=str(tmp_path / "logins.sqlite3")), environment={})
    return LoginRegister(store=store, settings=SETTINGS, clock=clock)


def save(
    register: LoginRegister,
    login_id: str,
    clock: MovableClock,
    identity: Identity = ADA,
    session_index: str | None = None,
) -> None:
    register.save(login_id, Login(identity, clock(), clock() + 8 * HOUR, session_index))


def test_a_person_has_all_their_logins_and_nobody_elses(register: LoginRegister, clock: MovableClock) -> None:
    save(register, "first", clock, session_index="_1")
    clock.forward(minutes=1)
    save(register, "second", clock, session_index="_2")
    save(register, "other", clock, OTTO)
    found = register.of("ada@example.com")
    assert [kept.login.session_index for kept in found] == ["_1", "_2"]
    assert len(list(register.all())) == 3
    assert register.of("nobody") == ()


def test_a_person_is_found_by_name_id_and_by_user_name(register: LoginRegister, clock: MovableClock) -> None:
    save(register, "first", clock, Identity("ada", "urn:x:4711", {}, frozenset()))
    assert register.of("ada") == register.of("urn:x:4711")
    assert len(register.of("ada")) == 1


def test_an_ended_login_is_neither_found_nor_listed(register: LoginRegister, clock: MovableClock) -> None:
    save(register, "first", clock)
    save(register, "second", clock)
    (one, _) = register.of("ada@example.com")
    register.revoke(one.public_id)
    assert len(register.of("ada@example.com")) == len(list(register.all())) == 1
    assert [register.find(name) is None for name in ("first", "second")].count(True) == 1
    register.end("second")
    register.end("first")
    assert register.of("ada@example.com") == ()


def test_the_public_id_of_a_login_is_no_cookie(register: LoginRegister, clock: MovableClock) -> None:
    save(register, "first", clock)
    (kept,) = register.of("ada@example.com")
    assert register.find(kept.public_id) is None


def test_looking_at_a_login_is_no_use_of_it(register: LoginRegister, clock: MovableClock) -> None:
    save(register, "first", clock)
    clock.forward(minutes=50)
    assert len(register.of("ada@example.com")) == len(list(register.all())) == 1
    clock.forward(minutes=10)
    assert register.of("ada@example.com") == ()
    assert list(register.all()) == []
    assert register.find("first") is None


def test_a_login_that_has_ended_is_not_listed_though_the_store_may_still_have_it(
    tmp_path: Path, clock: MovableClock
) -> None:
    """Without a time that it may lie unused, its age alone counts."""
    store = open_store(SqliteBacking(path=str(tmp_path / "logins.sqlite3")), environment={})
    settings = replace(SETTINGS, idle_timeout=8 * HOUR)
    register = LoginRegister(store=store, settings=settings, clock=clock)
    save(register, "first", clock)
    clock.forward(hours=7)
    assert len(register.of("ada@example.com")) == len(list(register.all())) == 1
    clock.forward(hours=1)
    assert register.of("ada@example.com") == ()
    assert list(register.all()) == []


def test_use_carries_a_login_on_until_its_own_end(register: LoginRegister, clock: MovableClock) -> None:
    save(register, "first", clock)
    for _ in range(9):
        clock.forward(minutes=50)
        assert register.find("first") is not None
    clock.forward(minutes=30)
    assert register.find("first") is None


def test_one_login_more_than_a_name_may_have_ends_the_oldest(
    register: LoginRegister, clock: MovableClock
) -> None:
    for number in range(MAX_LOGINS_PER_NAME):
        save(register, f"login {number}", clock)
        clock.forward(seconds=1)
    assert len(register.of("ada@example.com")) == MAX_LOGINS_PER_NAME
    save(register, "one more", clock)
    assert len(register.of("ada@example.com")) == MAX_LOGINS_PER_NAME
    assert register.find("login 0") is None
    assert register.find("login 1") is not None
    assert register.find("one more") is not None


def test_places_of_ended_logins_are_taken_again(register: LoginRegister, clock: MovableClock) -> None:
    for number in range(MAX_LOGINS_PER_NAME):
        save(register, f"login {number}", clock)
    for number in range(MAX_LOGINS_PER_NAME):
        register.end(f"login {number}")
    save(register, "stays", clock)
    for number in range(MAX_LOGINS_PER_NAME // 2):
        save(register, f"again {number}", clock)
    assert register.find("stays") is not None
    assert len(register.of("ada@example.com")) == MAX_LOGINS_PER_NAME // 2 + 1


# --- ids, times and slots, in a store of the same clock ------------------------------------


class Watched(MemoryStore):
    """A store that goes by the clock of the test, and remembers which logins were asked for."""

    def __init__(self, clock: MovableClock) -> None:
        super().__init__(now=lambda: clock().timestamp())
        self.asked: list[str] = []

    def get(self, key: str) -> Record | None:
        self.asked.append(key)
        return super().get(key)

    def delete(self, key: str) -> None:
        self.asked.append(key)
        super().delete(key)


@pytest.fixture
def store(clock: MovableClock) -> Watched:
    return Watched(clock)


def register_in(store: Watched, clock: MovableClock, **changes: Any) -> LoginRegister:
    return LoginRegister(store=store, settings=replace(SETTINGS, **changes), clock=clock)


@pytest.mark.parametrize(
    ("login_id", "asked"), [("", False), ("x", True), ("x" * 80, True), ("x" * 81, False)]
)
def test_a_cookie_that_cannot_be_ours_is_not_looked_up(
    store: Watched, clock: MovableClock, login_id: str, *, asked: bool
) -> None:
    register = register_in(store, clock)
    expected = [f"login:{hashed(login_id)}"] if asked else []
    assert register.find(login_id) is None
    assert store.asked == expected
    register.end(login_id)
    assert store.asked == expected * 2


@pytest.mark.parametrize(("seconds", "live"), [(0, True), (59, True), (60, False), (3_000, False)])
def test_a_login_counts_until_its_end_and_not_at_it(
    store: Watched, clock: MovableClock, seconds: int, *, live: bool
) -> None:
    register = register_in(store, clock)
    register.save("a", Login(ADA, clock(), clock() + timedelta(seconds=60)))
    clock.forward(seconds=seconds)
    assert (register.find("a") is not None) is live
    assert len(register.of("ada@example.com")) == int(live)
    assert (store.get(f"login:{hashed('a')}") is not None) is live


def test_a_login_whose_record_outlives_it_has_ended_all_the_same(store: Watched, clock: MovableClock) -> None:
    register = register_in(store, clock)
    ended = Login(ADA, clock() - HOUR, clock())
    register.save("a", replace(ended, ends_at=clock() + HOUR))
    store.set(f"login:{hashed('a')}", record_of(ended), lifetime=HOUR)
    assert register.find("a") is None
    assert register.of("ada@example.com") == ()
    assert register.revoke_replaced(hashed("a")) is None


@pytest.mark.parametrize(("unused_for", "noted"), [(359, False), (360, True), (361, True), (3_599, True)])
def test_a_use_is_noted_once_in_a_tenth_of_the_idle_timeout(
    store: Watched, clock: MovableClock, unused_for: int, *, noted: bool
) -> None:
    register = register_in(store, clock)
    save(register, "a", clock)
    begun = clock()
    clock.forward(seconds=unused_for)
    assert register.find("a") is not None
    (stored,) = register.of("ada@example.com")
    assert stored.last_used_at == (clock() if noted else begun)


@pytest.mark.parametrize(("seconds", "live"), [(3_599, True), (3_600, False)])
def test_a_login_that_is_not_used_ends_with_the_idle_timeout(
    store: Watched, clock: MovableClock, seconds: int, *, live: bool
) -> None:
    register = register_in(store, clock)
    save(register, "a", clock)
    clock.forward(seconds=1_000)
    register.find("a")
    clock.forward(seconds=seconds)
    assert len(register.of("ada@example.com")) == int(live)
    assert (register.find("a") is not None) is live


def test_a_login_without_a_note_of_its_use_has_ended(store: Watched, clock: MovableClock) -> None:
    register = register_in(store, clock)
    save(register, "a", clock)
    store.delete(f"use:{hashed('a')}")
    assert register.find("a") is None
    assert register.of("ada@example.com") == ()


@pytest.mark.parametrize("idle_timeout", [8 * HOUR, 9 * HOUR])
def test_where_lack_of_use_ends_no_login_no_use_is_noted(
    store: Watched, clock: MovableClock, idle_timeout: timedelta
) -> None:
    register = register_in(store, clock, idle_timeout=idle_timeout)
    save(register, "a", clock)
    clock.forward(hours=8, seconds=-1)
    assert register.find("a") is not None
    (stored,) = register.of("ada@example.com")
    assert (stored.public_id, stored.last_used_at) == (hashed("a"), None)
    assert store.get(f"use:{hashed('a')}") is None


def test_logins_come_oldest_first(store: Watched, clock: MovableClock) -> None:
    register = register_in(store, clock)
    for number in range(8):
        save(register, f"login {number}", clock)
        clock.forward(seconds=1)
    of_ada = [stored.public_id for stored in register.of("ada@example.com")]
    assert of_ada == [hashed(f"login {number}") for number in range(8)]


@pytest.mark.parametrize("ended_by", ["age", "lack of use"])
def test_logins_that_have_ended_hide_no_others(store: Watched, clock: MovableClock, ended_by: str) -> None:
    register = register_in(store, clock)
    for number in range(16):
        lasts = timedelta(minutes=1) if ended_by == "age" and number % 2 else 8 * HOUR
        register.save(f"login {number}", Login(ADA, clock(), clock() + lasts))
    clock.forward(minutes=50)
    for number in range(0, 16, 2):
        assert register.find(f"login {number}") is not None
    clock.forward(minutes=50)
    found = {stored.public_id for stored in register.of("ada@example.com")}
    assert found == {hashed(f"login {number}") for number in range(0, 16, 2)}


def test_an_index_entry_that_leads_to_somebody_elses_login_does_not_count(
    store: Watched, clock: MovableClock
) -> None:
    register = register_in(store, clock)
    save(register, "otto", clock, OTTO)
    for number in range(MAX_LOGINS_PER_NAME):
        key = f"of:{hashed('ada@example.com')}:{number}"
        store.set(key, record_of(IndexSlot(hashed("otto"))), lifetime=HOUR)
    assert register.of("ada@example.com") == ()


def test_a_replaced_login_is_returned_once(store: Watched, clock: MovableClock) -> None:
    register = register_in(store, clock)
    save(register, "a", clock)
    replaced = register.revoke_replaced(hashed("a"))
    assert replaced is not None
    assert replaced.identity == ADA
    assert register.find("a") is None
    assert register.revoke_replaced(hashed("a")) is None


def test_the_index_is_kept_for_as_long_as_its_login(store: Watched, clock: MovableClock) -> None:
    register = register_in(store, clock, idle_timeout=8 * HOUR)
    keys = [f"of:{hashed('ada@example.com')}:{number}" for number in range(MAX_LOGINS_PER_NAME)]
    save(register, "a", clock)
    clock.forward(hours=8, seconds=-1)
    assert sum(record is not None for record in store.get_many(keys)) == 1
    clock.forward(seconds=1)
    assert sum(record is not None for record in store.get_many(keys)) == 0


def test_a_login_that_takes_the_place_of_the_oldest_is_kept_as_long_as_any(
    store: Watched, clock: MovableClock
) -> None:
    register = register_in(store, clock, idle_timeout=8 * HOUR)
    for number in range(MAX_LOGINS_PER_NAME):
        save(register, f"login {number}", clock)
    clock.forward(hours=1)
    save(register, "one more", clock)
    clock.forward(hours=8, seconds=-1)
    assert [stored.public_id for stored in register.of("ada@example.com")] == [hashed("one more")]
    clock.forward(seconds=1)
    assert register.of("ada@example.com") == ()
