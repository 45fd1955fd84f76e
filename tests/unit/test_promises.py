"""What the documents promise, compared with what the program does."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import click
import pytest

from awscons import __version__
from awscons.cli.program import cli
from awscons.config import schema
from awscons.config.load import load_settings
from awscons.saml.input_limits import ANSWER_LIMITS

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference" / "configuration.md"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]
MAX_COLUMNS = 120
SECTIONS = [
    *schema.SECTIONS.values(),
    schema.TargetSection,
    schema.CommandLineSection,
    schema.AgentSection,
    schema.AccountSection,
    schema.PartitionSection,
    schema.IdentityProviderSection,
    *schema.BACKINGS.values(),
]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "reference" / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_configuration_reference_is_up_to_date() -> None:
    assert REFERENCE.read_text(encoding="utf-8") == generator().page(), "run: make reference"


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_every_setting_has_a_description_and_stands_in_the_reference(section: type[schema.Section]) -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    for name, field in section.model_fields.items():
        assert field.description, name
        assert f"| `{name}` |" in text


def test_every_environment_variable_that_we_read_is_documented() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    read = set(re.findall(r"""(?:os\.environ|environment)\.get\("([A-Z_]+)\"""", source))
    read |= set(re.findall(r""""([A-Z_]+)" in os\.environ""", source))
    reference = REFERENCE.read_text(encoding="utf-8")
    assert {"AWSCONS_CONFIG", "ACS_ENDPOINT", "STATE_DIRECTORY", "AWSCONS_DEBUG", "DEBUG"} <= read
    for variable in read:
        assert f"`{variable}`" in reference


def test_the_sample_loads_without_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "config.py").write_bytes((ROOT / "config.py.sample").read_bytes())
    settings = load_settings(tmp_path / "config.py", environment={})
    assert [target.name for target in settings.targets] == ["cloudadmin", "sandbox"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_example_configuration_in_the_documents_is_python(page: Path) -> None:
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        compile(block, str(page), "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_in_the_documents_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def anchors_of(page: Path) -> set[str]:
    """What `#…` may follow the name of a page: its headings, as Markdown on the web makes anchors of them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\s-]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_place_in_a_page_finds_that_heading(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s:]*)#([^)\s]+)\)", page.read_text(encoding="utf-8")):
        linked = page.parent / target if target else page
        if linked.suffix == ".md":
            assert anchor in anchors_of(linked), f"{page.name}: {target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_prose_is_wrapped_so_that_diffs_of_it_can_be_read(page: Path) -> None:
    """Tables, code, pictures and the targets of links may be longer."""
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    long_lines = [
        line for line in text.splitlines() if len(line) > MAX_COLUMNS and not line.lstrip().startswith("|")
    ]
    assert not long_lines


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_a_document_shows_is_one_that_there_is(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    quote_for_log = "\n".join(
        re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE) + re.findall(r"`([^`\n]+)`", text)
    )
    for name, word in re.findall(r"(?:^|[\s(])awscons ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?", quote_for_log):
        command = cli.commands.get(name)
        assert command, f"awscons {name}"
        if isinstance(command, click.Group) and word:
            assert word in command.commands, f"awscons {name} {word}"


def test_the_readme_shows_the_commands_that_there_are() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in cli.commands:
        assert f"awscons {name}" in readme
    for command in ("make demo", "make test", "make test-fast"):
        assert command in readme


def test_the_readme_names_the_wheel_and_the_image_of_this_version() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\bawscons[:-]([0-9.]+[0-9])", readme)) == {__version__}


def test_the_gate_calls_exactly_the_command_that_the_readme_gives() -> None:
    assert re.search(r"^make test$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_locked_dependency_has_its_hashes_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for block in re.split(r"\n(?=[a-z0-9])", text):
        if "==" in block:
            assert "--hash=sha256:" in block, block[:60]
    assert "://" not in text


@pytest.mark.parametrize(
    ("file", "setting", "factor"),
    [
        ("deploy/nginx-site.conf", r"client_max_body_size (\d+)m", 1024 * 1024),
        ("deploy/apache-site.conf", r"LimitRequestBody (\d+)", 1),
        ("docs/how-to/apache.md", r"--max-request-body-size=(\d+)", 1),
    ],
)
def test_a_proxy_set_up_as_documented_lets_the_largest_response_pass(
    file: str, setting: str, factor: int
) -> None:
    (limit,) = re.findall(setting, (ROOT / file).read_text(encoding="utf-8"))
    assert int(limit) * factor > ANSWER_LIMITS.max_form_bytes
