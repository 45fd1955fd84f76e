"""The origin's own way of installing and running, word for word, on Debian's Python; and under Apache.

The text: a checkout, a virtual environment, `pip install -r requirements.txt`, a `config.py`,
`python3 app.py`, and the service answers on port 8000. Then mod_wsgi, at the root and under a path.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from support.browser import Browser, sent_to_idp, text_of
from support.forge import SP
from support.house import FULL_TARGETS, config_for, write_credentials
from support.serving import free_port, program
from support.simplesamlphp import SimpleSamlPhp, simplesamlphp
from support.world import ROOT, Aws, write_config, write_tls

PYTHON = "/usr/bin/python3"
MODULES = Path("/usr/lib/apache2/modules")


@pytest.fixture(scope="module")
def checkout() -> Iterator[Path]:
    """A fresh copy of what git would give, with a virtual environment made as the text says.

    Not below pytest's own folder, which only its user may enter: Apache's workers are somebody else.
    """
    folder = Path(tempfile.mkdtemp(prefix="awscons-origin-"))
    folder.chmod(0o755)
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    steps = f"{PYTHON} -m venv venv && . venv/bin/activate && pip install -r requirements.txt"
    done = subprocess.run(["bash", "-c", steps], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    yield folder
    shutil.rmtree(folder)


def test_copied_sample_and_python3_app_py_serve_on_port_8000(checkout: Path) -> None:
    shutil.copy(checkout / "config.py.sample", checkout / "config.py")
    command = ["bash", "-c", ". venv/bin/activate && exec python3 app.py"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["STATE_DIRECTORY"] = str(checkout / "state")
    with program(command, port=8000, log=checkout / "app.log", environment=environment, folder=checkout):
        answer = httpx.get("http://localhost:8000/aws/cloudadmin?x=1")
        assert sent_to_idp(answer).url.startswith("https://login.microsoftonline.com/")
        assert httpx.get("http://localhost:8000/aws/nothing").status_code == 401


def test_app_py_without_a_configuration_says_how_to_begin(checkout: Path) -> None:
    (checkout / "config.py").unlink(missing_ok=True)
    done = subprocess.run(
        [checkout / "venv/bin/python3", "app.py"], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "copy config.py.sample to config.py" in done.stderr
    assert "Traceback" not in done.stderr


@contextmanager
def apache(checkout: Path, folder: Path, aws: Aws, mount_path: str) -> Iterator[tuple[str, SimpleSamlPhp]]:
    """Apache with mod_wsgi, two processes, over https, the application mounted somewhere."""
    port = free_port()
    url = f"https://localhost:{port}{mount_path}"
    certificate, key = write_tls(folder)
    for name in ("run", "state"):
        (folder / name).mkdir()
    with simplesamlphp(folder / "idp", entity_id=SP, acs_url=f"{url}/saml/acs") as idp:
        saml = {"saml_endpoint": idp.sso_url, "issuer": idp.entity_id, "certificate": idp.certificate_pem}
        config = config_for(
            f"{url}/saml/acs",
            sts_url=aws.sts_url,
            signin_url=aws.signin_url,
            credentials_file=write_credentials(folder / "credentials", "AKIAEXAMPLE", "secret"),
            store={"cache_type": "SQLite", "path": str(folder / "state" / "logins.sqlite3")},
            saml=saml,
            aws={"timeout": 10, "targets": FULL_TARGETS},
        )
        write_config(checkout / "config.py", config)
        conf = folder / "apache.conf"
        conf.write_text(_apache_conf(checkout, folder, port, mount_path, certificate, key))
        _let_apache_in(folder)
        command = ["apache2", "-f", str(conf), "-DFOREGROUND"]
        with program(command, port=port, log=folder / "apache.out", environment=dict(os.environ)):
            yield url, idp


def _apache_conf(
    checkout: Path, folder: Path, port: int, mount_path: str, certificate: Path, key: Path
) -> str:
    user = "User www-data\nGroup www-data" if os.getuid() == 0 else ""
    modules = ("mpm_event", "authz_core", "authn_core", "ssl", "socache_shmcb", "wsgi")
    loads = "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in modules)
    return f"""
ServerRoot {folder}
PidFile {folder}/run/apache.pid
DefaultRuntimeDir {folder}/run
Listen 127.0.0.1:{port}
ServerName localhost
ErrorLog {folder}/run/error.log
{loads}
{user}
SSLEngine on
SSLCertificateFile {certificate}
SSLCertificateKeyFile {key}
WSGISocketPrefix {folder}/run/wsgi
WSGIDaemonProcess awscons processes=2 threads=8 python-home={checkout}/venv
WSGIProcessGroup awscons
WSGIApplicationGroup %{{GLOBAL}}
WSGIScriptAlias {mount_path or "/"} {checkout}/app.py
<Directory {checkout}>
    Require all granted
</Directory>
"""


def _let_apache_in(folder: Path) -> None:
    """Apache's workers run as somebody else when it is started by root."""
    if os.getuid() != 0:
        return
    www = pwd.getpwnam("www-data")
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, www.pw_uid, www.pw_gid)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that Apache's workers may enter."""
    made = Path(tempfile.mkdtemp(prefix="awscons-apache-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.mark.parametrize("mount_path", ["", "/awscon"], ids=["root", "awscon"])
def test_under_apache_and_mod_wsgi_the_whole_way_works(
    checkout: Path, folder: Path, aws: Aws, mount_path: str
) -> None:
    with apache(checkout, folder, aws, mount_path) as (url, idp):
        browser = Browser(url)
        try:
            begun = browser.get("/aws/cloudadmin?a=1&b=%2F")
            answered = idp.sign_in(browser, begun, "ada")
            assert answered.headers["Location"] == f"{url}/aws/cloudadmin?a=1&b=%2F"
            opened = browser.follow(answered)
            assert opened.status_code == 301
            assert "MyAdminRole" in text_of(browser.follow_all(opened))
            assert browser.get("/aws/nothing").status_code == 401
            assert browser.get("/aws/sandbox").status_code == 403
            # Two processes answer by turns, and both know the login.
            assert {browser.get("/aws/cloudadmin").status_code for _ in range(10)} == {301}
        finally:
            browser.close()
        assert '"event": "audit"' in (folder / "run" / "error.log").read_text()
