"""Documents that are expensive to process, just within the input limits and just above them.

Each has a name and the rule that must refuse it. `make hostile` measures the time. No test asserts a time,
because a busy machine would make it fail. The tests assert that each document is refused by its rule, and
that a document above a limit is refused by that limit.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from adversary.cases import OTTO, Attack, of_class, refusal
from adversary.craft import genuine, piece, swap
from awscons.saml.input_limits import ANSWER_LIMITS, MAX_DECLARATIONS_OF_TAG
from support.encrypt import Encrypter
from support.forge import Forger

MAX_DURATION = 50.0
"""Milliseconds that a hostile document may cost on a machine with nothing else to do."""

MAX_BYTES, MAX_TAGS = ANSWER_LIMITS.max_bytes, ANSWER_LIMITS.max_tags

_FULL = MAX_BYTES - 16_000
"""Bytes of padding that fit, with a response around them."""

_MANY = MAX_DECLARATIONS_OF_TAG - 8
"""Namespaces of one tag, nearly as many as the input limits allow."""

_MAX = MAX_TAGS - 200
"""Tags, nearly as many as the input limits allow."""

_NO_KEY = "no trusted key made this signature"
_ALIKE = "cannot be decrypted"


def _detail(inner: str, xml: str = "") -> str:
    """Something in the part of a response that may hold anything, and that nobody signed."""
    xml = xml or Forger(key_name="attacker").xml(OTTO)
    detail = f"<samlp:StatusDetail>{inner}</samlp:StatusDetail></samlp:Status>"
    return swap(xml, "</samlp:Status>", detail)


def _filled(unit: str, *, size: int = _FULL, modulus: int = 1_000_000) -> str:
    """As many units as fit and the input limits allow, numbered; `{n}` is the number, `{m}` the number of a namespace."""
    units: list[str] = []
    length = 0
    while length < size and len(units) <= _MAX:
        units.append(unit.format(n=len(units), m=len(units) % modulus))
        length += len(units[-1])
    return "".join(units[:-1])


def _tags(count: int) -> str:
    return "<x/>" * count


def _key_info(inner: str) -> str:
    return Forger(key_name="attacker", key_info=inner).xml(OTTO)


def _namespaces(count: int, first: int = 0) -> str:
    return " ".join(f'xmlns:n{number}="urn:{number}"' for number in range(first, first + count))


def _in_scope(levels: int, inner: str) -> str:
    """As many namespaces in scope as so many levels can declare, around `inner`."""
    begin = "".join(f"<x {_namespaces(_MANY, level * _MANY)}>" for level in range(levels))
    return f"{begin}{inner}{'</x>' * levels}"


def _signature_part(element: str, content: str) -> str:
    xml = Forger(key_name="attacker").xml(OTTO)
    return swap(xml, piece(xml, element), f"<{element}>{content}</{element}>")


def _genuine_signature_around(inner: str) -> str:
    """Somebody's own genuine SignedInfo over content that was changed: the dearest digest to compute."""
    return swap(genuine(), "</saml:AttributeValue>", f"{inner}</saml:AttributeValue>")


def _holding(plaintext: str) -> str:
    text = OTTO.response(Encrypter().encrypted_assertion(plaintext))
    return text.replace("{{response-signature}}", "")


def _bomb() -> str:
    """A document that expands to 10^20 letters if its entities are expanded."""
    entities = "".join(f'<!ENTITY e{n + 1} "' + f"&e{n};" * 10 + '">' for n in range(20))
    return f'<!DOCTYPE x [<!ENTITY e0 "x">{entities}]><x>&e20;</x>'


