"""Writes the file of accounts, for `awscons accounts`: CSV or JSON, in an order that makes diffs small."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from awscons.config.schema import AccountSection

WRITABLE_TYPES = (".csv", ".json")
_COLUMNS = ("id", "name", "slug", "ou", "environment", "color", "status")


def accounts_text(path: Path, accounts: Sequence[AccountSection]) -> str:
    """The content of a file of that name with those accounts, sorted by number."""
    ordered = sorted(accounts, key=lambda account: account.id)
    if path.suffix.lower() == ".json":
        told = [account.model_dump(exclude_defaults=True) for account in ordered]
        return json.dumps({"accounts": told}, indent=2, ensure_ascii=False) + "\n"
    tags = sorted({name for account in ordered for name in account.tags})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_COLUMNS, *(f"tag:{name}" for name in tags)])
    for account in ordered:
        facts = [getattr(account, column) or "" for column in _COLUMNS]
        writer.writerow([*facts, *(account.tags.get(name, "") for name in tags)])
    return text.getvalue()


def changes_of(before: Sequence[AccountSection], after: Sequence[AccountSection]) -> Iterator[str]:
    """A line for each account that is new, gone or different."""
    old = {account.id: account for account in before}
    new = {account.id: account for account in after}
    for number in sorted(old | new):
        was, becomes = old.get(number), new.get(number)
        if was is None and becomes is not None:
            yield f"+ {number}  {becomes.name or ''}  {becomes.ou or ''}".rstrip()
        elif becomes is None and was is not None:
            yield f"- {number}  {was.name or ''}".rstrip()
        elif was is not None and becomes is not None:
            yield from _differences(was, becomes)


def _differences(was: AccountSection, becomes: AccountSection) -> Iterator[str]:
    for column in (*_COLUMNS, "tags"):
        before, after = getattr(was, column), getattr(becomes, column)
        if before != after:
            yield f"~ {was.id}  {column}: {before or 'none'} → {after or 'none'}"
