"""The limits of a message before the parser reads it: what is exactly allowed, and the first that is too much."""

import base64
import codecs

import pytest

from awscons.errors import ResponseRefused, ResponseTooLarge
from awscons.saml.input_limits import (
    MAX_DECLARATIONS_OF_TAG,
    MessageLimits,
    check_document,
    decode_base64,
    decode_form_value,
)

CURE = "raise the limit"
SMALL = MessageLimits(4_096, CURE)
"""3,072 bytes of XML, 24 tags, 48 attributes and 48 namespaces."""


def refusal(document: str | bytes, limits: MessageLimits = SMALL) -> ResponseRefused:
    with pytest.raises(ResponseRefused) as caught:
        check_document(document.encode() if isinstance(document, str) else document, limits)
    return caught.value


# --- sizes -------------------------------------------------------------------------------


def test_all_limits_follow_from_the_size_of_the_form() -> None:
    assert (SMALL.max_form_bytes, SMALL.max_bytes, SMALL.max_tags) == (4_096, 3_072, 24)


def test_a_form_value_may_be_exactly_as_long_as_its_limit() -> None:
    assert decode_form_value("eHh4" * 1_024, SMALL) == "x" * 3_072
    with pytest.raises(ResponseTooLarge) as caught:
        decode_form_value("eHh4" * 1_024 + "\n", SMALL)
    assert caught.value.rule == "form value too large"
    assert (caught.value.expected, caught.value.received) == ("'at most 4,096 bytes'", "'4,097'")
    assert caught.value.section == "house rule, input limits"
    assert caught.value.hint == CURE


COUNTED = {
    "too many tags": ("<" * 24, "<" * 25, "at most 24"),
    "too many attributes in all": ('"' * 48 + "'" * 48, '"' * 49 + "'" * 49, "at most 48"),
    "too many namespaces": (("xmlns" * 24 + "<") * 2, ("xmlns" * 24 + "<") * 2 + "xmlns", "at most 48"),
}


@pytest.mark.parametrize("rule", COUNTED)
def test_what_is_counted_may_be_exactly_as_many_as_its_limit(rule: str) -> None:
    most, more, expected = COUNTED[rule]
    assert check_document(most.encode(), SMALL) == most
    refused = refusal(more)
    assert isinstance(refused, ResponseTooLarge)
    assert (refused.rule, refused.hint) == (rule, CURE)
    assert expected in refused.expected


def test_half_a_pair_of_quotation_marks_is_no_attribute() -> None:
    assert check_document(b'"' * 97, SMALL)


def test_one_tag_may_declare_exactly_as_many_namespaces_as_its_limit() -> None:
    limits = MessageLimits(1_000_000)
    most = "<x " + "xmlns" * MAX_DECLARATIONS_OF_TAG
    assert check_document((most + most).encode(), limits) == most + most
    assert refusal(most + most + "xmlns", limits).rule == "too many namespaces of one tag"
    assert refusal(most + "xmlns" + most, limits).rule == "too many namespaces of one tag"
    assert refusal(most + "xmlns", limits).rule == "too many namespaces of one tag"


# --- base64 ------------------------------------------------------------------------------


def test_a_form_value_may_hold_the_white_space_of_xml_and_no_other_character() -> None:
    value = base64.b64encode(b"<response/>").decode()
    assert decode_form_value(" \t\r\n".join(value)) == "<response/>"
    for other in ("\x0b", "\x0c", "\u00a0", "-", "_", "!", "="):
        with pytest.raises(ResponseRefused) as caught:
            decode_form_value(f"{value[:4]}{other}{value[4:]}")
        assert caught.value.rule == "form value is not base64"


def test_no_form_value_at_all_has_a_rule_of_its_own() -> None:
    with pytest.raises(ResponseRefused) as caught:
        decode_form_value("")
    assert caught.value.rule == "response missing"


def test_a_refused_base64_text_tells_its_place_and_not_itself() -> None:
    with pytest.raises(ResponseRefused) as caught:
        decode_base64("c2VjcmV0#", section="XML encryption 1.1", received="CipherValue")
    assert str(caught.value) == "not base64 (XML encryption 1.1), received 'CipherValue'"
    with pytest.raises(ResponseRefused) as caught:
        decode_base64("c2VjcmV0#", section="XML encryption 1.1")
    assert str(caught.value) == "not base64 (XML encryption 1.1)"


# --- text --------------------------------------------------------------------------------


def test_one_byte_order_mark_is_dropped() -> None:
    assert check_document(codecs.BOM_UTF8 + b"<x/>", SMALL) == "<x/>"


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-8", "utf8", "us-ascii", "US-ASCII", "ascii"])
@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_document_may_declare_utf_8_and_its_subset(encoding: str, quote: str) -> None:
    document = f'<?xml version="1.0" encoding={quote}{encoding}{quote}?><x/>'
    assert check_document(document.encode(), SMALL) == document


@pytest.mark.parametrize(
    "declaration",
    [
        '<?xml version="1.0" encoding="utf-7"?>',
        "<?xml version='1.0' encoding='UTF-16'?>",
        '<?xml version="1.0"\n encoding\t=\r\n"ISO-8859-1" standalone="yes"?>',
        '<?xml version="1.0" encoding=""?>',
        '\ufeff<?xml version="1.0" encoding="utf-7"?>',
        '\ufeff\ufeff<?xml version="1.0" encoding="utf-7"?>',
    ],
)
def test_a_document_that_declares_another_encoding_is_refused(declaration: str) -> None:
    assert refusal(f"{declaration}<x/>").rule == "encoding declared"


def test_the_declared_encoding_goes_to_the_log() -> None:
    refused = refusal('<?xml version="1.0" encoding="UTF-7"?>')
    assert (refused.expected, refused.received) == ("'UTF-8'", "'UTF-7'")


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        (b"<x>\xff</x>", "document is not UTF-8"),
        ("<x/>".encode("utf-16"), "document is not UTF-8"),
        (b"<x>\x00</x>", "document holds NUL"),
        (b"<!DOCTYPE x><x/>", "document type or entity"),
        (b"<x><!dOcTyPe x></x>", "document type or entity"),
        (b"<!ENTITY e 'x'>", "document type or entity"),
        (b"<!enTity e 'x'>", "document type or entity"),
    ],
)
def test_a_document_that_must_not_reach_the_parser_is_refused_by_name(document: bytes, rule: str) -> None:
    refused = refusal(document)
    assert (refused.rule, refused.public) == (rule, ResponseRefused.public)
