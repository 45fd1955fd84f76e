"""The port to whom we trust, and the one way to verify by it. Signing in and signing out both ask it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from awscons.errors import ResponseRefused
from awscons.saml.algorithms import UNKNOWN_KEY
from awscons.saml.parties import IdentityProvider

_Verified = TypeVar("_Verified")


class IdpTrust(Protocol):
    """The identity provider, as it is trusted at the moment."""

    def current(self) -> IdentityProvider:
        """The identity provider. Raises MetadataRefused when nothing is known of it that still counts."""

    def after_unknown_key(self) -> IdentityProvider | None:
        """Look again because an answer has an unknown key; None when there are no other keys."""


def verify_with_newest_keys(trust: IdpTrust, verify: Callable[[IdentityProvider], _Verified]) -> _Verified:
    """What `verify` gives; with newer keys, where the ones that we know have not signed.

    Raises whatever `verify` raises, and MetadataRefused.
    """
    try:
        return verify(trust.current())
    except ResponseRefused as error:
        newer = trust.after_unknown_key() if error.rule == UNKNOWN_KEY else None
        if newer is None:
            raise
        return verify(newer)
