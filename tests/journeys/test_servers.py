"""The service under every server that is promised, set up by the very files of `deploy/`."""

import json
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from support.browser import text_of
from support.deployed import DEPLOY, Deployed, apache, gunicorn, waitress
from support.world import Aws

FORGED = {
    "X-Forwarded-Host": "evil.example.com",
    "X-Forwarded-Proto": "gopher",
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Port": "1",
    "X-Real-IP": "6.6.6.6",
    "Forwarded": "for=6.6.6.6;host=evil.example.com;proto=http",
    "Script-Name": "/evil",
    "X-Script-Name": "/evil",
}


@pytest.fixture(params=["apache at /", "apache at /sso", "gunicorn", "waitress", "nginx and gunicorn"])
def deployed(
    request: pytest.FixtureRequest, checkout: Path, open_folder: Path, aws: Aws
) -> Iterator[Deployed]:
    """Each server in turn."""
    opened: AbstractContextManager[Deployed]
    match request.param:
        case "apache at /":
            opened = apache(checkout, open_folder, aws, mount_path="")
        case "apache at /sso":
            opened = apache(checkout, open_folder, aws, mount_path="/sso")
        case "gunicorn":
            opened = gunicorn(open_folder, aws)
        case "waitress":
            opened = waitress(open_folder, aws)
        case _:
            opened = gunicorn(open_folder, aws, nginx=True)
    with opened as found:
        yield found


def audit(deployed: Deployed) -> list[dict[str, object]]:
    """The audit events in a server's log, whatever it puts in front of them."""
    lines = deployed.log.read_text().splitlines()
    return [json.loads(line[line.index("{") :]) for line in lines if '"event": "audit"' in line]


def test_the_whole_way_works_and_no_header_leads_it_astray(deployed: Deployed, aws: Aws) -> None:
    """One test, since starting a server is what takes the time."""
    url, browser = deployed.url, deployed.browser()
    cookie = "__Host-awscons" if url.startswith("https://") and url.count("/") == 2 else "awscons"
    if url.startswith("https://") and url.count("/") > 2:
        cookie = "__Secure-awscons"

    # The sign-in, back to the URL that was asked for, and the console.
    begun = browser.get("/aws/cloudadmin?a=1&b=%2F", headers=FORGED)
    assert begun.headers["Location"].startswith(deployed.idp.sso_url)
    pending = begun.headers["Set-Cookie"]
    # Over http the identity provider is on the same host, and the strictest cookie that works is Lax.
    assert ("Secure; HttpOnly" in pending) == url.startswith("https://")
    assert ("SameSite=None" if url.startswith("https://") else "SameSite=Lax") in pending
    answered = deployed.idp.sign_in(browser, begun, "ada")
    assert answered.headers["Location"] == f"{url}/aws/cloudadmin?a=1&b=%2F"
    login = next(line for line in answered.headers.get_list("Set-Cookie") if line.startswith(f"{cookie}="))
    assert "HttpOnly" in login
    assert "SameSite=Lax" in login
    assert ("Secure" in login) == url.startswith("https://")
    assert f"Path={httpx.URL(url).path or '/'}" in login
    opened = browser.follow(answered)
    assert opened.status_code == 301
    assert opened.headers["Cache-Control"] == "no-store"
    assert "MyAdminRole" in text_of(browser.follow_all(opened))
    assert aws.signin.visits[-1].relogin_url == f"{url}/aws/cloudadmin"

    # Every process knows the login.
    assert {browser.get("/aws/cloudadmin").status_code for _ in range(10)} == {301}
    assert browser.get("/aws/nothing").status_code == 401
    assert browser.get("/aws/sandbox").status_code == 403

    # Forged headers change no URL of ours, and not the address in the log.
    for path in ("/", "/aws", "/aws/", "/aws/cloudadmin", "//evil.example.com/"):
        for headers in (FORGED, {**FORGED, "Host": "evil.example.com"}):
            try:
                answer = browser.get(f"{url}{path}", headers=headers)
            except httpx.RemoteProtocolError:
                # nginx hangs up on a host that is none of its own.
                assert deployed.behind_proxy
                assert "Host" in headers
                continue
            assert "evil" not in answer.headers.get("Location", ""), path
            assert "evil" not in answer.text, path
    browser.follow_all(browser.get("/aws/cloudadmin", headers=FORGED))
    assert aws.signin.visits[-1].relogin_url == f"{url}/aws/cloudadmin"
    assert {event["client_address"] for event in audit(deployed)} == {"127.0.0.1"}

    # Too large is too large, and the service goes on.
    large = browser.http.post(f"{url}/saml/acs", content=b"x" * 300_000)
    assert large.status_code == 413
    assert browser.post("/saml/logout", {}).headers["Location"] == f"{url}/saml/signed-out"
    assert browser.get("/aws/cloudadmin").status_code == 302


def test_nginx_sends_plain_http_to_https_of_its_own_name(open_folder: Path, aws: Aws) -> None:
    with gunicorn(open_folder, aws, nginx=True) as deployed:
        port = (open_folder / "site.conf").read_text().split("listen 127.0.0.1:")[3].split(";")[0]
        answer = httpx.get(f"http://localhost:{port}/aws/x?y=1", follow_redirects=False)
        assert answer.status_code == 301
        assert answer.headers["Location"] == f"{deployed.url}/aws/x?y=1"


def test_memory_of_one_process_is_refused_by_the_processes_of_apache(
    checkout: Path, open_folder: Path, aws: Aws
) -> None:
    store = {"cache_type": "SimpleCache"}
    with apache(checkout, open_folder, aws, mount_path="", store=store) as deployed:
        assert deployed.browser().get("/aws/cloudadmin").status_code == 500
        assert "a store that they share" in deployed.log.read_text()


def test_the_unit_of_systemd_is_sound_and_shut_in(tmp_path: Path) -> None:
    unit = DEPLOY / "awscons.service"
    (start,) = [line for line in unit.read_text().splitlines() if line.startswith("ExecStart=")]
    assert shlex.split(start)[1:3] == ["serve", "--config"]
    # The program is not where the unit has it, and nothing else is wrong.
    copy = tmp_path / "awscons.service"
    copy.write_text(unit.read_text().replace("/srv/awscons/venv/bin/awscons", "/bin/true"))
    checked = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    # 0 is shut in altogether, 10 is not at all; the threshold is in tenths.
    exposed = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=15", copy],
        capture_output=True,
        text=True,
        check=False,
    )
    assert exposed.returncode == 0, exposed.stdout[-300:]
