"""Terraform uses a profile of `awscons-cli`, on machines that have it: it is in no package list of Debian or PyPI."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from support.client_house import PROFILE, Computer
from support.serving import serving

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

TERRAFORM = shutil.which("terraform")
CONFIGURATION = """
terraform {
  backend "s3" {
    bucket         = "state"
    key            = "terraform.tfstate"
    profile        = "%s"
    endpoints      = { sts = "%s", s3 = "%s" }
    use_path_style = true
  }
}
output "greeting" { value = "hello" }
"""


class S3:
    """moto's, with the IDs of the access keys that requests were signed with."""

    def __init__(self) -> None:
        self._moto: WSGIApplication = DomainDispatcherApplication(create_backend_app)
        self.keys: set[str] = set()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.keys.add(environ["HTTP_AUTHORIZATION"].partition("Credential=")[2].partition("/")[0])
        return self._moto(environ, start_response)


if TERRAFORM is not None:

    def test_terraform_stores_its_state_as_the_role_of_the_door(tmp_path: Path, computer: Computer) -> None:
        s3 = S3()
        with serving(lambda _port: s3) as port:
            address = f"http://127.0.0.1:{port}"
            nobody = boto3.Session("AKIA", "secret", region_name="us-east-1")
            bucket = nobody.resource("s3", endpoint_url=address).Bucket("state")
            bucket.create()
            (tmp_path / "main.tf").write_text(CONFIGURATION % (PROFILE, computer.house.sts_url, address))
            for command in (["init"], ["apply", "-auto-approve"]):
                done = subprocess.run(
                    [str(TERRAFORM), *command, "-no-color"],
                    cwd=tmp_path,
                    env={**computer.terminal.environment, "CHECKPOINT_DISABLE": "1"},
                    capture_output=True,
                    text=True,
                    timeout=60,
                    check=False,
                )
                assert done.returncode == 0, done.stdout + done.stderr
            assert [entry.key for entry in bucket.objects.all()] == ["terraform.tfstate"]
        (event,) = computer.handed_out()
        assert s3.keys == {"AKIA", event["access_key_id"]}