def _wide() -> str:
    """Every attribute that is let through, at most 24 an element."""
    element = "<x " + " ".join(f'{letter}=""' for letter in "abcdefghijklmnopqrstuvwx") + "/>"
    return element * ((2 * MAX_TAGS - 200) // 24)


BEYOND = of_class(
    "beyond a limit",
    [
        Attack("form-value-of-ten-megabytes", "form value too large", lambda: "A" * 10_000_000, raw=True),
        Attack(
            "form-value-one-too-long",
            "form value too large",
            lambda: "A" * (ANSWER_LIMITS.max_form_bytes + 1),
            raw=True,
        ),
        Attack(
            "blanks-up-to-the-limit",
            "not well-formed XML",
            lambda: " " * ANSWER_LIMITS.max_form_bytes,
            raw=True,
        ),
        Attack("document-one-too-long", "form value too large", lambda: b"x" * (MAX_BYTES + 1)),
        Attack("one-tag-too-many", "too many tags", lambda: "<" * (MAX_TAGS + 1)),
        Attack("nothing-but-tags", "too many tags", lambda: "<" * MAX_BYTES),
        Attack(
            "one-namespace-too-many-of-a-tag",
            "too many namespaces of one tag",
            lambda: f"<x {_namespaces(MAX_DECLARATIONS_OF_TAG + 1)}/>",
        ),
        Attack(
            "nothing-but-namespaces",
            "too many namespaces of one tag",
            lambda: "<x " + _filled('xmlns:n{n}="u:" ') + "/>",
        ),
        Attack("one-namespace-too-many", "too many namespaces", lambda: "xmlns" * (2 * MAX_TAGS + 1)),
        Attack("nested-a-level-too-deep", "nested too deep", lambda: _detail("<x>" * 23 + "</x>" * 23)),
        Attack(
            "nested-without-end",
            "not well-formed XML",
            lambda: _detail("<x>" * (_MAX // 2) + "</x>" * (_MAX // 2)),
        ),
        Attack(
            "an-attribute-too-many",
            "too many attributes",
            lambda: _detail("<x " + " ".join(f'a{n}=""' for n in range(25)) + "/>"),
        ),
        Attack(
            "nothing-but-attributes",
            "too many attributes in all",
            lambda: _detail("<x " + 'a="" ' * 2 * MAX_TAGS + "/>"),
        ),
        Attack(
            "one-element-full-of-attributes",
            "too many attributes",
            lambda: _detail("<x " + _filled('a{n}="" ') + "/>"),
        ),
        Attack(
            "one-element-full-of-attributes-in-namespaces",
            "too many attributes",
            lambda: _detail(f"<x {_namespaces(_MANY)} " + _filled('n{m}:a{n}="" ', modulus=_MANY) + "/>"),
        ),
        Attack("entity-bomb", "document type or entity", _bomb),
        Attack(
            "entity-bomb-behind-a-long-text", "document type or entity", lambda: "<x>" + "y" * _FULL + _bomb()
        ),
        Attack(
            "prefix-list-without-end",
            "prefix list",
            lambda: Forger(prefix_list=" ".join(f"p{n}" for n in range(2_000))).xml(OTTO),
        ),
    ],
)

WITHIN = of_class(
    "within every limit",
    [
        Attack("all-the-tags", _NO_KEY, lambda: _detail(_tags(MAX_TAGS - 100))),
        Attack("all-the-tags-24-deep", _NO_KEY, lambda: _detail(("<x>" * 21 + "</x>" * 21) * (_MAX // 42))),
        Attack("all-the-attributes", _NO_KEY, lambda: _detail(_wide())),
        Attack("all-the-ids", _NO_KEY, lambda: _detail(_filled('<x ID="{n}"/>'))),
        Attack(
            "all-the-tags-with-two-namespaces-each",
            _NO_KEY,
            lambda: _detail('<x xmlns:a="urn:a" xmlns:b="urn:b"/>' * (_MAX - 200)),
        ),
        Attack(
            "all-the-namespaces-and-all-of-them-different",
            _NO_KEY,
            lambda: _detail("".join(f"<x {_namespaces(_MANY, n * _MANY)}/>" for n in range(MAX_TAGS // 18))),
        ),
        Attack(
            "all-the-namespaces-in-scope-around-all-the-tags",
            _NO_KEY,
            lambda: _detail(_in_scope(20, _filled("<n{m}:x/>", modulus=20 * _MANY)[: -9 * 100])),
        ),
        Attack(
            "nested-namespaces-without-end-around-all-the-tags",
            "nested too deep",
            lambda: _detail(_in_scope(200, "<n1:x/>" * (_MAX - 600))),
        ),
        Attack(
            "all-the-tags-and-all-the-bytes", _NO_KEY, lambda: _detail(f"<x>{'y' * 230}</x>" * (_MAX // 2))
        ),
        Attack(
            "all-the-attributes-as-namespaces-and-ids-and-all-the-bytes",
            _NO_KEY,
            lambda: _detail(
                "".join(
                    f'<x ID="{n}" xmlns:a="urn:a" xmlns:b="urn:b">{"y" * 190}</x>'
                    for n in range(MAX_TAGS // 2 - 100)
                )
            ),
        ),
        Attack(
            "all-the-tags-and-one-long-text",
            _NO_KEY,
            lambda: _detail(_tags(_MAX - 100) + "y" * (_FULL - 5 * MAX_TAGS)),
        ),
        Attack(
            "all-the-namespaces-around-signed-info",
            _NO_KEY,
            lambda: swap(
                Forger(key_name="attacker").xml(OTTO),
                "<saml:Assertion ",
                f"<saml:Assertion {_namespaces(_MANY)} ",
            ),
        ),
        Attack("one-long-text", _NO_KEY, lambda: _detail("y" * _FULL)),
        Attack("one-long-attribute", _NO_KEY, lambda: _detail(f'<x y="{"y" * _FULL}"/>')),
        Attack("one-long-name", "not well-formed XML", lambda: _detail(f"<{'y' * _FULL}/>")),
        Attack("one-long-namespace", _NO_KEY, lambda: _detail(f'<x xmlns="urn:{"y" * _FULL}"/>')),
        Attack("all-references-to-characters", _NO_KEY, lambda: _detail("&#65;" * (_FULL // 5))),
        Attack("all-sections-of-cdata", _NO_KEY, lambda: _detail("<![CDATA[x]]>" * _MAX)),
        Attack("all-comments", _NO_KEY, lambda: _detail("<!--x-->" * _MAX)),
        Attack("all-letters-of-four-bytes", _NO_KEY, lambda: _detail("\U0001f600" * (_FULL // 4))),
        Attack(
            "name-id-without-end",
            _NO_KEY,
            lambda: Forger(key_name="attacker").xml(
                OTTO.at(name_id=f"<saml:NameID>{'y' * _FULL}</saml:NameID>")
            ),
        ),
        Attack(
            "signature-value-without-end",
            _NO_KEY,
            lambda: _signature_part("ds:SignatureValue", "AAAA" * (_FULL // 4)),
        ),
        Attack(
            "digest-value-without-end",
            _NO_KEY,
            lambda: _signature_part("ds:DigestValue", "AAAA" * (_FULL // 4)),
        ),
        Attack(
            "certificate-without-end",
            _NO_KEY,
            lambda: _key_info(
                f"<ds:X509Data><ds:X509Certificate>{'A' * _FULL}</ds:X509Certificate></ds:X509Data>"
            ),
        ),
        Attack("key-info-full-of-elements", _NO_KEY, lambda: _key_info("<ds:KeyName/>" * _MAX)),
        Attack(
            "transforms-without-end",
            "transforms",
            lambda: Forger(key_name="attacker", transforms=["urn:x"] * 5_000).xml(OTTO),
        ),
        Attack(
            "references-without-end",
            "children of SignedInfo",
            lambda: Forger(key_name="attacker", references=400).xml(OTTO),
        ),
        Attack(
            "base64-in-single-letters",
            "document holds NUL",
            lambda: " ".join("A" * (ANSWER_LIMITS.max_form_bytes // 2)),
            raw=True,
        ),
        Attack(
            "genuine-signature-around-a-long-text",
            "digest does not match",
            lambda: _genuine_signature_around("y" * _FULL),
        ),
        Attack(
            "genuine-signature-around-all-the-tags",
            "digest does not match",
            lambda: _genuine_signature_around(_tags(MAX_TAGS - 100)),
        ),
        Attack(
            "genuine-signature-around-all-the-attributes",
            "digest does not match",
            lambda: _genuine_signature_around(_wide()),
        ),
        Attack(
            "genuine-signature-around-all-the-namespaces-in-scope",
            "digest does not match",
            lambda: _genuine_signature_around(
                _in_scope(18, _filled("<n{m}:x/>", modulus=18 * _MANY)[: -9 * 100])
            ),
        ),
        Attack("ciphertext-without-end", _ALIKE, lambda: _holding("y" * (_FULL * 3 // 4 - 16_000))),
        Attack(
            "ciphertext-of-all-the-tags",
            "children of the Assertion",
            lambda: _holding(
                swap(
                    piece(genuine(), "saml:Assertion"),
                    "</saml:Assertion>",
                    _tags(MAX_TAGS - 100) + "</saml:Assertion>",
                )
            ),
        ),
        Attack("ciphertext-of-an-entity-bomb", _ALIKE, lambda: _holding(_bomb())),
        Attack(
            "ciphertext-nested-without-end",
            _ALIKE,
            lambda: _holding("<x>" * (_MAX // 2) + "</x>" * (_MAX // 2)),
        ),
    ],
)

HOSTILE = [*BEYOND, *WITHIN]


@dataclass(frozen=True)
class Cost:
    """The cost of one document.

    milliseconds   CPU time, the minimum of several tries
    """

    attack: Attack
    size: int
    milliseconds: float

    @property
    def too_much(self) -> bool:
        """True if it costs more than the limit of this module."""
        return self.milliseconds > MAX_DURATION


def costs(*, tries: int = 9) -> Iterator[Cost]:
    """The cost of every hostile document, one after the other."""
    for attack in HOSTILE:
        # Made once, so that only reading is measured.
        form_value = attack.form_value
        made = replace(attack, make=partial(str, form_value), raw=True)
        yield Cost(attack, len(form_value), min(_milliseconds(made) for _ in range(tries)))


def _milliseconds(attack: Attack) -> float:
    """Of this process on a processor: what others do on the machine is not counted."""
    begun = time.process_time()
    refusal(attack)
    return (time.process_time() - begun) * 1000
