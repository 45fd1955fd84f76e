"""Whether the time of a regular expression grows faster than the text: judged by its structure, nothing is timed.

A backtracking matcher tries every path of the expression's automaton before it gives up on a text. The number of
paths grows faster than linearly exactly if the automaton is infinitely ambiguous: if two loops can share a text
(polynomial), or one loop can read a text in two ways (exponential): Weber and Seidl, "On the degree of ambiguity of
finite automata", 1991.

The automaton has one state for each character of the expression (Glushkov's). A repetition of up to 64 times is no loop.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

# Typeshed leaves out the parser of regular expressions.
op: Any = import_module("re._constants")
parser: Any = import_module("re._parser")

_ALPHABET = [chr(code) for code in range(0x100)] + list("\u017f\u0663\u2028\u4e2d\ud800\U0001f600")
_END = "end of text"
_LONG = 64
_CATEGORIES: dict[Any, Callable[[str], bool]] = {
    op.CATEGORY_DIGIT: str.isdigit,
    op.CATEGORY_SPACE: str.isspace,
    op.CATEGORY_WORD: lambda one: one.isalnum() or one == "_",
}

Node = tuple[Any, Any]
Path = tuple[int, ...]


@dataclass
class _Part:
    """A part of an expression: the states that can come first and last, and whether it can be empty."""

    first: list[int] = field(default_factory=list)
    last: list[int] = field(default_factory=list)
    nullable: bool = True


class Automaton:
    """The states of an expression with the characters that each reads, and the ways from state to state."""

    def __init__(self, pattern: re.Pattern[str] | re.Pattern[bytes], method: str) -> None:
        """`method`: `match`, `fullmatch`, or one that tries to begin at every character, such as `search`."""
        searches = method not in {"match", "fullmatch"}
        self.reads: list[frozenset[str]] = []
        self.ways: Counter[tuple[int, int]] = Counter()
        self._possessive_is_plain = searches
        whole = self._sequence(parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE))
        if searches:
            anything = self._state(lambda one: one != _END)
            self._loop(anything)
            whole = self._then(anything, whole)
        if method == "fullmatch":
            whole = self._then(whole, self._state(lambda one: one == _END))
        # Here the expression has matched, whatever follows.
        self.ends = frozenset(whole.last)
        self.after: dict[int, list[int]] = {}
        for before, after in self.ways:
            self.after.setdefault(before, []).append(after)

    def _state(self, reads: Callable[[str], bool]) -> _Part:
        self.reads.append(frozenset(filter(reads, [*_ALPHABET, _END])))
        return _Part([len(self.reads) - 1], [len(self.reads) - 1], nullable=False)

    def _loop(self, part: _Part) -> None:
        self.ways.update((one, other) for one in part.last for other in part.first)

    def _then(self, one: _Part, other: _Part) -> _Part:
        self.ways.update((before, after) for before in one.last for after in other.first)
        return _Part(
            one.first + (other.first if one.nullable else []),
            other.last + (one.last if other.nullable else []),
            one.nullable and other.nullable,
        )

    def _sequence(self, nodes: Iterable[Node]) -> _Part:
        whole = _Part()
        for node in nodes:
            whole = self._then(whole, self._part(node))
        return whole

    def _part(self, node: Node) -> _Part:
        match node:
            case (op.SUBPATTERN, (*_, inner)) | (op.ATOMIC_GROUP, inner):
                return self._sequence(inner)
            case (op.BRANCH, (_, branches)):
                parts = [self._sequence(branch) for branch in branches]
                return _Part(
                    [state for part in parts for state in part.first],
                    [state for part in parts for state in part.last],
                    any(part.nullable for part in parts),
                )
            case ((op.MAX_REPEAT | op.MIN_REPEAT | op.POSSESSIVE_REPEAT) as kind, (least, most, inner)):
                part = self._sequence(inner)
                if most > _LONG and (kind is not op.POSSESSIVE_REPEAT or self._possessive_is_plain):
                    self._loop(part)
                elif 1 < most <= _LONG:
                    part = self._then(part, self._sequence(inner))
                return _Part(part.first, part.last, part.nullable or least == 0)
            case (op.AT, (op.AT_END | op.AT_END_STRING)):
                return self._state(lambda one: one == _END)
            case ((op.AT | op.ASSERT | op.ASSERT_NOT), _):
                return _Part()
        return self._state(lambda one: one != _END and _reads(node, one))

    # --- ambiguity ---

    def grows(self) -> bool:
        """Whether some text takes more than linear time."""
        states = range(len(self.reads))
        reached = {state: {path[0] for path in self._reached((state,))} for state in states}
        # A loop through an end has matched: the matcher gives up no text that it read there.
        loops = [
            state
            for state in states
            if state in reached[state]
            and not any(end in reached[state] and state in reached[end] for end in self.ends)
        ]
        return any(self._is_read_twice(state) for state in loops) or any(
            self._reaches((one, one, other), (one, other, other))
            for one in loops
            for other in loops
            if one != other and other in reached[one]
        )

    def _is_read_twice(self, state: int) -> bool:
        """Whether a loop through `state` has two ways for one text."""
        if any(
            count > 1
            and self._reaches((state,), (way[0],))
            and self._reaches((way[1],), (state,), or_same=True)
            for way, count in self.ways.items()
        ):
            return True
        back = (state, state)
        return any(one != other and self._reaches((one, other), back) for one, other in self._reached(back))

    def _reaches(self, begin: Path, end: Path, *, or_same: bool = False) -> bool:
        return (or_same and begin == end) or end in self._reached(begin)

    def _reached(self, begin: Path) -> set[Path]:
        """Where several readers of one text can be after one character or more; each begins at its state."""
        reached: set[Path] = set()
        todo = [begin]
        while todo:
            for after in self._steps(todo.pop()):
                if after not in reached:
                    reached.add(after)
                    todo.append(after)
        return reached

    def _steps(self, states: Path) -> Iterable[Path]:
        found: list[tuple[Path, frozenset[str]]] = [((), frozenset(_ALPHABET))]
        for state in states:
            found = [
                ((*path, after), shared)
                for path, text in found
                for after in self.after.get(state, ())
                if (shared := text & self.reads[after])
            ]
        return [path for path, _ in found]


def _reads(node: Node, one: str) -> bool:
    """Whether a node of one character reads that character."""
    match node:
        case (op.NOT_LITERAL, code):
            return bool(ord(one) != code)
        case (op.ANY, _):
            return True
        case (op.IN, [(op.NEGATE, _), *members]):
            return not any(_is_member(member, one) for member in members)
        case (op.IN, members):
            return any(_is_member(member, one) for member in members)
    return _is_member(node, one)


def _is_member(node: Node, one: str) -> bool:
    match node:
        case (op.LITERAL, code):
            return bool(ord(one) == code)
        case (op.RANGE, (low, high)):
            return bool(low <= ord(one) <= high)
        case (op.CATEGORY, category) if category in _CATEGORIES:
            return _CATEGORIES[category](one)
        case (op.CATEGORY, category):
            return not _CATEGORIES[getattr(op, str(category).replace("NOT_", ""))](one)
    raise ValueError(f"a part that is not judged: {node}")
