"""The maps of the house are true: package docstrings, the reference, CONTRIBUTING. Each failure names what is missing."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from awscons.adapters import shared_counters
from awscons.audit.events import Action, AuditEvent, Outcome
from awscons.web.problems import STATUS_CODES

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "awscons"
MODULES = sorted(SRC.rglob("*.py"))
PACKAGES = sorted(path.parent for path in MODULES if path.name == "__init__.py" and path.parent != SRC)
REFERENCE = "\n".join(path.read_text() for path in sorted((ROOT / "docs" / "reference").glob("*.md")))
ON_TOP = sorted(
    {path.stem for path in SRC.glob("*.py") if not path.stem.startswith("__")}
    | {package.name for package in PACKAGES if package.parent == SRC}
)


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def log_events() -> Iterator[str]:
    """The name of each event that is written: the first argument of `_log.info("…")` and its siblings."""
    for path in MODULES:
        for node in ast.walk(tree_of(path)):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not node.args:
                continue
            name, target = node.args[0], node.func.value
            writes = node.func.attr in {"debug", "info", "warning", "error", "exception"}
            is_log = isinstance(target, ast.Name) and target.id == "_log"
            if writes and is_log and isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield name.value


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.relative_to(SRC)))
def test_a_package_names_each_of_its_modules_on_its_first_page(package: Path) -> None:
    page = ast.get_docstring(tree_of(package / "__init__.py")) or ""
    inside = {path.stem for path in package.glob("*.py")} | {
        path.parent.name for path in package.glob("*/__init__.py")
    }
    assert sorted(name for name in inside - {"__init__"} if not re.search(rf"\b{name}\b", page)) == []


def test_every_log_event_is_in_the_reference() -> None:
    assert sorted(event for event in set(log_events()) if f"`{event}`" not in REFERENCE) == []


def test_every_audit_action_outcome_and_field_is_in_the_reference() -> None:
    names = [*Action, *Outcome, *(field.name for field in fields(AuditEvent))]
    assert [name for name in names if f"`{name}`" not in REFERENCE] == []


def test_every_metric_is_in_the_reference() -> None:
    source = "\n".join(path.read_text() for path in MODULES)
    names = {name for name in re.findall(r'"(awscons_[a-z_]+)"', source) if name != "awscons_"}
    assert shared_counters.UPSTREAM[0] in names
    assert sorted(name for name in names if name not in REFERENCE) == []


def test_every_status_code_is_in_the_reference() -> None:
    codes = {status.value for _, status in STATUS_CODES}
    assert sorted(code for code in codes if not re.search(rf"\b{code}\b", REFERENCE)) == []


def test_every_address_is_in_the_reference() -> None:
    source = "\n".join(path.read_text() for path in (SRC / "web").glob("*_view*.py"))
    below_saml = {
        f"/saml{path}"
        for path in re.findall(r'@views\.(?:get|post)\("(/[a-z-]+)"\)', source)
        if path not in {"/healthz", "/metrics"}
    }
    addresses = below_saml | {"/healthz", "/metrics"}
    assert len(addresses) > 6
    assert sorted(address for address in addresses if address not in REFERENCE) == []


def test_contributing_names_every_room() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    assert [name for name in ON_TOP if f"`{name}" not in page] == []


def test_every_file_that_contributing_names_exists() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.py)`", page))
    assert (
        sorted(
            name for name in named if not any((base / name).exists() for base in (SRC, ROOT, ROOT / "src"))
        )
        == []
    )


def test_no_two_modules_share_a_name_and_no_package_has_that_of_a_module() -> None:
    names = Counter(path.stem for path in MODULES if path.stem not in {"__init__", "settings"})
    names.update(package.name for package in PACKAGES if package != SRC / "adapters" / "aws")
    assert sorted(name for name, count in names.items() if count > 1) == []


def test_files_and_functions_stay_small() -> None:
    """400 lines a file; 60 a function, its docstring not counted."""
    large = [str(path.relative_to(SRC)) for path in MODULES if len(path.read_text().splitlines()) > 400]
    for path in MODULES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                length -= len((ast.get_docstring(node, clean=False) or "").splitlines())
                if length > 60:
                    large.append(f"{path.relative_to(SRC)}: {node.name}")
    assert large == []


def test_troubleshooting_quotes_causes_that_the_code_raises() -> None:
    page = (ROOT / "docs" / "how-to" / "troubleshooting.md").read_text()
    source = "\n".join(path.read_text() for path in MODULES)
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("|")]
    quoted = {cause for row in rows for cause in re.findall(r"`([a-z][^`]{6,})`", row) if " " in cause}
    assert sorted(cause for cause in quoted if cause not in source) == []
