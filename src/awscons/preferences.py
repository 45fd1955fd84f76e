"""What somebody prefers among the targets: favourites, and the targets opened last. A use case.

It decides nothing: at every request, `access` decides which targets a person may open. The store holds
preferences under a hash of the person's name, for 400 days after their last change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from awscons.store import Record, RecordStore, change_record, hashed

MAX_FAVOURITES = 100
MAX_RECENT = 5
_LIFETIME = timedelta(days=400)
"""Each failed try means that another update of the same person succeeded in between."""

_Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preferred:
    """Names of targets: favourites in the order in which they were added, recent ones newest first."""

    favourites: _Names = ()
    recent: _Names = ()


class Preferences:
    """Everybody's preferences. `user_name` is the one that AWS sees: the same at every sign-in."""

    def __init__(self, store: RecordStore) -> None:
        self._store = store

    def of(self, user_name: str) -> Preferred:
        """A person's preferences. Raises StoreUnavailable."""
        favourites, recent = self._store.get_many([_key("favourites", user_name), _key("recent", user_name)])
        return Preferred(_names(favourites), _names(recent))

    def add_favourite(self, user_name: str, target: str) -> None:
        """Make a target a favourite; above MAX_FAVOURITES the oldest is dropped. Raises StoreUnavailable."""
        self._change(
            _key("favourites", user_name),
            lambda names: (*_without(names, target), target)[-MAX_FAVOURITES:],
        )

    def drop_favourite(self, user_name: str, target: str) -> None:
        """Remove a target from the favourites. Raises StoreUnavailable."""
        self._change(_key("favourites", user_name), lambda names: _without(names, target))

    def note_opened(self, user_name: str, target: str) -> None:
        """Remember that somebody opened a target. Raises StoreUnavailable."""
        self._change(_key("recent", user_name), lambda names: (target, *_without(names, target))[:MAX_RECENT])

    def _change(self, key: str, change: Callable[[_Names], _Names]) -> None:
        """Apply `change` to the stored names. Two browser tabs may change the same list at the same moment."""

        def changed(record: Record | None) -> Record | None:
            names = _names(record)
            found = change(names)
            return None if found == names else {"names": list(found)}

        change_record(self._store, key, changed, lifetime=_LIFETIME, what="updates of the same preferences")


def _names(record: Record | None) -> _Names:
    """The names in a record; a record of any other shape counts as empty."""
    names = record.get("names") if record else None
    if not isinstance(names, list):
        return ()
    return tuple(name for name in names if isinstance(name, str))


def _without(names: _Names, target: str) -> _Names:
    return tuple(name for name in names if name != target)


def _key(kind: str, user_name: str) -> str:
    return f"{kind}:{hashed(user_name)}"
