"""The service under every server that is promised, set up by the very files of `deploy/`."""

import json
import shlex
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest

from support.browser import Browser, text_of
from support.deployed import (
    DEPLOY,
    Deployed,
    apache,
    confined,
    folder_for_all,
    gunicorn,
    trial,
    unit,
    waitress,
)
from support.faults import HANG, Faulty
from support.house import config_for, write_credentials
from support.serving import client_tls, free_port, serving
from support.stage import ROOT, Aws, write_config, write_tls

FORGED = {
    "X-Forwarded-Host": "evil.example.com",
    "X-Forwarded-Proto": "gopher",
    "X-Forwarded-Scheme": "gopher",
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Port": "1",
    "X-Forwarded-Ssl": "off",
    "X-Forwarded-Server": "evil.example.com",
    "X-Host": "evil.example.com",
    "X-Original-URL": "/evil",
    "X-Rewrite-URL": "/evil",
    "X-Real-IP": "6.6.6.6",
    "X-Client-IP": "6.6.6.6",
    "True-Client-IP": "6.6.6.6",
    "Forwarded": "for=6.6.6.6;host=evil.example.com;proto=http",
    "Script-Name": "/evil",
    "X-Script-Name": "/evil",
    "Remote-Addr": "6.6.6.6",
    "Remote-User": "ada",
}

LOOPBACK = {"127.0.0.1", "::1"}

# A page as long as the console's can be, of letters that are three times as long in a Location header.
PAGE = "https://us-east-1.console.aws.amazon.com/cloudwatch/home#" + "/" * 1900

SERVERS: dict[str, Callable[[Path, Path, Aws], AbstractContextManager[Deployed]]] = {
    "apache at /": lambda checkout, folder, aws: apache(checkout, folder, aws, mount_path=""),
    "apache at /sso": lambda checkout, folder, aws: apache(checkout, folder, aws, mount_path="/sso"),
    "gunicorn": lambda _checkout, folder, aws: gunicorn(folder, aws),
    "waitress": lambda _checkout, folder, aws: waitress(folder, aws),
    "nginx and gunicorn": lambda _checkout, folder, aws: gunicorn(folder, aws, nginx=True),
    "nginx and systemd's unit": unit,
    "nginx and systemd's unit at /sso": lambda checkout, folder, aws: unit(
        checkout, folder, aws, mount_path="/sso"
    ),
    "awscons serve over https": lambda _checkout, folder, aws: trial(folder, aws),
}


@pytest.fixture(params=SERVERS, scope="module")
def deployed(request: pytest.FixtureRequest, checkout: Path, aws: Aws) -> Iterator[Deployed]:
    """Each server in turn; the tests below share it, since starting it is what takes the time."""
    with folder_for_all() as folder, SERVERS[request.param](checkout, folder, aws) as found:
        yield found


@dataclass(frozen=True)
class Arrived:
    """Somebody's browser, the path that was asked for, and the answers on the way."""

    browser: Browser
    requested: str
    begun: httpx.Response
    answered: httpx.Response
    opened: httpx.Response


@pytest.fixture(scope="module")
def arrived(deployed: Deployed) -> Arrived:
    """Somebody who asked for a page of the console, and signed in on the way."""
    browser = deployed.browser()
    requested = f"/aws/cloudadmin?a=1&b=%2F&destination={quote(PAGE, safe='/:')}"
    begun = browser.get(requested, headers=FORGED)
    assert begun.headers["Location"].startswith(deployed.idp.sso_url)
    answered = deployed.idp.sign_in(browser, begun, "zoë")
    return Arrived(browser, requested, begun, answered, opened=browser.follow(answered))


def audit(deployed: Deployed) -> list[dict[str, object]]:
    """The audit events in a server's log, whatever it puts in front of them."""
    lines = deployed.log.read_text().splitlines()
    texts = [line[line.index("{") :] for line in lines if '"event": "audit"' in line]
    if deployed.log_is_escaped:
        texts = [text.encode().decode("unicode_escape").encode("latin-1").decode() for text in texts]
    return [json.loads(text) for text in texts]


def cookie(answer: httpx.Response, name: str) -> set[str]:
    """The attributes of the one cookie whose name begins so, but for how long it lives."""
    (line,) = (line for line in answer.headers.get_list("Set-Cookie") if line.startswith(name))
    attributes = set(line.split("; ")[1:])
    return {each for each in attributes if not each.startswith(("Max-Age=", "Expires="))}


