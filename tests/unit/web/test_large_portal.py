"""The portal of a person who may open very many targets."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.browser import Browser, forms_in, text_of
from support.house import House, open_house
from support.portal import titles_in, very_many


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """With 320 targets in eight accounts of three environments."""
    with open_house(tmp_path_factory.mktemp("large"), aws=very_many(320)) as opened:
        yield opened


@pytest.fixture(scope="module")
def looker(house: House) -> Browser:
    """The browser of a person who may open them all."""
    browser = house.browser()
    house.sign_in(browser, "/aws/")
    return browser


def test_accounts_are_collapsed_with_their_number_of_targets(looker: Browser) -> None:
    page = looker.get("/aws/")
    assert len(titles_in(page)) == 320
    assert page.text.count("<details") - page.text.count('<details class="me"') == 8
    assert text_of(page).count("40 targets") == 8


def test_a_search_that_leaves_few_shows_them_openly(looker: Browser) -> None:
    page = looker.get("/aws/?q=target-0001")
    assert len(titles_in(page)) == 10
    assert '<details class="group"' not in page.text


def test_a_jump_list_leads_to_the_first_account_of_each_letter(tmp_path: Path) -> None:
    names = [{"id": "100000000001", "name": "Zoo"}, {"id": "100000000002", "name": "alpha"}]
    with open_house(tmp_path, aws={**very_many(240), "accounts": names}) as house:
        page = house.sign_in(house.browser(), "/aws/")
    assert re.findall(r'<a href="#a(\d+)">(.)</a>', page.text) == [
        ("100000000002", "A"),
        ("100000000001", "Z"),
        ("100000000000", "#"),
    ]


def test_the_environment_filters_and_stays_with_the_search_and_the_favourites(looker: Browser) -> None:
    page = looker.get("/aws/?environment=staging")
    assert len(titles_in(page)) == 120
    assert 'aria-current="true"><bdi>staging</bdi> <span class="number">120</span>' in page.text
    assert {form.fields["environment"] for form in forms_in(page) if "environment" in form.fields} == {
        "staging"
    }
    kept = looker.post("/aws/", {"add": "target-00041", "environment": "staging", "q": "team 1"})
    assert kept.headers["Location"].endswith("/aws/?q=team+1&environment=staging#t-target-00041")


def test_an_environment_that_nobody_knows_finds_nothing(looker: Browser) -> None:
    page = looker.get("/aws/?environment=%3Cscript%3E")
    assert titles_in(page) == []
    assert "<script>" not in page.text


def test_the_form_for_links_is_a_search(looker: Browser) -> None:
    page = looker.get("/aws/?link=&find=team+3+role7")
    assert re.findall(r'<option value="(target[^"]*)"', page.text) == ["target-00127"]
    first = looker.get("/aws/?link=target-00000&find=team+3")
    assert re.findall(r'<option value="(target[^"]*)" selected', first.text) == ["target-00000"]
    everything = looker.get("/aws/?link=")
    assert everything.text.count("<option") == 51
    assert "270 more targets match" in text_of(everything)
