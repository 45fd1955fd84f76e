"""The HTTP-Redirect binding (SAML bindings 3.4): messages in a query string, and signatures over it.

A signature covers the query exactly as it was sent, with its percent encoding and letter case. So the raw
query is split here, and the signed bytes are joined from the raw parts: decoding and encoding again could give
other bytes.
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from urllib.parse import quote_plus, unquote_plus, urlsplit, urlunsplit

from cryptography.x509 import Certificate

from awscons.errors import ResponseRefused
from awscons.saml import names
from awscons.saml.algorithms import UNKNOWN_KEY, check_signature_method, key_signed
from awscons.saml.input_limits import LOGOUT_LIMITS, decode_base64
from awscons.saml.parties import Signer

_BINDING = "SAML bindings 3.4.4.1"


@dataclass(frozen=True, slots=True)
class RedirectMessage:
    """A message from a query string, not verified.

    kind         `SAMLRequest` or `SAMLResponse`
    document     the XML, inflated
    signed_part  the bytes that the signature covers; None when there is no signature
    """

    kind: str
    document: bytes
    relay_state: str
    signed_part: bytes | None
    signature_method: str
    signature: bytes


def build_redirect_url(
    url: str, *, kind: str, message: bytes, relay_state: str, signing: Signer | None = None
) -> str:
    """The URL that carries a message, DEFLATE encoded, and signed where there is a key.

    kind          `SAMLRequest` or `SAMLResponse`
    relay_state   an opaque handle of at most 80 bytes (SAML bindings 3.4.3); "" leaves it out
    A query that `url` already has comes first.
    """
    # Negative window bits: a raw DEFLATE stream without zlib's header and checksum (RFC 1951).
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    deflated = compressor.compress(message) + compressor.flush()
    query = f"{kind}={quote_plus(base64.b64encode(deflated))}"
    if relay_state:
        query += f"&RelayState={quote_plus(relay_state)}"
    if signing is not None:
        query += f"&SigAlg={quote_plus(names.RSA_SHA256)}"
        signature = signing.sign(query.encode("ascii"))
        query += f"&Signature={quote_plus(base64.b64encode(signature))}"
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=f"{parts.query}&{query}" if parts.query else query))


def read_redirect(query: str) -> RedirectMessage:
    """The message in a raw query string, as it stood in the request line.

    Raises ResponseRefused when there is none, or two, or a parameter twice, or it cannot be unpacked.
    """
    raw = _raw_parameters(query)
    kinds = [kind for kind in ("SAMLRequest", "SAMLResponse") if kind in raw]
    if len(kinds) != 1:
        raise ResponseRefused("message missing", section=_BINDING, received=sorted(raw))
    (kind,) = kinds
    encoding = unquote_plus(raw.get("SAMLEncoding", names.DEFLATE))
    if encoding != names.DEFLATE:
        raise ResponseRefused("message encoding", section=_BINDING, received=encoding)
    signed_part = None
    if "SigAlg" in raw and "Signature" in raw:
        # In the order of the standard, which may differ from that of the query.
        names_signed = [name for name in (kind, "RelayState", "SigAlg") if name in raw]
        signed_part = _ascii("&".join(f"{name}={raw[name]}" for name in names_signed))
    return RedirectMessage(
        kind=kind,
        document=_inflate(unquote_plus(raw[kind])),
        relay_state=unquote_plus(raw.get("RelayState", "")),
        signed_part=signed_part,
        signature_method=unquote_plus(raw.get("SigAlg", "")),
        signature=decode_base64(unquote_plus(raw.get("Signature", "")), section=_BINDING),
    )


def verify_redirect(message: RedirectMessage, certificates: tuple[Certificate, ...]) -> None:
    """Check that one of the trusted keys signed the message's query string.

    Raises ResponseRefused when there is no signature, its method is not of the profile, or no trusted
    key made it.
    """
    if message.signed_part is None:
        raise ResponseRefused("no signature", section=_BINDING)
    check_signature_method(message.signature_method)
    # ECDSA in DER, unlike in XML signatures: the binding names no format, and implementations use DER.
    if not any(
        key_signed(
            certificate,
            method=message.signature_method,
            signature=message.signature,
            data=message.signed_part,
        )
        for certificate in certificates
    ):
        raise ResponseRefused(UNKNOWN_KEY, section=_BINDING)


def _ascii(query: str) -> bytes:
    """RFC 3986: a query is ASCII; other characters are percent-encoded."""
    try:
        return query.encode("ascii")
    except UnicodeEncodeError:
        raise ResponseRefused("query is not ASCII", section=_BINDING) from None


def _raw_parameters(query: str) -> dict[str, str]:
    """The parameters of a query, not decoded. A repeated one is refused: two readers could pick different ones."""
    raw: dict[str, str] = {}
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if name in raw:
            raise ResponseRefused("parameter twice", section=_BINDING, received=name)
        raw[name] = value
    return raw


def _inflate(text: str) -> bytes:
    """The inflated message, of at most LOGOUT_LIMITS; a small message could inflate to gigabytes."""
    max_bytes = LOGOUT_LIMITS.max_bytes
    if len(text) > LOGOUT_LIMITS.max_form_bytes:
        raise ResponseRefused("message too large", section=_BINDING, received=len(text))
    try:
        inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
        document = inflater.decompress(decode_base64(text, section=_BINDING), max_bytes + 1)
    except zlib.error:
        raise ResponseRefused("message cannot be inflated", section=_BINDING) from None
    if len(document) > max_bytes:
        raise ResponseRefused("message too large", section=_BINDING, expected=f"at most {max_bytes:,} bytes")
    if not inflater.eof or inflater.unused_data:
        raise ResponseRefused("message cannot be inflated", section=_BINDING)
    return document
