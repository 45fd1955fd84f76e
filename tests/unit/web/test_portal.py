"""The portal: what somebody may open, found, remembered and said, through the front door."""

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import pytest

from support.browser import Browser, sent_to_idp, text_of
from support.house import House, open_house
from support.portal import (
    ACCOUNTS,
    LAKE,
    NAMELESS,
    ODD_TARGETS,
    ODD_TITLES,
    ROLES,
    SHOP,
    SITE,
    TARGETS,
    group_headings,
    titles_in,
    very_many,
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """With accounts, faces and regions."""
    with open_house(
        tmp_path, aws={"targets": TARGETS, "accounts": ACCOUNTS}, site=SITE, roles=ROLES
    ) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The same, once for all tests that only look."""
    folder = tmp_path_factory.mktemp("shared")
    with open_house(folder, aws={"targets": TARGETS, "accounts": ACCOUNTS}, site=SITE, roles=ROLES) as opened:
        yield opened


@pytest.fixture(scope="module")
def looker(shared: House) -> Browser:
    """Somebody who is signed in there and changes nothing."""
    browser = shared.browser()
    shared.sign_in(browser, "/aws/")
    return browser


# --- the list ----------------------------------------------------------------------------


def test_each_target_shows_its_name_account_role_label_and_how_long_it_lasts(looker: Browser) -> None:
    page = looker.get("/aws/")
    said = text_of(page)
    assert "Administrator Administrator · 8 h For emergencies." in said
    assert "Look around ReadOnly · 1 h 30 min" in said
    assert "nameless team/Plain · 1 h" in said
    assert "Look around on call ReadOnly · 1 h" in said
    assert 'class="pill k7a2ea0"' in page.text
    assert "Example consoles" in said


def test_targets_stand_under_their_accounts_by_name_and_number(looker: Browser) -> None:
    page = looker.get("/aws/")
    assert group_headings(page) == [
        f"Data lake {LAKE} staging",
        f"Web shop {SHOP} production",
        f"Account {NAMELESS}",
    ]
    assert titles_in(page) == ["lake-look", "shop-admin", "shop-look", "nameless"]


def test_nobody_sees_what_they_may_not_open(house: House) -> None:
    seen = house.sign_in(house.browser(), "/aws/", "otto@example.com")
    assert titles_in(seen) == ["lake-look", "shop-look"]
    assert "Payments" not in seen.text
    assert "shop-admin" not in seen.text


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("look", ["lake-look", "shop-look"]),
        ("LOOK shop", ["shop-look"]),
        (f"{SHOP}", ["shop-admin", "shop-look"]),
        ("production", ["shop-admin", "shop-look"]),
        ("on call", ["lake-look"]),
        ("emergenc", ["shop-admin"]),
        ("plain", ["nameless"]),
        ("us-east-1", ["shop-admin"]),
        ("payments", []),
        ("   ", ["lake-look", "shop-admin", "shop-look", "nameless"]),
        ("<script>", []),
    ],
)
def test_a_search_finds_what_has_every_word(looker: Browser, search: str, found: list[str]) -> None:
    page = looker.get("/aws/", params={"q": search})
    assert titles_in(page) == found
    assert "<script>" not in page.text
    assert ("No target has all of these words. Show all" in text_of(page)) or found


def test_a_search_survives_the_sign_in(house: House, browser: Browser) -> None:
    assert titles_in(house.sign_in(browser, "/aws/?q=look%20shop")) == ["shop-look"]


def test_a_region_is_offered_where_the_target_has_a_choice(shared: House, looker: Browser) -> None:
    page = looker.get("/aws/")
    assert f'href="{shared.url}/aws/shop-admin?region=eu-west-1"' in page.text
    assert "lake-look?region" not in page.text


def test_odd_titles_are_text_and_nothing_else(tmp_path: Path) -> None:
    with open_house(tmp_path, aws={"targets": ODD_TARGETS}) as house:
        page = house.sign_in(house.browser(), "/aws/")
        assert titles_in(page) == list(ODD_TITLES)
        for title in ODD_TITLES.values():
            assert (
                f">{escape(title, quote=True).replace('&#x27;', '&#39;').replace('&quot;', '&#34;')}</a>"
                in page.text
            )
        assert "<img src=x" not in page.text


def test_five_thousand_targets_are_all_there_and_a_thousand_weigh_little(tmp_path: Path) -> None:
    for count in (1_000, 5_000):
        folder = tmp_path / str(count)
        folder.mkdir()
        with open_house(folder, aws=very_many(count)) as house:
            page = house.sign_in(house.browser(), "/aws/")
            assert len(titles_in(page)) == count
            assert page.headers["Content-Encoding"] == "gzip"
            # The whole weight of the page of a thousand: 150 KB is the promise.
            if count == 1_000:
                assert int(page.headers["Content-Length"]) < 150_000


def test_whoever_does_not_take_gzip_gets_the_page_as_it_is(looker: Browser) -> None:
    page = looker.get("/aws/", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in page.headers
    assert "Accept-Encoding" in page.headers["Vary"]
    assert "What you can open" in page.text


# --- favourites and what was opened last -------------------------------------------------


def test_a_favourite_stands_first_with_its_account_until_it_is_dropped(
    house: House, browser: Browser
) -> None:
    house.sign_in(browser, "/aws/")
    added = browser.post("/aws/", {"add": "nameless"})
    assert added.status_code == 303
    assert added.headers["Location"] == f"{house.url}/aws/#t-nameless"
    page = browser.get("/aws/")
    assert group_headings(page)[0] == "Favourites"
    assert titles_in(page) == ["nameless", "lake-look", "shop-admin", "shop-look"]
    assert f"nameless Account {NAMELESS} · team/Plain · 1 h" in text_of(page)
    browser.post("/aws/", {"drop": "nameless"})
    assert "Favourites" not in group_headings(browser.get("/aws/"))


def test_favourites_are_each_persons_own_and_outlive_a_login(house: House, browser: Browser) -> None:
    house.sign_in(browser, "/aws/")
    browser.post("/aws/", {"add": "shop-look"})
    other = house.sign_in(house.browser(), "/aws/", "otto@example.com")
    assert "Favourites" not in group_headings(other)
    again = house.sign_in(house.browser(), "/aws/")
    assert titles_in(again)[0] == "shop-look"


def test_a_favourite_that_one_may_not_open_any_more_is_not_shown(house: House, browser: Browser) -> None:
    house.sign_in(browser, "/aws/")
    browser.post("/aws/", {"add": "shop-admin"})
    demoted = house.sign_in(house.browser(), "/aws/", attributes=(("groups", ("dbs",)),))
    assert "shop-admin" not in demoted.text


@pytest.mark.parametrize(
    "form", [{"add": "no-such-target"}, {"add": "x\r\ny: z", "drop": "<script>"}, {"drop": ""}, {}]
)
def test_what_is_no_target_becomes_no_favourite(house: House, browser: Browser, form: dict[str, str]) -> None:
    house.sign_in(browser, "/aws/")
    assert browser.post("/aws/", form).headers["Location"] == f"{house.url}/aws/"
    assert "Favourites" not in group_headings(browser.get("/aws/"))


def test_what_one_may_not_open_becomes_no_favourite(house: House, browser: Browser) -> None:
    house.sign_in(browser, "/aws/")
    browser.post("/aws/", {"add": "pay"})
    promoted = house.sign_in(house.browser(), "/aws/", attributes=(("groups", ("payments",)),))
    assert "pay" in titles_in(promoted)
    assert "Favourites" not in group_headings(promoted)


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example.com"}, {"Origin": "null"}]
)
def test_another_site_can_keep_nothing_for_somebody(
    house: House, browser: Browser, headers: dict[str, str]
) -> None:
    house.sign_in(browser, "/aws/")
    assert browser.post("/aws/", {"add": "nameless"}, headers=headers).status_code == 403
    assert browser.post("/aws/", {"theme": "dark"}, headers=headers).status_code == 403
    assert "Favourites" not in group_headings(browser.get("/aws/"))


def test_a_favourite_needs_a_login(browser: Browser) -> None:
    sent_to_idp(browser.post("/aws/", {"add": "nameless"}))


def test_what_was_opened_last_is_offered_newest_first(house: House, browser: Browser) -> None:
    house.sign_in(browser, "/aws/")
    assert "Opened last" not in text_of(browser.get("/aws/"))
    for name in ("nameless", "shop-look", "nameless", "shop-admin"):
        assert browser.get(f"/aws/{name}").status_code == 301
    assert "Opened last Administrator Web shop nameless Look around Web shop" in text_of(browser.get("/aws/"))


def test_a_store_that_fails_once_the_console_is_open_does_not_close_it(
    house: House, browser: Browser, tmp_path: Path
) -> None:
    house.sign_in(browser, "/aws/")
    answer = house.sts.application

    def break_the_store_then_answer(environ: Any, start_response: Any) -> Any:
        for file in tmp_path.glob("logins.sqlite3*"):
            file.unlink()
        (tmp_path / "logins.sqlite3").mkdir()
        return answer(environ, start_response)

    house.sts.application = break_the_store_then_answer
    assert browser.get("/aws/nameless").status_code == 301
    assert house.lines("preferences.not_saved")


def test_what_could_not_be_kept_is_said_with_the_way_back(
    house: House, browser: Browser, tmp_path: Path
) -> None:
    house.sign_in(browser, "/aws/")
    for file in tmp_path.glob("logins.sqlite3*"):
        file.unlink()
    (tmp_path / "logins.sqlite3").mkdir()
    answer = browser.post("/aws/", {"add": "nameless"})
    assert answer.status_code == 503
    assert f'href="{house.url}/aws/">See what you can open' in answer.text


# --- links to console pages --------------------------------------------------------------

PAGE = "https://eu-west-1.console.aws.amazon.com/ec2/home?region=eu-west-1#Instances:v=3"
ENCODED = (
    "https%3A%2F%2Feu-west-1.console.aws.amazon.com%2Fec2%2Fhome%3Fregion%3Deu-west-1%23Instances%3Av%3D3"
)


@pytest.mark.parametrize(
    "pasted",
    [PAGE, f"  {PAGE}\n", PAGE.replace("https://", f"https://{SHOP}-ab12cd34.")],
    ids=["plain", "with-space", "of-one-of-several-consoles"],
)
def test_a_pasted_console_page_becomes_a_link_that_leads_there(
    house: House, browser: Browser, pasted: str
) -> None:
    house.sign_in(browser, "/aws/")
    page = browser.get("/aws/", params={"link": "shop-look", "page": pasted})
    link = f"{house.url}/aws/shop-look?destination={ENCODED}"
    assert f'readonly value="{link}"' in page.text
    opened = browser.get(link)
    assert opened.status_code == 301
    assert house.audit()[-1]["console_destination"] == PAGE


def test_without_a_page_the_link_is_the_targets_own(shared: House, looker: Browser) -> None:
    assert f'value="{shared.url}/aws/shop-look"' in looker.get("/aws/?link=shop-look").text


@pytest.mark.parametrize(
    ("pasted", "said"),
    [
        ("https://evil.example.com/", "not the address of a page of the AWS console"),
        ("javascript:alert(1)", "not the address of a page of the AWS console"),
        (f"https://console.aws.amazon.com/{'x' * 3000}", "too long. It may have at most 2,048"),
        (PAGE.replace("https://", f"https://{LAKE}-ab12cd34."), f"page belongs to account {LAKE}"),
    ],
)
def test_a_page_that_cannot_be_linked_is_said_beside_the_field(
    looker: Browser, pasted: str, said: str
) -> None:
    page = looker.get("/aws/", params={"link": "shop-look", "page": pasted})
    assert said in text_of(page)
    assert 'aria-invalid="true"' in page.text
    assert "readonly" not in page.text


@pytest.mark.parametrize("name", ["", "no-such", "pay"])
def test_a_link_is_made_only_for_what_one_may_open(looker: Browser, name: str) -> None:
    page = looker.get("/aws/", params={"link": name, "page": PAGE})
    assert "Choose …" in text_of(page)
    assert "readonly" not in page.text
    assert "Payments" not in page.text


# --- refusals ----------------------------------------------------------------------------


def test_a_refusal_offers_the_same_page_in_the_same_account(house: House, browser: Browser) -> None:
    query = f"destination={ENCODED}&region=eu-west-1"
    page = house.sign_in(browser, f"/aws/pay?{query}")
    assert page.status_code == 403
    said = text_of(page)
    assert "may not open “Payments”" in said
    assert "open to members of: payments" in said
    assert "In the same account you may open: Administrator Administrator Look around ReadOnly" in said
    link = f"{house.url}/aws/shop-look?{query}"
    assert escape(link) in page.text
    assert browser.get(link).status_code == 301
    assert house.audit()[-1]["console_destination"] == PAGE
    assert "lake-look" not in page.text


@pytest.mark.parametrize(
    "query", ["destination=https%3A%2F%2Fevil.example.com%2F", "region=nowhere", "region=a&region=b"]
)
def test_a_refusal_passes_no_strange_page_on(house: House, browser: Browser, query: str) -> None:
    page = house.sign_in(browser, f"/aws/pay?{query}")
    assert page.status_code == 403
    assert f'href="{house.url}/aws/shop-look"' in page.text
    assert "evil" not in page.text


def test_a_refusal_keeps_to_itself_which_groups_would_do_when_told_so(tmp_path: Path) -> None:
    site = {**SITE, "show_required_groups": False}
    with open_house(tmp_path, aws={"targets": TARGETS}, site=site) as house:
        said = text_of(house.sign_in(house.browser(), "/aws/pay"))
        assert "payments" not in said
        assert "identity provider sent these groups for you: cloudadmin, sysadmin" in said


def test_a_refusal_says_whom_to_ask(house: House, browser: Browser) -> None:
    page = house.sign_in(browser, "/aws/pay")
    assert 'href="https://help.example.com/aws"' in page.text
    assert "Ask the cloud team, extension 4711." in text_of(page)


# --- nothing to open ---------------------------------------------------------------------

CLOSED = [{"groups": ["sysadmin"], **target} for target in TARGETS]
OVERAGE = (
    ("http://schemas.microsoft.com/claims/groups.link", ("https://graph.windows.net/x/getMemberObjects",)),
)


@pytest.mark.parametrize(
    ("attributes", "said", "hint"),
    [
        ((), "Your identity provider sent no groups for you", "`assertions` lists it"),
        (
            OVERAGE,
            "more groups than your identity provider can send in one response, so it sent none",
            "assigned to the application",
        ),
        ((("groups", ("staff",)),), "Your identity provider sent these groups for you: staff.", ""),
    ],
    ids=["no-groups", "overage", "other-groups"],
)
def test_somebody_with_nothing_to_open_is_told_why_and_whom_to_ask_and_so_is_the_operator(
    tmp_path: Path, attributes: tuple[tuple[str, tuple[str, ...]], ...], said: str, hint: str
) -> None:
    with open_house(tmp_path, aws={"targets": CLOSED, "accounts": ACCOUNTS}, site=SITE) as house:
        page = house.sign_in(house.browser(), "/aws/", attributes=attributes)
        assert page.status_code == 200
        assert "you may not open any target of this service" in text_of(page)
        assert said in text_of(page)
        assert "Ask the cloud team" in text_of(page)
        (line,) = house.lines("portal.no_targets")
        assert line["incident_id"] in text_of(page)
        assert line["user_name"] == "ada@example.com"
        assert hint in line.get("hint", "")


def test_groups_that_our_own_configuration_drops_are_not_blamed_on_the_identity_provider(
    tmp_path: Path,
) -> None:
    with open_house(tmp_path, aws={"targets": CLOSED}, saml={"assertions": ["mail"]}) as house:
        browser = house.browser()
        page = house.sign_in(browser, "/aws/", attributes=(("groups", ("sysadmin",)),))
        assert "This service does not keep the groups" in text_of(page)
        assert "sent no groups" not in text_of(page)
        (line,) = house.lines("portal.no_targets")
        assert "`groups`, so this service reads no groups" in line["hint"]
        assert "does not keep the groups" in text_of(browser.get(f"/aws/{CLOSED[0]['service']}"))
        assert house.audit()[-1]["reason"].startswith("this service keeps no groups")


def test_a_refusal_for_groups_left_out_tells_the_operator_the_cure(house: House, browser: Browser) -> None:
    refused = house.sign_in(browser, "/aws/pay", attributes=OVERAGE)
    assert "so it sent none" in text_of(refused)
    assert "assigned to the application" in house.audit()[-1]["hint"]


# --- the bar, colours, machines ----------------------------------------------------------


def test_the_bar_says_who_is_signed_in_with_which_groups_until_when(house: House, browser: Browser) -> None:
    page = house.sign_in(browser, "/aws/")
    ends = house.clock().timestamp() + 3600
    assert "Signed in as ada@example.com" in text_of(page)
    assert "Groups from your identity provider cloudadmin sysadmin" in text_of(page)
    assert f"{int(ends // 3600 % 24):02}:{int(ends // 60 % 60):02} UTC" in text_of(page)


def test_a_refusal_has_the_bar_too_and_the_way_before_a_sign_in_has_none(
    house: House, browser: Browser
) -> None:
    assert "Signed in as" not in text_of(browser.get("/aws/no-such"))
    assert "Signed in as ada@example.com" in text_of(house.sign_in(browser, "/aws/pay"))


def test_chosen_colours_are_kept_for_every_page_until_unchosen(house: House, browser: Browser) -> None:
    house.sign_in(browser, "/aws/")
    assert "data-theme=" not in browser.get("/aws/").text
    kept = browser.post("/aws/", {"theme": "dark"})
    assert kept.headers["Location"] == f"{house.url}/aws/"
    for flag in ("Secure", "HttpOnly", "SameSite=Lax"):
        assert flag in kept.headers["Set-Cookie"]
    for path in ("/aws/", "/aws/no-such", "/saml/signed-out"):
        assert '<html lang="en" dir="ltr" data-theme="dark">' in browser.get(path).text
    browser.post("/aws/", {"theme": ""})
    assert "data-theme=" not in browser.get("/aws/").text


@pytest.mark.parametrize("theme", ["<b>", "dark light", "x" * 300])
def test_a_colour_scheme_that_there_is_not_is_none(browser: Browser, theme: str) -> None:
    browser.post("/aws/", {"theme": theme})
    browser.http.cookies.set("awscons-theme", theme)
    assert "data-theme=" not in browser.get("/aws/no-such").text


def test_a_machine_gets_the_same_list_as_json(house: House, browser: Browser) -> None:
    house.sign_in(browser, "/aws/", "otto@example.com")
    browser.post("/aws/", {"add": "shop-look"})
    answer = browser.get("/aws/", headers={"Accept": "application/json"})
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Accept" in answer.headers["Vary"]
    listed = answer.json()
    assert listed["user_name"] == "otto@example.com"
    assert [one["name"] for one in listed["targets"]] == ["lake-look", "shop-look"]
    assert listed["targets"][1] == {
        "name": "shop-look",
        "url": f"{house.url}/aws/shop-look",
        "title": "Look around",
        "description": "",
        "label": "production",
        "color": "#b42318",
        "account_id": SHOP,
        "account_name": "Web shop",
        "role": "ReadOnly",
        "role_arn": f"arn:aws:iam::{SHOP}:role/ReadOnly",
        "duration": 5400,
        "regions": [],
        "favourite": True,
    }
    searched = browser.get("/aws/?q=lake", headers={"Accept": "application/json"}).json()
    assert [one["name"] for one in searched["targets"]] == ["lake-look"]


def test_a_machine_that_is_not_signed_in_is_told_so(browser: Browser) -> None:
    answer = browser.get("/aws/", headers={"Accept": "application/json"})
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "This request carries no valid login." in answer.json()["detail"]
    assert "Set-Cookie" not in answer.headers


# --- what the identity provider sent -----------------------------------------------------

SENT = (("groups", ("sysadmin",)), ("Mail", ("ada@corp.example", "&lt;b&gt;")), ("empty", ()))


def test_in_debug_mode_people_see_what_their_identity_provider_sent(tmp_path: Path) -> None:
    with open_house(tmp_path, debug=True, aws={"targets": TARGETS}) as house:
        page = house.sign_in(house.browser(), "/saml/whoami", attributes=SENT)
        assert page.status_code == 200
        said = text_of(page)
        assert "NameID ada@example.com" in said
        assert "groups stored sysadmin" in said
        assert "Mail not stored: “assertions” does not list it ada@corp.example" in said
        assert "<b>" not in page.text
        assert "ada@corp.example" not in house.log.getvalue()


def test_otherwise_there_is_no_such_page_and_nothing_of_it_is_kept(
    house: House, browser: Browser, tmp_path: Path
) -> None:
    house.sign_in(browser, "/aws/", attributes=SENT)
    assert browser.get("/saml/whoami").status_code == 404
    stored = b"".join(file.read_bytes() for file in tmp_path.glob("logins.sqlite3*"))
    assert b"ada@example.com" in stored
    assert b"ada@corp.example" not in stored


# --- the site's branding ---------------------------------------------------------------------


def test_the_logo_and_the_accent_colour_are_served_by_ourselves(tmp_path: Path) -> None:
    (tmp_path / "logo.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'><title>ours</title></svg>")
    site = {"logo": str(tmp_path / "logo.svg"), "accent_color": "#ffd700", "title": "Doors"}
    with open_house(tmp_path, site=site) as house:
        browser = house.browser()
        page = browser.get("/saml/signed-out").text
        logo = browser.get(page.split('<img src="')[1].split('"')[0])
        assert b"ours" in logo.content
        assert logo.headers["Content-Type"] == "image/svg+xml"
        assert "default-src 'none'" in logo.headers["Content-Security-Policy"]
        style = browser.get(page.split('<link rel="stylesheet" href="')[1].split('"')[0]).text
        # Gold on white could not be read: in the light it is darker, in the dark it stays.
        assert "#ffd700)" in style
        assert "light-dark(#ffd700" not in style
