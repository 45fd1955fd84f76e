"""Many accounts in one `aws_config`: its accounts and patterns, read and expanded before it is parsed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from awscons.access.targets import parse_role_arn
from awscons.config import patterns
from awscons.config.accounts import read_accounts
from awscons.config.mistakes import mistakes_of
from awscons.config.patterns import Expansion
from awscons.config.schema import AccountSection, PatternSection
from awscons.errors import Mistake
from awscons.findings import Finding, warning


@dataclass(frozen=True, slots=True)
class ManyAccounts:
    """The accounts, and `aws_config` with the targets of its patterns after those that are written by hand.

    files   the file of accounts, if there is one
    """

    accounts: tuple[AccountSection, ...]
    files: tuple[Path, ...]
    aws_config: Mapping[str, object]
    expansion: Expansion
    by_hand: int

    def name_origins(self, mistakes: Sequence[Mistake]) -> list[Mistake]:
        """The mistakes, each with its pattern, account and role where it is about a target of a pattern."""
        return patterns.name_origins(mistakes, self.expansion, by_hand=self.by_hand)

    def facts(self, sections: Mapping[str, object]) -> Mapping[str, object]:
        """The sections with the accounts, as they are hashed."""
        return {**sections, "accounts": [account.model_dump() for account in self.accounts]}

    def findings(self) -> Iterator[Finding]:
        """Patterns that give no target, and targets by hand in accounts that are closed."""
        for index in self.expansion.unused:
            yield warning(
                f"aws_config.patterns[{index}]",
                f"aws_config.patterns[{index}] gives no target: it selects no active account",
                "change `only` or `except`, or remove the pattern",
            )
        closed = {account.id: account for account in self.accounts if account.status != "ACTIVE"}
        written = self.aws_config["targets"]
        for target in written[: self.by_hand] if isinstance(written, list) else ():
            role = parse_role_arn(str(target.get("role")))
            if role is not None and role.account_id in closed:
                account = closed[role.account_id]
                yield warning(
                    f"target {target.get('service')!r}",
                    f"target {target.get('service')!r} is in account {account.id}, which is {account.status}",
                    "remove the target, or set the account's `status`",
                )


def read_patterns(written: object, *, folder: Path, mistakes: list[Mistake]) -> ManyAccounts | None:
    """The accounts and patterns of `aws_config` as written; None if it has neither. Mistakes are added.

    folder   a relative name of a file of accounts starts here
    """
    if not isinstance(written, Mapping) or not {"accounts", "patterns"} & set(written):
        return None
    accounts = read_accounts(written.get("accounts"), folder=folder, mistakes=mistakes)
    sections = list(_parsed(written.get("patterns", []), mistakes))
    if sections and "accounts" not in written:
        mistakes.append(Mistake("aws_config.patterns", "", "`accounts` beside it: patterns are for accounts"))
    expansion = patterns.expand(sections, accounts, mistakes)
    by_hand = written.get("targets", [] if sections else None)
    if isinstance(by_hand, list | tuple):
        targets: object = [*by_hand, *expansion.targets]
        written = {**written, "targets": targets}
    rest = {key: value for key, value in written.items() if key not in {"accounts", "patterns"}}
    name = written.get("accounts")
    files = (folder / name,) if isinstance(name, str | Path) else ()
    return ManyAccounts(
        accounts, files, rest, expansion, len(by_hand) if isinstance(by_hand, list | tuple) else 0
    )


def _parsed(written: object, mistakes: list[Mistake]) -> Iterator[PatternSection]:
    if not isinstance(written, list | tuple):
        mistakes.append(Mistake("aws_config.patterns", type(written).__name__, "a list of dicts"))
        return
    for index, pattern in enumerate(written):
        try:
            yield PatternSection.model_validate(pattern)
        except ValidationError as error:
            mistakes.extend(mistakes_of(f"aws_config.patterns[{index}]", PatternSection, error))
