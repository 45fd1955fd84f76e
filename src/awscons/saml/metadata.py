"""Metadata (SAML metadata 2.0): reads the identity provider's, and builds ours.

The identity provider's metadata is trusted because it comes over TLS or from a file of the operator. Its
signature is checked only if the operator pinned the certificate that signs it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate
from lxml import etree

from awscons.errors import MetadataRefused, ResponseRefused, quote_for_log
from awscons.findings import Finding
from awscons.saml import names
from awscons.saml.assertion import parse_instant
from awscons.saml.input_limits import METADATA_LIMITS, check_document
from awscons.saml.metadata_keys import read_signing_keys
from awscons.saml.parties import ServiceProvider
from awscons.saml.signature import verify_enveloped
from awscons.saml.xml import Element, check_tree, local_name, parse, required_attribute

MAX_METADATA_BYTES = 8_000_000
"""Bytes. One identity provider needs about 10,000; a federation of some hundreds fits."""

_SECTION = "SAML metadata 2.3"
_DURATION = re.compile(
    r"P(?:(?P<years>\d{1,4})Y)?(?:(?P<months>\d{1,5})M)?(?:(?P<days>\d{1,6})D)?"
    r"(?:T(?:(?P<hours>\d{1,7})H)?(?:(?P<minutes>\d{1,8})M)?(?:(?P<seconds>\d{1,10})(?:\.\d+)?S)?)?",
    re.ASCII,
)
_MAX_REASONS = 3
"""How many unusable certificates an error names."""
_MAX_LISTED = 5
"""How many entity IDs an error names."""
_TENANT = "{tenantid}"
_DAYS_OF = {"years": 365, "months": 30}


@dataclass(frozen=True, slots=True)
class IdpMetadata:
    """The parts of an identity provider's metadata that we use.

    signing_certificates   all that can be trusted, one for each key; never empty
    sso_urls, slo_urls     by the URI of their binding
    slo_response_urls      URLs for LogoutResponses where they differ from `slo_urls`
    valid_until            UTC; the metadata expires then; None: it does not expire
    cache_duration         how long it may be cached before it is loaded again; None: not given
    findings               warnings about certificates that do not count
    """

    entity_id: str
    signing_certificates: tuple[Certificate, ...]
    sso_urls: Mapping[str, str]
    slo_urls: Mapping[str, str]
    slo_response_urls: Mapping[str, str]
    valid_until: datetime | None
    cache_duration: timedelta | None
    wants_signed_requests: bool
    findings: tuple[Finding, ...] = ()


def parse_idp_metadata(
    data: bytes, *, entity_id: str | None, signed_by: Sequence[Certificate] = (), now: datetime
) -> IdpMetadata:
    """The metadata of one identity provider, in a document of one or of many.

    entity_id   of the identity provider; None when the document describes only one
    signed_by   pinned certificates, one of which must have signed the whole document; empty: no signature is
                needed
    now         UTC

    Raises MetadataRefused.
    """
    if len(data) > MAX_METADATA_BYTES:
        raise MetadataRefused(
            f"the document is {len(data):,} bytes long, more than {MAX_METADATA_BYTES:,}",
            hint="ask for the metadata of your identity provider alone, not of the whole federation",
        )
    try:
        root = parse(check_document(data, METADATA_LIMITS))
        if root.tag not in {names.ENTITY_DESCRIPTOR, names.ENTITIES_DESCRIPTOR}:
            raise MetadataRefused(
                f"the document is not SAML metadata: it begins with {local_name(root)}",
                hint="it may be a login or error page; open the address in a browser",
            )
        if signed_by:
            check_tree(root, comments_anywhere=True)
            root = _verified(root, tuple(signed_by))
        return _read(_alone(_find_entity(root, entity_id)), now)
    except ResponseRefused as error:
        raise MetadataRefused(f"the document cannot be used: {error}", hint=error.hint) from None


def _verified(root: Element, pinned: tuple[Certificate, ...]) -> Element:
    if not any(child.tag == names.SIGNATURE for child in root):
        raise MetadataRefused(
            "the document is not signed, and `idp_metadata_certificate` requires it",
            hint="let the identity provider sign its metadata, or remove that setting",
        )
    try:
        return verify_enveloped(root, pinned)
    except ResponseRefused as error:
        raise MetadataRefused(
            f"the document's signature is not valid: {error}",
            hint="compare `idp_metadata_certificate` with the certificate that signs the metadata",
        ) from None


def _alone(path: list[Element]) -> list[Element]:
    """The same path with the entity as a checked document of its own: what others publish does not matter."""
    *above, entity, descriptor = path
    alone = parse(etree.tostring(entity, with_tail=False))
    check_tree(alone, comments_anywhere=True)
    return [*above, alone, alone[entity.index(descriptor)]]


def _find_entity(root: Element, entity_id: str | None) -> list[Element]:
    """The elements from the root to the IDPSSODescriptor. Each may have a validUntil of its own.

    Raises MetadataRefused unless exactly one descriptor of one entity is meant.
    """
    found = list(_identity_providers(root, []))
    found_here = (
        found if entity_id is None else [path for path in found if path[-2].get("entityID") == entity_id]
    )
    _check_not_common(found_here or found)
    if len(found_here) == 1:
        return found_here[0]
    known = [path[-2].get("entityID", "") for path in found]
    more = f" and {len(known) - _MAX_LISTED} more" if len(known) > _MAX_LISTED else ""
    listed = ", ".join(map(quote_for_log, known[:_MAX_LISTED])) + more
    if not found:
        raise MetadataRefused(
            "the document describes no SAML 2.0 identity provider",
            hint="it may be a service provider's metadata, or of another protocol",
        )
    if found_here and len({path[-2] for path in found_here}) == 1:
        raise MetadataRefused(
            f"the identity provider {found_here[0][-2].get('entityID', '')!r} has {len(found_here)} "
            "IDPSSODescriptors of SAML 2.0, and which one counts is unclear",
            hint="its publisher must write one IDPSSODescriptor; or set `saml_endpoint`, `issuer` and `certificate` "
            "in place of `idp_metadata`",
        )
    if found_here and entity_id is not None:
        raise MetadataRefused(
            f"the document describes {len(found_here)} identity providers {entity_id!r}, and which one counts is "
            "unclear",
            hint="its publisher must describe each entity ID in one EntityDescriptor",
        )
    if entity_id is None:
        raise MetadataRefused(
            f"the document describes several identity providers: {listed}",
            hint="name one of them in `issuer`",
        )
    raise MetadataRefused(
        f"the document describes no identity provider {entity_id!r}; there is: {listed}",
        hint="`issuer` must be exactly the entity ID in the metadata; or leave `issuer` out",
    )


def _check_not_common(paths: list[list[Element]]) -> None:
    """Entra ID's metadata for tenants in common has a placeholder in its entity ID, which no response matches."""
    for path in paths:
        entity_id = path[-2].get("entityID", "")
        if _TENANT in entity_id.lower():
            raise MetadataRefused(
                f"the entity ID {entity_id!r} is that of Entra ID for all tenants in common; no response has it",
                hint="take your own tenant's metadata: put your tenant's ID in the place of `common` or "
                "`organizations` in the URL",
            )


