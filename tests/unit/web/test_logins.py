"""How long a login counts, under which cookies, and what becomes of it when the store fails."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from support.browser import Browser, sent_to_idp, text_of
from support.house import House, open_house


def test_the_identity_provider_may_end_a_login_earlier(house: House, browser: Browser) -> None:
    house.sign_in(browser, "/aws/cloudadmin", session_end=house.clock() + timedelta(minutes=10))
    house.clock.forward(minutes=9, seconds=50)
    assert browser.get("/aws/cloudadmin").status_code == 301
    house.clock.forward(seconds=20)
    sent_to_idp(browser.get("/aws/cloudadmin"))


def test_the_identity_provider_cannot_make_a_login_longer(house: House, browser: Browser) -> None:
    house.sign_in(browser, "/aws/cloudadmin", session_end=house.clock() + timedelta(hours=8))
    house.clock.forward(hours=1)
    sent_to_idp(browser.get("/aws/cloudadmin"))


def test_a_login_that_is_not_used_ends_and_one_that_is_goes_on(tmp_path: Path) -> None:
    with open_house(tmp_path, session={"session_expire": 300}) as house:
        browser = house.browser()
        house.sign_in(browser, "/aws/cloudadmin")
        for _ in range(5):
            house.clock.forward(seconds=250)
            assert browser.get("/aws/cloudadmin").status_code == 301
        house.clock.forward(seconds=300)
        sent_to_idp(browser.get("/aws/cloudadmin"))


def test_use_does_not_carry_a_login_beyond_its_age(tmp_path: Path) -> None:
    with open_house(tmp_path, session={"session_expire": 3000}) as house:
        browser = house.browser()
        house.sign_in(browser, "/aws/cloudadmin")
        house.clock.forward(seconds=2000)
        assert browser.get("/aws/cloudadmin").status_code == 301
        house.clock.forward(seconds=1600)
        sent_to_idp(browser.get("/aws/cloudadmin"))


def test_a_fresh_authentication_is_demanded_and_verified(tmp_path: Path) -> None:
    with open_house(tmp_path, saml={"force_reauth": True}) as house:
        browser = house.browser()
        sent = sent_to_idp(browser.get("/aws/cloudadmin"))
        assert sent.force_authn
        stale = house.answer(sent, authn_instant=house.clock() - timedelta(hours=1))
        assert browser.answer("/saml/acs", stale).status_code == 400
        assert "not fresh" in house.audit()[-1]["cause"]
        assert house.sign_in(house.browser(), "/aws/cloudadmin").status_code == 301


def test_user_attr_names_the_person_by_an_attribute(tmp_path: Path) -> None:
    with open_house(tmp_path, saml={"user_attr": "Mail"}) as house:
        attributes = (("groups", ("dbs",)), ("mail", ("otto@corp.example",)))
        opened = house.sign_in(house.browser(), "/aws/sandbox", attributes=attributes)
        assert opened.status_code == 301
        assert house.audit()[-1]["role_session_name"] == "otto@corp.example"


@pytest.mark.parametrize("values", [None, (), ("",), ("a", "b")])
def test_a_user_attr_without_exactly_one_value_is_refused_and_explained(
    tmp_path: Path, values: tuple[str, ...] | None
) -> None:
    with open_house(tmp_path, saml={"user_attr": "mail"}) as house:
        browser = house.browser()
        sent = sent_to_idp(browser.get("/aws/cloudadmin"))
        attributes = () if values is None else (("mail", values),)
        assert browser.answer("/saml/acs", house.answer(sent, attributes=attributes)).status_code == 400
        assert "user_attr" in house.audit()[-1]["hint"]


def test_the_store_holds_neither_cookies_nor_handles(house: House, browser: Browser, tmp_path: Path) -> None:
    begun = browser.get("/aws/cloudadmin")
    sent = sent_to_idp(begun)
    browser.answer("/saml/acs", house.answer(sent))
    with closing(sqlite3.connect(tmp_path / "logins.sqlite3")) as connection:
        stored = repr(connection.execute("SELECT * FROM records").fetchall())
    assert "ada@example.com" in stored
    assert sent.relay_state not in stored
    for value in [
        browser.http.cookies["__Host-awscons"],
        begun.headers["Set-Cookie"].split("=")[1].split(";")[0],
    ]:
        assert value not in stored


@pytest.mark.parametrize("damage", ["{}", '"text"', "[]", "null", '{"identity": {}}', "{broken"])
def test_a_record_that_cannot_be_understood_is_no_login(
    house: House, browser: Browser, tmp_path: Path, damage: str
) -> None:
    house.sign_in(browser, "/aws/cloudadmin")
    with closing(sqlite3.connect(tmp_path / "logins.sqlite3")) as connection, connection:
        connection.execute("UPDATE records SET value = ?", (damage,))
    sent_to_idp(browser.get("/aws/cloudadmin"))
    assert "problem.unexpected" not in house.log.getvalue()


def test_a_store_that_cannot_be_read_is_a_503_and_lets_nobody_in(
    house: House, browser: Browser, tmp_path: Path
) -> None:
    house.sign_in(browser, "/aws/cloudadmin")
    calls = house.sts.calls
    for file in tmp_path.glob("logins.sqlite3*"):
        file.unlink()
    (tmp_path / "logins.sqlite3").mkdir()
    answer = house.browser().get("/aws/cloudadmin", headers={"Cookie": "__Host-awscons=" + "x" * 43})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "cannot save sign-ins" in text_of(answer)
    assert house.sts.calls == calls
    assert house.lines("problem")[-1]["hint"].startswith("see `session_backing`")


def test_sign_in_works_again_once_the_store_does(house: House, browser: Browser, tmp_path: Path) -> None:
    store = tmp_path / "logins.sqlite3"
    for file in tmp_path.glob("logins.sqlite3*"):
        file.unlink()
    store.mkdir()
    assert browser.get("/aws/cloudadmin").status_code == 503
    store.rmdir()
    assert house.sign_in(browser, "/aws/cloudadmin").status_code == 301


@pytest.mark.parametrize(
    "session", [{"session_cookie": "consurl", "session_path": "/"}, {"session_cookie": "x"}]
)
def test_the_login_cookie_goes_by_the_configured_name(tmp_path: Path, session: dict[str, str]) -> None:
    with open_house(tmp_path, session=session) as house:
        browser = house.browser()
        assert house.sign_in(browser, "/aws/cloudadmin").status_code == 301
        assert session["session_cookie"] in browser.http.cookies


def test_mounted_under_a_path_everything_stays_under_it(tmp_path: Path) -> None:
    with open_house(tmp_path, mount_path="/awscon") as house:
        browser = house.browser()
        begun = browser.get("/aws/cloudadmin?x=1")
        assert "__Host-awscons-pending+awscon+" in begun.headers["Set-Cookie"]
        assert "Path=/;" in begun.headers["Set-Cookie"] + ";"
        answered = browser.answer("/saml/acs", house.answer(sent_to_idp(begun)))
        assert answered.headers["Location"] == f"{house.url}/aws/cloudadmin?x=1"
        opened = browser.follow(answered)
        assert opened.status_code == 301
        root = house.url.removesuffix("/awscon")
        for path in ("/awscon", "/awscon/", "/awscon/aws"):
            to_portal = browser.get(root + path, headers={"Host": "evil.example.com"})
            assert to_portal.headers["Location"] == f"{house.url}/aws/"
        portal = browser.get("/aws/")
        assert f'href="{house.url}/aws/cloudadmin"' in portal.text
        stylesheet = portal.text.split('<link rel="stylesheet" href="')[1].split('"')[0]
        assert stylesheet.startswith("/awscon/static/")
        assert browser.get(root + stylesheet).status_code == 200
