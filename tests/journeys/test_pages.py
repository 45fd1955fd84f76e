"""Every page there is, looked at: by axe-core, in light and dark, on a phone and wide, from right to left.

Each leaves pictures in build/pages, for whoever changes one.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Error, Page

from support.chromium import accessibility_faults, cut_off, page_of
from support.faults import HANG, Fault, sts_error
from support.forge import Forger, write_key_folder
from support.house import House, open_house
from support.portal import ACCOUNTS, NAMELESS, ODD_TARGETS, ROLES, SITE, TARGETS, very_many
from support.terminal import LOOPBACK, Terminal

PICTURES = Path(__file__).parents[2] / "build" / "pages"
PHONE, WIDE = 320, 1100


# The odd ones need no group, so that nobody sees them here: they have a page of their own below.
CLOSED = [{"groups": ["sysadmin"], "cli": True, **target} for target in TARGETS]
LONG_NAME = "build-machine-of-the-team-that-has-the-longest-name.corp.example"
CONSOLE_PAGE = "https%3A%2F%2Feu-west-1.console.aws.amazon.com%2Fec2%2Fhome%23Instances%3A"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("pages")
    with open_house(
        folder,
        debug=True,
        aws={"targets": CLOSED, "accounts": ACCOUNTS, "timeout": 4},
        site=SITE,
        roles=ROLES,
    ) as opened:
        browser = opened.browser()
        opened.sign_in(browser, "/aws/")
        browser.post("/aws/", {"add": "lake-look"})
        for name in ("nameless", "shop-look"):
            assert browser.get(f"/aws/{name}").status_code == 301
        lost = Terminal(opened, machine="lost-laptop").sign_in(browser)
        used = lost.tokens["refresh_token"]
        assert [lost.refresh(used).status_code for _ in range(2)] == [200, 400]
        for machine in ("ada-laptop", LONG_NAME):
            Terminal(opened, machine=machine).sign_in(browser)
        yield opened


def at(path: str) -> Callable[[Page, House], None]:
    return lambda page, house: void(page.goto(f"{house.url}{path}"))


def asked_by_a_terminal(redirect_uri: str) -> Callable[[Page, House], None]:
    """The question whether a terminal may sign in."""

    def visit(page: Page, house: House) -> None:
        terminal = Terminal(house, machine=LONG_NAME, redirect_uri=redirect_uri or f"{house.url}/cli/code")
        page.goto(f"{house.url}{terminal.link}")

    return visit


def with_panel_open(page: Page, house: House) -> None:
    page.goto(f"{house.url}/aws/")
    page.click("summary")


def while_sts(fault: Fault) -> Callable[[Page, House], None]:
    def visit(page: Page, house: House) -> None:
        house.sts.misbehave(fault)
        house.sts.released.clear()
        try:
            page.goto(f"{house.url}/aws/nameless")
        finally:
            house.sts.fault = None
            house.sts.released.set()

    return visit


def posted_from_elsewhere(path: str, form: dict[str, str]) -> Callable[[Page, House], None]:
    """A form on another site that posts to us: how answers of an identity provider come, and attacks."""

    def visit(page: Page, house: House) -> None:
        fields = "".join(f"<input name='{name}' value='{value}'>" for name, value in form.items())
        page.goto("about:blank")
        page.set_content(f"<form method='post' action='{house.url}{path}'>{fields}</form>")
        with page.expect_navigation():
            page.evaluate("document.forms[0].submit()")

    return visit


def linked_from_elsewhere(path: str) -> Callable[[Page, House], None]:
    """A link on another site that somebody follows."""

    def visit(page: Page, house: House) -> None:
        page.goto("about:blank")
        page.set_content(f"<a href='{house.url}{path}'>Open</a>")
        with page.expect_navigation():
            page.get_by_role("link", name="Open").click()

    return visit


def void(_value: object) -> None:
    """Nothing."""


# name of the page, who looks at it, its status, how one gets there
PAGES: list[tuple[str, str | None, int, Callable[[Page, House], None]]] = [
    ("portal", "ada@example.com", 200, at("/aws/")),
    ("portal-panel", "ada@example.com", 200, with_panel_open),
    ("portal-search", "ada@example.com", 200, at("/aws/?q=look")),
    ("portal-nothing-found", "ada@example.com", 200, at("/aws/?q=zzz")),
    ("nothing-to-open", "nina@example.com", 200, at("/aws/")),
    ("link", "ada@example.com", 200, at("/aws/?link=")),
    ("link-made", "ada@example.com", 200, at(f"/aws/?link=shop-look&page={CONSOLE_PAGE}")),
    ("link-mistake", "ada@example.com", 200, at("/aws/?link=shop-look&page=https://example.com/")),
    ("refused", "ada@example.com", 403, at("/aws/pay?region=eu-west-1")),
    ("refused-without-choice", "nina@example.com", 403, at("/aws/pay")),
    ("unknown", None, 401, at("/aws/nothing")),
    ("bad-link", "ada@example.com", 400, at("/aws/shop-look?region=nowhere")),
    ("confirm", "ada@example.com", 200, linked_from_elsewhere(f"/aws/shop-look?destination={CONSOLE_PAGE}")),
    ("terminal-consent", "ada@example.com", 200, asked_by_a_terminal(LOOPBACK)),
    ("terminal-consent-elsewhere", "ada@example.com", 200, asked_by_a_terminal("")),
    ("terminal-code", "ada@example.com", 200, at(f"/cli/code?code={'x' * 43}")),
    ("terminal-refused", "ada@example.com", 200, at("/cli/code?error=access_denied")),
    ("terminal-bad-link", "ada@example.com", 400, at("/cli/authorize")),
    ("terminals", "ada@example.com", 200, at("/cli/terminals")),
    ("bad-response", None, 400, posted_from_elsewhere("/saml/acs", {"SAMLResponse": "bm8="})),
    ("from-elsewhere", None, 403, posted_from_elsewhere("/aws/", {"add": "pay"})),
    ("no-page", None, 404, at("/nothing")),
    ("not-this-way", None, 405, at("/saml/acs")),
    ("too-long", None, 414, at(f"/aws/shop-look?x={'x' * 5000}")),
    ("aws-refuses", "ada@example.com", 502, while_sts(sts_error(403, "AccessDenied", "no"))),
    ("aws-throttles", "ada@example.com", 503, while_sts(sts_error(400, "Throttling", "Rate exceeded"))),
    ("aws-silent", "ada@example.com", 504, while_sts(HANG)),
    ("signed-out", None, 200, at("/saml/signed-out")),
    ("signed-out-everywhere", None, 200, at("/saml/signed-out?reach=everywhere")),
    ("signed-out-partly", None, 200, at("/saml/signed-out?reach=partly")),
    ("whoami", "ada@example.com", 200, at("/saml/whoami")),
]


@pytest.fixture(scope="module")
def pages(house: House, chromium: Chromium) -> Iterator[dict[str | None, Page]]:
    """A page of each person's own browser, and of nobody's."""
    with ExitStack() as stack:
        yield {
            who: stack.enter_context(page_of(chromium, house, who))
            for who in ("ada@example.com", "nina@example.com", None)
        }


def check_for_everybody(page: Page, name: str) -> None:
    """axe-core finds nothing, in light and in dark; nothing is cut off at 320 pixels, read from either side."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.set_viewport_size({"width": PHONE, "height": 800})
    page.emulate_media(color_scheme="light")
    assert accessibility_faults(page) == []
    assert cut_off(page) == []
    page.screenshot(path=PICTURES / f"{name}-light-phone.png", full_page=True)
    page.evaluate("document.documentElement.dir = 'rtl'")
    assert cut_off(page) == []
    page.evaluate("document.documentElement.dir = 'ltr'")
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": WIDE, "height": 800})
    assert accessibility_faults(page) == []
    page.screenshot(path=PICTURES / f"{name}-dark-wide.png", full_page=True)


