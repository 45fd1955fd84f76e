"""Texts that the configuration takes from elsewhere: `{"file": "/run/secrets/redis"}`, `{"env": "REDIS_PASSWORD"}`.

They are put in place before anything else looks at the dicts, wherever the schema has a text. A key that takes a dict
of the operator's own keys, such as `session_tags`, keeps `{"env": …}` as it is.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from awscons.config.file_access import others_can_read, reason_of, writers_mistake
from awscons.config.mistakes import TextFromOutside, path_step
from awscons.config.schema import SECTIONS, PatternSection, RoleSection, Section, TargetSection
from awscons.errors import Mistake
from awscons.findings import Finding

_MAX_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class OutsideValues:
    """Where texts come from, and what was found on the way.

    folder        at which relative paths of files start
    environment   of the process
    """

    folder: Path
    environment: Mapping[str, str]
    mistakes: list[Mistake]
    findings: list[Finding]

    def resolve(self, name: str, section: object) -> object:
        """The dict of that name with every outside text in its place. Adds to `mistakes` and `findings`."""
        return self._resolved(frozenset({SECTIONS[name]}), section, name)

    def _resolved(self, kinds: frozenset[type], value: object, path: str) -> object:
        """`kinds`: the types that the schema takes there, and those of their entries."""
        if isinstance(value, list | tuple):
            return [self._resolved(kinds, item, f"{path}[{index}]") for index, item in enumerate(value)]
        if not isinstance(value, Mapping):
            return value
        if kinds & {PatternSection, RoleSection}:
            kinds |= {TargetSection}
        if str in kinds and dict not in kinds:
            text = self._text(value, path)
            if text is not value:
                return text
        known = _kinds_of_keys(kinds)
        # The keys of a dict are the operator's own, and a text among its entries stays as it is.
        entries = kinds - {dict, str} if dict in kinds else frozenset()
        return {
            key: self._resolved(entries or known.get(key, frozenset()), item, path + path_step(key))
            for key, item in value.items()
        }

    def _text(self, value: Mapping[object, object], path: str) -> object:
        """The text that `value` refers to; `value` itself if it refers to none, or to one that cannot be had."""
        match dict(value):
            case {"file": str() as name, **more} if not more:
                found = self._text_of_file(self.folder / name, path)
            case {"env": str() as name, **more} if not more:
                found = self.environment.get(name, "").strip()
                if not found:
                    self._miss(path, f"the environment variable {name} is not set or empty")
            case _:
                return value
        return TextFromOutside(found) if found else None

    def _text_of_file(self, file: Path, path: str) -> str:
        try:
            mistake = writers_mistake(path, file)
            readable = others_can_read(file, holds=f"the value of {path}")
            with file.open("rb") as opened:
                text = opened.read(_MAX_BYTES).decode().strip()
        except OSError as error:
            self._miss(path, f"{file}: {reason_of(error)}")
            return ""
        except ValueError:
            self._miss(path, f"{file}: not text in UTF-8")
            return ""
        if mistake is not None:
            self.mistakes.append(mistake)
        if not text:
            self._miss(path, f"{file}: empty")
        if readable is not None:
            self.findings.append(readable)
        return text

    def _miss(self, path: str, found: str) -> None:
        self.mistakes.append(Mistake(path, found, "a text that this user may read there"))


@cache
def _kinds_of_keys(kinds: frozenset[type]) -> Mapping[str, frozenset[type]]:
    """For each key of these sections, the types that it takes. Thousands of targets ask the same."""
    return {
        name: frozenset(_kinds_in(field.annotation))
        for section in kinds
        if issubclass(section, Section)
        for name, field in section.model_fields.items()
    }


def _kinds_in(annotation: object) -> Iterator[type]:
    """Every class that a type hint names, at any depth."""
    origin = typing.get_origin(annotation)
    if isinstance(annotation, type) and origin is None:
        yield annotation
    elif origin is typing.Annotated:
        yield from _kinds_in(typing.get_args(annotation)[0])
    elif origin is not None and origin is not typing.Literal:
        if isinstance(origin, type) and origin is not types.UnionType:
            yield origin
        for argument in typing.get_args(annotation):
            yield from _kinds_in(argument)
