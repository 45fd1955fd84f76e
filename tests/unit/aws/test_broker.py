"""The broker, between ports of STS and the federation endpoint that a test chooses."""

import time
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from awscons.access.identity import Login
from awscons.access.targets import Target
from awscons.aws.broker import Broker
from awscons.aws.destinations import ConsoleDestination
from awscons.aws.durations import CredentialKind, plan_durations
from awscons.aws.opened import OpenedConsole, TriedRole
from awscons.aws.partitions import PARTITIONS
from awscons.aws.ports import StsRoute
from awscons.aws.principal import Preflight
from awscons.aws.role_request import build_role_request
from awscons.aws.settings import PartitionSettings
from awscons.errors import (
    AccessKeyRefused,
    BrokerBusy,
    DestinationRefused,
    SigninRefused,
    UpstreamError,
    UpstreamSilent,
)
from support.fake_aws import FAR, NEAR, FakeAws, login_of
from support.sample_people import ADA, AWSADM, CLOUDADMIN, SANDBOX

RELOGIN = "https://sso.example.com/aws/cloudadmin?x=1"
LOGIN = login_of(ADA)
ENDS_WITH_LOGIN = replace(CLOUDADMIN, ends_with_login=True)
SILENT = UpstreamSilent("no answer", step="sts", code="timeout")
KEY_REFUSED = AccessKeyRefused("not valid here", step="sts", code="InvalidClientTokenId")


def opened(
    broker: Broker,
    target: Target = CLOUDADMIN,
    requested: ConsoleDestination = ConsoleDestination(),  # noqa: B008  frozen
    *,
    login: Login = LOGIN,
) -> OpenedConsole:
    return broker.open_console(target, login, requested=requested, relogin_url=RELOGIN)


# --- a console ---------------------------------------------------------------------------


def test_a_console_is_a_role_session_a_signin_token_and_a_url_of_one_region(aws: FakeAws) -> None:
    console = opened(aws.broker())
    assert aws.sts.assumed == [(StsRoute(None, NEAR, None), 3600)]
    (call,) = aws.signin.calls
    assert 0 < call.pop("seconds_left") <= 1000
    endpoint = f"https://{NEAR}.signin.aws.amazon.com/federation"
    assert call == {
        "endpoint": endpoint,
        "credentials": "ASIA1",
        "profile_name": None,
        "method": "POST",
        "duration": 28800,
    }
    assert (console.endpoint, console.issued.region, console.issued.failed_over) == (endpoint, NEAR, ())
    assert console.issued.credentials.access_key_id == "ASIA1"
    assert console.issued.durations.console_lasts == 28800
    url = urlsplit(console.url.value)
    assert f"{url.scheme}://{url.netloc}{url.path}" == endpoint
    assert parse_qs(url.query) == {
        "Action": ["login"],
        "Issuer": [RELOGIN],
        "Destination": [f"https://{NEAR}.console.aws.amazon.com/console/home?region={NEAR}"],
        "SigninToken": ["the-token"],
    }
    assert console.destination == parse_qs(url.query)["Destination"][0]


def test_the_role_session_is_named_by_the_configured_attribute(aws: FakeAws) -> None:
    who = replace(ADA, attributes={"uid": ("ada",)})
    console = opened(aws.broker(role_session_name_attribute="uid"), login=login_of(who))
    assert aws.sts.requests == [console.issued.request]
    assert console.issued.request.role == CLOUDADMIN.role
    assert console.issued.request.role_session_name == "ada"


def test_every_call_to_sts_gets_the_time_that_is_left(aws: FakeAws) -> None:
    aws.sts.failing[NEAR] = aws.sts.failing[FAR] = KEY_REFUSED
    aws.sts.keys_after_renewal = True
    broker = aws.broker(timeout=50)
    opened(broker)
    broker.issue_credentials(CLOUDADMIN, LOGIN)
    broker.principal(CLOUDADMIN)
    assert len(aws.sts.seconds_left) == 9
    assert all(40 < seconds <= 50 for seconds in aws.sts.seconds_left)


@pytest.mark.parametrize(
    ("requested", "sign_in_region", "destination_region"),
    [
        (None, NEAR, NEAR),
        (FAR, FAR, FAR),
        ("sa-east-1", NEAR, "sa-east-1"),
    ],
)
def test_the_front_page_is_of_the_linked_region_also_if_that_does_not_sign_in(
    aws: FakeAws, requested: str | None, sign_in_region: str, destination_region: str
) -> None:
    console = opened(aws.broker(), requested=ConsoleDestination(region=requested))
    assert console.issued.region == sign_in_region
    home = f"https://{destination_region}.console.aws.amazon.com/console/home?region={destination_region}"
    assert console.destination == home


