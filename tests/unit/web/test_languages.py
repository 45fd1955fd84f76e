"""Every page in the language that the browser asks for, and every text in every language."""

import re
from pathlib import Path

import pytest

from awscons.web.language import languages as served_languages
from support import messages
from support.browser import Browser, text_of
from support.house import House, open_house

ACCEPTED = [
    ("de", "de"),
    ("de-AT,de;q=0.9,en;q=0.5", "de"),
    ("fr,de;q=0.8,en;q=0.7", "de"),
    ("en-GB,de;q=0.8", "en"),
    ("fr", "en"),
    ("", "en"),
    ("*", "en"),
    ("de;q=0,en", "en"),
    (";;;===,,", "en"),
    ("x" * 5000, "en"),
]


@pytest.mark.parametrize(("accepted", "language"), ACCEPTED)
def test_a_page_is_in_the_language_that_the_browser_asks_for(
    browser: Browser, accepted: str, language: str
) -> None:
    page = browser.get("/saml/signed-out", headers={"Accept-Language": accepted})
    assert f'<html lang="{language}"' in page.text
    assert page.headers["Content-Language"] == language
    assert "Accept-Language" in page.headers["Vary"]
    said = {"en": "You are signed out here", "de": "Sie sind hier abgemeldet"}
    assert said[language] in text_of(page)


def test_the_whole_way_is_in_german(house: House, browser: Browser) -> None:
    browser.http.headers["Accept-Language"] = "de"
    refused = house.sign_in(browser, "/aws/sandbox")
    said = text_of(refused)
    assert "Sie sind als ada@example.com angemeldet und dürfen „sandbox“ nicht öffnen." in said
    assert "Dieses Ziel steht den Mitgliedern dieser Gruppen offen: dbs." in said
    assert "Was Sie öffnen können" in text_of(browser.get("/aws/"))
    assert "Es gibt kein Ziel dieses Namens" in text_of(browser.get("/aws/nothing"))
    as_json = browser.get("/aws/nothing", headers={"Accept": "application/json"}).json()
    assert as_json["title"] == "Unbekannt"


def test_names_with_percent_signs_and_braces_are_left_alone(tmp_path: Path) -> None:
    title = "100 %(person)s %s {{ 7*7 }} %"
    target = {"service": "odd", "role": "arn:aws:iam::123456789012:role/R", "title": title, "groups": ["x"]}
    open_one = {**target, "service": "open", "groups": [], "regions": ["eu-west-1"]}
    with open_house(tmp_path, aws={"targets": [target, open_one]}) as house:
        browser = house.browser()
        assert f"may not open “{title}”" in text_of(house.sign_in(browser, "/aws/odd"))
        assert f"{title} in eu-west-1" in text_of(browser.get("/aws/")) or title in text_of(
            browser.get("/aws/")
        )


def test_there_is_a_catalogue_for_german_at_least() -> None:
    assert list(served_languages()) == ["en", *messages.languages()]
    assert "de" in messages.languages()


@pytest.mark.parametrize("language", messages.languages())
def test_every_text_is_translated_and_none_is_left_over(language: str) -> None:
    wanted = {message.id for message in messages.template() if message.id}
    found = {message.id: message for message in messages.catalogue(language) if message.id}
    assert len(wanted) > 50
    assert set(found) == wanted, "run: make messages"
    assert [text for text, message in found.items() if not message.string or message.fuzzy] == []


@pytest.mark.parametrize("language", messages.languages())
def test_a_translation_keeps_the_places_of_values(language: str) -> None:
    for message in messages.catalogue(language):
        places = re.findall(r"%\(\w+\)s|^#", str(message.id))
        assert sorted(re.findall(r"%\(\w+\)s|^#", str(message.string))) == sorted(places), message.id


@pytest.mark.parametrize("language", messages.languages())
def test_what_programs_read_is_compiled_from_what_people_wrote(language: str) -> None:
    compiled = messages.MESSAGES / language / "LC_MESSAGES" / f"{messages.DOMAIN}.mo"
    assert compiled.read_bytes() == messages.compiled(messages.catalogue(language)), "run: make messages"
