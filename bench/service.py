"""The service as a program, with prepared logins in its store and prepared SAML responses."""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import botocore

from awscons.access.identity import Identity, Login
from awscons.adapters.stores.choice import open_store
from awscons.assembly.signin_side import build_login_register
from awscons.config.load import load_settings
from awscons.config.settings import Settings
from awscons.signin.pending_logins import PendingLogins
from awscons.signin.records import PendingLogin
from bench.load import Address, drive, get, post
from support.forge import Forger
from support.house import config_for, story_of, write_credentials
from support.serving import authority, client_tls, free_port, program
from support.stage import write_config, write_tls

ROOT = Path(__file__).parents[1]
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Upstream:
    """A running pretend AWS, for the service and for the floor's clients."""

    address: Address

    @property
    def url(self) -> str:
        """Its base URL."""
        scheme = "https" if self.address.tls else "http"
        return f"{scheme}://{self.address.host}:{self.address.port}"


@dataclass(frozen=True, eq=False)
class Service:
    """The service, running.

    start   seconds from the command to the first answer
    """

    address: Address
    pid: int
    start: float
    settings: Settings
    environment: dict[str, str]

    def workers(self) -> list[int]:
        """Process ids of the workers."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(child) for child in children]

    def cpu(self) -> float:
        """Seconds of CPU that the workers have used so far."""
        used = 0
        for worker in self.workers():
            fields = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()
            used += int(fields[11]) + int(fields[12])
        return used / _TICKS

    def memory(self) -> list[float]:
        """MiB of resident memory of each worker."""
        return [
            int(line.split()[1]) / 1_024
            for worker in self.workers()
            for line in Path(f"/proc/{worker}/status").read_text().splitlines()
            if line.startswith("VmRSS:")
        ]

    # --- logins and pending logins -------------------------------------------------------

    def signed_in(self, *, groups: tuple[str, ...] = ("sysadmin",)) -> str:
        """The cookie of a login that is written directly into the store."""
        login_id, now = secrets.token_urlsafe(32), datetime.now(UTC)
        identity = Identity("ada@example.com", "ada@example.com", {"groups": groups}, frozenset(groups))
        register, _ = build_login_register(self.settings, environment=self.environment)
        register.save(login_id, Login(identity, now, now + timedelta(hours=1)))
        return f"awscons={login_id}"

    def signed_responses(self, number: int) -> list[bytes]:
        """`number` posts to the ACS, each with its own pending login and a signed response to it."""
        store = open_store(self.settings.backing, environment=self.environment)
        pending = PendingLogins(store=store, max_pending=1_000_000, lifetime=timedelta(minutes=10))
        acs_url, now = self.settings.service_provider.acs_url, datetime.now(UTC)
        forger, made = Forger(), []
        for count in range(number):
            request_id, secret = f"_{secrets.token_hex(20)}", secrets.token_urlsafe(32)
            handle = pending.save(
                PendingLogin(
                    request_id=request_id,
                    return_to="/aws/",
                    browser_hash=_hashed(secret),
                    begun_at=now,
                    force_authn=False,
                    retry_of_login=False,
                )
            )
            story = story_of(
                f"person{count}@example.com",
                request_id=request_id,
                acs_url=acs_url,
                now=now,
                groups=("sysadmin",),
            )
            body = urlencode({"SAMLResponse": forger.form_value(story), "RelayState": handle}).encode()
            cookie = f"awscons-pending-{handle}={secret}"
            made.append(post(self.address, "/saml/acs", body, cookie=cookie))
        return made

    def add_logins(self, number: int) -> None:
        """Write `number` logins of other people into the embedded store."""
        path = Path(self.environment["STATE_DIRECTORY"]) / "logins.sqlite3"
        rows = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {number})"
        ends = time.time() + 3_600
        with closing(sqlite3.connect(path, timeout=30)) as connection, connection:
            connection.execute(
                f"INSERT INTO records {rows} SELECT 'login:' || hex(randomblob(32)), "
                f'\'{{"padding":"{"x" * 400}"}}\', {ends} FROM n'
            )

    def ask(self, path: str, cookie: str = "") -> bytes:
        """A GET of the service."""
        return get(self.address, path, cookie=cookie)


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def upstream(folder: Path, *, delay: float, tls: bool) -> Iterator[Upstream]:
    """The pretend AWS as a program; over TLS with a certificate of the run's own authority."""
    port = free_port()
    command = [sys.executable, "-m", "bench.upstream", "--port", str(port), "--delay", str(delay)]
    context = None
    if tls:
        certificate, key = write_tls(folder)
        command += ["--certificate", str(certificate), "--key", str(key)]
        context = client_tls()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    log = folder / f"upstream-{port}.log"
    with program(command, port=port, log=log, environment=environment):
        yield Upstream(Address("localhost" if tls else "127.0.0.1", port, context))


def write_bundle(folder: Path) -> Path:
    """A file of certificate authorities as large as a real one, with the authority of this run."""
    path = folder / "bundle.pem"
    real = Path(botocore.__file__).with_name("cacert.pem").read_bytes()
    path.write_bytes(real + b"\n" + authority().cert_pem.bytes())
    return path


@contextmanager
def service(
    folder: Path,
    aws: Upstream,
    *,
    workers: int = 2,
    targets: int = 20,
    aws_config: Mapping[str, object] | None = None,
) -> Iterator[Service]:
    """Run `awscons serve`, with so many plain targets or with the targets of `aws_config`."""
    with ExitStack() as stack:
        folder.mkdir(exist_ok=True)
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        config = config_for(
            f"{url}/saml/acs",
            sts_url=f"{aws.url}/",
            signin_url=f"{aws.url}/federation",
            credentials_file=write_credentials(folder / "credentials", "AKIAEXAMPLE", "secret"),
            store={"cache_type": "SQLite"},
            aws={"timeout": 20, **(aws_config or {"targets": _targets(targets)})},
            server={
                "rate_limit_per_address": 0,
                "rate_limit_overall": 0,
                "rate_limit_per_person": 0,
                "max_pending_logins": 1_000_000,
            },
        )
        path = write_config(folder / "config.py", config)
        bundle = str(write_bundle(folder))
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "src"),
            "STATE_DIRECTORY": str(folder / "state"),
            "AWS_CA_BUNDLE": bundle,
            "SSL_CERT_FILE": bundle,
        }
        command = [sys.executable, "-m", "awscons", "serve", "--config", str(path), "--port", str(port)]
        command += ["--workers", str(workers)]
        log = folder / "service.log"
        begun = time.perf_counter()
        process = stack.enter_context(program(command, port=port, log=log, environment=environment))
        address = Address("127.0.0.1", port)
        step = ((address, get(address, "/healthz"), b"HTTP/1.1 200"),)
        assert drive(iter([step, None]).__next__, clients=1).failed == 0
        start = time.perf_counter() - begun
        settings = load_settings(path, environment=environment)
        found = Service(address, process.pid, start, settings, environment)
        _wait_for_workers(found, workers)
        yield found


def _wait_for_workers(running: Service, number: int) -> None:
    begun = time.monotonic()
    while len(running.workers()) < number:
        assert time.monotonic() - begun < 20, "the workers did not start"
        time.sleep(0.05)


def _targets(number: int) -> list[dict[str, object]]:
    return [
        {
            "service": f"target{count}",
            "role": f"arn:aws:iam::{count % 200 + 100_000_000_000}:role/MyAdminRole",
            "groups": ["sysadmin"],
        }
        for count in range(number)
    ]
