"""What is made of the documents and of the command line: the site, the man page, the shell completions."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.stage import ROOT

REFERENCE = ROOT / "docs" / "reference"


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built strictly: a link that leads nowhere, or a page without a place in the navigation, is an error."""
    folder = tmp_path_factory.mktemp("site")
    done = run(sys.executable, ROOT / "docs" / "site" / "build.py", folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_site_has_every_page_and_finds_words_of_it(site: Path) -> None:
    pages = [path for path in (ROOT / "docs").rglob("*.md") if path.name != "README.md"]
    missing = [
        path for path in pages if not (site / path.relative_to(ROOT).with_suffix("") / "index.html").is_file()
    ]
    assert missing == []
    assert "docs/how-to/upgrade/#restore" in (site / "search" / "search_index.json").read_text()


def test_the_site_loads_nothing_from_other_hosts(site: Path) -> None:
    for page in site.rglob("*.html"):
        loaded = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?:)?//', page.read_text())
        assert not loaded, page


def test_a_link_that_leads_nowhere_ends_the_building_of_the_site(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    run("git", "clone", "--quiet", "--shared", ROOT, checkout)
    build = (ROOT / "docs" / "site" / "build.py").read_text()
    (checkout / "docs" / "site").mkdir(exist_ok=True)
    (checkout / "docs" / "site" / "build.py").write_text(build)
    (checkout / "docs" / "site" / "mkdocs.yml").write_text(
        (ROOT / "docs" / "site" / "mkdocs.yml").read_text()
    )
    with (checkout / "docs" / "how-to" / "logins.md").open("a") as page:
        page.write("\n[nowhere](nothing.md)\n")
    done = run(sys.executable, checkout / "docs" / "site" / "build.py", tmp_path / "site")
    assert done.returncode == 1
    assert "nothing.md" in done.stderr


def test_the_man_page_and_the_completions_are_up_to_date(tmp_path: Path) -> None:
    generator = tmp_path / "generate_cli.py"
    generator.write_text((REFERENCE / "generate_cli.py").read_text())
    done = run(sys.executable, generator)
    assert done.returncode == 0, done.stderr
    for made in [tmp_path / "awscons.1", *sorted((tmp_path / "completions").iterdir())]:
        kept = REFERENCE / made.relative_to(tmp_path)
        assert kept.read_text() == made.read_text(), "run: make reference"


def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    program = tmp_path / "awscons"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m awscons "$@"\n')
    program.chmod(0o755)
    script = f"""
        . {REFERENCE}/completions/awscons.bash
        for words in "awscons ser" "awscons check --gr"; do
            COMP_WORDS=($words) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)) COMPREPLY=()
            _awscons_completion awscons
            echo "${{COMPREPLY[@]}}"
        done
    """
    done = run("bash", "-c", script, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert done.stdout.splitlines() == ["serve", "--group"], done.stderr


def test_the_moving_picture_of_the_readme_is_small_enough_to_be_seen_at_once() -> None:
    picture = (ROOT / "docs" / "pictures" / "sign-in.gif").read_bytes()
    assert picture.startswith(b"GIF89a")
    assert len(picture) < 600_000