def raw(deployed: Deployed, request: str) -> str:
    """What the server says to a request, sent to the letter."""
    parts = urlsplit(deployed.url)
    with ExitStack() as stack:
        connection = socket.create_connection((parts.hostname, parts.port), timeout=20)
        stack.enter_context(connection)
        if parts.scheme == "https":
            connection = client_tls().wrap_socket(connection, server_hostname=parts.hostname)
            stack.enter_context(connection)
        connection.sendall(request.encode())
        received = b""
        while part := connection.recv(65_536):
            received += part
        return received.decode()


# --- every server ------------------------------------------------------------------------


def test_a_person_comes_back_to_the_asked_url_and_a_long_301_leads_to_the_console(
    deployed: Deployed, arrived: Arrived, aws: Aws
) -> None:
    assert arrived.answered.headers["Location"] == f"{deployed.url}{arrived.requested}"
    opened = arrived.opened
    assert opened.status_code == 301
    assert opened.headers["Cache-Control"] == "no-store"
    assert len(opened.headers["Location"]) > 6_000
    page = text_of(arrived.browser.follow_all(opened))
    assert "MyAdminRole" in page
    assert "Role session name zoe-" in page
    assert aws.signin.visits[-1].relogin_url.startswith(f"{deployed.url}/aws/cloudadmin?")


def test_cookies_are_as_strict_as_the_address_allows(deployed: Deployed, arrived: Arrived) -> None:
    path, https = urlsplit(deployed.url).path, deployed.url.startswith("https://")
    prefix, mount = ("__Host-", path.replace("/", "+")) if https else ("", "")
    usual = {"HttpOnly", f"Path={'/' if https else path or '/'}", *({"Secure"} if https else ())}
    assert cookie(arrived.answered, f"{prefix}awscons{mount}=") == {*usual, "SameSite=Lax"}
    # Over http the identity provider is on the same host, and the strictest that works is Lax.
    same_site = "SameSite=None" if https else "SameSite=Lax"
    assert cookie(arrived.begun, f"{prefix}awscons-pending{mount}") == {*usual, same_site}
    assert ("Strict-Transport-Security" in arrived.opened.headers) == https


def test_every_process_knows_the_login_and_decides_by_it(deployed: Deployed, arrived: Arrived) -> None:
    browser = arrived.browser
    assert {browser.get("/aws/cloudadmin").status_code for _ in range(10)} == {301}
    assert browser.get("/aws/nothing").status_code == 401
    assert browser.get("/aws/sandbox").status_code == 403
    other = deployed.browser()
    deployed.idp.sign_in(other, other.get("/aws/sandbox"), "otto")
    assert other.get("/aws/sandbox").status_code == 301
    assert other.post("/saml/logout", {}).headers["Location"] == f"{deployed.url}/saml/signed-out"
    assert {other.get("/aws/sandbox").status_code for _ in range(4)} == {302}


@pytest.mark.parametrize(
    "path", ["/", "/aws", "/aws/", "/aws/cloudadmin", "/saml/metadata", "//evil.example.com/"]
)
def test_no_header_changes_an_address_of_ours(deployed: Deployed, arrived: Arrived, path: str) -> None:
    for browser in (arrived.browser, deployed.browser()):
        honest = browser.get(path)
        forged = browser.get(path, headers=FORGED)
        assert forged.status_code == honest.status_code
        assert "evil" not in forged.headers.get("Location", "")
        assert "evil" not in forged.text
        try:
            forged = browser.get(path, headers={**FORGED, "Host": "evil.example.com"})
        except httpx.RemoteProtocolError:
            # nginx hangs up on a host that is none of its own.
            assert deployed.one_host_only
        else:
            assert not deployed.one_host_only
            assert forged.status_code == honest.status_code
            assert "evil" not in forged.headers.get("Location", "")
            assert "evil" not in forged.text


def test_a_host_in_the_request_line_or_none_at_all_changes_no_address_of_ours(deployed: Deployed) -> None:
    path = urlsplit(deployed.url).path
    for line in (
        f"GET http://evil.example.com{path}/aws/ HTTP/1.1\r\nHost: evil.example.com\r\nConnection: close",
        f"GET {path}/aws/ HTTP/1.0",
    ):
        assert "evil" not in raw(deployed, f"{line}\r\nX-Forwarded-Host: evil.example.com\r\n\r\n")