def test_a_linked_region_that_fails_to_sign_in_opens_the_page_of_the_next(aws: FakeAws) -> None:
    aws.sts.failing[FAR] = SILENT
    console = opened(aws.broker(), requested=ConsoleDestination(region=FAR))
    assert console.issued.region == NEAR
    assert console.destination.startswith(f"https://{NEAR}.console.")
    assert console.issued.failed_over == (f"{FAR}: timeout",)


def test_a_targets_own_region_and_page_come_before_the_configured_region(aws: FakeAws) -> None:
    page = "https://{region}.console.aws.amazon.com/s3"
    console = opened(aws.broker(), replace(CLOUDADMIN, region="sa-east-1", console_destination=page))
    assert console.issued.region == "sa-east-1"
    assert console.destination == "https://sa-east-1.console.aws.amazon.com/s3"


def test_without_configured_regions_the_brokers_own_region_signs_in(aws: FakeAws) -> None:
    aws.sts.region = "ap-southeast-2"
    assert opened(aws.broker(regions=())).issued.region == "ap-southeast-2"


def test_a_page_of_another_partition_is_refused_before_any_call(aws: FakeAws) -> None:
    with pytest.raises(DestinationRefused):
        opened(aws.broker(), requested=ConsoleDestination(region="cn-north-1"))
    assert aws.sts.assumed == []


@pytest.mark.parametrize(
    ("configured", "requested", "logs_out"),
    [
        (False, None, False),
        (True, None, True),
        (True, False, False),
        (False, True, True),
    ],
)
def test_a_link_decides_about_the_log_out_before_the_configuration(
    aws: FakeAws, *, requested: bool | None, configured: bool, logs_out: bool
) -> None:
    console = opened(
        aws.broker(logout_first=configured), requested=ConsoleDestination(logout_first=requested)
    )
    url = urlsplit(console.url.value)
    assert (url.netloc, url.path) == (
        f"{NEAR}.signin.aws.amazon.com",
        "/oauth" if logs_out else "/federation",
    )
    assert ("redirect_uri" in parse_qs(url.query)) is logs_out


def test_profile_endpoints_and_method_are_those_of_the_roles_partition(aws: FakeAws) -> None:
    china = PartitionSettings(
        PARTITIONS["aws-cn"],
        profile_name="china",
        sts_endpoint="https://sts.{region}.example.cn/",
        signin_endpoint="https://signin.{region}.example.cn/federation",
        signin_method="GET",
    )
    target = replace(CLOUDADMIN, role=replace(CLOUDADMIN.role, partition="aws-cn"))
    aws.sts.failing["cn-north-1"] = KEY_REFUSED
    aws.sts.keys_after_renewal = True
    opened(aws.broker(partitions={"aws-cn": china}), target)
    route, _ = aws.sts.assumed[0]
    assert route == StsRoute("china", "cn-north-1", "https://sts.cn-north-1.example.cn/")
    assert aws.sts.profiles == ["china", "china"]
    (call,) = aws.signin.calls
    assert (call["endpoint"], call["profile_name"], call["method"]) == (
        "https://signin.cn-north-1.example.cn/federation",
        "china",
        "GET",
    )


# --- time and slots ----------------------------------------------------------------------


