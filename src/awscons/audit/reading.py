"""Finds audit events in the lines of logs, whatever carried them: files, journald, syslog, containers.

A line may have a prefix, as syslog and Kubernetes write one, or be a JSON object whose text is our line, as in the JSON
of journald and Docker. A disk that is full, or a process that is killed, leaves a line in part and without its end: the
next event then stands behind it. Every line without an audit event is passed over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

_CARRIERS = ("MESSAGE", "log", "message", "msg")
_DEPTH = 3
_BEGIN = re.compile(r'(?=\{"action": ")')
"""Where an event begins as this service writes it. Inside a JSON text the quotes would be escaped."""
_PIECES = 16
"""Parts of lines in one line; a line must not keep a computer busy."""
_NESTED = 8
"""Objects and lists inside each other; an event of this service has three."""


class _Object(dict[str, Any]):
    """A JSON object that knows whether a key stood in it twice: two readers could then read it differently."""

    is_ambiguous: bool

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.is_ambiguous = len(self) != len(pairs) or any(
            isinstance(value, _Object) and value.is_ambiguous for _, value in pairs
        )


_DECODER = json.JSONDecoder(object_pairs_hook=_Object)


@dataclass(frozen=True, slots=True)
class FoundEvent:
    """An audit event of a log. `is_ambiguous`: a key stands in it twice, which this service never writes."""

    facts: dict[str, Any]
    is_ambiguous: bool


def split_events(line: str) -> list[str]:
    """The pieces of a line, each with one event at most, where an end of a line is missing; else the line alone."""
    first = line.find('{"action": "')
    found = [match.start() for match in _BEGIN.finditer(line, first + 1)] if first >= 0 else []
    return [line[start:end] for start, end in zip([0, *found], [*found, len(line)], strict=True)]


def find_event(line: str, *, depth: int = _DEPTH) -> FoundEvent | None:
    """The first audit event of a line, or None."""
    for found in _objects(line):
        if found.get("event") == "audit":
            return FoundEvent(dict(found), found.is_ambiguous)
        for name in _CARRIERS:
            inner = found.get(name)
            if isinstance(inner, list):  # journald writes a text with unusual bytes as a list of them
                inner = _text_of(inner)
            if isinstance(inner, str) and depth:
                return find_event(inner, depth=depth - 1)
    return None


def _objects(line: str) -> Iterator[_Object]:
    """The JSON object of a line, and those of events behind it: what stands before them may be a part of a line."""
    first = line.find("{")
    further = (match.start() for match in _BEGIN.finditer(line, first + 1))
    for start in (first, *islice(further, _PIECES)) if first >= 0 else ():
        try:
            found, _ = _DECODER.raw_decode(line, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, _Object) and not _is_nested(found, _NESTED):
            yield found


def _is_nested(value: object, left: int) -> bool:
    """Whether objects and lists stand in each other more than `left` times, as a parser of JSON may not survive."""
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return left == 0 or any(_is_nested(one, left - 1) for one in inner)


def moment_of(facts: Mapping[str, Any]) -> datetime | None:
    """When an event was written, UTC; None where it does not say."""
    try:
        moment = datetime.fromisoformat(str(facts.get("timestamp")))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _text_of(values: list[Any]) -> str:
    try:
        return bytes(values).decode("utf-8", "replace")
    except (ValueError, TypeError):
        return ""
