"""The life of `awscons serve` as systemd and load balancers see it: its lines, its readiness, its end, its socket."""

import json
import os
import pty
import signal
import socket
import sqlite3
import stat
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.bare_service import CONFIG, ROOT, children_of, environment_of
from support.serving import free_port, program, serve_command, wait_until


@contextmanager
def served(
    folder: Path, *arguments: str, server: Mapping[str, object] | None = None, port: int | None = None
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    (folder / "config.py").write_text(f"{CONFIG}server_config = {dict(server or {})!r}\n")
    port = port or free_port()
    with program(
        serve_command("--port", str(port), *arguments),
        port=port,
        log=folder / "log",
        environment=environment_of(folder),
        folder=folder,
    ) as process:
        yield f"http://127.0.0.1:{port}", process


def run(folder: Path, *arguments: str, config: str, **environment: str) -> list[dict[str, Any]]:
    """The lines of a service that does not start."""
    (folder / "config.py").write_text(config, encoding="utf-8")
    done = subprocess.run(
        serve_command("--port", str(free_port()), *arguments),
        cwd=folder,
        env={**environment_of(folder), **environment},
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    assert done.returncode, "it started"
    return parsed(done.stderr)


def parsed(output: bytes) -> list[dict[str, Any]]:
    """Every line as JSON."""
    return [json.loads(line) for line in output.decode().splitlines()]


def accepts(url: str) -> bool:
    try:
        httpx.get(f"{url}/healthz", timeout=1)
    except httpx.TransportError:
        return False
    return True


# --- lines -----------------------------------------------------------------------------------


def test_every_line_of_a_life_is_one_json_object(tmp_path: Path) -> None:
    with served(tmp_path, "--workers", "2") as (url, process):
        assert httpx.get(f"{url}/nothing", timeout=20).status_code == 401
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as client:
            client.sendall(b"no HTTP at all\r\n\r\n")
            client.recv(1000)
        wait_until(lambda: len(children_of(process.pid)) == 2)
        killed = min(children_of(process.pid))
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: f"pid:{killed}" in (tmp_path / "log").read_text())
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=40) == 0
    lines = parsed((tmp_path / "log").read_bytes())
    events = [line["event"] for line in lines]
    assert {"server.ready", "problem", "server.stopping"} <= set(events)
    assert any("SIGKILL" in event for event in events)
    assert any("Invalid" in event for event in events)
    assert all(line["timestamp"] and line["level"] and line["logger"] for line in lines)


def test_a_configuration_with_mistakes_is_one_json_object_for_each(tmp_path: Path) -> None:
    config = CONFIG.replace('"service": "x"', '"service": "x", "duraton": 900, "tilte": "é"')
    *mistakes, last = run(tmp_path, config=config)
    assert [line["event"] for line in mistakes] == ["configuration.mistake"] * 2
    assert mistakes[0]["subject"] == "aws_config.targets[0].duraton"
    assert mistakes[0]["hint"] == "did you mean 'duration'?"
    assert (last["event"], last["level"]) == ("server.start_failed", "error")
    assert last["cause"].endswith("config.py: 2 mistakes")


def test_a_wrong_option_of_a_service_is_json_too(tmp_path: Path) -> None:
    (line,) = run(tmp_path, "--thread", "1", config=CONFIG)
    assert line["event"] == "server.start_failed"
    assert "--threads" in line["cause"]


def test_warnings_and_exceptions_that_nobody_handles_are_json_without_their_texts(tmp_path: Path) -> None:
    """What runs in config.py stands for any library: it warns, a thread of it fails, and so does a destructor."""
    config = """
import threading, warnings
class Broken:
    def __del__(self):
        raise ValueError("secret")
def fail():
    raise KeyError("secret")
warnings.warn("careful")
thread = threading.Thread(target=fail)
thread.start()
thread.join()
Broken()
"""
    warned, thread, destructor, *_ = lines = run(tmp_path, config=config)
    assert "careful" in warned["event"]
    assert (thread["event"], thread["error_type"]) == ("process.unhandled_exception", "KeyError")
    assert (destructor["event"], destructor["error_type"]) == ("process.unhandled_exception", "ValueError")
    assert "secret" not in str(lines)


