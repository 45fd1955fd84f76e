"""Turning an identity and a target into a console URL. A use case, with its two ports to AWS.

    AssumeRole            → RoleCredentials
    getSigninToken        → SigninToken
    our own table of hosts → ConsoleUrl

Both calls go to one region. A region that does not answer is passed over for the next, within the seconds
that one sign-in may take. The role comes from the configuration alone; nothing of a request ever reaches
an ARN.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from awscons.config.settings import AwsSettings
from awscons.console import (
    Landing,
    Partition,
    build_console_url,
    build_logout_first_url,
    check_landing,
    choose_destination,
    choose_regions,
)
from awscons.credentials import ConsoleUrl, RoleCredentials, SigninToken
from awscons.durations import CredentialKind, Durations, plan_durations, until_login_ends
from awscons.errors import (
    LoginEndsTooSoon,
    RegionDisabled,
    RoleSessionTooLong,
    SigninRefused,
    UpstreamError,
    UpstreamSilent,
    UpstreamThrottled,
    UpstreamUnusable,
)
from awscons.identity import Login
from awscons.resilience import Budget, Bulkhead, Circuits
from awscons.role_session import RoleRequest, build_role_request
from awscons.targets import Target

_LONGEST_PAUSE = 0.4
"""Seconds before a region is asked again."""
_PLAN_REMEMBERED = timedelta(hours=1)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StsRoute:
    """Whose credentials STS is asked with, and where. `endpoint` None: the region's own."""

    profile_name: str | None
    region: str
    endpoint: str | None


class RoleAssumer(Protocol):
    """The port to STS. Its methods raise UpstreamError, never anything of a library."""

    def configured_region(self, profile_name: str | None) -> str | None:
        """The region that the broker's own AWS configuration names, or None."""

    def principal_arn(self, route: StsRoute) -> str:
        """Who the broker is to AWS; asks STS."""

    def prepare(self, route: StsRoute) -> None:
        """Make what the first call by `route` needs, without a call."""

    def credential_kind(self, route: StsRoute) -> CredentialKind:
        """What kind of credentials the broker asks with; may ask STS."""

    def assume_role(
        self, request: RoleRequest, route: StsRoute, *, role_session_duration: int
    ) -> RoleCredentials:
        """AssumeRole; the duration in seconds."""


class SigninTokens(Protocol):
    """The port to the federation endpoint. Raises UpstreamError, never anything of a library."""

    def prepare(self, endpoint: str) -> None:
        """Make what the first call to `endpoint` needs, without a call."""

    def signin_token(
        self,
        endpoint: str,
        credentials: RoleCredentials,
        *,
        method: str,
        console_session_duration: int | None,
        seconds_left: float,
    ) -> SigninToken:
        """The sign-in token for `credentials`, by POST or GET; the duration in seconds, or None for none."""


@dataclass(frozen=True, slots=True)
class OpenedConsole:
    """A console that was opened: the URL for the person, the rest for the audit log.

    passed_over   the regions that did not answer, each with what came instead
    """

    url: ConsoleUrl
    credentials: RoleCredentials
    request: RoleRequest
    durations: Durations
    endpoint: str
    destination: str
    region: str
    passed_over: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outlook:
    """What AWS would give for a target, as far as can be known without opening it."""

    principal_arn: str
    region: str
    durations: Durations


@dataclass(frozen=True, slots=True)
class _Wish:
    """One console, as it is wished for: the same in whatever region it is opened."""

    target: Target
    partition: Partition
    request: RoleRequest
    duration: int
    regions: tuple[str, ...]
    asked: Landing
    standing: Landing
    fresh: bool
    relogin_url: str


