"""How long consoles last, through the front door: the longest that AWS gives, and why it is not longer."""

from datetime import timedelta
from pathlib import Path

import pytest

from support.browser import sent_to_idp, text_of
from support.faults import Answer, sts_error
from support.house import FULL_TARGETS, House, console_url, open_house

HTML = Answer("400 Bad Request", b"<html>Invalid credentials parameter</html>")
CHAINING = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"


def durations_in(house: House) -> tuple[int, int | None, int]:
    """What the last console was asked for and given: role session, console session, console."""
    event = house.audit()[-1]
    assert event["outcome"] == "done"
    assert event["requested_duration"] == 28800
    return (
        event["role_session_duration"],
        event.get("console_session_duration"),
        event["granted_duration"],
    )


def test_keys_of_a_user_give_the_whole_duration(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        browser = house.browser()
        browser.follow_all(house.sign_in(browser, "/aws/cloudadmin"))
        assert durations_in(house) == (3600, 28800, 28800)
        assert house.pretend_signin.visits[-1].console_lasts == 28800


@pytest.mark.parametrize("name", ["task-0123456789", "ada@example.com", "my-function"])
def test_credentials_of_another_role_give_an_hour_and_say_why(tmp_path: Path, name: str) -> None:
    with open_house(tmp_path, broker_role_session=name) as house:
        browser = house.browser()
        browser.follow_all(house.sign_in(browser, "/aws/cloudadmin"))
        assert durations_in(house) == (3600, None, 3600)
        assert "role chaining ends after an hour" in house.audit()[-1]["duration_reason"]
        assert house.pretend_signin.visits[-1].console_lasts == 3600
        # Who the broker is was asked once; then a role, and then a role again.
        browser.get("/aws/cloudadmin")
        assert house.sts.calls == 3


def test_an_ec2_role_that_does_count_as_chaining_is_found_out_once(tmp_path: Path) -> None:
    with open_house(tmp_path, broker_role_session="i-0123456789abcdef0") as house:
        browser = house.browser()
        console_url(house.sign_in(browser, "/aws/cloudadmin"))
        assert durations_in(house) == (3600, None, 3600)
        reason = house.audit()[-1]["duration_reason"]
        assert "the role of an EC2 instance" in reason
        assert "refused SessionDuration, and STS a longer role session" in reason
        tokens = house.signin.calls
        console_url(browser.get("/aws/cloudadmin"))
        assert house.signin.calls == tokens + 1
        house.clock.forward(hours=1)
        console_url(house.sign_in(browser, "/aws/cloudadmin"))
        assert house.signin.calls > tokens + 2


def test_a_refused_session_duration_is_made_up_for_by_a_longer_role_session(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        house.signin.misbehave(HTML, times=1)
        browser = house.browser()
        browser.follow_all(house.sign_in(browser, "/aws/cloudadmin"))
        assert durations_in(house) == (28800, None, 28800)
        assert "refused SessionDuration" in house.audit()[-1]["duration_reason"]


def test_a_role_whose_maximum_is_shorter_still_gives_an_hour(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        house.signin.misbehave(HTML, times=1)
        browser = house.browser()
        browser.follow_all(house.sign_in(browser, "/aws/sandbox", "otto@example.com"))
        assert durations_in(house) == (3600, None, 3600)
        assert house.pretend_signin.visits[-1].console_lasts == 3600


def test_a_token_call_that_refuses_everything_is_asked_no_more_than_needed(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        house.signin.misbehave(HTML)
        assert house.sign_in(house.browser(), "/aws/cloudadmin").status_code == 502
        assert house.signin.calls == 2


def test_a_refusal_for_the_length_alone_is_no_other_refusal(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        house.sts.misbehave(sts_error(400, "ValidationError", CHAINING), times=1)
        browser = house.browser()
        console_url(house.sign_in(browser, "/aws/cloudadmin"))
        house.sts.misbehave(sts_error(400, "ValidationError", "something else"))
        assert browser.get("/aws/cloudadmin").status_code == 502
        assert house.sts.calls == 1


def test_the_portal_says_when_consoles_last_shorter_than_promised(tmp_path: Path) -> None:
    with open_house(tmp_path, broker_role_session="my-function") as house:
        browser = house.browser()
        promised = text_of(house.sign_in(browser, "/aws/"))
        assert "8 h" in promised
        assert "1 h" not in promised
        console_url(browser.get("/aws/cloudadmin"))
        assert "1 h (not 8 h: AWS allows no more)" in text_of(browser.get("/aws/"))


# --- with the login ----------------------------------------------------------------------

ENDS_WITH_LOGIN = [{**FULL_TARGETS[0], "ends_with_login": True}]


def test_a_console_that_ends_with_the_login_never_outlasts_it(tmp_path: Path) -> None:
    with open_house(tmp_path, aws={"targets": ENDS_WITH_LOGIN}, saml={"auth_duration": 7200}) as house:
        browser = house.browser()
        console_url(house.sign_in(browser, "/aws/cloudadmin"))
        assert durations_in(house) == (3600, 7200, 7200)
        house.clock.forward(seconds=3000)
        console_url(browser.get("/aws/cloudadmin"))
        assert durations_in(house) == (3600, 4200, 4200)
        assert "the login ends then" in house.audit()[-1]["duration_reason"]


def test_with_little_left_of_the_login_the_person_signs_in_again_first(tmp_path: Path) -> None:
    with open_house(tmp_path, aws={"targets": ENDS_WITH_LOGIN}, saml={"auth_duration": 3600}) as house:
        browser = house.browser()
        console_url(house.sign_in(browser, "/aws/cloudadmin"))
        house.clock.forward(seconds=2701)
        sent = sent_to_idp(browser.get("/aws/cloudadmin?region=eu-west-1"))
        answered = browser.answer("/saml/acs", house.answer(sent))
        console_url(browser.follow(answered))
        assert house.audit()[-1]["granted_duration"] == 3600


def test_a_login_that_is_always_too_short_is_refused_instead_of_sent_around(tmp_path: Path) -> None:
    with open_house(tmp_path, aws={"targets": ENDS_WITH_LOGIN}) as house:
        browser = house.browser()
        soon = house.clock() + timedelta(minutes=10)
        refused = house.sign_in(browser, "/aws/cloudadmin", session_end=soon)
        assert refused.status_code == 403
        assert "sign-in ends in less than 15 minutes" in text_of(refused)
        assert house.audit()[-1]["outcome"] == "refused"
