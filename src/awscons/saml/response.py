"""From a posted form value to an Assertion, in two steps. The first check that fails ends it.

`open_envelope` checks form, without keys: input limits, XML and structure. `verify_envelope` checks signatures
and then every statement. They are two functions because the sign-in between them finds the pending login,
which gives the expected request; and because newer keys need only the second step again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from awscons.errors import ResponseRefused
from awscons.saml import names
from awscons.saml.assertion import (
    Assertion,
    check_authn_statement,
    check_conditions,
    check_in_response_to,
    check_issuer,
    check_name_length,
    check_response_destination,
    check_subject_confirmation,
    read_attributes,
    read_name_id,
)
from awscons.saml.encryption import decrypt_element
from awscons.saml.input_limits import ANSWER_LIMITS, MessageLimits, decode_form_value
from awscons.saml.parties import IdentityProvider, ServiceProvider
from awscons.saml.signature import verify_enveloped
from awscons.saml.structure import Envelope, check_assertion_shape, check_shape, issuer_of
from awscons.saml.xml import Element, check_tree, only_child, parse, required_attribute

CLOCK_SKEW = timedelta(seconds=60)
"""Tolerated difference between the identity provider's clock and ours, in both directions."""


def open_envelope(form_value: str, limits: MessageLimits = ANSWER_LIMITS) -> Envelope:
    """Input limits, parser, tree and structure: all checks that need no keys. The result is not verified.

    form_value   as posted, base64
    Raises ResponseRefused.
    """
    root = parse(decode_form_value(form_value, limits))
    check_tree(root)
    return check_shape(root)


def verify_envelope(
    envelope: Envelope,
    *,
    service_provider: ServiceProvider,
    identity_provider: IdentityProvider,
    expected_request_id: str,
    now: datetime,
    authenticated_after: datetime | None = None,
    expected_context: tuple[str, ...] = (),
) -> Assertion:
    """The verified assertion inside an envelope.

    expected_request_id   the ID of the AuthnRequest that this browser's pending login sent
    now                   UTC
    authenticated_after   UTC; when a fresh authentication is required, the moment of the request; else None
    expected_context      URIs of AuthnContextClassRef, one of which is required; empty: any

    The caller has to refuse a replay: it saves `assertion_id` until `not_on_or_after`. Raises ResponseRefused
    at the first check that fails.
    """
    response, assertion = _verify_signatures(envelope, service_provider, identity_provider)

    response_issuer = issuer_of(response)
    if response_issuer is not None:
        check_issuer(response_issuer, expected=identity_provider.entity_id)
    check_response_destination(
        response, expected=service_provider.acs_url, response_is_signed=envelope.response_is_signed
    )
    check_in_response_to(response, expected=expected_request_id)

    check_issuer(issuer_of(assertion), expected=identity_provider.entity_id)
    check_subject_confirmation(
        assertion,
        expected_recipient=service_provider.acs_url,
        expected_request_id=expected_request_id,
        now=now,
        skew=CLOCK_SKEW,
    )
    valid_until = check_conditions(
        assertion, expected_audience=service_provider.entity_id, now=now, skew=CLOCK_SKEW
    )
    authentication = check_authn_statement(
        assertion,
        now=now,
        skew=CLOCK_SKEW,
        authenticated_after=authenticated_after,
        expected_context=expected_context,
    )
    name_id, qualifiers = read_name_id(assertion)
    return Assertion(
        assertion_id=check_name_length(
            required_attribute(assertion, "ID", section="SAML core 2.3.3"), "ID of the Assertion"
        ),
        idp_entity_id=identity_provider.entity_id,
        name_id=name_id,
        name_id_qualifiers=qualifiers,
        session_index=authentication.session_index,
        not_on_or_after=valid_until,
        authn_instant=authentication.instant,
        authn_context=authentication.context,
        session_not_on_or_after=authentication.session_not_on_or_after,
        attributes=read_attributes(assertion),
    )


def _verify_signatures(
    envelope: Envelope, service_provider: ServiceProvider, identity_provider: IdentityProvider
) -> tuple[Element, Element]:
    """The response and the assertion to read, after every signature in them was verified.

    The assertion is parsed from signed bytes: those of its own signature if it has one, else those of the
    response's. An unsigned response is returned unverified, and its values can only cause refusals.
    """
    certificates = identity_provider.signing_certificates
    response, assertion = envelope.unverified_response, envelope.unverified_assertion
    assertion_is_signed = envelope.assertion_is_signed
    if envelope.response_is_signed:
        response = verify_enveloped(response, certificates)
        kind = names.ENCRYPTED_ASSERTION if envelope.assertion_is_encrypted else names.ASSERTION
        assertion = only_child(response, kind, section="SAML core 3.3.3")
    if envelope.assertion_is_encrypted:
        assertion = decrypt_element(
            assertion,
            service_provider.decryption_keys,
            gcm_only=identity_provider.gcm_only,
            limits=service_provider.answer_limits,
        )
        assertion_is_signed = check_assertion_shape(assertion)
    elif assertion_is_signed:
        # The assertion of the original document, not of the verified Response: canonicalizing the Response
        # may have dropped a namespace that the assertion's own PrefixList names.
        assertion = envelope.unverified_assertion
    if assertion_is_signed:
        assertion = verify_enveloped(assertion, certificates)
    if not (envelope.response_is_signed or assertion_is_signed):
        raise ResponseRefused(
            "no signature",
            section="SAML profiles 4.1.4.5",
            hint="set the identity provider to sign the assertion, the response, or both",
        )
    return response, assertion
