"""Stores: one contract for every kind, and what each has to get right on its own.

`StoreContract` holds the laws; a subclass says how its store is made. Redis and memcached inherit the
same laws in the journeys, where the real programs run.
"""

import json
import os
import resource
import signal
import sqlite3
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from awscons.access.identity import Identity, Login
from awscons.adapters.caches import build_cache
from awscons.adapters.memcached_cache import FixedMemcachedCache
from awscons.adapters.record_store import CacheRecordStore
from awscons.config.schema import Backing, FileSystemBacking, SimpleBacking, SqliteBacking
from awscons.errors import ConfigurationError, StoreUnavailable
from awscons.signin.register import LoginRegister
from awscons.signin.settings import LoginSettings
from support.stores import StoreContract

HOUR = timedelta(hours=1)
ROOT = Path(__file__).parents[3]


def sqlite_store(path: Path) -> CacheRecordStore:
    return CacheRecordStore(build_cache(SqliteBacking(path=str(path)), environment={}))


def fill(store: CacheRecordStore) -> int:
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


class TestSqlite(StoreContract):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[[], CacheRecordStore]:
        return lambda: sqlite_store(tmp_path / "state" / "logins.sqlite3")

    def seconds_left(self, cache: Any, key: str) -> float:
        ((ends_at,),) = run_sql(cache._path, f"SELECT ends_at FROM records WHERE key = '{key}'")
        return float(ends_at) - time.time()

    def put(self, cache: Any, key: str, value: bytes) -> None:
        run_sql(cache._path, f"UPDATE records SET value = x'{value.hex()}' WHERE key = '{key}'")

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
        store = CacheRecordStore(build_cache(SqliteBacking(), environment=environment))
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

    def test_a_record_that_is_no_json_counts_as_absent(self, tmp_path: Path) -> None:
        path = tmp_path / "logins.sqlite3"
        store = sqlite_store(path)
        store.set("k", {"a": 1}, lifetime=HOUR)
        run_sql(path, "UPDATE records SET value = '{broken'")
        assert store.get("k") is None

    def test_a_record_that_has_ended_is_absent_and_can_be_added_again(self, tmp_path: Path) -> None:
        path = tmp_path / "logins.sqlite3"
        store = sqlite_store(path)
        store.set("k", {"a": 1}, lifetime=HOUR)
        run_sql(path, "UPDATE records SET ends_at = 1")
        assert store.get("k") is None
        assert store.add("k", {"a": 2}, lifetime=HOUR) is True
        assert store.get("k") == {"a": 2}

    def test_a_count_begins_again_once_it_has_ended(self, tmp_path: Path) -> None:
        path = tmp_path / "logins.sqlite3"
        store = sqlite_store(path)
        assert [store.count("count:x", lifetime=HOUR) for _ in range(2)] == [1, 2]
        run_sql(path, "UPDATE records SET ends_at = 1")
        assert [store.count("count:x", lifetime=HOUR) for _ in range(2)] == [1, 2]

    def test_a_record_that_has_ended_is_not_listed(self, tmp_path: Path) -> None:
        path = tmp_path / "logins.sqlite3"
        store = sqlite_store(path)
        store.set("login:a", {}, lifetime=HOUR)
        run_sql(path, "UPDATE records SET ends_at = 1")
        assert list(store.keys("login:")) == []

    def test_records_that_have_ended_are_swept_away(self, tmp_path: Path) -> None:
        path = tmp_path / "logins.sqlite3"
        sqlite_store(path).set("old", {}, lifetime=HOUR)
        run_sql(path, "UPDATE records SET ends_at = 1")
        sqlite_store(path).set("new", {}, lifetime=HOUR)
        assert run_sql(path, "SELECT key FROM records") == [("new",)]

    def test_a_full_store_is_an_error_and_loses_nothing_and_works_again_once_there_is_room(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "logins.sqlite3"
        cache = build_cache(SqliteBacking(path=str(path), max_size_mb=1), environment={})
        store = CacheRecordStore(cache)
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
        cache = build_cache(SqliteBacking(path=str(path), max_size_mb=1), environment={})
        store = CacheRecordStore(cache)
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

    def test_many_processes_may_start_at_once(self, tmp_path: Path) -> None:
        path = tmp_path / "state" / "logins.sqlite3"
        code = (
            "import sys; from pathlib import Path; from awscons.adapters.sqlite_cache import SqliteCache\n"
            "cache = SqliteCache(Path(sys.argv[1])); cache.prepare(); cache.set(sys.argv[2], {}, 60)"
        )
        started = [
            subprocess.Popen(
                [sys.executable, "-c", code, path, str(number)], env={"PYTHONPATH": "src"}, cwd=ROOT
            )
            for number in range(6)
        ]
        assert [process.wait() for process in started] == [0] * 6
        assert len(run_sql(path, "SELECT * FROM records")) == 6


class TestSimpleCache(StoreContract):
    shared_between_instances = False
    can_list = False

    def seconds_left(self, cache: Any, key: str) -> float:
        return float(cache._cache[key][0]) - time.time()

    def put(self, cache: Any, key: str, value: bytes) -> None:
        cache._cache[key] = (time.time() + 3_600, value)

    @pytest.fixture
    def make(self) -> Callable[[], CacheRecordStore]:
        return lambda: CacheRecordStore(build_cache(SimpleBacking(cache_type="SimpleCache"), environment={}))

    def test_more_than_a_hundred_thousand_live_records_are_kept(self) -> None:
        store = CacheRecordStore(build_cache(SimpleBacking(cache_type="SimpleCache"), environment={}))
        for number in range(110_000):
            store.set(f"k{number}", {"n": number}, lifetime=HOUR)
        assert store.get("k0") == {"n": 0}

    def test_a_threshold_that_the_configuration_names_drops_the_oldest(self) -> None:
        backing = SimpleBacking(cache_type="SimpleCache", threshold=10)
        store = CacheRecordStore(build_cache(backing, environment={}))
        for number in range(20):
            store.set(f"k{number}", {"n": number}, lifetime=HOUR + timedelta(seconds=number))
        assert store.get("k0") is None
        assert store.get("k19") == {"n": 19}


class TestFileSystem(StoreContract):
    counts_end_with_the_first = False

    def seconds_left(self, cache: Any, key: str) -> float:
        head = Path(cache._get_filename(key)).read_bytes()[:4]
        return float(struct.unpack("I", head)[0]) - time.time()

    def put(self, cache: Any, key: str, value: bytes) -> None:
        head = struct.pack("I", int(time.time()) + 3_600)
        Path(cache._get_filename(key)).write_bytes(head + value)

    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[[], CacheRecordStore]:
        backing = FileSystemBacking(cache_type="FileSystem", cache_dir=str(tmp_path / "cache"))
        return lambda: CacheRecordStore(build_cache(backing, environment={}))

    def test_more_than_five_hundred_live_records_are_kept(self, make: Callable[[], CacheRecordStore]) -> None:
        store = make()
        for number in range(600):
            store.set(f"login:{number}", {"n": number}, lifetime=HOUR)
        assert len(list(store.keys("login:"))) == 600

    def test_nothing_is_pickled(self, make: Callable[[], CacheRecordStore], tmp_path: Path) -> None:
        make().set("k", {"name": "ada"}, lifetime=HOUR)
        (file,) = (tmp_path / "cache").iterdir()
        assert json.loads(file.read_bytes()[4:]) == {"name": "ada"}

    def test_a_folder_that_cannot_be_made_is_a_configuration_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        backing = FileSystemBacking(cache_type="FileSystem", cache_dir=str(tmp_path / "file" / "cache"))
        with pytest.raises(ConfigurationError, match="cache_dir"):
            build_cache(backing, environment={})

    def test_a_file_in_its_place_is_a_configuration_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        backing = FileSystemBacking(cache_type="FileSystem", cache_dir=str(tmp_path / "file"))
        with pytest.raises(ConfigurationError, match="cache_dir"):
            build_cache(backing, environment={})

    def test_a_record_that_cannot_be_read_or_removed_is_an_error_and_no_absent_one(
        self, make: Callable[[], CacheRecordStore], tmp_path: Path
    ) -> None:
        """A folder stands for a file of somebody else's: root can read every file."""
        store = make()
        assert store.add("k", {}, lifetime=HOUR) is True
        (file,) = (tmp_path / "cache").iterdir()
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
        self, make: Callable[[], CacheRecordStore], tmp_path: Path
    ) -> None:
        store = make()
        store.add("k", {}, lifetime=HOUR)
        (file,) = (tmp_path / "cache").iterdir()
        file.write_bytes(b"")
        with pytest.raises(StoreUnavailable):
            store.add("k", {}, lifetime=HOUR)

    def test_a_record_that_was_cut_short_counts_as_absent_and_hides_no_other(
        self, make: Callable[[], CacheRecordStore], tmp_path: Path
    ) -> None:
        store = make()
        for key in ("login:a", "login:b"):
            store.set(key, {"of": key}, lifetime=HOUR)
        (tmp_path / "cache" / "login-a").write_bytes(b"")
        assert store.get("login:a") is None
        assert store.get_many(["login:a", "login:b"]) == [None, {"of": "login:b"}]
        assert list(store.keys("login:")) == ["login:b"]

    def test_a_folder_that_went_away_is_an_error(
        self, make: Callable[[], CacheRecordStore], tmp_path: Path
    ) -> None:
        store = make()
        (tmp_path / "cache").rmdir()
        with pytest.raises(StoreUnavailable):
            store.set("k", {}, lifetime=HOUR)
        with pytest.raises(StoreUnavailable):
            store.add("k", {}, lifetime=HOUR)


