"""The laws that every store obeys, for test classes to inherit."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from awscons.adapters.record_store import CacheRecordStore

HOUR = timedelta(hours=1)

Make = Callable[[], CacheRecordStore]


class StoreContract:
    """A subclass has a fixture `make`, which opens the same store each time it is called."""

    shared_between_instances = True

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
