"""Stores: the laws of every kind, and what each has to get right on its own.

`StoreLaws` holds the laws. Redis, memcached and DynamoDB inherit them in the journeys, where their servers run.
"""

import json
import os
import resource
import shutil
import signal
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from pydantic import TypeAdapter

from awscons.access.identity import Identity, Login
from awscons.adapters.stores.choice import open_store
from awscons.config.schema import Backing, FileSystemBacking, SimpleBacking, SqliteBacking
from awscons.errors import ConfigurationError, StoreUnavailable
from awscons.signin.register import LoginRegister
from awscons.signin.settings import LoginSettings
from awscons.store import RecordStore
from support.clock import MovableClock
from support.stores import Forward, Make, Put, SharedStoreLaws, StoreLaws

HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def forward(clock: MovableClock) -> Forward:
    return lambda seconds, *_: clock.forward(seconds=seconds)


def opened(backing: Backing, clock: MovableClock) -> RecordStore:
    return open_store(backing, environment={}, now=lambda: clock().timestamp())


def sqlite_store(path: Path) -> RecordStore:
    return open_store(SqliteBacking(path=str(path)), environment={})


def fill(store: RecordStore) -> int:
    """Records until there is no room; how many were kept."""
    for number in range(10_000):
        try:
            store.set(f"k{number}", {"text": "x" * 1_000}, lifetime=HOUR)
        except StoreUnavailable:
            return number
    raise AssertionError("it took everything")


def run_sql(path: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement).fetchall()