def test_no_call_begins_that_the_time_does_not_suffice_for(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = time.monotonic()
    aws.sts.meanwhile = lambda: monkeypatch.setattr(time, "monotonic", lambda: began + 61)
    aws.sts.max_duration = 3600
    # One call may take 12 seconds, and 9 of 70 are left after the first.
    with pytest.raises(UpstreamSilent, match="run out") as caught:
        aws.broker(timeout=70).issue_credentials(CLOUDADMIN, LOGIN)
    assert (caught.value.step, caught.value.code) == ("sts", "timeout")
    assert [seconds for _, seconds in aws.sts.assumed] == [28800]


def test_beyond_the_limit_of_concurrent_sign_ins_the_broker_is_busy(aws: FakeAws) -> None:
    broker = aws.broker(max_concurrent=1)

    def another() -> None:
        with pytest.raises(BrokerBusy):
            opened(broker)
        with pytest.raises(BrokerBusy):
            broker.issue_credentials(CLOUDADMIN, LOGIN)

    aws.sts.meanwhile = another
    opened(broker)
    broker.issue_credentials(CLOUDADMIN, LOGIN)
    assert len(aws.sts.assumed) == 2


# --- what can be known before ------------------------------------------------------------


def test_clients_are_made_once_for_each_region_and_profile(aws: FakeAws) -> None:
    aws.broker().prepare([CLOUDADMIN, AWSADM, replace(SANDBOX, profile_name="db")])
    assert aws.sts.prepared == [
        StsRoute(profile, region, None) for profile in (None, "db") for region in (NEAR, FAR)
    ]
    assert aws.signin.prepared == [
        (f"https://{region}.signin.aws.amazon.com/federation", profile)
        for profile in (None, "db")
        for region in (NEAR, FAR)
    ]


def test_a_client_that_cannot_be_made_is_logged_once_and_stops_no_other(
    aws: FakeAws, log: Callable[[], list[dict[str, object]]]
) -> None:
    error = UpstreamError("no such profile", step="sts", code="ProfileNotFound", hint="name another")
    aws.sts.failing = {NEAR: error, FAR: error}
    aws.signin.broken = UpstreamError("no certificates", step="tls", code="CertificatesMissing")
    aws.broker().prepare([CLOUDADMIN])
    assert (len(aws.sts.prepared), len(aws.signin.prepared)) == (2, 2)
    lines = [[line[key] for key in ("event", "level", "step", "code", "cause", "hint")] for line in log()]
    assert lines == [
        ["aws.warm_up_failed", "warning", "tls", "CertificatesMissing", "no certificates", None],
        ["aws.warm_up_failed", "warning", "sts", "ProfileNotFound", "no such profile", "name another"],
    ]


def test_a_profile_that_cannot_be_read_is_logged_once_and_stops_no_other_target(
    aws: FakeAws, log: Callable[[], list[dict[str, object]]]
) -> None:
    aws.sts.broken_profiles["gone"] = UpstreamError("no such profile", step="sts")
    gone = [replace(target, profile_name="gone") for target in (CLOUDADMIN, SANDBOX)]
    aws.broker().prepare([*gone, AWSADM])
    assert {route.profile_name for route in aws.sts.prepared} == {None}
    assert [line["cause"] for line in log()] == ["no such profile"]


def test_the_principal_is_asked_in_the_first_region(aws: FakeAws) -> None:
    aws.sts.kind = CredentialKind.EC2_INSTANCE
    principal = aws.broker().principal(CLOUDADMIN)
    assert principal.arn == f"arn:aws:iam::123456789012:user/broker-in-{NEAR}"
    assert (principal.region, principal.kind) == (NEAR, CredentialKind.EC2_INSTANCE)
    best = plan_durations(28800, CredentialKind.EC2_INSTANCE)[0]
    assert principal.preflight(CLOUDADMIN) == Preflight(principal.arn, NEAR, best)


# --- a trial -----------------------------------------------------------------------------


def tried(broker: Broker, target: Target = CLOUDADMIN, *, token: bool = True) -> TriedRole:
    request = build_role_request(target, ADA, name_attribute="user_name")
    return broker.try_role(target, request, token=token)


def test_a_trial_lasts_fifteen_minutes_and_gets_the_token_of_the_longest_console(aws: FakeAws) -> None:
    aws.sts.packed = 7
    found = tried(aws.broker())
    assert aws.sts.assumed == [(StsRoute(None, NEAR, None), 900)]
    assert all(0 < seconds <= 1000 for seconds in aws.sts.seconds_left)
    assert aws.signin.durations == [28800]
    assert (found.region, found.durations, found.packed_policy_size) == (
        NEAR,
        plan_durations(28800, CredentialKind.LONG_TERM)[0],
        7,
    )


def test_a_trial_without_a_token_asks_sts_alone(aws: FakeAws) -> None:
    tried(aws.broker(), token=False)
    assert (len(aws.sts.assumed), aws.signin.calls) == (1, [])


def test_a_refused_console_length_is_tried_without_one(aws: FakeAws) -> None:
    aws.signin.takes_durations = False
    found = tried(aws.broker())
    assert aws.signin.durations == [28800, None]
    assert (len(aws.sts.assumed), found.durations) == (1, plan_durations(28800, CredentialKind.LONG_TERM)[-1])


def test_a_short_console_is_tried_without_a_length_too(aws: FakeAws) -> None:
    aws.signin.takes_durations = False
    tried(aws.broker(), replace(CLOUDADMIN, duration=900))
    assert aws.signin.durations == [900, None]


def test_credentials_that_the_endpoint_refuses_are_an_error(aws: FakeAws) -> None:
    aws.signin.takes_credentials = False
    with pytest.raises(SigninRefused):
        tried(aws.broker())
    assert aws.signin.durations == [28800, None]
    aws.sts.kind = CredentialKind.ASSUMED_ROLE
    with pytest.raises(SigninRefused):
        tried(aws.broker())
    assert aws.signin.durations == [28800, None, None]


def test_a_trial_fails_over_to_the_next_region(aws: FakeAws) -> None:
    aws.sts.failing = {NEAR: SILENT}
    assert tried(aws.broker()).region == FAR


def test_one_region_can_be_asked_alone_within_the_time_of_a_sign_in(aws: FakeAws) -> None:
    aws.broker(timeout=7).ask_region(StsRoute(None, FAR, None))
    assert aws.sts.seconds_left == [7]
