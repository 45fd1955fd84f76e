"""Single logout (SAML profiles 4.4): builds our logout messages, verifies and reads the identity provider's.

A received message must be signed: as XML when it was posted, over the query string when it was redirected.
Only signed bytes are read, and decrypted: an EncryptedID is opened after the signature was verified.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from lxml import etree

from awscons.errors import ResponseRefused
from awscons.saml import names
from awscons.saml.assertion import build_instant, check_issuer, parse_instant, qualifiers_of
from awscons.saml.encryption import decrypt_element
from awscons.saml.input_limits import LOGOUT_LIMITS, check_document, decode_form_value
from awscons.saml.parties import IdentityProvider, ServiceProvider
from awscons.saml.redirect import RedirectMessage, verify_redirect
from awscons.saml.signature import verify_enveloped
from awscons.saml.structure import issuer_of
from awscons.saml.xml import (
    Element,
    check_tree,
    element_children,
    local_name,
    only_child,
    parse,
    required_attribute,
    text_of,
)

OLDEST_MESSAGE = timedelta(minutes=10)
"""Maximum age of a message. Its ID has to be remembered for that long, against replay."""

_SECTION = "SAML core 3.7"


@dataclass(frozen=True, slots=True)
class SubjectName:
    """The person of a message: a NameID and its qualifiers (SAML core 2.2.2)."""

    name_id: str
    qualifiers: Mapping[str, str]

    def is_the_same_as(self, other: SubjectName) -> bool:
        """Whether the NameIDs are equal, and so are the qualifiers that both have."""
        shared = self.qualifiers.keys() & other.qualifiers.keys()
        return self.name_id == other.name_id and all(
            self.qualifiers[name] == other.qualifiers[name] for name in shared
        )


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """A verified LogoutRequest of the identity provider.

    session_indexes   the sessions at the identity provider that ended; empty: all of the person's
    """

    request_id: str
    subject: SubjectName
    session_indexes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LogoutResponse:
    """A verified LogoutResponse to a request of ours.

    in_response_to   the ID of our request
    everywhere       whether every service that the identity provider knows has ended its session
    """

    in_response_to: str
    everywhere: bool


# --- ours --------------------------------------------------------------------------------


def build_logout_request(
    request_id: str,
    subject: SubjectName,
    session_index: str | None,
    *,
    service_provider: ServiceProvider,
    identity_provider: IdentityProvider,
    now: datetime,
) -> bytes:
    """A LogoutRequest of ours as XML, unsigned.

    now   UTC
    """
    root = _message(
        names.LOGOUT_REQUEST,
        request_id,
        identity_provider.slo_url,
        service_provider=service_provider,
        now=now,
    )
    root.set("NotOnOrAfter", build_instant(now + OLDEST_MESSAGE))
    etree.SubElement(root, names.NAME_ID, dict(subject.qualifiers)).text = subject.name_id
    if session_index is not None:
        etree.SubElement(root, names.SESSION_INDEX).text = session_index
    return etree.tostring(root)


def build_logout_response(
    response_id: str,
    in_response_to: str,
    *,
    service_provider: ServiceProvider,
    identity_provider: IdentityProvider,
    now: datetime,
) -> bytes:
    """A LogoutResponse of ours, with status Success, as XML, unsigned.

    now   UTC
    """
    root = _message(
        names.LOGOUT_RESPONSE,
        response_id,
        identity_provider.slo_response_url or identity_provider.slo_url,
        service_provider=service_provider,
        now=now,
    )
    root.set("InResponseTo", in_response_to)
    etree.SubElement(etree.SubElement(root, names.STATUS), names.STATUS_CODE, Value=names.SUCCESS)
    return etree.tostring(root)


def _message(
    tag: str, message_id: str, url: str, *, service_provider: ServiceProvider, now: datetime
) -> Element:
    root = etree.Element(
        tag,
        nsmap={"samlp": names.SAMLP, "saml": names.SAML},
        ID=message_id,
        Version="2.0",
        IssueInstant=build_instant(now),
        Destination=url,
    )
    etree.SubElement(root, names.ISSUER).text = service_provider.entity_id
    return root


# --- theirs ------------------------------------------------------------------------------


def open_posted(form_value: str, identity_provider: IdentityProvider) -> Element:
    """The message in a form value: verified, then parsed from the signed bytes.

    Raises ResponseRefused.
    """
    root = parse(decode_form_value(form_value, LOGOUT_LIMITS))
    check_tree(root)
    if [child.tag for child in root.iter(names.SIGNATURE)] != [names.SIGNATURE]:
        raise ResponseRefused("exactly one Signature", section="SAML profiles 4.4.4.1")
    children = element_children(root)
    if [child.tag for child in children[:2]] != [names.ISSUER, names.SIGNATURE]:
        raise ResponseRefused("the Signature comes right after the Issuer", section=_SECTION)
    return verify_enveloped(root, identity_provider.signing_certificates)


def open_redirected(message: RedirectMessage, identity_provider: IdentityProvider) -> Element:
    """The message in a query string, verified by the signature over the query string.

    Raises ResponseRefused.
    """
    verify_redirect(message, identity_provider.signing_certificates)
    root = parse(check_document(message.document, LOGOUT_LIMITS))
    check_tree(root)
    if next(root.iter(names.SIGNATURE), None) is not None:
        raise ResponseRefused("a second signature inside", section="SAML bindings 3.4.4.1")
    return root


def read_logout_request(
    root: Element,
    *,
    service_provider: ServiceProvider,
    identity_provider: IdentityProvider,
    now: datetime,
    skew: timedelta,
) -> LogoutRequest:
    """The LogoutRequest (SAML core 3.7.1) in a verified tree: for us, from the identity provider, in time.

    An encrypted NameID is decrypted. The caller has to refuse a second use of its `request_id`. Raises
    ResponseRefused.
    """
    request_id = _check_message(
        root, names.LOGOUT_REQUEST, service_provider, identity_provider, now=now, skew=skew
    )
    end = root.get("NotOnOrAfter")
    if end is not None and now - skew >= parse_instant(end, section=_SECTION):
        raise ResponseRefused("expired", section="SAML core 3.7.1", expected=now.isoformat(), received=end)
    name_id = _name_id(root, service_provider, gcm_only=identity_provider.gcm_only)
    indexes = [child for child in root if child.tag == names.SESSION_INDEX]
    return LogoutRequest(
        request_id=request_id,
        subject=SubjectName(text_of(name_id, section="SAML core 2.2.3"), qualifiers_of(name_id)),
        session_indexes=tuple(text_of(index, section="SAML core 3.7.1") for index in indexes),
    )


def _name_id(root: Element, service_provider: ServiceProvider, *, gcm_only: bool) -> Element:
    """The one identifier of a LogoutRequest: its NameID, or the NameID inside its EncryptedID.

    Two could name two people, so an EncryptedID beside a NameID is refused.
    """
    found = [child for child in root if child.tag in {names.NAME_ID, names.ENCRYPTED_ID, names.BASE_ID}]
    if len(found) != 1 or found[0].tag == names.BASE_ID:
        raise ResponseRefused(
            "exactly one NameID",
            section="SAML core 3.7.1",
            expected="one NameID or one EncryptedID",
            received=" and ".join(map(local_name, found)),
        )
    if found[0].tag == names.NAME_ID:
        return found[0]
    return decrypt_element(
        found[0], service_provider.decryption_keys, gcm_only=gcm_only, limits=LOGOUT_LIMITS
    )


def read_logout_response(
    root: Element,
    *,
    service_provider: ServiceProvider,
    identity_provider: IdentityProvider,
    now: datetime,
    skew: timedelta,
) -> LogoutResponse:
    """The LogoutResponse (SAML core 3.7.2) in a verified tree: for us, from the identity provider, in time.

    The caller has to check that `in_response_to` is a request of ours. Raises ResponseRefused.
    """
    _check_message(root, names.LOGOUT_RESPONSE, service_provider, identity_provider, now=now, skew=skew)
    code = only_child(
        only_child(root, names.STATUS, section=_SECTION), names.STATUS_CODE, section="SAML core 3.2.2.1"
    )
    # A StatusCode inside of Success, such as PartialLogout, means that the logout is incomplete.
    return LogoutResponse(
        in_response_to=required_attribute(root, "InResponseTo", section="SAML core 3.2.2"),
        everywhere=code.get("Value") == names.SUCCESS and not len(code),
    )


def _check_message(
    root: Element,
    tag: str,
    service_provider: ServiceProvider,
    identity_provider: IdentityProvider,
    *,
    now: datetime,
    skew: timedelta,
) -> str:
    """The ID of a message that is of this kind, from the identity provider, for us, and of now."""
    if root.tag != tag:
        raise ResponseRefused("kind of message", section=_SECTION, expected=tag, received=root.tag)
    if root.get("Version") != "2.0":
        raise ResponseRefused("version", section="SAML core 4.1", received=root.get("Version", ""))
    message_id = required_attribute(root, "ID", section=_SECTION)
    check_issuer(issuer_of(root), expected=identity_provider.entity_id)
    destination = root.get("Destination")
    if destination != service_provider.slo_url:
        raise ResponseRefused(
            "message destination",
            section="SAML bindings 3.4.5.2",
            expected=service_provider.slo_url,
            received=destination or "",
            hint="the identity provider has another SLO URL of this service: give it our metadata",
        )
    issued_at = parse_instant(required_attribute(root, "IssueInstant", section=_SECTION), section=_SECTION)
    if not now - OLDEST_MESSAGE - skew <= issued_at <= now + skew:
        raise ResponseRefused(
            "message is not of now",
            section=_SECTION,
            expected=now.isoformat(),
            received=issued_at.isoformat(),
        )
    return message_id
