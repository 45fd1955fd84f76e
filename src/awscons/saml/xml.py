"""The XML parser, the check of a whole tree, and functions that read from a tree.

Every received document goes through `parse`; no other module parses one, and signxml gets the same
`hardened_parser`. Elements are read from exact child lists. Nothing searches for the first match: a forged
element could come first.
"""

from __future__ import annotations

import re

from lxml import etree

from awscons.errors import ResponseRefused
from awscons.saml import names

MAX_DEPTH = 24
"""Levels of nesting."""
MAX_ATTRIBUTES = 24
"""Attributes of one element."""
_ABSOLUTE_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_WALK = "house rule, walk over the tree"

Element = etree._Element  # noqa: SLF001  lxml gives its element type no public name


def hardened_parser() -> etree.XMLParser:
    """A new parser without entities, network, DTD, huge trees and recovery. lxml parsers have state."""
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        recover=False,
        remove_comments=False,
        remove_pis=False,
    )


def parse(document: str | bytes) -> Element:
    """The root element of `document`, which passed the input limits or was made by us.

    Raises ResponseRefused when it is not well-formed, or has a document type.
    """
    data = document.encode("utf-8") if isinstance(document, str) else document
    try:
        root = etree.fromstring(data, parser=hardened_parser())
    except etree.XMLSyntaxError as error:
        raise ResponseRefused("not well-formed XML", section="XML 1.0", received=error.msg) from None
    # Every DOCTYPE makes an internal DTD, though it may be empty.
    if root.getroottree().docinfo.internalDTD is not None:
        raise ResponseRefused("document type or entity", section=_WALK)
    return root


def check_tree(root: Element, *, comments_anywhere: bool = False) -> None:
    """Check every node of a tree. Raises ResponseRefused for what only attacks contain.

    comments_anywhere   for metadata, which people comment; only attributes and texts without child nodes are
                        read of it

    - No processing instructions and entities.
    - Comments only outside of elements that are or can be signed: a comment splits a text, and a reader may
      see its first part alone (CVE-2017-11427 and others).
    - Attributes named id, in any letter case, are unqualified and unique, so that an ID names one element.
    - Namespace names are absolute, because canonicalization may fail on others.
    - Depth and number of attributes are bounded.
    """
    identifiers: set[str] = set()
    # Each declaration once. Reading the `nsmap` of every element would take quadratic time.
    for _, declaration in etree.iterwalk(root, events=("start-ns",)):
        namespace = declaration[1] if declaration else ""
        if namespace and not _ABSOLUTE_URI.match(namespace):
            raise ResponseRefused("relative namespace", section="XML signature 4.4.3", received=namespace)
    for sibling in (*root.itersiblings(preceding=True), *root.itersiblings()):
        if not isinstance(sibling, etree._Comment):  # noqa: SLF001  the only way to name the type
            raise ResponseRefused("processing instruction", section=_WALK)
    stack: list[tuple[Element, int, bool]] = [(root, 1, False)]
    while stack:
        element, depth, protected = stack.pop()
        _check_element(element, depth, identifiers)
        children = list(element)
        if not children:
            continue
        protected = protected or element.tag == names.ASSERTION or _is_signed(children)
        for child in children:
            if isinstance(child.tag, str):
                stack.append((child, depth + 1, protected))
            elif not isinstance(child, etree._Comment) or (  # noqa: SLF001  as above
                protected and not comments_anywhere
            ):
                raise ResponseRefused(
                    "comment, entity or processing instruction", section=_WALK, received=element.tag
                )


def _check_element(element: Element, depth: int, identifiers: set[str]) -> None:
    if depth > MAX_DEPTH:
        raise ResponseRefused("nested too deep", section=_WALK, expected=f"at most {MAX_DEPTH} levels")
    # Counted before they are read, which takes quadratic time.
    if len(element.attrib) > MAX_ATTRIBUTES:
        raise ResponseRefused("too many attributes", section=_WALK, expected=f"at most {MAX_ATTRIBUTES}")
    for name, value in element.items():
        # `{urn:…}ID` is split here, which is faster than QName: a hostile document has many attributes.
        namespace, _, localname = name.rpartition("}")
        if localname.lower() != "id":
            continue
        if namespace:
            raise ResponseRefused("qualified ID attribute", section=_WALK, received=name)
        if not value or value in identifiers:
            raise ResponseRefused("ID not unique", section="SAML core 1.3.4", received=value)
        identifiers.add(value)


def _is_signed(children: list[Element]) -> bool:
    return any(child.tag == names.SIGNATURE for child in children)


# --- reading -----------------------------------------------------------------------------


def element_children(element: Element) -> list[Element]:
    """The child elements, in order, without comments. Only white space may be between them.

    Raises ResponseRefused for any other text between them.
    """
    nodes = list(element)
    for text in (element.text, *[node.tail for node in nodes]):
        if text and text.strip(" \t\r\n"):
            raise ResponseRefused("text between elements", section="SAML schema", received=element.tag)
    return [node for node in nodes if isinstance(node.tag, str)]


def only_child(element: Element, tag: str, *, section: str) -> Element:
    """The only child element of that name. Raises ResponseRefused when there is none, or several."""
    found = [child for child in element if child.tag == tag]
    if len(found) != 1:
        raise ResponseRefused(
            f"exactly one {etree.QName(tag).localname}", section=section, expected=1, received=len(found)
        )
    return found[0]


def text_of(element: Element, *, section: str) -> str:
    """The text of an element. Raises ResponseRefused when it has child nodes of any kind."""
    if len(element):
        raise ResponseRefused(f"{local_name(element)} must be text only", section=section)
    return element.text or ""


def required_attribute(element: Element, name: str, *, section: str) -> str:
    """The attribute's value. Raises ResponseRefused when it is missing or empty."""
    value = element.get(name)
    if not value:
        raise ResponseRefused(f"{local_name(element)} without {name}", section=section)
    return value


def local_name(element: Element) -> str:
    """`Assertion` of `{urn:…}Assertion`."""
    return etree.QName(element).localname
