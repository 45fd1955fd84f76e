"""The block list: who and what an operator has blocked, as every process reads it."""

from datetime import UTC, datetime, timedelta

import pytest

from awscons.access.identity import Identity
from awscons.adapters.stores.memory_store import MemoryStore
from awscons.errors import Blocked, StoreUnavailable
from awscons.signin.blocks import MAX_BLOCKS, Block, BlockKind, BlockList, TooManyBlocks
from awscons.store import Record

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
ADA = Identity("ada@example.com", "ada", {}, frozenset())
BLOCK = Block(
    BlockKind.PERSON, "ada", NOW, ("ada@example.com",), ("ada",), ("arn:aws:iam::123456789012:role/A",)
)


class Contested(MemoryStore):
    """A store in which somebody else always writes between reading and replacing, `times` times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def replace(self, key: str, expected: Record | None, record: Record, *, lifetime: timedelta) -> bool:
        if self.times:
            self.times -= 1
            return False
        return super().replace(key, expected, record, lifetime=lifetime)


@pytest.fixture
def blocks() -> BlockList:
    return BlockList(MemoryStore())


def test_a_block_is_read_as_it_was_put(blocks: BlockList) -> None:
    assert blocks.all() == ()
    blocks.put(BLOCK)
    blocks.put(Block(BlockKind.TARGET, "admin", NOW))
    assert blocks.all() == (BLOCK, Block(BlockKind.TARGET, "admin", NOW))


def test_another_block_of_the_same_person_keeps_the_names_and_roles_of_the_first(blocks: BlockList) -> None:
    blocks.put(BLOCK)
    later = NOW + timedelta(hours=1)
    blocks.put(Block(BlockKind.PERSON, "ada", later, ("ada.l@example.com",), ("lovelace",), ("arn:b",)))
    (joined,) = blocks.all()
    assert joined == Block(
        BlockKind.PERSON,
        "ada",
        later,
        ("ada.l@example.com", "ada@example.com"),
        ("ada", "lovelace"),
        ("arn:aws:iam::123456789012:role/A", "arn:b"),
    )


@pytest.mark.parametrize("other", [Block(BlockKind.TARGET, "ada", NOW), Block(BlockKind.PERSON, "otto", NOW)])
def test_blocks_of_others_stay_apart(blocks: BlockList, other: Block) -> None:
    blocks.put(other)
    blocks.put(BLOCK)
    assert blocks.all() == (other, BLOCK)
    assert blocks.lift(BlockKind.PERSON, "ada")
    assert blocks.all() == (other,)


def test_lifting_tells_whether_there_was_a_block(blocks: BlockList) -> None:
    assert not blocks.lift(BlockKind.PERSON, "ada")
    blocks.put(BLOCK)
    assert not blocks.lift(BlockKind.TARGET, "ada")
    assert blocks.lift(BlockKind.PERSON, "ada")
    assert blocks.all() == ()


def test_a_refusal_says_who_was_blocked_when_and_how_it_ends(blocks: BlockList) -> None:
    blocks.put(BLOCK)
    with pytest.raises(Blocked) as caught:
        blocks.check(ADA)
    assert str(caught.value) == "an operator blocked the person ada at 2026-11-26 12:00 UTC"
    assert caught.value.hint == "`awscons revoke --lift` ends the block"


@pytest.mark.parametrize("name", ["ada", "ADA", "ada@example.com", "Ada@Example.com"])
def test_a_person_is_found_by_either_name_in_whatever_case(blocks: BlockList, name: str) -> None:
    blocks.put(Block(BlockKind.PERSON, name, NOW))
    with pytest.raises(Blocked):
        blocks.check(ADA, "anything")


def test_a_target_is_found_by_its_exact_name(blocks: BlockList) -> None:
    blocks.put(Block(BlockKind.TARGET, "Admin", NOW))
    blocks.check(ADA, "admin")
    blocks.check(ADA)
    with pytest.raises(Blocked):
        blocks.check(ADA, "Admin")


def test_a_full_list_takes_no_more_and_can_still_be_lifted(blocks: BlockList) -> None:
    for number in range(MAX_BLOCKS):
        blocks.put(Block(BlockKind.PERSON, f"person {number}", NOW))
    with pytest.raises(TooManyBlocks) as caught:
        blocks.put(BLOCK)
    assert str(MAX_BLOCKS) in str(caught.value)
    assert blocks.lift(BlockKind.PERSON, "person 0")
    blocks.put(BLOCK)


def test_of_operators_at_the_same_moment_none_loses_a_block() -> None:
    store = Contested(19)
    BlockList(store).put(BLOCK)
    assert BlockList(store).all() == (BLOCK,)


def test_a_list_that_others_never_stop_changing_is_an_error() -> None:
    with pytest.raises(StoreUnavailable, match="20 other changes"):
        BlockList(Contested(20)).put(BLOCK)


def test_a_block_lasts_a_year_and_a_day() -> None:
    seconds = [0.0]
    blocks = BlockList(MemoryStore(now=lambda: seconds[0]))
    blocks.put(BLOCK)
    seconds[0] = timedelta(days=366).total_seconds() - 1
    assert blocks.all() == (BLOCK,)
    seconds[0] += 2
    assert blocks.all() == ()
