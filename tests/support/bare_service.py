"""The smallest configuration that `awscons serve` starts with, for tests of the program itself."""

from __future__ import annotations

import os
from pathlib import Path

from support.forge import Forger, pem_of

ROOT = Path(__file__).parents[2]
CONFIG = f"""
session_config = {{}}
saml_config = {{
    "saml_endpoint": "https://idp.example.com/sso",
    "spid": "urn:awscons",
    "issuer": "https://idp.example.com/",
    "acs_url": "https://sso.example.com/saml/acs",
    "certificate": '''{pem_of(Forger().certificate)}''',
}}
aws_config = {{
    "targets": [{{"service": "x", "role": "arn:aws:iam::123456789012:role/MyAdminRole"}}],
}}
"""


def environment_of(folder: Path) -> dict[str, str]:
    """The variables of a service whose state is in that folder."""
    return {**os.environ, "PYTHONPATH": str(ROOT / "src"), "STATE_DIRECTORY": str(folder / "state")}


def children_of(pid: int) -> set[int]:
    """The process ids of its workers."""
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
