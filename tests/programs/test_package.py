"""The wheel and the sdist, built as a release is, compared with what git has."""

import configparser
import re
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from awscons import __version__
from support.release import ROOT, build

PREFIX = f"awscons-{__version__}"
SHARE = f"{PREFIX}.data/data/share"


def tracked(*below: str) -> set[str]:
    """The files of this checkout, as git will have them."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *below],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return {name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return build(ROOT, tmp_path_factory.mktemp("dist"), epoch="1795737600")


@pytest.fixture(scope="module")
def wheel(built: list[Path]) -> zipfile.ZipFile:
    return zipfile.ZipFile(built[1])


def test_the_sdist_is_what_git_has(built: list[Path]) -> None:
    with tarfile.open(built[0]) as archive:
        names = {name.removeprefix(f"{PREFIX}/") for name in archive.getnames()}
    assert names - {"PKG-INFO"} == {name for name in tracked() if not name.startswith(".ci/")}


def test_the_wheel_has_every_file_of_the_program_and_no_other(wheel: zipfile.ZipFile) -> None:
    package = {f"src/{name}" for name in wheel.namelist() if name.startswith("awscons/")}
    client = {f"src/awscons/{name}" for name in tracked("client/awscons_cli", "client/build_zipapp.py")}
    assert package == tracked("src") | client


def test_the_wheel_brings_the_sample_and_the_files_to_deploy_with(wheel: zipfile.ZipFile) -> None:
    brought = {
        name.removeprefix(f"{SHARE}/awscons/")
        for name in wheel.namelist()
        if name.startswith(f"{SHARE}/awscons/")
    }
    assert brought == tracked("deploy", "config.py.sample")
    for name in brought:
        assert wheel.read(f"{SHARE}/awscons/{name}") == (ROOT / name).read_bytes()


def test_the_wheel_brings_the_man_page_and_the_completions_to_where_shells_look(
    wheel: zipfile.ZipFile,
) -> None:
    places = {
        "man/man1/awscons.1": "awscons.1",
        "bash-completion/completions/awscons": "completions/awscons.bash",
        "fish/vendor_completions.d/awscons.fish": "completions/awscons.fish",
        "zsh/site-functions/_awscons": "completions/awscons.zsh",
    }
    for place, name in places.items():
        assert wheel.read(f"{SHARE}/{place}") == (ROOT / "docs" / "reference" / name).read_bytes()


def test_the_program_is_called_as_the_package_so_that_pipx_runs_it_by_that_name(
    wheel: zipfile.ZipFile,
) -> None:
    parser = configparser.ConfigParser()
    parser.read_string(wheel.read(f"{PREFIX}.dist-info/entry_points.txt").decode())
    assert dict(parser["console_scripts"]) == {"awscons": "awscons.cli.program:main"}


def test_what_an_index_shows_has_no_link_that_leads_nowhere_there(wheel: zipfile.ZipFile) -> None:
    text = wheel.read(f"{PREFIX}.dist-info/METADATA").decode()
    assert "pipx run awscons demo" in text
    assert "](" not in text


def test_each_store_that_a_network_has_and_the_function_have_an_extra(wheel: zipfile.ZipFile) -> None:
    text = wheel.read(f"{PREFIX}.dist-info/METADATA").decode()
    extras = {"redis", "memcached", "dynamodb", "lambda"}
    assert set(re.findall(r"^Provides-Extra: (.+)$", text, re.MULTILINE)) == extras


def test_the_changelog_has_the_notes_of_this_version() -> None:
    assert f"\n## {__version__}\n" in (ROOT / "CHANGELOG.md").read_text()


def test_the_same_source_gives_the_same_bytes(built: list[Path], tmp_path: Path) -> None:
    for first, second in zip(built, build(ROOT, tmp_path, epoch="1795737600"), strict=True):
        assert first.read_bytes() == second.read_bytes()
