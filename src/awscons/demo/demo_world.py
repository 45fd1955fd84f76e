"""Builds the demo: the real service, a pretend identity provider and a pretend AWS, as one application.

`build_service` builds the service from parsed settings, as in production. The service calls the pretend AWS
over HTTP.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from awscons.assembly.clock import utc_now
from awscons.assembly.service import build_service
from awscons.assembly.signin_side import our_idp_metadata
from awscons.config.key_files import make_first_pair
from awscons.config.load import parse_settings
from awscons.config.settings import Settings
from awscons.demo.faults import FaultInjector
from awscons.demo.identity_provider import DemoIdentityProvider
from awscons.demo.pretend_signin import PretendSignin
from awscons.demo.pretend_sts import PretendRole, PretendSts
from awscons.demo.sample_people import ACCOUNTS, PEOPLE, SITE, TARGETS
from awscons.saml.parties import ServiceProvider

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

_ENTITY_ID = "urn:awscons:demo"
_IDP_ENTITY_ID = "urn:awscons:demo:identity-provider"
_BROKER_ARN = "arn:aws:iam::123456789012:user/AWSconSSO"
_HOURS_12 = 43_200
URL_PREFIX = "/aws"
REGIONS = ("eu-west-1", "us-east-1")
"""The regions of the pretend AWS, in the order in which the service tries them."""


@dataclass(frozen=True, slots=True)
class DemoAddress:
    """The addresses of the demo.

    origin            the origin that browsers use
    internal_origin   the origin that the service uses to call the pretend AWS
    """

    origin: str
    internal_origin: str


def demo_address(bind: str, port: int) -> DemoAddress:
    """The addresses of a demo that listens on the host `bind` and on `port`."""
    everywhere_or_here = bind in {"", "0.0.0.0", "::", "127.0.0.1", "::1", "localhost"}  # noqa: S104  compared, not bound
    here = "[::1]" if bind == "::1" else "127.0.0.1"
    name = f"[{bind}]" if ":" in bind else bind
    return DemoAddress(
        origin=f"http://{'localhost' if everywhere_or_here else name}:{port}",
        internal_origin=f"http://{here if everywhere_or_here else name}:{port}",
    )


def build_demo(address: DemoAddress, *, folder: Path, environment: Mapping[str, str]) -> WSGIApplication:
    """Build the demo as one WSGI application.

    folder        where the store and the credentials file of the pretend broker are written
    environment   the environment variables that the service reads
    """
    parties = _Parties(address.origin)
    credentials_file, _ = parties.write(folder)
    make_first_pair(folder / "idp-keys", now=utc_now())
    service_provider = parties.service_provider
    settings = parse_settings(
        {
            "session_config": {
                "session_backing": {"cache_type": "SQLite", "path": str(folder / "logins.sqlite3")},
                "session_secure": False,
            },
            "saml_config": {
                "saml_endpoint": f"{address.origin}/demo/idp/sso",
                "spid": service_provider.entity_id,
                "issuer": parties.idp.entity_id,
                "acs_url": service_provider.acs_url,
                "certificate": parties.idp.certificate_pem,
                "assertions": ["groups", "displayName"],
            },
            "aws_config": {
                "url_prefix": URL_PREFIX,
                "regions": list(REGIONS),
                "aws_profile_name": "cons",
                "aws_credentials_file": str(credentials_file),
                "identity_provider": {"keys": str(folder / "idp-keys")},
                "accounts": ACCOUNTS,
                "targets": list(TARGETS),
            },
            "site_config": SITE,
        },
        source="the demo",
        environment={},
    )
    # The pretend AWS is reached by plain http, perhaps on another address than loopback. The configuration
    # refuses that, so the endpoints are set after the settings are parsed.
    aws = replace(
        settings.aws,
        sts_endpoint=f"{address.internal_origin}/demo/aws/{{region}}/sts/",
        signin_endpoint=f"{address.origin}/demo/aws/{{region}}/federation",
        saml_signin_endpoint=f"{address.origin}/demo/aws/{{region}}/saml",
    )
    parties.trust(settings)
    return parties.around(build_service(replace(settings, aws=aws), environment=environment))


def build_parties(origin: str, *, folder: Path) -> WSGIApplication:
    """Build only what is pretend, for services of their own configuration behind a proxy at `origin`.

    folder   where the credentials of the pretend broker and the certificate of the identity provider are written
    """
    parties = _Parties(origin)
    parties.write(folder)
    return parties.around(Flask("awscons.demo", static_folder=None))


class _Parties:
    """The pretend identity provider and the pretend AWS, for a service whose public origin is `origin`."""

    def __init__(self, origin: str) -> None:
        self.service_provider = ServiceProvider(_ENTITY_ID, f"{origin}/saml/acs")
        self.idp = DemoIdentityProvider(
            entity_id=_IDP_ENTITY_ID, service_provider=self.service_provider, people=PEOPLE
        )
        self._sts = PretendSts(roles={str(target["role"]): _role(target) for target in TARGETS})
        self._signin = PretendSignin(book=self._sts)

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write the broker's credentials and the identity provider's certificate, which a configuration names."""
        certificate = folder / "idp.pem"
        certificate.write_text(self.idp.certificate_pem, encoding="ascii")
        return _write_credentials(folder / "credentials", *self._sts.add_user(_BROKER_ARN)), certificate

    def trust(self, settings: Settings) -> None:
        """Give IAM the SAML providers that the targets name, with the metadata of the service."""
        metadata = our_idp_metadata(settings) or b""
        for provider in filter(None, {target.saml_provider for target in settings.targets}):
            self._sts.add_saml_provider(provider, metadata)

    def around(self, service: WSGIApplication) -> WSGIApplication:
        """One application: the parties below `/demo`, and `service` at all other addresses."""
        faults, sts, signin = FaultInjector(REGIONS), self._sts, self._signin
        return DispatcherMiddleware(
            service,
            {
                "/demo/idp": self.idp.application(),
                "/demo/aws": faults.application(),
                **{f"/demo/aws/{name}/sts": faults.wrap(name, sts.application(name)) for name in REGIONS},
                **{f"/demo/aws/{name}": faults.wrap(name, signin.application(name)) for name in REGIONS},
            },
        )


def _role(target: Mapping[str, object]) -> PretendRole:
    """The role of a target: it trusts the broker, or where the target opens without AWS keys our assertions."""
    if "open_by" not in target:
        return PretendRole(_HOURS_12)
    account = str(target["role"]).split(":")[4]
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::{account}:saml-provider/awscons"},
        "Action": "sts:AssumeRoleWithSAML",
        "Condition": {"StringEquals": {"saml:edupersonentitlement": target["service"]}},
    }
    return PretendRole(_HOURS_12, trust={"Statement": [statement]})


def _write_credentials(path: Path, access_key_id: str, secret_access_key: str) -> Path:
    text = f"[cons]\naws_access_key_id = {access_key_id}\naws_secret_access_key = {secret_access_key}\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
    return path
