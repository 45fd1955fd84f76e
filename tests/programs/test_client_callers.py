"""Other people's programs get credentials from `awscons-cli`, by the profiles that it writes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import CredentialRetrievalError

from support.cli_service import CliService
from support.client_terminal import Terminal

CALL = "POST /cli/credentials"


@pytest.fixture
def configured(signed_in: Terminal, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    assert signed_in.run("configure").returncode == 0
    for name, value in signed_in.environment.items():
        monkeypatch.setenv(name, value)
    return signed_in


def client(service: CliService) -> Any:
    session = botocore.session.Session(profile="shop-Admin")
    return session.create_client("sts", endpoint_url=f"{service.url}/sts/")


def aws(terminal: Terminal, service: CliService) -> subprocess.CompletedProcess[str]:
    words = ["--profile", "shop-Admin", "--endpoint-url", f"{service.url}/sts/", "sts", "get-caller-identity"]
    return subprocess.run(
        [Path(sys.executable).with_name("aws"), *words, "--output", "json"],
        env=terminal.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.usefixtures("configured")
def test_botocore_signs_with_the_credentials_of_the_door(service: CliService) -> None:
    assert client(service).get_caller_identity()["Account"] == "123456789012"
    assert service.count(CALL) == 1


def test_botocore_asks_anew_when_the_end_is_near_and_while_a_program_runs(
    configured: Terminal, service: CliService
) -> None:
    service.lifetime = 599
    sts = client(service)
    first, second = sts.get_caller_identity()["Arn"], sts.get_caller_identity()["Arn"]
    assert first != second
    service.lifetime = 3600
    third, fourth = sts.get_caller_identity()["Arn"], sts.get_caller_identity()["Arn"]
    assert third == fourth
    calls = service.count(CALL)
    assert configured.run("credentials", "cloudadmin").returncode == 0
    assert service.count(CALL) == calls


def test_botocore_shows_the_one_line_that_says_what_to_do(configured: Terminal, service: CliService) -> None:
    service.end_all_logins()
    with pytest.raises(CredentialRetrievalError) as caught:
        client(service).get_caller_identity()
    assert f"has ended. Run: awscons-cli login {service.url}" in str(caught.value)
    assert configured.run("status").returncode == 3


def test_the_aws_cli_opens_the_door_and_uses_the_same_credentials_again(
    configured: Terminal, service: CliService
) -> None:
    first, second = aws(configured, service), aws(configured, service)
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout) == json.loads(second.stdout)
    assert service.count(CALL) == 1


def test_the_aws_cli_runs_under_exec(signed_in: Terminal, service: CliService) -> None:
    words = [
        str(Path(sys.executable).with_name("aws")),
        "sts",
        "get-caller-identity",
        "--endpoint-url",
        f"{service.url}/sts/",
    ]
    done = signed_in.run("exec", "cloudadmin", "--", *words, "--output", "json", AWS_PROFILE="other")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["Account"] == "123456789012"
