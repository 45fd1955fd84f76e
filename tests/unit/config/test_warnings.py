"""What is legal in a configuration, and perhaps not meant, is pointed out."""

from dataclasses import replace
from datetime import timedelta

import pytest

from awscons.config.configuration_warnings import configuration_warnings
from awscons.findings import Severity
from support.forge import certificate_issued, certificate_of
from support.sections import FULL, NOW, SAML, by_hand, parse, said_of, with_target


@pytest.mark.parametrize(
    ("backing", "said"),
    [
        ({"cache_type": "Redis"}, []),
        ({"cache_type": "Memcached", "servers": ["127.0.0.1:11211", "[::1]:11211"]}, []),
        ({"cache_type": "Redis", "host": "r.example.com", "ssl": True, "password": "p"}, []),
        ({"cache_type": "Redis", "host": "r.example.com", "ssl": True, "ssl_certfile": "c.pem"}, []),
        ({"cache_type": "Redis", "host": "r.example.com", "ssl": True}, ["without a password"]),
        ({"cache_type": "Redis", "host": "r.example.com", "password": "p"}, ["without TLS"]),
        ({"cache_type": "Valkey", "url": "unix:///run/valkey.sock"}, []),
        ({"cache_type": "Valkey", "url": "valkeys://:p@v.example.com"}, []),
        ({"cache_type": "Redis", "url": "rediss://u@r.example.com", "iam_cache_name": "c"}, []),
        (
            {"cache_type": "Redis", "url": "redis+sentinel://127.0.0.1,s.example.com/m"},
            ["without a password", "without TLS"],
        ),
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


def test_a_trusted_certificate_that_issued_another_is_pointed_out() -> None:
    settings = parse(aws=with_target(groups=["x"]), saml={**SAML, "assertions": ["groups"]})
    chain = (certificate_issued("idp", "root"), certificate_issued("root", "root", authority=True))
    (said,) = configuration_warnings(
        settings, replace(by_hand(settings), signing_certificates=chain), now=NOW
    )
    assert "CN=root issued another one, CN=idp" in said.cause
    rollover = (certificate_of("idp"), certificate_of("next"))
    provider = replace(by_hand(settings), signing_certificates=rollover)
    assert configuration_warnings(settings, provider, now=NOW) == []


def test_a_certificate_near_its_end_is_pointed_out() -> None:
    settings = parse(aws=with_target(groups=["x"]), saml={**SAML, "assertions": ["groups"]})
    end = by_hand(settings).signing_certificates[0].not_valid_after_utc
    assert said_of(settings, end - timedelta(days=31)) == []
    assert "ends on" in said_of(settings, end - timedelta(days=29))[0]
    assert "ended on" in said_of(settings, end)[0]


PLACE = {"dn": "OU=Groups,DC=example,DC=com"}


def with_group_formats(*formats: object, group: str = "admins") -> list[str]:
    saml = {**SAML, "assertions": ["groups"], "group_formats": list(formats)}
    return said_of(parse(saml=saml, aws=with_target(groups=[group])))


def test_groups_that_several_formats_make_one_are_named() -> None:
    assert with_group_formats(PLACE) == []
    (said,) = with_group_formats({"domain": "CORP"}, PLACE)
    assert r"'admins', 'CORP\\admins', 'CN=admins,OU=Groups,DC=example,DC=com'" in said


def test_a_target_whose_group_never_arrives_in_that_format_is_pointed_out() -> None:
    (said,) = with_group_formats(PLACE, group="CN=admins,OU=Groups,DC=example,DC=com")
    assert "counts as 'admins' when it arrives: write 'admins'" in said
