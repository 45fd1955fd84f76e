"""Documents that are not a response, or are larger than one: the input limits or the structure check refuse them."""

from __future__ import annotations

import base64

from adversary.cases import Attack, of_class
from adversary.craft import genuine, swap

_PROTOCOL = 'xmlns="urn:oasis:names:tc:SAML:2.0:protocol"'
_BOMB = "".join(
    f'<!ENTITY a{n} "{"&a" + str(n - 1) + ";" if n else "a"}{"&a" + str(n - 1) + ";" if n else "a"}">'
    for n in range(30)
)


def _posted(name: str, rule: str, form_value: str) -> Attack:
    """Something in the form field that is not even XML in base64."""
    return Attack(name, rule, lambda: form_value, raw=True)


def _in_status(inner: str) -> str:
    """A genuine response with something in a part that nobody signed."""
    detail = f"<samlp:StatusDetail>{inner}</samlp:StatusDetail></samlp:Status>"
    return swap(genuine(), "</samlp:Status>", detail)


ATTACKS = of_class(
    "documents",
    [
        _posted("nothing", "response missing", ""),
        _posted("blank", "not well-formed XML", "  \n "),
        _posted("percent-signs", "form value is not base64", "%%%%"),
        _posted("base64-cut-short", "form value is not base64", "PHg"),
        _posted("base64-for-addresses", "form value is not base64", "PHg-_w=="),
        _posted("base64-of-other-letters", "form value is not base64", "PHg\u0430"),
        Attack(
            "base64-with-a-space-that-was-a-plus",
            "form value is not base64",
            lambda: base64.b64encode(genuine().encode() + b">>>>").decode().replace("+", " ") + "=",
            raw=True,
        ),
        _posted("a-form-value-too-large", "form value too large", "A" * 2_097_153),
        Attack("a-document-too-large", "form value too large", lambda: genuine() + " " * 1_572_864),
        Attack("too-many-tags", "too many tags", lambda: _in_status("<x/>" * 20_001)),
        Attack(
            "too-many-namespaces",
            "too many attributes in all",
            lambda: _in_status('<x xmlns:a="urn:a" xmlns:b="urn:b" xmlns:c="urn:c"/>' * 10_000),
        ),
        Attack(
            "too-many-namespaces-of-one-tag",
            "too many namespaces of one tag",
            lambda: _in_status("<x " + " ".join(f'xmlns:n{n}="urn:{n}"' for n in range(41)) + "/>"),
        ),
        Attack("nested-too-deep", "nested too deep", lambda: _in_status("<x>" * 24 + "</x>" * 24)),
        Attack(
            "too-many-attributes",
            "too many attributes",
            lambda: _in_status("<x " + " ".join(f'a{n}=""' for n in range(25)) + "/>"),
        ),
        Attack(
            "entity-bomb",
            "document type or entity",
            lambda: f"<!DOCTYPE x [{_BOMB}]>" + swap(genuine(), "otto@", "&a29;@"),
        ),
        Attack("words", "not well-formed XML", lambda: "hello"),
        Attack("half-an-element", "not well-formed XML", lambda: genuine()[:-5]),
        Attack("two-roots", "not well-formed XML", lambda: genuine() + "<x/>"),
        Attack("a-page", "root is not a Response", lambda: "<html><body>Sign in</body></html>"),
        Attack("an-empty-response", "version", lambda: f"<Response {_PROTOCOL}/>"),
        Attack("a-response-without-a-namespace", "root is not a Response", lambda: "<Response/>"),
        Attack("a-deflated-response", "document is not UTF-8", lambda: b"\x78\x9c\xb3\xb1\xaf\xc8\xcd\x51"),
    ],
)
