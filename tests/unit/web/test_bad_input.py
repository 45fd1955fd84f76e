"""Bad input of every kind: one clear error each, nothing opened, no traceback."""

from pathlib import Path

import pytest

from support.browser import Browser, text_of
from support.house import House, open_house


@pytest.mark.parametrize(
    "path",
    [
        "/aws/..%2fcloudadmin",
        "/aws/%2e%2e/cloudadmin",
        "/aws/cloudadmin%2f",
        "/aws/cloudadmin/",
        "/aws/x/cloudadmin",
        "/aws//cloudadmin",
        "/aws/cloudadmin%00",
        "/aws/%0d%0aSet-Cookie:x=1",
        "/aws/cloudadmin%20",
        "/aws/CLOUDADMIN",
        "/aws/%ff%fe",
        "/aws/" + "a" * 10_000,
        "/aws/<script>alert(1)</script>",
        "/aws/cloudadmin;x=1",
    ],
)
def test_a_name_that_is_no_target_is_401_whatever_it_holds(browser: Browser, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == 401, answer.headers
    assert "Location" not in answer.headers
    assert "<script>" not in answer.text
    assert "There is no target of that name" in text_of(answer)


@pytest.mark.parametrize("path", ["/nothing", "/saml/nothing", "/static/0/x.css", "/healthz/x"])
def test_an_address_outside_the_prefix_is_404(browser: Browser, path: str) -> None:
    assert browser.get(path).status_code == 404


def test_a_query_too_long_to_be_kept_is_said(browser: Browser) -> None:
    answer = browser.get("/aws/cloudadmin?x=" + "a" * 5_000)
    assert answer.status_code == 414
    assert "too long" in text_of(answer)


def test_a_forged_host_header_changes_none_of_our_urls(house: House, browser: Browser) -> None:
    for path in ("/", "/aws", "/aws/", "/aws/cloudadmin", "//evil.example.com/aws/"):
        answer = browser.get(
            f"{house.url}{path}",
            headers={
                "Host": "evil.example.com",
                "X-Forwarded-Host": "evil.example.com",
                "X-Forwarded-For": "6.6.6.6",
                "X-Forwarded-Proto": "http",
            },
        )
        assert "evil" not in answer.headers.get("Location", "")
        assert "evil" not in answer.text


@pytest.mark.parametrize(
    ("trusted_proxies", "said", "believed"),
    [
        (0, "6.6.6.6", "127.0.0.1"),
        (1, "6.6.6.6, 192.0.2.7", "192.0.2.7"),
        (2, "6.6.6.6, 192.0.2.7, 10.0.0.1", "192.0.2.7"),
        (1, None, "127.0.0.1"),
        (2, "6.6.6.6", "127.0.0.1"),
    ],
    ids=["no proxy", "one proxy", "two proxies", "a proxy that says nothing", "fewer entries than proxies"],
)
def test_the_client_address_is_what_the_configured_number_of_proxies_say(
    tmp_path: Path, trusted_proxies: int, said: str | None, believed: str
) -> None:
    with open_house(tmp_path, server={"trusted_proxies": trusted_proxies}) as house:
        headers = {"X-Forwarded-For": said} if said else {}
        browser = house.browser()
        house.sign_in(browser, "/aws/cloudadmin")
        assert browser.get("/aws/sandbox", headers=headers).status_code == 403
        assert house.audit()[-1]["client_address"] == believed


def test_a_client_that_asks_for_json_gets_errors_as_json(house: House, browser: Browser) -> None:
    answer = browser.get("/aws/nothing", headers={"Accept": "application/json"})
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == 401
    assert problem["title"] == "Unknown"
    assert problem["incident"] == house.lines("problem")[-1]["incident_id"]


@pytest.mark.parametrize("accept", ["text/html,*/*;q=0.8", "*/*", "text/html, application/json", ""])
def test_a_browser_gets_errors_as_pages(browser: Browser, accept: str) -> None:
    answer = browser.get("/aws/nothing", headers={"Accept": accept})
    assert answer.headers["Content-Type"].startswith("text/html")


def test_each_problem_has_an_incident_id_of_its_own_that_the_log_carries(
    house: House, browser: Browser
) -> None:
    pages = [browser.get("/aws/nothing"), browser.get("/nothing"), browser.post("/aws/cloudadmin", {})]
    logged = [line["incident_id"] for line in house.lines("problem")]
    assert len(set(logged)) == 3
    for page, incident_id in zip(pages, logged, strict=True):
        assert incident_id in text_of(page)


def test_every_page_has_the_security_headers(browser: Browser) -> None:
    for path in ("/aws/nothing", "/aws/cloudadmin", "/nothing", "/saml/signed-out", "/healthz"):
        headers = browser.get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Strict-Transport-Security"]


def test_static_files_are_kept_for_long_under_hashed_names(browser: Browser) -> None:
    page = browser.get("/saml/signed-out").text
    path = page.split('<link rel="stylesheet" href="')[1].split('"')[0]
    answer = browser.get(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/css")
    assert "immutable" in answer.headers["Cache-Control"]


def test_the_health_page_needs_no_login(browser: Browser) -> None:
    assert browser.get("/healthz").text == "ok\n"
