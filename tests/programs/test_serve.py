"""`awscons serve`, as a program: which options it refuses, how it stops, and slow clients."""

import os
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from awscons.adapters.server.cpu_pinning import cpu_of
from awscons.adapters.server.slow_clients import MAX_REQUEST_SECONDS
from awscons.cli.program import cli
from awscons.demo.pretend_signin import PretendSignin
from awscons.demo.pretend_sts import PretendSts
from support.bare_service import CONFIG
from support.browser import Browser, sent_to_idp
from support.faults import HOLD, Faulty
from support.house import BROKER, ROLES, config_for, vouch_for_ada, write_credentials
from support.serving import client_tls, free_port, has_ipv6, program, serve_command, serving, wait_until
from support.stage import write_tls

ROOT = Path(__file__).parents[2]

SHORT_TIMEOUT = ("--request-timeout", "1")

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "src")}


@contextmanager
def served(
    folder: Path, *arguments: str, config: str = CONFIG, port: int | None = None, host: str = "127.0.0.1"
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    (folder / "config.py").write_text(config)
    port = port or free_port()
    environment = {**ENVIRONMENT, "STATE_DIRECTORY": str(folder / "state")}
    with program(
        serve_command("--port", str(port), *arguments),
        port=port,
        log=folder / "log",
        environment=environment,
        folder=folder,
        host=host,
    ) as process:
        yield port, process


def refused(folder: Path, *arguments: str, config: str = CONFIG) -> str:
    (folder / "config.py").write_text(config)
    done = subprocess.run(
        serve_command(*arguments),
        cwd=folder,
        env={**ENVIRONMENT, "STATE_DIRECTORY": str(folder / "state")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode in {1, 2}, done.stderr
    return " ".join(done.stderr.split())


# --- refused options ----------------------------------------------------------------------


@pytest.mark.parametrize("bind", ["0.0.0.0", "0.0.0.0:8000", "::", "[::]:8000", "192.0.2.1"])
def test_plain_http_beyond_this_host_is_refused_unless_told(tmp_path: Path, bind: str) -> None:
    said = refused(tmp_path, "--bind", bind)
    for cure in ("127.0.0.1", "`trusted_proxies`", "--certificate", "--plain-http"):
        assert cure in said


@pytest.mark.parametrize(
    ("arguments", "config"),
    [
        (["--plain-http"], CONFIG),
        ([], CONFIG + "server_config = {'trusted_proxies': 1}\n"),
        ([], CONFIG.replace("session_config = {}", "session_config = {'session_secure': False}")),
    ],
    ids=["--plain-http", "a proxy on another host", "session_secure is False"],
)
def test_plain_http_beyond_this_host_works_when_told(
    tmp_path: Path, arguments: list[str], config: str
) -> None:
    with served(tmp_path, "--bind", "0.0.0.0", "--workers", "1", *arguments, config=config) as (port, _):
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").text == "ok\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--bind", "127.0.0.1:0"], "a host, or host:port"),
        (["--bind", "127.0.0.1:99999"], "a host, or host:port"),
        (["--bind", "127.0.0.1:x"], "an address of this host"),
        (["--bind", "8000"], "an address of this host"),
        (["--bind", ":8000"], "an address of this host"),
        (["--bind", ""], "an address of this host"),
        (["--bind", "[::1"], "an address of this host"),
        (["--bind", "http://127.0.0.1:8000"], "an address of this host"),
        (["--bind", "unix:awscons.sock"], "the full path of a socket file"),
        (["--bind", "unix:/run/awscons.sock", "--port", "8000"], "without --port"),
        (["--bind", "unix:/run/awscons.sock", "--socket-mode", "rw"], "three octal digits"),
        (
            ["--bind", "unix:/nowhere/awscons.sock"],
            "cannot listen on unix:/nowhere/awscons.sock: no such file",
        ),
        (["--socket-mode", "660"], "--socket-mode belongs to --bind unix:PATH"),
        (["--bind", "host.invalid", "--plain-http"], "cannot listen on host.invalid"),
        (["--bind", "127.0.0.1:8001", "--port", "8002"], "the one port to listen on"),
        (["--certificate", "x.pem"], "--certificate and --key belong together"),
        (["--certificate", "no.pem", "--key", "no.pem"], "cannot use certificate no.pem"),
        (["--certificate", "config.py", "--key", "config.py"], "cannot use certificate config.py"),
        (["--threads", "0"], "--threads"),
    ],
)
def test_a_command_line_that_cannot_be_meant_is_a_sentence(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    assert said in refused(tmp_path, *arguments)


def test_help_names_the_limit_that_the_server_has_by_itself() -> None:
    option = next(param for param in cli.commands["serve"].params if param.name == "request_timeout")
    assert option.default == MAX_REQUEST_SECONDS


def test_a_certificate_for_an_address_of_plain_http_is_refused(tmp_path: Path) -> None:
    certificate, key = write_tls(tmp_path)
    config = CONFIG.replace("https://sso.example.com/saml/acs", "http://localhost:8000/saml/acs")
    said = refused(tmp_path, "--certificate", str(certificate), "--key", str(key), config=config)
    assert "acs_url has to begin with https://" in said


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it(tmp_path: Path) -> None:
    certificate, key = write_tls(tmp_path)
    found = load_pem_private_key(key.read_bytes(), None)
    locked = BestAvailableEncryption(b"passphrase")
    key.write_bytes(found.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    config = CONFIG.replace("https://sso.example.com/saml", "https://localhost:1/saml")
    said = refused(tmp_path, "--certificate", str(certificate), "--key", str(key), config=config)
    assert "the key without a passphrase" in said
    assert "pass phrase" not in said


def test_the_longest_address_of_a_console_page_is_not_too_long(tmp_path: Path) -> None:
    with served(tmp_path, "--workers", "1") as (port, _):
        page = f"https://console.aws.amazon.com/{'%2F' * 900}"
        response = httpx.get(f"http://127.0.0.1:{port}/x", params={"destination": page})
        assert len(response.request.url.raw_path) > 4_000
        assert response.status_code == 414
        assert "awscons" in response.text


def test_https_for_a_trial_is_one_certificate_and_its_key(tmp_path: Path) -> None:
    certificate, key = write_tls(tmp_path)
    with (
        served(tmp_path, "--certificate", str(certificate), "--key", str(key)) as (port, _),
        httpx.Client(verify=client_tls()) as client,
    ):
        for _ in range(5):
            assert client.get(f"https://localhost:{port}/healthz").text == "ok\n"


def test_an_identity_provider_whose_metadata_cannot_be_had_is_a_sentence(tmp_path: Path) -> None:
    by_hand = CONFIG[CONFIG.index('    "saml_endpoint"') : CONFIG.index('    "spid"')]
    rest = CONFIG[CONFIG.index('    "issuer"') : CONFIG.index('    "acs_url"')]
    certificate = CONFIG[CONFIG.index('    "certificate"') : CONFIG.index("}\naws_config")]
    config = CONFIG.replace(by_hand, f'"idp_metadata": "https://127.0.0.1:{free_port()}/metadata",\n')
    said = refused(
        tmp_path, "--port", str(free_port()), config=config.replace(rest, "").replace(certificate, "")
    )
    assert '"cause": "https://127.0.0.1:' in said
    assert "cannot be reached" in said


@pytest.mark.parametrize("bind", ["127.0.0.1", *(["[::1]", "::1"] if has_ipv6() else [])])
def test_it_listens_where_it_is_told_to(tmp_path: Path, bind: str) -> None:
    with served(tmp_path, "--bind", bind, "--workers", "1", host=bind.strip("[]")) as (port, _):
        host = f"[{bind}]" if bind == "::1" else bind
        assert httpx.get(f"http://{host}:{port}/healthz").text == "ok\n"


# --- how it stops and starts again -------------------------------------------------------


def test_a_request_in_flight_finishes_when_the_server_is_asked_to_stop(tmp_path: Path) -> None:
    """Half of a request is there when the signal comes; its other half is sent afterwards."""
    with served(tmp_path, "--workers", "1") as (port, process):
        begun = socket.create_connection(("127.0.0.1", port), timeout=20)
        begun.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
        # An answer on another connection: the one before has been taken by then.
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: not _accepts(port))
        begun.sendall(b"\r\n")
        assert begun.recv(1000).startswith(b"HTTP/1.1 200 OK")
        begun.close()
        assert process.wait(timeout=20) == 0


def test_people_who_wait_for_aws_get_their_consoles_when_the_server_is_asked_to_stop(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://localhost:{port}"
    with ExitStack() as stack:
        config, signin = stack.enter_context(pretend_aws(tmp_path, url))
        _, process = stack.enter_context(served(tmp_path, config=config, port=port))
        browser = Browser(url)
        stack.callback(browser.close)
        sign_in(browser, "/aws/cloudadmin")
        people = stack.enter_context(ThreadPoolExecutor(20))
        signin.misbehave(HOLD)
        stack.callback(signin.released.set)
        cookies = dict(browser.http.cookies)
        requested = [
            people.submit(httpx.get, f"{url}/aws/cloudadmin", cookies=cookies, timeout=30) for _ in range(20)
        ]
        signin.wait_for_calls(20)
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: not _accepts(port))
        signin.released.set()
        assert [each.result().status_code for each in requested] == [301] * 20
        assert process.wait(timeout=20) == 0


@contextmanager
def pretend_aws(folder: Path, url: str) -> Iterator[tuple[str, Faulty]]:
    """A configuration for the service at `url`, and the federation endpoint that it asks."""
    sts = PretendSts(roles=ROLES)
    credentials = write_credentials(folder / "credentials", *sts.add_user(BROKER))
    signin = Faulty(PretendSignin(book=sts).application())
    with (
        serving(lambda _port: sts.application("us-east-1")) as sts_port,
        serving(lambda _port: signin) as signin_port,
    ):
        config = config_for(
            f"{url}/saml/acs",
            sts_url=f"http://127.0.0.1:{sts_port}/",
            signin_url=f"http://127.0.0.1:{signin_port}/federation",
            credentials_file=credentials,
            store={"cache_type": "SQLite"},
            # On the same host, so that cookies need not be Secure.
            saml={"saml_endpoint": "http://localhost/sso"},
            aws={"timeout": 60},
        )
        yield "".join(f"{name} = {value!r}\n" for name, value in config.items()), signin


def sign_in(browser: Browser, path: str) -> None:
    """On the way to a console."""
    form = vouch_for_ada(sent_to_idp(browser.get(path)), f"{browser.base}/saml/acs")
    assert browser.follow(browser.answer("/saml/acs", form)).status_code == 301


def test_workers_that_die_are_replaced_and_nobody_notices(tmp_path: Path) -> None:
    with served(tmp_path, "--workers", "2") as (port, process):
        died: set[int] = set()
        for _ in range(3):
            while len(alive := children_of(process.pid) - died) < 2:
                assert httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=10).status_code == 200
            died.add(min(alive))
            os.kill(min(alive), signal.SIGKILL)
        assert httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=10).status_code == 200
        assert process.poll() is None


