"""`awscons-cli` and the whole service: what one does, the other sees."""

import json
import shutil
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from support.browser import text_of
from support.client_house import TARGETS, Computer
from support.client_terminal import Terminal, shown_address
from support.operator import awscons, configure

DOOR = ("credentials", "cloudadmin")


def operator(folder: Path, *words: str) -> None:
    """An operator's command, beside the service that runs."""
    store = {"cache_type": "SQLite", "path": str(folder / "logins.sqlite3")}
    configure(folder, store, targets=TARGETS)
    done = awscons(folder, *words)
    assert done.returncode == 0, done.stderr


def ended(computer: Computer, terminal: Terminal | None = None) -> bool:
    """Whether the terminal is told that its login has ended, and what to run."""
    done = (terminal or computer.terminal).run(*DOOR)
    assert done.returncode in {0, 3}, done.stderr
    return f"has ended. Run: awscons-cli login {computer.house.url}" in done.stderr


def test_twenty_programs_at_once_are_one_event_of_the_audit(computer: Computer) -> None:
    programs = [computer.terminal.begin(*DOOR) for _ in range(20)]
    answers = {program.communicate(timeout=60)[0] for program in programs}
    (event,) = computer.handed_out()
    assert [json.loads(answer)["AccessKeyId"] for answer in answers] == [event["access_key_id"]]


@pytest.mark.parametrize(
    "words",
    [
        ("logins", "end", "--person", "ada@example.com"),
        ("logins", "end", "--all"),
        ("revoke", "--person", "ada@example.com", "--do", "--yes"),
    ],
    ids=" ".join,
)
def test_an_operator_ends_the_login_of_a_terminal(
    tmp_path: Path, computer: Computer, words: tuple[str, ...]
) -> None:
    operator(tmp_path, *words)
    assert ended(computer)
    assert computer.handed_out() == []


def test_a_target_that_is_blocked_opens_in_no_terminal(tmp_path: Path, computer: Computer) -> None:
    operator(tmp_path, "revoke", "--target", "cloudadmin", "--do", "--yes")
    computer.forward(minutes=1)
    done = computer.terminal.run(*DOOR)
    assert (done.returncode, done.stdout) == (4, "")
    assert "Incident" in done.stderr


def test_signing_out_in_the_browser_ends_the_terminal(computer: Computer) -> None:
    computer.browser.post("/saml/logout", {})
    assert ended(computer)


def test_a_logout_ends_the_login_at_the_service(computer: Computer) -> None:
    assert computer.terminal.run("logout").returncode == 0
    assert "No terminal is signed in." in text_of(computer.browser.get("/cli/terminals"))


def test_a_login_ends_when_it_was_said_to(computer: Computer) -> None:
    assert "for 7 h 5" in computer.terminal.run("status").stdout
    computer.forward(hours=7, minutes=40)
    found = json.loads(computer.terminal.run(*DOOR).stdout)
    assert computer.handed_out()[-1]["role_session_duration"] == 1200
    computer.forward(minutes=19)
    assert found != json.loads(computer.terminal.run(*DOOR).stdout or "{}")
    computer.forward(minutes=2)
    assert ended(computer)


def test_a_copy_of_the_tokens_on_another_computer_ends_the_login_of_both(
    tmp_path: Path, computer: Computer
) -> None:
    thief = Terminal(tmp_path / "thief", computer.terminal.zipapp)
    thief.environment = {**computer.terminal.environment, "AWSCONS_CLI_STATE": str(thief.state)}
    shutil.copytree(computer.terminal.state, thief.state)
    computer.forward(minutes=6)
    assert not ended(computer, thief)
    computer.forward(minutes=6)
    assert ended(computer)
    (thief_entry,) = thief.state.rglob("*.credentials")
    thief_entry.unlink()
    assert ended(computer, thief)
    *_, event = computer.house.audit()
    assert (event["action"], event["reason"]) == ("sign-in-terminal", "token used before")
    assert "Somebody may have a copy of your sign-in" in text_of(computer.browser.get("/aws/"))


def test_a_login_for_a_door_signs_in_anew_where_the_door_requires_it(computer: Computer) -> None:
    computer.forward(minutes=11)
    refused = computer.terminal.run("credentials", "strict")
    assert (refused.returncode, "requires a newer or stronger sign-in" in refused.stderr) == (4, True)
    command = refused.stderr.partition("awscons-cli login ")[2].split()[:3]
    with computer.terminal.begin("login", *command, "--no-browser") as login:
        link = shown_address(login)
        computer.house.sign_in(computer.browser, link)
        login.communicate(f"{pasted_code(computer, link)}\n", timeout=60)
    assert computer.terminal.run("credentials", "strict").returncode == 0


def pasted_code(computer: Computer, link: str) -> str:
    """The code that the page shows, after Ada has allowed the login."""
    page = computer.browser.submit(computer.browser.get(link), {"decision": "allow"}, form=-1)
    assert page.status_code == 303
    return parse_qs(urlsplit(page.headers["Location"]).query)["code"][0]


def test_a_code_that_somebody_saw_gives_them_nothing_and_ends_itself(computer: Computer) -> None:
    with computer.terminal.begin("login", computer.house.url, "--no-browser") as login:
        code = pasted_code(computer, shown_address(login))
        form = {
            "grant_type": "authorization_code",
            "client_id": "awscons-cli",
            "code": code,
            "redirect_uri": f"{computer.house.url}/cli/code",
            "code_verifier": "x" * 43,
        }
        stolen = computer.house.browser().post("/cli/token", form)
        assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
        _, errors = login.communicate(f"{code}\n", timeout=60)
    assert (login.returncode, "does not take this code" in errors) == (1, True)


def test_a_clock_that_only_this_computer_has_is_named(computer: Computer) -> None:
    computer.terminal.environment["FAKETIME"] = "+3600"
    del computer.terminal.environment["FAKETIME_TIMESTAMP_FILE"]
    assert "The clock of this computer is 60 minutes fast" in computer.terminal.run("status").stdout
