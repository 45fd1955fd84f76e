"""Where the broker finds STS, its region and its way out: as every program of AWS finds them."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from awscons.adapters.aws.broker_credentials import BrokerCredentials
from awscons.adapters.aws.http_pool import HttpPool
from awscons.adapters.aws.sts_client import StsClient
from awscons.aws.ports import StsRoute
from awscons.aws.settings import AwsSettings
from awscons.config.load import parse_settings
from awscons.errors import BrokerCredentialsMissing, UpstreamSilent, UpstreamUnusable
from support.faults import Answer, Faulty
from support.house import config_for
from support.proxy import Proxy, open_proxy
from support.serving import serving

US = StsRoute(profile_name=None, region="us-east-1", endpoint=None)
WHO = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::123456789012:user/broker</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>"""
PROFILE = """[default]
region = eu-north-1
{settings}
[services local]
sts =
  endpoint_url = {url}
"""


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    with open_proxy() as opened:
        monkeypatch.setenv("HTTPS_PROXY", f"http://ada:pa%3Ass@127.0.0.1:{opened.port}")
        yield opened


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


def settings() -> AwsSettings:
    config = config_for(
        "https://sso.example.com/saml/acs",
        sts_url="https://unused.example/",
        signin_url="https://unused.example/",
        credentials_file=Path("unused"),
        store={"cache_type": "SQLite"},
    )
    for key in ("sts_endpoint", "aws_credentials_file", "aws_profile_name"):
        del config["aws_config"][key]
    return parse_settings(config, source="test", environment={}).aws


def client() -> StsClient:
    return StsClient(settings(), HttpPool(), BrokerCredentials(settings()))


def ask(route: StsRoute = US) -> str:
    return client().principal_arn(route, seconds_left=20)


def answering(body: bytes) -> Faulty:
    """An STS that always says the same."""
    return Faulty(lambda *_: [], fault=Answer("200 OK", body, "text/xml"))


def write_profile(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (folder / "config").write_text(text)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "config"))


@pytest.mark.parametrize(
    ("switches", "host"),
    [
        ((), "sts.us-east-1.amazonaws.com:443"),
        (("AWS_USE_FIPS_ENDPOINT",), "sts-fips.us-east-1.amazonaws.com:443"),
        (("AWS_USE_DUALSTACK_ENDPOINT",), "sts.us-east-1.api.aws:443"),
    ],
)
def test_the_host_is_the_regions_own(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, switches: tuple[str, ...], host: str
) -> None:
    for switch in switches:
        monkeypatch.setenv(switch, "true")
    with pytest.raises(UpstreamSilent):
        ask()
    assert proxy.host() == host


def test_a_proxy_gets_the_password_that_its_url_has(proxy: Proxy) -> None:
    with pytest.raises(UpstreamSilent):
        ask()
    password = base64.b64encode(b"ada:pa:ss").decode()
    assert f"proxy-authorization: basic {password}".lower() in proxy.heads[0].lower()


@pytest.mark.parametrize("where", ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL", "services", "endpoint_url"])
def test_sts_is_where_the_environment_or_the_profile_puts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    with serving(lambda _port: answering(WHO)) as port:
        url = f"http://127.0.0.1:{port}/"
        setting = {"services": "services = local", "endpoint_url": f"endpoint_url = {url}"}.get(where, "")
        write_profile(tmp_path, monkeypatch, PROFILE.format(settings=setting, url=url))
        if where.startswith("AWS"):
            monkeypatch.setenv(where, url)
        assert ask() == "arn:aws:iam::123456789012:user/broker"


def test_addresses_that_the_profile_ignores_are_ignored(
    proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_profile(tmp_path, monkeypatch, "[default]\nignore_configured_endpoint_urls = true\n")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9/")
    with pytest.raises(UpstreamSilent):
        ask()
    assert proxy.host() == "sts.us-east-1.amazonaws.com:443"


def test_a_services_section_that_is_not_there_is_named_and_nobody_else_is_asked(
    proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_profile(tmp_path, monkeypatch, "[default]\nservices = typo\n[services local]\nsts =\n  a = b\n")
    with pytest.raises(BrokerCredentialsMissing, match="profile 'default' cannot be used") as caught:
        ask()
    assert "[services typo]" in caught.value.hint
    assert proxy.heads == []


@pytest.mark.parametrize(
    ("environment", "profile", "region"),
    [
        ({}, "", None),
        ({"AWS_REGION": "eu-west-3"}, "", "eu-west-3"),
        ({"AWS_REGION": " "}, "", None),
        ({"AWS_REGION": "eu-west-3", "AWS_DEFAULT_REGION": "eu-west-2"}, "", "eu-west-2"),
        ({"AWS_REGION": "eu-west-3"}, "region = eu-west-1", "eu-west-1"),
    ],
)
def test_aws_region_counts_after_aws_default_region_and_the_profile(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    profile: str,
    region: str | None,
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    write_profile(tmp_path, monkeypatch, f"[default]\n{profile}\n")
    assert client().configured_region(None) == region


def test_services_that_cannot_be_read_are_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_profile(tmp_path, monkeypatch, "[default]\nservices = local\n[services local]\nsts = nonsense\n")
    with pytest.raises(BrokerCredentialsMissing):
        client().prepare(US)


def test_region_and_certificates_are_those_of_the_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    bundle = tmp_path / "bundle.pem"
    write_profile(tmp_path, monkeypatch, f"[default]\nregion = eu-north-1\nca_bundle = {bundle}\n")
    assert client().configured_region(None) == "eu-north-1"
    assert BrokerCredentials(settings()).authorities(None).bundle == str(bundle)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/last.pem")
    assert BrokerCredentials(settings()).authorities(None).bundle == str(bundle)
    monkeypatch.setenv("AWS_CA_BUNDLE", "/other.pem")
    assert BrokerCredentials(settings()).authorities(None).bundle == "/other.pem"


def test_a_profile_that_is_not_there_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_profile(tmp_path, monkeypatch, "[default]\n")
    with pytest.raises(BrokerCredentialsMissing, match="profile 'missing' is in neither"):
        client().prepare(StsRoute(profile_name="missing", region="us-east-1", endpoint=None))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"<GetCallerIdentityResponse/>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
        b"\xff\xfe",
        WHO.replace(b"user/broker", b"").replace(b"arn:aws:iam::123456789012:", b""),
    ],
)
def test_an_answer_that_says_nothing_is_no_answer(body: bytes) -> None:
    with serving(lambda _port: answering(body)) as port:
        route = StsRoute(profile_name=None, region="us-east-1", endpoint=f"http://127.0.0.1:{port}/")
        with pytest.raises(UpstreamUnusable, match="no usable answer"):
            ask(route)