def children_of(pid: int) -> set[int]:
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def _accepts(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=1)
    except httpx.TransportError:
        return False
    return True


def test_a_changed_configuration_is_served_after_a_moment_and_a_mistake_in_it_is_survived(
    tmp_path: Path,
) -> None:
    with served(tmp_path, "--reload", "--workers", "1") as (port, _):
        address = f"http://127.0.0.1:{port}/y"
        assert httpx.get(address).status_code == 401
        (tmp_path / "config.py").write_text("no python at all")
        wait_until(lambda: "reload.waiting" in (tmp_path / "log").read_text())
        assert '"wanted": "valid Python"' in (tmp_path / "log").read_text()
        (tmp_path / "config.py").write_text(CONFIG.replace('"service": "x"', '"service": "y"'))
        wait_until(lambda: _accepts(port))
        assert httpx.get(address).status_code == 302


# --- slow clients ----------------------------------------------------------------------


def silent_clients(port: int, sent: Sequence[bytes]) -> list[socket.socket]:
    opened = []
    for begin in sent:
        client = socket.create_connection(("127.0.0.1", port), timeout=30)
        if begin:
            client.sendall(begin)
        opened.append(client)
    return opened


def test_connections_that_say_nothing_cost_no_thread(tmp_path: Path) -> None:
    with (
        served(tmp_path, "--workers", "1", "--threads", "2", *SHORT_TIMEOUT) as (port, _),
        ExitStack() as stack,
    ):
        for client in silent_clients(port, [b""] * 50):
            stack.enter_context(client)
        assert httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=4).text == "ok\n"


