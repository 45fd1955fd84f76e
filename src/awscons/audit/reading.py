"""Finds audit events in the lines of logs, whatever carried them: files, journald, syslog, containers.

A line may have a prefix, as syslog and Kubernetes write one, or be a JSON object whose text is our line, as in the JSON
of journald and Docker. Every line without an audit event is passed over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_CARRIERS = ("MESSAGE", "log", "message", "msg")
_DEPTH = 3


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


def find_event(line: str, *, depth: int = _DEPTH) -> FoundEvent | None:
    """The audit event of a line, or None."""
    start = line.find("{")
    if start < 0:
        return None
    try:
        found, _ = _DECODER.raw_decode(line, start)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, _Object):
        return None
    if found.get("event") == "audit":
        return FoundEvent(dict(found), found.is_ambiguous)
    for name in _CARRIERS:
        inner = found.get(name)
        if isinstance(inner, list):  # journald writes a text with unusual bytes as a list of them
            inner = _text_of(inner)
        if isinstance(inner, str) and depth:
            return find_event(inner, depth=depth - 1)
    return None


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
