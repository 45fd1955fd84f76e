"""The laws that every store obeys, for test classes to inherit; and the programs that some stores are."""

import io
import os
import subprocess
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from awscons.adapters.audit_log import configure_logging
from awscons.adapters.record_store import CacheRecordStore
from awscons.errors import StoreCannotList
from support.serving import program

HOUR = timedelta(hours=1)
PASSWORD = "swordfish"


def redis_server(folder: Path, port: int, *options: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """Redis, which keeps nothing on disk unless `options` say so."""
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    command += ["--requirepass", PASSWORD, "--dir", str(folder), *options]
    return program(command, port=port, log=folder / "redis.log")


def memcached(folder: Path, port: int, *options: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """memcached, with 64 MiB unless `options` say otherwise."""
    user = ["-u", "root"] if os.getuid() == 0 else []
    command = ["memcached", *user, "-l", "127.0.0.1", "-p", str(port), *options]
    return program(command, port=port, log=folder / "memcached.log")


Make = Callable[[], CacheRecordStore]


class StoreContract:
    """A subclass has a fixture `make`, which opens the same store each time it is called."""

    shared_between_instances = True
    can_list = True

    counts_end_with_the_first = True

    @pytest.fixture
    def make(self) -> Make:
        """Open the store."""
        raise NotImplementedError

    def seconds_left(self, cache: Any, key: str) -> float:
        """Until the store itself forgets what is under `key`."""
        raise NotImplementedError

    def put(self, cache: Any, key: str, value: bytes) -> None:
        """Put something under `key` that we never would, behind our back; for an hour or for ever."""
        raise NotImplementedError

    def test_what_is_set_is_got_exactly(self, make: Make) -> None:
        record: dict[str, object] = {
            "text": "Zoë 🙂",
            "list": ["a", ""],
            "none": None,
            "number": 1.5,
            "nested": {"x": []},
        }
        store = make()
        store.set("k", record, lifetime=HOUR)
        assert store.get("k") == record

    def test_what_was_never_set_is_absent(self, make: Make) -> None:
        assert make().get("nothing") is None

    def test_setting_again_replaces(self, make: Make) -> None:
        store = make()
        store.set("k", {"a": 1}, lifetime=HOUR)
        store.set("k", {"a": 2}, lifetime=HOUR)
        assert store.get("k") == {"a": 2}

    def test_deleting_forgets_and_deleting_nothing_is_no_error(self, make: Make) -> None:
        store = make()
        store.set("k", {}, lifetime=HOUR)
        store.delete("k")
        store.delete("k")
        assert store.get("k") is None

    def test_adding_keeps_the_first(self, make: Make) -> None:
        store = make()
        assert store.add("k", {"a": 1}, lifetime=HOUR) is True
        assert store.add("k", {"a": 2}, lifetime=HOUR) is False
        assert store.get("k") == {"a": 1}

    def test_what_was_deleted_can_be_added(self, make: Make) -> None:
        store = make()
        store.add("k", {}, lifetime=HOUR)
        store.delete("k")
        assert store.add("k", {}, lifetime=HOUR) is True

    def test_another_process_sees_the_same(self, make: Make) -> None:
        """Two instances stand for two processes; a store of one process's memory shares nothing."""
        one, other = make(), make()
        one.set("k", {"a": 1}, lifetime=HOUR)
        assert (other.get("k") == {"a": 1}) is self.shared_between_instances
        assert other.add("k", {}, lifetime=HOUR) is not self.shared_between_instances

    def test_the_store_itself_knows_when_a_record_ends_however_it_was_written(self, make: Make) -> None:
        store = make()
        cache: Any = store._cache
        store.set("set", {}, lifetime=HOUR)
        store.add("add", {}, lifetime=HOUR)
        store.set("again", {}, lifetime=HOUR / 2)
        store.set("again", {}, lifetime=HOUR)
        store.count("count", lifetime=HOUR)
        for key in ("set", "add", "again", "count"):
            assert 3_540 < self.seconds_left(cache, key) <= 3_601, key
        store.count("count", lifetime=2 * HOUR)
        if self.counts_end_with_the_first:
            assert self.seconds_left(cache, "count") <= 3_601

    def test_a_record_may_live_for_longer_than_a_month(self, make: Make) -> None:
        store = make()
        store.set("k", {"a": 1}, lifetime=timedelta(days=400))
        assert store.get("k") == {"a": 1}
        assert 399 * 86_400 < self.seconds_left(store._cache, "k") < 401 * 86_400

    @pytest.mark.parametrize(
        "value", [b"{broken", b"[]", b"5", b'"text"', b"\xff\xfe", b"", b"[" * 100_000], ids=range(7)
    )
    def test_what_is_no_record_of_ours_counts_as_absent_and_hides_no_other_and_is_logged(
        self, make: Make, value: bytes
    ) -> None:
        log = io.StringIO()
        configure_logging(stream=log)
        store = make()
        store.set("login:a", {"a": 1}, lifetime=HOUR)
        store.set("login:b", {}, lifetime=HOUR)
        self.put(store._cache, "login:b", value)
        assert store.get("login:b") is None
        assert store.get_many(["login:b", "login:a"]) == [None, {"a": 1}]
        assert log.getvalue().count("store.record_invalid") == 2
        assert "login:b" not in log.getvalue()
        if self.can_list:
            assert "login:a" in list(store.keys("login:"))

    def test_keys_of_any_text_are_kept_apart(self, make: Make) -> None:
        store = make()
        keys = ["login:a", "login:b", "pending:a", "login:" + "a" * 64]
        for number, key in enumerate(keys):
            store.set(key, {"n": number}, lifetime=HOUR)
        assert [store.get(key) for key in keys] == [{"n": number} for number in range(len(keys))]

    def test_many_are_got_at_once_and_what_is_absent_leaves_a_gap(self, make: Make) -> None:
        store = make()
        store.set("login:a", {"n": 1}, lifetime=HOUR)
        store.set("login:b", {"n": 2}, lifetime=HOUR)
        assert store.get_many(["login:b", "login:x", "login:a"]) == [{"n": 2}, None, {"n": 1}]
        assert store.get_many([]) == []

    def test_counting_begins_with_one_and_every_instance_counts_on(self, make: Make) -> None:
        one, other = make(), make()
        assert [one.count("count:x", lifetime=HOUR) for _ in range(3)] == [1, 2, 3]
        assert other.count("count:x", lifetime=HOUR) == (4 if self.shared_between_instances else 1)
        assert one.count("count:y", lifetime=HOUR) == 1

    def test_many_threads_count_every_one(self, make: Make) -> None:
        store = make()
        start = threading.Barrier(8)
        counted: list[int] = []

        def count() -> None:
            start.wait()
            counted.extend(store.count("count:x", lifetime=HOUR) for _ in range(5))

        threads = [threading.Thread(target=count) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(counted) == list(range(1, 41))

    def test_the_keys_of_one_kind_are_listed_or_the_store_says_that_it_cannot(self, make: Make) -> None:
        store = make()
        for key in ("login:a", "login:b", "pending:a", "loginx:a"):
            store.set(key, {}, lifetime=HOUR)
        store.delete("login:b")
        if self.can_list:
            assert list(store.keys("login:")) == ["login:a"]
        else:
            with pytest.raises(StoreCannotList):
                list(store.keys("login:"))
