"""Responses that must be read: everything legal that identity providers are known to send."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from adversary.cases import NOW, OTTO, Surroundings, Variant
from adversary.corpus.content import PASSWORD, SECOND_FACTOR, statement
from adversary.craft import IDP_SIGNS, genuine, piece, swap
from support.forge import ACS, IDP, SP, SUCCESS, Forger, Story, instant

_XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
_FORMAT = "urn:oasis:names:tc:SAML:2.0:attrname-format:"
_DER = base64.b64encode(b"not even a certificate").decode()


def _said(name: str, sign: str = "assertion", **changes: object) -> Variant:
    """Otto's response with something else in it; the identity stays his."""
    return Variant(name, lambda: IDP_SIGNS.xml(OTTO.at(**changes), sign=sign))


def _signed(
    name: str, forger: Forger, sign: str = "assertion", around: Surroundings | None = None
) -> Variant:
    """Otto's response, signed in another way."""
    return Variant(name, lambda: forger.xml(OTTO, sign=sign), around=around or Surroundings())


def _styled(name: str, style: Callable[[str], str], sign: str = "assertion", story: Story = OTTO) -> Variant:
    """Otto's response, written in another way before it is signed."""

    def make() -> str:
        text = style(story.response(story.assertion()))
        for place, signed_id in (("assertion", story.assertion_id), ("response", story.response_id)):
            if sign in {place, "both"}:
                text = IDP_SIGNS.sign(text, place, signed_id)
        return text.replace("{{assertion-signature}}", "").replace("{{response-signature}}", "")

    return Variant(name, make)


def _changed(name: str, change: Callable[[str], str | bytes], sign: str = "assertion") -> Variant:
    """Otto's response, changed after it was signed, where that changes nothing."""
    return Variant(name, lambda: change(genuine(sign)))


def _attributes(name: str, statement: str, **attributes: tuple[str, ...]) -> Variant:
    story = OTTO.at(attribute_statement=f"<saml:AttributeStatement>{statement}</saml:AttributeStatement>")
    return Variant(name, lambda: genuine(story=story), attributes=attributes)


def _value(inner: str, more: str = "") -> str:
    return f"<saml:AttributeValue{more}>{inner}</saml:AttributeValue>"


def _attribute(*values: str, name: str = "groups", more: str = "") -> str:
    return f'<saml:Attribute Name="{name}"{more}>{"".join(values)}</saml:Attribute>'


def _named(name: str, name_id: str, element: str) -> Variant:
    return Variant(name, lambda: genuine(story=OTTO.at(name_id=element)), name_id=name_id)


def _confirmation(data: str) -> str:
    return (
        '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">'
        f'<saml:SubjectConfirmationData Recipient="{ACS}" InResponseTo="_request" '
        f'NotOnOrAfter="{instant(NOW + timedelta(minutes=5))}" {data}/></saml:SubjectConfirmation>'
    )


def _statement(attributes: str, context: str) -> str:
    return f"<saml:AuthnStatement {attributes}><saml:AuthnContext>{context}</saml:AuthnContext></saml:AuthnStatement>"


_PASSWORD = (
    "<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef>"
)


def _pretty(text: str) -> str:
    """One element a line, as people and some identity providers print it."""
    return text.replace("><", ">\n  <").replace("{{", "\n{{").replace("}}", "}}\n")


def _default_namespaces(text: str) -> str:
    """No prefixes at all, as Entra ID and ADFS write their assertions."""
    return text.replace("xmlns:saml=", "xmlns=").replace("<saml:", "<").replace("</saml:", "</")


def _okta_prefixes(text: str) -> str:
    """`saml2p` and `saml2`, as Okta and Shibboleth write them."""
    for old, new in (("samlp:", "saml2p:"), ("saml:", "saml2:")):
        text = text.replace(f"<{old}", f"<{new}").replace(f"</{old}", f"</{new}")
    return text.replace("xmlns:samlp=", "xmlns:saml2p=").replace("xmlns:saml=", "xmlns:saml2=")


def _generated_prefixes(text: str) -> str:
    """`ns0` and `ns1`, as Python's own libraries write them."""
    for old, new in (("samlp", "ns0"), ("saml", "ns1")):
        text = text.replace(f"<{old}:", f"<{new}:").replace(f"</{old}:", f"</{new}:")
        text = text.replace(f"xmlns:{old}=", f"xmlns:{new}=")
    return text


