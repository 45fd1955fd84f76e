"""Explains a captured response: each check as a finding, with the cause and the cure of each refusal.

For operators, apart from every sign-in. It makes the same checks as `response`, but goes on after a
refusal: when a signature is invalid, the remaining checks still run, so that one run reports every
problem. Therefore nothing in an Explanation may ever sign a person in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.x509 import Certificate

from awscons.errors import ResponseRefused
from awscons.findings import Finding, Severity, error_finding, has_error
from awscons.saml import names
from awscons.saml.assertion import (
    check_authn_statement,
    check_conditions,
    check_in_response_to,
    check_issuer,
    check_response_destination,
    check_subject_confirmation,
    parse_instant,
    read_attributes,
    read_name_id,
)
from awscons.saml.certificates import fingerprint
from awscons.saml.encryption import decrypt_element
from awscons.saml.parties import IdentityProvider, ServiceProvider
from awscons.saml.response import CLOCK_SKEW, open_envelope
from awscons.saml.signature import verify_enveloped
from awscons.saml.structure import Envelope, check_assertion_shape, issuer_of
from awscons.saml.xml import Element, only_child

_NO_SIGNATURE = "there is none"


@dataclass(slots=True)
class Explanation:
    """A finding for each check, in order, and what the response says of the person, as far as readable.

    findings                severity OK, INFO or ERROR; the subject is the check
    unverified_attributes   by Name, for comparison with the configuration only
    """

    findings: list[Finding] = field(default_factory=list)
    unverified_name_id: str | None = None
    unverified_attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        """Whether every check passed."""
        return not has_error(self.findings)


def explain_response(
    form_value: str,
    *,
    service_provider: ServiceProvider,
    identity_provider: IdentityProvider,
    now: datetime | None,
    expected_context: tuple[str, ...] = (),
) -> Explanation:
    """Every check of a response, as findings. Never raises ResponseRefused.

    form_value   as posted, base64
    now          UTC; None: the moment at which the response says that it was made
    """
    told = Explanation()
    envelope: list[Envelope] = []
    if not _try(
        told,
        "form and structure",
        lambda: envelope.append(open_envelope(form_value, service_provider.answer_limits)),
    ):
        return told
    response = _explain_signature(
        told, "signature of the Response", envelope[0].unverified_response, identity_provider
    )
    moment = now or _issued_at(response)
    if moment is None:
        told.findings.append(
            Finding(
                Severity.ERROR,
                "moment",
                "the response has no valid IssueInstant, so its times cannot be judged",
                "give the moment with --at",
            )
        )
        return told
    assertion = _explain_assertion(told, envelope[0], response, service_provider, identity_provider)
    if assertion is None:
        return told
    _explain_content(told, response, assertion, service_provider, identity_provider, moment, expected_context)
    return told


def _try(told: Explanation, title: str, check: Callable[[], object]) -> bool:
    """Run one check and add its finding; whether it passed. The cause of an OK is what `check` returns."""
    try:
        said = check()
    except ResponseRefused as error:
        told.findings.append(error_finding(title, error))
        return False
    told.findings.append(Finding(Severity.OK, title, said if isinstance(said, str) else ""))
    return True


def _issued_at(response: Element) -> datetime | None:
    try:
        return parse_instant(response.get("IssueInstant", ""), section="SAML core 3.2.2")
    except ResponseRefused:
        return None


def _explain_signature(
    told: Explanation, title: str, element: Element, identity_provider: IdentityProvider
) -> Element:
    """The signed element; the unverified one where there is no valid signature."""
    if not any(child.tag == names.SIGNATURE for child in element):
        told.findings.append(Finding(Severity.INFO, title, _NO_SIGNATURE))
        return element
    read: list[Element] = []

    def verify() -> str:
        certificates = identity_provider.signing_certificates
        read.append(verify_enveloped(element, certificates))
        return f"made by the certificate {fingerprint(_signer(element, certificates))}"

    return read[0] if _try(told, title, verify) else element


def _signer(element: Element, certificates: tuple[Certificate, ...]) -> Certificate:
    """The certificate that verifies the signature. One of them does: the caller has checked that."""
    for certificate in certificates[:-1]:
        try:
            verify_enveloped(element, (certificate,))
        except ResponseRefused:
            continue
        return certificate
    return certificates[-1]


def _explain_assertion(
    told: Explanation,
    envelope: Envelope,
    response: Element,
    service_provider: ServiceProvider,
    identity_provider: IdentityProvider,
) -> Element | None:
    """The assertion to read from; None where it cannot be decrypted."""
    kind = names.ENCRYPTED_ASSERTION if envelope.assertion_is_encrypted else names.ASSERTION
    assertion = only_child(response, kind, section="SAML core 3.3.3")
    if envelope.assertion_is_encrypted:
        decrypted: list[Element] = []

        def decrypt() -> None:
            element = decrypt_element(
                assertion,
                service_provider.decryption_keys,
                gcm_only=identity_provider.gcm_only,
                limits=service_provider.answer_limits,
            )
            check_assertion_shape(element)
            decrypted.append(element)

        if not _try(told, "decryption", decrypt):
            return None
        (assertion,) = decrypted
    elif envelope.assertion_is_signed:
        assertion = envelope.unverified_assertion
    assertion = _explain_signature(told, "signature of the Assertion", assertion, identity_provider)

    def check_signed() -> None:
        signatures = [finding for finding in told.findings if finding.subject.startswith("signature of")]
        if all(finding.cause == _NO_SIGNATURE for finding in signatures):
            raise ResponseRefused(
                "no signature",
                section="SAML profiles 4.1.4.5",
                hint="set the identity provider to sign the assertion, the response, or both",
            )

    _try(told, "something is signed", check_signed)
    return assertion


def _explain_content(
    told: Explanation,
    response: Element,
    assertion: Element,
    service_provider: ServiceProvider,
    identity_provider: IdentityProvider,
    now: datetime,
    expected_context: tuple[str, ...],
) -> None:
    _explain_response(told, response, service_provider, identity_provider)
    checks: dict[str, Callable[[], object]] = {
        "Issuer of the Assertion": lambda: check_issuer(
            issuer_of(assertion), expected=identity_provider.entity_id
        ),
        "subject confirmation": lambda: check_subject_confirmation(
            assertion,
            expected_recipient=service_provider.acs_url,
            expected_request_id=response.get("InResponseTo", ""),
            now=now,
            skew=CLOCK_SKEW,
        ),
        "conditions and audience": lambda: check_conditions(
            assertion, expected_audience=service_provider.entity_id, now=now, skew=CLOCK_SKEW
        ),
        "authentication": lambda: check_authn_statement(
            assertion,
            now=now,
            skew=CLOCK_SKEW,
            authenticated_after=None,
            expected_context=expected_context,
        ),
        "NameID": lambda: _note_name_id(told, assertion),
        "attributes": lambda: told.unverified_attributes.update(read_attributes(assertion)),
    }
    for title, check in checks.items():
        _try(told, title, check)


def _explain_response(
    told: Explanation,
    response: Element,
    service_provider: ServiceProvider,
    identity_provider: IdentityProvider,
) -> None:
    issuer, expected = issuer_of(response), identity_provider.entity_id
    signed = any(child.tag == names.SIGNATURE for child in response)
    # The Issuer of a Response is optional (SAML core 3.2.2).
    present = expected if issuer is None else issuer
    _try(told, "Issuer of the Response", lambda: check_issuer(present, expected=expected))
    _try(
        told,
        "Destination",
        lambda: check_response_destination(
            response, expected=service_provider.acs_url, response_is_signed=signed
        ),
    )
    _try(told, "answers a request", lambda: _check_answers(response, response.get("InResponseTo", "")))


def _check_answers(response: Element, request_id: str) -> str:
    if not request_id:
        raise ResponseRefused(
            "in response to",
            section="SAML profiles 4.1.4.2",
            hint="the response is unsolicited, as from a tile at the identity provider; the service does not "
            "trust it, but starts a sign-in of its own",
        )
    check_in_response_to(response, expected=request_id)
    return "only the running service knows whether this browser sent that request, and when"


def _note_name_id(told: Explanation, assertion: Element) -> None:
    told.unverified_name_id, _ = read_name_id(assertion)
