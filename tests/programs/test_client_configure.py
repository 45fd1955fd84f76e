"""`awscons-cli configure`: profiles in the file of the AWS CLI, which belongs to the person."""

import fcntl
import os
import stat
from pathlib import Path
from threading import Thread

import pytest

from awscons_cli import configuring
from awscons_cli.program import main
from support.cli_service import CliService
from support.client_terminal import Terminal

OWN = "[profile work]\nregion = eu-west-1\n"


@pytest.fixture
def with_file(signed_in: Terminal) -> Terminal:
    signed_in.config.parent.mkdir()
    signed_in.config.write_text(OWN)
    return signed_in


def refused(terminal: Terminal, *words: str) -> str:
    """What the command says when it changes nothing."""
    before = terminal.config.read_bytes()
    done = terminal.run("configure", *words)
    assert done.returncode in {1, 2}
    assert terminal.config.read_bytes() == before
    assert len(done.stderr.splitlines()) == 1
    assert list(terminal.config.parent.iterdir()) == [terminal.config]
    return done.stderr


def test_a_new_file_has_a_profile_for_each_door_of_the_command_line(
    signed_in: Terminal, service: CliService
) -> None:
    done = signed_in.run("configure")
    assert done.stdout == "~/.aws/config: 2 profiles added, 0 changed, 0 removed.\n"
    start = f"credential_process = {signed_in.python} {signed_in.zipapp} credentials --service {service.url}"
    assert signed_in.config.read_text().splitlines()[3:-1] == [
        "[profile shop-Admin]",
        f"{start} cloudadmin",
        "region = eu-central-1",
        "",
        "[profile shop-Audit]",
        f"{start} auditor",
    ]
    assert stat.S_IMODE(signed_in.config.stat().st_mode) == 0o600
    assert signed_in.run("configure").stdout == "~/.aws/config: 0 profiles added, 0 changed, 0 removed.\n"


def test_a_dry_run_prints_the_difference_and_writes_nothing(with_file: Terminal) -> None:
    done = with_file.run("configure", "--dry-run")
    assert "+[profile shop-Admin]" in done.stdout.splitlines()
    assert with_file.config.read_text() == OWN


def test_the_file_keeps_its_mode_its_link_and_its_content(tmp_path: Path, with_file: Terminal) -> None:
    real = tmp_path / "dotfiles"
    with_file.config.rename(real)
    real.chmod(0o640)
    with_file.config.symlink_to(real)
    assert with_file.run("configure").returncode == 0
    assert with_file.config.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert real.read_text().startswith(OWN)


def test_profiles_of_closed_doors_are_pruned_when_that_is_asked_for(
    with_file: Terminal, service: CliService
) -> None:
    with_file.run("configure")
    service.doors = service.doors[:1]
    with_file.run("configure")
    assert "shop-Audit" in with_file.config.read_text()
    assert (
        with_file.run("configure", "--prune").stdout
        == "~/.aws/config: 0 profiles added, 0 changed, 1 removed.\n"
    )
    assert "shop-Audit" not in with_file.config.read_text()


def test_a_profile_of_that_name_is_a_refusal(with_file: Terminal) -> None:
    with_file.config.write_text(OWN.replace("work", "shop-Admin"))
    assert "has a profile shop-Admin of its own; nothing was changed." in refused(with_file)


def test_keys_of_that_name_in_the_credentials_file_are_a_refusal(tmp_path: Path, with_file: Terminal) -> None:
    with_file.environment["AWS_SHARED_CREDENTIALS_FILE"] = str(tmp_path / "credentials")
    (tmp_path / "credentials").write_text("[shop-Admin]\naws_access_key_id = AKIA\n")
    assert "has keys for a profile shop-Admin" in refused(with_file)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"region = x\n", "line 1, is not in the form that the AWS CLI reads"),
        (b"[profile a]\nno value\n", "line 2, is not in the form"),
        (b"[profile a]\n[profile a]\n", "line 2, is not in the form"),
        (b"\xff\xfe[", "is no text in UTF-8"),
    ],
)
def test_a_malformed_file_is_a_refusal(with_file: Terminal, content: bytes, words: str) -> None:
    with_file.config.write_bytes(content)
    assert words in refused(with_file)


def test_a_read_only_file_is_a_refusal(with_file: Terminal) -> None:
    with_file.config.chmod(0o400)
    assert "~/.aws/config is read-only; nothing was changed. Try: chmod u+w ~/.aws/config" in refused(
        with_file
    )


def test_what_is_no_file_is_not_replaced(signed_in: Terminal) -> None:
    signed_in.config.parent.mkdir()
    os.mkfifo(signed_in.config)
    writer = Thread(target=lambda: signed_in.config.write_text(""))
    writer.start()
    done = signed_in.run("configure")
    writer.join()
    assert done.stderr == "awscons-cli: ~/.aws/config is no regular file; nothing was changed.\n"
    assert signed_in.config.is_fifo()


def test_profiles_of_two_services_are_written_one_after_the_other(
    signed_in: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(*_arguments: object) -> None:
        with (signed_in.state / "configure.lock").open() as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    for name, value in signed_in.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(configuring, "_replace", look)
    monkeypatch.setattr(configuring, "own_command", lambda: ["awscons-cli"])
    assert main(["configure"]) == 0


def test_a_folder_in_the_place_of_the_file_is_a_refusal(signed_in: Terminal) -> None:
    signed_in.config.mkdir(parents=True)
    done = signed_in.run("configure")
    assert (done.returncode, done.stderr) == (
        1,
        "awscons-cli: ~/.aws/config cannot be read: Is a directory.\n",
    )