def _java_base64(xml: str) -> str:
    """Line ends as Apache's library for Java writes them: a carriage return by reference."""
    value = piece(xml, "ds:SignatureValue")
    text = value.removeprefix("<ds:SignatureValue>").removesuffix("</ds:SignatureValue>")
    lines = "&#13;\n".join(text[at : at + 76] for at in range(0, len(text), 76))
    return swap(xml, value, f"<ds:SignatureValue>{lines}&#13;\n</ds:SignatureValue>")


SIGNING = [
    *(Variant(f"{sign}-signed", partial(genuine, sign)) for sign in ("assertion", "response", "both")),
    _signed("rsa-sha384", Forger(signature_hash="sha384")),
    _signed("rsa-sha512-over-sha512", Forger(signature_hash="sha512", digest_hash="sha512")),
    _signed("sha384-digest", Forger(digest_hash="sha384"), "both"),
    _signed("rsa-3072", Forger("large", bits=3072), around=Surroundings(signers=("large:3072",))),
    *(
        _signed(
            f"ecdsa-{curve}-{hashed}", Forger(curve, signature_hash=hashed), "both", Surroundings((curve,))
        )
        for curve, hashed in (("ec-idp", "sha256"), ("ec384-idp", "sha384"), ("ec521-idp", "sha512"))
    ),
    *(
        _signed(f"prefix-list-{sign}", Forger(prefix_list="xs"), sign)
        for sign in ("assertion", "response", "both")
    ),
    _signed("prefix-list-of-two", Forger(prefix_list="xs saml")),
    _signed("prefix-list-with-the-default", Forger(prefix_list="#default xs")),
    *(
        _signed(f"key-info-with-{name}", Forger(key_info=key_info), sign="both")
        for name, key_info in {
            "a-name": "<ds:KeyName>k</ds:KeyName>",
            "a-key": "<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>AQAB</ds:Modulus><ds:Exponent>AQAB</ds:Exponent>"
            "</ds:RSAKeyValue></ds:KeyValue>",
            "somebody-elses-certificate": f"<ds:X509Data><ds:X509Certificate>{_DER}</ds:X509Certificate></ds:X509Data>",
            "several-certificates": "<ds:X509Data>"
            + f"<ds:X509Certificate>{_DER}</ds:X509Certificate>" * 2
            + "</ds:X509Data>",
            "issuer-and-serial": "<ds:X509Data><ds:X509IssuerSerial><ds:X509IssuerName>CN=x</ds:X509IssuerName>"
            "<ds:X509SerialNumber>1</ds:X509SerialNumber></ds:X509IssuerSerial></ds:X509Data>",
        }.items()
    ),
    *(
        _signed(f"signer-{place}-of-three", IDP_SIGNS, around=Surroundings(signers))
        for place, signers in {
            "first": ("idp", "next", "ec-idp"),
            "second": ("next", "idp", "ec-idp"),
            "last": ("ec-idp", "next", "idp"),
        }.items()
    ),
    _signed("signer-with-an-ended-certificate", IDP_SIGNS, around=Surroundings(("ended:idp",))),
    _changed("signature-value-in-lines", _java_base64),
    _changed(
        "signature-with-ids-of-its-own",
        lambda xml: swap(
            swap(xml, "<ds:Signature ", '<ds:Signature Id="s" '),
            "<ds:SignatureValue>",
            '<ds:SignatureValue Id="v">',
        ),
    ),
]

TIMES = [
    *(
        _said(f"{digits}-fraction-digits", conditions_end=f"2026-11-22T12:04:59{fraction}Z")
        for digits, fraction in ((0, ""), (1, ".1"), (3, ".123"), (7, ".1234567"))
    ),
    _said("clock-ahead-by-59-seconds", now=NOW + timedelta(seconds=59)),
    Variant(
        "clock-behind-by-59-seconds", genuine, around=Surroundings(now=NOW + timedelta(minutes=5, seconds=59))
    ),
    _said(
        "no-begin-of-the-conditions",
        conditions=f'<saml:Conditions NotOnOrAfter="{instant(NOW + timedelta(minutes=5))}">'
        f"<saml:AudienceRestriction><saml:Audience>{SP}</saml:Audience></saml:AudienceRestriction></saml:Conditions>",
    ),
    _said("valid-for-ever", conditions_end="9999-12-31T23:59:59.9999999Z"),
    _said("sign-in-at-the-identity-provider-ends-later", session_end=NOW + timedelta(hours=8)),
    Variant(
        "authenticated-after-the-demand",
        lambda: genuine(story=OTTO.at(authn_instant=NOW - timedelta(seconds=30))),
        around=Surroundings(authenticated_after=NOW),
    ),
    Variant(
        "fresh-second-factor-beside-an-old-password",
        lambda: genuine(
            story=OTTO.at(
                statement=statement(NOW - timedelta(hours=8), PASSWORD) + statement(NOW, SECOND_FACTOR)
            )
        ),
        around=Surroundings(authenticated_after=NOW, expected_context=(SECOND_FACTOR,)),
    ),
    _said("authenticated-this-morning", authn_instant=NOW - timedelta(hours=4)),
]

