"""The maps of the house are true: package docstrings, the reference, CONTRIBUTING. Each failure names what is missing."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest

from awscons.adapters import shared_counters
from awscons.assembly.service import build_service
from awscons.audit.chain import ERASED, AuditKey, Chain
from awscons.audit.event import Action, AuditEvent, Outcome
from awscons.config.load import parse_settings
from awscons.web.problems import STATUS_CODES
from support.house import config_for

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
    """Every text in the form of an event's name, in a module that logs; some are passed on to a function that logs."""
    for path in MODULES:
        if "\n_log = " in path.read_text():
            for node in ast.walk(tree_of(path)):
                if isinstance(node, ast.Constant) and re.fullmatch(r"[a-z_]+\.[a-z_]+", str(node.value)):
                    yield str(node.value)


def section(title: str) -> str:
    """The part of the reference of answers that stands below that heading."""
    page = (ROOT / "docs" / "reference" / "answers.md").read_text()
    return page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_column(text: str) -> set[str]:
    """What stands in backticks in the first column of the tables of `text`."""
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("|")]
    return {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.relative_to(SRC)))
def test_a_package_names_each_of_its_modules_on_its_first_page(package: Path) -> None:
    page = ast.get_docstring(tree_of(package / "__init__.py")) or ""
    inside = {path.stem for path in package.glob("*.py")} | {
        path.parent.name for path in package.glob("*/__init__.py")
    }
    assert sorted(name for name in inside - {"__init__"} if not re.search(rf"\b{name}\b", page)) == []


def test_every_log_event_is_in_the_reference() -> None:
    others = re.compile(
        r".*\.(html|audit|process|py)|apig_wsgi\..*|[a-z]+_config\..*"
    )  # templates, loggers, files, keys of the configuration
    events = {event for event in log_events() if not others.fullmatch(event)}
    assert {"problem.unexpected", "idp_metadata.refused_at_start"} <= events
    assert sorted(events - first_column(section("Log"))) == []


def test_the_reference_has_every_audit_action_outcome_and_field_and_no_other() -> None:
    names = {*Action, *Outcome, *(field.name for field in fields(AuditEvent))}
    assert sorted(names ^ first_column(section("Audit events"))) == []


def test_the_reference_has_every_field_of_the_chain() -> None:
    chain = Chain("host/1/now", AuditKey(0, b"k" * 32))
    event = chain.link({}, salt="s", now=datetime(1970, 1, 1, tzinfo=UTC))
    names = {*event, ERASED, "heads", "last_checkpoint", "at_stop"}
    assert sorted(names ^ first_column(section("Chain of audit events"))) == []


def test_every_metric_is_in_the_reference() -> None:
    source = "\n".join(path.read_text() for path in MODULES)
    names = {
        name
        for name in re.findall(r'"(awscons_[a-z_]+)"', source)
        if name not in {"awscons_", "awscons_audit"}
    }  # a table
    assert shared_counters.UPSTREAM[0] in names
    assert sorted(name for name in names if name not in REFERENCE) == []


def test_every_status_code_is_in_the_reference() -> None:
    codes = {status.value for _, status in STATUS_CODES} | aborted()
    rows = re.findall(r"^\| (\d{3})", section("Status codes"), re.MULTILINE)
    assert sorted(codes - set(map(int, rows))) == []


def aborted() -> set[int]:
    """The codes that views and guards give to `abort`."""
    source = "\n".join(path.read_text() for path in (SRC / "web").glob("*.py"))
    return set(map(int, re.findall(r"\babort\((\d{3})", source)))


def test_every_address_is_in_the_reference(tmp_path: Path) -> None:
    config = config_for(
        "https://sso.example.com/saml/acs",
        sts_url="http://127.0.0.1:1/",
        signin_url="http://127.0.0.1:1/federation",
        credentials_file=tmp_path / "credentials",
        store={"cache_type": "SimpleCache"},
        server={"metrics_token": "made-up-for-tests-0123456789"},
    )
    settings = parse_settings(config, source="test", environment={})
    rules = build_service(settings, environment={"AWSCONS_DEBUG": "1"}).url_map.iter_rules()
    prefix = re.compile(r"/aws\b")
    addresses = {
        f"{method} {prefix.sub('<prefix>', rule.rule.replace('/aws/<name>', '<prefix>/<service>'))}"
        for rule in rules
        for method in (rule.methods or set()) & {"GET", "POST"}
    }
    table = re.findall(r"`((?:GET|POST) [^`]+)`", section("Addresses"))
    assert sorted(addresses ^ set(table)) == []


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


def literals() -> str:
    """Every text of the code, with … for the parts that vary."""
    texts = []
    for path in MODULES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.JoinedStr):
                parts = [each.value if isinstance(each, ast.Constant) else "…" for each in node.values]
                texts.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
            elif isinstance(node, ast.ClassDef):
                texts.append(node.name)
    return "\n".join(texts)


def test_troubleshooting_quotes_causes_that_the_code_raises() -> None:
    page = (ROOT / "docs" / "how-to" / "troubleshooting.md").read_text()
    cells = [line.split("|")[2] for line in page.splitlines() if line.startswith("|")]
    quoted = {cause for cell in cells for cause in re.findall(r"`([^`]+)`", cell)}
    code = literals()
    assert len(quoted) > 30
    # The code of an HTTP answer varies, and so does every … at an end of a quoted cause.
    patterns = {cause: re.sub(r"\d…|\d{3}", "…", cause).strip("… ") for cause in quoted}
    assert sorted(cause for cause, pattern in patterns.items() if pattern not in code) == []
