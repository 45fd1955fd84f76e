"""Links and pictures of other sites in Debian's Chromium: the headers that it sends by itself decide."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from support.house import FULL_TARGETS
from support.serving import server_tls, serving
from support.stage import Aws
from support.world import World, world

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

WIKI = "https://wiki.example.com"
PAGE = "https://eu-west-1.console.aws.amazon.com/cloudformation/home#/stacks/quickcreate?templateURL=x"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, aws: Aws) -> Iterator[World]:
    config = {"url_prefix": "/aws", "targets": FULL_TARGETS}
    with world(tmp_path_factory.mktemp("links"), aws, aws_config=config) as (found,):
        yield found


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    made = chromium.new_context(ignore_https_errors=True)
    yield made
    made.close()


def show(page: Page, url: str, body: str) -> None:
    """Open a page of another site, with that content."""
    page.route(f"{url}/", lambda route: route.fulfill(body=body, content_type="text/html"))
    page.goto(f"{url}/")


def one_page(body: str) -> WSGIApplication:
    """A sibling host that shows one page."""

    def application(_environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/html")])
        return [body.encode()]

    return application


def refusals(place: World) -> list[str]:
    """Lines of the log about requests that no person made."""
    return [line for line in place.log.read_text().splitlines() if "UnaskedRequest" in line]


def sign_in(page: Page) -> None:
    page.fill("input[name=username]", "ada")
    page.fill("input[name=password]", "secret")
    page.click("button[type=submit], input[type=submit]")


def test_a_link_in_a_wiki_asks_after_the_sign_in_and_opens_by_the_keyboard(
    place: World, context: BrowserContext
) -> None:
    page, before = context.new_page(), len(place.aws.signin.visits)
    link = f"{place.url}/aws/cloudadmin?destination={quote(PAGE, safe='')}"
    show(page, WIKI, f"<a href='{link}'>Runbook</a>")
    page.get_by_role("link", name="Runbook").click()
    sign_in(page)
    page.wait_for_selector("text=Open this console page?")
    said = page.inner_text("main")
    for fact in (WIKI, "cloudadmin", "123456789012", "MyAdminRole", PAGE):
        assert fact in said
    assert len(place.aws.signin.visits) == before
    page.get_by_role("link", name="Open the console page").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#role")
    assert page.inner_text("#destination") == PAGE
    # The person is signed in now, and the same link asks again.
    page.goto(f"{WIKI}/")
    page.get_by_role("link", name="Runbook").click()
    page.wait_for_selector("text=Open this console page?")


@pytest.mark.parametrize(
    ("element", "status"),
    [("<img src='{}'>", 403), ("<iframe src='{}'></iframe>", 403), ("<link rel='prefetch' href='{}'>", 503)],
    ids=["picture", "frame", "prefetch"],
)
def test_a_page_of_a_sibling_host_opens_no_console_by_itself(
    place: World, context: BrowserContext, element: str, status: int
) -> None:
    page, link = context.new_page(), f"{place.url}/aws/cloudadmin"
    page.goto(link)
    sign_in(page)
    page.wait_for_selector("#role")
    before, refused = len(place.aws.signin.visits), refusals(place)
    # Another port is another origin of the same site, whose requests bring SameSite=Lax cookies.
    with serving(lambda _port: one_page(element.format(link)), tls=server_tls()) as port:
        page.goto(f"https://localhost:{port}/", wait_until="networkidle")
    # Chromium hides the response to a picture that is a page, so the log says what happened.
    (refusal,) = refusals(place)[len(refused) :]
    assert json.loads(refusal)["status"] == status
    assert len(place.aws.signin.visits) == before
