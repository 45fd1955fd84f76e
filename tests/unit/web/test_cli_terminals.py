"""The terminals that a person has signed in: seen, ended, and ended by everything that ends a login."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from awscons.assembly.signin_side import build_login_register
from awscons.config.load import load_settings
from awscons.signin.register import LoginRegister
from support.browser import Browser, text_of
from support.house import FULL_TARGETS, House, open_house
from support.operator import configure
from support.terminal import Terminal, error_of

TARGETS = [{**FULL_TARGETS[0], "cli": True}, FULL_TARGETS[1]]
EVIL = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example.com"}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path, aws={"targets": TARGETS}, saml={"auth_duration": 8 * 3600}) as opened:
        yield opened


def browser_of(house: House, name: str = "ada@example.com") -> Browser:
    browser = house.browser()
    house.sign_in(browser, "/aws/", name)
    return browser


@pytest.fixture
def ada(house: House) -> Browser:
    return browser_of(house)


def is_signed_in(terminal: Terminal) -> bool:
    """Whether it can go on, by its tokens of now and by new ones."""
    by_access = terminal.doors().status_code == 200
    assert (terminal.refresh().status_code == 200) is by_access
    return by_access


def ends(page_or_log: House) -> list[tuple[str, str | None]]:
    """The machines whose logins ended, and who decided that."""
    return [
        (event["machine"], event.get("decided_by"))
        for event in page_or_log.audit()
        if event["action"] == "sign-out" and "machine" in event
    ]


def test_the_page_shows_machine_sign_in_last_use_and_end(house: House, ada: Browser) -> None:
    assert "No terminal is signed in." in text_of(ada.get("/cli/terminals"))
    terminal = Terminal(house, machine="ada-laptop").sign_in(ada)
    Terminal(house, machine="<b>build</b>").sign_in(ada)
    Terminal(house, machine="carls").sign_in(browser_of(house, "carl@example.com"))
    begun = house.clock()
    house.clock.forward(minutes=4)
    assert is_signed_in(terminal)
    page = ada.get("/cli/terminals")
    assert "<b>build</b>" in text_of(page)
    assert "<b>build" not in page.text
    assert "carls" not in page.text
    laptop = next(row for row in page.text.split("<tr>") if "ada-laptop" in row)
    for moment in (begun, house.clock()):
        assert f"{moment:%Y-%m-%d %H:%M} UTC" in laptop
    assert "/cli/terminals" in ada.get("/aws/").text


def test_the_page_asks_for_a_sign_in_and_leads_back(house: House) -> None:
    assert "Signed-in terminals" in text_of(house.sign_in(house.browser(), "/cli/terminals"))


def test_a_person_ends_one_terminal_or_all_and_nobody_elses(house: House, ada: Browser) -> None:
    def sign_in(machine: str) -> Terminal:
        house.clock.forward(seconds=1)
        return Terminal(house, machine=machine).sign_in(ada)

    one, two, three = sign_in("one"), sign_in("two"), sign_in("three")
    carls = Terminal(house, machine="carls").sign_in(browser_of(house, "carl@example.com"))
    ids = {event["machine"]: event["login_id"] for event in house.audit() if "machine" in event}
    assert ada.post("/cli/terminals", {"end": ids["carls"]}).status_code == 303
    assert ada.post("/cli/terminals", {"end": ids["one"]}).status_code == 303
    assert [is_signed_in(each) for each in (one, two, three, carls)] == [False, True, True, True]
    assert ada.post("/cli/terminals", {"all": "1"}, headers=EVIL).status_code == 403
    assert ada.post("/cli/terminals", {}).status_code == 303
    assert is_signed_in(two)
    assert ada.post("/cli/terminals", {"all": "1"}).status_code == 303
    assert [is_signed_in(each) for each in (two, three, carls)] == [False, False, True]
    assert ends(house) == [("one", None), ("two", None), ("three", None)]
    assert ada.get("/aws/").status_code == 200


def test_signing_out_ends_the_terminals_of_the_person(house: House, ada: Browser) -> None:
    terminal = Terminal(house).sign_in(ada)
    carls = Terminal(house).sign_in(browser_of(house, "carl@example.com"))
    browser_of(house).post("/saml/logout", {})
    assert not is_signed_in(terminal)
    assert is_signed_in(carls)
    assert ends(house) == [("ada-laptop", None)]


def test_signing_out_ends_a_terminal_that_is_signed_in_at_that_moment(
    house: House, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal(house)
    code, end = terminal.allowed_by(ada), LoginRegister.end

    def end_late(register: LoginRegister, login_id: str) -> None:
        assert terminal.redeem(code).status_code == 200
        end(register, login_id)

    monkeypatch.setattr(LoginRegister, "end", end_late)
    ada.post("/saml/logout", {})
    assert not is_signed_in(terminal)


def test_a_new_sign_in_in_the_same_browser_ends_no_terminal(house: House, ada: Browser) -> None:
    terminal = Terminal(house).sign_in(ada)
    house.clock.forward(minutes=4)
    terminal.refresh()
    house.sign_in(house.browser(), "/aws/")
    assert is_signed_in(terminal)


def test_a_browser_that_was_left_alone_ends_no_terminal(house: House, ada: Browser) -> None:
    terminal = Terminal(house).sign_in(ada)
    house.clock.forward(hours=2)
    assert terminal.refresh().status_code == 200
    assert is_signed_in(terminal)
    # Nor does the use of a terminal keep the browser signed in.
    assert ada.get("/aws/").status_code == 302


def test_an_operator_ends_terminals_with_the_other_logins(house: House, ada: Browser, tmp_path: Path) -> None:
    terminal = Terminal(house).sign_in(ada)
    configure(tmp_path, {"cache_type": "SQLite", "path": str(tmp_path / "logins.sqlite3")})
    register, _ = build_login_register(
        load_settings(tmp_path / "config.py", environment={}), environment={}, clock=house.clock
    )
    found = register.of("ada@example.com")
    assert [stored.login.terminal is not None for stored in found].count(True) == 1
    for stored in found:
        register.revoke(stored.public_id)
    assert not is_signed_in(terminal)
    assert error_of(terminal.doors()) == (401, "invalid_token")


def test_the_portal_tells_a_person_whose_token_was_used_twice(house: House, ada: Browser) -> None:
    terminal = Terminal(house, machine="ada-laptop").sign_in(ada)
    stolen = terminal.tokens["refresh_token"]
    terminal.refresh()
    assert "copy of your sign-in" not in text_of(ada.get("/aws/"))
    Terminal(house).refresh(stolen)
    for path in ("/aws/", "/cli/terminals"):
        page = text_of(ada.get(path))
        assert "Somebody may have a copy of your sign-in" in page
        assert "A token of the terminal “ada-laptop” was used a second time." in page
    assert "copy of your sign-in" not in text_of(browser_of(house, "carl@example.com").get("/aws/"))
    assert ada.post("/cli/terminals", {"confirm": "1"}).status_code == 303
    assert "copy of your sign-in" not in text_of(ada.get("/aws/"))
