"""Three dicts into settings: every key and default of the origin, and every mistake at once."""

import base64
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from awscons import __version__
from awscons.config.configuration_warnings import configuration_warnings
from awscons.config.load import parse_settings
from awscons.config.schema import (
    FileSystemBacking,
    MemcachedBacking,
    RedisBacking,
    SimpleBacking,
    SqliteBacking,
)
from awscons.config.settings import Settings
from awscons.errors import ConfigurationError, Mistake
from awscons.findings import Severity
from awscons.saml.parties import IdentityProvider
from support.forge import Forger, certificate_of, pem_of

NOW = datetime(2026, 11, 22, tzinfo=UTC)
CERTIFICATE = pem_of(Forger().certificate)

SAML: dict[str, Any] = {
    "saml_endpoint": "https://idp.example.com/sso",
    "spid": "urn:awscons",
    "issuer": "https://idp.example.com/",
    "acs_url": "https://sso.example.com/saml/acs",
    "certificate": CERTIFICATE,
}
MINIMAL: dict[str, Any] = {
    "targets": [{"service": "awsadm", "role": "arn:aws:iam::123456789012:role/MyAdminRole"}]
}
FULL: dict[str, Any] = {
    "url_prefix": "/aws",
    "aws_profile_name": "cons",
    "aws_credentials_file": "/usr/local/.aws/credentials",
    "targets": [
        {
            "service": "cloudadmin",
            "role": "arn:aws:iam::123456789012:role/MyAdminRole",
            "duration": 28800,
            "groups": ["sysadmin", "cloudadmin"],
        },
        {
            "service": "sandbox",
            "role": "arn:aws:iam::999999789012:role/DBAdmin",
            "duration": 28800,
            "groups": ["dbs"],
        },
    ],
}


def parse(
    *,
    session: object = None,
    saml: object = None,
    aws: object = None,
    server: object = None,
    environment: dict[str, str] | None = None,
) -> Settings:
    sections = {
        "session_config": {} if session is None else session,
        "saml_config": SAML if saml is None else saml,
        "aws_config": MINIMAL if aws is None else aws,
        **({} if server is None else {"server_config": server}),
    }
    return parse_settings(sections, source="config.py", environment=environment or {})


def mistakes(**sections: object) -> dict[str, Mistake]:
    with pytest.raises(ConfigurationError) as caught:
        parse(**sections)  # type: ignore[arg-type]
    return {mistake.path: mistake for mistake in caught.value.mistakes}


def with_target(**changes: object) -> dict[str, object]:
    return {**MINIMAL, "targets": [{**MINIMAL["targets"][0], **changes}]}


# --- the origin's examples and defaults --------------------------------------------------


def test_the_minimal_example_opens_one_target_for_an_hour_to_everyone() -> None:
    settings = parse()
    (target,) = settings.targets
    assert (target.name, target.duration, target.open_to_everyone) == ("awsadm", 3600, True)
    assert settings.site.target_path("awsadm") == "/awsadm"


def test_the_full_example_says_exactly_what_the_text_says() -> None:
    settings = parse(aws=FULL)
    cloudadmin, sandbox = settings.targets
    assert settings.site.target_path(cloudadmin.name) == "/aws/cloudadmin"
    assert cloudadmin.groups == ("sysadmin", "cloudadmin")
    assert (cloudadmin.duration, sandbox.duration) == (28800, 28800)
    assert (cloudadmin.role.account_id, sandbox.role.account_id) == ("123456789012", "999999789012")
    assert sandbox.groups == ("dbs",)
    assert settings.aws.profile_name == "cons"
    assert settings.aws.credentials_file == "/usr/local/.aws/credentials"


def test_the_defaults_are_the_documented_ones() -> None:
    settings = parse()
    assert isinstance(settings.backing, SqliteBacking)
    assert settings.site.url_prefix == ""
    assert settings.login.user_attr == "name_id"
    assert settings.login.attribute_map == {}
    assert settings.login.auth_duration == timedelta(hours=1)
    assert settings.login.idle_timeout == timedelta(hours=1)
    assert settings.login.pending_lifetime == timedelta(minutes=10)
    assert settings.login.force_authn is False
    assert settings.aws.timeout == 10
    assert settings.aws.profile_name is None


def test_every_key_of_the_origin_is_taken() -> None:
    settings = parse(
        session={
            "session_backing": {"cache_type": "FileSystem", "cache_dir": "/tmp/x", "threshold": 2000},
            "session_cookie": "consurl",
            "session_expire": 300,
            "session_secure": True,
            "session_path": "/",
            "session_reference": "session",
        },
        saml={
            **SAML,
            "user_attr": "mail",
            "assertions": ("groups", "mail"),
            "auth_duration": 7200,
            "force_reauth": True,
            "idp_ok": False,
            "reqid_life": 120,
        },
        aws={**FULL, "timeout": 200.0},
    )
    assert settings.cookies.name == "consurl"
    assert settings.login.idle_timeout == timedelta(seconds=300)
    assert settings.login.attribute_map == {"groups": "groups", "mail": "mail"}
    assert settings.login.force_authn is True
    assert settings.aws.timeout == 200


