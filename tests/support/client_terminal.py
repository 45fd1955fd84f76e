"""A person's terminal: `awscons-cli` as the zipapp, in a home of its own, under the oldest Python that is here."""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import webbrowser
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path

import httpx
import pytest

from awscons_cli.program import main

CLIENT = Path(__file__).parents[2] / "client"
MAX_SECONDS = 60

BROWSER = """
import sys, urllib.request
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1]).read()
"""
"""A browser that follows redirects and says nothing: the person behind it consents to everything."""


@cache
def _oldest_python() -> Path:
    """The oldest Python from 3.9 on that is here: by name, or as pyenv keeps it; else the one of the tests."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for minor in range(9, sys.version_info.minor):
        kept = sorted(pyenv.glob(f"versions/3.{minor}.*/bin/python3"))
        for name in (shutil.which(f"python3.{minor}"), *kept):
            works = name and subprocess.run([name, "-c", "import ssl"], capture_output=True, check=False)
            if name and works and works.returncode == 0:
                return Path(name)
    return Path(sys.executable)


PYTHONS = sorted({_oldest_python(), Path(sys.executable)})
"""The oldest Python that is here, and the one of the tests."""


def _follow(url: str) -> httpx.Response:
    return httpx.get(url, follow_redirects=True, trust_env=False)


class Terminal:
    """Runs the client with the environment of one person on one computer."""

    def __init__(self, home: Path, zipapp: Path, python: Path | None = None) -> None:
        self.home = home
        self.zipapp = zipapp
        self.python = python or _oldest_python()
        self.state = home / "state"
        self.config = home / ".aws" / "config"
        home.mkdir(exist_ok=True)
        (home / "browser.py").write_text(BROWSER)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "AWSCONS_CLI_STATE": str(self.state),
            "AWS_CONFIG_FILE": str(self.config),
            "AWS_EC2_METADATA_DISABLED": "true",
            "BROWSER": f"{shlex.quote(sys.executable)} {shlex.quote(str(home / 'browser.py'))} %s",
        }

    def begin(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        """Start the client; it has no terminal, as under another program."""
        return subprocess.Popen(
            [self.python, self.zipapp, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**self.environment, **variables},
            start_new_session=True,
        )

    def run(self, *words: str, typed: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the client to its end."""
        process = self.begin(*words, **variables)
        output, errors = process.communicate(typed, timeout=MAX_SECONDS)
        assert "unexpected" not in errors, errors
        return subprocess.CompletedProcess(words, process.returncode, output, errors)

    def sign_in(self, url: str, open_page: Callable[[str], object] = _follow) -> None:
        """Sign in as `run("login", url)` does, in this process, which is faster. `open_page`: the person's browser."""
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()):
            for name, value in self.environment.items():
                patch.setenv(name, value)
            patch.setattr(webbrowser, "open", open_page)
            with redirect_stderr(io.StringIO()) as errors:
                assert main(["login", url]) == 0, errors.getvalue()


def shown_address(process: subprocess.Popen[str]) -> str:
    """The address that a login shows: waits for it on standard error."""
    assert process.stderr
    for line in process.stderr:
        found = re.search(r"https?://\S+/cli/authorize\?\S+", line)
        if found:
            return found[0]
    raise AssertionError("no address was shown")
