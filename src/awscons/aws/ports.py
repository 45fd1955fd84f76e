"""The broker's ports to STS and to the federation endpoint. No library appears here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from awscons.aws.durations import CredentialKind
from awscons.aws.role_credentials import RoleCredentials, SigninToken
from awscons.aws.role_request import RoleRequest


@dataclass(frozen=True, slots=True)
class StsRoute:
    """Whose credentials STS is asked with, and where. `endpoint` None: the region's own."""

    profile_name: str | None
    region: str
    endpoint: str | None


class RoleAssumer(Protocol):
    """The port to STS. Its methods raise UpstreamError, never anything of a library.

    seconds_left   of the sign-in: neither credentials nor an answer are waited for any longer
    """

    def configured_region(self, profile_name: str | None) -> str | None:
        """The region that the broker's own AWS configuration names, or None."""

    def principal_arn(self, route: StsRoute, *, seconds_left: float) -> str:
        """Who the broker is to AWS; asks STS."""

    def prepare(self, route: StsRoute) -> None:
        """Make what the first call by `route` needs, without a call."""

    def credential_kind(self, route: StsRoute, *, seconds_left: float) -> CredentialKind:
        """What kind of credentials the broker asks with; may ask STS."""

    def renew_credentials(self, profile_name: str | None, *, seconds_left: float) -> bool:
        """Load credentials again after STS refused them; whether there are other ones now."""

    def assume_role(
        self, request: RoleRequest, route: StsRoute, *, role_session_duration: int, seconds_left: float
    ) -> RoleCredentials:
        """AssumeRole; the duration in seconds."""


class SigninTokens(Protocol):
    """The port to the federation endpoint. Raises UpstreamError, never anything of a library."""

    def prepare(self, endpoint: str, *, profile_name: str | None) -> None:
        """Make what the first call to `endpoint` needs, without a call."""

    def signin_token(
        self,
        endpoint: str,
        credentials: RoleCredentials,
        *,
        profile_name: str | None,
        method: str,
        console_session_duration: int | None,
        seconds_left: float,
    ) -> SigninToken:
        """The sign-in token for `credentials`, by POST or GET; the duration in seconds, or None for none.

        profile_name   whose AWS configuration names the certificates to trust
        """
