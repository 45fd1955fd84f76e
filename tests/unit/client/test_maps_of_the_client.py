"""The client's package, its reference and its zipapp are what they say they are."""

import ast
import importlib.util
import re
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

import awscons
import awscons_cli
from awscons_cli.program import ENVIRONMENT, build_parser
from build_zipapp import build_zipapp, zipapp_bytes

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "client" / "awscons_cli"
MODULES = sorted(PACKAGE.glob("*.py"))


def generator() -> ModuleType:
    path = ROOT / "docs" / "reference" / "generate_client.py"
    spec = importlib.util.spec_from_file_location("generate_client", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def imported(path: Path) -> set[str]:
    """The packages whose modules a file imports, also inside of functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(), feature_version=(3, 9))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found.add(str(node.module).partition(".")[0])
    return found


def test_the_reference_is_up_to_date() -> None:
    page = (ROOT / "docs" / "reference" / "awscons-cli.md").read_text(encoding="utf-8")
    assert page == generator().page(), "run: make reference"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_imports_the_standard_library_and_the_client_alone(path: Path) -> None:
    allowed = {*sys.stdlib_module_names, "awscons_cli"}
    assert imported(path) - allowed <= ({"keyring"} if path.stem == "token_store" else set())


def test_the_package_names_each_of_its_modules_on_its_first_page() -> None:
    names = {path.stem for path in MODULES if not path.stem.startswith("__")}
    assert {
        name for name in names if not re.search(rf"^    {name} ", awscons_cli.__doc__ or "", re.MULTILINE)
    } == set()


def test_every_environment_variable_that_the_client_reads_is_documented() -> None:
    source = "\n".join(path.read_text() for path in MODULES)
    read = set(re.findall(r'environ(?:ment)?\.get\("([A-Z_]+)"', source)) - {
        "SHELL", "DISPLAY", "WAYLAND_DISPLAY", "LOCALAPPDATA", "AWS_REGION", "AWS_DEFAULT_REGION"
    }  # fmt: skip
    page = " ".join(f"{name} {meaning}" for name, meaning in ENVIRONMENT)
    assert {"AWSCONS_SERVICE", "AWSCONS_CLI_STATE"} <= read
    assert sorted(name for name in read if name not in page) == []


def test_the_client_has_the_version_of_the_service() -> None:
    assert awscons_cli.__version__ == awscons.__version__


def test_the_same_sources_give_the_same_bytes_whatever_their_dates(tmp_path: Path) -> None:
    build_zipapp(tmp_path / "awscons.pyz")
    assert (tmp_path / "awscons.pyz").read_bytes() == zipapp_bytes()
    with zipfile.ZipFile(tmp_path / "awscons.pyz") as archive:
        entries = archive.infolist()
        assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
        names = [entry.filename for entry in entries]
    assert names == sorted(["__main__.py", *(f"awscons_cli/{path.name}" for path in MODULES)])


def test_every_command_that_the_tutorial_shows_is_one_that_there_is() -> None:
    text = (ROOT / "docs" / "tutorial" / "first-terminal.md").read_text()
    shown = re.findall(
        r"awscons-cli ((?:[a-z]+)[^\n`\)]*)", "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    )
    parser = build_parser()
    for line in shown:
        words = line.replace('"', "").partition(" -- ")[0].split()
        assert parser.parse_args(words).chosen == words[0]
    assert len(shown) > 8