class TestSqlite(SharedStoreLaws):
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "state" / "logins.sqlite3"

    @pytest.fixture
    def make(self, path: Path, clock: MovableClock) -> Make:
        return lambda: opened(SqliteBacking(path=str(path)), clock)

    @pytest.fixture
    def put(self, path: Path) -> Put:
        def put(key: str, value: bytes) -> None:
            run_sql(path, f"UPDATE records SET value = CAST(x'{value.hex()}' AS TEXT) WHERE key = '{key}'")

        return put

    def test_the_file_is_for_this_user_alone_and_so_is_every_file_beside_it(self, tmp_path: Path) -> None:
        path = tmp_path / "state" / "logins.sqlite3"
        old = os.umask(0)
        try:
            store = sqlite_store(path)
            store.set("k", {}, lifetime=HOUR)
        finally:
            os.umask(old)
        found = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        assert found == {f"logins.sqlite3{end}": 0o600 for end in ("", "-wal", "-shm", ".lock")}
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    def test_records_are_json_in_the_file(self, tmp_path: Path) -> None:
        path = tmp_path / "logins.sqlite3"
        sqlite_store(path).set("k", {"name": "Zoë"}, lifetime=HOUR)
        ((value,),) = run_sql(path, "SELECT value FROM records")
        assert json.loads(value) == {"name": "Zoë"}

    def test_it_lies_in_the_state_directory_of_the_service(self, tmp_path: Path) -> None:
        environment = {"STATE_DIRECTORY": str(tmp_path / "state")}
        store = open_store(SqliteBacking(), environment=environment)
        store.set("k", {}, lifetime=HOUR)
        assert (tmp_path / "state" / "logins.sqlite3").exists()

    def test_a_damaged_file_is_an_error_and_works_again_once_it_is_gone(self, tmp_path: Path) -> None:
        path = tmp_path / "logins.sqlite3"
        store = sqlite_store(path)
        for file in tmp_path.glob("logins.sqlite3-*"):
            file.unlink()
        path.unlink()
        path.write_bytes(b"this is no database at all, and long enough to be seen as none" * 100)
        with pytest.raises(ConfigurationError, match="not a database"):
            sqlite_store(path)
        with pytest.raises(StoreUnavailable):
            store.get("k")
        path.unlink()
        store.set("k", {"a": 1}, lifetime=HOUR)
        assert store.get("k") == {"a": 1}

    def test_records_that_have_ended_are_swept_away(self, make: Make, path: Path, forward: Forward) -> None:
        store = make()
        store.set("old", {}, lifetime=HOUR)
        forward(4_000)
        store.set("new", {}, lifetime=HOUR)
        assert run_sql(path, "SELECT key FROM records") == [("new",)]

    def test_the_database_of_another_program_is_a_configuration_error_and_stays_as_it_is(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "other.sqlite3"
        run_sql(path, "CREATE TABLE records (key TEXT PRIMARY KEY, value TEXT)")
        before = path.read_bytes()
        with pytest.raises(ConfigurationError, match="did not make"):
            sqlite_store(path)
        assert path.read_bytes() == before

    def test_the_database_of_a_later_release_is_a_configuration_error_and_loses_nothing(
        self, make: Make, path: Path
    ) -> None:
        make().set("k", {"a": 1}, lifetime=HOUR)
        run_sql(path, "PRAGMA user_version = 7")
        with pytest.raises(ConfigurationError, match=r"later release of awscons \(layout 7"):
            sqlite_store(path)
        assert run_sql(path, "SELECT key FROM records") == [("k",)]

    def test_a_full_store_is_an_error_and_loses_nothing_and_works_again_once_there_is_room(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "logins.sqlite3"
        store = open_store(SqliteBacking(path=str(path), max_size_mb=1), environment={})
        kept = fill(store)
        with pytest.raises(StoreUnavailable, match="full"):
            store.set("one more", {"text": "x" * 10_000}, lifetime=HOUR)
        assert path.stat().st_size <= 1_048_576
        assert store.get("k0") == store.get(f"k{kept - 1}") == {"text": "x" * 1_000}
        store.delete("k0")
        store.delete("k1")
        store.set("new", {"text": "x" * 1_000}, lifetime=HOUR)
        assert store.get("new") == {"text": "x" * 1_000}

    def test_a_full_store_takes_the_room_of_what_has_ended(self, tmp_path: Path) -> None:
        path = tmp_path / "logins.sqlite3"
        store = open_store(SqliteBacking(path=str(path), max_size_mb=1), environment={})
        fill(store)
        run_sql(path, "UPDATE records SET ends_at = 1 WHERE key != 'k0'")
        store.set("new", {"text": "x" * 100_000}, lifetime=HOUR)
        assert run_sql(path, "SELECT key FROM records ORDER BY key") == [("k0",), ("new",)]

    def test_a_disk_that_is_full_is_an_error_until_it_is_not(self, tmp_path: Path) -> None:
        """A limit on the size of files stands for the disk: a write beyond it fails in the same way."""
        store = sqlite_store(tmp_path / "logins.sqlite3")
        store.set("k", {"a": 1}, lifetime=HOUR)
        old = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, old[1]))
        try:
            assert 0 < fill(store) < 1_000
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)
            signal.signal(signal.SIGXFSZ, handler)
        assert store.get("k") == {"a": 1}
        store.set("new", {"a": 2}, lifetime=HOUR)
        assert store.get("new") == {"a": 2}

    def test_a_file_damaged_in_its_middle_is_an_error_and_never_a_login(self, tmp_path: Path) -> None:
        path = tmp_path / "logins.sqlite3"
        store = sqlite_store(path)
        for number in range(500):
            store.set(f"k{number}", {"text": "x" * 200}, lifetime=HOUR)
        run_sql(path, "PRAGMA wal_checkpoint(TRUNCATE)")
        with path.open("r+b") as file:
            file.seek(4_096)
            file.write(b"\xff" * 60_000)
        outcomes = set()
        for number in range(500):
            try:
                outcomes.add(str(sqlite_store(path).get(f"k{number}")))
            except (StoreUnavailable, ConfigurationError):
                outcomes.add("error")
        assert "error" in outcomes
        assert outcomes <= {"error", "None", str({"text": "x" * 200})}
        for file_of_store in tmp_path.glob("logins.sqlite3*"):
            file_of_store.unlink()
        store.set("k", {"a": 1}, lifetime=HOUR)
        assert store.get("k") == {"a": 1}

    def test_a_file_that_is_mended_where_it_lies_works_again_without_a_restart(self, tmp_path: Path) -> None:
        path = tmp_path / "logins.sqlite3"
        store = sqlite_store(path)
        for number in range(500):
            store.set(f"k{number}", {"text": "x" * 200}, lifetime=HOUR)
        run_sql(path, "PRAGMA wal_checkpoint(TRUNCATE)")
        good = path.read_bytes()
        with path.open("r+b") as file:
            file.seek(4_096)
            file.write(b"\xff" * 60_000)
        with pytest.raises(StoreUnavailable):
            store.get_many([f"k{number}" for number in range(500)])
        with path.open("r+b") as file:
            file.write(good)
        assert store.get_many([f"k{number}" for number in range(500)]) == [{"text": "x" * 200}] * 500

    def test_a_hundred_thousand_logins_are_all_kept(self, tmp_path: Path) -> None:
        path = tmp_path / "logins.sqlite3"
        store = sqlite_store(path)
        store.set("login:first", {"n": 0}, lifetime=HOUR)
        rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
        run_sql(path, f"INSERT INTO records {rows} SELECT 'login:' || i, '{{\"n\":1}}', 9e9 FROM n")
        for number in range(200):
            store.set(f"login:new{number}", {"n": 2}, lifetime=HOUR)
        assert run_sql(path, "SELECT count(*) FROM records") == [(100_201,)]
        assert store.get("login:first") == {"n": 0}

    def test_a_hundred_thousand_logins_fit_into_the_file_that_the_defaults_allow(
        self, tmp_path: Path
    ) -> None:
        """With a name and groups of ordinary length; a fiftieth of them, to be short."""
        path = tmp_path / "logins.sqlite3"
        store = sqlite_store(path)
        groups = tuple(f"aws-account-team-{number:02d}" for number in range(10))
        now = datetime.now(UTC)
        settings = LoginSettings("name_id", {"groups": "groups"}, 8 * HOUR, HOUR, HOUR, force_authn=False)
        register = LoginRegister(store=store, settings=settings, clock=lambda: now)
        for number in range(2_000):
            name = f"firstname.lastname{number}@example.com"
            identity = Identity(name, name, {"groups": groups}, frozenset(groups))
            register.save(f"login {number}", Login(identity, now, now + 8 * HOUR))
        run_sql(path, "PRAGMA wal_checkpoint(TRUNCATE)")
        assert 50 * path.stat().st_size < SqliteBacking().max_size_mb * 1_048_576 / 2

    def test_a_folder_that_cannot_be_made_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(ConfigurationError, match=r"session_backing\.path"):
            sqlite_store(tmp_path / "file" / "logins.sqlite3")

    def test_a_file_put_in_the_place_of_the_old_one_is_the_store_from_then_on(self, tmp_path: Path) -> None:
        store = sqlite_store(tmp_path / "logins.sqlite3")
        store.set("k", {"a": 1}, lifetime=HOUR)
        for file in tmp_path.glob("logins.sqlite3*"):
            file.unlink()
        assert store.get("k") is None
        assert sqlite_store(tmp_path / "logins.sqlite3").add("k", {}, lifetime=HOUR) is True
        assert store.add("k", {}, lifetime=HOUR) is False


