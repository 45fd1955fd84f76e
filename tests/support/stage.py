"""The stage of a journey, in parts: the identity provider and the configuration that trusts it, AWS, the front.

A journey puts the app server between them: `world` and `deployed` in this folder, and `test_two_hosts`.

The federation endpoint is the demo's, since nobody else simulates it; it asks STS whose credentials
it is shown, so that only what STS really issued is worth a sign-in token.
"""

from __future__ import annotations

import os
import pprint
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from awscons.demo.pretend_signin import PretendSignin
from awscons.demo.pretend_sts import RoleSession
from awscons.demo.pretend_sts_checks import ApiError
from support.browser import Browser
from support.forge import SP
from support.house import config_for, write_credentials
from support.serving import authority, free_port, program, serving
from support.simplesamlphp import SimpleSamlPhp, simplesamlphp

ROOT = Path(__file__).parents[2]

# --- AWS ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class StsCredentialBook:
    """Knows whose credentials they are by asking STS, with them."""

    sts_url: str

    def accept_response(self, _text: str, _region: str | None) -> RoleSession:
        """There are no SAML providers here."""
        raise ApiError(400, "InvalidIdentityToken", "no provider")

    def find(self, access_key_id: str, secret_access_key: str, session_token: str) -> RoleSession | None:
        """See `awscons.demo.pretend_signin.CredentialBook`."""
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
    moto: list[str | Path] = [sys.executable, "-P", Path(__file__).with_name("moto_in_turn.py"), str(port)]
    with program(moto, port=port, log=folder / "moto.log"):
        sts_url = f"http://127.0.0.1:{port}/"
        signin = PretendSignin(book=StsCredentialBook(sts_url))
        with serving(lambda _port: signin.application()) as signin_port:
            yield Aws(sts_url, f"http://127.0.0.1:{signin_port}/federation", signin)


# --- the identity provider, and who visits -----------------------------------------------


@dataclass
class Stage:
    """A running service: its public URL, its identity provider, and the browsers that were opened."""

    url: str
    idp: SimpleSamlPhp
    browsers: list[Browser] = field(default_factory=list, kw_only=True)

    def browser(self) -> Browser:
        """A new browser."""
        made = Browser(self.url)
        self.browsers.append(made)
        return made

    def close(self) -> None:
        """Close the browsers."""
        for browser in self.browsers:
            browser.close()


@contextmanager
def identity_provider(
    folder: Path, aws: Aws, url: str, **sections: Mapping[str, object]
) -> Iterator[tuple[SimpleSamlPhp, dict[str, Any]]]:
    """SimpleSAMLphp, and the configuration of the service at `url`, which trusts it and uses `aws`."""
    with simplesamlphp(folder / "idp", entity_id=SP, acs_url=f"{url}/saml/acs") as idp:
        saml = {"saml_endpoint": idp.sso_url, "issuer": idp.entity_id, "certificate": idp.certificate_pem}
        credentials_file = write_credentials(folder / "credentials", "AKIAEXAMPLE", "secret")
        yield (
            idp,
            config_for(
                f"{url}/saml/acs",
                sts_url=aws.sts_url,
                signin_url=aws.signin_url,
                credentials_file=credentials_file,
                saml=saml,
                **sections,
            ),
        )


# --- files and programs ------------------------------------------------------------------


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


def environment_of(**more: str) -> dict[str, str]:
    """The environment of a program that runs this source."""
    return {**os.environ, "PYTHONPATH": str(ROOT / "src"), **more}


@contextmanager
def nginx(folder: Path, port: int, servers: str) -> Iterator[None]:
    """nginx with these `upstream` and `server` blocks, one of which listens on `port`."""
    user = "user root;" if os.getuid() == 0 else ""
    temporary = " ".join(
        f"{kind}_temp_path {folder}/nginx-{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log warn; events {{}}\n"
        f"http {{ access_log {folder}/nginx-access.log; {temporary}\n{servers}\n}}\n"
    )
    command: list[str | Path] = ["nginx", "-c", folder / "nginx.conf", "-p", folder]
    with program(command, port=port, log=folder / "nginx.out"):
        yield
