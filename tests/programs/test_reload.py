"""`awscons serve` reads its configuration again while it runs, and nobody notices but those whom it concerns."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from awscons.demo.pretend_signin import PretendSignin
from awscons.demo.pretend_sts import PretendSts
from support.browser import Browser, sent_to_idp
from support.house import (
    BROKER,
    FULL_TARGETS,
    ROLES,
    config_for,
    vouch_for_ada,
    write_credentials,
)
from support.serving import free_port, program, serve_command, serving, wait_until
from support.stage import write_config, write_tls

ROOT = Path(__file__).parents[2]
NEW = {"service": "new", "role": "arn:aws:iam::123456789012:role/MyAdminRole", "groups": ["sysadmin"]}


@dataclass
class Running:
    """A service that runs, with its configuration file and its log."""

    folder: Path
    process: subprocess.Popen[bytes]
    browser: Browser
    config: dict[str, Any]
    environment: Mapping[str, str]

    def configure(self, *targets: dict[str, Any], **server: object) -> None:
        """Write another configuration."""
        aws = {**self.config["aws_config"], "targets": [*FULL_TARGETS, *targets]}
        write_config(self.folder / "config.py", {**self.config, "aws_config": aws, "server_config": server})

    def awscons(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command beside the service."""
        command = [sys.executable, "-m", "awscons", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )

    def lines(self, event: str) -> list[dict[str, Any]]:
        """The log lines of that event."""
        found = (
            json.loads(line)
            for line in (self.folder / "log").read_text().splitlines()
            if line.startswith("{")
        )
        return [line for line in found if line["event"] == event]

    def status(self, path: str) -> int:
        """The status of a path, for the person who is signed in."""
        return self.browser.get(path).status_code


def serve(config: Path, port: int, tls: tuple[Path, Path]) -> list[str | Path]:
    """`awscons serve`."""
    certificate, key = tls
    return serve_command("--config", config, "--port", str(port), "--certificate", certificate, "--key", key)


def gunicorn(config: Path, port: int, tls: tuple[Path, Path]) -> list[str | Path]:
    """gunicorn by itself, with two workers."""
    command: list[str | Path] = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}"]
    command += ["--certfile", tls[0], "--keyfile", tls[1], "--workers", "2", "--threads", "4"]
    return [*command, "--env", f"AWSCONS_CONFIG={config}", "awscons.wsgi:application"]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """In one process that keeps logins in its memory, where somebody is signed in."""
    with started(tmp_path, serve, cache_type="SimpleCache") as found:
        yield found


@contextmanager
def started(
    tmp_path: Path,
    command: Callable[[Path, int, tuple[Path, Path]], list[str | Path]],
    *,
    cache_type: str,
    **server: object,
) -> Iterator[Running]:
    """The service under some server, where somebody is signed in."""
    sts = PretendSts(roles=ROLES)
    credentials = write_credentials(tmp_path / "credentials", *sts.add_user(BROKER))
    with ExitStack() as stack:
        sts_port = stack.enter_context(serving(lambda _port: sts.application("us-east-1")))
        signin_port = stack.enter_context(serving(lambda _port: PretendSignin(book=sts).application()))
        port = free_port()
        url = f"https://localhost:{port}"
        config = config_for(
            f"{url}/saml/acs",
            sts_url=f"http://127.0.0.1:{sts_port}/",
            signin_url=f"http://127.0.0.1:{signin_port}/federation",
            credentials_file=credentials,
            store={"cache_type": cache_type},
            server=server,
        )
        path = write_config(tmp_path / "config.py", config)
        state = tmp_path / "state"
        state.mkdir(mode=0o700)
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "STATE_DIRECTORY": str(state)}
        process = stack.enter_context(
            program(
                command(path, port, write_tls(tmp_path)),
                port=port,
                log=tmp_path / "log",
                environment=environment,
            )
        )
        browser = Browser(url)
        stack.callback(browser.close)
        answered = browser.answer(
            "/saml/acs", vouch_for_ada(sent_to_idp(browser.get("/aws/")), f"{url}/saml/acs")
        )
        assert browser.follow(answered).status_code == 200
        yield Running(tmp_path, process, browser, config, environment)


