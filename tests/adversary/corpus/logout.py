"""Messages that would sign somebody out: forged, wrapped, late, for another, sent in another way.

The same attacks as on responses, since a message of another kind is where they were forgotten.
"""

from __future__ import annotations

import base64
import zlib
from datetime import timedelta
from urllib.parse import quote

from adversary.cases import NOW, SLO, Attack, Door, Surroundings, of_class
from adversary.craft import ATTACKER_SIGNS, IDP_SIGNS, genuine, inside, piece, swap
from support.forge import ACS, IDP, RSA_SHA256, SP, Forger, instant

_NO_KEY = "no trusted key made this signature"
_PLACE = "the Signature comes right after the Issuer"
_ONE = "exactly one Signature"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"

OTTO = "<saml:NameID>otto@example.com</saml:NameID>"
ADA = "<saml:NameID>ada@example.com</saml:NameID>"


def request(
    name_id: str = OTTO,
    *,
    message_id: str = "_logout",
    kind: str = "LogoutRequest",
    idp: str = IDP,
    destination: str | None = SLO,
    version: str = "2.0",
    issued_at: str | None = None,
    end: str | None = None,
) -> str:
    """A LogoutRequest; `{{response-signature}}` marks the signature's place."""
    attributes = "".join(
        f' {name}="{value}"'
        for name, value in {
            "ID": message_id,
            "Version": version,
            "IssueInstant": instant(NOW) if issued_at is None else issued_at,
            "Destination": destination,
            "NotOnOrAfter": end,
        }.items()
        if value is not None
    )
    return (
        f'<samlp:{kind} xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" '
        f'xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"{attributes}><saml:Issuer>{idp}</saml:Issuer>'
        f"{{{{response-signature}}}}{name_id}<samlp:SessionIndex>_index</samlp:SessionIndex></samlp:{kind}>"
    )


def signed(text: str = "", forger: Forger = IDP_SIGNS, *, message_id: str = "_logout") -> str:
    """The same, signed as it is posted."""
    return forger.sign(text or request(), "response", message_id)


def unsigned(text: str = "") -> str:
    """The same, without a signature."""
    return (text or request()).replace("{{response-signature}}", "")


def query(
    message: str = "",
    forger: Forger = IDP_SIGNS,
    *,
    relay_state: str | None = "handle",
    method: str = RSA_SHA256,
    deflate: bool = True,
) -> str:
    """The same, signed as it is sent in a query string."""
    data = (message or unsigned()).encode()
    if deflate:
        compressor = zlib.compressobj(wbits=-15)
        data = compressor.compress(data) + compressor.flush()
    text = f"SAMLRequest={_escaped(data)}"
    if relay_state is not None:
        text += f"&RelayState={quote(relay_state, safe='')}"
    text += f"&SigAlg={quote(method, safe='')}"
    return f"{text}&Signature={_escaped(forger._sign_bytes(text.encode()))}"


def _escaped(data: bytes) -> str:
    return quote(base64.b64encode(data), safe="")


def _without(text: str, parameter: str) -> str:
    return "&".join(part for part in text.split("&") if not part.startswith(f"{parameter}="))


def _parameter(text: str, name: str, value: str) -> str:
    """A query with another value of one parameter."""
    return "&".join(f"{name}={value}" if part.startswith(f"{name}=") else part for part in text.split("&"))


def _posted(name: str, rule: str, message: str, around: Surroundings | None = None) -> Attack:
    """A message, really signed, that says the wrong thing."""
    return Attack(name, rule, lambda: signed(message), around or Surroundings(), door=Door.LOGOUT_BY_POST)


def _wrapped(name: str, rule: str, xml: str) -> Attack:
    return Attack(name, rule, lambda: xml, door=Door.LOGOUT_BY_POST)


def _sent(name: str, rule: str, text: str) -> Attack:
    return Attack(name, rule, lambda: text, raw=True, door=Door.LOGOUT_BY_REDIRECT)


