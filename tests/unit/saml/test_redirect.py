"""Messages in a query string: signatures over the very text that was sent."""

import base64
import zlib
from urllib.parse import quote, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from awscons.errors import ResponseRefused
from awscons.saml.parties import KeyPair
from awscons.saml.redirect import RedirectMessage, build_redirect_url, read_redirect, verify_redirect
from support.forge import RSA_SHA256, certificate_of, key_named

MESSAGE = b"<samlp:LogoutRequest/>"
ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"


def deflated(message: bytes = MESSAGE) -> str:
    compressor = zlib.compressobj(wbits=-15)
    return base64.b64encode(compressor.compress(message) + compressor.flush()).decode()


def signed_query(
    key_name: str = "idp", *, method: str = RSA_SHA256, lower_case: bool = False, relay_state: str = "r&/~"
) -> str:
    """A query as a foreign implementation writes it, with escapes of its own kind."""

    def escaped(text: str) -> str:
        once = quote(text, safe="")
        return once.replace("%2F", "%2f").replace("%3D", "%3d").replace("%2B", "%2b") if lower_case else once

    query = f"SAMLRequest={escaped(deflated())}&RelayState={escaped(relay_state)}&SigAlg={escaped(method)}"
    key = key_named(key_name)
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(query.encode(), padding.PKCS1v15(), hashes.SHA256())
    else:
        signature = key.sign(query.encode(), ec.ECDSA(hashes.SHA256()))
    return f"{query}&Signature={escaped(base64.b64encode(signature).decode())}"


def verified(query: str, *signers: str) -> RedirectMessage:
    message = read_redirect(query)
    verify_redirect(message, tuple(map(certificate_of, signers or ("idp",))))
    return message


def refused_rule(query: str) -> str:
    with pytest.raises(ResponseRefused) as caught:
        verified(query)
    return caught.value.rule


@pytest.mark.parametrize("lower_case", [False, True])
def test_a_signed_message_is_read_however_its_signer_writes_escapes(lower_case: bool) -> None:  # noqa: FBT001
    message = verified(signed_query(lower_case=lower_case))
    assert (message.kind, message.document, message.relay_state) == ("SAMLRequest", MESSAGE, "r&/~")


def test_elliptic_keys_and_any_place_in_the_list_will_do() -> None:
    assert verified(signed_query("ec-idp", method=ECDSA_SHA256), "next", "ec-idp").document == MESSAGE


def test_what_we_sign_verifies_and_keeps_the_query_of_the_address() -> None:
    key = key_named("sp")
    assert isinstance(key, rsa.RSAPrivateKey)
    url = build_redirect_url(
        "https://idp.example.com/slo?tenant=1",
        kind="SAMLRequest",
        message=MESSAGE,
        relay_state="handle",
        signing=KeyPair(certificate_of("sp"), key),
    )
    query = urlsplit(url).query
    assert query.startswith("tenant=1&SAMLRequest=")
    assert verified(query, "sp").relay_state == "handle"


@pytest.mark.parametrize(
    ("query", "rule"),
    [
        ("", "message missing"),
        ("RelayState=x", "message missing"),
        ("SAMLRequest=a&SAMLResponse=b", "message missing"),
        (f"{signed_query()}&SAMLRequest=x", "parameter twice"),
        (f"{signed_query()}&RelayState=x", "parameter twice"),
        (f"SAMLRequest={quote(deflated())}", "no signature"),
        (f"SAMLRequest={quote(deflated())}&SigAlg={quote(RSA_SHA256)}", "no signature"),
        (signed_query("attacker"), "no trusted key made this signature"),
        (signed_query().replace("RelayState=r", "RelayState=s"), "no trusted key made this signature"),
        (signed_query(method="http://www.w3.org/2000/09/xmldsig#rsa-sha1"), "signature method"),
        (signed_query(method="http://www.w3.org/2000/09/xmldsig#hmac-sha1"), "signature method"),
        (signed_query(method=ECDSA_SHA256), "no trusted key made this signature"),
        ("SAMLRequest=%%%", "not base64"),
        (signed_query().replace("RelayState=r", "RelayState=ü"), "query is not ASCII"),
        ("SAMLRequest=QUJD", "message cannot be inflated"),
        (f"SAMLRequest={quote(deflated())}&SAMLEncoding=urn%3Ax", "message encoding"),
        (f"SAMLRequest={'A' * 400_000}", "message too large"),
        (f"SAMLRequest={quote(deflated(b'a' * 3_000_000))}", "message too large"),
    ],
)
def test_everything_else_is_refused_by_name(query: str, rule: str) -> None:
    assert refused_rule(query) == rule
