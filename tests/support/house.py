"""The whole service, built by its own assembly and called over https, with a forger as IdP and a pretend AWS.

Only the identity provider and AWS are replaced by fakes.
"""

from __future__ import annotations

import io
import json
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx

from awscons.adapters.audit_log import configure_logging
from awscons.assembly.service import build_service
from awscons.config.load import parse_settings
from awscons.demo.pretend_signin import PretendSignin
from awscons.demo.pretend_sts import PretendRole, PretendSts
from support.browser import Browser, SentToIdp, sent_to_idp
from support.clock import MovableClock
from support.faults import ByRegion, Faulty
from support.forge import IDP, SP, SSO_URL, Forger, Story, pem_of
from support.serving import server_tls, serving

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

BROKER = "arn:aws:iam::123456789012:user/AWSconSSO"
BROKER_ROLE = "arn:aws:iam::123456789012:role/Broker"

MINIMAL_TARGETS = [{"service": "awsadm", "role": "arn:aws:iam::123456789012:role/MyAdminRole"}]
FULL_TARGETS = [
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
]

ROLES = {
    "arn:aws:iam::123456789012:role/MyAdminRole": PretendRole(43200),
    "arn:aws:iam::999999789012:role/DBAdmin": PretendRole(3600),
}

GROUPS = {
    "ada@example.com": ("sysadmin", "cloudadmin"),
    "carl@example.com": ("cloudadmin", "staff"),
    "otto@example.com": ("dbs",),
    "nina@example.com": (),
}


def story_of(
    name: str, *, request_id: str, acs_url: str, now: datetime, groups: tuple[str, ...] | None = None
) -> Story:
    """The content of the identity provider's response to that request."""
    groups = GROUPS.get(name, ()) if groups is None else groups
    return Story(
        now,
        request_id=request_id,
        assertion_id=f"_a{request_id}",
        acs=acs_url,
        destination=acs_url,
        recipient=acs_url,
        response_in_response_to=request_id,
        confirmation_in_response_to=request_id,
        name_id=f"<saml:NameID>{name}</saml:NameID>",
        attributes=(("groups", groups),) if groups else (),
    )


def vouch_for_ada(sent: SentToIdp, acs_url: str) -> dict[str, str]:
    """The form with Ada's response, for services that run as programs: it uses the system clock."""
    story = story_of("ada@example.com", request_id=sent.request_id, acs_url=acs_url, now=datetime.now(UTC))
    return {"SAMLResponse": Forger().form_value(story), "RelayState": sent.relay_state}


@dataclass
class House:
    """The service under test, the forger and the pretend AWS.

    `sts_url`, `pretend_sts` and `pretend_signin` belong to the first region.
    """

    url: str
    sts_url: str
    clock: MovableClock
    sts: Faulty
    signin: Faulty
    sts_in: Mapping[str, Faulty]
    signin_in: Mapping[str, Faulty]
    pretend_sts: PretendSts
    pretend_signin: PretendSignin
    secret_key: str
    log: io.StringIO
    browsers: list[Browser] = field(default_factory=list)

    @property
    def acs_url(self) -> str:
        """The URL to which responses are posted."""
        return f"{self.url}/saml/acs"

    def browser(self) -> Browser:
        """A new browser."""
        made = Browser(self.url)
        self.browsers.append(made)
        return made

    # --- verbs ---

    def answer(
        self, sent: SentToIdp, name: str = "ada@example.com", *, forger: Forger | None = None, **changes: Any
    ) -> dict[str, str]:
        """The form that the identity provider posts for a person."""
        story = self.story(sent.request_id, name).at(**changes)
        return {
            "SAMLResponse": (forger or Forger()).form_value(story),
            "RelayState": sent.relay_state,
        }

    def story(self, request_id: str, name: str = "ada@example.com") -> Story:
        """The content of the identity provider's response for a person, at the time of the test clock."""
        return story_of(name, request_id=request_id, acs_url=self.acs_url, now=self.clock())

    def sign_in(
        self, browser: Browser, path: str, name: str = "ada@example.com", **changes: Any
    ) -> httpx.Response:
        """Request a path, sign in, and return the response to the path itself."""
        sent = sent_to_idp(browser.get(path))
        answered = browser.answer("/saml/acs", self.answer(sent, name, **changes))
        assert answered.status_code == 303, answered.text
        return browser.follow(answered)

    def secrets(self) -> set[str]:
        """Every secret that the pretend AWS has issued."""
        keys = self.pretend_sts._keys.values()
        found = {key.secret for key in keys} | {key.session_token for key in keys if key.session_token}
        return found | set(self.pretend_signin._tokens)

    # --- log ---

    def lines(self, event: str | None = None) -> list[dict[str, Any]]:
        """The log so far, as records."""
        records = [json.loads(line) for line in self.log.getvalue().splitlines()]
        return [record for record in records if event is None or record["event"] == event]

    def audit(self) -> list[dict[str, Any]]:
        """The audit events so far."""
        return self.lines("audit")


