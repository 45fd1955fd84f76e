"""The base class of every error of this project, and how a received value is quoted in one."""

from __future__ import annotations

from typing import ClassVar

MAX_QUOTED_LENGTH = 200
"""Characters of a received value that go to the log; the rest is cut, visibly."""


def quote_for_log(value: object) -> str:
    """`value` for the log: quoted, control characters escaped, cut after MAX_QUOTED_LENGTH characters."""
    text = value if isinstance(value, str) else str(value)
    if len(text) > MAX_QUOTED_LENGTH:
        text = f"{text[:MAX_QUOTED_LENGTH]}… ({len(text)} characters)"
    return repr(text)


class AwsconsError(Exception):
    """The base class. `str()` and `hint` are for the operator, `public` is for the person."""

    public: ClassVar[str] = "An internal error occurred in this service."

    def __init__(self, cause: str, *, hint: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.hint = hint
