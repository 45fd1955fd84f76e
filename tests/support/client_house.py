"""The whole service, and the computer of a person who uses it by `awscons-cli`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from awscons.demo.pretend_sts import PretendRole
from support.browser import Browser
from support.client_terminal import Terminal
from support.house import FULL_TARGETS, House, open_house
from support.serving import authority

CALLERS = Path(__file__).parents[1] / "callers"
VENV = Path(sys.prefix)
ROLE = str(FULL_TARGETS[0]["role"])
TARGETS = [
    {
        **FULL_TARGETS[0],
        "cli": True,
        "source_identity": "user_name",
        "session_tags": {"who": "user_name"},
    },
    {**FULL_TARGETS[1], "groups": ["sysadmin"]},
    {**FULL_TARGETS[1], "service": "strict", "groups": ["sysadmin"], "cli": True, "max_login_age": 600},
]
TRUSTED = frozenset({"sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"})
PROFILE = "123456789012-MyAdminRole"


@dataclass
class Computer:
    """Ada's computer, which is signed in.

    terminal   what she types into
    browser    her browser, in which she allowed the terminal
    """

    house: House
    terminal: Terminal
    browser: Browser
    _clock: Path

    def forward(self, **amount: float) -> None:
        """Move the time, here and at the service: `forward(minutes=5)`."""
        begun = self.house.clock()
        self.house.clock.forward(**amount)
        passed = float(self._clock.read_text()) + (self.house.clock() - begun).total_seconds()
        self._clock.write_text(f"{passed:+}")

    def handed_out(self) -> list[dict[str, Any]]:
        """The audit events of credentials so far."""
        return [event for event in self.house.audit() if event["action"] == "get-credentials"]

    def caller(self, language: str) -> subprocess.Popen[str]:
        """A program that uses AWS by the profile of the door: for each line, it says its ARN and its key's ID."""
        commands: dict[str, list[str | Path]] = {
            "python": [sys.executable, CALLERS / "python" / "caller.py"],
            "javascript": [VENV / "bin" / "node", CALLERS / "javascript" / "caller.js"],
            "go": ["go", "run", CALLERS / "go" / "caller.go"],
        }
        return subprocess.Popen(
            [*commands[language], PROFILE, self.house.sts_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.terminal.environment,
        )


def answer_of(caller: subprocess.Popen[str]) -> tuple[str, str]:
    """What a caller says next."""
    assert caller.stdin
    assert caller.stdout
    caller.stdin.write("\n")
    caller.stdin.flush()
    answer = caller.stdout.readline().split()
    assert len(answer) == 2, caller.communicate(timeout=60)[1]
    return answer[0], answer[1]


@contextmanager
def computer_at_work(folder: Path, zipapp: Path) -> Iterator[Computer]:
    """A computer of Ada's, signed in at a house of its own, with profiles for its doors."""
    roles = {str(target["role"]): PretendRole(43_200, TRUSTED) for target in FULL_TARGETS}
    with open_house(folder, roles=roles, aws={"targets": TARGETS}, saml={"auth_duration": 8 * 3600}) as house:
        terminal, clock = Terminal(folder / "home", zipapp), folder / "time"
        clock.write_text("+0")
        authority().cert_pem.write_to_path(str(folder / "authority.pem"))
        terminal.environment |= {
            "SSL_CERT_FILE": str(folder / "authority.pem"),
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",  # botocore knows no other
            # libfaketime: the time is the system's and what the file says.
            "LD_PRELOAD": "libfaketime.so.1",
            "LD_LIBRARY_PATH": os.pathsep.join(map(str, Path("/usr/lib").glob("*/faketime"))),
            "FAKETIME_TIMESTAMP_FILE": str(clock),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # For the callers.
            "NODE_PATH": str(VENV / "javascript" / "node_modules"),
            "GOPATH": "/usr/share/gocode",
            "GO111MODULE": "off",
            "GOCACHE": str(VENV / "go"),
        }
        browser = house.browser()
        house.sign_in(browser, "/aws/")

        def allow(url: str) -> None:
            asked = browser.get(url)
            httpx.get(browser.submit(asked, {"decision": "allow"}, form=-1).headers["Location"])

        terminal.sign_in(house.url, allow)
        assert terminal.run("configure").returncode == 0
        yield Computer(house, terminal, browser, clock)