@pytest.mark.parametrize("key", ["aws_profile_name", "aws_profile"])
def test_the_profile_goes_by_either_name(key: str) -> None:
    assert parse(aws={**MINIMAL, key: "cons"}).aws.profile_name == "cons"


def test_acs_endpoint_in_the_environment_overrides_acs_url() -> None:
    settings = parse(environment={"ACS_ENDPOINT": "https://other.example.com/awscon/saml/acs"})
    assert settings.service_provider.acs_url == "https://other.example.com/awscon/saml/acs"
    assert settings.site.origin == "https://other.example.com"
    assert settings.site.mount_path == "/awscon"


@pytest.mark.parametrize(
    ("backing", "kind"),
    [
        ({"cache_type": "SimpleCache"}, SimpleBacking),
        ({"cache_type": "FileSystem", "cache_dir": "/x"}, FileSystemBacking),
        ({"cache_type": "Redis", "host": "r", "port": 1, "password": "p", "key_prefix": "k"}, RedisBacking),
        ({"cache_type": "RedisCache", "default_timeout": 300}, RedisBacking),
        ({"cache_type": "Memcached", "servers": ["a:1", "b:2"]}, MemcachedBacking),
        ({"cache_type": "SQLite", "path": "/x"}, SqliteBacking),
    ],
)
def test_every_kind_of_store_is_taken_with_its_options(backing: dict[str, object], kind: type) -> None:
    assert isinstance(parse(session={"session_backing": backing}).backing, kind)


@pytest.mark.parametrize(
    "pem",
    [
        CERTIFICATE,
        "\n      " + CERTIFICATE.replace("\n", "\n      "),
        CERTIFICATE.replace("\n", "\r\n"),
        "-----BEGIN CERTIFICATE-----" + "".join(CERTIFICATE.splitlines()[1:-1]) + "-----END CERTIFICATE-----",
        pem_of(certificate_of("next"), certificate_of("idp"), certificate_of("ec-idp")),
    ],
    ids=["as-is", "indented", "crlf", "one-line", "several"],
)
def test_a_certificate_is_taken_as_people_paste_it(pem: str) -> None:
    provider = by_hand(parse(saml={**SAML, "certificate": pem}))
    assert certificate_of("idp") in provider.signing_certificates


# --- mistakes ----------------------------------------------------------------------------


def test_all_mistakes_of_all_sections_are_reported_together() -> None:
    found = mistakes(
        session={"session_expire": "300", "session_backng": {}},
        saml={**SAML, "issuer": "", "acs_url": "nowhere", "certificate": "none"},
        aws={"url_prefx": "/aws", "targets": [{"service": "a/b", "role": "x", "duration": 60}]},
    )
    assert set(found) == {
        "session_config.session_expire",
        "session_config.session_backng",
        "saml_config.issuer",
        "saml_config.acs_url",
        "saml_config.certificate",
        "aws_config.url_prefx",
        "aws_config.targets[0].service",
        "aws_config.targets[0].role",
        "aws_config.targets[0].duration",
    }


def test_a_report_names_path_found_wanted_and_hint() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(aws={**MINIMAL, "url_prefx": "/aws"})
    report = str(caught.value)
    assert report.startswith("config.py: 1 mistake\n")
    assert "aws_config.url_prefx" in report
    assert "found   a key that does not exist" in report
    assert "wanted  one of " in report
    assert "hint    did you mean 'url_prefix'?" in report


