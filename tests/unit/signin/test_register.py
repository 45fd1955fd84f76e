"""The register of logins: whose they are, until when they count, and that ending one ends it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from awscons.access.identity import Identity, Login
from awscons.adapters.stores.choice import open_store
from awscons.config.schema import SqliteBacking
from awscons.signin.register import MAX_LOGINS_PER_NAME, LoginRegister
from awscons.signin.settings import LoginSettings
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
