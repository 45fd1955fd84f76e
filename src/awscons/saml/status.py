"""What an identity provider says in place of an assertion: the status codes, and what an operator can do.

Anybody can post a status to the ACS, so a status decides nothing but the words of a page.
"""

from __future__ import annotations

from awscons.errors import IdpDeclined
from awscons.saml import names
from awscons.saml.xml import Element, only_child

_STATUS_PREFIX = "urn:oasis:names:tc:SAML:2.0:status:"
_KEYCLOAK_EXPIRED = "authentication_expired"
"""Keycloak's StatusMessage when the person took too long, or finished the sign-in in another tab."""

_ITS_LOG = "the identity provider refused the sign-in; its own log says why"
_REGISTRATION = (
    "the identity provider did not accept our AuthnRequest: compare `spid`, `acs_url` and `sign_requests` with what "
    "it has registered"
)
_UPSTREAM = "the identity provider passes sign-ins on to another one, and cannot reach it"
_HINTS = {
    "AuthnFailed": _ITS_LOG,
    "RequestDenied": "the person, or one of their groups, must be allowed to use this application there",
    "UnknownPrincipal": "the identity provider does not know this person; its own log says who it was",
    "NoAuthnContext": "the identity provider cannot meet `authn_context` of the configuration or of the target",
    "NoPassive": "the identity provider must be allowed to show its own pages; this service never forbids it",
    "InvalidNameIDPolicy": "the identity provider cannot send this `name_id_format`; leave it out, or another one",
    "NoAvailableIDP": _UPSTREAM,
    "NoSupportedIDP": _UPSTREAM,
    "ProxyCountExceeded": _UPSTREAM,
    "Requester": _REGISTRATION,
    "InvalidAttrNameOrValue": _REGISTRATION,
    "RequestUnsupported": _REGISTRATION,
    "ResourceNotRecognized": _REGISTRATION,
    "UnknownAttrProfile": _REGISTRATION,
    "UnsupportedBinding": "the identity provider supports another `authn_request_binding`, or cannot post to the ACS",
    "RequestVersionDeprecated": _REGISTRATION,
    "RequestVersionTooHigh": _REGISTRATION,
    "RequestVersionTooLow": _REGISTRATION,
    "TooManyResponses": _ITS_LOG,
    "PartialLogout": _ITS_LOG,
    "Responder": _ITS_LOG,
    "VersionMismatch": _REGISTRATION,
}
"""Every code of SAML core 3.2.2.2 but Success."""


def check_status(status: Element) -> None:
    """Raise IdpDeclined for a status other than Success (SAML core 3.2.2.1: the top-level code decides).

    The nested code says more than the top-level one, so it names the error if the standard knows it.
    """
    top = only_child(status, names.STATUS_CODE, section="SAML core 3.2.2.1")
    if top.get("Value") == names.SUCCESS:
        return
    codes = [element.get("Value", "") for element in status.iter(names.STATUS_CODE)]
    messages = [element.text or "" for element in status.iter(names.STATUS_MESSAGE)]
    known = [
        code.removeprefix(_STATUS_PREFIX) for code in codes if code.removeprefix(_STATUS_PREFIX) in _HINTS
    ]
    deepest = known[-1] if known else "Responder"
    raise IdpDeclined(
        deepest,
        received=" ".join(codes + messages),
        hint=_HINTS[deepest],
        expired=any(message.strip() == _KEYCLOAK_EXPIRED for message in messages),
    )