@pytest.mark.parametrize(("name", "who", "status", "visit"), PAGES, ids=[row[0] for row in PAGES])
def test_a_page_is_open_to_everybody(
    house: House,
    pages: dict[str | None, Page],
    name: str,
    who: str | None,
    status: int,
    visit: Callable[[Page, House], None],
) -> None:
    page = pages[who]
    seen: list[int] = []
    page.on("response", lambda answer: seen.append(answer.status))
    visit(page, house)
    assert status in seen
    assert page.locator("h1").count() == 1
    check_for_everybody(page, name)


def test_an_explanation_after_two_answers_that_match_nothing_has_a_way_on(
    house: House, chromium: Chromium
) -> None:
    tile = posted_from_elsewhere("/saml/acs", {"SAMLResponse": Forger().form_value(house.story("_tile"))})
    with page_of(chromium, house, None) as first:
        # Off to the identity provider, which is nowhere; the browser remembers the fresh start.
        with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
            tile(first, house)
        page = first.context.new_page()
        tile(page, house)
        assert "could not be matched to this browser" in page.inner_text("main")
        assert page.get_by_role("link", name="Sign in again").is_visible()
        check_for_everybody(page, "not-matched")


def test_the_page_on_the_way_to_the_identity_provider_is_open_to_everybody(
    tmp_path: Path, chromium: Chromium
) -> None:
    """Where the identity provider wants requests posted; without its script the page waits for its button."""
    with (
        open_house(tmp_path, saml={"authn_request_binding": "HTTP-POST"}) as house,
        page_of(chromium, house, None, width=PHONE) as page,
    ):
        page.route("**/post-on.js", lambda route: route.abort())
        page.goto(f"{house.url}/aws/cloudadmin")
        assert page.get_by_role("button", name="Continue").is_visible()
        check_for_everybody(page, "on-the-way")


