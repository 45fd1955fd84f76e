"""/readyz: 200 while a sign-in can work, 503 with one public word for each reason while it cannot."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from awscons.adapters.readiness import Check, Readiness
from awscons.adapters.stores.choice import open_store
from awscons.config.schema import SqliteBacking
from awscons.errors import StoreUnavailable
from support.clock import MovableClock
from support.describe import Description
from support.forge import instant, write_key_folder
from support.house import House, open_house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    keys = tmp_path / "keys"
    write_key_folder(keys)
    with open_house(tmp_path, saml={"sp_keys": str(keys)}) as opened:
        yield opened


def readiness(house: House) -> tuple[int, list[str]]:
    answer = house.browser().get("/readyz")
    said = answer.json()
    assert said["ready"] is (answer.status_code == 200)
    return answer.status_code, said["problems"]


def break_store(folder: Path) -> None:
    for file in folder.glob("logins.sqlite3*"):
        file.unlink()
    (folder / "logins.sqlite3").mkdir()


def break_keys(folder: Path) -> None:
    (folder / "keys" / "current.pem").unlink()


def test_a_service_that_can_sign_people_in_is_ready(house: House) -> None:
    assert readiness(house) == (200, [])
    assert house.lines() == []


@pytest.mark.parametrize(("damage", "word"), [(break_store, "store"), (break_keys, "sp_keys")])
def test_it_is_not_ready_while_something_is_missing_and_the_log_says_once_what(
    house: House, tmp_path: Path, damage: Callable[[Path], None], word: str
) -> None:
    damage(tmp_path)
    for _ in range(3):
        assert readiness(house) == (503, [word])
        house.clock.forward(seconds=2)
    (line,) = house.lines()
    assert (line["event"], line["level"], line["check"]) == ("service.not_ready", "warning", word)
    assert str(tmp_path) not in house.browser().get("/readyz").text


def test_a_repaired_store_makes_it_ready_again_and_the_log_says_so(house: House, tmp_path: Path) -> None:
    break_store(tmp_path)
    assert readiness(house)[0] == 503
    (tmp_path / "logins.sqlite3").rmdir()
    house.clock.forward(seconds=2)
    assert readiness(house) == (200, [])
    assert [line["event"] for line in house.lines()] == ["service.not_ready", "service.ready"]


def test_a_result_counts_for_a_second_so_that_a_flood_of_probes_costs_nothing(
    house: House, tmp_path: Path
) -> None:
    assert readiness(house)[0] == 200
    break_store(tmp_path)
    assert readiness(house)[0] == 200


def test_metadata_that_has_ended_is_said(tmp_path: Path) -> None:
    clock = MovableClock()
    document = tmp_path / "idp.xml"
    end = instant(clock() + timedelta(hours=1))
    document.write_bytes(Description(attributes=f'validUntil="{end}"').document())
    saml = {"idp_metadata": str(document), "saml_endpoint": None, "issuer": None, "certificate": None}
    with open_house(tmp_path, saml=saml) as house:
        house.clock.forward(hours=2)
        assert readiness(house) == (503, ["idp_metadata"])


def test_probes_leave_nothing_in_the_store(house: House, tmp_path: Path) -> None:
    assert readiness(house)[0] == 200
    store = open_store(SqliteBacking(path=str(tmp_path / "logins.sqlite3")), environment={})
    assert list(store.keys("")) == []


def test_a_store_that_is_too_full_for_a_login_is_too_full_for_the_probe(tmp_path: Path) -> None:
    backing = SqliteBacking(path=str(tmp_path / "logins.sqlite3"), max_size_mb=1)
    store = open_store(backing, environment={})
    with suppress(StoreUnavailable):
        for number in range(1_000):
            store.set(f"x{number}", {"padding": "x" * 3_000}, lifetime=timedelta(hours=1))
    with open_house(tmp_path, store=backing.model_dump()) as house:
        assert readiness(house) == (503, ["store"])


# --- time ----------------------------------------------------------------------------------


def test_a_check_that_hangs_is_a_failure_and_keeps_one_caller_waiting_at_most() -> None:
    release, runs = threading.Event(), []

    def hang() -> None:
        runs.append(1)
        release.wait(30)

    tested = Readiness(
        [Check("store", hang)],
        clock=MovableClock(),
        is_stopping=lambda: False,
        time_limit=timedelta(milliseconds=1),
    )
    assert [tested.problems() for _ in range(100)] == [["store"]] * 100
    release.set()
    # Later callers found the probe still at work, and started no other.
    assert len(runs) == 1


def test_a_check_that_ends_too_late_is_a_failure_whatever_its_result() -> None:
    clock = MovableClock()
    tested = Readiness(
        [Check("store", lambda: clock.forward(seconds=3))], clock=clock, is_stopping=lambda: False
    )
    assert tested.problems() == ["store"]


def test_every_check_that_fails_is_named() -> None:
    def fail() -> None:
        raise StoreUnavailable("gone")

    def surprise() -> None:
        raise ValueError("secret")

    tested = Readiness(
        [Check("b", fail), Check("a", surprise), Check("c", lambda: None)],
        clock=MovableClock(),
        is_stopping=lambda: False,
    )
    assert tested.problems() == ["a", "b"]


def test_a_service_that_was_told_to_stop_asks_nothing() -> None:
    def fail() -> None:
        raise AssertionError

    tested = Readiness([Check("store", fail)], clock=MovableClock(), is_stopping=lambda: True)
    assert tested.problems() == ["stopping"]
