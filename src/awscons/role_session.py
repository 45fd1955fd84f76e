"""The role session's name: how CloudTrail will call the person. Pure rules of AssumeRole's parameters."""

from __future__ import annotations

import hashlib
import re
import unicodedata

# STS API, AssumeRole, RoleSessionName: 2 to 64 of [\w+=,.@-]. STS means ASCII; Python's \w does not.
_LEGAL_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{2,64}")
_ILLEGAL_RUN = re.compile(r"[^A-Za-z0-9_+=,.@-]+")
_LONGEST_NAME = 64
_HASH_DIGITS = 10
_MADE_HERE = re.compile(r"-[0-9a-f]{10}\Z")


def legal_role_session_name(user_name: str) -> str:
    """A legal RoleSessionName for `user_name`.

    A name that is legal as it is stays as it is, unless it looks like one of those made here. Any other
    is brought to ASCII as readably as possible and ends in `-` and ten hexadecimal digits of its
    SHA-256, so that two people whose names become alike (`ana/b` and `ana b`), or are cut alike, still
    have names of their own.
    """
    if _LEGAL_NAME.fullmatch(user_name) and not _MADE_HERE.search(user_name):
        return user_name
    digest = hashlib.sha256(user_name.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
    without_accents = unicodedata.normalize("NFKD", user_name).encode("ascii", "ignore").decode("ascii")
    readable = _ILLEGAL_RUN.sub("-", without_accents).strip("-")
    if not readable:
        return f"user-{digest}"
    return f"{readable[: _LONGEST_NAME - _HASH_DIGITS - 1]}-{digest}"
