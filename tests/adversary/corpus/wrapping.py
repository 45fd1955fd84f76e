"""Signature wrapping (XSW): the thing that is signed and the thing that is read differ.

The first eight are the classic ones (Somorovsky and others, "On breaking SAML", 2012); the rest came
with later reports, ruby-saml CVE-2024-45409 to the summer of 2026. In each the signature is genuine, and
a service provider that looks for "the element with that ID" would find it so: see `naive.py`.
"""

from __future__ import annotations

from adversary.cases import OTTO, Attack, of_class
from adversary.craft import (
    EVIL,
    assertion_signature,
    forged,
    genuine,
    inside,
    piece,
    response_signature,
    signed_assertion,
    signed_response,
    stripped_assertion,
    stripped_response,
    swap,
)

_SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
_SAMLP = "{urn:oasis:names:tc:SAML:2.0:protocol}"
_DS = "{http://www.w3.org/2000/09/xmldsig#}"

BESIDE = "children of the Response"
INSIDE = "children of the Assertion"
TWO_ASSERTIONS = f"number of {_SAML}Assertion"
TWO_RESPONSES = f"number of {_SAMLP}Response"
SIGNATURES = f"number of {_DS}Signature"
FIRST_ISSUER = "assertion begins with its Issuer"


def _object(inner: str) -> str:
    return f"<ds:Object>{inner}</ds:Object>"


def _attribute(inner: str) -> str:
    return (
        f'<saml:AttributeStatement><saml:Attribute Name="x"><saml:AttributeValue>{inner}'
        "</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>"
    )


def _second(story_id: str) -> str:
    """Another genuine assertion, of another sign-in."""
    return signed_assertion(OTTO.at(assertion_id=story_id))


def _digest_in_status() -> str:
    """CVE-2024-45409: a DigestValue of the forged content, which a search finds before the signed one."""
    digest = swap(
        piece(genuine(story=OTTO.at(name_id=EVIL.name_id)), "ds:DigestValue"),
        "<ds:DigestValue",
        '<ds:DigestValue xmlns:ds="http://www.w3.org/2000/09/xmldsig#"',
    )
    return swap(
        swap(genuine(), "otto@example.com", "ada@example.com"),
        "</samlp:Status>",
        f"<samlp:StatusDetail>{digest}</samlp:StatusDetail></samlp:Status>",
    )


def _second_of(element: str) -> str:
    """Beside a part of the signed assertion, the same part of the forged one."""
    part = piece(EVIL.assertion(), element)
    return inside(genuine(), "</saml:Assertion>", part)


