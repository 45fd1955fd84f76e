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


@pytest.mark.parametrize(("length", "said"), [(2_048, "upper and lower case"), (2_049, "")])
def test_of_a_text_that_is_too_long_nothing_is_said(length: int, said: str) -> None:
    assert difference("a" * length, "A" * length) == said
    assert difference("a" * length + "/", "a") == difference("a", "a" * length + "/") == ""


@pytest.mark.parametrize(
    ("ours", "received", "said"),
    [
        (" ", "", ""),
        ("a", " a", "the white space around it"),
        ("a b", "a b\t", "the white space around it"),
        ("a", "\u00a0A\n", "the white space around it"),
        ("https://x/y?a=1", "https://x/y?a=1#b", ""),
        ("https://x/y?a=1", "https://x/Y/?a=1", "the slash at the end"),
        ("https://x/", "https://y/", ""),
        ("https://x/?a", "https://y/?a", "the host"),
        ("https://x/#a", "https://y/#a", "the host"),
        ("https://x:8443/y", "https://x/y", "the port"),
        ("https://x:8443/y", "https://x:443/y", "the port"),
        ("https://x:1/y", "http://y:2/y/", "the scheme and the host and the port and the slash at the end"),
        ("https://[::1]/y", "https://[::2]/y", "the host"),
        ("https://a@x/y", "https://b@x/y", ""),
        ("https://x:0443/y", "https://x:443/y", ""),
        ("https://[x/y", "https://[x/y\n", "the white space around it"),
        ("https://[x/y", "https://[x/z", ""),
    ],
)
def test_each_detail_counts_for_itself(ours: str, received: str, said: str) -> None:
    assert difference(ours, received) == said
    assert difference(received, ours) == said


def test_of_several_texts_the_first_that_nearly_matches_is_explained() -> None:
    hint = near_match_hint(OURS, ["urn:other", f"{OURS}/"], "make them the same text")
    assert hint == "the two differ only in the slash at the end; make them the same text"
    assert near_match_hint(OURS, ["urn:other"], "make them the same text") == "make them the same text"
