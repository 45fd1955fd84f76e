"""Pieces of text from which attacks are built. Signed text is moved, never written again."""

from __future__ import annotations

from adversary.cases import ADA, OTTO
from support.forge import Forger, Story

IDP_SIGNS = Forger()
ATTACKER_SIGNS = Forger(key_name="attacker")

EVIL = ADA.at(assertion_id="_evil", response_id="_evil-response")
"""What the attacker writes: unsigned, under IDs of its own."""


def genuine(sign: str = "assertion", story: Story = OTTO, forger: Forger = IDP_SIGNS) -> str:
    """A response that the identity provider really signed."""
    return forger.xml(story, sign=sign)


def piece(xml: str, element: str, *, last: bool = False) -> str:
    """The first, or last, element of that name, `ds:Signature`, as text. It must hold no other of its name."""
    begin = xml.rindex(f"<{element}") if last else xml.index(f"<{element}")
    end_tag = f"</{element}>"
    return xml[begin : xml.index(end_tag, begin) + len(end_tag)]


def signed_assertion(story: Story = OTTO) -> str:
    """An assertion with its genuine signature."""
    return piece(genuine("assertion", story), "saml:Assertion")


def assertion_signature(story: Story = OTTO) -> str:
    """That signature alone."""
    return piece(signed_assertion(story), "ds:Signature")


def stripped_assertion(story: Story = OTTO) -> str:
    """That assertion alone: what a signature with the enveloped transform really covers."""
    return signed_assertion(story).replace(assertion_signature(story), "")


def signed_response(story: Story = OTTO) -> str:
    """A whole response with its genuine signature."""
    return genuine("response", story)


def response_signature(story: Story = OTTO) -> str:
    """That signature alone."""
    return piece(signed_response(story), "ds:Signature")


def stripped_response(story: Story = OTTO) -> str:
    """That response alone."""
    return signed_response(story).replace(response_signature(story), "")


def forged(
    story: Story = EVIL,
    *,
    response_signature: str = "",
    assertion_signature: str = "",
    first: str = "",
    before_status: str = "",
    before_assertion: str = "",
    last: str = "",
    in_status: str = "",
    first_in_assertion: str = "",
    in_subject_data: str = "",
    last_in_assertion: str = "",
    without_assertion: bool = False,
) -> str:
    """The attacker's own response, unsigned, with pieces put where it says."""
    assertion = "" if without_assertion else story.assertion()
    if first_in_assertion:
        assertion = assertion.replace("<saml:Issuer>", f"{first_in_assertion}<saml:Issuer>", 1)
    if in_subject_data:
        begin = assertion.index("<saml:SubjectConfirmationData")
        end = assertion.index("/>", begin)
        closing = "</saml:SubjectConfirmationData>"
        assertion = f"{assertion[:end]}>{in_subject_data}{closing}{assertion[end + 2 :]}"
    assertion = assertion.replace("</saml:Assertion>", f"{last_in_assertion}</saml:Assertion>")
    xml = story.response(f"{before_assertion}{assertion}{last}")
    if first:
        xml = xml.replace("<saml:Issuer>", f"{first}<saml:Issuer>", 1)
    xml = xml.replace("<samlp:Status>", f"{before_status}<samlp:Status>", 1)
    xml = xml.replace("</samlp:Status>", f"{in_status}</samlp:Status>", 1)
    return xml.replace("{{assertion-signature}}", assertion_signature).replace(
        "{{response-signature}}", response_signature
    )


def inside(outer: str, end_tag: str, inner: str) -> str:
    """`outer` with `inner` as the last child of the element that the last `end_tag` closes."""
    at = outer.rindex(end_tag)
    return outer[:at] + inner + outer[at:]


def swap(xml: str, old: str, new: str) -> str:
    """`xml` with one thing changed. Fails where there is nothing to change: an attack must be one."""
    assert old in xml, f"nothing to change: {old}"
    return xml.replace(old, new, 1)