WRITING = [
    _styled("default-namespaces", _default_namespaces, "both"),
    _styled("prefixes-of-okta-and-shibboleth", _okta_prefixes, "both"),
    _styled("generated-prefixes", _generated_prefixes, "both"),
    _styled("pretty-printed", _pretty, "both"),
    _styled("pretty-printed-with-carriage-returns", lambda text: _pretty(text).replace("\n", "\r\n"), "both"),
    _changed(
        "comments-outside-anything-signed",
        lambda xml: f"<!-- a -->{swap(xml, '<samlp:Status>', '<!-- b --><samlp:Status>')}<!-- c -->",
    ),
    _changed("xml-declaration", lambda xml: f'<?xml version="1.0" encoding="UTF-8"?>\n{xml}'),
    _changed(
        "xml-declaration-in-small-letters",
        lambda xml: f"<?xml version='1.0' encoding='utf-8' standalone='yes'?>{xml}",
    ),
    _changed("byte-order-mark", lambda xml: b"\xef\xbb\xbf" + xml.encode()),
    _changed(
        "prefixes-declared-again-and-not-used",
        lambda xml: swap(xml, "<samlp:Status>", '<samlp:Status xmlns:unused="urn:x">'),
    ),
    _changed("white-space-around-the-response", lambda xml: f"{xml}\n\n"),
    _changed("character-references-for-plain-letters", lambda xml: swap(xml, "otto@", "&#111;tto@")),
    _changed("text-in-cdata", lambda xml: swap(xml, "otto@example.com", "<![CDATA[otto@example.com]]>")),
    _changed(
        "attributes-in-another-order",
        lambda xml: swap(xml, 'ID="_assertion" Version="2.0"', 'Version="2.0" ID="_assertion"'),
    ),
    _changed("single-quotes", lambda xml: xml.replace('"', "'"), "both"),
    Variant("base64-in-lines", lambda: base64.encodebytes(genuine().encode()).decode(), raw=True),
    Variant(
        "base64-in-lines-with-carriage-returns",
        lambda: base64.encodebytes(genuine().encode()).decode().replace("\n", "\r\n"),
        raw=True,
    ),
]

ENVELOPES = [
    _said("unsigned-response-without-an-issuer", response_issuer=None),
    _said("unsigned-response-without-a-destination", destination=None),
    _said(
        "success-with-a-message",
        status=f'<samlp:Status><samlp:StatusCode Value="{SUCCESS}"/>'
        "<samlp:StatusMessage>Welcome</samlp:StatusMessage></samlp:Status>",
    ),
    _said(
        "consent-and-other-attributes",
        response_version='2.0" Consent="urn:oasis:names:tc:SAML:2.0:consent:unspecified',
    ),
    _styled(
        "issuers-with-a-format",
        lambda text: text.replace(
            "<saml:Issuer>", '<saml:Issuer Format="urn:oasis:names:tc:SAML:2.0:nameid-format:entity">'
        ),
        "both",
    ),
]

