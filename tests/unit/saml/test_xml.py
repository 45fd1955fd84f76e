"""The parser behind the gates: what they keep out is refused there a second time."""

import pytest

from awscons.errors import ResponseRefused
from awscons.saml.xml import parse


@pytest.mark.parametrize(
    "document",
    [
        "<!DOCTYPE x><x/>",
        '<!DOCTYPE x SYSTEM "https://evil.example.com/x.dtd"><x/>',
        '<!DOCTYPE x [<!ENTITY e "y">]><x>&e;</x>',
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
        '<!DOCTYPE x [<!ATTLIST x ID ID "_assertion">]><x/>',
    ],
)
def test_the_parser_itself_refuses_a_document_type(document: str) -> None:
    with pytest.raises(ResponseRefused) as caught:
        parse(document)
    assert caught.value.rule == "document type or entity"