def _evil(signature: str = "", message_id: str = "_evil") -> str:
    """The attacker's own request that would sign Ada out."""
    return request(ADA, message_id=message_id).replace("{{response-signature}}", signature)


_SIGNED = signed()
_SIGNATURE = piece(_SIGNED, "ds:Signature")
_STRIPPED = _SIGNED.replace(_SIGNATURE, "")

POSTED = of_class(
    "logout by post",
    [
        _wrapped("logout-unsigned", _ONE, unsigned()),
        _wrapped("logout-by-the-attacker", _NO_KEY, signed(forger=ATTACKER_SIGNS)),
        _wrapped("logout-name-id-changed", "digest does not match", swap(_SIGNED, "otto@", "ada@")),
        _wrapped(
            "logout-session-index-taken-out",
            "digest does not match",
            swap(_SIGNED, "<samlp:SessionIndex>_index</samlp:SessionIndex>", ""),
        ),
        _wrapped("logout-by-sha1", "signature method", signed(forger=Forger(signature_hash="sha1"))),
        _wrapped(
            "logout-by-hmac", "signature method", signed(forger=Forger(signature_uri=_MORE + "hmac-sha256"))
        ),
        _wrapped(
            "logout-with-xpath",
            "transforms",
            signed(forger=Forger(transforms=("http://www.w3.org/TR/1999/REC-xpath-19991116",))),
        ),
        _wrapped("logout-reference-to-nothing", "reference", signed(forger=Forger(reference_uri=""))),
        _wrapped("logout-two-references", "children of SignedInfo", signed(forger=Forger(references=2))),
        _wrapped(
            "logout-xsw1-signed-one-in-the-signature",
            "children of the Signature",
            _evil(inside(_SIGNATURE, "</ds:Signature>", _STRIPPED)),
        ),
        _wrapped("logout-xsw2-signed-one-before-the-signature", _PLACE, _evil(_STRIPPED + _SIGNATURE)),
        _wrapped("logout-signed-one-behind", _PLACE, inside(_evil(), "</samlp:LogoutRequest>", _SIGNED)),
        _wrapped(
            "logout-signed-one-in-extensions",
            _PLACE,
            _evil(f"<samlp:Extensions>{_SIGNED}</samlp:Extensions>"),
        ),
        _wrapped(
            "logout-signed-one-in-an-object",
            "children of the Signature",
            _evil(inside(_SIGNATURE, "</ds:Signature>", f"<ds:Object>{_STRIPPED}</ds:Object>")),
        ),
        _wrapped(
            "logout-signed-one-with-an-equal-id",
            "ID not unique",
            inside(_evil(message_id="_logout"), "</samlp:LogoutRequest>", _SIGNED),
        ),
        _wrapped("logout-signature-of-another", "reference", _evil(_SIGNATURE)),
        _wrapped(
            "logout-signature-at-the-end", _PLACE, inside(_STRIPPED, "</samlp:LogoutRequest>", _SIGNATURE)
        ),
        _wrapped("logout-two-signatures", _ONE, swap(_SIGNED, _SIGNATURE, _SIGNATURE * 2)),
        _wrapped(
            "logout-comment-in-the-name-id",
            "comment, entity or processing instruction",
            swap(_SIGNED, "otto@", "otto<!---->@"),
        ),
        _wrapped("logout-doctype", "document type or entity", "<!DOCTYPE x>" + _SIGNED),
        _wrapped("logout-in-an-envelope", _PLACE, f"<x>{_SIGNED}</x>"),
        _wrapped("response-as-logout", "kind of message", genuine("response")),
        _wrapped("assertion-as-logout", "kind of message", piece(genuine(), "saml:Assertion")),
        _posted("logout-response-as-request", "kind of message", request(kind="LogoutResponse")),
        _posted("authn-request-as-logout", "kind of message", request(kind="AuthnRequest")),
        _posted("logout-of-another-identity-provider", "issuer", request(idp="https://evil.example.com/")),
        _posted("logout-of-nobody", "issuer", request(idp="")),
        _posted("logout-to-the-acs", "message destination", request(destination=ACS)),
        _posted("logout-to-our-entity-id", "message destination", request(destination=SP)),
        _posted("logout-to-nobody", "message destination", request(destination="")),
        _posted("logout-without-a-destination", "message destination", request(destination=None)),
        _posted("logout-of-saml-1.1", "version", request(version="1.1")),
        _posted("logout-expired", "expired", request(end=instant(NOW - timedelta(minutes=2)))),
        _posted(
            "logout-of-an-hour-ago",
            "message is not of now",
            request(issued_at=instant(NOW - timedelta(hours=1))),
        ),
        _posted(
            "logout-of-tomorrow", "message is not of now", request(issued_at=instant(NOW + timedelta(days=1)))
        ),
        _posted("logout-of-no-time", "instant", request(issued_at="now")),
        _posted("logout-without-a-time", "LogoutRequest without IssueInstant", request(issued_at="")),
        _posted("logout-of-no-name-id", "exactly one NameID", request("")),
        _posted("logout-of-two-name-ids", "exactly one NameID", request(OTTO + ADA)),
        _posted(
            "logout-of-a-name-id-with-an-element",
            "NameID must be text only",
            request("<saml:NameID>otto<saml:x/></saml:NameID>"),
        ),
    ],
)