WRAPPING = of_class(
    "wrapping",
    [
        # --- the eight classic ones ---
        Attack(
            "xsw1-signed-response-inside-the-signature",
            TWO_RESPONSES,
            lambda: forged(
                response_signature=inside(response_signature(), "</ds:Signature>", stripped_response())
            ),
        ),
        Attack(
            "xsw2-signed-response-before-the-signature",
            BESIDE,
            lambda: forged(response_signature=stripped_response() + response_signature()),
        ),
        Attack("xsw3-forged-assertion-first", BESIDE, lambda: forged(last=signed_assertion())),
        Attack("xsw3-forged-assertion-last", BESIDE, lambda: forged(before_assertion=signed_assertion())),
        Attack(
            "xsw4-signed-assertion-inside-the-forged-one",
            INSIDE,
            lambda: forged(last_in_assertion=signed_assertion()),
        ),
        Attack(
            "xsw5-signature-on-the-forged-assertion-signed-one-last",
            BESIDE,
            lambda: forged(assertion_signature=assertion_signature(), last=stripped_assertion()),
        ),
        Attack(
            "xsw6-signed-assertion-inside-the-signature",
            TWO_ASSERTIONS,
            lambda: forged(
                assertion_signature=inside(assertion_signature(), "</ds:Signature>", stripped_assertion())
            ),
        ),
        Attack(
            "xsw7-forged-assertion-in-extensions",
            BESIDE,
            lambda: swap(
                genuine(),
                "<samlp:Status>",
                "<samlp:Extensions>"
                + EVIL.assertion().replace("{{assertion-signature}}", "")
                + "</samlp:Extensions><samlp:Status>",
            ),
        ),
        Attack(
            "xsw8-signed-assertion-in-an-object-of-the-signature",
            TWO_ASSERTIONS,
            lambda: forged(
                assertion_signature=inside(
                    assertion_signature(), "</ds:Signature>", _object(stripped_assertion())
                )
            ),
        ),
        # --- the same with equal IDs: the search by ID has two answers ---
        *(
            Attack(f"{name}-equal-ids", "ID not unique", make)
            for name, make in {
                "xsw3": lambda: forged(EVIL.at(assertion_id="_assertion"), last=signed_assertion()),
                "xsw4": lambda: forged(
                    EVIL.at(assertion_id="_assertion"), last_in_assertion=signed_assertion()
                ),
                "xsw8": lambda: forged(
                    EVIL.at(assertion_id="_assertion"),
                    assertion_signature=inside(
                        assertion_signature(), "</ds:Signature>", _object(stripped_assertion())
                    ),
                ),
                "xsw1": lambda: forged(
                    EVIL.at(response_id="_response"),
                    response_signature=inside(response_signature(), "</ds:Signature>", stripped_response()),
                ),
            }.items()
        ),
        # --- later hiding places for what was signed ---
        Attack(
            "signed-assertion-in-extensions",
            BESIDE,
            lambda: forged(before_status=f"<samlp:Extensions>{signed_assertion()}</samlp:Extensions>"),
        ),
        Attack(
            "signed-assertion-in-advice",
            INSIDE,
            lambda: forged(last_in_assertion=f"<saml:Advice>{signed_assertion()}</saml:Advice>"),
        ),
        Attack(
            "signed-assertion-in-status-detail",
            TWO_ASSERTIONS,
            lambda: forged(in_status=f"<samlp:StatusDetail>{signed_assertion()}</samlp:StatusDetail>"),
        ),
        Attack(
            "signed-assertion-in-an-attribute-value",
            TWO_ASSERTIONS,
            lambda: forged(last_in_assertion=_attribute(signed_assertion())),
        ),
        Attack(
            "signed-assertion-in-subject-confirmation-data",
            TWO_ASSERTIONS,
            lambda: forged(in_subject_data=signed_assertion()),
        ),
        Attack(
            "signed-assertion-in-key-info",
            TWO_ASSERTIONS,
            lambda: forged(
                assertion_signature=inside(
                    assertion_signature(),
                    "</ds:Signature>",
                    f"<ds:KeyInfo>{stripped_assertion()}</ds:KeyInfo>",
                )
            ),
        ),
        Attack(
            "signed-assertion-in-a-signature-property",
            TWO_ASSERTIONS,
            lambda: forged(
                assertion_signature=inside(
                    assertion_signature(),
                    "</ds:Signature>",
                    _object(
                        '<ds:SignatureProperties><ds:SignatureProperty Target="#x">'
                        f"{stripped_assertion()}</ds:SignatureProperty></ds:SignatureProperties>"
                    ),
                )
            ),
        ),
        Attack(
            "signed-assertion-beside-an-encrypted-one",
            BESIDE,
            lambda: forged(without_assertion=True, last=signed_assertion() + "<saml:EncryptedAssertion/>"),
        ),
        Attack(
            "signed-response-in-extensions",
            BESIDE,
            lambda: forged(before_status=f"<samlp:Extensions>{signed_response()}</samlp:Extensions>"),
        ),
        Attack(
            "signed-response-in-status-detail",
            TWO_RESPONSES,
            lambda: forged(in_status=f"<samlp:StatusDetail>{signed_response()}</samlp:StatusDetail>"),
        ),
        Attack(
            "signed-response-in-an-object-of-the-signature",
            TWO_RESPONSES,
            lambda: forged(
                response_signature=inside(
                    response_signature(), "</ds:Signature>", _object(stripped_response())
                )
            ),
        ),
        Attack("signed-response-in-a-response", BESIDE, lambda: forged(last=signed_response())),
        Attack(
            "response-around-a-signed-response",
            "root is not a Response",
            lambda: (
                f'<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
                f"{signed_response()}</soap:Body></soap:Envelope>"
            ),
        ),
        Attack("signed-assertion-as-the-root", "root is not a Response", signed_assertion),
        # --- the forged one hides, the signed one stands where it should ---
        Attack(
            "forged-assertion-in-advice-of-the-signed-response",
            TWO_ASSERTIONS,
            lambda: swap(
                genuine(),
                "</samlp:Status>",
                "<samlp:StatusDetail>"
                + EVIL.assertion().replace("{{assertion-signature}}", "")
                + "</samlp:StatusDetail></samlp:Status>",
            ),
        ),
        Attack(
            "forged-assertion-in-an-object-beside-the-key",
            TWO_ASSERTIONS,
            lambda: swap(
                genuine(),
                "</ds:Signature>",
                _object(EVIL.assertion().replace("{{assertion-signature}}", "")) + "</ds:Signature>",
            ),
        ),
        Attack(
            "forged-advice-in-the-status-of-a-signed-assertion",
            f"number of {_SAML}Advice",
            lambda: swap(
                genuine(),
                "</samlp:Status>",
                "<samlp:StatusDetail><saml:Advice/></samlp:StatusDetail></samlp:Status>",
            ),
        ),
        Attack(
            "forged-extensions-in-the-status-of-a-signed-assertion",
            f"number of {_SAMLP}Extensions",
            lambda: swap(
                genuine(),
                "</samlp:Status>",
                "<samlp:StatusDetail><samlp:Extensions/></samlp:StatusDetail></samlp:Status>",
            ),
        ),
        Attack(
            "second-response-in-the-status-of-a-signed-assertion",
            TWO_RESPONSES,
            lambda: swap(
                genuine(),
                "</samlp:Status>",
                "<samlp:StatusDetail><samlp:Response/></samlp:StatusDetail></samlp:Status>",
            ),
        ),
        Attack(
            "encrypted-assertion-in-the-status-of-a-signed-assertion",
            f"number of {_SAML}EncryptedAssertion",
            lambda: swap(
                genuine(),
                "</samlp:Status>",
                "<samlp:StatusDetail><saml:EncryptedAssertion/></samlp:StatusDetail></samlp:Status>",
            ),
        ),
    ],
)