CONTENT = [
    _said("two-audiences-one-of-them-us", audiences=(("urn:other", SP),)),
    _said("white-space-around-the-audience", audiences=((f"\n  {SP}\n",),)),
    _said("two-restrictions-that-both-name-us", audiences=((SP,), (SP, "urn:other"))),
    _said("one-time-use", extra_condition="<saml:OneTimeUse/>"),
    _said("proxy-restriction", extra_condition='<saml:ProxyRestriction Count="0"/>'),
    _said(
        "second-confirmation-is-the-one",
        confirmation='<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"/>'
        + _confirmation(""),
    ),
    _said("address-of-the-person", confirmation=_confirmation('Address="192.0.2.1"')),
    _said("confirmation-begins-now", confirmation=_confirmation(f'NotBefore="{instant(NOW)}"')),
    _said("no-session-index", statement=_statement(f'AuthnInstant="{instant(NOW)}"', _PASSWORD)),
    _said(
        "locality-and-authority",
        statement=f'<saml:AuthnStatement AuthnInstant="{instant(NOW)}" SessionIndex="x">'
        '<saml:SubjectLocality Address="192.0.2.1"/><saml:AuthnContext>'
        + _PASSWORD
        + f"<saml:AuthenticatingAuthority>{IDP}</saml:AuthenticatingAuthority></saml:AuthnContext></saml:AuthnStatement>",
    ),
    _said(
        "context-by-declaration",
        statement=_statement(
            f'AuthnInstant="{instant(NOW)}"', "<saml:AuthnContextDeclRef>urn:x</saml:AuthnContextDeclRef>"
        ),
    ),
    _said(
        "two-authentication-statements", statement=_statement(f'AuthnInstant="{instant(NOW)}"', _PASSWORD) * 2
    ),
    _named(
        "persistent-name-id",
        "0a1b",
        '<saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent" '
        f'NameQualifier="{IDP}" SPNameQualifier="{SP}">0a1b</saml:NameID>',
    ),
    _named(
        "name-id-beyond-ascii",
        "zoë.müller-łukasz@例え.jp",
        "<saml:NameID>zoë.müller-łukasz@例え.jp</saml:NameID>",
    ),
    _named(
        "name-id-with-markup-characters",
        "o'neill & <sons>",
        "<saml:NameID>o'neill &amp; &lt;sons></saml:NameID>",
    ),
    _named("windows-account-as-name-id", "CORP\\otto", "<saml:NameID>CORP\\otto</saml:NameID>"),
]

ATTRIBUTES = [
    _attributes(
        "attribute-repeated-for-each-value",
        _attribute(_value("dbs")) + _attribute(_value("staff")),
        groups=("dbs", "staff"),
    ),
    _attributes("attribute-without-values", _attribute(), groups=()),
    _attributes("attribute-with-an-empty-value", _attribute(_value("")), groups=("",)),
    _attributes("typed-value", _attribute(_value("dbs", f' {_XSI} xsi:type="xs:string"')), groups=("dbs",)),
    _attributes(
        "nil-value", _attribute(_value("", f' {_XSI} xsi:nil="true"'), _value("dbs")), groups=("dbs",)
    ),
    _attributes(
        "structured-value", _attribute(_value("<saml:NameID>x</saml:NameID>"), _value("dbs")), groups=("dbs",)
    ),
    _attributes(
        "values-beyond-ascii",
        _attribute(_value("Buchführung"), _value("経理")),
        groups=("Buchführung", "経理"),
    ),
    _attributes(
        "values-of-active-directory",
        _attribute(_value("CORP\\dbs"), _value("CN=dbs,OU=x,DC=y")),
        groups=("CORP\\dbs", "CN=dbs,OU=x,DC=y"),
    ),
    _attributes(
        "values-of-keycloak", _attribute(_value("/dbs"), _value("/dbs/eu")), groups=("/dbs", "/dbs/eu")
    ),
    _attributes(
        "value-with-markup-characters", _attribute(_value("r&amp;d &lt;eu&gt;")), groups=("r&d <eu>",)
    ),
    _attributes(
        "format-and-friendly-name",
        _attribute(_value("dbs"), more=f' NameFormat="{_FORMAT}uri" FriendlyName="isMemberOf"'),
        groups=("dbs",),
    ),
    _attributes(
        "many-groups",
        _attribute(*(_value(f"group-{n}") for n in range(150))),
        groups=tuple(f"group-{n}" for n in range(150)),
    ),
    _attributes(
        "two-statements",
        _attribute(_value("dbs"))
        + "</saml:AttributeStatement><saml:AttributeStatement>"
        + _attribute(_value("Otto"), name="cn"),
        groups=("dbs",),
        cn=("Otto",),
    ),
    Variant(
        "attributes-named-by-addresses",
        lambda: genuine(
            story=OTTO.at(
                attributes=(("http://schemas.microsoft.com/ws/2008/06/identity/claims/groups", ("dbs",)),)
            )
        ),
        attributes={"http://schemas.microsoft.com/ws/2008/06/identity/claims/groups": ("dbs",)},
    ),
    Variant("no-attributes", lambda: genuine(story=OTTO.at(attributes=())), attributes={}),
]

VARIANTS: list[Variant] = [*SIGNING, *TIMES, *WRITING, *ENVELOPES, *CONTENT, *ATTRIBUTES]
