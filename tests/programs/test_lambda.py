"""The service as a Lambda function: whole sign-ins through the events of an ALB, an HTTP API and a function URL."""

import base64
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from moto.server import ThreadedMotoServer

from awscons import lambda_handler
from awscons.demo.pretend_signin import PretendSignin
from awscons.demo.pretend_sts import PretendRole, PretendSts
from awscons.lambda_handler import Handler, load_handler
from support.browser import sent_to_idp
from support.house import config_for, vouch_for_ada, write_credentials
from support.serving import serving
from support.stage import write_config

HOST = "sso.example.com"
ROLE = "arn:aws:iam::123456789012:role/MyAdminRole"
CLIENT, FORGED = "203.0.113.9", "10.0.0.1"


# --- events, as AWS documents them -------------------------------------------------------


def of_alb(method: str, path: str, query: str, headers: dict[str, str], body: str) -> dict[str, Any]:
    """ELB guide, "Receive events from the load balancer", with multi-value headers."""
    group = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/lambda/50dc6c495c0c9188"
    forwarded = {
        "x-forwarded-for": f"{FORGED}, {CLIENT}",
        "x-forwarded-proto": "https",
        "x-forwarded-port": "443",
    }
    return {
        "requestContext": {"elb": {"targetGroupArn": group}},
        "httpMethod": method,
        "path": path,
        "multiValueQueryStringParameters": parse_qs(query, keep_blank_values=True),
        "multiValueHeaders": {name: [value] for name, value in {**headers, **forwarded}.items()},
        "body": body,
        "isBase64Encoded": False,
    }


def of_http_api(method: str, path: str, query: str, headers: dict[str, str], body: str) -> dict[str, Any]:
    """API Gateway guide, payload format 2.0; the body in Base64, as for every type that is no text."""
    cookies = headers.pop("cookie", "")
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        **({"cookies": cookies.split("; ")} if cookies else {}),
        "headers": {**headers, "x-forwarded-for": f"{FORGED}, {CLIENT}", "x-forwarded-proto": "https"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api-id",
            "domainName": HOST,
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": CLIENT,
                "userAgent": "x",
            },
            "requestId": "id",
            "routeKey": "$default",
            "stage": "$default",
            "timeEpoch": 1583348638390,
        },
        "body": base64.b64encode(body.encode()).decode(),
        "isBase64Encoded": True,
    }


def of_function_url(method: str, path: str, query: str, headers: dict[str, str], body: str) -> dict[str, Any]:
    """Lambda guide, "Request and response payloads" of function URLs."""
    event = of_http_api(method, path, query, headers, body)
    event["requestContext"] |= {"authentication": None, "authorizer": None, "domainPrefix": "abc"}
    return event


Event = Callable[[str, str, str, dict[str, str], str], dict[str, Any]]


# --- the function, and a browser before it -----------------------------------------------


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Any], str]]:
    """The configuration of a function with a table, and the address of DynamoDB."""
    folder = tmp_path_factory.mktemp("aws")
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    sts = PretendSts(roles={ROLE: PretendRole(43_200)})
    signin = PretendSignin(book=sts)
    keys = sts.add_user("arn:aws:iam::123456789012:user/Broker")
    try:
        with (
            serving(lambda _port: sts.application()) as sts_port,
            serving(lambda _port: signin.application()) as signin_port,
        ):
            config = config_for(
                f"https://{HOST}/saml/acs",
                sts_url=f"http://127.0.0.1:{sts_port}/",
                signin_url=f"http://127.0.0.1:{signin_port}/federation",
                credentials_file=write_credentials(folder / "credentials", *keys),
                store={"cache_type": "DynamoDB", "table_name": "awscons"},
            )
            yield config, f"http://{host}:{port}"
    finally:
        moto.stop()


