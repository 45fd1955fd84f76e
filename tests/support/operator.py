"""An operator at a terminal, beside a service that runs."""

import os
import pprint
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from support.house import MINIMAL_TARGETS, config_for, write_credentials

ROOT = Path(__file__).parents[2]


def configure(folder: Path, store: Mapping[str, object], **aws: object) -> None:
    """A configuration file with that store, for the command to read. `aws`: keys of `aws_config`."""
    config = config_for(
        "https://sso.example.com/saml/acs",
        sts_url="http://127.0.0.1:1/",
        signin_url="http://127.0.0.1:1/federation",
        credentials_file=write_credentials(folder / "credentials", "AKIAEXAMPLE", "secret"),
        store=store,
        aws={"targets": MINIMAL_TARGETS, **aws},
    )
    text = "".join(f"{name} = {pprint.pformat(value)}\n" for name, value in config.items())
    (folder / "config.py").write_text(text)


def logins(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`awscons logins …`, with the configuration in `folder`."""
    return awscons(folder, "logins", *arguments)


def awscons(
    folder: Path, *arguments: str, stdin: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """`awscons …`, with the configuration in `folder`."""
    return subprocess.run(
        [sys.executable, "-m", "awscons", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **environment},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
