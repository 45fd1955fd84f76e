"""The world of a journey: a real identity provider, a real STS protocol, the service as a program.

The federation endpoint is the demo's, since nobody else simulates it; it asks STS whose credentials
it is shown, so that only what STS really issued is worth a sign-in token.
"""

from __future__ import annotations

import os
import pprint
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

from awscons.demo.pretend_signin import PretendSignin
from awscons.demo.pretend_sts import RoleSession
from support.browser import Browser
from support.forge import SP
from support.house import config_for, write_credentials
from support.serving import authority, free_port, program, serving
from support.simplesamlphp import SimpleSamlPhp, simplesamlphp

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class StsCredentialBook:
    """Knows whose credentials they are by asking STS, with them."""

    sts_url: str

    def find(self, access_key_id: str, secret_access_key: str, session_token: str) -> RoleSession | None:
        """See `awscons.demo.signin.CredentialBook`."""
        client = boto3.client(
            "sts",
            region_name="us-east-1",
            endpoint_url=self.sts_url,
            aws_access_key_id=access_key_id,
            aws_secret_access_key=secret_access_key,
            aws_session_token=session_token,
        )
        try:
            arn = client.get_caller_identity()["Arn"]
        except ClientError:
            return None
        # arn:aws:sts::123456789012:assumed-role/MyAdminRole/ada
        *_, account, resource = arn.split(":")
        kind, _, rest = resource.partition("/")
        if kind != "assumed-role":
            return None
        role, _, name = rest.rpartition("/")
        ends = datetime.now(UTC) + timedelta(hours=1)
        return RoleSession(f"arn:aws:iam::{account}:role/{role}", account, name, ends, chained=False)


@dataclass(frozen=True)
class Aws:
    """STS by moto, and the federation endpoint."""

    sts_url: str
    signin_url: str
    signin: PretendSignin


@contextmanager
def pretend_aws(folder: Path) -> Iterator[Aws]:
    """moto's STS as a program, the federation endpoint in this process."""
    port = free_port()
    moto: list[str | Path] = [
        Path(sys.executable).with_name("moto_server"),
        "-H",
        "127.0.0.1",
        "-p",
        str(port),
    ]
    with program(moto, port=port, log=folder / "moto.log"):
        sts_url = f"http://127.0.0.1:{port}/"
        signin = PretendSignin(book=StsCredentialBook(sts_url))
        with serving(lambda _port: signin.application()) as signin_port:
            yield Aws(sts_url, f"http://127.0.0.1:{signin_port}/federation", signin)


@dataclass
class World:
    """Where everything is, and the browsers that were opened."""

    url: str
    idp: SimpleSamlPhp
    aws: Aws
    log: Path
    browsers: list[Browser]

    def browser(self) -> Browser:
        """A new browser."""
        made = Browser(self.url)
        self.browsers.append(made)
        return made


def write_config(path: Path, config: Mapping[str, object]) -> Path:
    """Three dicts as a `config.py`."""
    path.write_text("".join(f"{name} = {pprint.pformat(value)}\n\n" for name, value in config.items()))
    return path


def write_tls(folder: Path) -> tuple[Path, Path]:
    """Certificate and key for localhost, as files: for programs that serve https."""
    issued = authority().issue_cert("localhost", "127.0.0.1")
    certificate, key = folder / "tls.crt", folder / "tls.key"
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(key)
    return certificate, key


@contextmanager
def world(
    folder: Path,
    aws: Aws,
    *,
    aws_config: Mapping[str, object],
    session_config: Mapping[str, object] | None = None,
    instances: int = 1,
    scheme: str = "https",
) -> Iterator[list[World]]:
    """The service as programs under gunicorn, with SimpleSAMLphp as its identity provider.

    instances   how many programs share the one configuration; each has a port, the first is the public one
    """
    ports = [free_port() for _ in range(instances)]
    acs_url = f"{scheme}://localhost:{ports[0]}/saml/acs"
    certificate, key = write_tls(folder)
    with ExitStack() as stack:
        idp = stack.enter_context(simplesamlphp(folder / "idp", entity_id=SP, acs_url=acs_url))
        config = config_for(
            acs_url,
            sts_url=aws.sts_url,
            signin_url=aws.signin_url,
            credentials_file=write_credentials(folder / "credentials", "AKIAEXAMPLE", "secret"),
            store={},
            saml={
                "saml_endpoint": idp.sso_url,
                "issuer": idp.entity_id,
                "certificate": idp.certificate_pem,
            },
        )
        config["session_config"] = dict(session_config or {})
        config["aws_config"] = {
            **{name: config["aws_config"][name] for name in ("sts_endpoint", "signin_endpoint")},
            "aws_profile_name": "cons",
            "aws_credentials_file": str(folder / "credentials"),
            **aws_config,
        }
        path = write_config(folder / "config.py", config)
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "src"),
            "AWSCONS_CONFIG": str(path),
            "STATE_DIRECTORY": str(folder / "state"),
        }
        found: list[World] = []
        browsers: list[Browser] = []
        for port in ports:
            log = folder / f"service-{port}.log"
            gunicorn = [
                *(Path(sys.executable).with_name("gunicorn"), "awscons.wsgi:application"),
                *("--bind", f"127.0.0.1:{port}", "--worker-class", "gthread", "--threads", "4"),
                *(("--certfile", certificate, "--keyfile", key) if scheme == "https" else ()),
                "--no-control-socket",
            ]
            stack.enter_context(program(gunicorn, port=port, log=log, environment=environment))
            found.append(World(f"{scheme}://localhost:{port}", idp, aws, log, browsers))
        try:
            yield found
        finally:
            for browser in browsers:
                browser.close()