def test_a_request_that_never_ends_gives_its_thread_back(tmp_path: Path) -> None:
    form = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000"
    body = b"POST /saml/acs HTTP/1.1\r\nHost: x\r\n" + form + b"\r\n\r\nRelay"
    with (
        served(tmp_path, "--workers", "1", "--threads", "2", *SHORT_TIMEOUT) as (port, _),
        ExitStack() as stack,
    ):
        for client in silent_clients(port, [b"GET / HT", body]):
            stack.enter_context(client)
        # Both threads are taken; who waits is served once their time is up.
        assert httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=25).text == "ok\n"
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_bytes_that_trickle_in_do_not_renew_the_time_that_a_request_has(tmp_path: Path) -> None:
    with served(tmp_path, "--workers", "1", "--threads", "1", *SHORT_TIMEOUT) as (port, _):
        slow = socket.create_connection(("127.0.0.1", port), timeout=30)
        done = threading.Event()

        def trickle() -> None:
            while not done.wait(0.2):
                try:
                    slow.sendall(b"G")
                except OSError:
                    return

        slow.sendall(b"G")
        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            assert httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=25).text == "ok\n"
        finally:
            done.set()
            thread.join()
            slow.close()


def test_a_tls_handshake_that_never_ends_gives_its_thread_back(tmp_path: Path) -> None:
    certificate, key = write_tls(tmp_path)
    tls = ("--certificate", str(certificate), "--key", str(key))
    with served(tmp_path, "--workers", "1", "--threads", "1", *SHORT_TIMEOUT, *tls) as (port, _):
        outgoing = ssl.MemoryBIO()
        half = client_tls().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
        with pytest.raises(ssl.SSLWantReadError):
            half.do_handshake()
        (client,) = silent_clients(port, [outgoing.read()[:50]])
        with client, httpx.Client(verify=client_tls()) as other:
            assert other.get(f"https://localhost:{port}/healthz", timeout=25).text == "ok\n"


