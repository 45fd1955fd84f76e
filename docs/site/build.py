"""Builds the site of the documentation in build/site, and fails at a link that leads nowhere: `make site`.

The pages are those of the repository, at the same places, so that a link works here and there. The navigation is the
list in docs/README.md, with the lists of the pages that it names; a page that stands in none of them ends the build.
"""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SOURCES = ("*.md", "LICENSE", "client", "config.py.sample", "deploy", "docs")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)#]+\.md)\)")


def stage(folder: Path) -> None:
    """Copy what the site consists of, as git has it, into `folder`."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *SOURCES]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in listed.stdout.splitlines():
        if not name.startswith("docs/site/") and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def navigation(folder: Path) -> list[dict[str, Any]]:
    """The headings of docs/README.md with the pages below each, and what belongs to the project."""
    sections: list[dict[str, Any]] = [{"Home": "README.md"}]
    index = folder / "docs" / "README.md"
    for part in index.read_text(encoding="utf-8").split("\n## ")[1:]:
        title, _, text = part.partition("\n")
        sections.append({title: entries(folder, index, text)})
    sections[1:1] = [{"All pages": "docs/README.md"}]
    project = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "client/README.md", "deploy/README.md")
    return [*sections, {"Project": list(project)}]


def entries(folder: Path, page: Path, text: str) -> list[Any]:
    """The pages that `text`, a part of `page`, links to. A list of pages brings those of its own folder."""
    found: list[Any] = []
    for title, target in _LINK.findall(text):
        linked = (page.parent / target).resolve()
        name = linked.relative_to(folder).as_posix()
        if linked.name == "README.md":
            below = entries(folder, linked, linked.read_text(encoding="utf-8"))
            inside = [
                entry for entry in below if str(*entry.values()).startswith(name.removesuffix("README.md"))
            ]
            found.append({title: [name, *inside]})
        else:
            found.append({title: name})
    return found


def main() -> None:
    """Stage and build; an argument names another folder than build/site."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    site = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "site").resolve()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()
        stage(folder)
        config = load_config(
            str(HERE / "mkdocs.yml"),
            docs_dir=str(folder),
            site_dir=str(site),
            nav=navigation(folder),
            strict=True,
        )
        try:
            build(config)
        except Abort as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main()
