"""The one parser, the walk over the tree, and reading from it."""

from pathlib import Path

import pytest
from lxml import etree

from awscons.errors import ResponseRefused
from awscons.saml.xml import (
    MAX_ATTRIBUTES,
    MAX_DEPTH,
    check_tree,
    element_children,
    hardened_parser,
    local_name,
    only_child,
    parse,
    required_attribute,
    text_of,
)

SAML = 'xmlns="urn:oasis:names:tc:SAML:2.0:assertion"'
SIGNATURE = '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/>'
COMMENT = "comment, entity or processing instruction"


def tree_refusal(document: str, *, comments_anywhere: bool = False) -> str:
    """The rule by which the walk refuses a document; "" when it does not."""
    root = parse(document)
    try:
        check_tree(root, comments_anywhere=comments_anywhere)
    except ResponseRefused as refused:
        return refused.rule
    return ""


@pytest.mark.parametrize(
    "document",
    [
        "<!DOCTYPE x><x/>",
        "<!DOCTYPE y><x/>",
        "<!DOCTYPE x []><x/>",
        '<!DOCTYPE x PUBLIC "p" "s"><x/>',
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


def test_a_document_is_read_as_utf_8_whether_text_or_bytes() -> None:
    assert parse("<x>zoë</x>").text == parse("<x>zoë</x>".encode()).text == "zoë"


def test_the_parser_replaces_no_entity() -> None:
    root = etree.fromstring('<!DOCTYPE x [<!ENTITY e "y">]><x>&e;</x>', parser=hardened_parser())
    assert root.text is None
    assert [child.tag for child in root] == [etree.Entity]


def test_the_parser_loads_no_document_type_of_another_file(tmp_path: Path) -> None:
    (tmp_path / "x.dtd").write_text('<!ATTLIST x ID CDATA "_assertion">')
    document = f'<!DOCTYPE x SYSTEM "{tmp_path}/x.dtd"><x/>'
    root = etree.fromstring(document, parser=hardened_parser())
    assert dict(root.attrib) == {}
    assert root.getroottree().docinfo.externalDTD is None


def test_the_parser_has_the_limits_of_libxml2() -> None:
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring("<x>" * 1_000 + "</x>" * 1_000, parser=hardened_parser())


@pytest.mark.parametrize("declared", ["latin-1", "utf-16", "utf-7", "ebcdic-cp-us"])
def test_a_document_is_read_as_utf_8_whatever_it_declares(declared: str) -> None:
    document = f"<?xml version='1.0' encoding='{declared}'?><x>zoë+AGE-</x>"
    assert parse(document).text == "zoë+AGE-"


@pytest.mark.parametrize("document", ["", "<x>", "<x/><y/>", b"<x>\xff</x>", "<x>\x08</x>", "<x>&e;</x>"])
def test_what_is_not_well_formed_is_refused_with_the_parsers_reason(document: str | bytes) -> None:
    with pytest.raises(ResponseRefused) as caught:
        parse(document)
    assert caught.value.rule == "not well-formed XML"
    assert "line 1" in caught.value.received


# --- the walk ----------------------------------------------------------------------------


@pytest.mark.parametrize(("more", "rule"), [(0, ""), (1, "nested too deep")])
def test_nesting_is_limited(more: int, rule: str) -> None:
    levels = MAX_DEPTH + more
    assert tree_refusal("<x>" * levels + "</x>" * levels) == rule


@pytest.mark.parametrize(("more", "rule"), [(0, ""), (1, "too many attributes")])
def test_attributes_of_one_element_are_limited(more: int, rule: str) -> None:
    attributes = " ".join(f'a{number}=""' for number in range(MAX_ATTRIBUTES + more))
    assert tree_refusal(f"<x><y {attributes}/></x>") == rule


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        ('<x ID="a"><y ID="b"/></x>', ""),
        ('<x ID="a"><y ID="a"/></x>', "ID not unique"),
        ('<x ID="a"><y iD="a"/></x>', "ID not unique"),
        ('<x ID="a" id="a"/>', "ID not unique"),
        ('<x ID=""/>', "ID not unique"),
        ('<x ID="a" other="a" ident="a"><y other="a" name="a"/></x>', ""),
        ('<x xmlns:p="urn:p" p:other="a"/>', ""),
        ('<x xmlns:p="urn:p" p:id="a"/>', "qualified ID attribute"),
        ('<x xml:id="a"/>', "qualified ID attribute"),
        # The unqualified one does not hide the qualified one that follows, nor another attribute an ID.
        ('<x xmlns:p="urn:p" ID="a" p:Id="b"/>', "qualified ID attribute"),
        ('<x first="1" ID="a"><y first="1" ID="a"/></x>', "ID not unique"),
    ],
)
def test_an_id_names_one_element(document: str, rule: str) -> None:
    assert tree_refusal(document) == rule


