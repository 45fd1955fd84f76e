"""KMS for tests: moto's, in this process, behind a layer that can fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from support.faults import Faulty
from support.serving import serving

REGION = "eu-west-1"


class Kms:
    """A running KMS: `url` is its address, `faults` makes it fail."""

    def __init__(self, url: str, faults: Faulty) -> None:
        self.url = url
        self.faults = faults
        self.client: Any = boto3.client(
            "kms",
            region_name=REGION,
            endpoint_url=url,
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="none",
        )

    def key(self, spec: str = "RSA_2048", usage: str = "SIGN_VERIFY") -> str:
        """The ARN of a new key."""
        arn: str = self.client.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"]
        return arn


@contextmanager
def open_kms() -> Iterator[Kms]:
    """KMS for as long as the block runs."""
    faults = Faulty(DomainDispatcherApplication(create_backend_app))
    with serving(lambda _port: faults) as port:
        yield Kms(f"http://127.0.0.1:{port}", faults)


def credentials_file(folder: Path) -> Path:
    """A file of AWS credentials, which any moto accepts."""
    file = folder / "kms-credentials"
    file.write_text("[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = none\n")
    file.chmod(0o600)
    return file