def test_an_installation_that_warns_and_fails_at_import_is_json(tmp_path: Path) -> None:
    (tmp_path / "gunicorn").mkdir()
    fails = 'import warnings\nwarnings.warn("old")\nraise RuntimeError("secret")\n'
    (tmp_path / "gunicorn" / "__init__.py").write_text(fails)
    path = f"{tmp_path}:{ROOT / 'src'}"
    warned, failed = lines = run(tmp_path, config=CONFIG, PYTHONPATH=path)
    assert warned["event"] == "old"
    assert (failed["event"], failed["error_type"]) == ("process.unhandled_exception", "RuntimeError")
    assert "secret" not in str(lines)


def test_workers_that_cannot_start_are_json_and_end_the_service(tmp_path: Path) -> None:
    server = {"metrics_token": "made-up-for-tests-0123456789", "metrics_file": "/proc/nothing/metrics"}
    lines = run(tmp_path, "--workers", "3", config=f"{CONFIG}server_config = {server!r}\n")
    failed = [line for line in lines if line["event"] == "server.worker_start_failed"]
    assert failed
    assert "metrics_file" in failed[0]["cause"]
    assert "process.unhandled_exception" not in [line["event"] for line in lines]


def test_counters_of_another_layout_are_refused_and_left_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "metrics.sqlite3"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE totals (series TEXT, value REAL)")
    before = file.read_bytes()
    server = {"metrics_token": "made-up-for-tests-0123456789", "metrics_file": str(file)}
    (failed, *_) = [
        line
        for line in run(tmp_path, config=f"{CONFIG}server_config = {server!r}\n")
        if line["event"] == "server.worker_start_failed"
    ]
    assert f"{file}': of another program or release" in failed["cause"]
    assert file.read_bytes() == before


def test_lines_are_json_in_a_locale_that_knows_only_ascii(tmp_path: Path) -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    *_, mistake, _last = run(tmp_path, config=CONFIG + "server_config = {'größe€': 1}\n", **ascii_only)
    assert mistake["subject"] == "server_config['größe€']"


