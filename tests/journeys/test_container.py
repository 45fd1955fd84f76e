"""The service as a container runs it: nothing but the declared folder can be written, and the user has no name."""

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.browser import Browser, sent_to_idp
from support.container import UID, in_container
from support.house import config_for, console_url, vouch_for_ada, write_credentials
from support.serving import free_port, program
from support.stage import Aws, write_config, write_tls
from support.stores import PASSWORD, redis_server

pytestmark = pytest.mark.journey


@dataclass
class Container:
    """A configuration, and folders, for the service of that uid."""

    checkout: Path
    folder: Path
    port: int
    config: dict[str, Any]

    @property
    def url(self) -> str:
        """Where browsers reach it."""
        return f"https://localhost:{self.port}"

    @property
    def state(self) -> Path:
        """The declared folder."""
        return self.folder / "state"

    def configure(self, **sections: object) -> None:
        """Write the configuration."""
        path = write_config(self.folder / "config.py", {**self.config, **sections})
        path.chmod(0o644)

    def command(self, *arguments: str | Path, **environment: str) -> list[str]:
        """A command of this program in the container; `STATE_DIRECTORY` and more are given by the caller."""
        return in_container(
            [self.checkout / "venv/bin/python", *arguments],
            writable=[self.state],
            environment={"PYTHONPATH": str(self.checkout / "package"), **environment},
        )

    def serve(self, **environment: str) -> list[str]:
        """`awscons serve`."""
        tls = ("--certificate", self.folder / "tls.crt", "--key", self.folder / "tls.key")
        config = ("--config", self.folder / "config.py", "--port", str(self.port))
        return self.command("-m", "awscons", "serve", *config, *tls, **environment)


@pytest.fixture
def container(checkout: Path, open_folder: Path, aws: Aws) -> Container:
    """With everything that it needs."""
    port = free_port()
    credentials = write_credentials(open_folder / "credentials", "AKIAEXAMPLE", "secret")
    config = config_for(
        f"https://localhost:{port}/saml/acs",
        sts_url=aws.sts_url,
        signin_url=aws.signin_url,
        credentials_file=credentials,
        store={"cache_type": "SQLite"},
    )
    _, key = write_tls(open_folder)
    found = Container(checkout, open_folder, port, dict(config))
    found.configure()
    found.state.mkdir()
    for path in (found.state, credentials, key):
        path.chmod(0o700 if path.is_dir() else 0o600)
        subprocess.run(["chown", f"{UID}:{UID}", path], check=True)
    return found


def test_a_person_signs_in_with_nothing_but_the_state_folder_writable(container: Container) -> None:
    command = container.serve(STATE_DIRECTORY=str(container.state))
    # The log is opened by who starts the container.
    with program(command, port=container.port, log=container.folder / "log"):
        browser = Browser(container.url)
        form = vouch_for_ada(sent_to_idp(browser.get("/aws/cloudadmin")), f"{container.url}/saml/acs")
        opened = browser.follow(browser.answer("/saml/acs", form))
        assert console_url(opened)["Action"] == "login"
        browser.close()


LOAD = "import os; os.environ['AWSCONS_CONFIG'] = {config!r}; import awscons.wsgi; awscons.wsgi.application"


def told(container: Container, **environment: str) -> Iterator[tuple[str, int, str]]:
    """What `check`, `serve` and another WSGI server's import say: the way, the exit status, standard error."""
    config = str(container.folder / "config.py")
    ways: Mapping[str, list[str]] = {
        "check": container.command("-m", "awscons", "check", "--config", config, **environment),
        "serve": container.serve(**environment),
        "import": container.command("-c", LOAD.format(config=config), **environment),
    }
    for way, command in ways.items():
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        yield way, done.returncode, done.stderr + done.stdout


def test_without_a_state_folder_and_a_home_one_sentence_names_both_variables(container: Container) -> None:
    for way, status, said in told(container):
        assert status in {1, 2, 3}, (way, said)
        assert "STATE_DIRECTORY" in said, (way, said)
        assert "HOME" in said, (way, said)
        assert "Traceback" not in said, (way, said)


def test_a_state_folder_that_cannot_be_written_is_named(container: Container) -> None:
    closed = container.folder / "closed"
    closed.mkdir(mode=0o755)
    for way, status, said in told(container, STATE_DIRECTORY=str(closed)):
        assert status in {1, 2, 3}, (way, said)
        assert str(closed) in said, (way, said)
        assert "Traceback" not in said, (way, said)


def test_counters_that_have_no_file_are_named_where_logins_need_none(container: Container) -> None:
    port = free_port()
    container.configure(
        session_config={"session_backing": {"cache_type": "Redis", "port": port, "password": PASSWORD}},
        server_config={"metrics_token": "x" * 32},
    )
    (container.folder / "redis").mkdir()
    with redis_server(container.folder / "redis", port):
        for way, status, said in told(container, STATE_DIRECTORY=str(container.folder / "missing")):
            if way == "check":
                continue  # it makes no file
            assert status in {1, 2, 3}, (way, said)
            assert "metrics_file" in said, (way, said)
            assert "Traceback" not in said, (way, said)
            assert "HaltServer" not in said, (way, said)


def test_with_logins_elsewhere_the_service_needs_no_folder_at_all(container: Container) -> None:
    port = free_port()
    backing = {"cache_type": "Redis", "port": port, "password": PASSWORD}
    container.configure(session_config={"session_backing": backing})
    (container.folder / "redis").mkdir()
    with (
        redis_server(container.folder / "redis", port),
        program(container.serve(), port=container.port, log=container.folder / "log"),
    ):
        browser = Browser(container.url)
        assert browser.get("/readyz").json()["ready"]
        browser.close()