REDIRECTED = of_class(
    "logout by redirect",
    [
        _sent("redirect-unsigned", "no signature", _without(_without(query(), "Signature"), "SigAlg")),
        _sent("redirect-without-a-signature", "no signature", _without(query(), "Signature")),
        _sent("redirect-without-a-method", "no signature", _without(query(), "SigAlg")),
        _sent("redirect-by-the-attacker", _NO_KEY, query(forger=ATTACKER_SIGNS)),
        _sent(
            "redirect-signed-inside-only",
            "no signature",
            f"SAMLRequest={query(_SIGNED).split('&')[0].partition('=')[2]}",
        ),
        _sent("redirect-signed-inside-and-around", "a second signature inside", query(_SIGNED)),
        _sent(
            "redirect-message-changed",
            _NO_KEY,
            _parameter(query(), "SAMLRequest", query(_evil()).split("&")[0].partition("=")[2]),
        ),
        _sent("redirect-relay-state-changed", _NO_KEY, _parameter(query(), "RelayState", "other")),
        _sent("redirect-relay-state-added", _NO_KEY, query(relay_state=None) + "&RelayState=x"),
        _sent("redirect-relay-state-taken-out", _NO_KEY, _without(query(), "RelayState")),
        _sent(
            "redirect-relay-state-in-other-escapes", _NO_KEY, _parameter(query(), "RelayState", "%68andle")
        ),
        _sent(
            "redirect-message-under-the-other-name", _NO_KEY, query().replace("SAMLRequest=", "SAMLResponse=")
        ),
        _sent(
            "redirect-both-names",
            "message missing",
            query() + "&SAMLResponse=" + query().split("&")[0].partition("=")[2],
        ),
        _sent("redirect-no-message", "message missing", _without(query(), "SAMLRequest")),
        _sent("redirect-message-twice", "parameter twice", query() + "&" + query(_evil()).split("&")[0]),
        _sent(
            "redirect-message-twice-first", "parameter twice", query(_evil()).split("&")[0] + "&" + query()
        ),
        _sent("redirect-signature-twice", "parameter twice", query() + "&Signature=AAAA"),
        _sent(
            "redirect-method-changed",
            _NO_KEY,
            _parameter(query(), "SigAlg", quote(_MORE + "rsa-sha512", safe="")),
        ),
        _sent(
            "redirect-by-sha1", "signature method", query(method="http://www.w3.org/2000/09/xmldsig#rsa-sha1")
        ),
        _sent("redirect-by-hmac", "signature method", query(method=_MORE + "hmac-sha256")),
        _sent("redirect-in-another-encoding", "message encoding", query() + "&SAMLEncoding=urn:none"),
        _sent("redirect-not-deflated", "message cannot be inflated", query(deflate=False)),
        _sent("redirect-not-base64", "not base64", _parameter(query(), "SAMLRequest", "%23%23%23%23")),
        _sent("redirect-inflates-without-end", "message too large", query(unsigned() + " " * 5_000_000)),
        _sent("redirect-doctype", "document type or entity", query("<!DOCTYPE x>" + unsigned())),
        _sent(
            "redirect-comment-in-the-name-id-by-the-attacker",
            _NO_KEY,
            query(unsigned().replace("otto@", "otto<!---->@"), ATTACKER_SIGNS),
        ),
        _sent("redirect-to-the-acs", "message destination", query(unsigned(request(destination=ACS)))),
        _sent(
            "redirect-of-another-identity-provider",
            "issuer",
            query(unsigned(request(idp="https://evil.example.com/"))),
        ),
        _sent(
            "redirect-of-an-hour-ago",
            "message is not of now",
            query(unsigned(request(issued_at=instant(NOW - timedelta(hours=1))))),
        ),
        _sent("redirect-response-as-request", "kind of message", query(genuine("nothing"))),
        _sent(
            "redirect-of-two-issuers",
            "issuer",
            query(
                unsigned().replace(
                    "<saml:Issuer>", "<saml:Issuer>https://evil.example.com/</saml:Issuer><saml:Issuer>", 1
                )
            ),
        ),
    ],
)

