"""The port to whom we trust. Signing in and signing out both ask it."""

from __future__ import annotations

from typing import Protocol

from awscons.saml.parties import IdentityProvider


class Trust(Protocol):
    """The identity provider, as it is trusted at the moment."""

    def current(self) -> IdentityProvider:
        """The identity provider. Raises MetadataRefused when nothing is known of it that still counts."""

    def after_unknown_key(self) -> IdentityProvider | None:
        """Look again because an answer has an unknown key; None when there are no other keys."""
