"""What somebody prefers among the targets: favourites, and what they opened last. A use case.

It decides nothing: whoever may open what is for `access` alone, at every request anew. Kept in the store
under a hash of the person's name, for as long as it is used at least once in a year.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from awscons.signin.records import hashed

MAX_FAVOURITES = 100
MAX_RECENT = 5
_KEPT = timedelta(days=400)

Record = dict[str, Any]


class PreferenceStore(Protocol):
    """Where preferences are kept. Its methods raise StoreUnavailable."""

    def set(self, key: str, record: Record, *, lifetime: timedelta) -> None:
        """Keep `record`, in place of any other under `key`."""

    def get(self, key: str) -> Record | None:
        """The record under `key`, or None."""


@dataclass(frozen=True, slots=True)
class Preferred:
    """Names of targets: favourites in the order of their choosing, recent ones newest first."""

    favourites: tuple[str, ...] = ()
    recent: tuple[str, ...] = ()


class Preferences:
    """Everybody's preferences. `user_name` is the one that AWS sees: the same at every sign-in."""

    def __init__(self, store: PreferenceStore) -> None:
        self._store = store

    def of(self, user_name: str) -> Preferred:
        """What somebody prefers. Raises StoreUnavailable."""
        return Preferred(self._names(_key("favourites", user_name)), self._names(_key("recent", user_name)))

    def add_favourite(self, user_name: str, target: str) -> None:
        """Make a target a favourite; beyond MOST_FAVOURITES the oldest gives way. Raises StoreUnavailable."""
        key = _key("favourites", user_name)
        others = [name for name in self._names(key) if name != target]
        self._save(key, [*others, target][-MAX_FAVOURITES:])

    def drop_favourite(self, user_name: str, target: str) -> None:
        """Make it none. Raises StoreUnavailable."""
        key = _key("favourites", user_name)
        self._save(key, [name for name in self._names(key) if name != target])

    def note_opened(self, user_name: str, target: str) -> None:
        """Remember that somebody opened a target. Raises StoreUnavailable."""
        key = _key("recent", user_name)
        names = self._names(key)
        if names[:1] == (target,):
            return
        self._save(key, [target, *(name for name in names if name != target)][:MAX_RECENT])

    def _names(self, key: str) -> tuple[str, ...]:
        """What lies in the store; a record of any other shape counts as none."""
        record = self._store.get(key)
        names = record.get("names") if record else None
        if not isinstance(names, list):
            return ()
        return tuple(name for name in names if isinstance(name, str))

    def _save(self, key: str, names: list[str]) -> None:
        self._store.set(key, {"names": names}, lifetime=_KEPT)


def _key(kind: str, user_name: str) -> str:
    return f"{kind}:{hashed(user_name)}"
