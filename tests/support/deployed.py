"""The service under the real servers, with the very files of `deploy/`: other paths and ports put in."""

from __future__ import annotations

import os
import pwd
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support.browser import Browser
from support.forge import SP
from support.house import FULL_TARGETS, config_for, write_credentials
from support.serving import free_port, program
from support.simplesamlphp import SimpleSamlPhp, simplesamlphp
from support.world import ROOT, Aws, write_config, write_tls

DEPLOY = ROOT / "deploy"
MODULES = Path("/usr/lib/apache2/modules")
BIN = Path(sys.executable).parent


@dataclass
class Deployed:
    """A running service: where people reach it, who vouches for them, where its log is."""

    url: str
    idp: SimpleSamlPhp
    log: Path
    behind_proxy: bool = False
    browsers: list[Browser] = field(default_factory=list)

    def browser(self) -> Browser:
        """A new browser."""
        made = Browser(self.url)
        self.browsers.append(made)
        return made


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
    with simplesamlphp(folder / "idp", entity_id=SP, acs_url=f"{url}/saml/acs") as idp:
        saml = {"saml_endpoint": idp.sso_url, "issuer": idp.entity_id, "certificate": idp.certificate_pem}
        config = config_for(
            f"{url}/saml/acs",
            sts_url=aws.sts_url,
            signin_url=aws.signin_url,
            credentials_file=write_credentials(folder / "credentials", "AKIAEXAMPLE", "secret"),
            store=store or {"cache_type": "SQLite", "path": str(folder / "state" / "logins.sqlite3")},
            saml=saml,
            aws={"timeout": 10, "targets": FULL_TARGETS},
            server=server,
        )
        yield idp, write_config((etc or folder) / "config.py", config)


@contextmanager
def _closing(deployed: Deployed) -> Iterator[Deployed]:
    try:
        yield deployed
    finally:
        for browser in deployed.browsers:
            browser.close()


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
) -> Iterator[Deployed]:
    """Apache with mod_wsgi, as `deploy/apache-site.conf` has it: two processes, eight threads each.

    checkout    where the code and its virtual environment are, made by the Python of mod_wsgi
    etc         the folder with `config.py` and the WSGI file
    """
    port = free_port()
    url = f"https://localhost:{port}{mount_path}"
    certificate, key = write_tls(folder)
    (folder / "run").mkdir()
    site = DEPLOY / "apache-site.conf"
    text = site.read_text()
    if etc is None:
        etc = folder / "etc"
        etc.mkdir()
        shutil.copy(DEPLOY / "wsgi.py", etc)
    else:
        text = text.replace("wsgi.py", wsgi_file)
    (folder / "site.conf").write_text(text)
    with _configured(folder, aws, url, etc=etc, store=store) as (idp, _):
        user = "User www-data\nGroup www-data" if os.getuid() == 0 else ""
        modules = ("mpm_event", "authz_core", "authn_core", "ssl", "socache_shmcb", "wsgi")
        loads = "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in modules)
        (folder / "apache.conf").write_text(
            f"""
ServerRoot {folder}
PidFile {folder}/run/apache.pid
DefaultRuntimeDir {folder}/run
Listen 127.0.0.1:{port}
ServerName localhost
ErrorLog {folder}/run/error.log
WSGISocketPrefix {folder}/run/wsgi
{loads}
{user}
Define AWSCONS_HOST localhost
Define AWSCONS_MOUNT {mount_path or "/"}
Define AWSCONS_PORT {port}
Define AWSCONS_VENV {checkout}/venv
Define AWSCONS_ETC {etc}
Define AWSCONS_CERTIFICATE {certificate}
Define AWSCONS_KEY {key}
Include {folder}/site.conf
"""
        )
        _hand_over(folder)
        # The code itself, since the virtual environment of a checkout holds its dependencies only.
        environment = {**os.environ, "PYTHONPATH": str(checkout / "src")}
        command = ["apache2", "-f", str(folder / "apache.conf"), "-DFOREGROUND"]
        with (
            program(command, port=port, log=folder / "apache.out", environment=environment),
            _closing(Deployed(url, idp, folder / "run" / "error.log")) as deployed,
        ):
            yield deployed


def _hand_over(folder: Path) -> None:
    """Apache's workers run as somebody else when it is started by root."""
    if os.getuid() != 0:
        return
    www = pwd.getpwnam("www-data")
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, www.pw_uid, www.pw_gid)


@contextmanager
def gunicorn(folder: Path, aws: Aws, *, nginx: bool = False) -> Iterator[Deployed]:
    """gunicorn with `deploy/gunicorn.conf.py`, by itself over http, or behind nginx over https."""
    port, tls_port, http_port = free_port(), free_port(), free_port()
    url = f"https://localhost:{tls_port}" if nginx else f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        server = {"proxies": 1} if nginx else None
        idp, config = stack.enter_context(_configured(folder, aws, url, server=server))
        settings = (DEPLOY / "gunicorn.conf.py").read_text()
        for old, new in (("/etc/awscons/config.py", str(config)), ("127.0.0.1:8000", f"127.0.0.1:{port}")):
            assert old in settings
            settings = settings.replace(old, new)
        (folder / "gunicorn.conf.py").write_text(settings)
        command: list[str | Path] = [BIN / "gunicorn", "--config", folder / "gunicorn.conf.py"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        log = folder / "gunicorn.log"
        stack.enter_context(program(command, port=port, log=log, environment=environment))
        if nginx:
            stack.enter_context(_nginx(folder, port, tls_port, http_port))
        yield stack.enter_context(_closing(Deployed(url, idp, log, behind_proxy=nginx)))


@contextmanager
def _nginx(folder: Path, port: int, tls_port: int, http_port: int) -> Iterator[None]:
    certificate, key = write_tls(folder)
    site = (DEPLOY / "nginx-site.conf").read_text()
    for old, new in (
        ("https://sso.example.com$request_uri", f"https://localhost:{tls_port}$request_uri"),
        ("server_name sso.example.com", "server_name localhost"),
        ("server 127.0.0.1:8000", f"server 127.0.0.1:{port}"),
        ("listen 443 ssl", f"listen 127.0.0.1:{tls_port} ssl"),
        ("listen 80", f"listen 127.0.0.1:{http_port}"),
        ("/etc/ssl/certs/sso.example.com.pem", str(certificate)),
        ("/etc/ssl/private/sso.example.com.key", str(key)),
    ):
        assert old in site, old
        site = site.replace(old, new)
    (folder / "site.conf").write_text(site)
    user = "user root;" if os.getuid() == 0 else ""
    temporary = "\n".join(
        f"{kind}_temp_path {folder}/nginx-{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log; events {{}}\n"
        f"http {{ access_log {folder}/nginx-access.log; {temporary}\ninclude {folder}/site.conf; }}\n"
    )
    command = ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)]
    with program(command, port=tls_port, log=folder / "nginx.out"):
        yield


@contextmanager
def waitress(folder: Path, aws: Aws) -> Iterator[Deployed]:
    """waitress, one process with many threads, over http, with `deploy/wsgi.py`."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with _configured(folder, aws, url) as (idp, _):
        shutil.copy(DEPLOY / "wsgi.py", folder)
        command: list[str | Path] = [
            BIN / "waitress-serve",
            f"--listen=127.0.0.1:{port}",
            "--threads=32",
            "wsgi:application",
        ]
        environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{folder}"}
        log = folder / "waitress.log"
        with (
            program(command, port=port, log=log, environment=environment, folder=folder),
            _closing(Deployed(url, idp, log)) as deployed,
        ):
            yield deployed