# --- workers and CPUs ----------------------------------------------------------------------


def connections_of(pid: int) -> int:
    """How many sockets a process has open."""
    return sum(str(link.readlink()).startswith("socket:") for link in Path(f"/proc/{pid}/fd").iterdir())


@pytest.mark.parametrize(("option", "kept_to_one"), [((), True), (("--no-pin-workers",), False)])
def test_a_worker_keeps_to_one_cpu_unless_told_otherwise(
    tmp_path: Path, option: tuple[str, ...], *, kept_to_one: bool
) -> None:
    with served(tmp_path, "--workers", "1", *option) as (port, process):
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        (worker,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        usable = os.sched_getaffinity(0)
        assert len(os.sched_getaffinity(int(worker))) == (1 if kept_to_one else len(usable))


def test_neighbours_have_cpus_of_their_own() -> None:
    usable = os.sched_getaffinity(0)
    cpus = [cpu_of(place, service=4711) for place in range(len(usable))]
    assert set(cpus) == (usable if len(usable) > 1 else {None})


def test_connections_are_shared_out_among_the_workers(tmp_path: Path) -> None:
    with served(tmp_path, "--workers", "2") as (port, process), ExitStack() as stack:
        clients = [stack.enter_context(httpx.Client()) for _ in range(40)]
        for client in clients:
            assert client.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        # Of forty, one worker has fewer than six once in a million times.
        assert all(connections_of(int(child)) >= 6 for child in children)


def test_a_second_service_on_the_same_port_is_refused(tmp_path: Path) -> None:
    with served(tmp_path) as (port, _):
        assert f"port {port}: address already in use" in refused(tmp_path, "--port", str(port))