class Broker:
    """Opens consoles. Safe for many threads."""

    def __init__(
        self,
        *,
        roles: RoleAssumer,
        signin_tokens: SigninTokens,
        settings: AwsSettings,
        places: int,
        clock: Callable[[], datetime],
    ) -> None:
        """What it is made of.

        places   sign-ins that may wait for AWS at the same time
        clock    UTC
        """
        self._roles = roles
        self._signin_tokens = signin_tokens
        self._settings = settings
        self._bulkhead = Bulkhead(places)
        self._circuits = Circuits(clock=clock)
        self._proved = _ProvedPlans(clock=clock)
        self._clock = clock

    def open_console(
        self, target: Target, login: Login, *, asked: Landing, relogin_url: str
    ) -> OpenedConsole:
        """The console of `target` for a person whose access was decided before.

        asked         where the link wants to land; not checked yet
        relogin_url   our own URL of the same link: where AWS sends people whose console ended
        Raises LandingRefused, AttributesUnfit, LoginEndsTooSoon, BrokerBusy, UpstreamError.
        """
        partition = self.partition_of(target)
        check_landing(asked, partition)
        standing = Landing(target.region, target.console_destination)
        wish = _Wish(
            target=target,
            partition=partition,
            request=build_role_request(
                target, login.identity, name_attribute=self._settings.role_session_name_attribute
            ),
            duration=self._wanted_duration(target, login),
            regions=choose_regions(
                partition,
                asked=asked,
                standing=standing,
                configured=self._settings.regions,
                broker_region=self._roles.configured_region(self._settings.profile_for(target)),
            ),
            asked=asked,
            standing=standing,
            fresh=self._settings.log_out_first if asked.fresh is None else asked.fresh,
            relogin_url=relogin_url,
        )
        with self._bulkhead.place():
            return self._open_somewhere(wish)

    def prepare(self, targets: Iterable[Target]) -> None:
        """Make what the first console of each target would wait for. AWS is asked nothing.

        What is wrong here will be said by the sign-in that meets it.
        """
        settings = self._settings
        try:
            for target in targets:
                partition = settings.partitions[target.role.partition].partition
                region, *_ = choose_regions(
                    partition,
                    asked=Landing(),
                    standing=Landing(target.region, target.console_destination),
                    configured=settings.regions,
                    broker_region=self._roles.configured_region(settings.profile_for(target)),
                )
                route, endpoint = self._ways(target, partition, region)
                self._roles.prepare(route)
                self._signin_tokens.prepare(endpoint)
        except UpstreamError as error:
            _log.warning("aws.not_prepared", step=error.step, code=error.code, cause=error.cause)

    def partition_of(self, target: Target) -> Partition:
        """The partition of the target's role, with the hosts that the configuration gives it."""
        return self._settings.partitions[target.role.partition].partition

    def last_given(self, target: Target) -> int | None:
        """The seconds that this process's last console of `target` was given. Asks nobody.

        None where there was none yet, or where it depends on each login.
        """
        durations = None if target.ends_with_login else self._proved.last(target)
        return durations.console_lasts if durations else None

    def look_ahead(self, target: Target) -> Outlook:
        """Who the broker is where `target` is, and how long a console would last. Raises UpstreamError."""
        profile, partition = self._settings.profile_for(target), target.role.partition
        regions = choose_regions(
            self._settings.partitions[partition].partition,
            asked=Landing(),
            standing=Landing(target.region),
            configured=self._settings.regions,
            broker_region=self._roles.configured_region(profile),
        )
        route = StsRoute(profile, regions[0], self._settings.sts_endpoint_in(partition, regions[0]))
        principal_arn = self._roles.principal_arn(route)
        plans = plan_durations(target.duration, self._roles.credential_kind(route))
        return Outlook(principal_arn, regions[0], plans[0])

    def _wanted_duration(self, target: Target, login: Login) -> int:
        if not target.ends_with_login:
            return target.duration
        left = login.ends_at - self._clock()
        seconds = until_login_ends(target.duration, left)
        if seconds is None:
            raise LoginEndsTooSoon(
                f"{int(left.total_seconds())} seconds are left of the login, and a console takes 900",
                hint="a longer `auth_duration`, a longer session at the identity provider, "
                "or a target without `ends_with_login`",
            )
        return seconds

    # --- regions -------------------------------------------------------------------------

    def _open_somewhere(self, wish: _Wish) -> OpenedConsole:
        """The console, by the first region that answers while there is time."""
        budget = Budget(self._settings.timeout)
        failures: list[tuple[str, UpstreamError]] = []
        for region in self._tries(wish, budget, failures):
            try:
                opened = self._open_in(region, wish, budget)
            except (RegionDisabled, UpstreamSilent, UpstreamThrottled, UpstreamUnusable) as error:
                failures.append((region, error))
                self._pass_over(region, error)
            else:
                self._circuits.worked(region)
                passed_over = tuple(f"{region}: {error.code}" for region, error in failures)
                return replace(opened, passed_over=passed_over)
        # What the region of choice answered is what somebody has to look into.
        raise failures[0][1]

    def _tries(
        self, wish: _Wish, budget: Budget, failures: Sequence[tuple[str, UpstreamError]]
    ) -> Iterator[str]:
        """The regions to ask, one after the other: all of them, then once more those that may recover.

        A call is begun only while it can end in time.
        """
        for region in self._circuits.in_order(wish.regions):
            if budget.left >= self._settings.slowest_call:
                yield region
        for region in [region for region, error in failures if not isinstance(error, RegionDisabled)]:
            budget.pause(_LONGEST_PAUSE)
            if budget.left >= self._settings.slowest_call:
                yield region

    def _pass_over(self, region: str, error: UpstreamError) -> None:
        """A region that limits our requests is sound; any other that fails is avoided for a while."""
        if not isinstance(error, UpstreamThrottled):
            self._circuits.failed(region)
        _log.warning(
            "aws.region_passed_over",
            region=region,
            step=error.step,
            code=error.code,
            cause=error.cause,
            request_id=error.request_id,
        )

    # --- one region ----------------------------------------------------------------------

    def _open_in(self, region: str, wish: _Wish, budget: Budget) -> OpenedConsole:
        """The console, by STS and the federation endpoint of one region."""
        route, endpoint = self._ways(wish.target, wish.partition, region)
        credentials, signin_token, durations = self._credentials_and_token(wish, route, endpoint, budget)
        if wish.duration < wish.target.duration:
            durations = replace(durations, reason=f"{durations.reason}; the login ends then")
        elsewhere = wish.asked.region not in {None, *wish.regions}
        landing_region = wish.asked.region if elsewhere and wish.asked.region else region
        destination = choose_destination(
            wish.asked,
            wish.standing,
            partition=wish.partition,
            region=landing_region,
        )
        url = build_console_url(
            endpoint,
            signin_token=signin_token,
            relogin_url=wish.relogin_url,
            console_destination=destination,
        )
        if wish.fresh:
            url = build_logout_first_url(endpoint, url)
        return OpenedConsole(url, credentials, wish.request, durations, endpoint, destination, region)

    def _ways(self, target: Target, partition: Partition, region: str) -> tuple[StsRoute, str]:
        """Whom to ask for the credentials, and whom for the token."""
        settings = self._settings
        sts_endpoint = settings.sts_endpoint_in(partition.name, region)
        route = StsRoute(settings.profile_for(target), region, sts_endpoint)
        return route, settings.signin_endpoint_in(partition.name, region)

    def _credentials_and_token(
        self, wish: _Wish, route: StsRoute, endpoint: str, budget: Budget
    ) -> tuple[RoleCredentials, SigninToken, Durations]:
        """Both, by the best plan of durations that AWS does not refuse for its length."""
        kind = self._roles.credential_kind(route)
        plans = self._proved.from_the_proved_one(wish.target, plan_durations(wish.duration, kind))
        given: dict[int, RoleCredentials] = {}
        for plan in plans:
            try:
                seconds = plan.role_session_duration
                if seconds not in given:
                    self._check_time(budget)
                    given[seconds] = self._roles.assume_role(
                        wish.request, route, role_session_duration=seconds
                    )
                signin_token = self._signin_tokens.signin_token(
                    endpoint,
                    given[seconds],
                    method=self._settings.partitions[wish.partition.name].signin_method,
                    console_session_duration=plan.console_session_duration,
                    seconds_left=budget.left,
                )
            except (RoleSessionTooLong, SigninRefused) as error:
                hopeless = isinstance(error, SigninRefused) and plan.console_session_duration is None
                if hopeless or plan is plans[-1]:
                    raise
                _log.info("aws.shorter_tried", target=wish.target.name, code=error.code, cause=error.cause)
            else:
                self._proved.remember(wish.target, plan)
                return given[seconds], signin_token, plan
        raise UpstreamSilent("no duration was asked for", step="sts")  # pragma: no cover  see plan_durations

    def _check_time(self, budget: Budget) -> None:
        if budget.left < self._settings.slowest_call:
            raise UpstreamSilent("the time for this sign-in is over", step="sts", code="timeout")


class _ProvedPlans:
    """Which plan of durations AWS took for a target, so that what it refuses is not asked for each time.

    Forgotten after an hour: a refusal can have had another reason.
    """

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._proved: dict[str, tuple[Durations, datetime]] = {}

    def from_the_proved_one(self, target: Target, plans: Sequence[Durations]) -> Sequence[Durations]:
        """The plans from the one that worked lately on; all of them, if none did."""
        with self._lock:
            plan, until = self._proved.get(target.name, (None, self._clock()))
        if plan in plans and self._clock() < until:
            return plans[plans.index(plan) :]
        return plans

    def remember(self, target: Target, plan: Durations) -> None:
        """This plan worked just now."""
        with self._lock:
            known, until = self._proved.get(target.name, (None, self._clock()))
            if plan != known or self._clock() >= until:
                self._proved[target.name] = (plan, self._clock() + _PLAN_REMEMBERED)

    def last(self, target: Target) -> Durations | None:
        """The plan that worked last."""
        with self._lock:
            return self._proved.get(target.name, (None, None))[0]
