"""Builds the release of the last commit into `dist`, and tries it as its users would: `make release`.

The files are built twice, from what git has, and have to be the same both times. They are given to nobody: uploading
them is a step for a person.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click

from awscons import __version__
from support.browser import Browser
from support.demo import demo_running, sign_in

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
MINORS = (11, 12, 13, 14)
_PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
_BIN = Path(sys.executable).parent


def say(*lines: str) -> None:
    """Say what happens, as it happens."""
    click.echo("\n".join(lines))


def run(*command: str | Path, folder: Path = ROOT, environment: Mapping[str, str] | None = None) -> str:
    """What a program prints; where it fails, this one ends."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout


def build(source: Path, out: Path, *, epoch: str) -> list[Path]:
    """The sdist, and the wheel that is built from it: what pip does for those who take the sdist.

    epoch   Unix time in seconds, of every file in them
    """
    environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch}
    hatchling = (sys.executable, "-m", "hatchling", "build", "--directory")
    run(*hatchling, out, "--target", "sdist", folder=source, environment=environment)
    (sdist,) = out.glob("*.tar.gz")
    with tempfile.TemporaryDirectory() as unpacked, tarfile.open(sdist) as archive:
        archive.extractall(unpacked)  # we have just made it
        (inside,) = Path(unpacked).iterdir()
        run(*hatchling, out, "--target", "wheel", folder=inside, environment=environment)
    (wheel,) = out.glob("*.whl")
    return [sdist, wheel]


def interpreters() -> Iterator[Path]:
    """One Python of each supported version, of those that this machine has: by its own name, or kept by pyenv."""
    for minor in MINORS:
        named = shutil.which(f"python3.{minor}")
        kept = sorted((_PYENV / "versions").glob(f"3.{minor}.*/bin/python3"))
        for candidate in [*([Path(named)] if named else []), *kept]:
            works = [str(candidate), "-c", "import venv, ensurepip, sqlite3, ssl"]
            if subprocess.run(works, capture_output=True, check=False).returncode == 0:
                yield candidate
                break


def try_demo(command: Sequence[str | Path], folder: Path) -> None:
    """Somebody signs in at the demo, and a console opens."""
    folder.mkdir()
    with demo_running(command, folder) as url:
        browser = Browser(url)
        page = sign_in(browser, "/aws/cloudadmin", "Ada Admin")
        browser.close()
    if "You are in the console" not in page:
        sys.exit(f"{command}: no console at the end of a sign-in, but:\n{page}")


def try_wheel(wheel: Path, python: Path, folder: Path) -> None:
    """Install the wheel with what an index has today, into an empty environment, and run the demo."""
    run(python, "-m", "venv", folder / "venv")
    pip = (folder / "venv/bin/pip", "--disable-pip-version-check")
    run(*pip, "install", "--quiet", wheel)
    run(*pip, "check")
    program = folder / "venv/bin/awscons"
    if run(program, "version") != f"awscons {__version__}\n":
        sys.exit(f"{program} is not {__version__}")
    try_demo([program], folder / "home")


def main() -> None:
    """Build, compare, check, try."""
    if run("git", "status", "--porcelain"):
        sys.exit("a release is what git has: commit first")
    if not re.search(rf"^## {re.escape(__version__)}$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE):
        sys.exit(f"CHANGELOG.md has no heading {__version__}")
    epoch = os.environ.get("SOURCE_DATE_EPOCH") or run("git", "log", "-1", "--format=%ct").strip()
    shutil.rmtree(DIST, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch:
        source, again = Path(scratch) / "source", Path(scratch) / "again"
        committed = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
        with tarfile.open(fileobj=io.BytesIO(committed.stdout)) as archive:
            archive.extractall(source)  # git has just made it
        built = build(source, DIST, epoch=epoch)
        for first, second in zip(built, build(source, again, epoch=epoch), strict=True):
            if first.read_bytes() != second.read_bytes():
                sys.exit(f"{first.name} is another one when it is built again")
        run(_BIN / "twine", "check", "--strict", *built)
        found = list(interpreters())
        for python in found:
            say(f"{built[1].name} on {python}")
            try_wheel(built[1], python, Path(tempfile.mkdtemp(dir=scratch)))
        say(f"{built[1].name} without an installation")
        try_demo(
            [_BIN / "uv", "tool", "run", "--quiet", "--from", built[1], "awscons"], Path(scratch) / "uvx"
        )
    sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}" for file in built]
    (DIST / "SHA256SUMS").write_text("\n".join([*sums, ""]))
    say(*sums)


if __name__ == "__main__":
    main()
