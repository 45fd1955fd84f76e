"""The portal in a real browser: found by typing, opened by keyboard, with and without JavaScript."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, expect

from support.chromium import page_of
from support.house import House, open_house
from support.portal import ACCOUNTS, ROLES, SITE, TARGETS, very_many


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(
        tmp_path, aws={"targets": TARGETS, "accounts": ACCOUNTS}, site=SITE, roles=ROLES
    ) as opened:
        yield opened


@pytest.fixture
def page(house: House, chromium: Chromium) -> Iterator[Page]:
    """Of somebody who is signed in, on the portal."""
    with page_of(chromium, house, locale="en-GB", timezone_id="Asia/Kolkata") as made:
        made.goto(f"{house.url}/aws/")
        yield made


def quote_for_log(page: Page) -> list[str]:
    """The targets that can be seen, by name."""
    rows = page.locator("[data-targets] li").filter(visible=True)
    return [str(row.get_attribute("id")).removeprefix("t-") for row in rows.all()]


def focused(page: Page) -> str:
    """What the keyboard is at: a target's name, or an element's."""
    found: str = page.evaluate(
        "(document.activeElement.closest('li') ?? document.activeElement).id || document.activeElement.tagName"
    )
    return found


def test_typing_finds_by_any_words_and_says_how_many(page: Page) -> None:
    page.get_by_role("searchbox", name="Search", exact=True).press_sequentially("look SHOP")
    assert quote_for_log(page) == ["shop-look"]
    assert page.locator(".group").filter(visible=True).count() == 1
    expect(page.get_by_role("status")).to_have_text("1 of 4 shown")
    page.locator("#q").fill("zzz")
    assert quote_for_log(page) == []
    expect(page.get_by_text("No target has all of these words.")).to_be_visible()
    page.locator("#q").press("Escape")
    assert len(quote_for_log(page)) == 4
    expect(page.get_by_role("status")).to_have_text("")


def test_the_keyboard_alone_searches_chooses_and_opens(page: Page) -> None:
    page.keyboard.press("/")
    assert focused(page) == "q"
    page.keyboard.type("look")
    page.keyboard.press("ArrowDown")
    assert focused(page) == "t-lake-look"
    page.keyboard.press("ArrowDown")
    assert focused(page) == "t-shop-look"
    page.keyboard.press("ArrowDown")
    assert focused(page) == "t-shop-look"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert focused(page) == "q"
    page.keyboard.press("Enter")
    assert focused(page) == "t-lake-look"
    with page.expect_request("**/aws/lake-look"):
        page.keyboard.press("Enter")


def test_enter_opens_the_only_one_that_is_left(page: Page) -> None:
    page.locator("#q").press_sequentially("lake look")
    with page.expect_request("**/aws/lake-look"):
        page.keyboard.press("Enter")


def test_the_key_for_the_search_can_be_switched_off_and_stays_off(page: Page) -> None:
    page.locator("summary").click()
    page.get_by_label("The / key moves to the search field").uncheck()
    page.keyboard.press("Escape")
    expect(page.locator(".panel")).to_be_hidden()
    page.reload()
    page.keyboard.press("/")
    assert focused(page) == "BODY"


def test_a_slash_in_a_field_is_a_slash(page: Page) -> None:
    page.locator("#q").press_sequentially("a/b")
    assert page.locator("#q").input_value() == "a/b"


def test_everything_is_reached_by_tab_in_the_order_of_the_page(page: Page) -> None:
    names = []
    for _ in range(14):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.innerText.trim()")
        )
    assert names[0] == "Skip to content"
    assert [name for name in names if name][:7] == [
        "Skip to content",
        "Example consoles",
        "Signed in as\nada@example.com",
        "Sign out",
        "Link to a page",
        "Look around",
        "Copy link: Look around",
    ]


def test_a_link_is_copied_and_that_is_said(house: House, chromium: Chromium) -> None:
    with page_of(chromium, house, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.goto(f"{house.url}/aws/")
        page.get_by_label("Copy link: Administrator").click()
        expect(page.get_by_role("status")).to_have_text("Link copied")
        assert page.evaluate("navigator.clipboard.readText()") == f"{house.url}/aws/shop-admin"


def test_a_favourite_moves_to_the_top_and_the_page_stays_where_it_was(page: Page) -> None:
    page.get_by_label("Favourite: nameless").click()
    page.wait_for_url("**#t-nameless")
    assert quote_for_log(page)[0] == "nameless"
    star = page.get_by_label("Favourite: nameless")
    assert star.get_attribute("aria-pressed") == "true"
    with page.expect_navigation():
        star.click()
    assert quote_for_log(page)[-1] == "nameless"


def test_colours_change_at_once_and_for_good(page: Page) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.locator("summary").click()
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_role("button", name="Dark").click()
    dark = page.evaluate(paper)
    assert dark != light
    page.reload()
    assert page.evaluate(paper) == dark


def test_times_are_told_in_the_persons_own_time_zone(house: House, page: Page) -> None:
    page.locator("summary").click()
    there = house.clock().timestamp() + 3600 + 5.5 * 3600
    told = f"{int(there // 3600 % 24):02}:{int(there // 60 % 60):02}"
    assert told in page.locator(".panel time").inner_text()


def test_without_javascript_everything_works_by_plain_forms(house: House, chromium: Chromium) -> None:
    with page_of(chromium, house, java_script_enabled=False) as page:
        page.goto(f"{house.url}/aws/")
        page.locator("#q").fill("look")
        with page.expect_navigation():
            page.get_by_role("button", name="Search").click()
        assert quote_for_log(page) == ["lake-look", "shop-look"]
        with page.expect_navigation():
            page.get_by_label("Favourite: Look around").nth(1).click()
        assert quote_for_log(page) == ["shop-look", "lake-look"]
        with page.expect_navigation():
            page.get_by_role("link", name="Show all").first.click()
        assert len(quote_for_log(page)) == 4
        page.get_by_label("Copy link: Administrator").click()
        assert page.get_by_label("Your link").input_value() == f"{house.url}/aws/shop-admin"
        page.locator("summary").click()
        page.get_by_role("button", name="Dark").click()
        assert page.locator("html").get_attribute("data-theme") == "dark"
        page.get_by_role("button", name="Sign out").click()
        assert "You are signed out here" in page.inner_text("h1")


def test_a_pasted_console_page_becomes_a_link_to_open_or_copy(page: Page) -> None:
    wanted = "https://eu-west-1.console.aws.amazon.com/ec2/home?region=eu-west-1#Instances:"
    page.get_by_role("link", name="Link to a page").click()
    page.get_by_label("Opened with").select_option("lake-look")
    page.get_by_label("Address of the page in the AWS console").fill(wanted)
    page.get_by_role("button", name="Make the link").click()
    with page.expect_request("**/aws/lake-look?destination=*"):
        page.get_by_role("link", name="Open the link").click()


def test_five_thousand_targets_can_still_be_searched_while_typing(tmp_path: Path, chromium: Chromium) -> None:
    with open_house(tmp_path, aws=very_many(5_000)) as house, page_of(chromium, house) as page:
        page.goto(f"{house.url}/aws/")
        page.locator("#q").fill("team 77 role7")
        expect(page.get_by_role("status")).to_have_text("1 of 5000 shown")
        expect(page.locator("#t-target-03087")).to_be_visible()