ATTACKS = [*POSTED, *REDIRECTED]
VARIANTS: dict[str, tuple[Door, str]] = {
    "signed": (Door.LOGOUT_BY_POST, signed()),
    "signed-with-an-elliptic-key": (Door.LOGOUT_BY_POST, signed(forger=Forger("ec-idp"))),
    "signed-with-a-prefix-list": (Door.LOGOUT_BY_POST, signed(forger=Forger(prefix_list="saml"))),
    "signed-with-key-info": (
        Door.LOGOUT_BY_POST,
        signed(forger=Forger(key_info="<ds:KeyName>x</ds:KeyName>")),
    ),
    "with-an-extension": (
        Door.LOGOUT_BY_POST,
        signed(
            request(
                '<samlp:Extensions><aslo:Asynchronous xmlns:aslo="urn:oasis:names:tc:SAML:2.0:protocol:ext:async-slo"/>'
                f"</samlp:Extensions>{OTTO}"
            )
        ),
    ),
    "ends-later": (Door.LOGOUT_BY_POST, signed(request(end=instant(NOW + timedelta(minutes=5))))),
    "a-minute-early": (Door.LOGOUT_BY_POST, signed(request(issued_at=instant(NOW + timedelta(seconds=59))))),
    "ten-minutes-late": (
        Door.LOGOUT_BY_POST,
        signed(request(issued_at=instant(NOW - timedelta(minutes=10)))),
    ),
    "redirected": (Door.LOGOUT_BY_REDIRECT, query()),
    "redirected-without-a-relay-state": (Door.LOGOUT_BY_REDIRECT, query(relay_state=None)),
    "redirected-with-an-empty-relay-state": (Door.LOGOUT_BY_REDIRECT, query(relay_state="")),
    "redirected-with-something-beside": (Door.LOGOUT_BY_REDIRECT, query() + "&utm_source=x"),
    "redirected-with-the-encoding": (
        Door.LOGOUT_BY_REDIRECT,
        query() + "&SAMLEncoding=urn%3Aoasis%3Anames%3Atc%3ASAML%3A2.0%3Abindings%3AURL-Encoding%3ADEFLATE",
    ),
}
"""Requests that must be read, all of them for Otto: where they come in, and the XML or the query."""
