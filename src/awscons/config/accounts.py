"""Reads the accounts: a list in `config.py`, or a CSV, JSON or TOML file beside it.

Each row becomes an AccountSection. A mistake names the file and the line, or the entry of the list.
"""

from __future__ import annotations

import csv
import io
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from awscons.config.mistakes import found_words, mistakes_of
from awscons.config.schema import AccountSection
from awscons.errors import Mistake

FILE_TYPES = (".csv", ".json", ".toml")
_TAG_COLUMN = "tag:"
_KEY = "aws_config.accounts"


@dataclass(frozen=True, slots=True)
class _Row:
    """One account as written, with its place for messages: `accounts.csv, line 3`."""

    place: str
    value: object


class _UnreadableError(Exception):
    """The whole file cannot be used; the mistake says why."""

    def __init__(self, mistake: Mistake) -> None:
        self.mistake = mistake


def read_accounts(value: object, *, folder: Path, mistakes: list[Mistake]) -> tuple[AccountSection, ...]:
    """The accounts in the order of the file; every mistake is added to `mistakes`.

    value    the configured value: the name of a file, or a list of dicts; None: no accounts
    folder   a relative name starts here
    """
    try:
        rows = list(_rows(value, folder))
    except _UnreadableError as error:
        mistakes.append(error.mistake)
        return ()
    found = []
    for row in rows:
        try:
            found.append((row.place, AccountSection.model_validate(row.value)))
        except ValidationError as error:
            mistakes.extend(mistakes_of(row.place, AccountSection, error))
    mistakes.extend(_duplicates(found, "id"))
    mistakes.extend(_duplicates(found, "slug"))
    return tuple(account for _, account in found)


def _rows(value: object, folder: Path) -> Iterator[_Row]:
    if value is None:
        return
    if isinstance(value, list | tuple):
        yield from (_Row(f"{_KEY}[{index}]", entry) for index, entry in enumerate(value))
        return
    wanted = f"a list of accounts, or the name of a file: {', '.join(FILE_TYPES)}"
    if not isinstance(value, str | Path) or Path(value).suffix.lower() not in FILE_TYPES:
        raise _UnreadableError(Mistake(_KEY, found_words(value), wanted))
    path = folder / value
    text = _text_of(path)
    match path.suffix.lower():
        case ".csv":
            yield from _csv_rows(path.name, text)
        case ".json":
            yield from _listed_rows(path.name, _parsed(path.name, json.loads, text))
        case _:
            yield from _listed_rows(path.name, _parsed(path.name, tomllib.loads, text))


def _text_of(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else error.strerror or "unreadable"
        raise _UnreadableError(Mistake(_KEY, f"{path}: {reason}", "a file that this user may read")) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _UnreadableError(
            Mistake(f"{path.name}, line {line}", "bytes that are not UTF-8", "a file in UTF-8")
        ) from None


def _csv_rows(name: str, text: str) -> Iterator[_Row]:
    """One account per line below a header. Columns `tag:NAME` are tags; an empty field is left out."""
    header = text.partition("\n")[0]
    # Spreadsheets of some countries write semicolons.
    separator = ";" if header.count(";") > header.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    columns: list[str] = []
    try:
        for fields in reader:
            place = f"{name}, line {reader.line_num}"
            if not columns:
                columns = [field.strip() for field in fields]
            elif len(fields) > len(columns):
                raise _UnreadableError(
                    Mistake(place, f"{len(fields)} fields", f"{len(columns)} fields, as in the header")
                )
            elif any(field.strip() for field in fields):
                yield _Row(place, _account_of(dict(zip(columns, fields, strict=False))))
    except csv.Error as error:
        place = f"{name}, line {reader.line_num}"
        raise _UnreadableError(Mistake(place, str(error), "a file of comma-separated values")) from None


def _account_of(fields: Mapping[str, str]) -> dict[str, object]:
    said = {column: field.strip() for column, field in fields.items() if field.strip()}
    tags = {
        column.removeprefix(_TAG_COLUMN): field
        for column, field in said.items()
        if column.startswith(_TAG_COLUMN)
    }
    account: dict[str, object] = {
        column: field for column, field in said.items() if not column.startswith(_TAG_COLUMN)
    }
    return account | ({"tags": tags} if tags else {})


def _parsed(name: str, parse: object, text: str) -> object:
    assert callable(parse)  # noqa: S101  for the type checker: the two parsers have no common type
    try:
        return parse(text)
    except json.JSONDecodeError as error:
        place, reason = f"{name}, line {error.lineno}", error.msg
    except tomllib.TOMLDecodeError as error:
        place, reason = name, str(error)
    raise _UnreadableError(Mistake(place, reason, "a file of that type"))


def _listed_rows(name: str, parsed: object) -> Iterator[_Row]:
    entries = parsed.get("accounts") if isinstance(parsed, Mapping) else parsed
    if not isinstance(entries, list):
        raise _UnreadableError(
            Mistake(name, found_words(parsed), "a list of accounts, or one under the key `accounts`")
        )
    for index, entry in enumerate(entries):
        yield _Row(f"{name}, account {index + 1}", entry)


def _duplicates(found: Sequence[tuple[str, AccountSection]], key: str) -> Iterator[Mistake]:
    """Two accounts of one number are one mistake too many; so are two of one slug, whose links would clash."""
    first: dict[str, str] = {}
    for place, account in found:
        value = getattr(account, key)
        if value in first:
            yield Mistake(
                f"{place}.{key}",
                found_words(value),
                f"a{'n' if key == 'id' else ''} {key} that no other account has",
                f"{first[value]} has it already",
            )
        elif value is not None:
            first[value] = place