def test_no_header_changes_who_is_asking(deployed: Deployed, arrived: Arrived, aws: Aws) -> None:
    arrived.browser.follow_all(arrived.browser.get("/aws/cloudadmin", headers=FORGED))
    assert aws.signin.visits[-1].relogin_url == f"{deployed.url}/aws/cloudadmin"
    events = [event for event in audit(deployed) if event["action"] != "configuration-in-force"]
    assert {event["client_address"] for event in events} <= {"127.0.0.1", "::1"}
    assert {event["name_id"] for event in events if event["outcome"] == "done"} <= {"zoë", "otto"}
    # Nobody comes in by a header either.
    assert deployed.browser().get("/aws/cloudadmin", headers=FORGED).status_code == 302


def test_a_person_in_3000_groups_signs_in(deployed: Deployed) -> None:
    browser = deployed.browser()
    page = browser.follow_all(browser.get("/aws/cloudadmin"))
    form = deployed.idp.answer(browser, page, "vera")
    assert len(form.fields["SAMLResponse"]) > 600_000
    browser.answer(form.action, form.fields)
    assert browser.get("/aws/cloudadmin").status_code == 301


@pytest.mark.parametrize("kind", ["declared", "in chunks"])
def test_a_body_that_is_too_large_is_refused_and_the_service_goes_on(deployed: Deployed, kind: str) -> None:
    browser = deployed.browser()
    body = b"RelayState=x&SAMLResponse=" + b"A" * 3_000_000
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    content = body if kind == "declared" else iter([body])
    answer = browser.http.post(f"{deployed.url}/saml/acs", content=content, headers=headers)
    # Who waits for the whole body knows its length; the others insist that it is said.
    assert answer.status_code in ({413} if kind == "declared" else {413, 411})
    if answer.status_code == 413:
        assert "you are in very many groups" in text_of(answer)
    assert browser.get("/aws/cloudadmin").status_code == 302


@pytest.mark.parametrize(
    "deployed",
    ["apache at /", "apache at /sso", "nginx and gunicorn", "nginx and systemd's unit at /sso"],
    indirect=True,
)
def test_whoever_comes_without_tls_is_sent_to_https_of_our_own_name(deployed: Deployed) -> None:
    path = urlsplit(deployed.url).path
    answer = httpx.get(f"{deployed.plain_url}{path}/aws/x?y=1", headers=FORGED, follow_redirects=False)
    assert answer.status_code == 301
    assert answer.headers["Location"] == f"{deployed.url}/aws/x?y=1"


# --- one server or another ---------------------------------------------------------------


def half_sent(deployed: Deployed, count: int) -> Sequence[socket.socket]:
    """So many clients who begin to post a form, and never end it."""
    parts = urlsplit(deployed.url)
    head = (
        f"POST {parts.path}/saml/acs HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\nRelay"
    )
    clients = []
    for _ in range(count):
        plain = socket.create_connection((parts.hostname, parts.port), timeout=30)
        clients.append(client_tls().wrap_socket(plain, server_hostname=parts.hostname))
        clients[-1].sendall(head.encode())
    return clients


def test_behind_nginx_slow_clients_cost_no_thread(checkout: Path, open_folder: Path, aws: Aws) -> None:
    # Otherwise each of them had the one thread for fifteen seconds.
    with (
        unit(checkout, open_folder, aws, "--workers", "1", "--threads", "1") as deployed,
        ExitStack() as stack,
    ):
        for client in half_sent(deployed, 10):
            stack.enter_context(client)
        assert deployed.browser().get("/healthz", timeout=5).text == "ok\n"


def test_apache_loads_the_service_before_anybody_asks(checkout: Path, open_folder: Path, aws: Aws) -> None:
    with apache(checkout, open_folder, aws, mount_path=""):
        store, begun = open_folder / "state" / "logins.sqlite3", time.monotonic()
        while not store.exists():
            assert time.monotonic() - begun < 20


def test_apache_gives_up_on_slow_clients(checkout: Path, open_folder: Path, aws: Aws) -> None:
    hurry = {"header=15 body=15": "header=15 body=2"}
    with (
        apache(checkout, open_folder, aws, mount_path="", changes=hurry) as deployed,
        ExitStack() as stack,
    ):
        for client in half_sent(deployed, 20):
            stack.enter_context(client)
        assert deployed.browser().get("/healthz", timeout=10).text == "ok\n"


