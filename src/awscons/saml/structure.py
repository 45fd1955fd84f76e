"""The structure of a response: its elements and their order, checked before any cryptography.

Signature wrapping attacks (XSW) need an element that a good response does not have, or has elsewhere. Such a
response is refused here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from awscons.errors import ResponseRefused
from awscons.saml import names
from awscons.saml.status import check_status
from awscons.saml.xml import Element, element_children, only_child, required_attribute, text_of

_ENVELOPE = "SAML core 3.3.3"
_ASSERTION = "SAML core 2.3.3"


@dataclass(frozen=True, slots=True)
class Envelope:
    """A response of the right structure, not verified: its values can only cause refusals.

    unverified_assertion    an Assertion, or an EncryptedAssertion
    assertion_is_signed     False for an EncryptedAssertion: known after decryption
    """

    unverified_response: Element
    unverified_assertion: Element
    response_is_signed: bool
    assertion_is_signed: bool

    @property
    def assertion_is_encrypted(self) -> bool:
        """Whether the assertion has to be decrypted."""
        return self.unverified_assertion.tag == names.ENCRYPTED_ASSERTION


def check_shape(root: Element) -> Envelope:
    """The parts of a response: Issuer?, Signature?, Status, and exactly one assertion, in that order.

    The assertion is an Assertion or an EncryptedAssertion. Raises ResponseRefused for any other child
    or order, Extensions, Advice, a nested or second assertion, a Signature anywhere but right after
    the Issuer of the element it signs, and for a status other than Success, which comes without an
    assertion.
    """
    if root.tag != names.RESPONSE:
        raise ResponseRefused("root is not a Response", section=_ENVELOPE, received=root.tag)
    _check_version(root)
    required_attribute(root, "ID", section="SAML core 3.2.2")
    check_status(only_child(root, names.STATUS, section=_ENVELOPE))
    children = element_children(root)
    response_is_signed = _take_issuer_and_signature(children)
    found = [child.tag for child in children]
    if found not in ([names.STATUS, names.ASSERTION], [names.STATUS, names.ENCRYPTED_ASSERTION]):
        raise ResponseRefused(
            "children of the Response",
            section=_ENVELOPE,
            expected=[names.STATUS, names.ASSERTION],
            received=found,
        )
    assertion = children[1]
    encrypted = assertion.tag == names.ENCRYPTED_ASSERTION
    assertion_is_signed = False if encrypted else _check_assertion(assertion)
    _check_counts(
        root,
        {
            names.RESPONSE: 1,
            names.ASSERTION: 0 if encrypted else 1,
            names.ENCRYPTED_ASSERTION: 1 if encrypted else 0,
            names.SIGNATURE: response_is_signed + assertion_is_signed,
        },
    )
    return Envelope(root, assertion, response_is_signed, assertion_is_signed)


def check_assertion_shape(root: Element) -> bool:
    """Check the structure of a decrypted assertion, a document of its own; return whether it is signed.

    Raises ResponseRefused.
    """
    if root.tag != names.ASSERTION:
        raise ResponseRefused("root is not an Assertion", section=_ASSERTION, received=root.tag)
    is_signed = _check_assertion(root)
    _check_counts(
        root,
        {
            names.RESPONSE: 0,
            names.ASSERTION: 1,
            names.ENCRYPTED_ASSERTION: 0,
            names.SIGNATURE: int(is_signed),
        },
    )
    return is_signed


def _check_version(element: Element) -> None:
    if element.get("Version") != "2.0":
        raise ResponseRefused(
            "version", section="SAML core 4.1", expected="2.0", received=element.get("Version", "")
        )


def _take_issuer_and_signature(children: list[Element]) -> bool:
    """Remove a leading Issuer and the Signature right after it; return whether there was a Signature."""
    if children and children[0].tag == names.ISSUER:
        del children[0]
        if children and children[0].tag == names.SIGNATURE:
            del children[0]
            return True
    return False


def _check_assertion(assertion: Element) -> bool:
    _check_version(assertion)
    children = element_children(assertion)
    if not children or children[0].tag != names.ISSUER:
        raise ResponseRefused("assertion begins with its Issuer", section=_ASSERTION)
    signed = _take_issuer_and_signature(children)
    allowed = {names.SUBJECT, names.CONDITIONS, names.AUTHN_STATEMENT, names.ATTRIBUTE_STATEMENT}
    for child in children:
        if child.tag not in allowed:
            raise ResponseRefused("children of the Assertion", section=_ASSERTION, received=child.tag)
    return signed


def _check_counts(root: Element, counts: dict[str, int]) -> None:
    """Check that the whole tree has exactly these numbers of elements, at any depth."""
    allowed = {**counts, names.ADVICE: 0, names.EXTENSIONS: 0}
    found = Counter(element.tag for element in root.iter(*allowed))
    for tag, expected in allowed.items():
        if found[tag] != expected:
            raise ResponseRefused(
                f"number of {tag}", section=_ENVELOPE, expected=expected, received=found[tag]
            )


def issuer_of(element: Element) -> str | None:
    """The text of the Issuer child; None when there is no Issuer."""
    found = [child for child in element if child.tag == names.ISSUER]
    return text_of(found[0], section="SAML core 2.2.5") if found else None
