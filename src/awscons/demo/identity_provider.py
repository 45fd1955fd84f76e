"""A SAML identity provider in one class: it reads real AuthnRequests and answers with signed responses.

It is pretend in one point: its page offers the sample people and asks for no password.
"""

from __future__ import annotations

import base64
import secrets
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives import serialization
from flask import Flask, Response, abort, make_response, render_template, request
from lxml import etree

from awscons.demo.sample_people import Person
from awscons.errors import ResponseRefused
from awscons.saml import names
from awscons.saml.assertion import build_instant
from awscons.saml.certificates import make_key_pair
from awscons.saml.parties import ServiceProvider
from awscons.saml.signature import sign_enveloped
from awscons.saml.xml import Element, parse, required_attribute

_MAX_REQUEST_BYTES = 64 * 1024
"""Maximum size of an inflated AuthnRequest; the rest is cut off, and the request is then refused."""
_PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"  # noqa: S105  a URN
_BASIC_NAME = "urn:oasis:names:tc:SAML:2.0:attrname-format:basic"


class DemoIdentityProvider:
    """An identity provider with its own key, for one service provider and a few sample people."""

    def __init__(
        self, *, entity_id: str, service_provider: ServiceProvider, people: Sequence[Person]
    ) -> None:
        self.entity_id = entity_id
        self._service_provider = service_provider
        self._people = people
        now = datetime.now(UTC)
        self._pair = make_key_pair(
            "awscons demo identity provider",
            bits=2048,
            not_before=now - timedelta(days=1),
            not_after=now + timedelta(days=365),
        )

    @property
    def certificate_pem(self) -> str:
        """The signing certificate, PEM."""
        return self._pair.certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")

    def application(self) -> Flask:
        """The page `GET /sso?SAMLRequest=…`. The button of a person posts a SAMLResponse to the ACS URL."""
        app = Flask("awscons.demo", static_folder=None)

        @app.get("/sso")
        def sso() -> Response:
            request_id = self._read_request(request.args.get("SAMLRequest", ""))
            choices = [
                (person, self.response_for(person, in_response_to=request_id)) for person in self._people
            ]
            page = render_template(
                "identity_provider.html",
                choices=choices,
                acs_url=self._service_provider.acs_url,
                relay_state=request.args.get("RelayState", ""),
            )
            response = make_response(page)
            response.headers["Cache-Control"] = "no-store"
            return response

        return app

    def response_for(self, person: Person, *, in_response_to: str) -> str:
        """The SAMLResponse form value for `person`: base64 of a Response with a signed Assertion."""
        now = datetime.now(UTC)
        response = self._response(person, in_response_to, now)
        assertion = response[-1]
        signed = parse(sign_enveloped(etree.tostring(assertion), self._pair))
        response.replace(assertion, signed)
        return base64.b64encode(etree.tostring(response)).decode("ascii")

    def _read_request(self, form_value: str) -> str:
        """The ID of the AuthnRequest in `form_value` (HTTP-Redirect binding, SAML bindings 3.4.4.1).

        Answers 400 if it is malformed or comes from another service provider.
        """
        try:
            inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
            xml = inflater.decompress(base64.b64decode(form_value, validate=True), _MAX_REQUEST_BYTES)
            root = parse(xml)
        except (ValueError, zlib.error, ResponseRefused):
            abort(400)
        is_from_our_sp = (
            root.tag == names.AUTHN_REQUEST
            and root.get("AssertionConsumerServiceURL") == self._service_provider.acs_url
            and root.findtext(names.ISSUER) == self._service_provider.entity_id
        )
        if not is_from_our_sp:
            abort(400)
        return required_attribute(root, "ID", section="SAML core 3.2.1")

    def _response(self, person: Person, in_response_to: str, now: datetime) -> Element:
        end = build_instant(now + timedelta(minutes=5))
        root = etree.Element(
            names.RESPONSE,
            # Declares `ds` here too: lxml would otherwise rename prefixes when the signed assertion is
            # inserted, and that would break the signature.
            nsmap={"samlp": names.SAMLP, "saml": names.SAML, "ds": names.DS},
            ID=_identifier(),
            Version="2.0",
            IssueInstant=build_instant(now),
            Destination=self._service_provider.acs_url,
            InResponseTo=in_response_to,
        )
        _add(root, names.ISSUER, self.entity_id)
        _add(_add(root, names.STATUS), names.STATUS_CODE, Value=names.SUCCESS)
        assertion = _add(
            root, names.ASSERTION, ID=_identifier(), Version="2.0", IssueInstant=build_instant(now)
        )
        _add(assertion, names.ISSUER, self.entity_id)
        subject = _add(assertion, names.SUBJECT)
        _add(subject, names.NAME_ID, person.user_name)
        confirmation = _add(subject, names.SUBJECT_CONFIRMATION, Method=names.BEARER)
        _add(
            confirmation,
            names.SUBJECT_CONFIRMATION_DATA,
            Recipient=self._service_provider.acs_url,
            InResponseTo=in_response_to,
            NotOnOrAfter=end,
        )
        conditions = _add(assertion, names.CONDITIONS, NotBefore=build_instant(now), NotOnOrAfter=end)
        restriction = _add(conditions, names.AUDIENCE_RESTRICTION)
        _add(restriction, names.AUDIENCE, self._service_provider.entity_id)
        statement = _add(
            assertion,
            names.AUTHN_STATEMENT,
            AuthnInstant=build_instant(now),
            SessionIndex=_identifier(),
        )
        _add(_add(statement, names.AUTHN_CONTEXT), names.AUTHN_CONTEXT_CLASS_REF, _PASSWORD)
        attributes = _add(assertion, names.ATTRIBUTE_STATEMENT)
        _add_attribute(attributes, "displayName", (person.full_name,))
        if person.groups:
            _add_attribute(attributes, "groups", person.groups)
        return root


def _add(parent: Element, tag: str, text: str | None = None, **attributes: str) -> Element:
    child = etree.SubElement(parent, tag, attributes)
    child.text = text
    return child


def _add_attribute(statement: Element, name: str, values: Sequence[str]) -> None:
    attribute = _add(statement, names.ATTRIBUTE, Name=name, NameFormat=_BASIC_NAME)
    for value in values:
        _add(attribute, names.ATTRIBUTE_VALUE, value)


def _identifier() -> str:
    return "_" + secrets.token_hex(16)
