"""The command line, as a person at a terminal meets it: run as a program, read what it prints."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from awscons import __version__
from support.forge import Forger, pem_of

ROOT = Path(__file__).parents[2]

CONFIG = f"""
session_config = {{}}
saml_config = {{
    "saml_endpoint": "https://idp.example.com/sso",
    "spid": "urn:awscons",
    "issuer": "https://idp.example.com/",
    "acs_url": "https://sso.example.com/awscon/saml/acs",
    "certificate": '''{pem_of(Forger().certificate)}''',
    "assertions": ["groups", "costCenter"],
}}
aws_config = {{
    "url_prefix": "/aws",
    "targets": [
        {{
            "service": "cloudadmin",
            "role": "arn:aws:iam::123456789012:role/MyAdminRole",
            "duration": 28800,
            "groups": ["sysadmin", "cloudadmin"],
        }},
        {{"service": "audit", "role": "arn:aws:iam::999999789012:role/x/Audit", "duration": 5400, "attrs": ["costCenter"]}},
        {{"service": "readonly", "role": "arn:aws:iam::123456789012:role/ReadOnlyRole"}},
    ],
}}
"""


def awscons(
    *arguments: str, folder: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "awscons", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def configured(folder: Path, text: str = CONFIG) -> Path:
    (folder / "config.py").write_text(text)
    return folder


def test_check_shows_every_target_and_who_may_enter(tmp_path: Path) -> None:
    done = awscons("check", folder=configured(tmp_path))
    assert done.returncode == 0, done.stderr
    table = done.stdout.splitlines()
    row = next(line for line in table if "cloudadmin" in line)
    assert re.split(r" {2,}", row.strip()) == [
        "/awscon/aws/cloudadmin",
        "123456789012",
        "MyAdminRole",
        "8 h",
        "members of sysadmin or cloudadmin",
    ]
    assert any("1 h 30 min" in line and "people with a value for costCenter" in line for line in table)


def test_check_points_out_a_target_open_to_everyone(tmp_path: Path) -> None:
    done = awscons("check", folder=configured(tmp_path))
    row = next(line for line in done.stdout.splitlines() if "/aws/readonly" in line)
    assert "EVERYONE who can sign in" in row
    assert "target 'readonly' is open to every person who can sign in" in done.stdout


def test_check_reports_all_mistakes_with_exit_status_2_and_no_traceback(tmp_path: Path) -> None:
    broken = CONFIG.replace('"duration": 5400', '"duraton": 5400').replace(
        "123456789012:role/Read", "1:role/Read"
    )
    done = awscons("check", folder=configured(tmp_path, broken))
    assert done.returncode == 2
    assert done.stdout == ""
    assert "2 mistakes" in done.stderr
    assert "did you mean 'duration'?" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["check", "serve"])
def test_without_a_configuration_a_command_says_how_to_begin(tmp_path: Path, command: str) -> None:
    done = awscons(command, folder=tmp_path)
    assert done.returncode == 2
    assert "copy config.py.sample to config.py" in done.stderr


def test_the_configuration_may_lie_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    path = configured(tmp_path / "etc") / "config.py"
    assert awscons("check", "--config", str(path), folder=tmp_path).returncode == 0
    assert awscons("check", folder=tmp_path, environment={"AWSCONS_CONFIG": str(path)}).returncode == 0


@pytest.mark.parametrize("command", ["demo", "serve"])
def test_a_taken_port_is_a_sentence_with_a_hint(tmp_path: Path, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = awscons(command, "--port", port, folder=configured(tmp_path))
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}: address already in use" in done.stderr
    assert "hint:" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_that_is_not_ours_is_a_sentence_with_a_hint(tmp_path: Path) -> None:
    done = awscons("demo", "--bind", "192.0.2.1", folder=tmp_path)
    assert done.returncode == 1
    assert "cannot listen on 192.0.2.1" in done.stderr


def test_many_processes_with_the_memory_of_one_are_refused(tmp_path: Path) -> None:
    text = CONFIG.replace(
        "session_config = {}", "session_config = {'session_backing': {'cache_type': 'SimpleCache'}}"
    )
    done = awscons("serve", "--port", "0", "--workers", "2", folder=configured(tmp_path, text))
    assert done.returncode == 2
    done = awscons("serve", "--port", "18999", "--workers", "2", folder=configured(tmp_path, text))
    assert done.returncode == 2
    assert "SimpleCache keeps logins in the memory of one process" in done.stderr


def test_a_store_that_cannot_be_set_up_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = f"{{'session_backing': {{'cache_type': 'FileSystem', 'cache_dir': '{tmp_path}/file/x'}}}}"
    text = CONFIG.replace("session_config = {}", f"session_config = {store}")
    done = awscons("serve", "--port", "18998", folder=configured(tmp_path, text))
    assert done.returncode == 2
    assert "session_backing.cache_dir" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["chek"], ["check", "--confg", "x"], ["demo", "--port", "x"]])
def test_a_wrong_command_line_is_a_sentence_with_exit_status_2(tmp_path: Path, arguments: list[str]) -> None:
    done = awscons(*arguments, folder=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "Error:" in done.stderr


def test_the_version_is_the_packages(tmp_path: Path) -> None:
    assert awscons("--version", folder=tmp_path).stdout == f"awscons, version {__version__}\n"


def test_help_explains_each_command(tmp_path: Path) -> None:
    shown = awscons("--help", folder=tmp_path).stdout
    for command in ("check", "demo", "logins", "serve"):
        assert re.search(rf"^  {command} +\S", shown, re.MULTILINE)
        assert awscons(command, "-h", folder=tmp_path).stdout.startswith(f"Usage: awscons {command}")
