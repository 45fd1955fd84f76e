"""A person's terminal and the service, both as people run them: `awscons-cli` against `awscons demo`."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.serving import free_port, program

ROOT = Path(__file__).parents[2]
PERSON = """
import sys
import httpx
from support.browser import Browser, forms_in

browser = Browser(sys.argv[1].split("/cli/")[0])
page = browser.follow_all(browser.get(sys.argv[1]))
page = browser.follow_all(browser.submit(page, form=0))
forms = forms_in(page)
(consent,) = [number for number, form in enumerate(forms) if "decision" in form.fields]
answer = browser.submit(page, {"decision": sys.argv[2]}, form=consent)
print(httpx.get(answer.headers["location"]).status_code)
"""


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("demo"), free_port()
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "HOME": str(folder), "TMPDIR": str(folder)}
    command = [sys.executable, "-m", "awscons", "demo", "--port", str(port)]
    with program(command, port=port, log=folder / "log", environment=environment, folder=folder):
        yield f"http://localhost:{port}"


class Terminal:
    """A computer whose browser answers the consent page with that decision."""

    def __init__(self, folder: Path, decision: str) -> None:
        (folder / "person.py").write_text(PERSON)
        path = os.pathsep.join(str(ROOT / name) for name in ("client", "src", "tests"))
        self.environment = {
            **os.environ,
            "PYTHONPATH": path,
            "HOME": str(folder),
            "AWSCONS_CLI_STATE": str(folder / "state"),
            "BROWSER": f"{sys.executable} {folder / 'person.py'} %s {decision}",
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "awscons_cli", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


def test_a_terminal_signs_in_gets_credentials_and_signs_out(portal: str, tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "allow")
    login = terminal.run("login", portal)
    assert login.returncode == 0, login.stderr
    assert "in the terminal: 1" in terminal.run("status").stdout
    found = json.loads(terminal.run("credentials", "readonly").stdout)
    assert (found["Version"], set(found)) == (
        1,
        {"Version", "AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"},
    )
    closed = terminal.run("credentials", "cloudadmin")
    assert (closed.returncode, closed.stdout) == (4, "")
    assert "browser only" in closed.stderr
    assert terminal.run("logout").returncode == 0
    assert terminal.run("credentials", "readonly").returncode == 3


def test_a_person_who_refuses_signs_no_terminal_in(portal: str, tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "deny")
    refused = terminal.run("login", portal)
    assert refused.returncode == 4
    assert terminal.run("status").returncode == 3