@pytest.fixture
def environment(aws: tuple[dict[str, Any], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", aws[1])
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")


@dataclass
class Client:
    """A browser that reaches the function through events of one kind."""

    handler: Handler
    event: Event
    cookies: SimpleCookie = field(default_factory=SimpleCookie)

    def ask(self, method: str, path: str, form: dict[str, str] | None = None, **more: str) -> httpx.Response:
        parts = urlsplit(path)
        headers = {"host": HOST, "user-agent": "Mozilla/5.0"}
        headers |= {name.replace("_", "-"): value for name, value in more.items()}
        if self.cookies:
            headers["cookie"] = "; ".join(f"{name}={one.value}" for name, one in self.cookies.items())
        if form is not None:
            headers["content-type"] = "application/x-www-form-urlencoded"
        answer = self.handler(
            self.event(method, parts.path, parts.query, headers, urlencode(form or {})), None
        )
        json.dumps(answer)  # what the runtime does with it
        several = {**answer.get("multiValueHeaders", {})}
        several |= {name: [value] for name, value in answer.get("headers", {}).items()}
        set_cookies = answer.get("cookies", []) + several.pop("Set-Cookie", [])
        for cookie in set_cookies:
            self.cookies.load(cookie)
        body = answer["body"]
        content = base64.b64decode(body) if answer["isBase64Encoded"] else body.encode()
        found = [(name, value) for name, values in several.items() for value in values]
        request = httpx.Request(method, f"https://{HOST}{path}")
        return httpx.Response(answer["statusCode"], headers=found, content=content, request=request)


def function(folder: Path, config: dict[str, Any]) -> Handler:
    return load_handler(str(write_config(folder / "config.py", config)))


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("event", [of_alb, of_http_api, of_function_url])
def test_a_person_signs_in_and_gets_the_console_with_its_long_address(
    aws: tuple[dict[str, Any], str], tmp_path: Path, event: Event, capsys: pytest.CaptureFixture[str]
) -> None:
    client = Client(function(tmp_path, aws[0]), event)
    sent = sent_to_idp(client.ask("GET", "/aws/cloudadmin?region=us-east-1"))
    form = vouch_for_ada(sent, f"https://{HOST}/saml/acs")
    back = client.ask("POST", "/saml/acs", form, origin="https://idp.example.com")
    assert back.status_code == 303, back.text
    opened = client.ask("GET", urlsplit(back.headers["location"])._replace(scheme="", netloc="").geturl())
    assert opened.status_code == 301
    assert "SigninToken=" in opened.headers["location"]
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    addresses = {
        line["client_address"] for line in lines if line["event"] == "audit" and "client_address" in line
    }
    assert addresses == {CLIENT}
    assert not [line for line in lines if line["event"] == "proxy.undeclared"]


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("event", [of_alb, of_http_api])
def test_pages_and_files_arrive_whole(aws: tuple[dict[str, Any], str], tmp_path: Path, event: Event) -> None:
    client = Client(function(tmp_path, aws[0]), event)
    page = client.ask("GET", "/aws/nothing-here", accept_encoding="gzip")
    assert page.status_code == 401
    (style,) = re.findall(r'rel="stylesheet" href="([^"]+)"', page.text)
    assert "color" in client.ask("GET", style).text


@pytest.mark.usefixtures("environment")
def test_a_stage_in_the_path_is_the_path_of_the_service(
    aws: tuple[dict[str, Any], str], tmp_path: Path
) -> None:
    config = {**aws[0], "saml_config": {**aws[0]["saml_config"], "acs_url": f"https://{HOST}/prod/saml/acs"}}
    client = Client(function(tmp_path, config), of_http_api)
    assert client.ask("GET", "/prod/healthz").status_code == 200
    assert client.ask("GET", "/prod/aws/cloudadmin").status_code == 302


@pytest.mark.usefixtures("environment")
def test_an_event_of_another_kind_is_one_line(
    aws: tuple[dict[str, Any], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = function(tmp_path, aws[0])
    capsys.readouterr()
    events: list[Any] = [
        *({}, [], None, "x", 3, {"requestContext": None}),
        {"Records": [{"eventSource": "aws:sqs"}]},
        {"version": "1.0", "httpMethod": "GET"},
        {"requestContext": {"elb": {}}, "path": "/"},
        {"version": "2.0", "requestContext": {"http": {}}},
    ]
    for event in events:
        assert handler(event, None)["statusCode"] == 400
        (line,) = capsys.readouterr().err.splitlines()
        assert json.loads(line)["event"] == "lambda.unknown_event"


@pytest.mark.usefixtures("environment")
def test_a_target_group_without_multi_value_headers_is_named_once(
    aws: tuple[dict[str, Any], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def single(*request: Any) -> dict[str, Any]:
        event = of_alb(*request)
        event["headers"] = {name: value for name, (value,) in event.pop("multiValueHeaders").items()}
        return event

    client = Client(function(tmp_path, aws[0]), single)
    client.ask("GET", "/healthz", user_agent="ELB-HealthChecker/2.0")
    assert "lambda.single_value_headers" not in capsys.readouterr().err
    client.ask("GET", "/healthz")
    client.ask("GET", "/healthz")
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "single_value_headers" in line]
    assert "lambda.multi_value_headers.enabled" in line


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("event", [of_alb, of_http_api])
def test_behind_one_more_proxy_the_client_is_the_address_that_this_proxy_saw(
    aws: tuple[dict[str, Any], str], tmp_path: Path, event: Event, capsys: pytest.CaptureFixture[str]
) -> None:
    def behind_cloudfront(*request: Any) -> dict[str, Any]:
        # CloudFront appends the client's address, and the ALB or the API that of CloudFront, which is its CLIENT here.
        made = event(*request)
        chain = f"{FORGED}, 198.51.100.7, {CLIENT}"
        if "multiValueHeaders" in made:
            made["multiValueHeaders"]["x-forwarded-for"] = [chain]
        else:
            made["headers"]["x-forwarded-for"] = chain
        return made

    client = Client(
        function(tmp_path, {**aws[0], "server_config": {"trusted_proxies": 1}}), behind_cloudfront
    )
    client.ask("POST", "/saml/acs", {"SAMLResponse": "x"}, origin="https://idp.example.com")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    assert {line["client_address"] for line in lines if "client_address" in line} == {"198.51.100.7"}


@pytest.mark.usefixtures("environment")
def test_the_documented_handler_reads_the_named_configuration_and_keeps_its_state_in_tmp(
    aws: tuple[dict[str, Any], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWSCONS_CONFIG", str(write_config(tmp_path / "config.py", aws[0])))
    monkeypatch.delenv("STATE_DIRECTORY")
    assert lambda_handler._STATE == "/tmp/awscons"
    monkeypatch.setattr(lambda_handler, "_STATE", str(tmp_path / "tmp"))
    assert Client(lambda_handler.handler, of_alb).ask("GET", "/healthz").status_code == 200
    assert os.environ["STATE_DIRECTORY"] == str(tmp_path / "tmp")


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("store", [{"cache_type": "SQLite"}, {"cache_type": "SimpleCache"}])
def test_a_store_that_instances_do_not_share_is_refused_at_the_start(
    aws: tuple[dict[str, Any], str], tmp_path: Path, capsys: pytest.CaptureFixture[str], store: dict[str, Any]
) -> None:
    with pytest.raises(SystemExit):
        function(tmp_path, {**aws[0], "session_config": {"session_backing": store}})
    assert "DynamoDB" in capsys.readouterr().err
