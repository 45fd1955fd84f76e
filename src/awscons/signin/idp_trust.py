"""The port to the identity provider's keys, and how a message is verified with them.

Sign-in and single logout both use it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from awscons.errors import ResponseRefused
from awscons.saml.algorithms import UNKNOWN_KEY
from awscons.saml.parties import IdentityProvider

_Verified = TypeVar("_Verified")


class IdpTrust(Protocol):
    """The identity provider with the keys that are trusted now."""

    def current(self) -> IdentityProvider:
        """The identity provider. Raises MetadataRefused when its metadata has expired."""

    def after_unknown_key(self) -> IdentityProvider | None:
        """Load the metadata again after an unknown key; None when it brings no new key."""


def verify_with_newest_keys(trust: IdpTrust, verify: Callable[[IdentityProvider], _Verified]) -> _Verified:
    """The result of `verify`. When no known key made the signature, it is tried again with newer keys.

    Raises MetadataRefused, and the errors of `verify`.
    """
    try:
        return verify(trust.current())
    except ResponseRefused as error:
        newer = trust.after_unknown_key() if error.rule == UNKNOWN_KEY else None
        if newer is None:
            raise
        return verify(newer)
