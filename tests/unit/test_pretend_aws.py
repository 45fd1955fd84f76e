"""The pretend AWS gives nothing away that the real one would not."""

import json
from collections.abc import Iterator

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from awscons.demo.pretend_signin import PretendSignin
from awscons.demo.pretend_sts import PretendRole, PretendSts
from support.clock import MovableClock
from support.serving import serving

ROLE = "arn:aws:iam::123456789012:role/MyAdminRole"
OPEN = "arn:aws:iam::123456789012:role/TrustsEverything"
FOREIGN = "arn:aws:iam::123456789012:role/WantsExternalId"
EVERYTHING = frozenset({"sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"})
ROLES = {
    ROLE: PretendRole(7200),
    OPEN: PretendRole(3600, EVERYTHING),
    FOREIGN: PretendRole(3600, external_id="x-1"),
    "arn:aws-cn:iam::123456789012:role/Chinese": PretendRole(3600),
}
USER = "arn:aws:iam::123456789012:user/AWSconSSO"


class Aws:
    """A pretend AWS on two ports."""

    def __init__(self, signin: PretendSignin, sts: PretendSts, clock: MovableClock, *urls: str) -> None:
        self.signin, self.sts, self.clock = signin, sts, clock
        self.sts_url, self.signin_url = urls

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
    sts = PretendSts(roles=ROLES, clock=clock)
    signin = PretendSignin(book=sts, clock=clock)
    with serving(lambda _: sts.application()) as one, serving(lambda _: signin.application()) as two:
        yield Aws(signin, sts, clock, f"http://127.0.0.1:{one}/", f"http://127.0.0.1:{two}/federation")


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


TAGS = [{"Key": "team", "Value": "Größe 1"}]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"Tags": TAGS}, "AccessDenied: User: " + USER + " is not authorized to perform: sts:TagSession"),
        ({"SourceIdentity": "ada"}, "is not authorized to perform: sts:SetSourceIdentity"),
        ({"RoleArn": FOREIGN}, "is not authorized to perform: sts:AssumeRole"),
        ({"RoleArn": FOREIGN, "ExternalId": "x-2"}, "is not authorized to perform: sts:AssumeRole"),
        ({"RoleArn": "arn:aws-cn:iam::123456789012:role/Chinese"}, "AccessDenied"),
        ({"SourceIdentity": "a b"}, "ValidationError"),
        ({"Tags": [{"Key": "aws:x", "Value": "1"}]}, "ValidationError"),
        ({"Tags": [{"Key": "x", "Value": "a&b"}]}, "ValidationError"),
        ({"Tags": [*TAGS, {"Key": "TEAM", "Value": "2"}]}, "ValidationError"),
        ({"Tags": TAGS, "TransitiveTagKeys": ["other"]}, "ValidationError"),
        ({"Policy": "{"}, "MalformedPolicyDocument"),
        ({"Policy": '{"x": "' + "a" * 2040 + '"}'}, "PackedPolicyTooLarge"),
    ],
)
def test_what_the_trust_policy_or_a_limit_forbids_is_refused(
    aws: Aws, changes: dict[str, object], said: str
) -> None:
    assert said in refused(aws, *aws.sts.add_user(USER), **changes)


def test_what_everything_allows_is_given_and_sticks(aws: Aws) -> None:
    key = aws.sts.add_user(USER)
    first = aws.assume(
        *key,
        RoleArn=OPEN,
        Tags=TAGS,
        TransitiveTagKeys=["team"],
        SourceIdentity="ada",
        Policy='{"Statement": []}',
        PolicyArns=[{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}],
    )
    given = aws.sts.role_sessions[-1]
    assert (given.source_identity, given.tags) == ("ada", {"team": "Größe 1"})
    assert given.policy_arns == ("arn:aws:iam::aws:policy/ReadOnlyAccess",)
    again = (first["AccessKeyId"], first["SecretAccessKey"], first["SessionToken"])
    assert "sts:SetSourceIdentity" in refused(aws, *again, RoleArn=OPEN, SourceIdentity="eve")
    assert "conflicts" in refused(aws, *again, RoleArn=OPEN, SourceIdentity="ada", Tags=TAGS)
    assert aws.assume(*again, RoleArn=OPEN, SourceIdentity="ada")
    assert aws.assume(*key, RoleArn=FOREIGN, ExternalId="x-1")


