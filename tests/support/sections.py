"""The three dicts of a configuration for tests, and what becomes of them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from awscons.config.configuration_warnings import configuration_warnings
from awscons.config.load import parse_settings
from awscons.config.settings import Settings
from awscons.errors import ConfigurationError, Mistake
from awscons.saml.parties import IdentityProvider
from support.forge import Forger, pem_of

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


def by_hand(settings: Settings) -> IdentityProvider:
    """The identity provider that the configuration itself describes."""
    assert isinstance(settings.trust, IdentityProvider)
    return settings.trust


def said_of(settings: Settings, now: datetime = NOW) -> list[str]:
    """What is pointed out."""
    return [str(finding) for finding in configuration_warnings(settings, by_hand(settings), now=now)]
