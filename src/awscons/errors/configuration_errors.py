"""Errors about what an operator configures: the file, keys, metadata, addresses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from awscons.errors.root import AwsconsError

_ENTRY = re.compile(r"(\w{1,40})\[\d{1,9}\]")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in the configuration, worded for the person who edits the file.

    path    the key, such as `aws_config.targets[1].role`, or a file's name
    found   the value, safe to print; empty when there is no value
    wanted  a description of valid values
    hint    how to correct it, if that can be guessed ("did you mean …?")
    repeated   how often the list has it, if this is the first of several: `2,998 targets`
    """

    path: str
    found: str
    wanted: str
    hint: str = ""
    repeated: str = ""

    def __str__(self) -> str:
        lines = [f"  {self.path}"]
        if self.repeated:
            lines.append(f"      in      {self.repeated}, of which this is the first")
        if self.found:
            lines.append(f"      found   {self.found}")
        lines.append(f"      wanted  {self.wanted}")
        if self.hint:
            lines.append(f"      hint    {self.hint}")
        return "\n".join(lines)


def grouped_mistakes(mistakes: Sequence[Mistake]) -> list[Mistake]:
    """The mistakes; of those that differ only in the entry of a list, the first: a file may repeat one 3,000 times."""
    alike: dict[Mistake, list[Mistake]] = {}
    for mistake in mistakes:
        alike.setdefault(replace(mistake, path=_ENTRY.sub(r"\1", mistake.path)), []).append(mistake)
    return [
        replace(first, repeated=f"{len(more) + 1:,} {_ENTRY.findall(first.path)[-1]}") if more else first
        for first, *more in alike.values()
    ]


class ConfigurationError(AwsconsError):
    """The configuration cannot be used. `mistakes` holds all mistakes that were found."""

    public = "This service is not set up correctly."

    def __init__(self, source: str, mistakes: Sequence[Mistake]) -> None:
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes):,} mistakes"
        report = "\n\n".join(map(str, grouped_mistakes(mistakes)))
        super().__init__(f"{source}: {count}\n\n{report}")
        self.source = source
        self.mistakes = tuple(mistakes)


class CannotListen(AwsconsError):
    """The server cannot listen on the configured address or port."""


class KeysRefused(AwsconsError):
    """The folder of our own keys cannot be read, written or used."""

    public = "This service is not set up correctly."


class SelfTestFailed(AwsconsError):
    """The SAML library of this installation does not work. The service does not start."""

    public = "This service is not set up correctly."


class MetadataRefused(AwsconsError):
    """The identity provider's metadata cannot be loaded or used. Good metadata from before stays in use."""

    public = "This service has no valid metadata of your identity provider at the moment."
