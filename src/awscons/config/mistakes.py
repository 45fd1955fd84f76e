"""Mistakes in a configuration, in words for the person who edits the file.

Pydantic finds the mistakes; this module turns each into path, found, wanted and hint. The values of secret
keys and of unknown keys are never shown.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from awscons.config.schema import (
    BACKINGS,
    AgentSection,
    CommandLineSection,
    IdentityProviderSection,
    OrganizationSection,
    PartitionSection,
    Section,
    SelectionSection,
    TargetSection,
    WebhookSection,
)
from awscons.errors import Mistake

_MAX_FOUND_LENGTH = 80
_USER_IN_URL = re.compile(r"://[^/\s]*@")
SECRET_KEYS = frozenset({"metrics_token", "password", "sentinel_password"})
"""Keys whose values open doors, in whatever dict they stand."""


def is_secret(key: object, value: object) -> bool:
    """Whether this entry of a dict holds a password or token, be it in a URL."""
    return key in SECRET_KEYS or (isinstance(value, str) and _USER_IN_URL.search(value) is not None)


_WANTED = {
    "missing": "a value: this key is required",
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "True or False",
    "list_type": "a list",
    "model_type": "a dict",
    "dict_type": "a dict",
}


class TextFromOutside(str):
    """A text of the configuration that stands in a file or an environment variable. No mistake shows it."""

    __slots__ = ()


def found_words(value: object, *, secret: bool = False) -> str:
    """`value` as a mistake shows it: `'3600' (text)`. A secret, or a text from outside, shows its type alone."""
    kinds = {str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list"}
    kinds |= {dict: "a dict", tuple: "a tuple", type(None): "nothing"}
    kind = kinds.get(type(value), type(value).__name__)
    if isinstance(value, TextFromOutside):
        return "(text from a file or the environment, not shown)"
    if secret:
        return f"({kind}, not shown)"
    if value is None:
        return "None"
    quoted = repr(value)
    if _USER_IN_URL.search(quoted):
        return f"({kind} with a user name and password, not shown)"
    if len(quoted) > _MAX_FOUND_LENGTH:
        quoted = quoted[:_MAX_FOUND_LENGTH] + "…"
    return f"{quoted} ({kind})"


def mistakes_of(section: str, model: type[Section], error: ValidationError) -> Iterable[Mistake]:
    """Every mistake in one dict of the configuration; `section` is its name there."""
    for detail in error.errors(include_url=False):
        yield _mistake(section, model, detail)


def _mistake(  # noqa: PLR0911  one return for each kind of mistake
    section: str, model: type[Section], detail: ErrorDetails
) -> Mistake:
    location, model = _without_tag(detail["loc"], model)
    path = section + "".join(path_step(part) for part in location)
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        keys = sorted(_model_at(model, location[:-1]).model_fields)
        hint = did_you_mean(str(location[-1]), keys)
        return Mistake(path, "a key that does not exist", f"one of {', '.join(keys)}", hint)
    key = location[-1] if location else ""
    # A malformed URL of a store may hold a password where `_USER_IN_URL` does not look for it.
    secret = key in SECRET_KEYS or (key == "url" and "@" in str(detail["input"]))
    found = found_words(detail["input"], secret=secret)
    match kind:
        case "awscons":
            return Mistake(path, found, str(context["wanted"]), str(context["hint"]))
        case "missing":
            return Mistake(path, "", _WANTED[kind])
        case "union_tag_invalid" | "union_tag_not_found":
            tag = str(context.get("tag", ""))
            hint = did_you_mean(tag, BACKINGS)
            return Mistake(
                f"{path}.cache_type", repr(tag) if tag else "", f"one of {', '.join(BACKINGS)}", hint
            )
        case "literal_error":
            return _mistaken_choice(path, found, detail["input"], str(context["expected"]))
        case "too_long":
            return Mistake(path, found, f"at most {context['max_length']} entries")
        case "too_short":
            return Mistake(path, found, "at least one entry")
        case "greater_than_equal":
            return Mistake(path, found, f"at least {context['ge']:,}")
        case "less_than_equal":
            return Mistake(path, found, f"at most {context['le']:,}")
    return Mistake(path, found, _WANTED.get(kind, detail["msg"]))


def _mistaken_choice(path: str, found: str, value: object, expected: str) -> Mistake:
    """`expected`: pydantic's list of the choices, `'a', 'b' or 'c'`."""
    hint = did_you_mean(str(value), re.findall(r"'([^']*)'", expected))
    return Mistake(path, found, f"one of {expected}", hint)


def path_step(part: object) -> str:
    """One step of a path, as Python would write it: a number or an odd key in brackets."""
    return f".{part}" if isinstance(part, str) and part.isidentifier() else f"[{part!r}]"


def _without_tag(
    location: tuple[int | str, ...], model: type[Section]
) -> tuple[tuple[int | str, ...], type[Section]]:
    """Pydantic puts a backing's `cache_type` into the path of its keys; the file has no such level."""
    match location:
        case ["session_backing", str() as tag, *keys] if tag in BACKINGS:
            return ("session_backing", *keys), BACKINGS[tag]
        case _:
            return location, model


def _model_at(model: type[Section], location: Sequence[int | str]) -> type[Section]:
    """The section whose key was misspelt: a target's, an account's, else the model's own."""
    names = tuple(part for part in location if isinstance(part, str))
    return PartitionSection if names[:1] == ("partitions",) else _INNER_SECTIONS.get(names, model)


_INNER_SECTIONS: dict[tuple[str, ...], type[Section]] = {
    ("targets",): TargetSection,
    ("targets", "cli"): CommandLineSection,
    ("targets", "cli", "agent"): AgentSection,
    ("only",): SelectionSection,
    ("except",): SelectionSection,
    ("organization",): OrganizationSection,
    ("identity_provider",): IdentityProviderSection,
    ("webhook",): WebhookSection,
}
"""Sections inside others, by the names of the keys that lead there."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint naming the known word nearest to `word`, or nothing."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else ""