def _identity_providers(element: Element, above: list[Element]) -> Iterator[list[Element]]:
    path = [*above, element]
    for child in element:
        if child.tag in {names.ENTITIES_DESCRIPTOR, names.ENTITY_DESCRIPTOR}:
            yield from _identity_providers(child, path)
        elif (
            child.tag == names.IDP_SSO_DESCRIPTOR
            and element.tag == names.ENTITY_DESCRIPTOR
            and names.SAMLP in child.get("protocolSupportEnumeration", "").split()
        ):
            yield [*path, child]


def _read(path: list[Element], now: datetime) -> IdpMetadata:
    entity, descriptor = path[-2], path[-1]
    valid_until = min(_instants(path, "validUntil"), default=None)
    if valid_until is not None and valid_until <= now:
        raise MetadataRefused(
            f"the metadata was valid until {valid_until.isoformat()}",
            hint="its publisher must renew it; a copy in a file must be replaced",
        )
    keys = read_signing_keys(descriptor)
    if not keys.certificates:
        reasons = "".join(f"; {finding.cause}" for finding in keys.findings[:_MAX_REASONS])
        raise MetadataRefused(
            f"the metadata holds no signing certificate that can be trusted{reasons}",
            hint=keys.findings[0].cure
            if keys.findings
            else "a KeyDescriptor for signing needs a KeyInfo with an X509Certificate",
        )
    sso_urls = _services(descriptor, names.SINGLE_SIGN_ON_SERVICE, "Location")
    if not sso_urls:
        raise MetadataRefused("the metadata names no SingleSignOnService over http(s)")
    return IdpMetadata(
        entity_id=required_attribute(entity, "entityID", section=_SECTION),
        signing_certificates=tuple(keys.certificates),
        sso_urls=sso_urls,
        slo_urls=_services(descriptor, names.SINGLE_LOGOUT_SERVICE, "Location"),
        slo_response_urls=_services(descriptor, names.SINGLE_LOGOUT_SERVICE, "ResponseLocation"),
        valid_until=valid_until,
        cache_duration=min(_durations(path), default=None),
        wants_signed_requests=descriptor.get("WantAuthnRequestsSigned") in {"true", "1"},
        findings=tuple(keys.findings),
    )