def test_a_region_takes_only_signatures_for_itself_and_can_be_off(aws: Aws) -> None:
    key = aws.sts.add_user(USER)
    with serving(lambda _: aws.sts.application("us-east-1")) as port:
        aws.sts_url = f"http://127.0.0.1:{port}/"
        assert "valid region" in refused(aws, *key)
    with serving(lambda _: aws.sts.application("eu-west-1")) as port:
        aws.sts_url = f"http://127.0.0.1:{port}/"
        assert aws.assume(*key)
        aws.sts.disabled_regions.add("eu-west-1")
        assert refused(aws, *key).startswith("RegionDisabledException")


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


def test_a_token_is_worth_something_only_at_the_host_that_made_it(aws: Aws) -> None:
    token = aws.token(aws.assume(*aws.sts.add_user(USER))).json()["SigninToken"]
    home = "https://eu-west-1.console.aws.amazon.com/console/home"
    with serving(lambda _: aws.signin.application("eu-west-1")) as port:
        there = httpx.get(
            f"http://127.0.0.1:{port}/federation",
            params={"Action": "login", "SigninToken": token, "Destination": home, "Issuer": "https://x/"},
        )
    assert there.status_code == 400
    assert login(aws, token, home).status_code == 302


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
        "https://evilconsole.aws.amazon.com/",
        "https://x@console.aws.amazon.com/",
        "https://console.aws.amazon.com:8443/",
        "https://console.aws.amazon.com:x/",
        "https://signin.aws.amazon.com/",
        "https://console.amazonaws.cn/",
    ],
)
def test_a_destination_that_is_no_console_is_a_400(aws: Aws, destination: str) -> None:
    token = aws.token(aws.assume(*aws.sts.add_user(USER))).json()["SigninToken"]
    assert login(aws, token, destination).status_code == 400


# --- both sides ----------------------------------------------------------------------------

ACROSS = "arn:aws:iam::222222222222:role/sso/Admin"
ORGANIZATION = "o-example"


def allows(principal: str | None = None, *actions: str, **condition: dict[str, str]) -> dict[str, object]:
    """A policy of one statement."""
    statement: dict[str, object] = {"Effect": "Allow", "Action": list(actions or ("sts:AssumeRole",))}
    statement |= {"Principal": {"AWS": principal}} if principal else {"Resource": "*"}
    return {"Statement": [{**statement, "Condition": condition}]}


@pytest.mark.parametrize(
    ("trust", "policy", "is_allowed"),
    [
        (allows(USER), allows(), True),
        (allows(USER), allows(None, "sts:GetCallerIdentity"), False),
        (allows("arn:aws:iam::123456789012:root"), allows(), True),
        (allows("arn:aws:iam::123456789012:root"), {"Statement": []}, False),
        (allows("arn:aws:iam::333333333333:root"), allows(), False),
        (allows("AIDADELETEDUSER"), allows(), False),
        (allows(USER, ArnEquals={"aws:PrincipalArn": USER}), allows(), True),
        (allows(USER, StringEquals={"sts:ExternalId": "x"}), allows(), False),
        (allows(USER), allows(StringEquals={"aws:ResourceOrgID": ORGANIZATION}), True),
        (allows(USER), allows(StringEquals={"aws:ResourceOrgID": "o-other"}), False),
        (allows(USER), allows(StringEquals={"aws:ResourceAccount": "222222222222"}), True),
        (allows(USER), allows(StringEquals={"aws:ResourceAccount": "123456789012"}), False),
    ],
)
def test_across_accounts_both_the_trust_policy_and_the_callers_own_must_allow(
    trust: dict[str, object], policy: dict[str, object], *, is_allowed: bool
) -> None:
    sts = PretendSts(
        roles={ACROSS: PretendRole(3600, trust=trust)}, organizations={"222222222222": ORGANIZATION}
    )
    with serving(lambda _: sts.application()) as port:
        aws = Aws(PretendSignin(book=sts), sts, MovableClock(), f"http://127.0.0.1:{port}/", "")
        if is_allowed:
            assert aws.assume(*sts.add_user(USER, policy), RoleArn=ACROSS)
        else:
            assert "AccessDenied" in refused(aws, *sts.add_user(USER, policy), RoleArn=ACROSS)


@pytest.mark.parametrize(("named", "is_allowed"), [(USER, True), ("arn:aws:iam::123456789012:root", False)])
def test_in_one_account_a_trust_policy_that_names_the_caller_is_enough(
    named: str, *, is_allowed: bool
) -> None:
    sts = PretendSts(roles={ROLE: PretendRole(3600, trust=allows(named))})
    with serving(lambda _: sts.application()) as port:
        aws = Aws(PretendSignin(book=sts), sts, MovableClock(), f"http://127.0.0.1:{port}/", "")
        key = sts.add_user(USER, {"Statement": []})
        if is_allowed:
            assert aws.assume(*key)
        else:
            assert "AccessDenied" in refused(aws, *key)
