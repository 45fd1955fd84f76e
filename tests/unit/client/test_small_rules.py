"""Rules of the client that need no service: places, names, quoting, the proof, refusals."""

import base64
import hashlib
import os
import string
import sys
import time
from pathlib import Path

import pytest

from awscons_cli import signing_in
from awscons_cli.agents import VARIABLES, is_agent
from awscons_cli.configuring import command_line, own_command
from awscons_cli.errors import Refused, ServiceUnavailable, UsageMistake, printable
from awscons_cli.http_calls import service_url
from awscons_cli.logins import Login, Logins
from awscons_cli.program import main
from awscons_cli.protocol import refusal
from awscons_cli.role_credentials import check_door
from awscons_cli.shells import assignments, own_shell, variables
from awscons_cli.signing_in import machine_name, new_proof
from awscons_cli.state import file_name, state_folder, write_private

HOME = str(Path.home())


@pytest.mark.parametrize(
    ("environment", "platform", "folder"),
    [
        ({"AWSCONS_CLI_STATE": "/x", "XDG_STATE_HOME": "/y"}, "linux", "/x"),
        ({"XDG_STATE_HOME": "/y"}, "darwin", "/y/awscons-cli"),
        ({"XDG_STATE_HOME": "relative"}, "linux", f"{HOME}/.local/state/awscons-cli"),
        ({}, "darwin", f"{HOME}/Library/Application Support/awscons-cli"),
        ({"LOCALAPPDATA": "/local"}, "win32", "/local/awscons-cli"),
    ],
)
def test_the_state_folder_is_where_the_platform_has_it(
    environment: dict[str, str], platform: str, folder: str
) -> None:
    assert state_folder(environment, platform) == folder


def test_no_two_services_share_a_folder() -> None:
    urls = ["https://a.b/c", "https://a.b:1/c", "https://a.b_2fc", "http://a.b/c", "https://a.b"]
    names = {file_name(url) for url in urls}
    assert len(names) == len(urls)
    assert not set("".join(names)) - set(string.ascii_letters + string.digits + "._-")


