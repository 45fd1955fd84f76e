"""The access report in the portal: auditors read it, nobody else, and each look is an audit event."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.browser import Browser, text_of
from support.house import FULL_TARGETS, House, open_house
from support.portal import very_many

TARGETS = [*FULL_TARGETS, {"service": "all", "role": "arn:aws:iam::123456789012:role/All"}]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """With auditors."""
    with open_house(tmp_path, aws={"targets": TARGETS}, site={"auditors": ["dbs"]}) as opened:
        yield opened


def test_an_auditor_reads_who_can_open_what_and_the_look_is_audited(house: House, browser: Browser) -> None:
    portal = house.sign_in(browser, "/aws/", "otto@example.com")
    assert 'href="?access="' in portal.text
    page = browser.get("/aws/?access=")
    assert page.status_code == 200
    for said in ("sysadmin", "cloudadmin", "Everyone", "MyAdminRole", "8 h"):
        assert said in text_of(page)
    looked = house.audit()[-1]
    assert (looked["action"], looked["outcome"], looked["user_name"], looked["decided_by"]) == (
        "read-access-report",
        "done",
        "otto@example.com",
        "group 'dbs'",
    )


def test_the_file_has_every_row_and_the_search_narrows_it_down(house: House, browser: Browser) -> None:
    house.sign_in(browser, "/aws/", "otto@example.com")
    file = browser.get("/aws/?access=&format=csv&q=cloudadmin+8")
    assert file.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert [row["who"] for row in csv.DictReader(io.StringIO(file.text))] == ["sysadmin", "cloudadmin"]


def test_nobody_else_reads_it_and_the_attempt_is_audited(house: House, browser: Browser) -> None:
    portal = house.sign_in(browser, "/aws/")
    assert "?access=" not in portal.text
    for query in ("?access=", "?access=&format=csv"):
        refused = browser.get(f"/aws/{query}")
        assert refused.status_code == 403
        assert "MyAdminRole" not in refused.text
        attempt = house.audit()[-1]
        assert (attempt["action"], attempt["outcome"], attempt["reason"]) == (
            "read-access-report",
            "refused",
            "not an auditor",
        )


def test_a_long_report_shows_its_first_rows_and_says_how_many_more_there_are(tmp_path: Path) -> None:
    with open_house(tmp_path, aws=very_many(600), site={"auditors": ["dbs"]}) as house:
        browser = house.browser()
        house.sign_in(browser, "/aws/", "otto@example.com")
        page = browser.get("/aws/?access=")
    assert page.text.count("<tr>") == 501
    assert "100 more rows" in text_of(page)
