"""Structure-aware mutation of well-signed responses, logout requests and metadata, and the oracle.

The oracle has two rules. First: the library may return only content that was signed, complete and unchanged.
Second: the library raises no exception but ResponseRefused. To reach code behind the signature check, some
messages are damaged first and signed afterwards.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cache, partial
from multiprocessing import get_context
from random import Random

from lxml import etree

from adversary import cases
from adversary.cases import Door, Surroundings, enter
from adversary.corpus.logout import ADA, OTTO, request
from adversary.mutations import mutate
from awscons.errors import MetadataRefused, ResponseRefused
from support.describe import Description
from support.encrypt import Encrypter
from support.forge import EXC_C14N, Forger, Story, posted

_DS = "{http://www.w3.org/2000/09/xmldsig#}"

CHUNK = 500
"""Mutations that a process does before it says so."""

_SIGNED_AFTERWARDS = 0.1
"""The part of the mutations that are signed after the damage: only what escapes counts there."""
_ENCRYPTED_AFTERWARDS = 0.1
"""The part whose damaged assertion is encrypted: anybody can encrypt to us."""


@dataclass
class Results:
    """The results of a number of mutations.

    outcomes   the number of mutations for each outcome: `read`, or the rule that refused
    findings   the number of the mutation, what was wrong, and the form value
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    findings: list[tuple[int, str, str]] = field(default_factory=list)

    def add(self, other: Results) -> None:
        """Add the results of other mutations."""
        self.outcomes.update(other.outcomes)
        self.findings.extend(other.findings)

    @property
    def count(self) -> int:
        """The number of mutations."""
        return self.outcomes.total()


@dataclass(frozen=True)
class Bench:
    """What is mutated: genuine messages, each with its door, and what is read of them."""

    documents: tuple[tuple[Door, str], ...]
    genuine: tuple[object, ...]
    around: Surroundings

    def read(self, door: Door, form_value: str) -> object:
        """What the library makes of a form value at a door."""
        return enter(door, form_value, self.around)


def _stories() -> Iterator[Story]:
    """Otto, and Nina, whose assertion has other IDs: two sign-ins that an attacker could both have seen."""
    yield cases.OTTO.at(
        attributes=(("groups", ("dbs", "staff")), ("cn", ("Otto Only",)), ("empty", ("",))),
        extra_condition="<saml:OneTimeUse/>",
    )
    yield cases.ADA.at(
        assertion_id="_second",
        response_id="_second-response",
        name_id="<saml:NameID>nina@example.com</saml:NameID>",
        attributes=(("groups", ("staff",)),),
    )


@cache
def bench() -> Bench:
    """The genuine responses, made once a process. Their keys are of this process, and so are signatures."""
    forgers = [
        Forger(),
        Forger(prefix_list="xs saml"),
        Forger(key_name="ec-idp"),
        Forger(key_info="<ds:KeyName/>"),
    ]
    plain = [
        forger.xml(story, sign=sign)
        for story in _stories()
        for forger in forgers
        for sign in ("assertion", "response", "both")
    ]
    encrypted = [
        Encrypter(data_method=method).xml(Forger(), story, sign=sign)
        for story in _stories()
        for method, sign in (("aes128-gcm", "assertion"), ("aes256-cbc", "both"))
    ]
    logouts = [
        forger.sign(text, "response", "_logout")
        for text in (request(OTTO), request(ADA))
        for forger in forgers
    ]
    description = Description(attributes='validUntil="2027-01-01T00:00:00Z" cacheDuration="P1D"')
    descriptions = [description.signed(forger).decode() for forger in forgers]
    made = Bench(
        (
            *((Door.ACS, document) for document in (*plain, *encrypted)),
            *((Door.LOGOUT_BY_POST, document) for document in logouts),
            *((Door.METADATA, document) for document in descriptions),
        ),
        (),
        Surroundings(signers=("idp", "ec-idp")),
    )
    genuine: list[object] = []
    for door, document in made.documents:
        read = made.read(door, posted(document))
        if read not in genuine:
            genuine.append(read)
    return replace(made, genuine=tuple(genuine))


@dataclass(frozen=True)
class Mutation:
    """One damaged form value, and where it comes in.

    signed_afterwards   its signatures were made right again: whatever is read of it was signed
    """

    door: Door
    form_value: str
    signed_afterwards: bool = False


