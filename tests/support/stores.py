"""The laws that every store obeys, for test classes to inherit."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from awscons.adapters.record_store import CacheRecordStore
from awscons.errors import StoreCannotList

HOUR = timedelta(hours=1)

Make = Callable[[], CacheRecordStore]


class StoreContract:
    """A subclass has a fixture `make`, which opens the same store each time it is called."""

    shared_between_instances = True
    can_list = True

    @pytest.fixture
    def make(self) -> Make:
        """Open the store."""
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