class TestSimpleCache(StoreLaws):
    can_list = False

    @pytest.fixture
    def make(self, clock: MovableClock) -> Make:
        return lambda: opened(SimpleBacking(cache_type="SimpleCache"), clock)

    def test_more_than_a_hundred_thousand_live_records_are_kept(self, store: RecordStore) -> None:
        for number in range(110_000):
            store.set(f"k{number}", {"n": number}, lifetime=HOUR)
        assert store.get("k0") == {"n": 0}

    def test_what_a_caller_does_to_its_record_afterwards_changes_nothing(self, store: RecordStore) -> None:
        record = {"names": ["a"]}
        store.set("k", record, lifetime=HOUR)
        record["names"].append("b")
        assert store.get("k") == {"names": ["a"]}


class TestFileSystem(SharedStoreLaws):
    @pytest.fixture
    def make(self, tmp_path: Path, clock: MovableClock) -> Make:
        backing = FileSystemBacking(cache_type="FileSystem", cache_dir=str(tmp_path / "cache"))
        return lambda: opened(backing, clock)

    @pytest.fixture
    def put(self, tmp_path: Path) -> Put:
        def put(key: str, value: bytes) -> None:
            (tmp_path / "cache" / quote(key)).write_bytes(b"9999999999.000\n" + value)

        return put

    def test_more_than_five_hundred_live_records_are_kept(self, store: RecordStore) -> None:
        for number in range(600):
            store.set(f"login:{number}", {"n": number}, lifetime=HOUR)
        assert len(list(store.keys("login:"))) == 600

    def test_nothing_is_pickled(self, store: RecordStore, tmp_path: Path) -> None:
        store.set("k", {"name": "ada"}, lifetime=HOUR)
        assert json.loads((tmp_path / "cache" / "k").read_bytes().partition(b"\n")[2]) == {"name": "ada"}

    @pytest.mark.parametrize("mode", [0o600, 0o640])
    def test_files_have_the_configured_permissions_and_the_folder_is_for_this_user_alone(
        self, tmp_path: Path, mode: int
    ) -> None:
        folder = tmp_path / "cache"
        backing = FileSystemBacking(cache_type="FileSystem", cache_dir=str(folder), mode=mode)
        old = os.umask(0o077)
        try:
            store = open_store(backing, environment={})
            store.set("k", {}, lifetime=HOUR)
        finally:
            os.umask(old)
        assert stat.S_IMODE((folder / "k").stat().st_mode) == mode
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    def test_records_that_have_ended_are_swept_away_and_no_file_of_another_program(
        self, store: RecordStore, tmp_path: Path, forward: Forward
    ) -> None:
        folder = tmp_path / "cache"
        (folder / "notes").write_text("2024\n")
        (folder / "more").mkdir()
        store.set("old", {}, lifetime=HOUR)
        forward(4_000)
        store.set("new", {}, lifetime=HOUR)
        assert {path.name for path in folder.glob("[!.]*")} == {"notes", "more", "new"}
        assert store.get("notes") is None

    def test_a_folder_that_cannot_be_made_is_a_configuration_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        backing = FileSystemBacking(cache_type="FileSystem", cache_dir=str(tmp_path / "file" / "cache"))
        with pytest.raises(ConfigurationError, match="cache_dir"):
            open_store(backing, environment={})

    def test_a_file_in_its_place_is_a_configuration_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        backing = FileSystemBacking(cache_type="FileSystem", cache_dir=str(tmp_path / "file"))
        with pytest.raises(ConfigurationError, match="cache_dir"):
            open_store(backing, environment={})

    def test_a_record_that_cannot_be_read_or_removed_is_an_error_and_no_absent_one(
        self, store: RecordStore, tmp_path: Path
    ) -> None:
        """A folder stands for a file of somebody else's: root can read every file."""
        assert store.add("k", {}, lifetime=HOUR) is True
        file = tmp_path / "cache" / "k"
        file.unlink()
        file.mkdir()
        for use in (
            lambda: store.get("k"),
            lambda: store.add("k", {}, lifetime=HOUR),
            lambda: store.set("k", {}, lifetime=HOUR),
            lambda: store.delete("k"),
        ):
            with pytest.raises(StoreUnavailable):
                use()

    def test_a_record_that_was_cut_short_is_no_permission_to_add_it_again(
        self, store: RecordStore, tmp_path: Path
    ) -> None:
        store.add("k", {}, lifetime=HOUR)
        file = tmp_path / "cache" / "k"
        file.write_bytes(b"")
        with pytest.raises(StoreUnavailable):
            store.add("k", {}, lifetime=HOUR)

    def test_a_record_that_was_cut_short_counts_as_absent_and_hides_no_other(
        self, store: RecordStore, tmp_path: Path
    ) -> None:
        for key in ("login:a", "login:b"):
            store.set(key, {"of": key}, lifetime=HOUR)
        (tmp_path / "cache" / quote("login:a")).write_bytes(b"")
        assert store.get("login:a") is None
        assert store.get_many(["login:a", "login:b"]) == [None, {"of": "login:b"}]
        assert list(store.keys("login:")) == ["login:b"]

    def test_a_folder_that_went_away_is_an_error(self, store: RecordStore, tmp_path: Path) -> None:
        shutil.rmtree(tmp_path / "cache")
        for use in (
            lambda: store.get("k"),
            lambda: store.add("k", {}, lifetime=HOUR),
            lambda: store.set("k", {}, lifetime=HOUR),
            lambda: store.delete("k"),
        ):
            with pytest.raises(StoreUnavailable):
                use()