def test_at_a_terminal_a_mistake_is_a_sentence(tmp_path: Path) -> None:
    """Not JSON: a person reads it."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        command = serve_command("--port", "0")
        done = subprocess.run(command, cwd=tmp_path, env=environment_of(tmp_path), stderr=theirs, check=False)
        os.close(theirs)
        assert done.returncode == 2
        assert terminal.read(2000).startswith(b"Usage: awscons serve")


# --- readiness and the end -------------------------------------------------------------------


def test_after_sigterm_every_worker_says_that_it_is_not_ready_and_still_serves(tmp_path: Path) -> None:
    with served(tmp_path, "--workers", "2", server={"shutdown_delay": 300}) as (url, process):
        assert httpx.get(f"{url}/readyz", timeout=20).json()["ready"]
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: httpx.get(f"{url}/readyz").status_code == 503)
        answers = [httpx.get(f"{url}/readyz") for _ in range(20)]
        assert {answer.text for answer in answers} == {
            '{"problems":["stopping"],"ready":false,"warnings":[]}\n'
        }
        assert httpx.get(f"{url}/healthz").text == "ok\n"
        assert httpx.get(f"{url}/x").status_code == 302
        # The second signal ends it at once, and not after five minutes.
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


def test_after_the_delay_the_service_ends_by_itself(tmp_path: Path) -> None:
    with served(tmp_path, "--workers", "1", server={"shutdown_delay": 1}) as (url, process):
        assert httpx.get(f"{url}/healthz", timeout=20).text == "ok\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
        assert not accepts(url)


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("delay", [0, 300])
def test_a_second_signal_does_not_wait_for_requests_in_flight(
    tmp_path: Path, second: signal.Signals, delay: int
) -> None:
    server = {"shutdown_delay": delay}
    with (
        served(tmp_path, "--workers", "1", "--request-timeout", "600", server=server) as (url, process),
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as begun,
    ):
        begun.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
        assert httpx.get(f"{url}/healthz", timeout=20).text == "ok\n"
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: not accepts(url) or httpx.get(f"{url}/readyz").status_code == 503)
        process.send_signal(second)
        # Requests in flight have 30 seconds otherwise.
        assert process.wait(timeout=15) == 0


# --- a socket file ---------------------------------------------------------------------------


@contextmanager
def listening_on(path: Path, folder: Path, *arguments: str) -> Iterator[httpx.Client]:
    (folder / "config.py").write_text(f"{CONFIG}server_config = {{'trusted_proxies': 1}}\n")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            serve_command("--bind", f"unix:{path}", *arguments),
            cwd=folder,
            env=environment_of(folder),
            stderr=log,
        )
    try:
        wait_until(lambda: "server.ready" in (folder / "log").read_text())
        with httpx.Client(
            transport=httpx.HTTPTransport(uds=str(path)), base_url="http://x", timeout=20
        ) as client:
            yield client
    finally:
        process.terminate()
        assert process.wait(timeout=40) == 0


@pytest.mark.parametrize(("arguments", "mode"), [((), 0o660), (("--socket-mode", "600"), 0o600)])
def test_a_socket_file_serves_with_its_permissions_and_the_address_that_the_proxy_says(
    tmp_path: Path, arguments: tuple[str, ...], mode: int
) -> None:
    path = tmp_path / "awscons.sock"
    with listening_on(path, tmp_path, "--workers", "2", *arguments) as client:
        assert stat.S_IMODE(path.stat().st_mode) == mode
        assert client.get("/healthz").text == "ok\n"
        form = {"SAMLResponse": "rubbish", "RelayState": "x"}
        client.post("/saml/acs", data=form, headers={"X-Forwarded-For": "192.0.2.7"})
    (event,) = [line for line in parsed((tmp_path / "log").read_bytes()) if line.get("action") == "sign-in"]
    assert event["client_address"] == "192.0.2.7"
    assert not path.exists()


def test_a_socket_file_that_a_killed_service_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "awscons.sock"
    with closing(socket.socket(socket.AF_UNIX)) as dead:
        dead.bind(str(path))
    with listening_on(path, tmp_path, "--workers", "1") as client:
        assert client.get("/healthz").text == "ok\n"


def test_a_socket_file_on_which_another_program_listens_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "awscons.sock"
    with closing(socket.socket(socket.AF_UNIX)) as other:
        other.bind(str(path))
        other.listen()
        assert "address already in use" in refused_at(path, tmp_path)
    assert path.exists()


def test_a_file_that_is_no_socket_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("precious")
    assert "a file that is no socket is in the way" in refused_at(path, tmp_path)
    assert path.read_text() == "precious"


def refused_at(path: Path, folder: Path) -> str:
    (folder / "config.py").write_text(CONFIG)
    command = serve_command("--bind", f"unix:{path}")
    done = subprocess.run(
        command, cwd=folder, env=environment_of(folder), stderr=subprocess.PIPE, timeout=60, check=False
    )
    *_, last = parsed(done.stderr)
    assert done.returncode == 1
    return str(last["cause"])


# --- connections -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "length", "status"), [("/saml/acs", 5_000_000, 413), ("/nothing/x", 1_000, 401)]
)
def test_a_connection_with_an_unread_body_is_closed_after_an_answer_that_says_so(
    tmp_path: Path, path: str, length: int, status: int
) -> None:
    with served(tmp_path, "--workers", "1") as (url, _), httpx.Client(base_url=url, timeout=20) as client:
        answer = client.post(path, content=b"x" * length)
        assert (answer.status_code, answer.headers["Connection"]) == (status, "close")
        assert client.get("/healthz").headers["Connection"] == "keep-alive"