def test_no_part_of_an_answer_of_the_identity_provider_is_written_to_a_disk_by_nginx(
    checkout: Path, open_folder: Path, aws: Aws
) -> None:
    with unit(checkout, open_folder, aws, "--workers", "1", "--threads", "2") as deployed:
        form = {"SAMLResponse": "A" * 1_900_000, "RelayState": "x"}
        assert deployed.browser().post("/saml/acs", form).status_code == 400
        assert deployed.browser().get("/aws/cloudadmin").status_code == 302
        assert "temporary file" not in (open_folder / "nginx-error.log").read_text()


def test_under_apache_other_pages_find_a_thread_while_aws_hangs(
    checkout: Path, open_folder: Path, aws: Aws
) -> None:
    signin = Faulty(aws.signin.application())
    with ExitStack() as stack:
        port = stack.enter_context(serving(lambda _port: signin))
        slow = replace(aws, signin_url=f"http://127.0.0.1:{port}/federation")
        server = {"rate_limit_per_person": 0}
        deployed = stack.enter_context(apache(checkout, open_folder, slow, mount_path="", server=server))
        browser = deployed.browser()
        deployed.idp.sign_in(browser, browser.get("/aws/cloudadmin"), "ada")
        signin.misbehave(HANG)
        stack.callback(signin.released.set)
        people = stack.enter_context(ThreadPoolExecutor(40))
        cookies = dict(browser.http.cookies)
        requested = [people.submit(open_console, deployed.url, cookies) for _ in range(40)]
        signin.wait_for_calls(12)
        assert deployed.browser().get("/healthz", timeout=2).text == "ok\n"
        signin.released.set()
        # Three quarters of the eight threads of each of the two processes wait; the others are told at once.
        assert sum(each.result() == 503 for each in requested) >= 40 - 12


def open_console(url: str, cookies: dict[str, str]) -> int:
    with httpx.Client(verify=client_tls(), cookies=cookies, timeout=30) as client:
        return client.get(f"{url}/aws/cloudadmin").status_code


def test_memory_of_one_process_is_refused_by_the_processes_of_apache(
    checkout: Path, open_folder: Path, aws: Aws
) -> None:
    store = {"cache_type": "SimpleCache"}
    with apache(checkout, open_folder, aws, mount_path="", store=store) as deployed:
        assert deployed.browser().get("/aws/cloudadmin").status_code == 500
        assert "a store that they share" in deployed.log.read_text()


@pytest.mark.parametrize(
    ("port", "said"),
    [(443, "this user may not listen on port 443"), (None, "tls.key' is not readable")],
    ids=["a port below 1024", "a key of somebody else's"],
)
def test_what_its_user_may_not_do_is_a_sentence(
    checkout: Path, open_folder: Path, port: int | None, said: str
) -> None:
    nowhere = "http://127.0.0.1:1/"
    config = config_for(
        "https://localhost/saml/acs",
        sts_url=nowhere,
        signin_url=nowhere,
        credentials_file=write_credentials(open_folder / "credentials", "AKIAEXAMPLE", "secret"),
        store={"cache_type": "SQLite"},
    )
    path = write_config(open_folder / "config.py", config)
    certificate, key = write_tls(open_folder)
    tls = ("--certificate", str(certificate), "--key", str(key))
    command, environment = confined(checkout, open_folder, *tls, config=path, port=port or free_port())
    if port is None:
        key.chmod(0)
    done = subprocess.run(
        command, env=environment, cwd=ROOT / "tests", capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode in {1, 2}
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_unit_of_systemd_is_sound_and_shut_in(tmp_path: Path) -> None:
    unit_file = DEPLOY / "awscons.service"
    (start,) = [line for line in unit_file.read_text().splitlines() if line.startswith("ExecStart=")]
    assert shlex.split(start)[1:3] == ["serve", "--config"]
    # A mistake in the configuration ends with 2, and trying again would not cure it.
    assert "RestartPreventExitStatus=2" in unit_file.read_text().splitlines()
    # The program is not where the unit has it, and nothing else is wrong.
    copy = tmp_path / "awscons.service"
    copy.write_text(unit_file.read_text().replace("/srv/awscons/venv/bin/awscons", "/bin/true"))
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