@pytest.mark.parametrize(
    "backing", [{"cache_type": "SimpleCache"}, {"cache_type": "FileSystem", "cache_dir": "cache"}], ids=str
)
def test_a_threshold_that_the_configuration_names_evicts_what_ends_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backing: dict[str, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store(TypeAdapter(Backing).validate_python({**backing, "threshold": 10}), environment={})
    for number in range(20):
        store.set(f"k{number}", {"n": number}, lifetime=HOUR + timedelta(seconds=number))
    store.set("k19", {"n": 20}, lifetime=HOUR)
    found = [number for number in range(20) if store.get(f"k{number}") is not None]
    assert found == list(range(10, 20))


@pytest.mark.parametrize("kind", ["path", "cache_dir", "STATE_DIRECTORY"])
def test_a_folder_in_which_every_user_could_make_logins_is_refused(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    backing: Backing = SqliteBacking(path=str(folder / "logins.sqlite3") if kind == "path" else None)
    if kind == "cache_dir":
        backing = FileSystemBacking(cache_type="FileSystem", cache_dir=str(folder))
    with pytest.raises(ConfigurationError, match="can be written by every user") as caught:
        open_store(backing, environment={"STATE_DIRECTORY": str(folder)})
    assert kind in caught.value.mistakes[0].path
    assert caught.value.mistakes[0].hint == f"chmod o-w {folder}"
    assert list(folder.iterdir()) == []


def test_a_database_that_every_user_can_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "logins.sqlite3"
    sqlite_store(path)
    path.chmod(0o666)
    with pytest.raises(ConfigurationError, match="can be written by every user"):
        sqlite_store(path)