def test_the_page_on_the_way_to_the_identity_providers_logout_is_open_to_everybody(
    tmp_path: Path, chromium: Chromium
) -> None:
    saml = {
        "sp_keys": str(write_key_folder(tmp_path / "keys")),
        "single_logout": True,
        "slo_endpoint": "https://idp.example.com/slo",
    }
    with open_house(tmp_path, saml=saml) as house, page_of(chromium, house, width=PHONE) as page:
        # 204: the browser stays where it is, and the page can be looked at.
        page.route("https://idp.example.com/**", lambda route: route.fulfill(status=204))
        page.goto(f"{house.url}/aws/")
        with page.expect_response("https://idp.example.com/**"):
            page.get_by_role("button", name="Sign out").click()
        assert page.get_by_role("link", name="Continue").is_visible()
        check_for_everybody(page, "leaving")


def test_the_page_for_too_many_sign_ins_is_open_to_everybody(tmp_path: Path, chromium: Chromium) -> None:
    with (
        open_house(tmp_path, server={"rate_limit_overall": 1}) as house,
        page_of(chromium, house, None, width=PHONE) as page,
    ):
        browser = house.browser()
        assert browser.get("/aws/cloudadmin").status_code == 302
        page.goto(f"{house.url}/aws/cloudadmin")
        assert page.inner_text(".status") == "429"
        check_for_everybody(page, "too-many")


def test_a_large_portal_can_be_filtered_and_opened_by_keyboard(tmp_path: Path, chromium: Chromium) -> None:
    aws = very_many(320)
    aws["accounts"][1]["name"] = "Archive"  # type: ignore[index]
    with open_house(tmp_path, aws=aws) as house, page_of(chromium, house, width=PHONE) as page:
        page.goto(f"{house.url}/aws/?environment=production")
        check_for_everybody(page, "large-portal-filtered")
        page.goto(f"{house.url}/aws/")
        page.get_by_role("link", name="T", exact=True).click()
        assert page.locator("details.group[open]").count() == 1
        check_for_everybody(page, "large-portal")
        page.locator("summary", has_text="Archive").focus()
        page.keyboard.press("Enter")
        assert page.locator("details.group[open]").count() == 2
        page.locator("#q").fill("archive role7")
        assert page.locator("#t-target-00047").is_visible()
        page.goto(f"{house.url}/aws/?link=&find=archive")
        check_for_everybody(page, "large-portal-link")
        page.goto(f"{house.url}/aws/#t-target-00300")
        assert page.locator("#t-target-00300").is_visible()


def test_an_auditor_reads_the_access_report(tmp_path: Path, chromium: Chromium) -> None:
    aws = {"targets": TARGETS, "accounts": ACCOUNTS}
    site = {**SITE, "auditors": ["sysadmin"]}
    with open_house(tmp_path, aws=aws, site=site) as house, page_of(chromium, house) as page:
        page.goto(f"{house.url}/aws/")
        page.get_by_role("link", name="Who can open what").click()
        check_for_everybody(page, "access-report")


def test_odd_names_stay_in_their_place_and_are_read_in_their_own_direction(
    tmp_path: Path, chromium: Chromium
) -> None:
    site = {"title": "شركة " * 40, "support_text": "x" * 500}
    aws = {"targets": ODD_TARGETS, "accounts": [{"id": NAMELESS, "name": "👩‍💻" * 60}]}
    with (
        open_house(tmp_path, aws=aws, site=site) as house,
        page_of(chromium, house, width=PHONE) as page,
    ):
        page.goto(f"{house.url}/aws/")
        check_for_everybody(page, "odd-names")
        for name, direction in [("hebrew", "rtl"), ("arabic", "rtl"), ("emoji", "ltr")]:
            title = page.locator(f"#t-{name} .target")
            assert title.evaluate("it => getComputedStyle(it).direction") == direction
        page.goto(f"{house.url}/aws/?link=endless")
        check_for_everybody(page, "odd-names-link")


def test_somebody_who_wants_no_motion_gets_none(house: House, chromium: Chromium) -> None:
    moving = "it => getComputedStyle(it).transitionDuration"
    with page_of(chromium, house, reduced_motion="reduce") as page:
        page.goto(f"{house.url}/aws/")
        assert page.locator(".tool").first.evaluate(moving) == "0s"
    with page_of(chromium, house, reduced_motion="no-preference") as page:
        page.goto(f"{house.url}/aws/")
        assert page.locator(".tool").first.evaluate(moving) != "0s"


def test_all_our_javascript_weighs_less_than_ten_kilobytes(house: House) -> None:
    page = house.sign_in(house.browser(), "/aws/")
    scripts = [part.split('"')[0] for part in page.text.split('<script src="')[1:]]
    assert len(scripts) == page.text.count("<script") == 1
    sizes = [len(httpx.get(f"{house.url}{path}", verify=False).content) for path in scripts]
    assert 0 < sum(sizes) < 10_000
