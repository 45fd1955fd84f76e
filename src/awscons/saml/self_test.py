"""Verifies a sample response, and refuses a changed copy of it, before the first person signs in.

A library that cannot load its files, or reads text in the locale's encoding, shows here, and not as a refused sign-in.
The key that signed the sample was thrown away; no service trusts it.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from importlib.resources import files

from awscons.errors import ResponseRefused, SelfTestFailed
from awscons.saml.certificates import load_pem_certificates
from awscons.saml.parties import IdentityProvider, ServiceProvider
from awscons.saml.response import open_envelope, verify_envelope

_HOST = "https://self-test.example"
_SERVICE_PROVIDER = ServiceProvider(f"{_HOST}/sp", f"{_HOST}/saml/acs")
_REQUEST_ID = "_request"
_SIGNED_AT = datetime(2026, 1, 1, tzinfo=UTC)
_GROUP = b"admins"


def run_self_test() -> None:
    """Raise SelfTestFailed unless both verifiers accept the sample, and the changed copy is refused."""
    try:
        sample = files("awscons.saml").joinpath("sample")
        document = sample.joinpath("response.xml").read_bytes()
        pem = sample.joinpath("certificate.pem").read_text(encoding="ascii")
        provider = IdentityProvider(f"{_HOST}/idp", f"{_HOST}/sso", load_pem_certificates(pem))
        _verify(document, provider)
    except Exception as error:
        raise SelfTestFailed(
            f"the signature of a sample response cannot be verified: {type(error).__name__}",
            hint="install the locked requirements again; `awscons check` repeats the test",
        ) from error
    try:
        _verify(document.replace(_GROUP, _GROUP[::-1]), provider)
    except ResponseRefused:
        return
    raise SelfTestFailed(
        "a changed sample response is accepted", hint="do not use this installation; install it again"
    )


def _verify(document: bytes, provider: IdentityProvider) -> None:
    verify_envelope(
        open_envelope(base64.b64encode(document).decode("ascii")),
        service_provider=_SERVICE_PROVIDER,
        identity_provider=provider,
        expected_request_id=_REQUEST_ID,
        now=_SIGNED_AT,
    )
