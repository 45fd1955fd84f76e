"""`make mutants`: does a test notice each small change to a rule? mutmut makes the changes and runs the tests.

mutmut's operators change comparisons, numbers, arguments, branches and constants. Here a dropped `raise` is added,
and texts stay as they are: a changed word in a message is no changed rule. Not part of the gate, since it takes
hours; run it before a release. A change that no test can notice stands
with its reason in `tests/mutants/`, in the file of its room.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any, cast

import libcst as cst
from mutmut.__main__ import cli
from mutmut.mutation import mutators
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.file_mutation import MutationVisitor
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files

_ACCEPTED = Path("tests/mutants")
_UNNOTICED = {"survived", "no tests"}
"""mutmut's words; the second is for a function that no test of the selection calls."""


@dataclass(frozen=True)
class Survivor:
    """A change that no test noticed: the function, the lines before and the lines after."""

    function: str
    was: str
    became: str


def main(arguments: list[str]) -> int:
    """Make the mutants of these names (globs such as `awscons.access.*`; none: all), and list the survivors.

    arguments   names, and options of `mutmut run`
    Returns 1 if a mutant survived that is not accepted in `tests/mutants/`.
    """
    _change_rules_only()
    cli.main(["run", *arguments], standalone_mode=False)
    names = [argument for argument in arguments if argument.startswith("awscons.")]
    accepted = {
        Survivor(entry["function"], entry["was"], entry["became"])
        for file in _ACCEPTED.glob("*.toml")
        for entry in tomllib.loads(file.read_text(encoding="utf-8"))["accepted"]
    }
    survivors = [survivor for survivor in _survivors(names) if survivor not in accepted]
    for survivor in survivors:
        # A text of JSON, with its escapes, is one of TOML.
        function, was, became = (json.dumps(text, ensure_ascii=False) for text in astuple(survivor))
        sys.stdout.write(f"\n[[accepted]]\nfunction = {function}\nwas = {was}\n")
        sys.stdout.write(f'became = {became}\nreason = ""\n')
    sys.stdout.write(f"\n{len(survivors)} changes that no test noticed and that are not accepted\n")
    return 1 if survivors else 0


def _change_rules_only() -> None:
    """Leave texts alone, drop each `raise` once, and change nothing inside of it."""
    operators = cast("list[tuple[type, Any]]", mutators.mutation_operators)
    operators[:] = [known for known in operators if known[1] is not mutators.operator_string]
    operators.append((cst.Raise, _drop))
    visit = MutationVisitor.on_visit

    def on_visit(self: MutationVisitor, node: cst.CSTNode) -> bool:
        return visit(self, node) and not isinstance(node, cst.Raise)

    vars_of: Any = MutationVisitor
    vars_of.on_visit = on_visit  # mutmut offers no other way


def _drop(_node: cst.Raise) -> Iterable[cst.Pass]:
    yield cst.Pass()


def _survivors(names: list[str]) -> Iterator[Survivor]:
    for path in walk_mutatable_files():
        data = SourceFileMutationData(path=path)
        data.load()
        for name, code in data.exit_code_by_key.items():
            if status_by_exit_code[code] in _UNNOTICED and (
                not names or any(map(partial(fnmatch, name), names))
            ):
                yield _survivor(name, get_diff_for_mutant(name, path=path))


def _survivor(name: str, diff: str) -> Survivor:
    body = [line for line in diff.splitlines() if not line.startswith(("---", "+++", "@@"))]
    was = " ".join(line[1:].strip() for line in body if line.startswith("-"))
    became = " ".join(line[1:].strip() for line in body if line.startswith("+"))
    return Survivor(name.rpartition("__mutmut_")[0], was, became)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
