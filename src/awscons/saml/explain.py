"""Explains a captured response: each check as a finding, with the cause and the cure of each refusal.

For operators, apart from every sign-in. It makes the same checks as `response`, but goes on after a
refusal: when a signature is invalid, the remaining checks still run, so that one run reports every
problem. Therefore nothing in an Explanation may ever sign a person in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from cryptography.x509 import Certificate

from awscons.errors import ResponseRefused
from awscons.findings import Finding, Severity, error_finding, has_error
from awscons.saml import names
from awscons.saml.assertion import (
    check_authn_statement,
    check_conditions,
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
_ALGORITHMS = (
    "let the identity provider sign with RSA or ECDSA, SHA-256 and exclusive canonicalization; nothing on the way may "
    "change the response"
)
_CURES = {
    "form and structure": "capture the whole value of the field SAMLResponse once more; if it is refused again, ask "
    "the identity provider's administrators for a plain SAML 2.0 Response with one Assertion",
    "decryption": "let the identity provider encrypt with RSA-OAEP and AES-GCM, one EncryptedKey for us",
    "signature of the Response": _ALGORITHMS,
    "signature of the Assertion": _ALGORITHMS,
    "answers a request": "let the identity provider repeat the ID of our AuthnRequest as InResponseTo",
    "subject confirmation": "let the identity provider send a bearer SubjectConfirmation whose SubjectConfirmationData "
    "has Recipient, InResponseTo and NotOnOrAfter",
    "conditions and audience": "let the identity provider send Conditions with NotOnOrAfter and with an "
    "AudienceRestriction whose Audience is our `spid`",
    "authentication": "let the identity provider send an AuthnStatement with AuthnInstant and AuthnContext",
    "NameID": "let the identity provider send one Subject with one NameID that is text",
    "attributes": "let the identity provider send an AttributeStatement of Attributes, each with a Name",
}
"""What helps where a refusal has no hint of its own."""


@dataclass(slots=True)
class Explanation:
    """A finding for each check, in order, and what the response says of the person, as far as readable.

    findings                severity OK, INFO or ERROR; the subject is the check
    unverified_attributes   by Name, for comparison with the configuration only
    unverified_friendly_names   FriendlyNames by Name. They decide nothing (SAML core 2.7.3.1), but tell an operator
                                which attribute an OID is
    """

    findings: list[Finding] = field(default_factory=list)
    unverified_name_id: str | None = None
    unverified_name_id_format: str = ""
    unverified_attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unverified_friendly_names: dict[str, str] = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        """Whether every check passed."""
        return not has_error(self.findings)


def explain_response(
    form_value: str,
    *,
    service_provider: ServiceProvider,
    identity_provider: IdentityProvider,
    now: datetime,
    at: datetime | None = None,
    expected_context: tuple[str, ...] = (),
) -> Explanation:
    """Every check of a response, as findings. Never raises ResponseRefused.

    form_value   as posted, base64
    now          UTC, of this host's clock
    at           UTC, the moment to judge as of; None: the moment at which the response says that it was made, and
                 a finding says what differs as of `now`
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
    moment = at or _instant(response.get("IssueInstant", ""))
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
    _explain_response(
        told,
        response,
        service_provider,
        identity_provider,
        response_is_signed=envelope[0].response_is_signed,
    )
    _try(
        told,
        "Issuer of the Assertion",
        lambda: check_issuer(issuer_of(assertion), expected=identity_provider.entity_id),
    )
    checks = _timed_checks(response, assertion, service_provider, expected_context)
    for title, check in checks.items():
        _try(told, title, partial(check, moment))
    if at is None:
        told.findings.append(_clock_finding(assertion, checks, moment, now))
    _try(told, "NameID", lambda: _note_name_id(told, assertion))
    _try(told, "attributes", lambda: _note_attributes(told, assertion))
    return told


def _try(told: Explanation, title: str, check: Callable[[], object]) -> bool:
    """Run one check and add its finding; whether it passed. The cause of an OK is what `check` returns."""
    try:
        said = check()
    except ResponseRefused as error:
        finding = error_finding(title, error)
        told.findings.append(replace(finding, cure=finding.cure or _CURES.get(title, "")))
        return False
    told.findings.append(Finding(Severity.OK, title, said if isinstance(said, str) else ""))
    return True


def _instant(text: str) -> datetime | None:
    try:
        return parse_instant(text, section="SAML core 1.3.3")
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


_TimedCheck = Callable[[datetime], object]