def _services(descriptor: Element, tag: str, attribute: str) -> dict[str, str]:
    """URLs by binding: the first http(s) URL of each binding."""
    found: dict[str, str] = {}
    for service in descriptor:
        url = service.get(attribute, "") if service.tag == tag else ""
        if url.startswith(("https://", "http://")):
            found.setdefault(service.get("Binding", ""), url)
    return found


def _instants(path: list[Element], attribute: str) -> Iterator[datetime]:
    for element in path:
        text = element.get(attribute)
        if text is not None:
            yield parse_instant(text, section=_SECTION)


def _durations(path: list[Element]) -> Iterator[timedelta]:
    for element in path:
        text = element.get("cacheDuration")
        duration = parse_duration(text) if text is not None else None
        if duration is not None:
            yield duration


def parse_duration(text: str) -> timedelta | None:
    """An xs:duration (XML schema 3.2.6); a month counts as 30 days. None when `text` is not a duration, or negative."""
    matched = _DURATION.fullmatch(text)
    if matched is None or text.endswith(("P", "T")):
        return None
    amounts = {unit: int(amount) for unit, amount in matched.groupdict(default="0").items()}
    days = amounts["days"] + sum(amounts[unit] * length for unit, length in _DAYS_OF.items())
    return timedelta(
        days=days, hours=amounts["hours"], minutes=amounts["minutes"], seconds=amounts["seconds"]
    )


# --- ours --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Organization:
    """The organization that runs this service, for the administrators of an identity provider."""

    name: str
    display_name: str
    url: str


