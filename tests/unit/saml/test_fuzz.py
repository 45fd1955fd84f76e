"""A short form of `make fuzz`: the same mutations at every run, enough to notice that something broke."""

import base64
from dataclasses import replace

from lxml import etree

from adversary.cases import Door
from adversary.fuzz import bench, judge
from adversary.naive import finds_a_genuine_signature
from awscons.errors import ResponseRefused
from awscons.saml.assertion import Assertion

MUTATIONS = 2_500


def test_mutated_responses_give_nothing_but_what_was_signed_and_no_other_error() -> None:
    results = judge(range(MUTATIONS), seed="awscons")
    assert results.findings == []
    assert results.count == MUTATIONS


def test_the_mutations_reach_every_floor_of_the_verifier() -> None:
    """Noise that ends at the parser would prove nothing."""
    results = judge(range(1_500), seed="awscons")
    reached = {
        "not well-formed XML",
        "comment, entity or processing instruction",
        "children of the Assertion",
        "ID not unique",
        "reference",
        "digest does not match",
        "cannot be decrypted",
        "read",
        "read (signed after the damage)",
    }
    assert reached <= results.outcomes.keys()
    assert results.outcomes["not well-formed XML"] < results.count / 2


def careless(_door: Door, form_value: str) -> Assertion:
    """A reader that is content with any genuine signature, and then takes the first NameID it sees."""
    xml = base64.b64decode(form_value).decode()
    names = etree.fromstring(xml).xpath("//*[local-name() = 'NameID']/text()")
    if not names or not finds_a_genuine_signature(xml):
        raise ResponseRefused("careless", section="test")
    assertions = [genuine for genuine in bench().genuine if isinstance(genuine, Assertion)]
    by_name = {assertion.name_id: assertion for assertion in assertions}
    return by_name.get(names[0]) or replace(assertions[0], name_id=names[0])


def test_the_oracle_catches_a_careless_reader() -> None:
    found = {
        what.partition(":")[0] for _, what, _ in judge(range(3_000), seed="awscons", read=careless).findings
    }
    assert "read what nobody signed" in found
    assert "XMLSyntaxError escaped" in found
