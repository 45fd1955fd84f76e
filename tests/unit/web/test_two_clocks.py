"""Hosts whose clocks differ by a minute: what one begins, the other finishes, and nothing ends too early."""

import pytest

from support.browser import Browser, sent_to_idp
from support.house import House


@pytest.mark.parametrize("minutes", [1, -1], ids=["the other is ahead", "the other is behind"])
def test_a_sign_in_begun_on_one_host_is_finished_on_another(
    house: House, browser: Browser, minutes: int
) -> None:
    sent = sent_to_idp(browser.get("/aws/cloudadmin"))
    form = house.answer(sent)
    house.clock.forward(minutes=minutes)
    answered = browser.answer("/saml/acs", form)
    assert answered.status_code == 303
    house.clock.forward(minutes=-minutes)
    assert browser.follow(answered).status_code == 301
    house.clock.forward(minutes=minutes)
    assert browser.get("/aws/cloudadmin").status_code == 301


@pytest.mark.parametrize("minutes", [1, -1], ids=["the other is ahead", "the other is behind"])
def test_a_replay_on_another_host_is_refused_all_the_same(
    house: House, browser: Browser, minutes: int
) -> None:
    sent = sent_to_idp(browser.get("/aws/cloudadmin"))
    form = house.answer(sent)
    assert browser.answer("/saml/acs", form).status_code == 303
    house.clock.forward(minutes=minutes)
    thief = house.browser()
    thief.http.cookies.update(
        {name: value for name, value in browser.http.cookies.items() if "pending" in name}
    )
    sent_to_idp(thief.answer("/saml/acs", form))
    assert "__Host-awscons" not in thief.http.cookies