@pytest.mark.parametrize(
    "backing",
    [
        {"cache_type": "SQLite", "path": "{}/logins.sqlite3"},
        {"cache_type": "FileSystem", "cache_dir": "{}/cache"},
    ],
    ids=lambda backing: backing["cache_type"],
)
def test_kill_9_amid_writing_loses_nothing_that_was_kept_and_holds_up_nobody(
    tmp_path: Path, backing: dict[str, str]
) -> None:
    backing = {key: value.format(tmp_path) for key, value in backing.items()}
    code = (
        "import sys; from datetime import timedelta; from pydantic import TypeAdapter\n"
        "from awscons.adapters.caches import build_cache\n"
        "from awscons.adapters.record_store import CacheRecordStore\n"
        "from awscons.config.schema import Backing\n"
        "backing = TypeAdapter(Backing).validate_json(sys.argv[1])\n"
        "store = CacheRecordStore(build_cache(backing, environment={}))\n"
        "number = 0\n"
        "while True:\n"
        "    key = f'login:{sys.argv[2]}x{number}'\n"
        "    assert store.add(key, {'n': number}, lifetime=timedelta(hours=1))\n"
        "    print(key, flush=True)\n"
        "    number += 1\n"
    )
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", code, json.dumps(backing), str(number)],
            env={"PYTHONPATH": "src"},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    kept = []
    for writer in writers:
        assert writer.stdout is not None
        kept += [writer.stdout.readline() for _ in range(100)]
        writer.kill()
        kept += [line for line in writer.stdout if line.endswith("\n")]
        assert writer.wait() == -signal.SIGKILL
    store = CacheRecordStore(build_cache(TypeAdapter(Backing).validate_python(backing), environment={}))
    assert len(kept) >= 200
    assert None not in store.get_many([key.strip() for key in kept])
    assert store.add("login:new", {}, lifetime=HOUR) is True


def test_memcached_counts_lifetimes_by_its_own_clock_which_may_differ_from_ours() -> None:
    """A month and less are seconds to memcached; more is Unix time, which a year can bear."""
    requested: list[int] = []

    class Servers:
        def set(self, _key: str, _value: object, expire: int) -> bool:
            requested.append(expire)
            return True

    store = CacheRecordStore(FixedMemcachedCache(Servers()))
    for lifetime in (timedelta(seconds=90), HOUR, timedelta(days=30), timedelta(days=31)):
        store.set("k", {}, lifetime=lifetime)
    assert requested[:3] == [90, 3_600, 2_592_000]
    assert requested[3] > time.time()


def test_the_stores_of_many_threads_add_once(tmp_path: Path) -> None:
    store = sqlite_store(tmp_path / "logins.sqlite3")
    store.get("warm")
    wins: list[bool] = []
    start = threading.Barrier(8)

    def add() -> None:
        start.wait()
        wins.append(store.add("one", {}, lifetime=HOUR))

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(wins) == [False] * 7 + [True]
