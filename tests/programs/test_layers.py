"""Imports: the floors hold, the contracts that say so can fail, and importing builds nothing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_floors_hold(copy: Path) -> None:
    done = lint_imports(copy)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("errors/root.py", "import awscons.access.identity", "Imports point down"),
        ("access/decision.py", "import awscons.signin.login", "Imports point down"),
        ("aws/broker.py", "import awscons.adapters.aws.sts_client", "Imports point down"),
        ("web/pages.py", "import awscons.adapters.aws.sts_client", "Imports point down"),
        ("adapters/aws/sts_client.py", "import awscons.web.app", "Imports point down"),
        ("signin/login.py", "import awscons.aws.broker", "Imports point down"),
        ("access/decision.py", "def late() -> None:\n    import awscons.web.app", "Imports point down"),
        ("assembly/service.py", "import awscons.demo.sample_people", "Only the command line opens the demo"),
        (
            "wsgi.py",
            "def late() -> None:\n    import awscons.demo.sample_people",
            "Only the command line opens the demo",
        ),
        ("saml/parties.py", "import awscons.access.identity", "The SAML library"),
        ("saml/names.py", "import awscons.saml.response", "No cycles"),
        ("web/cookies.py", "def late() -> None:\n    import awscons.web.dependencies", "No cycles"),
        ("new_on_no_floor.py", "", "Imports point down"),
    ],
)
def test_an_import_that_must_not_be_breaks_a_contract(
    copy: Path, module: str, line: str, contract: str
) -> None:
    with (copy / "src" / "awscons" / module).open("a") as file:
        file.write(f"\n\n{line}\n")
    done = lint_imports(copy)
    assert done.returncode != 0
    assert contract in done.stdout


def test_importing_the_package_builds_nothing() -> None:
    """No configuration, no thread, no socket: parts receive what they need."""
    code = "import awscons.wsgi, awscons.assembly, threading; assert threading.active_count() == 1"
    subprocess.run([sys.executable, "-c", code], cwd="/", env={"PYTHONPATH": str(ROOT / "src")}, check=True)
