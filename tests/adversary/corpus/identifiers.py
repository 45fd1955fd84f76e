"""Confusion about what an ID is, and about which element has it."""

from __future__ import annotations

from functools import partial

from adversary.cases import OTTO, Attack, of_class
from adversary.craft import IDP_SIGNS, genuine, swap

_STATUS = "<samlp:Status>"


def _status_with(attribute: str) -> str:
    return swap(genuine(), _STATUS, f"<samlp:Status {attribute}>")


ATTACKS = of_class(
    "identifiers",
    [
        Attack("one-id-for-response-and-assertion", "ID not unique", lambda: _same_id("assertion")),
        Attack("one-id-for-signed-response-and-assertion", "ID not unique", lambda: _same_id("response")),
        *(
            Attack(f"the-assertions-id-as-{name}", rule, partial(_status_with, attribute))
            for name, attribute, rule in [
                ("Id", 'Id="_assertion"', "ID not unique"),
                ("id", 'id="_assertion"', "ID not unique"),
                ("iD", 'iD="_assertion"', "ID not unique"),
                ("xml-id", 'xml:id="_assertion"', "qualified ID attribute"),
                ("prefixed-id", 'x:ID="_assertion" xmlns:x="urn:x"', "qualified ID attribute"),
                (
                    "wsu-id",
                    'w:Id="_assertion" xmlns:w="http://docs.oasis-open.org/wss/2004/01/'
                    'oasis-200401-wss-wssecurity-utility-1.0.xsd"',
                    "qualified ID attribute",
                ),
            ]
        ),
        Attack("empty-id-beside-the-signed-one", "ID not unique", lambda: _status_with('ID=""')),
        Attack(
            "id-in-two-letter-cases-on-the-assertion",
            "ID not unique",
            lambda: swap(genuine(), 'ID="_assertion"', 'ID="_assertion" Id="_assertion"'),
        ),
        Attack(
            "id-and-xml-id-on-the-assertion",
            "qualified ID attribute",
            lambda: swap(genuine(), 'ID="_assertion"', 'ID="_evil" xml:id="_assertion"'),
        ),
        Attack(
            "id-of-the-signature-is-the-assertions",
            "ID not unique",
            lambda: swap(genuine(), "<ds:SignedInfo", '<ds:SignedInfo Id="_assertion"'),
        ),
        Attack(
            "response-without-an-id",
            "Response without ID",
            lambda: swap(genuine(), ' ID="_response"', ""),
        ),
        Attack("response-with-an-empty-id", "ID not unique", lambda: IDP_SIGNS.xml(OTTO.at(response_id=""))),
        Attack(
            "assertion-without-an-id",
            "Assertion without ID",
            lambda: swap(genuine(), ' ID="_assertion"', ""),
        ),
        Attack(
            "assertion-with-an-empty-id-and-an-empty-reference",
            "ID not unique",
            lambda: IDP_SIGNS.xml(OTTO.at(assertion_id="")),
        ),
        Attack(
            "id-moved-from-the-assertion-to-its-subject",
            "Assertion without ID",
            lambda: swap(
                swap(genuine(), ' ID="_assertion"', ""), "<saml:Subject>", '<saml:Subject ID="_assertion">'
            ),
        ),
        Attack(
            "id-of-the-assertion-changed-and-found-elsewhere",
            "reference",
            lambda: swap(
                swap(genuine(), 'ID="_assertion"', 'ID="_evil"'), _STATUS, '<samlp:Status ID="_assertion">'
            ),
        ),
        Attack(
            "id-with-white-space-that-schemas-fold",
            "reference",
            lambda: swap(genuine(), 'ID="_assertion"', 'ID=" _assertion "'),
        ),
        Attack(
            "id-in-a-namespace-of-its-own-prefix",
            "qualified ID attribute",
            lambda: swap(genuine(), 'ID="_assertion"', 'saml:ID="_assertion" ID="_evil"'),
        ),
    ],
)


def _same_id(sign: str) -> str:
    return IDP_SIGNS.xml(OTTO.at(response_id="_assertion"), sign=sign)
