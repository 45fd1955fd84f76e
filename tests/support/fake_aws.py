"""STS and the federation endpoint at the broker's ports: they keep the rules of AWS that a test chooses, and record calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from awscons.access.identity import Identity, Login
from awscons.aws.broker import Broker
from awscons.aws.durations import CredentialKind
from awscons.aws.partitions import PARTITIONS
from awscons.aws.ports import StsRoute
from awscons.aws.role_credentials import RoleCredentials, SigninToken
from awscons.aws.role_request import RoleRequest
from awscons.aws.settings import AwsSettings, PartitionSettings
from awscons.errors import RoleSessionTooLong, SigninRefused, UpstreamError
from support.clock import MovableClock

NEAR, FAR = "eu-west-1", "us-east-1"
NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)

SETTINGS = AwsSettings(
    profile_name=None,
    credentials_file=None,
    user_agent="test",
    role_session_name_attribute="user_name",
    timeout=1000,
    max_concurrent_sign_ins=None,
    regions=(NEAR, FAR),
    logout_first=False,
    sts_endpoint=None,
    signin_endpoint=None,
    partitions={name: PartitionSettings(partition) for name, partition in PARTITIONS.items()},
)


def nothing() -> None:
    """Nothing happens."""


@dataclass
class FakeSts:
    """A `RoleAssumer`. `max_duration`: of every role; `failing`: regions with their error; `meanwhile`: runs in each call."""

    kind: CredentialKind = CredentialKind.LONG_TERM
    region: str | None = None
    max_duration: int = 43_200
    failing: dict[str, UpstreamError] = field(default_factory=dict)
    keys_after_renewal: bool = False
    packed: int | None = None
    broken_profiles: dict[str | None, UpstreamError] = field(default_factory=dict)
    meanwhile: Callable[[], None] = nothing
    assumed: list[tuple[StsRoute, int]] = field(default_factory=list)
    requests: list[RoleRequest] = field(default_factory=list)
    prepared: list[StsRoute] = field(default_factory=list)
    profiles: list[str | None] = field(default_factory=list)
    seconds_left: list[float] = field(default_factory=list)

    def configured_region(self, profile_name: str | None) -> str | None:
        self.profiles.append(profile_name)
        if profile_name in self.broken_profiles:
            raise self.broken_profiles[profile_name]
        return self.region

    def principal_arn(self, route: StsRoute, *, seconds_left: float) -> str:
        self.seconds_left.append(seconds_left)
        return f"arn:aws:iam::123456789012:user/broker-in-{route.region}"

    def prepare(self, route: StsRoute) -> None:
        self.prepared.append(route)
        self._answer(route.region)

    def credential_kind(self, route: StsRoute, *, seconds_left: float) -> CredentialKind:
        self.seconds_left.append(seconds_left)
        self._answer(route.region)
        return self.kind

    def renew_credentials(self, profile_name: str | None, *, seconds_left: float) -> bool:
        self.profiles.append(profile_name)
        self.seconds_left.append(seconds_left)
        self.failing = {}
        return self.keys_after_renewal

    def assume_role(
        self, request: RoleRequest, route: StsRoute, *, role_session_duration: int, seconds_left: float
    ) -> RoleCredentials:
        self.seconds_left.append(seconds_left)
        self.requests.append(request)
        self.assumed.append((route, role_session_duration))
        self.meanwhile()
        if role_session_duration > self.max_duration:
            raise RoleSessionTooLong("the role's maximum is lower", step="sts", code="ValidationError")
        ends = NOW + timedelta(seconds=role_session_duration)
        arn = f"arn:aws:sts::123456789012:assumed-role/x/{request.role_session_name}"
        key_id = f"ASIA{len(self.assumed)}"
        return RoleCredentials(key_id, "secret", "session-token", ends, arn, "req-1", self.packed)

    def _answer(self, region: str) -> None:
        if region in self.failing:
            raise self.failing[region]


@dataclass
class FakeSignin:
    """A `SigninTokens`. `takes_durations`: whether it accepts SessionDuration; `takes_credentials`: any at all."""

    takes_durations: bool = True
    takes_credentials: bool = True
    broken: UpstreamError | None = None
    calls: list[dict[str, Any]] = field(default_factory=list)
    prepared: list[tuple[str, str | None]] = field(default_factory=list)

    def prepare(self, endpoint: str, *, profile_name: str | None) -> None:
        self.prepared.append((endpoint, profile_name))
        if self.broken:
            raise self.broken

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
        self.calls.append(
            {
                "endpoint": endpoint,
                "credentials": credentials.access_key_id,
                "profile_name": profile_name,
                "method": method,
                "duration": console_session_duration,
                "seconds_left": seconds_left,
            }
        )
        if not self.takes_credentials or (console_session_duration and not self.takes_durations):
            raise SigninRefused("HTTP 400", step="federation", code="400")
        return SigninToken("the-token")

    @property
    def durations(self) -> list[int | None]:
        """SessionDuration of each call."""
        return [call["duration"] for call in self.calls]


@dataclass
class FakeAws:
    """Both, with the clock of the broker."""

    sts: FakeSts = field(default_factory=FakeSts)
    signin: FakeSignin = field(default_factory=FakeSignin)
    clock: MovableClock = field(default_factory=lambda: MovableClock(NOW))

    def broker(self, *, max_concurrent: int = 5, **changes: Any) -> Broker:
        """A broker with these changes to SETTINGS."""
        return Broker(
            roles=self.sts,
            signin_tokens=self.signin,
            settings=replace(SETTINGS, **changes),
            max_concurrent=max_concurrent,
            clock=self.clock,
        )


def login_of(identity: Identity, *, lasts: timedelta = timedelta(hours=10)) -> Login:
    """A login of now."""
    return Login(identity, NOW, NOW + lasts)
