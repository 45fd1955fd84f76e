"""How to damage a validly signed response: its tree, its text, its bytes, its base64.

A number and a seed choose a mutation, so that a finding can be repeated.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from random import Random

from lxml import etree

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
DS = "http://www.w3.org/2000/09/xmldsig#"
XENC = "http://www.w3.org/2001/04/xmlenc#"

# Names of the standards, and values that code may compare with: an attacker tries these.
_TAGS = [
    *(f"{{{SAMLP}}}{name}" for name in ("Response", "Status", "StatusCode", "StatusDetail", "Extensions")),
    *(
        f"{{{SAML}}}{name}"
        for name in (
            *("Assertion", "EncryptedAssertion", "Issuer", "Subject", "NameID", "SubjectConfirmation"),
            *("SubjectConfirmationData", "Conditions", "AudienceRestriction", "Audience", "OneTimeUse"),
            *("AuthnStatement", "AttributeStatement", "Attribute", "AttributeValue", "Advice"),
        )
    ),
    *(
        f"{{{DS}}}{name}"
        for name in (
            *("Signature", "SignedInfo", "SignatureValue", "KeyInfo", "Object", "Reference", "Transforms"),
            *("Transform", "DigestMethod", "DigestValue", "SignatureMethod", "CanonicalizationMethod"),
        )
    ),
    *(f"{{{XENC}}}{name}" for name in ("EncryptedData", "EncryptedKey", "CipherValue")),
    "{urn:evil}Assertion",
    "Assertion",
]
_ATTRIBUTES = [
    *(
        "ID",
        "Id",
        "id",
        "{http://www.w3.org/XML/1998/namespace}id",
        "{urn:evil}ID",
        "Version",
        "Value",
        "URI",
    ),
    *("Destination", "InResponseTo", "Recipient", "NotBefore", "NotOnOrAfter", "Method", "Name", "Algorithm"),
    *("PrefixList", "AuthnInstant", "SessionIndex", "SessionNotOnOrAfter", "Type", "xmlns"),
    "{http://www.w3.org/2001/XMLSchema-instance}nil",
    "{http://www.w3.org/2001/XMLSchema-instance}type",
]
_VALUES = [
    *(
        "",
        " ",
        "_response",
        "_assertion",
        "#_assertion",
        "#_response",
        "#",
        "_request",
        "_other",
        "2.0",
        "1.1",
    ),
    *("true", "ada@example.com", "sysadmin", "groups", "xs", "#default", "9999-12-31T23:59:59Z"),
    *("https://sso.example.com/saml/acs", "urn:awscons:test", "https://idp.example.com/metadata"),
    *("urn:oasis:names:tc:SAML:2.0:status:Success", "urn:oasis:names:tc:SAML:2.0:cm:bearer"),
    *("http://www.w3.org/2000/09/xmldsig#enveloped-signature", "http://www.w3.org/2001/10/xml-exc-c14n#"),
    *(
        "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
    ),
    *("http://www.w3.org/TR/1999/REC-xpath-19991116", "http://www.w3.org/2001/04/xmlenc#sha256"),
    *(
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
    ),
    *("\U00010000", "\u0456dp", "e\u0308", "\u202e", "\ud7ff", "\ufffd"),
]
_SNIPPETS = [
    *(
        "<!---->",
        "<!-- x -->",
        "<?x?>",
        "<![CDATA[",
        "]]>",
        "<![CDATA[]]>",
        "&amp;",
        "&#32;",
        "&#13;",
        "&#10;",
    ),
    *(
        "&#x41;",
        "&x;",
        "<",
        ">",
        '"',
        "'",
        " ",
        "\n",
        "\r\n",
        "\t",
        "\x00",
        "\x1f",
        "\ufeff",
        "\u2028",
        "\x85",
    ),
    *(' xmlns=""', ' xmlns="urn:evil"', ' xmlns:saml="urn:evil"', ' xmlns:x="x"', ' xml:id="_assertion"'),
    *(' ID="_assertion"', ' Id="_assertion"', "<x/>", "</x>", "<!DOCTYPE x>", "<?xml version='1.0'?>"),
    *(
        f'<saml:Assertion xmlns:saml="{SAML}"/>',
        f'<ds:Object xmlns:ds="{DS}"/>',
        f'<ds:Signature xmlns:ds="{DS}"/>',
    ),
    *(
        "ada@example.com",
        "sysadmin",
        " xml:space='preserve'",
        ' xmlns:xml="http://www.w3.org/XML/1998/namespace"',
    ),
]


def mutate(document: str, donor: str, random: Random) -> str:
    """A damaged form value. `donor` is another genuine response to take pieces from."""
    data = document.encode()
    tree_steps = random.choice([0, 1, 1, 1, 2, 2, 3])
    if tree_steps:
        root, other = etree.fromstring(data), etree.fromstring(donor.encode())
        for _ in range(tree_steps):
            random.choice(_ON_TREES)(root, other, random)
        data = etree.tostring(root)
    text_steps = random.choice([0, 0, 0, 1, 1, 2]) if tree_steps else random.choice([0, 1, 1, 2])
    if text_steps:
        text = data.decode()
        for _ in range(text_steps):
            text = random.choice(_ON_TEXT)(text, donor, random)
        data = text.encode("utf-8", "surrogatepass")
    if random.random() < 0.1 or not (tree_steps or text_steps):
        data = random.choice(_ON_BYTES)(data, random)
    form_value = base64.b64encode(data).decode()
    return random.choice(_ON_BASE64)(form_value, random) if random.random() < 0.05 else form_value


# --- on the tree -------------------------------------------------------------------------

Element = etree._Element


def _elements(root: Element) -> list[Element]:
    return [element for element in root.iter() if isinstance(element.tag, str)]


def _any(root: Element, random: Random) -> Element:
    return random.choice(_elements(root))


def _inner(root: Element, random: Random) -> Element:
    """Any element but the root; the root where it stands alone."""
    return random.choice(_elements(root)[1:] or [root])


def _put(parent: Element, child: Element, random: Random) -> None:
    if not any(ancestor is child for ancestor in (parent, *parent.iterancestors())):
        parent.insert(random.randint(0, len(parent)), child)


def _move(root: Element, _other: Element, random: Random) -> None:
    _put(_any(root, random), _inner(root, random), random)


def _copy(root: Element, _other: Element, random: Random) -> None:
    _put(_any(root, random), deepcopy(_any(root, random)), random)


def _double(root: Element, _other: Element, random: Random) -> None:
    element = _inner(root, random)
    if element is not root:
        element.addnext(deepcopy(element))


def _delete(root: Element, _other: Element, random: Random) -> None:
    element = _inner(root, random)
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _unwrap(root: Element, _other: Element, random: Random) -> None:
    element = _inner(root, random)
    for child in list(element) if element is not root else []:
        element.addprevious(child)


def _wrap(root: Element, _other: Element, random: Random) -> None:
    element = _inner(root, random)
    wrapper = etree.Element(random.choice(_TAGS))
    if element is not root:
        element.addprevious(wrapper)
        wrapper.append(element)


def _swap(root: Element, _other: Element, random: Random) -> None:
    one = _inner(root, random)
    sibling = one.getnext()
    if sibling is not None:
        sibling.addnext(one)


def _rename(root: Element, _other: Element, random: Random) -> None:
    _any(root, random).tag = random.choice(_TAGS)


def _renamespace(root: Element, _other: Element, random: Random) -> None:
    element = _any(root, random)
    namespace = random.choice([SAML, SAMLP, DS, XENC, "urn:evil", "urn:oasis:names:tc:SAML:1.0:assertion"])
    element.tag = f"{{{namespace}}}{etree.QName(element).localname}"


def _set_attribute(root: Element, _other: Element, random: Random) -> None:
    element = _any(root, random)
    element.set(random.choice([*element.attrib, *_ATTRIBUTES]), random.choice(_VALUES))


def _drop_attribute(root: Element, _other: Element, random: Random) -> None:
    element = _any(root, random)
    if element.attrib:
        del element.attrib[random.choice(list(element.attrib))]


def _take_attribute(root: Element, other: Element, random: Random) -> None:
    """A value from elsewhere: IDs change places, references point somewhere else."""
    source = _any(random.choice([root, other]), random)
    if source.attrib:
        name = random.choice(list(source.attrib))
        _any(root, random).set(name, source.attrib[name])


def _comment(root: Element, _other: Element, random: Random) -> None:
    element = _any(root, random)
    node = random.choice([etree.Comment("x"), etree.ProcessingInstruction("x", "y")])
    if element.text and random.random() < 0.5:
        # Splits the text: the first part stays, the rest becomes the tail.
        at = random.randint(0, len(element.text))
        node.tail, element.text = element.text[at:], element.text[:at]
        element.insert(0, node)
    else:
        element.insert(random.randint(0, len(element)), node)


def _text(root: Element, _other: Element, random: Random) -> None:
    element = _any(root, random)
    old = element.text or ""
    at = random.randint(0, len(old))
    element.text = random.choice(
        [
            old[:at] + random.choice(_VALUES) + old[at:],
            old[:at],
            old + " ",
            "\n" + old,
            old.upper(),
            random.choice(_VALUES),
        ]
    )


def _tail(root: Element, _other: Element, random: Random) -> None:
    _inner(root, random).tail = random.choice([" ", "\n  ", "x", "\u00a0"])


def _splice(root: Element, other: Element, random: Random) -> None:
    """A part of another genuine response, put in or in the place of a part."""
    foreign = deepcopy(_any(other, random))
    if random.random() < 0.5:
        _put(_any(root, random), foreign, random)
        return
    element = _inner(root, random)
    twins = [found for found in _elements(other) if found.tag == element.tag]
    parent = element.getparent()
    if parent is not None:
        parent.replace(element, deepcopy(random.choice(twins)) if twins else foreign)


def _hide(root: Element, _other: Element, random: Random) -> None:
    """Wrapping: a copy of what was signed goes into hiding, and what stands in its place is forged."""
    signed = [element for element in _elements(root) if element.find(f"{{{DS}}}Signature") is not None]
    element = random.choice(signed or _elements(root))
    hidden, signature = deepcopy(element), element.find(f"{{{DS}}}Signature")
    hidden.tail = None
    for name_id in element.iter(f"{{{SAML}}}NameID"):
        name_id.text = "ada@example.com"
    if random.random() < 0.7 and "ID" in element.attrib:
        element.set("ID", "_evil")
    if signature is not None:
        # The signature stays with the forged one, or goes with the signed one, or both have it.
        lot = random.random()
        if lot < 0.4:
            element.remove(signature)
        elif lot < 0.8:
            hidden.remove(hidden[element.index(signature)])
    if random.random() < 0.6:
        hiding_place = etree.Element(random.choice(_TAGS))
        hiding_place.append(hidden)
        hidden = hiding_place
    _any(root, random).insert(random.randint(0, 3), hidden)


TreeMutation = Callable[[Element, Element, Random], None]
_ON_TREES: Sequence[TreeMutation] = (
    *(_move, _copy, _double, _delete, _unwrap, _wrap, _swap, _rename, _renamespace, _set_attribute),
    *(_drop_attribute, _take_attribute, _comment, _text, _tail, _splice, _hide, _hide, _splice),
)

# --- in the text -------------------------------------------------------------------------

_PREFIX = re.compile(r"</?(\w+):")
_LETTERS = re.compile(r">[^<&]+<")


def _snippet(text: str, _donor: str, random: Random) -> str:
    at = random.randint(0, len(text))
    return text[:at] + random.choice(_SNIPPETS) + text[at:]


def _snippet_in_a_tag(text: str, _donor: str, random: Random) -> str:
    places = [match.end() for match in re.finditer(r"<[\w:]+", text)] or [0]
    at = random.choice(places)
    return text[:at] + random.choice(_SNIPPETS) + text[at:]


def _cut(text: str, _donor: str, random: Random) -> str:
    at = random.randint(0, len(text))
    return text[:at] + text[at + random.choice([1, 2, 10, 100, 1000]) :]


def _repeat(text: str, _donor: str, random: Random) -> str:
    at, length = random.randint(0, len(text)), random.choice([1, 10, 100, 1000])
    return text[: at + length] + text[at:]


def _reprefix(text: str, _donor: str, random: Random) -> str:
    """Another prefix for all its elements, declared or not."""
    old = random.choice(_PREFIX.findall(text) or ["x"])
    new = random.choice(["x", "ns0", "saml", "samlp", "ds", ""])
    mark = f"{new}:" if new else ""
    text = text.replace(f"<{old}:", f"<{mark}").replace(f"</{old}:", f"</{mark}")
    if random.random() < 0.8:
        text = text.replace(f"xmlns:{old}=", f"xmlns:{new}=" if new else "xmlns=")
    return text


def _by_reference(text: str, _donor: str, random: Random) -> str:
    """The same letter, as a character reference."""
    found = list(_LETTERS.finditer(text))
    if not found:
        return text
    match = random.choice(found)
    at = random.randrange(match.start() + 1, match.end() - 1)
    return f"{text[:at]}&#{ord(text[at])};{text[at + 1 :]}"


def _in_cdata(text: str, _donor: str, random: Random) -> str:
    """The same text, or a part of it, as CDATA."""
    found = list(_LETTERS.finditer(text))
    if not found:
        return text
    match = random.choice(found)
    begin = random.randint(match.start() + 1, match.end() - 1)
    end = random.randint(begin, match.end() - 1)
    return f"{text[:begin]}<![CDATA[{text[begin:end]}]]>{text[end:]}"


def _from_the_donor(text: str, donor: str, random: Random) -> str:
    begin = random.randint(0, len(donor))
    end = begin + random.choice([1, 10, 100, 1000])
    at = random.randint(0, len(text))
    length = random.choice([0, 0, end - begin])
    return text[:at] + donor[begin:end] + text[at + length :]


def _other_quotes(text: str, _donor: str, _random: Random) -> str:
    return text.replace('"', "'")


def _declared(text: str, _donor: str, random: Random) -> str:
    encoding = random.choice(["UTF-8", "utf8", "ascii", "ISO-8859-1", "UTF-16", "x"])
    version = random.choice(["1.0", "1.1", "2.0"])
    return f"{random.choice(['', chr(0xFEFF)])}<?xml version='{version}' encoding='{encoding}'?>{text}"


TextMutation = Callable[[str, str, Random], str]
_ON_TEXT: Sequence[TextMutation] = (
    *(_snippet, _snippet_in_a_tag, _snippet_in_a_tag, _cut, _repeat, _reprefix, _by_reference, _in_cdata),
    *(_from_the_donor, _other_quotes, _declared),
)

# --- in the bytes and the base64 -----------------------------------------------------------


def _flip(data: bytes, random: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice([1, 1, 1, 4])):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _byte(data: bytes, random: Random) -> bytes:
    at = random.randint(0, len(data))
    return data[:at] + bytes([random.randrange(256)]) + data[at + random.choice([0, 1]) :]


def _short(data: bytes, random: Random) -> bytes:
    return data[: random.randint(0, len(data))]


def _recode(data: bytes, random: Random) -> bytes:
    encoding = random.choice(["utf-16", "utf-16-le", "utf-32", "utf-8-sig", "latin-1"])
    return data.decode("utf-8", "replace").encode(encoding, "replace")


_ON_BYTES: Sequence[Callable[[bytes, Random], bytes]] = (_flip, _flip, _byte, _short, _recode)


def _spaced(form_value: str, random: Random) -> str:
    at = random.randint(0, len(form_value))
    return (
        form_value[:at]
        + random.choice([" ", "\n", "\r\n", "\t", "=", "==", "\x0b", "\u00a0"])
        + form_value[at:]
    )


def _letter(form_value: str, random: Random) -> str:
    at = random.randint(0, len(form_value))
    return form_value[:at] + random.choice("A/+-_%=\u0430") + form_value[at + 1 :]


def _for_addresses(form_value: str, _random: Random) -> str:
    return form_value.replace("+", "-").replace("/", "_")


def _twice(form_value: str, _random: Random) -> str:
    return form_value + form_value


_ON_BASE64: Sequence[Callable[[str, Random], str]] = (_spaced, _letter, _for_addresses, _twice)
