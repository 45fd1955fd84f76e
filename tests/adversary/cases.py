"""What a case is, and the one function by which every case enters the library under test."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.x509 import Certificate

from awscons.errors import ResponseRefused
from awscons.saml.assertion import Assertion
from awscons.saml.logout_messages import LogoutRequest, open_posted, open_redirected, read_logout_request
from awscons.saml.metadata import parse_idp_metadata
from awscons.saml.parties import IdentityProvider, ServiceProvider
from awscons.saml.redirect import read_redirect
from awscons.saml.response import open_envelope, verify_envelope
from support.forge import ACS, IDP, REQUEST_ID, SP, SSO_URL, Story, certificate_of, key_named, posted

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
"""The moment at which every case is judged."""

OTTO = Story(
    NOW,
    name_id="<saml:NameID>otto@example.com</saml:NameID>",
    attributes=(("groups", ("dbs",)),),
)
"""What the identity provider really says: Otto, who may do little. An attacker can get this signed."""

ADA = Story(NOW)
"""What an attacker would rather be: Ada, who may do everything."""

SLO = "https://sso.example.com/saml/slo"

Document = str | bytes


@dataclass(frozen=True)
class Surroundings:
    """The settings of the service for one case, where they differ from the default.

    signers               the trusted keys by name; `ended:` before one gives it an ended certificate,
                          `:1024` behind one another size
    authenticated_after   the moment since when a new authentication is required, or None
    expected_context      the AuthnContextClassRefs of which one is required
    our_keys              the keys that we can decrypt with, by name
    """

    signers: tuple[str, ...] = ("idp",)
    now: datetime = NOW
    authenticated_after: datetime | None = None
    expected_context: tuple[str, ...] = ()
    request_id: str = REQUEST_ID
    our_keys: tuple[str, ...] = ("sp",)
    gcm_only: bool = False


USUAL = Surroundings()


class Door(Enum):
    """The endpoint and binding by which a message enters."""

    ACS = "sign-in, by POST"
    LOGOUT_BY_POST = "logout, by POST"
    LOGOUT_BY_REDIRECT = "logout, by redirect"
    METADATA = "metadata with a pinned certificate, in base64 like the rest"


@dataclass(frozen=True)
class Attack:
    """A response that must be refused.

    rule          the `rule` of the ResponseRefused: a refusal by another rule fails the test
    make          gives the XML; or, with `raw`, the form value as posted, or the query string
    door          the endpoint and binding by which it enters
    """

    name: str
    rule: str
    make: Callable[[], Document]
    around: Surroundings = USUAL
    raw: bool = False
    door: Door = Door.ACS
    attack_class: str = ""

    @property
    def form_value(self) -> str:
        """The response as it is posted, the message as it is sent."""
        return _form_value(self.make(), raw=self.raw)

    def enter(self) -> object:
        """What the library makes of it. Raises ResponseRefused, or what it should not."""
        return enter(self.door, self.form_value, self.around)


@dataclass(frozen=True)
class Variant:
    """A response that must be accepted, with the content that must be read from it."""

    name: str
    make: Callable[[], Document]
    name_id: str = "otto@example.com"
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"groups": ("dbs",)})
    around: Surroundings = USUAL
    raw: bool = False

    @property
    def form_value(self) -> str:
        """The response as it is posted."""
        return _form_value(self.make(), raw=self.raw)


def _form_value(document: Document, *, raw: bool) -> str:
    return str(document) if raw else posted(document)


def of_class(attack_class: str, attacks: Sequence[Attack]) -> list[Attack]:
    """The attacks of one class, each knowing it."""
    return [replace(attack, attack_class=attack_class) for attack in attacks]


def identity_provider(around: Surroundings) -> IdentityProvider:
    """The identity provider that the service trusts."""
    return IdentityProvider(IDP, SSO_URL, tuple(map(_certificate, around.signers)), around.gcm_only)


def service_provider(around: Surroundings) -> ServiceProvider:
    """The service, with its keys."""
    keys = (key for key in map(key_named, around.our_keys) if isinstance(key, RSAPrivateKey))
    return ServiceProvider(SP, ACS, tuple(keys), SLO)


def _certificate(signer: str) -> Certificate:
    name, _, bits = signer.removeprefix("ended:").partition(":")
    return certificate_of(name, bits=int(bits or 2048), ended=signer.startswith("ended:"))


def read(form_value: str, around: Surroundings = USUAL) -> Assertion:
    """What the library makes of a posted form value. Raises ResponseRefused, or what it should not."""
    return verify_envelope(
        open_envelope(form_value),
        service_provider=service_provider(around),
        identity_provider=identity_provider(around),
        expected_request_id=around.request_id,
        now=around.now,
        authenticated_after=around.authenticated_after,
        expected_context=around.expected_context,
    )


def read_logout(form_value: str, around: Surroundings = USUAL, *, door: Door) -> LogoutRequest:
    """What the library makes of a request to sign somebody out."""
    provider = identity_provider(around)
    root = (
        open_posted(form_value, provider)
        if door is Door.LOGOUT_BY_POST
        else open_redirected(read_redirect(form_value), provider)
    )
    return read_logout_request(
        root,
        service_provider=service_provider(around),
        identity_provider=provider,
        now=around.now,
        skew=timedelta(seconds=60),
    )


def enter(door: Door, form_value: str, around: Surroundings = USUAL) -> object:
    """Through a door, to what the library makes of it. Raises the refusal of that door, or what it should not."""
    if door is Door.ACS:
        return read(form_value, around)
    if door is Door.METADATA:
        pinned = identity_provider(around).signing_certificates
        try:
            data = base64.b64decode(form_value)
        except ValueError:
            # The fuzzer encodes metadata in base64; identity providers do not.
            raise ResponseRefused("form value is not base64", section="test") from None
        return parse_idp_metadata(data, entity_id=IDP, signed_by=pinned, now=around.now)
    return read_logout(form_value, around, door=door)


def refusal(attack: Attack) -> ResponseRefused | None:
    """Why the library refuses an attack; None where it does not."""
    try:
        attack.enter()
    except ResponseRefused as refused:
        return refused
    return None
