"""The examples of the origin's text, with SimpleSAMLphp, moto's STS and the service as a program."""

from collections.abc import Iterator

import pytest

from support.browser import Browser, forms_in, sent_to_idp, text_of
from support.house import FULL_TARGETS, MINIMAL_TARGETS, console_url
from support.stage import Aws
from support.world import World, world


@pytest.fixture(scope="module")
def minimal(tmp_path_factory: pytest.TempPathFactory, aws: Aws) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("minimal"), aws, aws_config={"targets": MINIMAL_TARGETS}) as (found,):
        yield found


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, aws: Aws) -> Iterator[World]:
    config = {"url_prefix": "/aws", "targets": FULL_TARGETS}
    with world(tmp_path_factory.mktemp("full"), aws, aws_config=config) as (found,):
        yield found


def arrive(place: World, browser: Browser, path: str, name: str) -> str:
    """Ask, sign in, follow everything; the text of the page where that ends."""
    answered = place.idp.sign_in(browser, browser.get(path), name)
    return text_of(browser.follow_all(answered))


@pytest.mark.parametrize("name", ["ada", "nina"])
def test_minimal_any_authenticated_person_gets_the_console_for_an_hour(minimal: World, name: str) -> None:
    page = arrive(minimal, minimal.browser(), "/awsadm", name)
    assert "You are in the console" in page
    assert "MyAdminRole" in page
    assert "123456789012" in page
    assert f"Role session name {name} " in page
    assert "1 h (3600 s)" in page


@pytest.mark.parametrize(
    ("name", "path", "role", "account"),
    [
        ("ada", "/aws/cloudadmin", "MyAdminRole", "123456789012"),
        ("carl", "/aws/cloudadmin", "MyAdminRole", "123456789012"),
        ("otto", "/aws/sandbox", "DBAdmin", "999999789012"),
    ],
    ids=["right-group", "other-right-group", "exactly-one-group"],
)
def test_full_a_member_of_a_listed_group_gets_the_console_for_eight_hours(
    full: World, name: str, path: str, role: str, account: str
) -> None:
    page = arrive(full, full.browser(), path, name)
    for expected in (role, account, f"Role session name {name} ", "8 h (28800 s)"):
        assert expected in page


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("nina", "/aws/cloudadmin"),
        ("nina", "/aws/sandbox"),
        ("otto", "/aws/cloudadmin"),
        ("ada", "/aws/sandbox"),
    ],
)
def test_full_everybody_else_is_403(full: World, name: str, path: str) -> None:
    browser = full.browser()
    refused = browser.follow(full.idp.sign_in(browser, browser.get(path), name))
    assert refused.status_code == 403
    assert "Unauthorized" in text_of(refused)


def test_a_name_beyond_ascii_arrives_as_a_legal_session_name(full: World) -> None:
    assert "Role session name zoe-" in arrive(full, full.browser(), "/aws/cloudadmin", "zoë")


def test_an_unknown_target_is_401_before_any_sign_in(full: World) -> None:
    answer = full.browser().get("/aws/nothing")
    assert answer.status_code == 401
    assert "Unknown" in text_of(answer)


def test_a_person_comes_back_to_the_asked_url_with_its_query(full: World) -> None:
    browser = full.browser()
    answered = full.idp.sign_in(browser, browser.get("/aws/cloudadmin?a=1&b=%2Fx%20y"), "ada")
    assert answered.headers["Location"] == f"{full.url}/aws/cloudadmin?a=1&b=%2Fx%20y"
    assert console_url(browser.follow(answered))["Issuer"] == f"{full.url}/aws/cloudadmin"


def test_a_second_tab_comes_back_to_its_own_page(full: World) -> None:
    browser = full.browser()
    first, second = browser.get("/aws/cloudadmin?tab=1"), browser.get("/aws/cloudadmin?tab=2")
    came_second = full.idp.sign_in(browser, second, "ada")
    came_first = full.idp.sign_in(browser, first, "ada")
    assert came_second.headers["Location"].endswith("?tab=2")
    assert came_first.headers["Location"].endswith("?tab=1")


def idp_answer(browser: Browser, path: str) -> dict[str, str]:
    """The form that the identity provider would have the browser post."""
    page = browser.follow_all(browser.get(path))
    page = browser.follow_all(browser.submit(page, {"username": "ada", "password": "secret"}))
    return forms_in(page)[0].fields


def test_a_response_posted_twice_signs_in_once(full: World) -> None:
    browser = full.browser()
    form = idp_answer(browser, "/aws/cloudadmin")
    assert browser.answer("/saml/acs", form).headers["Location"] == f"{full.url}/aws/cloudadmin"
    again = sent_to_idp(browser.answer("/saml/acs", form))
    assert again.relay_state != form["RelayState"]


def test_a_response_posted_from_another_browser_signs_nobody_in(full: World) -> None:
    form = idp_answer(full.browser(), "/aws/cloudadmin")
    other = full.browser()
    sent_to_idp(other.answer("/saml/acs", form))
    assert "__Host-awscons" not in other.http.cookies


def test_a_tile_at_the_identity_provider_works_without_trusting_what_it_sends(full: World) -> None:
    browser = full.browser()
    tile = f"{full.idp.url}/saml2/idp/SSOService.php?spentityid=urn:awscons:test"
    page = browser.follow_all(browser.get(tile))
    page = browser.follow_all(browser.submit(page, {"username": "otto", "password": "secret"}))
    unsolicited = browser.submit(page)
    assert "__Host-awscons" not in browser.http.cookies
    # The identity provider knows Otto by now: nothing is asked of him again.
    answered = full.idp.sign_in(browser, unsolicited, "otto")
    portal = browser.follow(answered)
    assert portal.url.path == "/aws/"
    assert "sandbox" in text_of(portal)


def test_no_secret_of_aws_is_in_the_log_of_the_program(full: World) -> None:
    browser = full.browser()
    answered = full.idp.sign_in(browser, browser.get("/aws/cloudadmin"), "ada")
    token = console_url(browser.follow(answered))["SigninToken"]
    log = full.log.read_text()
    assert '"outcome": "done"' in log
    assert token not in log
    assert "SAMLResponse" not in log
