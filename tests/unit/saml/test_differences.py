"""What is said of two texts that nearly match: each detail by its name, and nothing of texts that differ."""

import pytest

from awscons.saml.differences import difference, near_match_hint

OURS = "https://sso.example.com/saml/acs"


@pytest.mark.parametrize(
    ("received", "said"),
    [
        (OURS, ""),
        (f"{OURS}/", "the slash at the end"),
        ("http://sso.example.com/saml/acs", "the scheme"),
        ("https://sso.example.com:443/saml/acs", "the port"),
        ("https://SSO.example.com/saml/ACS", "upper and lower case"),
        ("https://www.example.com/saml/acs", "the host"),
        (f"\n {OURS}\n", "the white space around it"),
        ("http://sso.example.com:8080/saml/acs/", "the scheme and the port and the slash at the end"),
        ("https://sso.example.com/saml/metadata", ""),
        ("https://sso.example.com/saml/acs?x=1", ""),
        ("https://[sso/saml/acs", ""),
        ("https://sso.example.com:x/saml/acs", ""),
        ("", ""),
        (OURS + "x" * 3_000, ""),
    ],
)
def test_a_detail_is_named_and_another_text_is_not(received: str, said: str) -> None:
    assert difference(OURS, received) == said


@pytest.mark.parametrize(
    ("ours", "received", "said"),
    [
        ("urn:awscons", "urn:AWScons", "upper and lower case"),
        ("urn:awscons", "urn:other", ""),
        ("awscons", "spn:awscons", "the scheme"),
        ("https://idp.example.com/", "https://idp.example.com", "the slash at the end"),
        ("https://idp.example.com/", "https://other.example.com/", ""),
        ("https://idp.example.com/", "http://idp.example.com/", "the scheme"),
    ],
)
def test_names_of_parties_are_compared_the_same_way(ours: str, received: str, said: str) -> None:
    assert difference(ours, received) == said


def test_of_several_texts_the_first_that_nearly_matches_is_explained() -> None:
    hint = near_match_hint(OURS, ["urn:other", f"{OURS}/"], "make them the same text")
    assert hint == "the two differ only in the slash at the end; make them the same text"
    assert near_match_hint(OURS, ["urn:other"], "make them the same text") == "make them the same text"
