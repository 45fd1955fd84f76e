"""When AWS refuses, throttles, answers nonsense or does not answer: the right status, the cause in the
log, a short sentence for the person, and no secret anywhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.browser import Browser, sent_to_idp, text_of
from support.faults import CUT_SHORT, HANG, RESET, Answer, Fault, sts_error
from support.house import House, console_url, open_house

HTML = Answer("400 Bad Request", b"<html>Invalid credentials parameter</html>")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """With debugging on: what leaks at debug level is a leak."""
    with open_house(tmp_path, debug=True, aws={"timeout": 4}) as opened:
        yield opened


STS_FAULTS: list[tuple[str, Fault, int]] = [
    (
        "access denied",
        sts_error(403, "AccessDenied", "User is not authorized to perform: sts:AssumeRole"),
        502,
    ),
    ("throttled with 400", sts_error(400, "Throttling", "Rate exceeded"), 503),
    (
        "no tags allowed",
        sts_error(403, "AccessDenied", "User is not authorized to perform: sts:TagSession"),
        502,
    ),
    ("policy too large", sts_error(400, "PackedPolicyTooLarge", "Packed size"), 502),
    ("malformed policy", sts_error(400, "MalformedPolicyDocument", "Syntax errors"), 502),
    ("no such thing", sts_error(400, "ValidationError", "1 validation error detected"), 502),
    ("wrong clock", sts_error(403, "SignatureDoesNotMatch", "Signature expired"), 503),
    ("region disabled", sts_error(403, "RegionDisabledException", "STS is not activated"), 502),
    ("expired broker credentials", sts_error(403, "ExpiredToken", "expired"), 503),
    ("unknown access key", sts_error(403, "InvalidClientTokenId", "invalid"), 503),
    ("internal failure", sts_error(500, "InternalFailure", "oops"), 502),
    ("html with 200", Answer("200 OK", b"<html>hello</html>"), 502),
    ("html with 503", Answer("503 Service Unavailable", b"<html>down</html>"), 502),
    ("empty answer", Answer("200 OK", b"", "text/xml"), 502),
    ("hangs", HANG, 504),
    ("resets", RESET, 504),
    ("cut short", CUT_SHORT, 502),
]
FEDERATION_FAULTS: list[tuple[str, Fault, int]] = [
    ("html with 400", HTML, 502),
    ("403", Answer("403 Forbidden", b"no"), 502),
    ("429", Answer("429 Too Many Requests", b"slow"), 503),
    ("500", Answer("500 Internal Server Error", b"oops"), 502),
    ("redirect", Answer("302 Found", b""), 502),
    ("html with 200", Answer("200 OK", b"<html>hello</html>"), 502),
    ("truncated json", Answer("200 OK", b'{"SigninToken": "abc', "application/json"), 502),
    ("token missing", Answer("200 OK", b"{}", "application/json"), 502),
    ("token empty", Answer("200 OK", b'{"SigninToken": ""}', "application/json"), 502),
    ("token no text", Answer("200 OK", b'{"SigninToken": {}}', "application/json"), 502),
    ("json no object", Answer("200 OK", b"[[]]", "application/json"), 502),
    ("not utf-8", Answer("200 OK", b"\xff\xfe", "application/json"), 502),
    ("hangs", HANG, 504),
    ("resets", RESET, 504),
]


@pytest.mark.parametrize(
    ("fault", "status"), [row[1:] for row in STS_FAULTS], ids=[row[0] for row in STS_FAULTS]
)
def test_a_failure_of_sts_is_told_in_one_sentence(
    house: House, browser: Browser, fault: Fault, status: int
) -> None:
    house.sts.misbehave(fault)
    check_failure(house, house.sign_in(browser, "/aws/cloudadmin"), status)


@pytest.mark.parametrize(
    ("fault", "status"), [row[1:] for row in FEDERATION_FAULTS], ids=[row[0] for row in FEDERATION_FAULTS]
)
def test_a_failure_of_the_federation_endpoint_is_told_in_one_sentence(
    house: House, browser: Browser, fault: Fault, status: int
) -> None:
    house.signin.misbehave(fault)
    check_failure(house, house.sign_in(browser, "/aws/cloudadmin"), status)


def check_failure(house: House, answer: httpx.Response, status: int) -> None:
    """The page, the log, the audit event; and that nothing secret is in any of them."""
    assert answer.status_code == status, text_of(answer)
    event = house.audit()[-1]
    assert (event["action"], event["outcome"]) == ("open-console", "failed")
    assert event["cause"]
    assert event["incident_id"] in text_of(answer)
    assert "Traceback" not in answer.text
    for upstream in ("Rate exceeded", "not authorized", "Invalid credentials", "botocore", "urllib3"):
        assert upstream not in answer.text
    if status == 503:
        assert answer.headers["Retry-After"]
    assert_no_secrets(house, answer.text)


def assert_no_secrets(house: House, *texts: str) -> None:
    """Search the whole log and some texts for everything that opens a door."""
    searched = "\n".join([house.log.getvalue(), *texts])
    secrets = house.secrets()
    assert len(secrets) >= 1
    for secret in secrets:
        assert secret not in searched
    for pattern in (r"SigninToken=", r"sessionKey", r"<saml", r"PHNhbWx", r"__Host-awscons"):
        assert not re.search(pattern, searched), pattern


def test_a_console_that_opens_leaves_no_secret_in_the_log(house: House, browser: Browser) -> None:
    answer = house.sign_in(browser, "/aws/cloudadmin")
    token = console_url(answer)["SigninToken"]
    assert token in house.secrets()
    assert_no_secrets(house)


@pytest.mark.parametrize("code", ["IncompleteSignature", "AccessDenied", "ValidationError"])
def test_a_message_that_quotes_a_secret_is_not_repeated(house: House, browser: Browser, code: str) -> None:
    quoting = f"User is not authorized, quoting {house.secret_key} and {'FwoGZXIvYXdzE' * 20}"
    house.sts.misbehave(sts_error(400, code, quoting))
    check_failure(house, house.sign_in(browser, "/aws/cloudadmin"), 502)
    assert "FwoGZXIvYXdzE" not in house.log.getvalue()


@pytest.mark.parametrize(
    "profile",
    [
        "[cons]\ncredential_process = /nowhere/at-all\n",
        "[cons]\ncredential_process = echo nonsense\n",
        "[cons]\ncredential_process = 'unbalanced\n",
        "[cons]\naws_access_key_id = AKIAEXAMPLE\n",
        "[other]\n",
        "no section\n",
        "",
    ],
    ids=["missing-program", "no-json", "unbalanced", "half", "other-profile", "no-ini", "empty"],
)
def test_broker_credentials_that_cannot_be_had_are_a_503(
    house: House, browser: Browser, tmp_path: Path, profile: str
) -> None:
    (tmp_path / "credentials").write_text(profile)
    check_failure(house, house.sign_in(browser, "/aws/cloudadmin"), 503)
    assert "aws_credentials_file" in house.audit()[-1]["hint"]


def test_credentials_that_are_mended_work_without_a_restart(
    house: House, browser: Browser, tmp_path: Path
) -> None:
    good = (tmp_path / "credentials").read_text()
    (tmp_path / "credentials").unlink()
    assert house.sign_in(browser, "/aws/cloudadmin").status_code == 503
    (tmp_path / "credentials").write_text(good)
    assert browser.get("/aws/cloudadmin").status_code == 301


def test_credentials_that_aws_no_longer_takes_are_read_again(
    house: House, browser: Browser, tmp_path: Path
) -> None:
    good = (tmp_path / "credentials").read_text()
    (tmp_path / "credentials").write_text(good.replace("AKIA", "AKIB"))
    check_failure(house, house.sign_in(browser, "/aws/cloudadmin"), 503)
    assert "does not exist" in house.audit()[-1]["hint"]
    (tmp_path / "credentials").write_text(good)
    assert browser.get("/aws/cloudadmin").status_code == 301


def test_a_deny_of_the_organization_is_told_of_with_its_policy(house: House, browser: Browser) -> None:
    scp = "arn:aws:organizations::123456789012:policy/o-abcdefghij/service_control_policy/p-0123456789"
    house.sts.misbehave(
        sts_error(
            403,
            "AccessDenied",
            f"User: x is not authorized to perform: sts:AssumeRole with an explicit deny in a service control "
            f"policy: {scp}",
        )
    )
    check_failure(house, house.sign_in(browser, "/aws/cloudadmin"), 502)
    event = house.audit()[-1]
    assert "(SCP)" in event["hint"]
    assert "no trust policy helps" in event["hint"]
    assert scp in event["cause"]


def test_a_refused_response_leaves_no_assertion_in_the_log(house: House, browser: Browser) -> None:
    for changes in ({"recipient": "https://x/"}, {"audiences": (("urn:other",),)}, {"conditions": ""}):
        sent = sent_to_idp(browser.get("/aws/cloudadmin"))
        refused = browser.answer("/saml/acs", house.answer(sent, **changes))
        assert refused.status_code == 400
        assert_no_secrets(house, refused.text)
        assert house.answer(sent)["SAMLResponse"][:60] not in house.log.getvalue()


def test_the_next_sign_in_after_a_failure_works(house: House, browser: Browser) -> None:
    house.sts.misbehave(sts_error(400, "Throttling", "Rate exceeded"))
    assert house.sign_in(browser, "/aws/cloudadmin").status_code == 503
    house.sts.fault = None
    assert browser.get("/aws/cloudadmin").status_code == 301


def test_a_failure_offers_to_try_the_same_again(house: House, browser: Browser) -> None:
    house.sts.misbehave(HANG)
    answer = house.sign_in(browser, "/aws/cloudadmin?x=1")
    assert f'href="{house.url}/aws/cloudadmin?x=1"' in answer.text


@pytest.mark.parametrize(
    ("step", "body", "content_type"),
    [
        ("sts", b"<AssumeRoleResponse><SecretAccessKey>do-not-repeat-me</SecretAccess", "text/xml"),
        ("sts", b"<html>do-not-repeat-me</html>", "text/html"),
        ("signin", b'{"SigninToken": "do-not-repeat-me', "application/json"),
        ("signin", b'{"SigninTokens": "do-not-repeat-me"}', "application/json"),
    ],
)
def test_an_answer_that_cannot_be_read_is_quoted_nowhere(
    house: House, browser: Browser, step: str, body: bytes, content_type: str
) -> None:
    upstream = house.sts if step == "sts" else house.signin
    upstream.misbehave(Answer("200 OK", body, content_type))
    page = house.sign_in(browser, "/aws/cloudadmin")
    assert page.status_code == 502
    assert "do-not-repeat-me" not in page.text + house.log.getvalue()
