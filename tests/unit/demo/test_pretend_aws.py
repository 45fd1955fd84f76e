"""The pretend AWS gives nothing away that the real one would not."""

import json
from collections.abc import Iterator

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from awscons.demo.signin import PretendSignin
from awscons.demo.sts import PretendSts
from support.clock import MovableClock
from support.serving import serving

ROLE = "arn:aws:iam::123456789012:role/MyAdminRole"
USER = "arn:aws:iam::123456789012:user/AWSconSSO"


class Aws:
    """A pretend AWS on two ports."""

    def __init__(self, sts: PretendSts, clock: MovableClock, sts_url: str, signin_url: str) -> None:
        self.sts, self.clock, self.sts_url, self.signin_url = sts, clock, sts_url, signin_url

    def assume(self, *credentials: str, **changes: object) -> dict[str, str]:
        """AssumeRole by boto3, with those credentials."""
        arguments = {"RoleArn": ROLE, "RoleSessionName": "ada", "DurationSeconds": 3600, **changes}
        client = boto3.client(
            "sts",
            region_name="eu-west-1",
            endpoint_url=self.sts_url,
            aws_access_key_id=credentials[0],
            aws_secret_access_key=credentials[1],
            aws_session_token=credentials[2] if len(credentials) > 2 else None,
        )
        found: dict[str, str] = client.assume_role(**arguments)["Credentials"]  # type: ignore[arg-type,assignment]
        return found

    def token(self, credentials: dict[str, str], *, method: str = "POST", **more: str) -> httpx.Response:
        """getSigninToken."""
        session = {
            "sessionId": credentials["AccessKeyId"],
            "sessionKey": credentials["SecretAccessKey"],
            "sessionToken": credentials["SessionToken"],
        }
        form = {"Action": "getSigninToken", "Session": json.dumps(session), **more}
        if method == "GET":
            return httpx.get(self.signin_url, params=form)
        return httpx.post(self.signin_url, data=form)


@pytest.fixture
def aws() -> Iterator[Aws]:
    clock = MovableClock()
    sts = PretendSts(roles={ROLE: 7200}, clock=clock)
    signin = PretendSignin(book=sts, clock=clock)
    with serving(lambda _: sts.application()) as one, serving(lambda _: signin.application()) as two:
        yield Aws(sts, clock, f"http://127.0.0.1:{one}/", f"http://127.0.0.1:{two}/federation")


def refused(aws: Aws, *credentials: str, **changes: object) -> str:
    with pytest.raises(ClientError) as caught:
        aws.assume(*credentials, **changes)
    error = caught.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def test_a_signed_request_of_a_known_user_is_answered(aws: Aws) -> None:
    assert aws.assume(*aws.sts.add_user(USER))["AccessKeyId"].startswith("ASIA")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"RoleArn": "arn:aws:iam::123456789012:role/Other"}, "AccessDenied: User: " + USER),
        ({"RoleSessionName": "a b"}, "ValidationError"),
        ({"RoleSessionName": "Zoë"}, "ValidationError"),
        ({"DurationSeconds": 7201}, "exceeds the MaxSessionDuration set for this role"),
    ],
)
def test_what_sts_refuses_is_refused(aws: Aws, changes: dict[str, object], said: str) -> None:
    assert said in refused(aws, *aws.sts.add_user(USER), **changes)


def test_a_wrong_secret_is_refused_by_its_signature(aws: Aws) -> None:
    key_id, _ = aws.sts.add_user(USER)
    assert refused(aws, key_id, "wrong").startswith("SignatureDoesNotMatch")
    assert refused(aws, "AKIAUNKNOWN", "x").startswith("InvalidClientTokenId")
    assert httpx.post(aws.sts_url, data={"Action": "AssumeRole"}).status_code == 403


def test_a_chained_role_ends_after_an_hour(aws: Aws) -> None:
    task = aws.sts.add_role_session(ROLE, "task")
    assert "role chaining" in refused(aws, *task, DurationSeconds=3601)
    chained = aws.assume(*task, DurationSeconds=3600)
    assert aws.token(chained).status_code == 200
    assert aws.token(chained, SessionDuration="3600").status_code == 400


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_token_is_given_for_credentials_that_were_issued(aws: Aws, method: str) -> None:
    credentials = aws.assume(*aws.sts.add_user(USER))
    assert aws.token(credentials, method=method, SessionDuration="43200").json()["SigninToken"]


@pytest.mark.parametrize("seconds", ["899", "43201", "x", "-1"])
def test_a_session_duration_out_of_bounds_is_a_400(aws: Aws, seconds: str) -> None:
    assert aws.token(aws.assume(*aws.sts.add_user(USER)), SessionDuration=seconds).status_code == 400


@pytest.mark.parametrize("part", ["AccessKeyId", "SecretAccessKey", "SessionToken"])
def test_credentials_that_were_not_issued_are_a_400_in_html(aws: Aws, part: str) -> None:
    credentials = {**aws.assume(*aws.sts.add_user(USER)), part: "made-up"}
    answer = aws.token(credentials)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("session", ["", "[]", "{}", "x", '{"sessionId": 1}'])
def test_a_session_that_is_none_is_a_400(aws: Aws, session: str) -> None:
    answer = httpx.post(aws.signin_url, data={"Action": "getSigninToken", "Session": session})
    assert answer.status_code == 400


def test_credentials_that_have_ended_are_a_400(aws: Aws) -> None:
    credentials = aws.assume(*aws.sts.add_user(USER), DurationSeconds=900)
    aws.clock.forward(seconds=900)
    assert aws.token(credentials).status_code == 400


def login(aws: Aws, token: str, destination: str) -> httpx.Response:
    query = {"Action": "login", "SigninToken": token, "Destination": destination, "Issuer": "https://x/"}
    return httpx.get(aws.signin_url, params=query)


def test_a_token_opens_the_console_for_fifteen_minutes(aws: Aws) -> None:
    token = aws.token(aws.assume(*aws.sts.add_user(USER))).json()["SigninToken"]
    home = "https://eu-west-1.console.aws.amazon.com/console/home"
    assert login(aws, token, home).status_code == 302
    aws.clock.forward(minutes=15)
    assert login(aws, token, home).status_code == 400


@pytest.mark.parametrize(
    "destination",
    [
        "",
        "https://evil.example.com/",
        "http://eu-west-1.console.aws.amazon.com/",
        "https://console.aws.amazon.com.evil.com/",
    ],
)
def test_a_destination_that_is_no_console_is_a_400(aws: Aws, destination: str) -> None:
    token = aws.token(aws.assume(*aws.sts.add_user(USER))).json()["SigninToken"]
    assert login(aws, token, destination).status_code == 400
