"""The maps: docstrings of packages, reference pages and CONTRIBUTING name what is in the code, and the code keeps its shape."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from awscons.adapters.shared_counters import DECISIONS, REJECTED, UPSTREAM
from awscons.audit.events import Action, AuditEvent, Outcome
from awscons.web.problems import STATUS_CODES
from support.house import open_house

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "awscons"
FILES = sorted(SRC.rglob("*.py"))
PACKAGES = sorted(path.parent for path in SRC.rglob("__init__.py"))
ANSWERS = (ROOT / "docs" / "reference" / "answers.md").read_text(encoding="utf-8")
TROUBLESHOOTING = (ROOT / "docs" / "how-to" / "troubleshooting.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SOURCE = {path: path.read_text(encoding="utf-8") for path in FILES}
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60


def section(title: str) -> str:
    """What stands below that heading of the reference."""
    return ANSWERS.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def documented(text: str) -> set[str]:
    """The words in backticks in the first column of its tables."""
    return {
        word
        for line in text.splitlines()
        if line.startswith("|")
        for word in re.findall(r"`([^`]+)`", line.split("|")[1])
    }


# --- modules -----------------------------------------------------------------------------


def modules_of(package: Path) -> set[str]:
    """Names of the modules and packages directly inside."""
    files = {path.stem for path in package.glob("*.py")} - {"__init__", "__main__"}
    return files | {path.parent.name for path in package.glob("*/__init__.py")}


@pytest.mark.parametrize("package", PACKAGES[1:], ids=lambda path: str(path.relative_to(SRC)))
def test_a_package_names_each_of_its_modules_in_its_docstring(package: Path) -> None:
    text = ast.get_docstring(ast.parse(SOURCE[package / "__init__.py"])) or ""
    missing = {name for name in modules_of(package) if not re.search(rf"\b{name}\b", text)}
    assert not missing, f"not named in {package.relative_to(ROOT)}/__init__.py"


@pytest.mark.parametrize("package", PACKAGES[1:], ids=lambda path: str(path.relative_to(SRC)))
def test_a_package_lists_no_module_that_is_gone(package: Path) -> None:
    text = ast.get_docstring(ast.parse(SOURCE[package / "__init__.py"]), clean=True) or ""
    listed = set(re.findall(r"^ *([a-z_]+) {2,}\S", text, re.MULTILINE))
    assert not listed - modules_of(package)


def test_contributing_names_every_room() -> None:
    missing = {name for name in modules_of(SRC) if not re.search(rf"`(\w+/)?{name}(\.py|/)?`", CONTRIBUTING)}
    assert not missing, "not named in CONTRIBUTING.md"


def test_no_two_modules_have_the_same_name() -> None:
    names = Counter(path.stem for path in FILES if path.stem not in {"__init__", "settings"})
    names.update(package.name for package in PACKAGES[1:] if package != SRC / "adapters" / "aws")
    assert not [name for name, times in names.items() if times > 1]


# --- shape -------------------------------------------------------------------------------


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many lines it has, without its docstring."""
    start, end = function.lineno, function.end_lineno or function.lineno
    first = function.body[0]
    documented = ast.get_docstring(function) is not None
    return end - start + 1 - ((first.end_lineno or 0) - first.lineno + 1 if documented else 0)


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    lengths = {str(path.relative_to(SRC)): len(text.splitlines()) for path, text in SOURCE.items()}
    assert not {name: length for name, length in lengths.items() if length > MAX_FILE_LINES}


def test_no_function_is_longer_than_sixty_lines() -> None:
    lengths = {
        f"{path.relative_to(SRC)}:{function.name}": lines_of(function)
        for path, text in SOURCE.items()
        for function in functions(ast.parse(text))
    }
    assert not {name: length for name, length in lengths.items() if length > MAX_FUNCTION_LINES}


# --- what the service answers and records ------------------------------------------------


def logged_events() -> set[str]:
    """Texts in the code that have the form of an event's name, in a module that logs."""
    return {
        node.value
        for text in SOURCE.values()
        if "structlog.get_logger" in text
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"[a-z_]+\.[a-z_]+", node.value)
        and not node.value.endswith((".html", ".py"))
    }


def test_every_event_of_the_log_stands_in_the_reference() -> None:
    events = logged_events()
    assert {"problem.unexpected", "idp_metadata.refused_at_start"} <= events
    assert not events - documented(section("Log"))


def test_every_action_outcome_and_field_of_the_audit_log_stands_in_the_reference() -> None:
    expected = {*Action, *Outcome, *AuditEvent.__dataclass_fields__}
    assert not expected ^ documented(section("Audit events"))


def test_every_metric_stands_in_the_reference(tmp_path: Path) -> None:
    with open_house(tmp_path, server={"metrics_token": "made-up-for-tests-0123456789"}) as house:
        page = house.browser().get(
            "/metrics", headers={"Authorization": "Bearer made-up-for-tests-0123456789"}
        )
    families = set(re.findall(r"^# TYPE (\S+) ", page.text, re.MULTILINE))
    assert families >= {f"{DECISIONS[0]}_total", f"{REJECTED[0]}_total", UPSTREAM[0]}
    assert not families - documented(section("Metrics"))