@pytest.mark.parametrize(
    ("sections", "path", "wanted", "hint"),
    [
        ({"saml": {}}, "saml_config.saml_endpoint", "required", ""),
        ({"session": []}, "session_config", "a dict", ""),
        ({"aws": {"targets": []}}, "aws_config.targets", "at least one", ""),
        ({"aws": {}}, "aws_config.targets", "required", ""),
        ({"aws": with_target(duration="3600")}, "aws_config.targets[0].duration", "a whole number", ""),
        ({"aws": with_target(duration=899)}, "aws_config.targets[0].duration", "at least 900", ""),
        ({"aws": with_target(duration=43201)}, "aws_config.targets[0].duration", "at most 43,200", ""),
        ({"aws": with_target(duration=True)}, "aws_config.targets[0].duration", "a whole number", ""),
        (
            {"aws": with_target(groups="dbs")},
            "aws_config.targets[0].groups",
            "a list of text",
            "did you mean ['dbs']?",
        ),
        ({"aws": with_target(groups=[7])}, "aws_config.targets[0].groups[0]", "text", ""),
        ({"aws": with_target(groups=[""])}, "aws_config.targets[0].groups[0]", "not empty", ""),
        (
            {"aws": with_target(group=["x"])},
            "aws_config.targets[0].group",
            "one of ",
            "did you mean 'groups'?",
        ),
        (
            {"aws": with_target(role="arn:aws:iam::12345:role/x")},
            "aws_config.targets[0].role",
            "role ARN",
            "twelve digits",
        ),
        (
            {"aws": with_target(role="arn:aws-moon:iam::123456789012:role/x")},
            "aws_config.targets[0].role",
            "partition",
            "",
        ),
        (
            {"aws": with_target(service="saml")},
            "aws_config.targets[0].service",
            "our own paths",
            "another name",
        ),
        ({"aws": with_target(service="static")}, "aws_config.targets[0].service", "our own paths", ""),
        ({"aws": with_target(service="a/b")}, "aws_config.targets[0].service", "one part of a URL path", ""),
        ({"aws": with_target(service="..")}, "aws_config.targets[0].service", "one part of a URL path", ""),
        ({"aws": with_target(service="")}, "aws_config.targets[0].service", "one part of a URL path", ""),
        (
            {"aws": with_target(service="a" * 65)},
            "aws_config.targets[0].service",
            "one part of a URL path",
            "",
        ),
        ({"aws": {**MINIMAL, "url_prefix": "aws"}}, "aws_config.url_prefix", "/aws", "did you mean '/aws'?"),
        (
            {"aws": {**MINIMAL, "url_prefix": "/aws/"}},
            "aws_config.url_prefix",
            "/aws",
            "did you mean '/aws'?",
        ),
        ({"aws": {**MINIMAL, "url_prefix": "/saml"}}, "aws_config.url_prefix", "our own", "ours"),
        (
            {"aws": {**MINIMAL, "sts_endpoint": "http://sts.example.com/"}},
            "aws_config.sts_endpoint",
            "https",
            "",
        ),
        ({"aws": {**MINIMAL, "timeout": 0}}, "aws_config.timeout", "at least 1", ""),
        (
            {"aws": {**MINIMAL, "aws_profile": "a", "aws_profile_name": "b"}},
            "aws_config.aws_profile",
            "one of",
            "",
        ),
        ({"saml": {**SAML, "acs_url": "https://x.example.com/acs"}}, "saml_config.acs_url", "/saml/acs", ""),
        (
            {"saml": {**SAML, "acs_url": "sso.example.com/saml/acs"}},
            "saml_config.acs_url",
            "http(s) URL",
            "https://",
        ),
        (
            {"saml": {**SAML, "acs_url": "https://u:p@x.example.com/saml/acs"}},
            "saml_config.acs_url",
            "user name",
            "",
        ),
        ({"saml": {**SAML, "acs_url": "https://x:99999/saml/acs"}}, "saml_config.acs_url", "http(s) URL", ""),
        (
            {"saml": {**SAML, "acs_url": "http://sso.example.com/saml/acs"}},
            "saml_config.acs_url",
            "https",
            "session_secure",
        ),
        ({"saml": {**SAML, "auth_duration": 10**15}}, "saml_config.auth_duration", "at most 2,592,000", ""),
        ({"aws": {**MINIMAL, "timeout": "10"}}, "aws_config.timeout", "a number", ""),
        ({"saml": {**SAML, "assertions": "groups"}}, "saml_config.assertions", "a list", "['groups']"),
        ({"saml": {**SAML, "issuer": "x" * 1025}}, "saml_config.issuer", "entity ID", ""),
        ({"saml": {**SAML, "certificate": "MIIB"}}, "saml_config.certificate", "PEM", "BEGIN CERTIFICATE"),
        (
            {"saml": {**SAML, "certificate": pem_of(certificate_of("small", bits=1024))}},
            "saml_config.certificate",
            "2,048",
            "",
        ),
        (
            {"session": {"session_backing": {}}},
            "session_config.session_backing.cache_type",
            "one of SQLite",
            "",
        ),
        (
            {"session": {"session_backing": {"cache_type": "Redi"}}},
            "session_config.session_backing.cache_type",
            "one of SQLite",
            "did you mean 'Redis'?",
        ),
        (
            {"session": {"session_backing": {"cache_type": "Redis", "hots": "x"}}},
            "session_config.session_backing.hots",
            "one of ",
            "did you mean 'host'?",
        ),
        (
            {"session": {"session_backing": {"cache_type": "FileSystem"}}},
            "session_config.session_backing.cache_dir",
            "required",
            "",
        ),
        (
            {"session": {"session_backing": {"cache_type": "Memcached", "servers": ["a:b:c"]}}},
            "session_config.session_backing.servers[0]",
            "host and port",
            "",
        ),
        (
            {"session": {"session_backing": {"cache_type": "Redis", "ssl_ca_certs": "/x.pem"}}},
            "session_config.session_backing.ssl",
            "True: without it there is no TLS",
            "",
        ),
        (
            {"session": {"session_backing": {"cache_type": "Memcached", "ssl": True, "ssl_keyfile": "k"}}},
            "session_config.session_backing.ssl_keyfile",
            "`ssl_certfile` beside it",
            "",
        ),
        (
            {"session": {"session_backing": {"cache_type": "Memcached", "password": "p"}}},
            "session_config.session_backing.username",
            "`username` and `password` together",
            "",
        ),
        (
            {"session": {"session_backing": {"cache_type": "Memcached", "username": "two words"}}},
            "session_config.session_backing.username",
            "one word",
            "",
        ),
        ({"session": {"session_path": "/aws"}}, "session_config.session_path", "'/' or shorter", ""),
        (
            {
                "session": {"session_cookie": "__Host-x"},
                "saml": {**SAML, "acs_url": "https://sso.example.com/awscon/saml/acs"},
            },
            "session_config.session_cookie",
            "browsers take here",
            "leave it out",
        ),
        ({"saml": {**SAML, "spid": "urn:a\x01b"}}, "saml_config.spid", "entity ID", ""),
        ({"saml": {**SAML, "spid": "urn:\ud800"}}, "saml_config.spid", "entity ID", ""),
        ({"session": {"session_cookie": "a b"}}, "session_config.session_cookie", "cookie name", ""),
        (
            {"saml": {**SAML, "group_formats": ["domains"]}},
            "saml_config.group_formats[0]",
            "one of 'path'",
            "mean 'domain'?",
        ),
        (
            {"saml": {**SAML, "authn_request_binding": "HTTP-Redirct"}},
            "saml_config.authn_request_binding",
            "one of 'HTTP-Redirect' or 'HTTP-POST'",
            "did you mean 'HTTP-Redirect'?",
        ),
        (
            {"saml": {**SAML, "idp_metadata": "http://idp.example.com/m"}},
            "saml_config.idp_metadata",
            "https",
            "",
        ),
        ({"saml": {**SAML, "idp_metadata": "idp.xml"}}, "saml_config.certificate", "one of the two", ""),
        (
            {"saml": {**SAML, "idp_metadata_certificate": CERTIFICATE}},
            "saml_config.idp_metadata_certificate",
            "`idp_metadata` beside it",
            "",
        ),
        (
            {"saml": {**SAML, "assertions": "groups"}},
            "saml_config.assertions",
            "a list of attribute names",
            "['groups']",
        ),
        (
            {"saml": {**SAML, "assertions": {"groups": 7}}},
            "saml_config.assertions",
            "short name",
            "must both be text",
        ),
        ({"saml": {**SAML, "sign_requests": True}}, "saml_config.sign_requests", "`sp_keys` beside it", ""),
        ({"saml": {**SAML, "single_logout": True}}, "saml_config.slo_endpoint", "SLO URL", ""),
        (
            {"saml": {**SAML, "sp_keys": "/nowhere"}},
            "saml_config.sp_keys",
            "sound key pairs",
            "awscons keys new",
        ),
        (
            {"saml": {**SAML, "organization": {"name": "x", "urll": "https://example.com/"}}},
            "saml_config.organization.urll",
            "one of display_name, name, url",
            "did you mean 'url'?",
        ),
        (
            {"saml": {**SAML, "technical_contact": "it"}},
            "saml_config.technical_contact",
            "e-mail address",
            "",
        ),
    ],
)
def test_each_mistake_says_where_what_and_how_to_cure_it(
    sections: dict[str, object], path: str, wanted: str, hint: str
) -> None:
    found = mistakes(**sections)
    assert path in found
    assert wanted in found[path].wanted
    assert hint in found[path].hint


