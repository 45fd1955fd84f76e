"""Messages in a query string: signatures over the very text that was sent."""

import base64
import re
import zlib
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from awscons.errors import ResponseRefused
from awscons.saml.input_limits import LOGOUT_LIMITS
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


# --- sizes -------------------------------------------------------------------------------


def read_parameter(text: str) -> bytes:
    return read_redirect(f"SAMLRequest={quote(text, safe='')}").document


def test_the_written_message_may_be_exactly_as_long_as_its_limit() -> None:
    """White space counts as well, and base64 may hold it."""
    longest = deflated().ljust(LOGOUT_LIMITS.max_form_bytes)
    assert read_parameter(longest) == MESSAGE
    with pytest.raises(ResponseRefused) as caught:
        read_parameter(f"{longest} ")
    assert (caught.value.rule, caught.value.received) == ("message too large", "'262145'")


def test_the_inflated_message_may_be_exactly_as_long_as_its_limit() -> None:
    longest = b"a" * LOGOUT_LIMITS.max_bytes
    assert read_parameter(deflated(longest)) == longest
    with pytest.raises(ResponseRefused) as caught:
        read_parameter(deflated(longest + b"a"))
    assert (caught.value.rule, caught.value.expected) == ("message too large", "'at most 196,608 bytes'")


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"x", lambda _: b""])
def test_a_message_that_is_cut_or_goes_on_behind_its_end_is_refused(change: Callable[[bytes], bytes]) -> None:
    changed = base64.b64encode(change(base64.b64decode(deflated()))).decode()
    with pytest.raises(ResponseRefused) as caught:
        read_parameter(changed)
    assert caught.value.rule == "message cannot be inflated"


# --- parameters --------------------------------------------------------------------------


def test_base64_may_be_written_without_escapes() -> None:
    text = next(text for length in range(9) if "=" in (text := deflated(b"a" * length)))
    assert read_redirect(f"SAMLResponse={text}").kind == "SAMLResponse"


def test_an_unsigned_message_without_a_relay_state_has_nothing_in_their_places() -> None:
    message = read_redirect(f"SAMLResponse={quote(deflated())}")
    assert message == RedirectMessage("SAMLResponse", MESSAGE, "", None, "", b"")


@pytest.mark.parametrize("relay_state", [None, "", "a b&c"])
def test_the_signed_part_is_in_the_order_of_the_standard_and_as_it_was_sent(relay_state: str | None) -> None:
    state = [] if relay_state is None else [f"RelayState={quote_plus(relay_state)}"]
    signed = [f"SAMLResponse={quote(deflated(), safe='')}", *state, "SigAlg=urn%3aa"]
    message = read_redirect("&".join(["Signature=QUJD", *reversed(signed), "other=1"]))
    assert message.signed_part == "&".join(signed).encode()
    assert (message.signature_method, message.signature) == ("urn:a", b"ABC")
    assert message.relay_state == (relay_state or "")


@pytest.mark.parametrize(
    "encoding", ["", "DEFLATE", "urn%3Aoasis%3Anames%3Atc%3ASAML%3A2.0%3Abindings%3Anone"]
)
def test_every_other_encoding_is_refused(encoding: str) -> None:
    assert refused_rule(f"SAMLRequest={quote(deflated())}&SAMLEncoding={encoding}") == "message encoding"


@pytest.mark.parametrize("signature", ["#", "%23", "QUJD%0b"])
def test_a_signature_that_is_no_base64_is_refused_with_its_section(signature: str) -> None:
    with pytest.raises(ResponseRefused) as caught:
        read_redirect(f"SAMLRequest={quote(deflated())}&SigAlg=x&Signature={signature}")
    assert (caught.value.rule, caught.value.section) == ("not base64", "SAML bindings 3.4.4.1")


def test_a_message_that_is_no_base64_is_refused_with_its_section() -> None:
    with pytest.raises(ResponseRefused) as caught:
        read_parameter("#")
    assert (caught.value.rule, caught.value.section) == ("not base64", "SAML bindings 3.4.4.1")


# --- ours --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "before"),
    [("https://idp.example.com/slo", ""), ("https://idp.example.com/slo?a=%2F&b", "a=%2F&b&")],
)
@pytest.mark.parametrize("relay_state", ["", "a b/c"])
def test_an_unsigned_message_is_written_behind_the_query_of_the_url(
    url: str, before: str, relay_state: str
) -> None:
    written = build_redirect_url(url, kind="SAMLResponse", message=MESSAGE, relay_state=relay_state)
    behind = "&RelayState=a+b%2Fc" if relay_state else ""
    message = re.escape(f"{url.partition('?')[0]}?{before}SAMLResponse=") + "[^&]+" + re.escape(behind)
    assert re.fullmatch(message, written)
    assert read_redirect(urlsplit(written).query.removeprefix(before)).document == MESSAGE


def test_what_we_sign_is_signed_with_rsa_sha256() -> None:
    key = key_named("sp")
    assert isinstance(key, rsa.RSAPrivateKey)
    url = build_redirect_url(
        "https://idp.example.com/slo",
        kind="SAMLRequest",
        message=MESSAGE,
        relay_state="",
        signing=KeyPair(certificate_of("sp"), key),
    )
    message = read_redirect(urlsplit(url).query)
    assert message.signature_method == RSA_SHA256
    assert message.signed_part is not None
    key.public_key().verify(message.signature, message.signed_part, padding.PKCS1v15(), hashes.SHA256())