MISPLACED = of_class(
    "misplaced signatures",
    [
        Attack(
            "two-signed-assertions-of-two-sign-ins",
            BESIDE,
            lambda: swap(genuine(), "</samlp:Response>", _second("_second") + "</samlp:Response>"),
        ),
        Attack(
            "signed-assertion-twice",
            "ID not unique",
            lambda: swap(genuine(), "</samlp:Response>", signed_assertion() + "</samlp:Response>"),
        ),
        Attack(
            "two-signatures-on-one-assertion",
            INSIDE,
            lambda: swap(genuine(), "</ds:Signature>", "</ds:Signature>" + assertion_signature()),
        ),
        Attack(
            "two-signatures-on-the-response",
            BESIDE,
            lambda: swap(genuine("response"), "</ds:Signature>", "</ds:Signature>" + response_signature()),
        ),
        Attack(
            "signature-before-the-issuer",
            FIRST_ISSUER,
            lambda: forged(first_in_assertion=assertion_signature()),
        ),
        Attack(
            "signature-after-the-subject",
            INSIDE,
            lambda: swap(
                swap(genuine(), assertion_signature(), ""),
                "</saml:Subject>",
                "</saml:Subject>" + assertion_signature(),
            ),
        ),
        Attack(
            "signature-at-the-end-of-the-assertion",
            INSIDE,
            lambda: swap(
                swap(genuine(), assertion_signature(), ""),
                "</saml:Assertion>",
                assertion_signature() + "</saml:Assertion>",
            ),
        ),
        Attack(
            "signature-before-the-issuer-of-the-response",
            BESIDE,
            lambda: swap(
                swap(genuine("response"), response_signature(), ""),
                "<saml:Issuer>",
                response_signature() + "<saml:Issuer>",
            ),
        ),
        Attack(
            "signature-at-the-end-of-the-response",
            BESIDE,
            lambda: swap(
                swap(genuine("response"), response_signature(), ""),
                "</samlp:Response>",
                response_signature() + "</samlp:Response>",
            ),
        ),
        Attack(
            "signature-in-the-status",
            SIGNATURES,
            lambda: forged(in_status=f"<samlp:StatusDetail>{assertion_signature()}</samlp:StatusDetail>"),
        ),
        Attack(
            "signature-in-the-subject",
            SIGNATURES,
            lambda: forged(in_subject_data=assertion_signature()),
        ),
        Attack(
            "signature-in-a-signature",
            SIGNATURES,
            lambda: swap(
                genuine(), "</ds:SignatureValue>", f"</ds:SignatureValue>{_object(response_signature())}"
            ),
        ),
        Attack(
            "signature-of-the-assertion-in-the-place-of-the-response",
            "reference",
            lambda: swap(
                swap(genuine(), assertion_signature(), ""),
                "</saml:Issuer>",
                "</saml:Issuer>" + assertion_signature(),
            ),
        ),
        Attack(
            "signature-of-the-response-in-the-place-of-the-assertion",
            "reference",
            lambda: forged(
                OTTO.at(name_id=EVIL.name_id),
                assertion_signature=response_signature(),
            ),
        ),
        Attack(
            "signature-of-another-sign-in",
            "reference",
            lambda: forged(assertion_signature=assertion_signature()),
        ),
        Attack(
            "signature-of-another-sign-in-under-its-id",
            "digest does not match",
            lambda: forged(EVIL.at(assertion_id="_assertion"), assertion_signature=assertion_signature()),
        ),
        Attack(
            "signed-response-around-another-assertion",
            "digest does not match",
            lambda: swap(
                genuine("response"), piece(genuine("response"), "saml:Assertion"), _second("_second")
            ),
        ),
        Attack(
            "both-signed-assertion-of-another-sign-in",
            "digest does not match",
            lambda: swap(genuine("both"), piece(genuine("both"), "saml:Assertion"), _second("_second")),
        ),
        Attack(
            "both-signed-assertion-forged-under-a-genuine-envelope",
            "digest does not match",
            lambda: swap(genuine("both"), "otto@example.com", "ada@example.com"),
        ),
        Attack("digest-value-smuggled-into-the-status", "digest does not match", _digest_in_status),
        Attack("second-issuer-in-the-assertion", INSIDE, lambda: _second_of("saml:Issuer")),
        Attack(
            "second-subject-in-the-assertion", "digest does not match", lambda: _second_of("saml:Subject")
        ),
        Attack(
            "second-attribute-statement-in-the-assertion",
            "digest does not match",
            lambda: _second_of("saml:AttributeStatement"),
        ),
    ],
)

ATTACKS = [*WRAPPING, *MISPLACED]
