"""What an identity provider states in place of an assertion, and what the operator is told to do."""

import pytest

from awscons.errors import IdpDeclined, ResponseRefused
from awscons.saml.status import check_status
from awscons.saml.xml import parse

PREFIX = "urn:oasis:names:tc:SAML:2.0:status:"
CODES = [
    "AuthnFailed",
    "InvalidAttrNameOrValue",
    "InvalidNameIDPolicy",
    "NoAuthnContext",
    "NoAvailableIDP",
    "NoPassive",
    "NoSupportedIDP",
    "PartialLogout",
    "ProxyCountExceeded",
    "RequestDenied",
    "RequestUnsupported",
    "RequestVersionDeprecated",
    "RequestVersionTooHigh",
    "RequestVersionTooLow",
    "ResourceNotRecognized",
    "TooManyResponses",
    "UnknownAttrProfile",
    "UnknownPrincipal",
    "UnsupportedBinding",
]
"""The second-level codes of SAML core 3.2.2.2."""


def code(value: str, inner: str = "") -> str:
    return f'<samlp:StatusCode Value="{value}">{inner}</samlp:StatusCode>'


def check(*parts: str) -> None:
    check_status(
        parse(
            f'<samlp:Status xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol">{"".join(parts)}</samlp:Status>'
        )
    )


def declined(*parts: str) -> IdpDeclined:
    with pytest.raises(IdpDeclined) as caught:
        check(*parts)
    return caught.value


def test_success_at_the_top_is_success_whatever_is_inside() -> None:
    check(code(f"{PREFIX}Success"))
    check(code(f"{PREFIX}Success", code(f"{PREFIX}PartialLogout")))


def test_success_inside_of_a_failure_is_a_failure() -> None:
    assert declined(code(f"{PREFIX}Responder", code(f"{PREFIX}Success"))).status == "Responder"


@pytest.mark.parametrize("name", CODES)
def test_a_nested_code_of_the_standard_names_the_error_and_its_cure(name: str) -> None:
    refused = declined(code(f"{PREFIX}Responder", code(f"{PREFIX}{name}")))
    assert refused.status == name
    assert refused.hint


@pytest.mark.parametrize("name", ["Requester", "Responder", "VersionMismatch"])
@pytest.mark.parametrize("inner", ["", code("urn:of-their-own"), "<samlp:StatusCode/>"])
def test_without_a_nested_code_of_the_standard_the_top_one_names_the_error(name: str, inner: str) -> None:
    assert declined(code(f"{PREFIX}{name}", inner)).status == name


def test_the_deepest_code_of_the_standard_names_the_error() -> None:
    inner = code(f"{PREFIX}RequestDenied", code(f"{PREFIX}AuthnFailed", code("urn:of-their-own")))
    assert declined(code(f"{PREFIX}Responder", inner)).status == "AuthnFailed"


@pytest.mark.parametrize("value", ["", "urn:of-their-own", f"{PREFIX}Success "])
def test_a_code_that_is_not_of_the_standard_is_a_failure_of_the_responder(value: str) -> None:
    assert declined(code(value)).status == "Responder"


def test_all_codes_and_messages_go_to_the_log() -> None:
    message = "<samlp:StatusMessage>{}</samlp:StatusMessage>"
    refused = declined(
        code(f"{PREFIX}Responder", code("urn:a")), message.format("not assigned"), message.format("")
    )
    assert refused.received == f"'{PREFIX}Responder urn:a not assigned '"
    assert (refused.expected, refused.section) == ("'Success'", "SAML core 3.2.2.2")


@pytest.mark.parametrize(
    ("message", "expired"),
    [
        ("authentication_expired", True),
        ("\n authentication_expired ", True),
        ("authentication_expired!", False),
        ("", False),
    ],
)
def test_only_keycloaks_own_words_mean_that_the_sign_in_expired(
    message: str,
    expired: bool,  # noqa: FBT001  a column of the table
) -> None:
    refused = declined(code(f"{PREFIX}Responder"), f"<samlp:StatusMessage>{message}</samlp:StatusMessage>")
    assert refused.expired is expired


def test_a_failure_without_a_message_has_not_expired() -> None:
    assert not declined(code(f"{PREFIX}Responder")).expired


@pytest.mark.parametrize("parts", [(), (code("urn:a"), code("urn:b"))])
def test_a_status_has_exactly_one_code_at_the_top(parts: tuple[str, ...]) -> None:
    with pytest.raises(ResponseRefused) as caught:
        check(*parts)
    assert (caught.value.rule, caught.value.section) == ("exactly one StatusCode", "SAML core 3.2.2.1")
