"""`awscons-cli login` in Debian's Chromium: the page on loopback, two terminals, a hostile page beside them."""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page

from support.cli_service import CliService
from support.client_fixtures import service, terminal, zipapp
from support.client_terminal import Terminal, shown_address
from support.demo import demo_running

__all__ = ["service", "terminal", "zipapp"]


CALLS = """async (callback) => {
    const told = []
    for (const url of [callback, callback + '?code=stolen&state=guessed', callback + '?code=stolen&state=']) {
        for (const mode of ['cors', 'no-cors']) {
            told.push(await fetch(url, {mode}).then((answer) => answer.type, () => 'failed'))
            told.push(await fetch(url, {mode, method: 'POST', body: 'x'}).then((answer) => answer.type, () => 'failed'))
        }
        const picture = new Image()
        await new Promise((done) => { picture.onload = picture.onerror = done; picture.src = url })
    }
    return [...new Set(told)].sort()
}"""


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context()
    yield context.new_page()
    context.close()


def test_a_person_signs_in_and_allows_the_terminal(tmp_path: Path, page: Page, terminal: Terminal) -> None:
    with demo_running([sys.executable, "-m", "awscons"], tmp_path) as portal:
        login = terminal.begin("login", portal, BROWSER="")
        page.goto(shown_address(login))
        page.get_by_role("button", name="Ada Admin").click()
        assert page.get_by_text(socket.gethostname(), exact=True).is_visible()
        page.get_by_role("button", name="Allow").click()
        assert page.get_by_text("You can close this page and go back to the terminal.").is_visible()
        output, errors = login.communicate(timeout=60)
        assert output.startswith(f"Signed in to {portal} as ada@example.com"), errors
        assert terminal.run("credentials", "readonly").returncode == 0
        page.goto(f"{portal}/cli/terminals")
        page.get_by_role("button", name=f"End {socket.gethostname()}").click()
        assert page.get_by_text("No terminal is signed in.").is_visible()
        assert "has ended" in terminal.run("list").stderr


def test_two_terminals_sign_in_by_one_browser_at_the_same_time(
    page: Page, terminal: Terminal, service: CliService
) -> None:
    logins = [terminal.begin("login", service.url, BROWSER="") for _ in range(2)]
    addresses = [shown_address(login) for login in logins]
    for address in reversed(addresses):
        page.goto(address)
        assert page.get_by_text("You can close this page and go back to the terminal.").is_visible()
    for login in logins:
        output, errors = login.communicate(timeout=60)
        assert output.startswith("Signed in"), errors
    assert terminal.run("status").returncode == 0


def test_a_hostile_page_that_calls_the_port_reads_nothing_and_spoils_nothing(
    page: Page, terminal: Terminal, service: CliService
) -> None:
    login = terminal.begin("login", service.url, BROWSER="")
    address = shown_address(login)
    callback = parse_qs(urlsplit(address).query)["redirect_uri"][0]
    page.route("http://evil.example.com/", lambda route: route.fulfill(body="<p>", content_type="text/html"))
    page.goto("http://evil.example.com/")
    assert set(page.evaluate(CALLS, callback)) <= {"failed", "opaque"}
    assert service.count("POST /cli/token") == 0
    page.goto(address)
    output, errors = login.communicate(timeout=60)
    assert output.startswith("Signed in"), errors
