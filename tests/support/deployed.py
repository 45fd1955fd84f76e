"""The service under the real servers, with the very files of `deploy/`: other paths and ports put in."""

from __future__ import annotations

import os
import pwd
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.confined import settings_of
from support.serving import free_port, has_ipv6, program
from support.simplesamlphp import SimpleSamlPhp
from support.stage import ROOT, Aws, Stage, environment_of, identity_provider, nginx, write_config, write_tls

DEPLOY = ROOT / "deploy"
OTHER_SERVERS = ROOT / "docs" / "how-to" / "apache.md"
MODULES = Path("/usr/lib/apache2/modules")
BIN = Path(sys.executable).parent

USER = "daemon" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
"""Whom the service runs as: neither root nor the user of Apache, where this is run by root."""


@dataclass
class Deployed(Stage):
    """A stage whose service writes to `log`.

    log_is_escaped  as Apache escapes whatever it logs: bytes beyond ASCII, and backslashes
    plain_url       what a proxy in front answers without TLS, if there is such an address
    one_host_only   that proxy hangs up on whoever asks for another host
    """

    log: Path
    plain_url: str = ""
    log_is_escaped: bool = False
    one_host_only: bool = False


@contextmanager
def folder_for_all() -> Iterator[Path]:
    """A folder that the servers' own users may enter, unlike pytest's."""
    made = Path(tempfile.mkdtemp(prefix="awscons-server-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@contextmanager
def _configured(
    folder: Path,
    aws: Aws,
    url: str,
    *,
    etc: Path | None = None,
    store: Mapping[str, object] | None = None,
    server: Mapping[str, object] | None = None,
) -> Iterator[tuple[SimpleSamlPhp, Path]]:
    """An identity provider, and a `config.py` for the service at `url`."""
    (folder / "state").mkdir()
    store = store or {"cache_type": "SQLite", "path": str(folder / "state" / "logins.sqlite3")}
    with identity_provider(folder, aws, url, store=store, server=server or {}) as (idp, config):
        path = write_config((etc or folder) / "config.py", config)
        path.chmod(0o600)
        yield idp, path


@contextmanager
def apache(
    checkout: Path,
    folder: Path,
    aws: Aws,
    *,
    mount_path: str,
    etc: Path | None = None,
    wsgi_file: str = "wsgi.py",
    store: Mapping[str, object] | None = None,
    server: Mapping[str, object] | None = None,
    changes: Mapping[str, str] | None = None,
) -> Iterator[Deployed]:
    """Apache with mod_wsgi, as `deploy/apache-site.conf` has it: two processes, eight threads each.

    checkout    where the code and its virtual environment are, made by the Python of mod_wsgi
    etc         the folder with `config.py` and the WSGI file
    changes     other texts for texts of the site
    """
    port, http_port = free_port(), free_port()
    url = f"https://localhost:{port}{mount_path}"
    certificate, key = write_tls(folder)
    (folder / "run").mkdir()
    text = _with(
        (DEPLOY / "apache-site.conf").read_text(),
        {"https://${AWSCONS_HOST}/": "https://${AWSCONS_HOST}:${AWSCONS_PORT}/", **(changes or {})},
    )
    if etc is None:
        etc = folder / "etc"
        etc.mkdir()
        shutil.copy(DEPLOY / "wsgi.py", etc)
    else:
        text = text.replace("wsgi.py", wsgi_file)
    (folder / "site.conf").write_text(text)
    with _configured(folder, aws, url, etc=etc, store=store, server=server) as (idp, config):
        user = "User www-data\nGroup www-data" if os.getuid() == 0 else ""
        modules = (
            "mpm_event",
            "authz_core",
            "authn_core",
            "alias",
            "reqtimeout",
            "ssl",
            "socache_shmcb",
            "wsgi",
        )
        loads = "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in modules)
        (folder / "apache.conf").write_text(
            f"""
ServerRoot {folder}
PidFile {folder}/run/apache.pid
DefaultRuntimeDir {folder}/run
Listen 127.0.0.1:{port}
Listen 127.0.0.1:{http_port}
ServerName localhost
ErrorLog {folder}/run/error.log
WSGISocketPrefix {folder}/run/wsgi
{loads}
{user}
Define AWSCONS_HOST localhost
Define AWSCONS_MOUNT {mount_path or "/"}
Define AWSCONS_PORT {port}
Define AWSCONS_HTTP_PORT {http_port}
Define AWSCONS_USER {USER}
Define AWSCONS_VENV {checkout}/venv
Define AWSCONS_ETC {etc}
Define AWSCONS_CERTIFICATE {certificate}
Define AWSCONS_KEY {key}
Include {folder}/site.conf
"""
        )
        _hand_over(folder, config)
        # The program itself, since the virtual environment of a checkout holds its dependencies only.
        environment = environment_of(PYTHONPATH=str(checkout / "package"))
        log, plain_url = folder / "run" / "error.log", f"http://localhost:{http_port}"
        command = ["apache2", "-f", str(folder / "apache.conf"), "-DFOREGROUND"]
        with (
            program(command, port=port, log=folder / "apache.out", environment=environment),
            closing(Deployed(url, idp, log, plain_url, log_is_escaped=True)) as deployed,
        ):
            yield deployed


def _with(text: str, changes: Mapping[str, str]) -> str:
    """A file of `deploy/` with other texts for some of its own, all of which have to be there."""
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def _hand_over(folder: Path, config: Path) -> None:
    """The service runs as somebody else when it is started by root."""
    if os.getuid() != 0:
        return
    user = pwd.getpwnam(USER)
    for path in [config, folder, *folder.rglob("*")]:
        os.chown(path, user.pw_uid, user.pw_gid)


@contextmanager
def gunicorn(folder: Path, aws: Aws, *, nginx: bool = False) -> Iterator[Deployed]:
    """gunicorn with `deploy/gunicorn.conf.py`, by itself over http, or behind nginx over https."""
    port = free_port()
    site = _Nginx(folder, port) if nginx else None
    url = site.url if site else f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        server = {"trusted_proxies": 1} if nginx else None
        idp, config = stack.enter_context(_configured(folder, aws, url, server=server))
        changes = {"/etc/awscons/config.py": str(config), "127.0.0.1:8000": f"127.0.0.1:{port}"}
        (folder / "gunicorn.conf.py").write_text(_with((DEPLOY / "gunicorn.conf.py").read_text(), changes))
        command: list[str | Path] = [BIN / "gunicorn", "--config", folder / "gunicorn.conf.py"]
        environment = environment_of()
        log = folder / "gunicorn.log"
        stack.enter_context(program(command, port=port, log=log, environment=environment))
        deployed = Deployed(url, idp, log)
        if site:
            stack.enter_context(site.running())
            deployed.plain_url, deployed.one_host_only = site.plain_url, True
        yield stack.enter_context(closing(deployed))


def confined(
    checkout: Path, folder: Path, *arguments: str, config: Path, port: int
) -> tuple[list[str | Path], dict[str, str]]:
    """The command of `deploy/awscons.service` and its environment, as systemd would run it.

    As another user, and with none but the system calls that the unit lets it make.
    arguments   more of them, at the end
    """
    unit = DEPLOY / "awscons.service"
    (start,) = settings_of(unit)["ExecStart"]
    words = shlex.split(
        _with(
            start,
            {
                "/srv/awscons/venv/bin/awscons": f"{checkout}/venv/bin/python -m awscons",
                "/etc/awscons/config.py": str(config),
                "127.0.0.1:8000": f"127.0.0.1:{port}",
            },
        )
    )
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(checkout / "package"),
        "STATE_DIRECTORY": str(folder / "state"),
    }
    _hand_over(folder, config)
    return [sys.executable, "-m", "support.confined", unit, USER, *words, *arguments], environment


@contextmanager
def unit(
    checkout: Path,
    folder: Path,
    aws: Aws,
    *arguments: str,
    mount_path: str = "",
    changes: Mapping[str, str] | None = None,
) -> Iterator[Deployed]:
    """`awscons serve` as `deploy/awscons.service` has it, behind nginx over https.

    arguments   more of them for `awscons serve`
    changes     other texts for texts of nginx's site
    """
    port = free_port()
    site = _Nginx(folder, port, changes)
    url = f"{site.url}{mount_path}"
    with ExitStack() as stack:
        idp, config = stack.enter_context(
            _configured(folder, aws, url, store={"cache_type": "SQLite"}, server={"trusted_proxies": 1})
        )
        command, environment = confined(checkout, folder, *arguments, config=config, port=port)
        log, tests = folder / "unit.log", ROOT / "tests"
        stack.enter_context(program(command, port=port, log=log, environment=environment, folder=tests))
        stack.enter_context(site.running())
        deployed = Deployed(url, idp, log, plain_url=site.plain_url, one_host_only=True)
        yield stack.enter_context(closing(deployed))


@contextmanager
def trial(folder: Path, aws: Aws) -> Iterator[Deployed]:
    """`awscons serve` that talks https itself, for a trial."""
    port = free_port()
    url = f"https://localhost:{port}"
    certificate, key = write_tls(folder)
    with _configured(folder, aws, url) as (idp, config):
        command: list[str | Path] = [
            *(sys.executable, "-m", "awscons", "serve", "--config", config, "--port", str(port)),
            *("--certificate", certificate, "--key", key),
        ]
        environment = environment_of()
        log = folder / "trial.log"
        with (
            program(command, port=port, log=log, environment=environment),
            closing(Deployed(url, idp, log)) as deployed,
        ):
            yield deployed


class _Nginx:
    """nginx with `deploy/nginx-site.conf`, in front of what listens on `port`."""

    def __init__(self, folder: Path, port: int, changes: Mapping[str, str] | None = None) -> None:
        self._folder, self._port, self._changes = folder, port, changes or {}
        self._tls_port, self._http_port = free_port(), free_port()
        self.url = f"https://localhost:{self._tls_port}"
        self.plain_url = f"http://localhost:{self._http_port}"

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run it."""
        with nginx(self._folder, self._tls_port, self._site()):
            yield

    def _site(self) -> str:
        certificate, key = write_tls(self._folder)
        site = _with(
            (DEPLOY / "nginx-site.conf").read_text(),
            {
                "https://sso.example.com$request_uri": f"{self.url}$request_uri",
                "server_name sso.example.com": "server_name localhost",
                "server 127.0.0.1:8000": f"server 127.0.0.1:{self._port}",
                "listen 443 ssl": f"listen 127.0.0.1:{self._tls_port} ssl",
                "listen [::]:443 ssl": f"listen [::1]:{self._tls_port} ssl",
                "listen 80": f"listen 127.0.0.1:{self._http_port}",
                "listen [::]:80": f"listen [::1]:{self._http_port}",
                "/etc/ssl/certs/sso.example.com.pem": str(certificate),
                "/etc/ssl/private/sso.example.com.key": str(key),
                **self._changes,
            },
        )
        # nginx does not start on a machine that has no IPv6.
        return site if has_ipv6() else re.sub(r"listen \[::1\].*", "", site)


@contextmanager
def waitress(folder: Path, aws: Aws) -> Iterator[Deployed]:
    """waitress, one process with many threads, over http: the command that the documentation has."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with _configured(folder, aws, url) as (idp, config):
        (found,) = (line for line in OTHER_SERVERS.read_text().splitlines() if " waitress-serve " in line)
        changes = {"/etc/awscons/config.py": str(config), "127.0.0.1:8000": f"127.0.0.1:{port}"}
        command = [
            "sh",
            "-c",
            _with(found, changes).replace(" waitress-serve ", f" exec {BIN}/waitress-serve "),
        ]
        environment = environment_of()
        log = folder / "waitress.log"
        with (
            program(command, port=port, log=log, environment=environment, folder=folder),
            closing(Deployed(url, idp, log)) as deployed,
        ):
            yield deployed