def test_a_new_target_opens_after_a_reload_and_people_stay_signed_in(running: Running) -> None:
    assert running.status("/aws/new") == 401
    running.configure(NEW)
    told = running.awscons("reload")
    assert told.returncode == 0, told.stderr
    wait_until(lambda: running.status("/aws/new") == 301)
    (reloaded,) = running.lines("configuration.reloaded")
    assert reloaded["configuration_hash"] in told.stdout


def test_audit_events_say_which_configuration_was_in_force(running: Running) -> None:
    running.status("/aws/cloudadmin")
    running.configure(NEW)
    running.process.send_signal(signal.SIGHUP)
    wait_until(lambda: running.status("/aws/new") == 301)
    events = running.lines("audit")
    in_force = [event for event in events if event["action"] == "configuration-in-force"]
    before, after = (event["configuration_hash"] for event in in_force)
    assert before != after
    opened = {
        event["target"]: event["configuration_hash"] for event in events if event["action"] == "open-console"
    }
    assert opened == {"cloudadmin": before, "new": after}


def test_a_configuration_with_a_mistake_changes_nothing_and_is_told(running: Running) -> None:
    running.configure({**NEW, "durration": 1})
    refused = running.awscons("reload")
    assert (refused.returncode, "durration" in refused.stderr) == (2, True)
    assert running.lines("configuration.mistake") == []
    running.process.send_signal(signal.SIGHUP)
    wait_until(lambda: running.lines("configuration.not_reloaded") != [])
    (mistake,) = running.lines("configuration.mistake")
    assert mistake["hint"] == "did you mean 'duration'?"
    assert running.status("/aws/cloudadmin") == 301
    ready = running.browser.get("/readyz")
    assert (ready.status_code, ready.json()["warnings"]) == (200, ["configuration"])
    running.configure(NEW)
    running.process.send_signal(signal.SIGHUP)
    wait_until(lambda: running.status("/aws/new") == 301)
    assert running.browser.get("/readyz").json()["warnings"] == []


def test_what_cannot_change_is_named(running: Running) -> None:
    running.configure(NEW, shutdown_delay=5, metrics_token="x" * 32)
    running.process.send_signal(signal.SIGHUP)
    wait_until(lambda: running.lines("configuration.reloaded") != [])
    assert running.lines("configuration.reloaded")[0]["needs_restart"] == [
        "server_config.metrics_token",
        "server_config.shutdown_delay",
    ]


def test_a_changed_file_is_read_by_itself_where_that_is_configured(running: Running) -> None:
    """The second change is found without a signal, also in a module beside the configuration."""
    running.configure(reload_on_change=True)
    assert running.awscons("reload").returncode == 0
    wait_until(lambda: running.lines("configuration.reloaded") != [])
    running.configure(NEW, reload_on_change=True)
    wait_until(lambda: running.status("/aws/new") == 301)


def test_under_gunicorn_by_itself_a_changed_file_is_read_unless_it_has_mistakes(tmp_path: Path) -> None:
    with started(tmp_path, gunicorn, cache_type="SQLite", reload_on_change=True) as running:
        running.configure({**NEW, "durration": 1}, reload_on_change=True)
        wait_until(lambda: len(running.lines("configuration.not_reloaded")) == 2)
        assert running.status("/aws/cloudadmin") == 301
        assert running.browser.get("/readyz").json()["warnings"] == ["configuration"]
        running.configure(NEW, reload_on_change=True)
        wait_until(lambda: len(running.lines("configuration.reloaded")) == 2)
        assert running.status("/aws/new") == 301


def test_under_gunicorn_by_itself_sighup_brings_workers_with_the_new_configuration(tmp_path: Path) -> None:
    with started(tmp_path, gunicorn, cache_type="SQLite") as running:
        running.configure(NEW)
        running.process.send_signal(signal.SIGHUP)
        wait_until(lambda: running.status("/aws/new") == 301)


def test_without_a_service_that_runs_the_command_says_so(running: Running) -> None:
    running.process.terminate()
    running.process.wait(timeout=10)
    told = running.awscons("reload")
    assert (told.returncode, "no `awscons serve` holds" in told.stderr) == (1, True)
    nowhere = subprocess.run(
        [sys.executable, "-m", "awscons", "reload"],
        cwd=running.folder,
        env={**running.environment, "STATE_DIRECTORY": str(running.folder / "elsewhere")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (nowhere.returncode, "set STATE_DIRECTORY" in nowhere.stderr) == (1, True)
