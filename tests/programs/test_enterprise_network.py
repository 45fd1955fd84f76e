"""The service where a proxy is the only way out: metadata, STS and the federation endpoint all go through it."""

import os
import signal
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
import trustme

from awscons.demo.pretend_signin import PretendSignin
from awscons.demo.pretend_sts import PretendSts
from support.browser import Browser, sent_to_idp
from support.describe import Description
from support.forge import IDP, SP, Forger, certificate_of
from support.house import BROKER, FULL_TARGETS, ROLES, console_url, story_of, write_credentials
from support.private_network import PROXY_PORT, SERVICE_PORT, environment_there, in_private_network
from support.proxy import Proxy, open_proxy
from support.serving import client_tls, serve_command, serving, wait_until
from support.stage import write_config, write_tls

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

IDP_HOST = "idp.corp.example"
STS_HOST = "sts.us-east-1.amazonaws.com"
SIGNIN_HOST = "us-east-1.signin.aws.amazon.com"
HOSTS = {IDP_HOST, STS_HOST, SIGNIN_HOST}
URL = f"https://localhost:{SERVICE_PORT}"
AT_PROXY = f"127.0.0.1:{PROXY_PORT}"


@dataclass
class Office:
    """A network with a proxy, and what lies outside of it."""

    folder: Path
    proxy: Proxy
    document: bytes = Description().document()

    def metadata(self, _environ: "WSGIEnvironment", start_response: "StartResponse") -> list[bytes]:
        start_response("200 OK", [("Content-Type", "application/samlmetadata+xml")])
        return [self.document]

    def environment(self, **more: str) -> dict[str, str]:
        ca = str(self.folder / "ca.pem")
        return environment_there(
            STATE_DIRECTORY=str(self.folder / "state"),
            **{"AWS_CA_BUNDLE": ca, "HTTPS_PROXY": AT_PROXY, **more},
        )

    def write_config(self, *, ca: str | None) -> Path:
        saml = {
            "idp_metadata": f"https://{IDP_HOST}/metadata",
            "issuer": IDP,
            "spid": SP,
            "acs_url": f"{URL}/saml/acs",
            "assertions": ["groups"],
            **({"idp_metadata_ca": ca} if ca else {}),
        }
        aws = {
            "url_prefix": "/aws",
            "aws_profile_name": "cons",
            "aws_credentials_file": str(self.folder / "credentials"),
            "targets": FULL_TARGETS,
        }
        config = {"session_config": {}, "saml_config": saml, "aws_config": aws}
        return write_config(self.folder / "config.py", config)

    def check(self, *arguments: str, ca: str | None = "ca.pem", **environment: str) -> tuple[int, str]:
        config = self.write_config(ca=str(self.folder / ca) if ca else None)
        command: list[str | Path] = [sys.executable, "-m", "awscons", "check", "--config", config, *arguments]
        done = subprocess.run(
            in_private_network(self.folder, command),
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    @contextmanager
    def served(self, **environment: str) -> Iterator[Browser]:
        """`awscons serve` inside, and a browser that reaches it."""
        self.write_config(ca=str(self.folder / "ca.pem"))
        certificate, key = write_tls(self.folder)
        tls = ("--certificate", certificate, "--key", key)
        command = serve_command("--port", str(SERVICE_PORT), "--workers", "1", *tls)
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen(
                in_private_network(self.folder, command),
                env=self.environment(AWSCONS_CONFIG=str(self.folder / "config.py"), **environment),
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        browser = Browser(URL)
        browser.http = httpx.Client(
            transport=httpx.HTTPTransport(verify=client_tls(), uds=str(self.folder / "service")),
            trust_env=False,
            timeout=30,
        )

        def answers() -> bool:
            assert process.poll() is None, (self.folder / "log").read_text()
            try:
                return browser.get("/healthz").status_code == 200
            except httpx.HTTPError:
                return False

        try:
            wait_until(answers)
            yield browser
        finally:
            browser.close()
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def office(*, opens_tls: bool = False, credentials: str = "") -> Iterator[Office]:
    """Open one. `opens_tls`: the proxy opens TLS with an authority of its own."""
    authority = trustme.CA()
    outside = None
    if not opens_tls:
        outside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*HOSTS).configure_cert(outside)
    sts = PretendSts(roles=ROLES)
    signin = PretendSignin(book=sts)
    with ExitStack() as stack:
        # Not pytest's folder: the path of a Unix socket has at most 107 bytes.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="awscons-")))
        authority.cert_pem.write_to_path(folder / "ca.pem")
        trustme.CA().cert_pem.write_to_path(folder / "other-ca.pem")
        write_credentials(folder / "credentials", *sts.add_user(BROKER))
        opened = Office(folder, Proxy())
        applications = {
            IDP_HOST: opened.metadata,
            STS_HOST: sts.application("us-east-1"),
            SIGNIN_HOST: signin.application("us-east-1"),
        }
        routes = {
            host: stack.enter_context(serving(lambda _port, it=it: it, tls=outside))  # type: ignore[misc]
            for host, it in applications.items()
        }
        opened.proxy = stack.enter_context(
            open_proxy(
                "",
                credentials=credentials,
                routes=routes,
                opens_tls=authority if opens_tls else None,
                listen=folder / "proxy",
            )
        )
        yield opened


def sign_in(browser: Browser, forger: Forger) -> httpx.Response:
    sent = sent_to_idp(browser.get("/aws/cloudadmin"))
    story = story_of(
        "ada@example.com", request_id=sent.request_id, acs_url=f"{URL}/saml/acs", now=datetime.now(UTC)
    )
    form = {"SAMLResponse": forger.form_value(story), "RelayState": sent.relay_state}
    return browser.follow(browser.answer("/saml/acs", form))


@pytest.mark.parametrize(
    ("proxy", "credentials", "opens_tls"),
    [
        (AT_PROXY, "", False),
        (f"http://{AT_PROXY}", "", True),
        (f"ada:pa%3Ass@{AT_PROXY}", "ada:pa:ss", True),
        (f"http://ada:secret@{AT_PROXY}", "ada:secret", False),
    ],
    ids=["no-scheme", "opens-tls", "password-no-scheme-opens-tls", "password"],
)
def test_a_person_signs_in_where_a_proxy_is_the_only_way_out(
    proxy: str, credentials: str, *, opens_tls: bool
) -> None:
    with office(opens_tls=opens_tls, credentials=credentials) as there:
        status, said = there.check("--aws", HTTPS_PROXY=proxy)
        assert status == 0, said
        assert there.proxy.hosts() == {IDP_HOST, STS_HOST}
        with there.served(HTTPS_PROXY=proxy) as browser:
            assert console_url(sign_in(browser, Forger()))["Action"] == "login"
            assert there.proxy.hosts() == HOSTS


def test_keys_that_change_later_are_fetched_through_the_proxy() -> None:
    with office() as there, there.served() as browser:
        there.document = Description(certificates=(certificate_of("next"),)).document()
        fetched = sum(IDP_HOST in head for head in there.proxy.heads)
        assert console_url(sign_in(browser, Forger(key_name="next")))["Action"] == "login"
        assert sum(IDP_HOST in head for head in there.proxy.heads) > fetched


def test_there_is_no_way_around_the_proxy() -> None:
    with office() as there:
        status, said = there.check(NO_PROXY="corp.example")
        assert status == 1
        assert f"https://{IDP_HOST}/metadata cannot be reached" in said
        assert there.proxy.heads == []


def test_a_proxy_that_wants_another_password_is_named_without_ours() -> None:
    with office(credentials="ada:other") as there:
        status, said = there.check(HTTPS_PROXY=f"http://ada:secret@{AT_PROXY}")
        assert status == 1
        assert f"the proxy {AT_PROXY} refused the connection to https://{IDP_HOST}/metadata: HTTP 407" in said
        assert "secret" not in said


@pytest.mark.parametrize("ca", [None, "other-ca.pem"])
def test_a_proxy_that_opens_tls_is_told_of_with_the_setting_that_helps(ca: str | None) -> None:
    with office(opens_tls=True) as there:
        status, said = there.check(ca=ca, AWS_CA_BUNDLE="")
        assert status == 1
        assert "certificate verify failed: unable to get local issuer certificate" in said
        assert "idp_metadata_ca" in said
