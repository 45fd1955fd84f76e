"""Every mistake in a configuration is reported, with where, what and a cure."""

import base64
import random
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from awscons.errors import ConfigurationError
from support.forge import Forger, certificate_of, pem_of
from support.sections import (
    CERTIFICATE,
    MINIMAL,
    SAML,
    mistakes,
    parse,
    said_of,
    with_target,
)


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
                "session": {"session_cookie": "__Host-x", "session_path": "/awscon"},
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
            {"saml": {**SAML, "group_formats": ["path", "domain"]}},
            "saml_config.group_formats[1]",
            """'path', {"domain": the part before""",
            """such as {"domain": "CORP"}""",
        ),
        (
            {"saml": {**SAML, "group_formats": ["dn"]}},
            "saml_config.group_formats[0]",
            """{"dn": the DN above the groups}""",
            """such as {"dn": "OU=Groups,DC=example,DC=com"}""",
        ),
        (
            {"saml": {**SAML, "group_formats": ["paths"]}},
            "saml_config.group_formats[0]",
            "'path'",
            "did you mean 'path'?",
        ),
        (
            {"saml": {**SAML, "group_formats": [{"dn": "Groups"}]}},
            "saml_config.group_formats[0]",
            "the DN above",
            "",
        ),
        (
            {"saml": {**SAML, "group_formats": [{"domain": "CORP\\x"}]}},
            "saml_config.group_formats[0]",
            "before the backslash",
            "",
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
            {"saml": {**SAML, "idp_metadata_ca": "/no/such/ca.pem"}},
            "saml_config.idp_metadata_ca",
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


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file or directory"), ("no PEM", "no certificate in it")]
)
def test_a_file_of_authorities_that_cannot_be_used_is_named_with_the_reason(
    tmp_path: Path, content: str | None, reason: str
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    saml = {**SAML, "idp_metadata": "https://idp.example.com/m", "idp_metadata_ca": str(file)}
    del saml["certificate"]
    found = mistakes(saml=saml)["saml_config.idp_metadata_ca"].found
    assert str(file) in found
    assert reason in found


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
