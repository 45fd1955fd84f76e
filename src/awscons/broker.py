"""Turning an identity and a target into a console URL. A use case, with its two ports to AWS.

    AssumeRole            → RoleCredentials
    getSigninToken        → SigninToken
    our own table of hosts → ConsoleUrl

The role comes from the configuration alone; nothing of a request ever reaches an ARN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from awscons.config.settings import AwsSettings
from awscons.console import (
    PARTITIONS,
    Landing,
    build_console_url,
    check_landing,
    choose_destination,
    federation_endpoint,
    region_for,
)
from awscons.credentials import ConsoleUrl, RoleCredentials, SigninToken
from awscons.durations import (
    CredentialKind,
    Durations,
    choose_durations,
    without_console_session_duration,
)
from awscons.errors import UpstreamRefused
from awscons.identity import Identity
from awscons.role_session import legal_role_session_name
from awscons.targets import RoleArn, Target


class RoleAssumer(Protocol):
    """The port to STS. Its methods raise UpstreamError, never anything of a library."""

    def configured_region(self) -> str | None:
        """The region that the broker's own AWS configuration names, or None."""

    def credential_kind(self) -> CredentialKind:
        """What kind of credentials the broker asks with."""

    def assume_role(
        self, role: RoleArn, *, region: str, role_session_name: str, role_session_duration: int
    ) -> RoleCredentials:
        """AssumeRole, at the STS endpoint of `region`; the duration in seconds."""


class SigninTokens(Protocol):
    """The port to the federation endpoint. Raises UpstreamError, never anything of a library."""

    def signin_token(
        self, endpoint: str, credentials: RoleCredentials, *, console_session_duration: int | None
    ) -> SigninToken:
        """The sign-in token for `credentials`; the duration in seconds, or None to leave it out."""


@dataclass(frozen=True, slots=True)
class OpenedConsole:
    """A console that was opened: the URL for the person, the rest for the audit log."""

    url: ConsoleUrl
    credentials: RoleCredentials
    role_session_name: str
    durations: Durations
    endpoint: str
    destination: str


class Broker:
    """Opens consoles."""

    def __init__(self, *, roles: RoleAssumer, signin_tokens: SigninTokens, settings: AwsSettings) -> None:
        self._roles = roles
        self._signin_tokens = signin_tokens
        self._settings = settings

    def open_console(
        self, target: Target, identity: Identity, *, asked: Landing, relogin_url: str
    ) -> OpenedConsole:
        """The console of `target` for `identity`, whose access was decided before.

        asked         where the link wants to land; not checked yet
        relogin_url   our own URL of the same link: where AWS sends people whose console ended
        Raises LandingRefused, UpstreamError.
        """
        partition = PARTITIONS[target.role.partition]
        check_landing(asked, partition)
        region = region_for(partition, target.region or self._roles.configured_region())
        endpoint = self._settings.signin_endpoint or federation_endpoint(partition, region)
        destination = choose_destination(
            asked,
            Landing(target.region, target.console_destination),
            partition=partition,
            region=asked.region or region,
        )
        name = legal_role_session_name(identity.user_name)
        durations = choose_durations(target.duration, self._roles.credential_kind())
        credentials = self._roles.assume_role(
            target.role,
            region=region,
            role_session_name=name,
            role_session_duration=durations.role_session_duration,
        )
        signin_token, durations = self._signin_token(endpoint, credentials, durations)
        url = build_console_url(
            endpoint,
            signin_token=signin_token,
            relogin_url=relogin_url,
            console_destination=destination,
        )
        return OpenedConsole(url, credentials, name, durations, endpoint, destination)

    def _signin_token(
        self, endpoint: str, credentials: RoleCredentials, durations: Durations
    ) -> tuple[SigninToken, Durations]:
        """The token, and the durations that were really asked for.

        A bare 400 with SessionDuration set is how the endpoint refuses that parameter; once without
        it, a shorter console is better than none.
        """
        try:
            token = self._signin_tokens.signin_token(
                endpoint, credentials, console_session_duration=durations.console_session_duration
            )
        except UpstreamRefused as error:
            if error.code != "HTTP 400" or durations.console_session_duration is None:
                raise
            durations = without_console_session_duration(durations)
            token = self._signin_tokens.signin_token(endpoint, credentials, console_session_duration=None)
        return token, durations