def config_for(
    acs_url: str,
    *,
    sts_url: str,
    signin_url: str,
    credentials_file: Path,
    store: Mapping[str, object],
    aws: Mapping[str, object] | None = None,
    saml: Mapping[str, object] | None = None,
    session: Mapping[str, object] | None = None,
    server: Mapping[str, object] | None = None,
    site: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    """The dicts of a valid configuration, with the given changes."""
    return {
        "session_config": {"session_backing": dict(store), **(session or {})},
        "saml_config": {
            "saml_endpoint": SSO_URL,
            "spid": SP,
            "issuer": IDP,
            "acs_url": acs_url,
            "certificate": pem_of(Forger().certificate),
            "assertions": ["groups"],
            **(saml or {}),
        },
        "aws_config": {
            "url_prefix": "/aws",
            "aws_profile_name": "cons",
            "aws_credentials_file": str(credentials_file),
            "sts_endpoint": sts_url,
            "signin_endpoint": signin_url,
            "timeout": 10,
            "targets": FULL_TARGETS,
            **(aws or {}),
        },
        "server_config": dict(server or {}),
        "site_config": dict(site or {}),
    }


def write_credentials(path: Path, key_id: str, secret: str, token: str | None = None) -> Path:
    """A credentials file with the profile `cons`."""
    lines = ["[cons]", f"aws_access_key_id = {key_id}", f"aws_secret_access_key = {secret}"]
    if token is not None:
        lines.append(f"aws_session_token = {token}")
    path.write_text("\n".join([*lines, ""]))
    return path


@contextmanager
def open_house(
    folder: Path,
    *,
    mount_path: str = "",
    debug: bool = False,
    multiprocess: bool = False,
    roles: Mapping[str, PretendRole] | None = None,
    store: Mapping[str, object] | None = None,
    regions: Sequence[str] = ("us-east-1",),
    broker_role_session: str | None = None,
    aws_tls: ssl.SSLContext | None = None,
    prepared: bool = False,
    **sections: Mapping[str, object],
) -> Iterator[House]:
    """Open the house for a test.

    `aws`, `saml`, `session`, `server` and `site` change the configuration, `store` the store.

    roles                 by ARN; default: the roles of the full example, which trust the broker
    regions               of the pretend AWS
    broker_role_session   the broker has the credentials of this role session instead of a user's keys
    aws_tls               TLS context of STS and the federation endpoint; without it they use plain HTTP
    prepared              prepare the service as a worker of `awscons serve` does
    """
    log = io.StringIO()
    configure_logging(debug=debug, stream=log)
    clock = MovableClock()
    pretend_sts = PretendSts(roles=roles or ROLES, clock=clock)
    key: tuple[str, ...] = pretend_sts.add_user(BROKER)
    if broker_role_session is not None:
        key = pretend_sts.add_role_session(BROKER_ROLE, broker_role_session)
    credentials_file = write_credentials(folder / "credentials", *key)
    pretend_signin = PretendSignin(book=pretend_sts, clock=clock)
    sts_in = {region: Faulty(pretend_sts.application(region)) for region in regions}
    signin_in = {region: Faulty(pretend_signin.application(region)) for region in regions}
    with ExitStack() as stack:
        sts_port = stack.enter_context(serving(lambda _port: ByRegion(sts_in), tls=aws_tls))
        signin_port = stack.enter_context(serving(lambda _port: ByRegion(signin_in), tls=aws_tls))
        aws_host = "https://localhost" if aws_tls else "http://127.0.0.1"

        def build(port: int) -> WSGIApplication:
            config = config_for(
                f"https://localhost:{port}{mount_path}/saml/acs",
                sts_url=f"{aws_host}:{sts_port}/{{region}}/",
                signin_url=f"{aws_host}:{signin_port}/{{region}}/federation",
                credentials_file=credentials_file,
                store=store or {"cache_type": "SQLite", "path": str(folder / "logins.sqlite3")},
                **sections,
            )
            config["aws_config"].setdefault(
                "saml_signin_endpoint", f"{aws_host}:{signin_port}/{{region}}/saml"
            )
            settings = parse_settings(config, source="test", environment={})
            environment = {"AWSCONS_DEBUG": "1"} if debug else {}
            return build_service(settings, environment=environment, clock=clock, prepared=prepared)

        port = stack.enter_context(serving(build, tls=server_tls(), multiprocess=multiprocess, clock=clock))
        house = House(
            url=f"https://localhost:{port}{mount_path}",
            sts_url=f"{aws_host}:{sts_port}/{regions[0]}/",
            clock=clock,
            sts=sts_in[regions[0]],
            signin=signin_in[regions[0]],
            sts_in=sts_in,
            signin_in=signin_in,
            pretend_sts=pretend_sts,
            pretend_signin=pretend_signin,
            secret_key=key[1],
            log=log,
        )
        try:
            yield house
            for secret in house.secrets():
                assert secret not in log.getvalue(), "a secret stands in the log"
        finally:
            for neighbour in (*sts_in.values(), *signin_in.values()):
                neighbour.released.set()
            for browser in house.browsers:
                browser.close()


def console_url(response: httpx.Response) -> dict[str, str]:
    """The parameters of a console URL in a 301. Fails on anything else."""
    assert response.status_code == 301, f"{response.status_code}: {response.text}"
    query = parse_qs(urlsplit(response.headers["Location"]).query)
    return {name: values[0] for name, values in query.items()}
