"""The dicts of a configuration become settings: every key and default of AWScons 1."""

from datetime import timedelta

import pytest

from awscons.config.schema import (
    FileSystemBacking,
    MemcachedBacking,
    RedisBacking,
    SimpleBacking,
    SqliteBacking,
)
from support.forge import certificate_of, pem_of
from support.sections import CERTIFICATE, FULL, MINIMAL, SAML, by_hand, mistakes, parse


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
        ("proxys", 1, "a key that does not exist", "one of audit_key, audit_key_file, audit_log, "),
    ],
)
def test_a_mistake_in_server_config_says_what_was_wanted(
    key: str, value: object, found: str, wanted: str
) -> None:
    mistake = mistakes(server={key: value})[f"server_config.{key}"]
    assert mistake.found == found
    assert wanted in mistake.wanted
