"""The text of IAM policies: compact, as AWS counts it, and readable, as people review it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Statement: TypeAlias = Mapping[str, object]

_VERSION = "2012-10-17"


def policy(*statements: Statement) -> dict[str, object]:
    """A policy document of these statements."""
    return {"Version": _VERSION, "Statement": [dict(statement) for statement in statements]}


def policy_size(document: Mapping[str, object]) -> int:
    """The characters of a policy that count towards IAM's limits: white space does not ("IAM and STS quotas")."""
    return len(json.dumps(document, separators=(",", ":"), ensure_ascii=False))


def readable(document: Mapping[str, object] | Sequence[object]) -> str:
    """A document as people review it: two spaces, one final newline."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
