"""No regular expression of ours takes more than linear time, whatever text it meets."""

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import ModuleType

import pytest

from support.regex_growth import Automaton

SRC = Path(__file__).parents[2] / "src"
METHODS = {"match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"}
Pattern = re.Pattern[str] | re.Pattern[bytes]


def uses_in(path: Path) -> Iterator[tuple[str, str, Pattern]]:
    """Where, by which method, and which expression: of every call in a module."""
    tree = ast.parse(path.read_text())
    if "re" not in {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }:
        return
    dotted = ".".join(path.relative_to(SRC).with_suffix("").parts)
    module = importlib.import_module(dotted)
    for node in ast.walk(tree):
        match node:
            case ast.Call(ast.Attribute(ast.Name("re"), str(method)), [ast.Constant(str(text)), *_]) if (
                method in METHODS
            ):
                yield f"{dotted}:{node.lineno}", method, re.compile(text)
    for name, pattern in patterns_of(module):
        methods = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and name in ast.unparse(node.value) and node.attr in METHODS
        }
        for method in sorted(methods or {"search", "fullmatch"}):
            yield f"{dotted}.{name}", method, pattern


def patterns_of(module: ModuleType) -> Iterator[tuple[str, Pattern]]:
    """Those that are values of a module, or fields of the values of a dict."""
    for name, value in vars(module).items():
        if isinstance(value, re.Pattern):
            yield name, value
        for key, entry in value.items() if name.isupper() and isinstance(value, dict) else ():
            for part in fields(entry) if is_dataclass(entry) else ():
                if isinstance(pattern := getattr(entry, part.name), re.Pattern):
                    yield f"{name}[{key}].{part.name}", pattern


USES = [use for path in sorted(SRC.rglob("*.py")) for use in uses_in(path)]


@pytest.mark.parametrize(
    ("method", "pattern"), [use[1:] for use in USES], ids=[f"{where} {method}" for where, method, _ in USES]
)
def test_the_time_of_an_expression_grows_no_faster_than_the_text(method: str, pattern: Pattern) -> None:
    assert not Automaton(pattern, method).grows(), pattern.pattern


def test_every_expression_is_judged() -> None:
    """One that is made in another way than these tests know would escape them."""
    for path in SRC.rglob("*.py"):
        dotted = ".".join(path.relative_to(SRC).with_suffix("").parts)
        made = len(re.findall(r"\bre\.[a-z]+\(", path.read_text())) - path.read_text().count("re.escape(")
        judged = {where for where, _, _ in USES if where.startswith((f"{dotted}.", f"{dotted}:"))}
        assert len(judged) >= made, path


@pytest.mark.parametrize(
    ("pattern", "method", "grows"),
    [
        (r"a*b", "match", False),
        (r"a*b", "search", True),
        (r"a+", "sub", False),
        (r"a*a*b", "match", True),
        (r"a*a*", "match", False),
        (r"a*a*", "fullmatch", True),
        (r"a*,a*", "fullmatch", False),
        (r"(?:a+)+b", "match", True),
        (r"(?:ab|a|b)*c", "match", True),
        (r"(?:a++)*+b", "match", False),
        (r"a{1,64}a*b", "match", False),
        (r"a{1,65}a*b", "match", True),
        (r"\s*=\s*((?:\\.|[^,])+?)\s*,", "match", True),
    ],
)
def test_an_expression_is_judged_by_its_loops(pattern: str, method: str, *, grows: bool) -> None:
    assert Automaton(re.compile(pattern), method).grows() is grows
