"""An answer that is sent before the request's body was read says `Connection: close`; every other keeps it."""

from collections.abc import Mapping

import httpx
import pytest

from awscons.web.guards import MAX_BODY_BYTES
from support.browser import Browser

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def post(browser: Browser, path: str, body: bytes, headers: Mapping[str, str] = FORM) -> httpx.Response:
    return browser.http.post(f"{browser.base}{path}", content=body, headers=dict(headers))


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/saml/slo", b"x" * (MAX_BODY_BYTES + 1), FORM, 413),
        ("/nothing", b"x=1", FORM, 404),
        ("/healthz", b"x=1", FORM, 405),
        ("/saml/logout", b"x=1", {**FORM, "Sec-Fetch-Site": "cross-site"}, 403),
        ("/saml/acs", b"<xml/>", {"Content-Type": "text/xml"}, 400),
    ],
)
def test_an_answer_before_the_body_was_read_closes_the_connection(
    browser: Browser, path: str, body: bytes, headers: Mapping[str, str], status: int
) -> None:
    answer = post(browser, path, body, headers)
    assert (answer.status_code, answer.headers.get("Connection")) == (status, "close")


def test_an_answer_after_the_body_was_read_and_one_without_a_body_keep_the_connection(
    browser: Browser,
) -> None:
    answer = post(browser, "/saml/acs", b"SAMLResponse=rubbish&RelayState=x")
    assert (answer.status_code, answer.headers.get("Connection")) == (400, None)
    assert "Connection" not in browser.get("/healthz").headers


def test_an_answer_after_the_largest_body_keeps_the_connection(browser: Browser) -> None:
    answer = post(browser, "/saml/slo", b"SAMLRequest=" + b"A" * (MAX_BODY_BYTES - 12))
    assert (answer.status_code, answer.headers.get("Connection")) == (400, None)


def test_an_answer_to_a_body_of_unknown_length_closes_the_connection(browser: Browser) -> None:
    answer = browser.http.post(f"{browser.base}/saml/slo", content=iter([b"SAMLRequest=A"]), headers=FORM)
    assert (answer.status_code, answer.headers.get("Connection")) == (411, "close")