def test_what_lies_in_files_and_certificates_is_said_together_with_the_rest() -> None:
    saml = {
        **SAML,
        "certificate": "no PEM",
        "sp_keys": "/nowhere",
        "spid": "",
        "idp_metadata_certificate": "x",
    }
    assert set(mistakes(saml=saml)) >= {
        "saml_config.certificate",
        "saml_config.idp_metadata_certificate",
        "saml_config.sp_keys",
        "saml_config.spid",
    }


def test_two_targets_of_one_name_are_a_mistake() -> None:
    found = mistakes(aws={"targets": [MINIMAL["targets"][0]] * 2})
    assert "targets[0] has it" in found["aws_config.targets[1].service"].hint


@pytest.mark.parametrize(
    "backing",
    [
        {"cache_type": "Redis", "password": 12345678, "pasword": "hunter2hunter2"},
        {"cache_type": "Memcached", "username": "awscons", "password": "hunter2 12345678"},
        {"cache_type": "Memcached", "password": "hunter2"},
    ],
)
def test_a_secret_is_never_shown_even_when_it_is_the_mistake(backing: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(session={"session_backing": backing})
    assert "12345678" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("acs_url", "origin"),
    [
        ("https://SSO.Example.com:443/saml/acs", "https://sso.example.com"),
        ("https://sso.example.com:8443/saml/acs", "https://sso.example.com:8443"),
        ("http://[::1]:8000/saml/acs", "http://[::1]:8000"),
    ],
)
def test_our_origin_is_written_as_browsers_write_it(acs_url: str, origin: str) -> None:
    settings = parse(saml={**SAML, "acs_url": acs_url})
    assert settings.site.origin == origin
    assert settings.service_provider.acs_url == acs_url