@pytest.mark.parametrize(
    ("namespace", "rule"),
    [
        ("urn:x", ""),
        ("h2+x.y-z:", ""),
        ("", ""),
        ("x", "relative namespace"),
        ("../x", "relative namespace"),
        ("/urn:x", "relative namespace"),
    ],
)
def test_a_namespace_is_absolute_or_none(namespace: str, rule: str) -> None:
    assert tree_refusal(f'<x xmlns:p="urn:p"><y xmlns="{namespace}"/></x>') == rule


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        ("<!--a--><x/><!--b-->", ""),
        ("<?a?><x/>", "processing instruction"),
        ("<x/><?a?>", "processing instruction"),
        ("<!--a--><?a?><x/>", "processing instruction"),
        ("<x><?a?></x>", COMMENT),
        ("<x><y/><!--a--></x>", ""),
        ("<x><y><?a?></y></x>", COMMENT),
        (f"<Assertion {SAML}><!--a--></Assertion>", COMMENT),
        (f"<x><Assertion {SAML}><y><z><!--a--></z></y></Assertion></x>", COMMENT),
        (f"<x>{SIGNATURE}<y><z><!--a--></z></y></x>", COMMENT),
        (f"<x><y>{SIGNATURE}</y><z><!--a--></z></x>", ""),
        (f"<x><!--a--><Assertion {SAML}/></x>", ""),
        # Whatever stands after an element without children is walked over as well.
        ("<x><a/><b/><c><?a?></c></x>", COMMENT),
        ("<x><c><?a?></c><a/><b/></x>", COMMENT),
    ],
)
def test_comments_are_only_outside_of_what_is_signed_and_instructions_nowhere(
    document: str, rule: str
) -> None:
    assert tree_refusal(document) == rule


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        (f"<x>{SIGNATURE}<!--a--><y><!--b--></y></x>", ""),
        ("<x><y><?a?></y></x>", COMMENT),
        ("<x/><?a?>", "processing instruction"),
    ],
)
def test_metadata_may_be_commented_anywhere_and_has_no_instructions(document: str, rule: str) -> None:
    assert tree_refusal(document, comments_anywhere=True) == rule


# --- reading -----------------------------------------------------------------------------


def test_children_are_the_elements_in_order_without_comments() -> None:
    root = parse("<x> <a/>\t<!--c--><b/>\r\n</x>")
    assert [child.tag for child in element_children(root)] == ["a", "b"]
    assert element_children(parse("<x/>")) == []


@pytest.mark.parametrize(
    "document",
    ["<x>t<a/></x>", "<x><a/>t</x>", "<x><a/>t<b/></x>", "<x><!--c-->t<a/></x>", "<x>t</x>", "<x>\u00a0</x>"],
)
def test_no_text_stands_between_elements(document: str) -> None:
    with pytest.raises(ResponseRefused) as caught:
        element_children(parse(document))
    assert (caught.value.rule, caught.value.received) == ("text between elements", "'x'")


@pytest.mark.parametrize(
    ("document", "count"), [("<x/>", 0), ("<x><a/><a/></x>", 2), ("<x><y><a/></y></x>", 0)]
)
def test_an_only_child_is_exactly_one(document: str, count: int) -> None:
    with pytest.raises(ResponseRefused) as caught:
        only_child(parse(document), "a", section="test")
    assert caught.value.rule == "exactly one a"
    assert (caught.value.expected, caught.value.received) == ("'1'", f"'{count}'")


def test_an_only_child_may_stand_between_others() -> None:
    assert only_child(parse("<x><b/><a n='1'/><c/></x>"), "a", section="test").get("n") == "1"


@pytest.mark.parametrize("inside", ["<y/>", "<!--c-->", "t<?p?>"])
def test_a_text_has_nothing_beside_it(inside: str) -> None:
    with pytest.raises(ResponseRefused) as caught:
        text_of(parse(f"<p:x xmlns:p='urn:p'>{inside}</p:x>"), section="test")
    assert caught.value.rule == "x must be text only"


def test_the_text_of_an_element_is_as_it_stands_there() -> None:
    assert text_of(parse("<x> a&amp;b </x>"), section="test") == " a&b "
    assert text_of(parse("<x/>"), section="test") == ""


@pytest.mark.parametrize("attributes", ["", "a=''", "b='1'", "p:a='1'"])
def test_a_required_attribute_is_there_and_not_empty(attributes: str) -> None:
    with pytest.raises(ResponseRefused) as caught:
        required_attribute(parse(f"<p:x xmlns:p='urn:p' {attributes}/>"), "a", section="test")
    assert caught.value.rule == "x without a"


def test_a_local_name_has_neither_prefix_nor_namespace() -> None:
    assert local_name(parse("<p:x xmlns:p='urn:p'/>")) == "x"
