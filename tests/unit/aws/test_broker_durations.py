"""How long consoles and credentials last: the plans that AWS refuses, and logins that end before."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from awscons.access.identity import Login
from awscons.access.targets import Target
from awscons.aws.broker import Broker
from awscons.aws.destinations import ConsoleDestination
from awscons.aws.durations import CredentialKind, Durations
from awscons.aws.opened import IssuedCredentials
from awscons.aws.ports import StsRoute
from awscons.errors import LoginEndsTooSoon, RoleSessionTooLong, UpstreamError, UpstreamSilent
from support.fake_aws import FAR, NEAR, FakeAws, login_of
from support.sample_people import ADA, CLOUDADMIN, SANDBOX

LOGIN = login_of(ADA)
ENDS_WITH_LOGIN = replace(CLOUDADMIN, ends_with_login=True)
SILENT = UpstreamSilent("no answer", step="sts", code="timeout")


def opened(broker: Broker, target: Target = CLOUDADMIN, *, login: Login = LOGIN) -> IssuedCredentials:
    console = broker.open_console(
        target, login, requested=ConsoleDestination(), relogin_url="https://sso.example.com/aws/x"
    )
    return console.issued


# --- durations that AWS refuses ----------------------------------------------------------


def test_a_role_session_is_made_once_for_each_length_of_the_plans(aws: FakeAws) -> None:
    aws.signin.takes_durations = False
    aws.sts.max_duration = 3600
    issued = opened(aws.broker())
    assert [seconds for _, seconds in aws.sts.assumed] == [3600, 28800]
    assert aws.signin.durations == [28800, None]
    assert [call["credentials"] for call in aws.signin.calls] == ["ASIA1", "ASIA1"]
    assert issued.credentials.access_key_id == "ASIA1"
    assert issued.durations.console_lasts == 3600


def test_a_refused_duration_is_not_asked_for_again_within_an_hour(aws: FakeAws) -> None:
    aws.signin.takes_durations = False
    broker = aws.broker()
    opened(broker)
    aws.signin.calls.clear()
    aws.clock.forward(minutes=59)
    opened(broker)
    assert aws.signin.durations == [None]
    aws.clock.forward(minutes=1)
    opened(broker)
    assert aws.signin.durations == [None, 28800, None]
    aws.clock.forward(minutes=1)
    opened(broker)
    assert aws.signin.durations == [None, 28800, None, None]


def test_the_plan_that_was_accepted_last_counts_and_not_the_first(aws: FakeAws) -> None:
    broker = aws.broker()
    opened(broker)
    aws.signin.takes_durations = False
    opened(broker)
    opened(broker)
    assert aws.signin.durations == [28800, 28800, None, None]


def test_refused_credentials_are_not_tried_with_other_durations(aws: FakeAws) -> None:
    aws.signin.takes_credentials = False
    with pytest.raises(UpstreamError, match="HTTP 400"):
        opened(aws.broker())
    assert aws.signin.durations == [28800, None]


def test_when_the_last_plan_is_refused_its_error_is_raised(aws: FakeAws) -> None:
    aws.sts.max_duration = 900
    with pytest.raises(UpstreamError, match="maximum is lower"):
        opened(aws.broker())
    assert [seconds for _, seconds in aws.sts.assumed] == [3600, 28800, 3600]
    with pytest.raises(UpstreamError, match="maximum is lower"):
        aws.broker().issue_credentials(CLOUDADMIN, LOGIN)


def test_chained_credentials_ask_for_no_console_duration(aws: FakeAws) -> None:
    aws.sts.kind = CredentialKind.ASSUMED_ROLE
    issued = opened(aws.broker())
    assert aws.signin.durations == [None]
    assert issued.durations.console_lasts == 3600


def test_a_shorter_try_is_logged_with_the_refusal(
    aws: FakeAws, log: Callable[[], list[dict[str, object]]]
) -> None:
    aws.signin.takes_durations = False
    opened(aws.broker())
    (line,) = log()
    assert (line["event"], line["target"], line["code"], line["cause"]) == (
        "aws.shorter_duration_tried",
        "cloudadmin",
        "400",
        "HTTP 400",
    )


def test_the_portal_says_what_was_granted_last(aws: FakeAws) -> None:
    aws.sts.kind = CredentialKind.ASSUMED_ROLE
    broker = aws.broker()
    assert broker.last_granted(CLOUDADMIN) is None
    opened(broker)
    assert broker.last_granted(CLOUDADMIN) == 3600
    assert broker.last_granted(SANDBOX) is None
    assert broker.last_granted(ENDS_WITH_LOGIN) is None


# --- a console that ends with the login --------------------------------------------------


def test_a_console_that_ends_with_the_login_is_cut_and_says_so(aws: FakeAws) -> None:
    login = login_of(ADA, lasts=timedelta(hours=2))
    durations = opened(aws.broker(), ENDS_WITH_LOGIN, login=login).durations
    assert (durations.role_session_duration, durations.console_lasts) == (3600, 7200)
    assert durations.reason == "asked with access keys of an IAM user; the login ends then"


@pytest.mark.parametrize("target", [CLOUDADMIN, ENDS_WITH_LOGIN])
def test_a_console_of_full_length_is_not_said_to_end_with_the_login(aws: FakeAws, target: Target) -> None:
    durations = opened(aws.broker(), target, login=login_of(ADA, lasts=timedelta(hours=8))).durations
    assert (durations.console_lasts, durations.reason) == (28800, "asked with access keys of an IAM user")


def test_a_login_that_ends_too_soon_gets_neither_console_nor_credentials(aws: FakeAws) -> None:
    broker, login = aws.broker(), login_of(ADA, lasts=timedelta(seconds=899))
    with pytest.raises(LoginEndsTooSoon, match="899 seconds") as caught:
        opened(broker, ENDS_WITH_LOGIN, login=login)
    assert "auth_duration" in caught.value.hint
    with pytest.raises(LoginEndsTooSoon):
        broker.issue_credentials(ENDS_WITH_LOGIN, login)
    assert aws.sts.assumed == []
    assert opened(broker, login=login).durations.console_lasts == 28800


# --- credentials alone -------------------------------------------------------------------


def test_credentials_are_a_long_role_session_and_no_token(aws: FakeAws) -> None:
    issued = aws.broker().issue_credentials(CLOUDADMIN, LOGIN)
    assert aws.sts.assumed == [(StsRoute(None, NEAR, None), 28800)]
    assert aws.signin.calls == []
    assert issued.credentials.access_key_id == "ASIA1"
    assert issued.request == aws.sts.requests[0]
    assert issued.durations == Durations(28800, None, "asked with access keys of an IAM user")
    assert (issued.region, issued.failed_over) == (NEAR, ())


def test_credentials_are_shorter_where_the_role_allows_no_more(
    aws: FakeAws, log: Callable[[], list[dict[str, object]]]
) -> None:
    aws.sts.max_duration = 3600
    issued = aws.broker().issue_credentials(CLOUDADMIN, LOGIN)
    assert [seconds for _, seconds in aws.sts.assumed] == [28800, 3600]
    assert issued.durations.role_session_duration == 3600
    (line,) = log()
    assert (line["target"], line["code"]) == ("cloudadmin", "ValidationError")


def test_chained_credentials_have_no_shorter_plan(aws: FakeAws) -> None:
    aws.sts.kind = CredentialKind.ASSUMED_ROLE
    aws.sts.max_duration = 900
    with pytest.raises(RoleSessionTooLong):
        aws.broker().issue_credentials(CLOUDADMIN, LOGIN)
    assert [seconds for _, seconds in aws.sts.assumed] == [3600]


def test_credentials_fail_over_as_consoles_do(aws: FakeAws) -> None:
    aws.sts.failing[NEAR] = SILENT
    issued = aws.broker().issue_credentials(CLOUDADMIN, LOGIN)
    assert (issued.region, issued.failed_over) == (FAR, (f"{NEAR}: timeout",))
