"""`session_config = {}` on one host: two processes share logins, pending logins and the replay memory."""

from collections.abc import Iterator

import pytest

from support.browser import forms_in, sent_to_idp
from support.house import FULL_TARGETS
from support.stage import Aws
from support.world import World, world


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, aws: Aws) -> Iterator[list[World]]:
    config = {"url_prefix": "/aws", "targets": FULL_TARGETS}
    with world(tmp_path_factory.mktemp("two"), aws, aws_config=config, instances=2) as found:
        yield found


def test_a_sign_in_begun_at_one_is_finished_at_the_other_and_good_at_both(two: list[World]) -> None:
    one, other = two
    browser = one.browser()
    page = browser.follow_all(browser.get(f"{one.url}/aws/cloudadmin"))
    page = browser.follow_all(browser.submit(page, {"username": "ada", "password": "secret"}))
    answered = browser.answer(f"{other.url}/saml/acs", forms_in(page)[0].fields)
    assert answered.status_code == 303
    for place in two:
        assert browser.get(f"{place.url}/aws/cloudadmin").status_code == 301


def test_what_was_used_at_one_is_refused_at_the_other(two: list[World]) -> None:
    one, other = two
    browser, thief = one.browser(), one.browser()
    page = browser.follow_all(browser.get(f"{one.url}/aws/cloudadmin"))
    page = browser.follow_all(browser.submit(page, {"username": "ada", "password": "secret"}))
    form = forms_in(page)[0].fields
    thief.http.cookies.update(browser.http.cookies)
    assert browser.answer(f"{one.url}/saml/acs", form).status_code == 303
    sent_to_idp(thief.answer(f"{other.url}/saml/acs", form))
    assert "__Host-awscons" not in thief.http.cookies


def test_signing_out_at_one_ends_the_login_at_the_other(two: list[World]) -> None:
    one, other = two
    browser = one.browser()
    one.idp.sign_in(browser, browser.get(f"{one.url}/aws/cloudadmin"), "ada")
    login_id = browser.http.cookies["__Host-awscons"]
    assert browser.post(f"{one.url}/saml/logout", {}).status_code == 303
    thief = other.browser()
    thief.http.cookies.set("__Host-awscons", login_id)
    sent_to_idp(thief.get(f"{other.url}/aws/cloudadmin"))
