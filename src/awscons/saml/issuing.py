"""Responses of our own: this service as an identity provider, towards AWS. Builds and signs; sends nothing.

Response and Assertion are both signed, with exclusive canonicalization and SHA-256. The profile is the one of a browser
sign-in that nobody has requested (SAML profiles 4.1.5), which is what AWS documents for its SAML providers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lxml import etree

from awscons.saml import names
from awscons.saml.assertion import build_instant
from awscons.saml.parties import Signer
from awscons.saml.signature import sign_enveloped
from awscons.saml.xml import Element, parse

LIFETIME = timedelta(minutes=5)
_CLOCKS_DIFFER_BY = timedelta(minutes=1)
_BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
_URI = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"


@dataclass(frozen=True, slots=True)
class AssertionContent:
    """What an assertion of ours says.

    recipient      the URL that takes the response
    audiences      each of them may use it
    name_id        of the person, persistent
    attributes     values by the Name of the attribute
    authn_instant  UTC
    authn_context  URI of the AuthnContextClassRef
    session_ends   UTC: SessionNotOnOrAfter; None: not said
    """

    recipient: str
    audiences: Sequence[str]
    name_id: str
    attributes: Mapping[str, Sequence[str]]
    authn_instant: datetime
    authn_context: str = names.AUTHN_CONTEXT_UNSPECIFIED
    session_ends: datetime | None = None


def issue_response(
    content: AssertionContent,
    *,
    response_id: str,
    assertion_id: str,
    issuer: str,
    signing: Signer,
    now: datetime,
) -> bytes:
    """A signed response with one signed assertion, as XML.

    response_id, assertion_id   random, each used once (SAML core 1.3.4)
    issuer   our entity ID
    now      UTC
    """
    response = etree.Element(names.RESPONSE, nsmap={"samlp": names.SAMLP, "saml": names.SAML})
    _head(response, response_id, issuer, now)
    response.set("Destination", content.recipient)
    status = etree.SubElement(response, names.STATUS)
    etree.SubElement(status, names.STATUS_CODE, Value=names.SUCCESS)
    assertion = sign_enveloped(etree.tostring(_assertion(content, assertion_id, issuer, now)), signing)
    response.append(parse(assertion))
    return sign_enveloped(etree.tostring(response), signing)


def _head(element: Element, own_id: str, issuer: str, now: datetime) -> None:
    element.set("ID", own_id)
    element.set("Version", "2.0")
    element.set("IssueInstant", build_instant(now))
    etree.SubElement(element, names.ISSUER).text = issuer


def _assertion(content: AssertionContent, own_id: str, issuer: str, now: datetime) -> Element:
    ends = build_instant(now + LIFETIME)
    assertion = etree.Element(names.ASSERTION, nsmap={"saml": names.SAML})
    _head(assertion, own_id, issuer, now)
    subject = etree.SubElement(assertion, names.SUBJECT)
    etree.SubElement(subject, names.NAME_ID, Format=names.PERSISTENT).text = content.name_id
    confirmation = etree.SubElement(subject, names.SUBJECT_CONFIRMATION, Method=_BEARER)
    etree.SubElement(
        confirmation, names.SUBJECT_CONFIRMATION_DATA, NotOnOrAfter=ends, Recipient=content.recipient
    )
    conditions = etree.SubElement(
        assertion, names.CONDITIONS, NotBefore=build_instant(now - _CLOCKS_DIFFER_BY), NotOnOrAfter=ends
    )
    restriction = etree.SubElement(conditions, names.AUDIENCE_RESTRICTION)
    for audience in content.audiences:
        etree.SubElement(restriction, names.AUDIENCE).text = audience
    statement = etree.SubElement(
        assertion,
        names.AUTHN_STATEMENT,
        AuthnInstant=build_instant(content.authn_instant),
        SessionIndex=own_id,
    )
    if content.session_ends is not None:
        statement.set("SessionNotOnOrAfter", build_instant(content.session_ends))
    context = etree.SubElement(statement, names.AUTHN_CONTEXT)
    etree.SubElement(context, names.AUTHN_CONTEXT_CLASS_REF).text = content.authn_context
    attributes = etree.SubElement(assertion, names.ATTRIBUTE_STATEMENT)
    for name, values in content.attributes.items():
        attribute = etree.SubElement(attributes, names.ATTRIBUTE, Name=name, NameFormat=_URI)
        for value in values:
            etree.SubElement(attribute, names.ATTRIBUTE_VALUE).text = value
    return assertion
