"""What never reaches the parser, and what the parser and the walk refuse."""

import base64

import pytest

from awscons.errors import ResponseRefused
from awscons.saml.gates import MOST_BYTES, MOST_FORM_CHARACTERS
from awscons.saml.response import open_envelope

SAMLP = 'xmlns="urn:oasis:names:tc:SAML:2.0:protocol"'


def refused_rule(form_value: str) -> str:
    with pytest.raises(ResponseRefused) as caught:
        open_envelope(form_value)
    return caught.value.rule


def encoded(document: str | bytes) -> str:
    data = document if isinstance(document, bytes) else document.encode()
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("form_value", "rule"),
    [
        ("", "response missing"),
        ("   ", "not well-formed XML"),
        ("%%%%", "form value is not base64"),
        ("PHg+*", "form value is not base64"),
        ("PHg", "form value is not base64"),
        ("PHg-_w==", "form value is not base64"),
        ("A" * (MOST_FORM_CHARACTERS + 1), "form value too large"),
        (encoded(b"x" * (MOST_BYTES + 1)), "document too large"),
        (encoded(b"\xff\xfe<x/>"), "document is not UTF-8"),
        (encoded("<x/>".encode("utf-16")), "document is not UTF-8"),
        (encoded("<x/>".encode("utf-16-le")), "document holds NUL"),
        (encoded(b"\x00<x/>"), "document holds NUL"),
        (encoded('<?xml version="1.0" encoding="ISO-8859-1"?><x/>'), "encoding declared"),
        (encoded("<?xml version='1.0' encoding='UTF-7'?><x/>"), "encoding declared"),
        (encoded("<!DOCTYPE x><x/>"), "document type or entity"),
        (encoded("<!doctype x><x/>"), "document type or entity"),
        (encoded('<x><![CDATA[<!ENTITY a "b">]]></x>'), "document type or entity"),
        (encoded("<x>" + "<y/>" * 20_001 + "</x>"), "too many tags"),
        (
            encoded("<x " + " ".join(f'xmlns:n{n}="urn:{n}"' for n in range(2_001)) + "/>"),
            "too many namespaces",
        ),
        (encoded("hello"), "not well-formed XML"),
        (encoded("<x>"), "not well-formed XML"),
        (encoded("<x>&undefined;</x>"), "not well-formed XML"),
        (encoded("<x/><y/>"), "not well-formed XML"),
        (encoded("<?evil?><x/>"), "processing instruction"),
        (encoded("<x/><?evil?>"), "processing instruction"),
        (encoded("<x><?evil?></x>"), "comment, entity or processing instruction"),
        (encoded("<x>" * 25 + "</x>" * 25), "nested too deep"),
        (encoded("<x " + " ".join(f'a{n}=""' for n in range(25)) + "/>"), "too many attributes"),
        (encoded("<html><body>Sign in</body></html>"), "root is not a Response"),
        (encoded(f"<AuthnRequest {SAMLP}/>"), "root is not a Response"),
        (encoded('<Response xmlns="urn:evil" Version="2.0"/>'), "root is not a Response"),
        (encoded("<Response/>"), "root is not a Response"),
    ],
)
def test_what_is_no_response_is_refused_by_name(form_value: str, rule: str) -> None:
    assert refused_rule(form_value) == rule


def test_an_entity_bomb_never_reaches_the_parser() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'
    assert refused_rule(encoded(bomb)) == "document type or entity"


def test_what_the_identity_provider_said_of_a_failure_goes_to_the_log() -> None:
    xml = (
        f'<Response {SAMLP} Version="2.0"><Status>'
        '<StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Responder">'
        '<StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:NoPassive"/></StatusCode>'
        "<StatusMessage>AADSTS50105: not assigned to a role</StatusMessage></Status></Response>"
    )
    with pytest.raises(ResponseRefused) as caught:
        open_envelope(encoded(xml))
    assert "NoPassive" in str(caught.value)
    assert "AADSTS50105" in str(caught.value)
    assert "AADSTS" not in caught.value.public
