"""Where the audit log cannot be written nothing opens, unless the configuration says otherwise."""

from pathlib import Path

import pytest

from support.browser import sent_to_idp
from support.house import console_url, open_house


def test_no_console_opens_whose_event_cannot_be_written(tmp_path: Path) -> None:
    with open_house(tmp_path, server={"audit_log": str(tmp_path / "log")}) as house:
        browser = house.browser()
        console_url(house.sign_in(browser, "/aws/cloudadmin"))
        (tmp_path / "log").unlink()
        (tmp_path / "log").mkdir()
        page = browser.get("/aws/cloudadmin")
    assert page.status_code == 503
    assert "cannot write its audit log" in page.text
    assert "Location" not in page.headers


def test_nobody_signs_in_whose_event_cannot_be_written(tmp_path: Path) -> None:
    with open_house(tmp_path, server={"audit_log": str(tmp_path / "none" / "log")}) as house:
        browser = house.browser()
        sent = sent_to_idp(browser.get("/aws/cloudadmin"))
        assert browser.answer("/saml/acs", house.answer(sent, "ada@example.com")).status_code == 503
        assert "sso" in browser.get("/aws/cloudadmin").headers["Location"]


@pytest.mark.parametrize("path", ["none/log"])
def test_a_configuration_may_prefer_consoles_to_their_record(tmp_path: Path, path: str) -> None:
    server = {"audit_log": str(tmp_path / path), "audit_required": False}
    with open_house(tmp_path, server=server) as house:
        console_url(house.sign_in(house.browser(), "/aws/cloudadmin"))
        assert "audit.not_written" in house.log.getvalue()
