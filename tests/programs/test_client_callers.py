"""Other people's programs use AWS by the profiles of `awscons-cli`, the service behind it, and the pretend AWS."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.client_house import PROFILE, ROLE, Computer, answer_of
from support.operator import configure, logins

ARN = "arn:aws:sts::123456789012:assumed-role/MyAdminRole/ada@example.com"


def aws(computer: Computer, *before: str) -> dict[str, str]:
    """What `aws` says of itself."""
    command: list[str | Path] = [*before, Path(sys.executable).with_name("aws"), "sts", "get-caller-identity"]
    options = ["--endpoint-url", computer.house.sts_url, "--output", "json"]
    done = subprocess.run(
        [*command, *options],
        env=computer.terminal.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_every_sdk_is_the_role_of_the_door_by_one_call(computer: Computer) -> None:
    said = set()
    for language in ("python", "javascript", "go"):
        with computer.caller(language) as caller:
            said.add(answer_of(caller))
            caller.communicate()
    computer.terminal.environment["AWS_PROFILE"] = PROFILE
    assert aws(computer)["Arn"] == ARN
    ((arn, key),) = said
    assert arn == ARN
    (event,) = computer.handed_out()
    assert (event["access_key_id"], event["target"], event["via"]) == (key, "cloudadmin", "cli")
    session = computer.house.pretend_sts.role_sessions[-1]
    assert (session.role_arn, session.source_identity) == (ROLE, "ada@example.com")
    assert session.tags == {"who": "ada@example.com"}


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_a_long_program_goes_on_by_new_credentials(computer: Computer, language: str) -> None:
    with computer.caller(language) as caller:
        keys = [answer_of(caller)[1]]
        for minutes in (30, 28, 3):
            computer.forward(minutes=minutes)
            keys.append(answer_of(caller)[1])
        caller.communicate()
    # Two minutes before the end, the SDK for JavaScript uses the old ones once more, and asks beside that.
    first, same, _, last = keys
    assert first == same != last
    assert [event["access_key_id"] for event in computer.handed_out()] == [first, last]


@pytest.mark.parametrize("language", ["python", "javascript", "go"])
def test_a_program_whose_login_has_ended_shows_what_to_run(
    tmp_path: Path, computer: Computer, language: str
) -> None:
    configure(tmp_path, {"cache_type": "SQLite", "path": str(tmp_path / "logins.sqlite3")})
    assert logins(tmp_path, "end", "--person", "ada@example.com").returncode == 0
    with computer.caller(language) as caller:
        output, errors = caller.communicate("\n", timeout=60)
    assert output == ""
    if language != "javascript":  # it keeps what the program said to itself, and says that it failed
        assert f"has ended. Run: awscons-cli login {computer.house.url}" in errors
    assert caller.returncode != 0
    assert computer.handed_out() == []


def test_a_program_under_exec_has_the_credentials_of_the_door_and_no_profile(computer: Computer) -> None:
    computer.terminal.environment["AWS_PROFILE"] = "other"
    client: list[str] = [str(computer.terminal.python), str(computer.terminal.zipapp)]
    assert aws(computer, *client, "exec", "cloudadmin", "--")["Arn"] == ARN