def mutation(number: int, seed: str) -> Mutation:
    """The mutation of that number."""
    random = Random(f"{seed}:{number}")
    documents = bench().documents
    (door, document), (_, donor) = random.choice(documents), random.choice(documents)
    form_value = mutate(document, donor, random)
    lot = random.random()
    if lot < _SIGNED_AFTERWARDS:
        return Mutation(door, *_signed_anew(form_value))
    if lot < _SIGNED_AFTERWARDS + _ENCRYPTED_AFTERWARDS:
        return Mutation(door, _encrypted(form_value))
    return Mutation(door, form_value)


Reader = Callable[[Door, str], object]


def judge(numbers: Sequence[int], seed: str, *, read: Reader | None = None) -> Results:
    """Try the mutations of those numbers, on the library or on another reader of form values."""
    read = read or bench().read
    results = Results()
    for number in numbers:
        made = mutation(number, seed)
        try:
            result = read(made.door, made.form_value)
        except ResponseRefused as refused:
            results.outcomes[refused.rule] += 1
            continue
        except MetadataRefused:
            results.outcomes["metadata refused"] += 1
            continue
        except Exception as error:  # noqa: BLE001  that none escapes is what is tried
            results.outcomes["ESCAPED"] += 1
            results.findings.append((number, f"{type(error).__name__} escaped: {error}", made.form_value))
            continue
        results.outcomes["read" + (" (signed after the damage)" if made.signed_afterwards else "")] += 1
        if not made.signed_afterwards and result not in bench().genuine:
            results.findings.append((number, f"read what nobody signed: {result}", made.form_value))
    return results


def judge_in_processes(mutations: int, *, seed: str, processes: int) -> Iterator[Results]:
    """The same with several processes; yields the results of each chunk."""
    bench()  # before the fork, so that all processes have the same keys
    chunks = [range(begin, min(begin + CHUNK, mutations)) for begin in range(0, mutations, CHUNK)]
    with get_context("fork").Pool(processes, initializer=os.nice, initargs=(10,)) as pool:
        yield from pool.imap_unordered(partial(judge, seed=seed), chunks)


# --- signing and encrypting damaged documents -------------------------------------------------


def _signed_anew(form_value: str) -> tuple[str, bool]:
    """The document with every signature in it made right again, and whether there was any."""
    try:
        root = etree.fromstring(base64.b64decode(form_value))
    except (ValueError, etree.LxmlError):
        return form_value, False
    # Inner ones first: an outer signature covers them.
    signed = [_sign(signature) for signature in reversed(list(root.iter(f"{_DS}Signature")))]
    return posted(etree.tostring(root)), any(signed)


def _sign(signature: etree._Element) -> bool:
    """Make one signature right over the element it stands in; False where too little of it is left."""
    parent, signed_info = signature.getparent(), signature.find(f"{_DS}SignedInfo")
    reference, digest = signature.find(f".//{_DS}Reference"), signature.find(f".//{_DS}DigestValue")
    method, value = signature.find(f".//{_DS}SignatureMethod"), signature.find(f"{_DS}SignatureValue")
    if parent is None or signed_info is None or reference is None or digest is None:
        return False
    if method is None or value is None:
        return False
    reference.set("URI", f"#{parent.get('ID')}")
    forger = Forger("ec-idp" if "ecdsa" in method.get("Algorithm", "") else "idp")
    try:
        content = deepcopy(parent)
        content.remove(content[parent.index(signature)])
        digest.text = _base64(hashlib.sha256(_canonical(content, reference)).digest())
        value.text = _base64(forger._sign_bytes(_canonical(signed_info, signed_info)))
    except (ValueError, etree.LxmlError):
        return False
    return True


def _canonical(element: etree._Element, said: etree._Element) -> bytes:
    """The canonical form, with the PrefixList that stands somewhere in `said`."""
    lists = [found.get("PrefixList", "") for found in said.iter(f"{{{EXC_C14N}}}InclusiveNamespaces")]
    alone = etree.fromstring(etree.tostring(element, with_tail=False))
    return etree.tostring(
        alone, method="c14n", exclusive=True, inclusive_ns_prefixes=lists[0].split() if lists else None
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _encrypted(form_value: str) -> str:
    """The same with its assertion, damaged as it is, in a ciphertext."""
    try:
        text = base64.b64decode(form_value).decode()
    except ValueError:
        return form_value
    begin, end = text.find("<saml:Assertion"), text.rfind("</saml:Assertion>") + len("</saml:Assertion>")
    if not 0 < begin < end:
        return form_value
    return posted(text[:begin] + Encrypter().encrypted_assertion(text[begin:end]) + text[end:])
