"""nginx in front of a socket file, by the two lines that docs/how-to/systemd-nginx.md changes."""

import json
import re
import subprocess
from pathlib import Path

import httpx
import pytest

from support.deployed import _Nginx
from support.house import config_for, write_credentials
from support.serving import client_tls, serve_command, wait_until
from support.stage import ROOT, environment_of, write_config

GUIDE = (ROOT / "docs" / "how-to" / "systemd-nginx.md").read_text()

pytestmark = pytest.mark.journey


def line_of(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n\s*([^\n]*unix:[^\n]*)\n```", GUIDE, re.MULTILINE)
    return str(found)


def test_nginx_hands_on_requests_over_a_socket_file_with_address_and_request_id(open_folder: Path) -> None:
    path = open_folder / "awscons.sock"
    (bind,) = re.findall(r"--bind (\S+)", line_of("ini"))
    upstream = line_of("nginx").replace("/run/awscons/awscons.sock", str(path))
    site = _Nginx(open_folder, 0, {"server 127.0.0.1:0;": upstream})
    config = config_for(
        f"{site.url}/saml/acs",
        sts_url="http://127.0.0.1:1/",
        signin_url="http://127.0.0.1:1/federation",
        credentials_file=write_credentials(open_folder / "credentials", "AKIAEXAMPLE", "secret"),
        store={"cache_type": "SQLite"},
        server={"trusted_proxies": 1},
    )
    written = write_config(open_folder / "config.py", config)
    bind = bind.replace("/run/awscons/awscons.sock", str(path))
    # nginx's user is in no group of ours here, so the mode lets it in.
    command = serve_command("--config", written, "--bind", bind, "--socket-mode", "666", "--workers", "2")
    environment = environment_of(STATE_DIRECTORY=str(open_folder / "state"))
    with (open_folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stderr=log)
    try:
        wait_until(path.exists)
        with site.running(), httpx.Client(base_url=site.url, verify=client_tls()) as client:
            assert client.get("/readyz").json()["ready"]
            answer = client.post("/saml/acs", data={"SAMLResponse": "rubbish"})
    finally:
        process.terminate()
        process.wait(timeout=40)
    lines = [json.loads(line) for line in (open_folder / "log").read_text().splitlines()]
    (event,) = (line for line in lines if line["event"] == "audit" and line["action"] == "sign-in")
    assert event["client_address"] == "127.0.0.1"
    assert event["request_id"] == answer.headers["X-Request-ID"]
