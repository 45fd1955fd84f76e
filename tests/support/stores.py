"""The laws that every store obeys, for test classes to inherit; and the servers of some stores."""

import io
import os
import subprocess
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import pytest

from awscons.adapters.audit_log import configure_logging
from awscons.errors import StoreCannotList
from awscons.preferences import Preferences
from awscons.store import RecordStore
from support.serving import program

HOUR = timedelta(hours=1)
PASSWORD = "swordfish"


def redis_server(folder: Path, port: int, *options: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """Redis; it saves nothing to disk unless `options` say so."""
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    command += ["--requirepass", PASSWORD, "--dir", str(folder), *options]
    return program(command, port=port, log=folder / "redis.log")


def memcached(folder: Path, port: int, *options: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """memcached, with 64 MiB unless `options` say otherwise."""
    user = ["-u", "root"] if os.getuid() == 0 else []
    command = ["memcached", *user, "-l", "127.0.0.1", "-p", str(port), *options]
    return program(command, port=port, log=folder / "memcached.log")


Make = Callable[[], RecordStore]
"""Opens the same store each time it is called."""
Forward = Callable[..., None]
"""`forward(seconds, *keys)`: the store believes that so much time has passed for these keys."""
Put = Callable[[str, bytes], None]
"""`put(key, value)`: what another program writes under a key, to last for an hour or longer."""


def at_once(number: int, work: Callable[[int], None]) -> None:
    """`work(0)` to `work(number - 1)`, in threads that start at the same time."""
    start = threading.Barrier(number)

    def run(which: int) -> None:
        start.wait()
        work(which)

    threads = [threading.Thread(target=run, args=(which,)) for which in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class StoreLaws:
    """The laws of every store. A subclass has the fixtures `make` and `forward`."""

    can_list = True

    @pytest.fixture
    def store(self, make: Make) -> RecordStore:
        return make()

    def test_what_is_set_is_got_exactly(self, store: RecordStore) -> None:
        record: dict[str, object] = {
            "text": "Zoë 🙂",
            "list": ["a", ""],
            "none": None,
            "number": 1.5,
            "nested": {"x": []},
        }
        store.set("k", record, lifetime=HOUR)
        assert store.get("k") == record

    def test_what_was_never_set_is_absent(self, store: RecordStore) -> None:
        assert store.get("nothing") is None

    def test_setting_again_replaces(self, store: RecordStore) -> None:
        store.set("k", {"a": 1}, lifetime=HOUR)
        store.set("k", {"a": 2}, lifetime=HOUR)
        assert store.get("k") == {"a": 2}

    def test_deleting_forgets_and_deleting_nothing_is_no_error(self, store: RecordStore) -> None:
        store.set("k", {}, lifetime=HOUR)
        store.delete("k")
        store.delete("k")
        assert store.get("k") is None

    def test_adding_keeps_the_first(self, store: RecordStore) -> None:
        assert store.add("k", {"a": 1}, lifetime=HOUR) is True
        assert store.add("k", {"a": 2}, lifetime=HOUR) is False
        assert store.get("k") == {"a": 1}

    def test_what_was_deleted_can_be_added(self, store: RecordStore) -> None:
        store.add("k", {}, lifetime=HOUR)
        store.delete("k")
        assert store.add("k", {}, lifetime=HOUR) is True

    def test_of_many_threads_one_adds(self, make: Make) -> None:
        store, added = make(), list[bool]()
        at_once(8, lambda _: added.append(store.add("k", {}, lifetime=HOUR)))
        assert sorted(added) == [False] * 7 + [True]

    def test_keys_of_any_text_are_kept_apart(self, store: RecordStore) -> None:
        keys = ["login:a", "login:b", "pending:a", "login:" + "a" * 64, "login-a", "login%3Aa", "..", ".lock"]
        for number, key in enumerate(keys):
            store.set(key, {"n": number}, lifetime=HOUR)
        assert [store.get(key) for key in keys] == [{"n": number} for number in range(len(keys))]

    def test_many_are_got_at_once_and_what_is_absent_leaves_a_gap(self, store: RecordStore) -> None:
        store.set("login:a", {"n": 1}, lifetime=HOUR)
        store.set("login:b", {"n": 2}, lifetime=HOUR)
        assert store.get_many(["login:b", "login:x", "login:a"]) == [{"n": 2}, None, {"n": 1}]
        assert store.get_many([]) == []

    def test_the_keys_of_one_kind_are_listed_or_the_store_says_that_it_cannot(
        self, store: RecordStore, forward: Forward
    ) -> None:
        for key in ("login:a", "login:b", "login:c", "pending:a", "loginx:a"):
            store.set(key, {}, lifetime=HOUR)
        store.delete("login:b")
        forward(4_000, "login:c")
        store.set("login:a", {}, lifetime=HOUR)
        if self.can_list:
            assert list(store.keys("login:")) == ["login:a"]
        else:
            with pytest.raises(StoreCannotList):
                list(store.keys("login:"))

    # --- lifetimes -----------------------------------------------------------------------

    @pytest.mark.parametrize("write", ["set", "set again", "add", "replace", "replace nothing"])
    def test_a_record_lives_for_its_lifetime_and_no_longer_however_it_was_written(
        self, store: RecordStore, forward: Forward, write: str
    ) -> None:
        if write in ("set again", "replace"):
            store.set("k", {}, lifetime=HOUR / 2)
        if write in ("replace", "replace nothing"):
            assert store.replace("k", store.get("k"), {"a": 1}, lifetime=HOUR)
        else:
            save = store.add if write == "add" else store.set
            save("k", {"a": 1}, lifetime=HOUR)
        forward(3_500, "k")
        assert store.get("k") == {"a": 1}
        assert store.add("k", {}, lifetime=HOUR) is False
        forward(110, "k")
        assert store.get("k") is None
        assert store.get_many(["k"]) == [None]
        assert store.add("k", {"a": 2}, lifetime=HOUR) is True

    def test_a_record_may_live_for_longer_than_a_month(self, store: RecordStore, forward: Forward) -> None:
        store.set("k", {"a": 1}, lifetime=timedelta(days=400))
        forward(399 * 86_400, "k")
        assert store.get("k") == {"a": 1}
        forward(2 * 86_400, "k")
        assert store.get("k") is None

    # --- counting ------------------------------------------------------------------------

    def test_counting_begins_with_one_for_each_key(self, store: RecordStore) -> None:
        assert [store.count("count:x", lifetime=HOUR) for _ in range(3)] == [1, 2, 3]
        assert store.count("count:y", lifetime=HOUR) == 1

    def test_a_count_ends_with_the_lifetime_of_the_first_and_begins_again(
        self, store: RecordStore, forward: Forward
    ) -> None:
        assert store.count("count:x", lifetime=HOUR) == 1
        forward(3_500, "count:x")
        assert store.count("count:x", lifetime=HOUR) == 2
        forward(110, "count:x")
        assert store.count("count:x", lifetime=HOUR) == 1

    def test_many_threads_count_every_one(self, store: RecordStore) -> None:
        counted: list[int] = []
        at_once(8, lambda _: counted.extend(store.count("count:x", lifetime=HOUR) for _ in range(5)))
        assert sorted(counted) == list(range(1, 41))

    # --- compare and swap ----------------------------------------------------------------

    def test_a_record_is_replaced_where_it_is_the_expected_one(self, store: RecordStore) -> None:
        store.set("k", {"a": 1, "b": [1.5, "ë"]}, lifetime=HOUR)
        assert store.replace("k", {"b": [1.5, "ë"], "a": 1}, {"a": 2}, lifetime=HOUR) is True
        assert store.get("k") == {"a": 2}

    def test_a_record_that_is_another_than_expected_stays(self, store: RecordStore) -> None:
        store.set("k", {"a": 1}, lifetime=HOUR)
        assert store.replace("k", {"a": 2}, {"a": 3}, lifetime=HOUR) is False
        assert store.replace("k", None, {"a": 3}, lifetime=HOUR) is False
        assert store.get("k") == {"a": 1}

    def test_where_no_record_is_expected_there_must_be_none(
        self, store: RecordStore, forward: Forward
    ) -> None:
        assert store.replace("k", {"a": 1}, {"a": 2}, lifetime=HOUR) is False
        assert store.get("k") is None
        assert store.replace("k", None, {"a": 1}, lifetime=HOUR) is True
        assert store.get("k") == {"a": 1}
        forward(4_000, "k")
        assert store.replace("k", {"a": 1}, {"a": 2}, lifetime=HOUR) is False
        assert store.replace("k", None, {"a": 3}, lifetime=HOUR) is True
        assert store.get("k") == {"a": 3}

    @pytest.mark.parametrize("before", [None, {"a": 1}], ids=["nothing", "a record"])
    def test_of_many_threads_one_replaces(self, store: RecordStore, before: dict[str, object] | None) -> None:
        if before is not None:
            store.set("k", before, lifetime=HOUR)
        won: list[int] = []

        def replace(which: int) -> None:
            if store.replace("k", before, {"by": which}, lifetime=HOUR):
                won.append(which)

        at_once(8, replace)
        assert [{"by": which} for which in won] == [store.get("k")]

    def test_favourites_that_are_added_at_the_same_moment_all_survive(self, store: RecordStore) -> None:
        preferences = Preferences(store)
        preferences.add_favourite("ada", "first")
        at_once(8, lambda which: preferences.add_favourite("ada", f"target{which}"))
        expected = {"first", *(f"target{which}" for which in range(8))}
        assert set(preferences.of("ada").favourites) == expected


class SharedStoreLaws(StoreLaws):
    """The laws of a store that processes share. A subclass has the fixture `put` as well.

    Two instances stand for two processes.
    """

    def test_another_process_sees_the_same(self, make: Make) -> None:
        one, other = make(), make()
        one.set("k", {"a": 1}, lifetime=HOUR)
        assert other.get("k") == {"a": 1}
        assert other.add("k", {}, lifetime=HOUR) is False
        assert [one.count("count:x", lifetime=HOUR), other.count("count:x", lifetime=HOUR)] == [1, 2]
        assert other.replace("k", {"a": 1}, {"a": 2}, lifetime=HOUR) is True
        assert one.replace("k", {"a": 1}, {"a": 3}, lifetime=HOUR) is False
        other.delete("k")
        assert one.get("k") is None

    def test_favourites_that_processes_add_at_the_same_moment_all_survive(self, make: Make) -> None:
        processes = [Preferences(make()) for _ in range(4)]
        at_once(4, lambda which: processes[which].add_favourite("ada", f"target{which}"))
        assert set(processes[0].of("ada").favourites) == {f"target{which}" for which in range(4)}

    @pytest.mark.parametrize(
        "value",
        [b"{broken", b"[]", b"5", b'"text"', b'{"a": NaN}', b"\xff\xfe", b"", b"[" * 100_000],
        ids=range(8),
    )
    def test_what_is_no_record_of_ours_counts_as_absent_and_hides_no_other_and_is_logged(
        self, store: RecordStore, put: Put, value: bytes
    ) -> None:
        log = io.StringIO()
        configure_logging(stream=log)
        store.set("login:a", {"a": 1}, lifetime=HOUR)
        store.set("login:b", {}, lifetime=HOUR)
        put("login:b", value)
        assert store.get("login:b") is None
        assert store.get_many(["login:b", "login:a"]) == [None, {"a": 1}]
        assert log.getvalue().count("store.record_invalid") == 2
        assert "login:b" not in log.getvalue()
        if self.can_list:
            assert "login:a" in list(store.keys("login:"))
        assert store.add("login:b", {}, lifetime=HOUR) is False
        assert store.replace("login:b", None, {"b": 1}, lifetime=HOUR) is True
        assert store.get("login:b") == {"b": 1}
