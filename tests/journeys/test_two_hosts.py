"""Two hosts behind one balancer, with a store that both reach; one is killed, the store goes away and comes back."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from support.browser import forms_in, sent_to_idp
from support.load import Load
from support.serving import free_port, program, serve_command
from support.stage import Aws, Stage, environment_of, identity_provider, nginx, write_config, write_tls

PASSWORD = "swordfish"


@dataclass
class TwoHosts(Stage):
    """One public address, and the two programs behind it; nginx is the balancer."""

    hosts: list[str]
    processes: list[subprocess.Popen[bytes]]
    store: Callable[[], subprocess.Popen[bytes]]
    stop_store: Callable[[], None]
    logs: list[Path]


class Store:
    """Redis or memcached, which can be ended and started again at its port."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self.folder, self.port = kind, folder, free_port()
        self._stack = ExitStack()

    def start(self) -> subprocess.Popen[bytes]:
        port = str(self.port)
        if self.kind == "Redis":
            # What is in it is kept over a restart, as one that holds logins should.
            command = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--appendonly", "yes"]
            command += ["--appendfsync", "everysec", "--requirepass", PASSWORD, "--dir", str(self.folder)]
        else:
            user = ["-u", "nobody"] if os.getuid() == 0 else []
            command = ["memcached", *user, "-l", "127.0.0.1", "-p", port, "-m", "64"]
        return self._stack.enter_context(program(command, port=self.port, log=self.folder / "store.log"))

    def stop(self) -> None:
        self._stack.close()

    def backing(self) -> dict[str, object]:
        if self.kind == "Redis":
            return {"cache_type": "Redis", "host": "127.0.0.1", "port": self.port, "password": PASSWORD}
        return {"cache_type": "Memcached", "servers": [f"127.0.0.1:{self.port}"]}


def balancer(folder: Path, port: int, hosts: list[int]) -> str:
    """For nginx: take turns, and ask the other host when one cannot be reached."""
    certificate, key = write_tls(folder)
    servers = " ".join(f"server 127.0.0.1:{host} max_fails=1 fail_timeout=2s;" for host in hosts)
    return (
        f"upstream hosts {{ {servers} }}\n"
        f"server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key};\n"
        "location / { proxy_pass http://hosts; proxy_set_header X-Forwarded-For $remote_addr;\n"
        "proxy_buffer_size 32k; proxy_buffers 8 32k; proxy_busy_buffers_size 64k; } }"
    )


@contextmanager
def two_hosts(folder: Path, aws: Aws, kind: str) -> Iterator[TwoHosts]:
    """Two `awscons serve` with one configuration, nothing in common but the store."""
    port, ports = free_port(), [free_port(), free_port()]
    url = f"https://localhost:{port}"
    store = Store(kind, folder)
    with ExitStack() as stack:
        stack.callback(store.stop)
        store.start()
        idp, config = stack.enter_context(
            identity_provider(
                folder,
                aws,
                url,
                store=store.backing(),
                server={"trusted_proxies": 1, "rate_limit_per_person": 0},
            )
        )
        path = write_config(folder / "config.py", config)
        processes, logs = [], []
        for host in ports:
            command = serve_command("--config", path, "--port", str(host))
            logs.append(folder / f"host-{host}.log")
            environment = environment_of(STATE_DIRECTORY=str(folder / f"state-{host}"))
            processes.append(
                stack.enter_context(program(command, port=host, log=logs[-1], environment=environment))
            )
        stack.enter_context(nginx(folder, port, balancer(folder, port, ports)))
        hosts = [f"http://127.0.0.1:{host}" for host in ports]
        found = TwoHosts(url, idp, hosts, processes, store.start, store.stop, logs)
        stack.callback(found.close)
        yield found


@pytest.mark.parametrize("kind", ["Redis", "Memcached"])
def test_two_hosts_are_one_service_whatever_happens_to_one_of_them(
    tmp_path: Path, aws: Aws, kind: str
) -> None:
    """One test for each store, since starting it all is what takes the time."""
    with two_hosts(tmp_path, aws, kind) as both:
        one, other = both.hosts

        # Begun on one, finished on the other, good on both.
        browser = both.browser()
        begun = httpx.get(f"{one}/aws/cloudadmin?a=1")
        browser.http.cookies.update(begun.cookies)
        page = browser.follow_all(browser.http.get(begun.headers["Location"]))
        page = browser.follow_all(browser.submit(page, {"username": "ada", "password": "secret"}))
        form = forms_in(page)[0].fields
        pending = {"Cookie": f"{begun.headers['Set-Cookie'].split(';')[0]}"}
        answered = httpx.post(f"{other}/saml/acs", data=form, headers=pending)
        assert answered.headers["Location"] == f"{both.url}/aws/cloudadmin?a=1"
        login = {"Cookie": answered.headers["Set-Cookie"].split(";")[0]}
        for host in both.hosts:
            assert httpx.get(f"{host}/aws/cloudadmin", headers=login).status_code == 301

        # A replay is refused by both.
        for host in both.hosts:
            again = httpx.post(f"{host}/saml/acs", data=form, headers=pending)
            sent_to_idp(again)
            assert "__Host-awscons=" not in again.headers.get("Set-Cookie", "")

        # One is killed during load: every login lives, and everything is answered.
        browser.http.cookies.clear()
        both.idp.sign_in(browser, browser.get("/aws/cloudadmin"), "ada")
        with Load([browser] * 4, "/aws/cloudadmin") as load:
            load.wait_for(20, 301)
            for pid in descendants(both.processes[0].pid):
                os.kill(pid, signal.SIGKILL)
            load.wait_for(40, 301)
        # A request that was in the killed process's hands is lost with it, and none after.
        assert set(load.codes) <= {301, 502}
        assert load.codes.count(502) <= 8

        # The store goes away during load: clear 503s; and comes back: all well without a restart.
        with Load([browser] * 4, "/aws/") as load:
            load.wait_for(5, 200)
            both.stop_store()
            load.wait_for(5, 503)
            both.store()
            # Memcached has forgotten everybody; Redis nobody.
            load.wait_for(10, 200 if kind == "Redis" else 302)
        assert set(load.codes) <= {200, 302, 503}
        assert set(load.clear) == {True}
        assert kind == "Memcached" or 302 not in load.codes
        logout_first = both.browser()
        answered = both.idp.sign_in(logout_first, logout_first.get("/aws/cloudadmin"), "ada")
        assert logout_first.follow(answered).status_code == 301
        assert PASSWORD not in both.logs[1].read_text()
        assert "Traceback" not in both.logs[1].read_text()


def descendants(pid: int) -> list[int]:
    """A process and its children, the parent first."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(int(child) for child in children)]