def build_sp_metadata(
    service_provider: ServiceProvider,
    *,
    requested_attributes: Sequence[str] = (),
    signs_requests: bool = False,
    name_id_format: str | None = None,
    organization: Organization | None = None,
    technical_contact: str | None = None,
) -> bytes:
    """Our metadata, with everything that an identity provider needs to know of us (SAML metadata 2.4.4).

    requested_attributes   Names, as the identity provider should send them
    Returns an XML document in UTF-8.
    """
    root = etree.Element(
        names.ENTITY_DESCRIPTOR,
        nsmap={"md": names.MD, "ds": names.DS},
        entityID=service_provider.entity_id,
    )
    descriptor = etree.SubElement(
        root,
        names.SP_SSO_DESCRIPTOR,
        AuthnRequestsSigned="true" if signs_requests else "false",
        WantAssertionsSigned="true",
        protocolSupportEnumeration=names.SAMLP,
    )
    _add_keys(descriptor, service_provider.published_certificates)
    for binding in (names.HTTP_REDIRECT, names.HTTP_POST):
        etree.SubElement(
            descriptor, names.SINGLE_LOGOUT_SERVICE, Binding=binding, Location=service_provider.slo_url
        )
    if name_id_format is not None:
        etree.SubElement(descriptor, names.NAME_ID_FORMAT).text = name_id_format
    etree.SubElement(
        descriptor,
        names.ASSERTION_CONSUMER_SERVICE,
        Binding=names.HTTP_POST,
        Location=service_provider.acs_url,
        index="0",
        isDefault="true",
    )
    if requested_attributes:
        _add_requested_attributes(descriptor, requested_attributes)
    if organization is not None:
        _add_organization(root, organization)
    if technical_contact is not None:
        contact = etree.SubElement(root, names.CONTACT_PERSON, contactType="technical")
        etree.SubElement(contact, names.EMAIL_ADDRESS).text = f"mailto:{technical_contact}"
    etree.indent(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"


def build_idp_metadata(entity_id: str, certificates: Sequence[Certificate], *, sso_url: str) -> bytes:
    """The metadata of this service as an identity provider, for SAML providers at IAM (SAML metadata 2.4.3).

    sso_url   required by the standard; nobody sends requests there
    Returns an XML document in UTF-8.
    """
    root = etree.Element(names.ENTITY_DESCRIPTOR, nsmap={"md": names.MD, "ds": names.DS}, entityID=entity_id)
    descriptor = etree.SubElement(root, names.IDP_SSO_DESCRIPTOR, protocolSupportEnumeration=names.SAMLP)
    _add_keys(descriptor, certificates, uses=("signing",))
    etree.SubElement(descriptor, names.NAME_ID_FORMAT).text = names.PERSISTENT
    etree.SubElement(descriptor, names.SINGLE_SIGN_ON_SERVICE, Binding=names.HTTP_REDIRECT, Location=sso_url)
    etree.indent(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"


def _add_keys(
    descriptor: Element,
    certificates: Sequence[Certificate],
    *,
    uses: Sequence[str] = ("signing", "encryption"),
) -> None:
    """Each key for each use, with the algorithms that we decrypt, best first."""
    for use in uses:
        for certificate in certificates:
            key = etree.SubElement(descriptor, names.KEY_DESCRIPTOR, use=use)
            data = etree.SubElement(etree.SubElement(key, names.KEY_INFO), names.X509_DATA)
            der = certificate.public_bytes(Encoding.DER)
            etree.SubElement(data, names.X509_CERTIFICATE).text = base64.b64encode(der).decode("ascii")
            if use == "encryption":
                for algorithm in (
                    f"{names.XENC11}aes256-gcm",
                    f"{names.XENC11}aes128-gcm",
                    names.RSA_OAEP_MGF1_SHA1,
                ):
                    etree.SubElement(key, names.METADATA_ENCRYPTION_METHOD, Algorithm=algorithm)


def _add_requested_attributes(descriptor: Element, requested: Sequence[str]) -> None:
    service = etree.SubElement(descriptor, names.ATTRIBUTE_CONSUMING_SERVICE, index="0", isDefault="true")
    etree.SubElement(service, names.SERVICE_NAME, {f"{{{names.XML}}}lang": "en"}).text = "AWS console"
    for name in requested:
        etree.SubElement(service, names.REQUESTED_ATTRIBUTE, Name=name, isRequired="false")


def _add_organization(root: Element, organization: Organization) -> None:
    element = etree.SubElement(root, names.ORGANIZATION)
    for tag, text in (
        (names.ORGANIZATION_NAME, organization.name),
        (names.ORGANIZATION_DISPLAY_NAME, organization.display_name),
        (names.ORGANIZATION_URL, organization.url),
    ):
        etree.SubElement(element, tag, {f"{{{names.XML}}}lang": "en"}).text = text