def test_a_password_inside_another_value_is_not_shown_either() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(session={"session_backing": "redis://:hunter2@redis.example.com"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("backing", "said"),
    [
        ({"cache_type": "Redis"}, []),
        ({"cache_type": "Memcached", "servers": ["127.0.0.1:11211", "[::1]:11211"]}, []),
        ({"cache_type": "Redis", "host": "r.example.com", "ssl": True, "password": "p"}, []),
        ({"cache_type": "Redis", "host": "r.example.com", "ssl": True, "ssl_certfile": "c.pem"}, []),
        ({"cache_type": "Redis", "host": "r.example.com", "ssl": True}, ["without a password"]),
        ({"cache_type": "Redis", "host": "r.example.com", "password": "p"}, ["without TLS"]),
        (
            {"cache_type": "Memcached", "servers": ["127.0.0.1:11211", "m.example.com:11211"]},
            ["without a password", "without TLS"],
        ),
    ],
)
def test_a_store_that_others_could_write_to_is_pointed_out(
    backing: dict[str, object], said: list[str]
) -> None:
    settings = parse(session={"session_backing": backing}, aws=FULL, saml={**SAML, "assertions": ["groups"]})
    found = said_of(settings)
    assert [part in warning for part, warning in zip(said, found, strict=True)] == [True] * len(said)


def by_hand(settings: Settings) -> IdentityProvider:
    """The identity provider that the configuration itself describes."""
    assert isinstance(settings.trust, IdentityProvider)
    return settings.trust


def said_of(settings: Settings, now: datetime = NOW) -> list[str]:
    """What is pointed out."""
    return [str(finding) for finding in configuration_warnings(settings, by_hand(settings), now=now)]


def mistaken_paths(**sections: object) -> set[str]:
    """The paths of all mistakes; none where there are none."""
    try:
        said_of(parse(**sections))  # type: ignore[arg-type]
    except ConfigurationError as error:
        return {mistake.path for mistake in error.mistakes}
    return set()


def test_a_damaged_certificate_is_a_mistake_or_none_but_never_a_crash() -> None:
    chance = random.Random(20261122)
    good = Forger().certificate.public_bytes(serialization.Encoding.DER)
    for _ in range(500):
        der = bytearray(good)
        for _ in range(2):
            der[chance.randrange(len(der))] ^= 1 << chance.randrange(8)
        base64_lines = base64.encodebytes(bytes(der)).decode()
        pem = f"-----BEGIN CERTIFICATE-----\n{base64_lines}-----END CERTIFICATE-----\n"
        assert mistaken_paths(saml={**SAML, "certificate": pem}) <= {"saml_config.certificate"}


def test_plain_http_is_fine_on_this_host_and_elsewhere_only_if_allowed() -> None:
    local = {**SAML, "acs_url": "http://localhost:8000/saml/acs"}
    remote = {**SAML, "acs_url": "http://sso.example.com/saml/acs"}
    assert parse(saml=local).site.origin == "http://localhost:8000"
    assert parse(saml=remote, session={"session_secure": False}).site.origin == "http://sso.example.com"


# --- server_config -----------------------------------------------------------------------


def test_server_config_may_be_left_out_and_trusts_no_proxy_then() -> None:
    assert parse() == parse(server={})
    assert (parse().site.trusted_proxies, parse().metrics.token) == (0, None)


def test_server_config_is_taken_with_its_options() -> None:
    token = "0123456789abcdef" * 2
    settings = parse(
        server={
            "trusted_proxies": 2,
            "rate_limit_per_address": 10,
            "rate_limit_overall": 0,
            "max_pending_logins": 1_000,
            "metrics_token": token,
        }
    )
    limits = settings.rate_limits
    assert (settings.site.trusted_proxies, limits.per_address, limits.overall) == (2, 10, 0)
    assert (settings.login.max_pending_logins, settings.metrics.token) == (1_000, token)
    assert token not in repr(settings)


@pytest.mark.parametrize(
    ("key", "value", "found", "wanted"),
    [
        ("trusted_proxies", -1, "-1 (a number)", "at least 0"),
        ("trusted_proxies", 11, "11 (a number)", "at most 10"),
        ("trusted_proxies", True, "True (true or false)", "a whole number"),
        ("rate_limit_per_address", "300/minute", "'300/minute' (text)", "a whole number"),
        ("max_pending_logins", 5, "5 (a number)", "at least 100"),
        ("metrics_token", "hunter2", "(text, not shown)", "16 to 512 of"),
        ("metrics_token", "hunter2 hunter2 hunter2", "(text, not shown)", "16 to 512 of"),
        ("proxys", 1, "a key that does not exist", "one of max_pending_logins, metrics_file, "),
    ],
)
def test_a_mistake_in_server_config_says_what_was_wanted(
    key: str, value: object, found: str, wanted: str
) -> None:
    mistake = mistakes(server={key: value})[f"server_config.{key}"]
    assert mistake.found == found
    assert wanted in mistake.wanted


# --- notices -----------------------------------------------------------------------------


def test_a_target_open_to_everyone_is_pointed_out() -> None:
    assert any("'awsadm' is open to every person" in warning for warning in said_of(parse()))


def test_rules_that_nobody_could_satisfy_are_pointed_out() -> None:
    said = said_of(parse(aws=with_target(groups=["x"], attrs=["costCenter"])))
    assert any("does not keep 'groups'" in warning for warning in said)
    assert any("'costCenter'" in warning for warning in said)
    kept = {**SAML, "assertions": ["Groups", "COSTCENTER"]}
    said = said_of(parse(saml=kept, aws=with_target(groups=["x"], attrs=["costCenter"])))
    assert said == []


def test_what_the_identity_provider_wants_or_lacks_is_pointed_out() -> None:
    settings = parse(aws=with_target(groups=["x"]), saml={**SAML, "assertions": ["groups"]})
    wanting = replace(by_hand(settings), wants_signed_requests=True)
    (said,) = configuration_warnings(settings, wanting, now=NOW)
    assert "wants signed requests" in said.cause
    assert (said.severity, said.subject) == (Severity.WARNING, "saml_config.sign_requests")


def test_a_certificate_near_its_end_is_pointed_out() -> None:
    settings = parse(aws=with_target(groups=["x"]), saml={**SAML, "assertions": ["groups"]})
    end = by_hand(settings).signing_certificates[0].not_valid_after_utc
    assert said_of(settings, end - timedelta(days=31)) == []
    assert "ends on" in said_of(settings, end - timedelta(days=29))[0]
    assert "ended on" in said_of(settings, end)[0]


# --- partitions --------------------------------------------------------------------------

GOV_ROLE = "arn:aws-us-gov:iam::123456789012:role/R"
ISO_ROLE = "arn:aws-iso:iam::123456789012:role/R"


def test_a_partition_has_its_own_hosts_and_credentials() -> None:
    settings = parse(
        aws={
            "aws_profile_name": "usual",
            "sts_endpoint": "https://sts.example.com/",
            "partitions": {
                "aws-us-gov": {"aws_profile_name": "gov", "fips": True},
                "aws-iso": {
                    "console_host": "console.iso.example",
                    "sts_endpoint": "https://sts.{region}.iso.example/",
                    "signin_endpoint": "https://{region}.signin.iso.example/federation",
                    "signin_method": "GET",
                },
            },
            "targets": [
                {"service": "a", "role": "arn:aws:iam::123456789012:role/R"},
                {"service": "b", "role": GOV_ROLE},
                {"service": "c", "role": GOV_ROLE, "aws_profile_name": "mine"},
                {
                    "service": "d",
                    "role": ISO_ROLE,
                    "destination": "https://us-iso-east-1.console.iso.example/x",
                },
            ],
        }
    )
    aws = settings.aws
    assert [aws.profile_for(target) for target in settings.targets] == ["usual", "gov", "mine", "usual"]
    gov = aws.signin_endpoint_in("aws-us-gov", "us-gov-west-1")
    assert gov == "https://signin-fips.amazonaws-us-gov.com/federation"
    iso = aws.signin_endpoint_in("aws-iso", "us-iso-west-1")
    assert iso == "https://us-iso-west-1.signin.iso.example/federation"
    assert aws.sts_endpoint_in("aws-iso", "us-iso-west-1") == "https://sts.us-iso-west-1.iso.example/"
    assert aws.sts_endpoint_in("aws", "eu-west-1") == "https://sts.example.com/"
    assert aws.partitions["aws-iso"].partition.console_suffix == "console.iso.example"
    assert (aws.partitions["aws-iso"].signin_method, aws.partitions["aws"].signin_method) == ("GET", "POST")


@pytest.mark.parametrize(
    ("changes", "path", "wanted"),
    [
        ({"partitions": {"aws-eu": {}}}, "partitions", "names of partitions: aws, aws-cn"),
        ({"partitions": {"aws-cn": {"fips": True}}}, "partitions.aws-cn.fips", "aws-us-gov alone"),
        ({"partitions": {"aws": {"profile": "x"}}}, "partitions.aws.profile", "one of aws_profile_name"),
        ({"partitions": {"aws": []}}, "partitions.aws", "a dict"),
        (
            {"partitions": {"aws": {"console_host": "https://x.example"}}},
            "partitions.aws.console_host",
            "a host name in lower case",
        ),
        (
            {"partitions": {"aws": {"console_host": "localhost"}}},
            "partitions.aws.console_host",
            "a host name in lower case",
        ),
        (
            {"partitions": {"aws": {"signin_endpoint": "http://x.example/"}}},
            "partitions.aws.signin_endpoint",
            "an https URL",
        ),
        ({"partitions": {"aws": {"signin_method": "PUT"}}}, "partitions.aws.signin_method", "POST"),
        (
            {"targets": [{"service": "x", "role": ISO_ROLE}]},
            "partitions.aws-iso.console_host",
            "which AWS does not publish",
        ),
        (
            {"targets": [{"service": "x", "role": GOV_ROLE, "aws_profile_name": ""}]},
            "targets[0].aws_profile_name",
            "not empty",
        ),
    ],
)
def test_what_a_partition_cannot_have_is_a_mistake(
    changes: dict[str, object], path: str, wanted: str
) -> None:
    found = mistakes(aws={**MINIMAL, **changes})
    assert wanted in found[f"aws_config.{path}"].wanted


def test_credentials_that_would_have_to_cross_partitions_are_pointed_out() -> None:
    both = [{"service": "a", "role": GOV_ROLE}, *MINIMAL["targets"]]
    said = said_of(parse(aws={"targets": both}))
    assert any("partitions aws and aws-us-gov are opened with the same credentials" in line for line in said)
    mended = parse(aws={"targets": both, "partitions": {"aws-us-gov": {"aws_profile_name": "gov"}}})
    assert not any("partitions" in line for line in said_of(mended))


# --- what else AssumeRole is asked for ---------------------------------------------------

STATEMENT = {"Effect": "Deny", "Action": "*", "Resource": "*"}
KEPT = {**SAML, "assertions": ["groups", "mail"]}


def test_a_target_may_ask_assume_role_for_more() -> None:
    arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    aws = with_target(
        source_identity="Mail",
        session_tags={"email": "mail", "who": "user_name"},
        transitive_tags=("email",),
        external_id="abc:1",
        session_policy={"Statement": [STATEMENT]},
        policy_arns=[arn],
    )
    terms = parse(saml=KEPT, aws={**aws, "role_session_name_attr": "mail"}).targets[0].terms
    assert terms.source_identity == "Mail"
    assert terms.session_tags == (("email", "mail"), ("who", "user_name"))
    assert terms.transitive_tags == ("email",)
    assert terms.external_id == "abc:1"
    assert terms.session_policy == '{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}'
    assert terms.policy_arns == (arn,)


@pytest.mark.parametrize(
    ("changes", "path", "wanted"),
    [
        ({"source_identity": "maill"}, "source_identity", "'user_name', or an attribute that"),
        ({"source_identity": True}, "source_identity", "text"),
        ({"session_tags": {"x": "phone"}}, "session_tags.x", "'user_name', or an attribute that"),
        ({"session_tags": {"aws:x": "mail"}}, "session_tags", "keys of 1 to 128 letters"),
        ({"session_tags": {"x": "mail", "X": "mail"}}, "session_tags", "more than letter case"),
        ({"session_tags": {str(n): "mail" for n in range(51)}}, "session_tags", "at most 50 tags"),
        ({"session_tags": {"x": ["mail"]}}, "session_tags.x", "text"),
        ({"session_tags": ["mail"]}, "session_tags", "a dict"),
        (
            {"session_tags": {"x": "mail"}, "transitive_tags": ["y"]},
            "transitive_tags[0]",
            "one of the keys of `session_tags`",
        ),
        ({"external_id": "a b"}, "external_id", "2 to 1,224 of"),
        ({"session_policy": "{"}, "session_policy", "a policy with a Statement"),
        ({"session_policy": ["x"]}, "session_policy", "a policy, as a dict or as JSON text"),
        (
            {"session_policy": {"Statement": [{"Sid": "x" * 2048}]}},
            "session_policy",
            "at most 2,048 together",
        ),
        (
            {"policy_arns": ["arn:aws:iam::999999999999:policy/X"]},
            "policy_arns[0]",
            "a managed policy of AWS (arn:aws:iam::aws:policy/…)",
        ),
        ({"policy_arns": ["arn:aws:iam::aws:policy/X"] * 11}, "policy_arns", "at most 10 entries"),
    ],
)
def test_what_assume_role_would_refuse_is_a_mistake(
    changes: dict[str, object], path: str, wanted: str
) -> None:
    found = mistakes(saml=KEPT, aws=with_target(**changes))
    assert wanted in found[f"aws_config.targets[0].{path}"].wanted


def test_the_attribute_that_names_role_sessions_must_be_kept() -> None:
    found = mistakes(saml=KEPT, aws={**MINIMAL, "role_session_name_attr": "mial"})
    assert found["aws_config.role_session_name_attr"].hint == "did you mean 'mail'?"


# --- asking AWS --------------------------------------------------------------------------


def test_regions_are_an_ordered_list_for_all_partitions_together() -> None:
    regions = ("eu-west-1", "us-east-1", "cn-north-1")
    assert parse(aws={**MINIMAL, "regions": regions}).aws.regions == regions
    assert parse().aws.regions == ()


@pytest.mark.parametrize(
    ("changes", "path", "wanted"),
    [
        ({"regions": "eu-west-1"}, "regions", "a list of text"),
        ({"regions": ["eu-west"]}, "regions[0]", "the name of a region, such as 'eu-west-1'"),
        ({"regions": ["eu-west-1", "https://x"]}, "regions[1]", "the name of a region"),
        ({"regions": ["eu-west-1\n"]}, "regions[0]", "the name of a region"),
        ({"regions": [1]}, "regions[0]", "text"),
        ({"logout_first": 1}, "logout_first", "True or False"),
        ({"max_concurrent_sign_ins": 0}, "max_concurrent_sign_ins", "at least 1"),
        ({"max_concurrent_sign_ins": "8"}, "max_concurrent_sign_ins", "a whole number"),
        ({"timeout": 0.5}, "timeout", "at least 1"),
        ({"sts_endpoint": "https://sts.{zone}.example.com"}, "sts_endpoint", "no other placeholder"),
        ({"signin_endpoint": "http://{region}.example.com"}, "signin_endpoint", "an https URL"),
    ],
)
def test_what_cannot_be_asked_of_aws_is_a_mistake(changes: dict[str, object], path: str, wanted: str) -> None:
    found = mistakes(aws={**MINIMAL, **changes})
    assert wanted in found[f"aws_config.{path}"].wanted


def test_the_user_agent_is_fixed_and_says_where_to_read_about_it() -> None:
    assert parse().aws.user_agent == f"awscons/{__version__} (+https://sso.example.com/)"
    wiki = parse(aws={**MINIMAL, "contact_url": "https://wiki.example.com/awscons"})
    assert wiki.aws.user_agent == f"awscons/{__version__} (+https://wiki.example.com/awscons)"
    for wrong in ("wiki.example.com", "https://x.example/\r\nA: b", "https://x.example/ä", ""):
        assert "aws_config.contact_url" in mistakes(aws={**MINIMAL, "contact_url": wrong})


def test_one_call_takes_single_seconds_whatever_the_whole_may_take() -> None:
    for timeout in (1, 10, 200, 300):
        aws = parse(aws={**MINIMAL, "timeout": float(timeout)}).aws
        assert aws.connect_timeout <= 3
        assert aws.read_timeout <= 9
        # Two regions may hang, and there is time to ask a third.
        assert 2 * aws.read_timeout + aws.slowest_call <= timeout


def test_a_target_that_ends_with_the_login_needs_logins_that_are_long_enough() -> None:
    found = mistakes(saml={**SAML, "auth_duration": 899}, aws=with_target(ends_with_login=True))
    assert "at least 900" in found["saml_config.auth_duration"].wanted
    settings = parse(saml={**SAML, "auth_duration": 900}, aws=with_target(ends_with_login=True))
    assert settings.targets[0].ends_with_login
    assert not parse(saml={**SAML, "auth_duration": 899}).targets[0].ends_with_login
    assert "ends_with_login" in str(mistakes(aws=with_target(ends_with_login=1)))


# --- where to land -----------------------------------------------------------------------


def test_a_target_may_say_where_to_land() -> None:
    page = "https://{region}.console.aws.amazon.com/s3/home?region={region}"
    (target,) = parse(aws=with_target(region="eu-west-1", destination=page)).targets
    assert (target.region, target.console_destination) == ("eu-west-1", page)
    (target,) = parse().targets
    assert (target.region, target.console_destination) == (None, None)


@pytest.mark.parametrize(
    ("changes", "path", "wanted"),
    [
        ({"region": "eu-west"}, "region", "a region of partition aws, such as 'us-east-1'"),
        ({"region": "cn-north-1"}, "region", "a region of partition aws"),
        ({"region": ""}, "region", "text that is not empty"),
        ({"region": 1}, "region", "text"),
        ({"destination": "https://evil.example.com/"}, "destination", "a page of the console of partition"),
        ({"destination": "http://console.aws.amazon.com/"}, "destination", "such as 'https://us-east-1."),
        ({"destination": "https://{x}.console.aws.amazon.com/"}, "destination", "a page of the console"),
        ({"destination": "https://console.amazonaws.cn/"}, "destination", "a page of the console"),
        ({"destination": ["x"]}, "destination", "text"),
    ],
)
def test_a_place_that_is_not_in_the_console_is_a_mistake(
    changes: dict[str, object], path: str, wanted: str
) -> None:
    found = mistakes(aws=with_target(**changes))
    assert wanted in found[f"aws_config.targets[0].{path}"].wanted


def test_a_place_is_judged_by_the_partition_of_the_role() -> None:
    chinese = {"role": "arn:aws-cn:iam::123456789012:role/R", "region": "cn-northwest-1"}
    assert parse(aws=with_target(**chinese)).targets[0].region == "cn-northwest-1"
    found = mistakes(aws=with_target(**{**chinese, "region": "eu-west-1"}))
    assert "aws-cn" in found["aws_config.targets[0].region"].wanted
