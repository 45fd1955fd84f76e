"""The block list: people and targets that an operator has blocked. Every process asks it for every console.

The whole list is one record, so that a console costs one more read, however many blocks there are. Changing it is a
compare-and-swap: of two operators who block at the same moment, neither loses a block.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from awscons.access.identity import Identity
from awscons.errors import Blocked, StoreUnavailable
from awscons.store import Record, RecordStore, change_record

MAX_BLOCKS = 200
"""Each console reads all of them."""
BLOCK_LIFETIME = timedelta(days=366)
"""The store has the list for so long after its last change."""
_KEY = "blocks"


class BlockKind(StrEnum):
    """What is blocked."""

    PERSON = "person"
    TARGET = "target"


@dataclass(frozen=True, slots=True)
class Block:
    """One block.

    name               of a person (NameID or user name), or of a target
    since              UTC
    session_names, source_identities   as which AWS knows the person: they end what is open already
    frozen_roles       ARNs of the roles that were frozen with it
    """

    kind: BlockKind
    name: str
    since: datetime
    session_names: tuple[str, ...] = ()
    source_identities: tuple[str, ...] = ()
    frozen_roles: tuple[str, ...] = ()


class TooManyBlocks(StoreUnavailable):
    """The list is full."""


class BlockList:
    """The blocks in the store. All methods raise StoreUnavailable."""

    def __init__(self, store: RecordStore) -> None:
        self._store = store

    def check(self, identity: Identity, target: str | None = None) -> None:
        """Raise Blocked if this person or this target is blocked."""
        # Some identity providers change the case of names; here that must not let anybody in.
        people = {identity.name_id.casefold(), identity.user_name.casefold()}
        for block in self.all():
            if block.name == target if block.kind is BlockKind.TARGET else block.name.casefold() in people:
                raise Blocked(
                    f"an operator blocked the {block.kind} {block.name} at {block.since:%Y-%m-%d %H:%M} UTC",
                    hint="`awscons revoke --lift` ends the block",
                )

    def all(self) -> tuple[Block, ...]:
        """Every block, oldest first. A record that cannot be read raises: a block must not get lost."""
        return _blocks(self._store.get(_KEY))

    def put(self, block: Block) -> None:
        """Add a block. One of the same person or target gives way, but what it knew stays. Raises TooManyBlocks."""
        self._change(lambda blocks: (*_without(blocks, block.kind, block.name), _joined(blocks, block)))

    def lift(self, kind: BlockKind, name: str) -> bool:
        """Remove a block, and return whether there was one."""
        return self._change(lambda blocks: _without(blocks, kind, name))

    def _change(self, change: Callable[[tuple[Block, ...]], tuple[Block, ...]]) -> bool:
        def changed(record: Record | None) -> Record | None:
            before = _blocks(record)
            found = change(before)
            if len(found) > MAX_BLOCKS and found != before:
                raise TooManyBlocks(
                    f"there are {MAX_BLOCKS} blocks already", hint="lift those that are not needed"
                )
            return None if found == before else _record(found)

        return change_record(
            self._store, _KEY, changed, lifetime=BLOCK_LIFETIME, what="changes of the block list"
        )


def _joined(blocks: tuple[Block, ...], block: Block) -> Block:
    """The block, with the names and the frozen roles of an earlier one, which a lift has to find."""
    for old in blocks:
        if (old.kind, old.name) == (block.kind, block.name):
            return replace(
                block,
                session_names=_union(old.session_names, block.session_names),
                source_identities=_union(old.source_identities, block.source_identities),
                frozen_roles=_union(old.frozen_roles, block.frozen_roles),
            )
    return block


def _union(some: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({*some, *others}))


def _without(blocks: tuple[Block, ...], kind: BlockKind, name: str) -> tuple[Block, ...]:
    return tuple(block for block in blocks if (block.kind, block.name) != (kind, name))


def _record(blocks: tuple[Block, ...]) -> Record:
    return {"blocks": [{**asdict(block), "since": block.since.isoformat()} for block in blocks]}


def _blocks(record: Record | None) -> tuple[Block, ...]:
    if record is None:
        return ()
    try:
        return tuple(map(_block, record["blocks"]))
    except (KeyError, TypeError, ValueError):
        raise StoreUnavailable(
            "the block list in the store cannot be read", hint="delete its key, `blocks`"
        ) from None


def _block(entry: dict[str, Any]) -> Block:
    return Block(
        BlockKind(entry["kind"]),
        entry["name"],
        datetime.fromisoformat(entry["since"]),
        tuple(entry["session_names"]),
        tuple(entry["source_identities"]),
        tuple(entry["frozen_roles"]),
    )
