"""Names a configuration by a hash of what it says, so that a log can say which one was in force.

Passwords, tokens and texts from files or the environment are left out: nobody can guess them from the hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from awscons.config.mistakes import TextFromOutside, is_secret

_LENGTH = 16
"""Hexadecimal digits: enough to tell apart all configurations that a company ever has."""


def fingerprint_of(sections: Mapping[str, object]) -> str:
    """The same for every process and host that reads the same configuration."""
    # A dict that may be left out says the same when it is empty.
    told = {name: section for name, section in sections.items() if section}
    text = json.dumps(_public(told), sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]


def _public(value: object) -> object:
    if isinstance(value, TextFromOutside):
        return None
    if isinstance(value, Mapping):
        return {str(key): _public(item) for key, item in value.items() if not is_secret(key, item)}
    if isinstance(value, list | tuple):
        return [_public(item) for item in value]
    return value