def test_a_file_that_cannot_be_replaced_leaves_no_rest(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_private(str(tmp_path / "target"), b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("sso.example.com", "https://sso.example.com"),
        ("https://SSO.example.com:443/sso/", "https://sso.example.com/sso"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
    ],
)
def test_an_address_has_one_form(text: str, url: str) -> None:
    assert service_url(text) == url


@pytest.mark.parametrize("text", ["a..b", "https://.a", "https://" + "x" * 64 + ".example.com"])
def test_a_host_that_no_resolver_takes_is_a_mistake(text: str) -> None:
    with pytest.raises(UsageMistake, match="is no address of a service"):
        service_url(text)


def test_the_proof_is_the_hash_of_a_random_verifier() -> None:
    verifier, challenge = new_proof()
    assert len(verifier) == 64
    assert base64.urlsafe_b64decode(challenge + "=") == hashlib.sha256(verifier.encode()).digest()
    assert new_proof()[0] != verifier


@pytest.mark.parametrize("name", ["", "ada's laptop\x1b[2J", "x" * 100])
def test_a_computer_says_a_name_that_a_page_can_show(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: name)
    assert 1 <= len(machine_name()) <= 64
    assert machine_name().isprintable()


@pytest.mark.parametrize("name", ["", "a/b", "..", "a b", "x" * 65, "é", "a\n"])
def test_a_name_that_no_door_has_is_a_mistake(name: str) -> None:
    with pytest.raises(UsageMistake):
        check_door(name)


@pytest.mark.parametrize(
    ("shell", "lines"),
    [
        ("bash", ["export K='a'\"'\"'b\\$'"]),
        ("zsh", ["export K='a'\"'\"'b\\$'"]),
        ("fish", ["set -gx K 'a\\'b\\\\$'"]),
        ("powershell", ["$Env:K = 'a''b\\$'"]),
    ],
)
def test_each_shell_has_its_own_quotes(shell: str, lines: list[str]) -> None:
    assert list(assignments(shell, {"K": "a'b\\$"})) == lines


@pytest.mark.parametrize(
    ("environment", "platform", "shell"),
    [
        ({"SHELL": "/usr/bin/fish"}, "linux", "fish"),
        ({"SHELL": "/bin/dash"}, "linux", "bash"),
        ({}, "win32", "powershell"),
    ],
)
def test_the_shell_is_the_one_of_the_person(environment: dict[str, str], platform: str, shell: str) -> None:
    assert own_shell(environment, platform) == shell


def test_a_region_of_the_person_comes_before_that_of_the_door() -> None:
    credentials = dict.fromkeys(("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"), "x")
    assert variables(credentials, "eu-west-1", {})["AWS_REGION"] == "eu-west-1"
    assert "AWS_REGION" not in variables(credentials, "eu-west-1", {"AWS_DEFAULT_REGION": "us-east-1"})


@pytest.mark.parametrize("region", ["us-east-1", None])
def test_a_region_of_the_door_before_gives_way_to_that_of_the_next_door(region: str | None) -> None:
    credentials = dict.fromkeys(("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"), "x")
    first = {name: value for name, value in variables(credentials, "eu-west-1", {}).items() if value}
    second = variables(credentials, region, first)
    assert (second["AWS_REGION"], second["AWS_DEFAULT_REGION"]) == (region, region)
    own = variables(credentials, region, {**first, "AWS_REGION": "eu-north-1"})
    assert "AWS_DEFAULT_REGION" not in own


def test_agents_say_so_in_the_environment() -> None:
    assert not is_agent({"PATH": "/bin", "AI_AGENT": "0"})
    assert [name for name in VARIABLES if not is_agent({name: "1"})] == []


@pytest.mark.parametrize(
    ("words", "platform", "line"),
    [
        (
            ["/usr/bin/python3", "/home/ada/my tools/a.pyz"],
            "linux",
            "/usr/bin/python3 '/home/ada/my tools/a.pyz'",
        ),
        ([r"C:\Program Files\py.exe", r"C:\a.pyz"], "win32", r'"C:\Program Files\py.exe" C:\a.pyz'),
    ],
)
def test_paths_with_spaces_are_quoted_for_the_programs_that_read_them(
    words: list[str], platform: str, line: str
) -> None:
    assert command_line(words, platform) == line


@pytest.mark.parametrize(
    ("started", "content", "command"),
    [
        ("awscons.pyz", b"#!/usr/bin/env python3\nPK\x03\x04", [sys.executable, "{path}"]),
        ("awscons-cli", b"#!/usr/bin/python3\nimport sys", ["{path}"]),
        ("__main__.py", b"import sys", [sys.executable, "-m", "awscons_cli"]),
    ],
    ids=["the zipapp", "the script of the package", "python -m"],
)
def test_profiles_start_the_client_as_it_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: str, content: bytes, command: list[str]
) -> None:
    path = tmp_path / started
    path.write_bytes(content)
    monkeypatch.setattr(sys, "argv", [str(path), "configure"])
    assert own_command() == [word.format(path=path) for word in command]


def test_a_launcher_of_windows_is_found_without_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "awscons-cli.exe").write_bytes(b"MZ")
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "awscons-cli"), "configure"])
    assert own_command() == [str(tmp_path / "awscons-cli.exe")]


def test_programs_that_waited_for_a_sign_in_share_its_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = []

    def refuse(login: Login, _found: dict[str, str], *, browser: bool) -> None:
        pages.append((login.url, browser))
        raise Refused("The sign-in was refused in the browser.")

    monkeypatch.setenv("AWSCONS_CLI_STATE", str(tmp_path))
    monkeypatch.setattr(signing_in, "find_service", str)
    monkeypatch.setattr(signing_in, "sign_in", refuse)
    login, begun = Logins(os.environ).at("https://sso.example.com"), time.time()
    for _ in range(12):
        with pytest.raises(Refused, match="refused in the browser"):
            signing_in.sign_in_once(login, begun)
    assert len(pages) == 1


def test_texts_of_the_service_are_cleaned_before_a_terminal_sees_them() -> None:
    assert printable("a\x1b[31m\n\tb\u202e") == "a [31m b"
    error = refusal(403, {"error": "access_denied", "error_description": "No\x07\x1b]0;x\x07!"})
    assert isinstance(error, Refused)
    assert str(error) == "No ]0;x !"


def test_a_refusal_without_words_says_its_status() -> None:
    error = refusal(500, {})
    assert isinstance(error, ServiceUnavailable)
    assert str(error) == "The service answered 500."


def test_a_fault_of_ours_is_one_line_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_options: object) -> int:
        raise KeyError("x")

    monkeypatch.setattr("awscons_cli.program._run", fails)
    assert main(["list"]) == 1
    assert (
        capsys.readouterr().err
        == "awscons-cli: An unexpected error: KeyError('x'). With --debug it says where.\n"
    )
    with pytest.raises(KeyError):
        main(["list", "--debug"])
