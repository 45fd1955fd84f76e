"""What journeys share: one pretend AWS and one Chromium for the whole run, and the mark that says they are journeys."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from support.deployed import folder_for_all
from support.stage import ROOT, Aws, pretend_aws

PYTHON = "/usr/bin/python3"

CHROMIUM_SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder as a journey."""
    for item in items:
        if "journeys" in item.path.parts:
            item.add_marker(pytest.mark.journey)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, Any, Any]:
    """Below a failure, print what each page of the browser shows: where a journey ended says most about why."""
    report = yield
    browser = getattr(item, "funcargs", {}).get("chromium")
    if call.when == "call" and report.failed and browser is not None:
        for page in (page for context in browser.contexts for page in context.pages):
            with suppress(PlaywrightError):  # a page that went away meanwhile has nothing to tell
                report.sections.append((f"page {page.url}", page.inner_text("html", timeout=2000)))
    return report


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """STS and the federation endpoint."""
    with pretend_aws(tmp_path_factory.mktemp("aws")) as found:
        yield found


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium. Each test opens contexts of its own in it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_SWITCHES)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def checkout() -> Iterator[Path]:
    """A fresh copy of what git would give, with a virtual environment made as the text says.

    In `package` beside them lies the program as pip installs it, with what a wheel of it holds and nothing else.
    Not below pytest's own folder, which only its user may enter: Apache's workers are somebody else.
    """
    folder = Path(tempfile.mkdtemp(prefix="awscons-origin-"))
    folder.chmod(0o755)
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    steps = f"{PYTHON} -m venv venv && . venv/bin/activate && pip install -r requirements.txt"
    done = subprocess.run(["bash", "-c", steps], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", folder / "package", folder], check=True)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """See `folder_for_all`."""
    with folder_for_all() as folder:
        yield folder
