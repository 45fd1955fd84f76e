"""Cookies that somebody planted, or that are too many: what counts, and what the service answers."""

from pathlib import Path

import httpx
import pytest

from awscons.config.load import parse_settings
from awscons.web.cookies import choose_cookie_policy
from support.browser import Browser, sent_to_idp
from support.house import House, config_for, open_house

IDP_SSO = "https://idp.example.com/sso"


def cookie_names(mount_path: str, **session: str) -> tuple[str, str, str]:
    """Names of the login cookie and of pending cookies, and the path of the login cookie."""
    config = config_for(
        f"https://sso.example.com{mount_path}/saml/acs",
        sts_url="http://127.0.0.1:1/",
        signin_url="http://127.0.0.1:1/",
        credentials_file=Path("/nowhere"),
        store={"cache_type": "SimpleCache"},
        session=session,
    )
    settings = parse_settings(config, source="test", environment={})
    policy = choose_cookie_policy(settings.site, settings.cookies, sso_url=IDP_SSO)
    return policy.login_name, policy.pending_prefix, policy.login_path


@pytest.mark.parametrize(
    ("mount_path", "session", "names"),
    [
        ("", {}, ("__Host-awscons", "__Host-awscons-pending-", "/")),
        ("/sso", {}, ("__Host-awscons+sso", "__Host-awscons-pending+sso+", "/")),
        ("/a/b", {}, ("__Host-awscons+a%2Fb", "__Host-awscons-pending+a%2Fb+", "/")),
        ("/sso", {"session_path": "/sso"}, ("__Secure-awscons+sso", "__Host-awscons-pending+sso+", "/sso")),
        ("/sso", {"session_cookie": "consurl"}, ("consurl", "__Host-awscons-pending+sso+", "/sso")),
        ("/sso", {"session_cookie": "__Host-x"}, ("__Host-x", "__Host-awscons-pending+sso+", "/")),
    ],
)
def test_a_cookie_is_bound_to_its_host_wherever_the_service_is_mounted(
    mount_path: str, session: dict[str, str], names: tuple[str, str, str]
) -> None:
    assert cookie_names(mount_path, **session) == names


@pytest.mark.parametrize("mount_path", ["", "/sso"])
@pytest.mark.parametrize("planted_first", [True, False])
def test_a_login_cookie_that_comes_twice_is_none(
    tmp_path: Path, mount_path: str, *, planted_first: bool
) -> None:
    with open_house(tmp_path, mount_path=mount_path) as house:
        browser, attacker = house.browser(), house.browser()
        house.sign_in(browser, "/aws/cloudadmin")
        house.sign_in(attacker, "/aws/sandbox", "otto@example.com")
        ((name, own),) = browser.http.cookies.items()
        ((_, planted),) = attacker.http.cookies.items()
        values = [planted, own] if planted_first else [own, planted]
        both = {"Cookie": "; ".join(f"{name}={value}" for value in values), "Accept": "application/json"}
        assert house.browser().get("/aws/", headers=both).status_code == 401
        # The same value twice says one thing.
        same = {"Cookie": f"{name}={own}; {name}={own}", "Accept": "application/json"}
        assert house.browser().get("/aws/", headers=same).status_code == 200


def test_signing_out_with_a_planted_cookie_ends_the_own_login_as_well(house: House, browser: Browser) -> None:
    house.sign_in(browser, "/aws/cloudadmin")
    own = browser.http.cookies["__Host-awscons"]
    both = {"Cookie": f"__Host-awscons=planted; __Host-awscons={own}"}
    house.browser().post("/saml/logout", {}, headers=both)
    sent_to_idp(browser.get("/aws/cloudadmin"))


def test_a_pending_cookie_that_comes_twice_is_none(house: House, browser: Browser) -> None:
    sent = sent_to_idp(browser.get("/aws/cloudadmin"))
    ((name, secret),) = browser.http.cookies.items()
    browser.http.cookies.clear()
    browser.http.headers["Cookie"] = f"{name}=planted; {name}={secret}"
    answered = browser.answer("/saml/acs", house.answer(sent))
    assert sent_to_idp(answered).request_id != sent.request_id


@pytest.mark.parametrize("count", [16, 180, 400])
def test_however_many_pending_cookies_come_a_response_sets_at_most_sixteen(house: House, count: int) -> None:
    pending = "; ".join(f"__Host-awscons-pending-{number:x}=" for number in range(count))
    begun = house.browser().get("/aws/cloudadmin", headers={"Cookie": pending})
    sent_to_idp(begun)
    assert len(begun.headers.get_list("Set-Cookie")) <= 16


def test_the_names_of_planted_cookies_do_not_fill_the_headers_of_a_response(house: House) -> None:
    planted = "; ".join(f"__Host-awscons-pending-{'x' * 300}{number}=" for number in range(30))
    begun = house.browser().get("/aws/cloudadmin", headers={"Cookie": planted})
    assert len(begun.headers.get_list("Set-Cookie")) == 1


# --- a login that is replaced -------------------------------------------------------------


def sign_in_again(house: House, browser: Browser) -> httpx.Response:
    """Open a target that requires a new authentication."""
    house.clock.forward(seconds=600)
    return house.sign_in(browser, "/aws/strict")


def test_a_new_sign_in_ends_the_login_that_it_replaces(tmp_path: Path) -> None:
    strict = {
        "service": "strict",
        "role": "arn:aws:iam::123456789012:role/MyAdminRole",
        "groups": ["sysadmin"],
        "max_login_age": 300,
    }
    with open_house(tmp_path, aws={"targets": [strict]}) as house:
        browser = house.browser()
        house.sign_in(browser, "/aws/strict")
        first = browser.http.cookies["__Host-awscons"]
        assert sign_in_again(house, browser).status_code == 301
        second = browser.http.cookies["__Host-awscons"]
        assert first != second
        by_the_first = {"Cookie": f"__Host-awscons={first}", "Accept": "application/json"}
        assert house.browser().get("/aws/", headers=by_the_first).status_code == 401
        (ended,) = [event for event in house.audit() if event["action"] == "sign-out"]
        begun, again = [event for event in house.audit() if event["action"] == "sign-in"]
        assert ended["decided_by"] == "a new sign-in"
        assert ended["login_id"] == begun["login_id"] != again["login_id"]