def _timed_checks(
    response: Element,
    assertion: Element,
    service_provider: ServiceProvider,
    expected_context: tuple[str, ...],
) -> dict[str, _TimedCheck]:
    """The checks that depend on the time, by their titles; each takes the moment to judge as of."""
    return {
        "subject confirmation": lambda moment: check_subject_confirmation(
            assertion,
            expected_recipient=service_provider.acs_url,
            expected_request_id=response.get("InResponseTo", ""),
            now=moment,
            skew=CLOCK_SKEW,
        ),
        "conditions and audience": lambda moment: check_conditions(
            assertion, expected_audience=service_provider.entity_id, now=moment, skew=CLOCK_SKEW
        ),
        "authentication": lambda moment: check_authn_statement(
            assertion,
            now=moment,
            skew=CLOCK_SKEW,
            authenticated_after=None,
            expected_context=expected_context,
        ),
    }


def _clock_finding(
    assertion: Element, checks: dict[str, _TimedCheck], moment: datetime, now: datetime
) -> Finding:
    """What the response's own time and this host's clock say differently.

    A response from the future is refused. One from the past is usual here: it was captured some time ago.
    """
    own = f"judged as of the response's own time, {moment.isoformat()}"
    if all(_refuses(check, moment) or not _refuses(check, now) for check in checks.values()):
        return Finding(Severity.OK, "clock", f"{own}; it is {_ahead(moment, now)}, which makes no difference")
    name, begin = max(_begins(assertion), key=lambda named: named[1], default=("IssueInstant", moment))
    if begin > now + CLOCK_SKEW:
        return Finding(
            Severity.ERROR,
            "clock",
            f"this response's {name} is {_ahead(begin, now)}; {_seconds(CLOCK_SKEW)} are allowed. The other checks "
            f"are {own}",
            "run NTP on this host and on the identity provider's",
        )
    return Finding(
        Severity.INFO,
        "clock",
        f"{own}, which is {_ahead(moment, now)}; as of now it has expired",
        "if the response was captured just now, run NTP on this host and on the identity provider's",
    )


def _refuses(check: _TimedCheck, moment: datetime) -> bool:
    try:
        check(moment)
    except ResponseRefused:
        return True
    return False


def _begins(assertion: Element) -> Iterator[tuple[str, datetime]]:
    """The moments before which an assertion does not count, with the names of their attributes."""
    for tag, attribute in (
        (names.CONDITIONS, "NotBefore"),
        (names.SUBJECT_CONFIRMATION_DATA, "NotBefore"),
        (names.AUTHN_STATEMENT, "AuthnInstant"),
    ):
        for element in assertion.iter(tag):
            moment = _instant(element.get(attribute, ""))
            if moment is not None:
                yield attribute, moment


def _ahead(moment: datetime, now: datetime) -> str:
    side = "ahead of" if moment > now else "behind"
    return f"{_seconds(abs(moment - now))} {side} this host's clock"


def _seconds(duration: timedelta) -> str:
    return f"{duration.total_seconds():,.0f} s"


def _explain_response(
    told: Explanation,
    response: Element,
    service_provider: ServiceProvider,
    identity_provider: IdentityProvider,
    *,
    response_is_signed: bool,
) -> None:
    issuer, expected = issuer_of(response), identity_provider.entity_id
    # The Issuer of a Response is optional (SAML core 3.2.2).
    present = expected if issuer is None else issuer
    _try(told, "Issuer of the Response", lambda: check_issuer(present, expected=expected))
    _try(
        told,
        "Destination",
        lambda: check_response_destination(
            response, expected=service_provider.acs_url, response_is_signed=response_is_signed
        ),
    )
    _try(told, "answers a request", lambda: _check_answers(response))


def _check_answers(response: Element) -> str:
    if not response.get("InResponseTo"):
        raise ResponseRefused(
            "in response to",
            section="SAML profiles 4.1.4.2",
            hint="the response is unsolicited, as from a tile at the identity provider; the service does not "
            "trust it, but starts a sign-in of its own",
        )
    return "only the running service knows whether this browser sent that request, and when"


def _note_name_id(told: Explanation, assertion: Element) -> None:
    told.unverified_name_id, qualifiers = read_name_id(assertion)
    told.unverified_name_id_format = qualifiers.get("Format", "")


def _note_attributes(told: Explanation, assertion: Element) -> None:
    told.unverified_attributes = read_attributes(assertion)
    for attribute in assertion.iter(names.ATTRIBUTE):
        name, friendly_name = attribute.get("Name"), attribute.get("FriendlyName")
        if name and friendly_name:
            told.unverified_friendly_names[name] = friendly_name
