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
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from awscons.access.identity import Login
from awscons.access.targets import Target
from awscons.aws.console_url import build_console_url, build_logout_first_url
from awscons.aws.destinations import ConsoleDestination, check_destination, choose_destination, choose_regions
from awscons.aws.durations import Durations, plan_durations, until_login_ends
from awscons.aws.failover import Budget, Circuits, ConcurrencyLimit
from awscons.aws.partitions import Partition
from awscons.aws.ports import RoleAssumer, SigninTokens, StsRoute
from awscons.aws.role_credentials import ConsoleUrl, RoleCredentials, SigninToken
from awscons.aws.role_request import RoleRequest, build_role_request
from awscons.aws.settings import AwsSettings
from awscons.errors import (
    AccessKeyRefused,
    LoginEndsTooSoon,
    RegionDisabled,
    RoleSessionTooLong,
    SigninRefused,
    UpstreamError,
    UpstreamSilent,
    UpstreamThrottled,
    UpstreamUnusable,
)

_MAX_PAUSE = 0.4
"""Seconds before a region is asked again."""
_ACCEPTED_TTL = timedelta(hours=1)
_FAILS_OVER = (AccessKeyRefused, RegionDisabled, UpstreamSilent, UpstreamThrottled, UpstreamUnusable)
"""What one region says and another may not."""
_STAYS = (AccessKeyRefused, RegionDisabled)
"""What a region says again when it is asked again."""

_log = structlog.get_logger(__name__)


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
    failed_over: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Preflight:
    """What AWS would give for a target, as far as can be known without opening it."""

    principal_arn: str
    region: str
    durations: Durations


@dataclass(frozen=True, slots=True)
class ConsoleRequest:
    """One console, as it is wished for: the same in whatever region it is opened."""

    target: Target
    partition: Partition
    request: RoleRequest
    duration: int
    regions: tuple[str, ...]
    requested: ConsoleDestination
    default: ConsoleDestination
    logout_first: bool
    relogin_url: str


class Broker:
    """Opens consoles. Safe for many threads."""

    def __init__(
        self,
        *,
        roles: RoleAssumer,
        signin_tokens: SigninTokens,
        settings: AwsSettings,
        max_concurrent: int,
        clock: Callable[[], datetime],
    ) -> None:
        """What it is made of.

        places   sign-ins that may wait for AWS at the same time
        clock    UTC
        """
        self._roles = roles
        self._signin_tokens = signin_tokens
        self._settings = settings
        self._concurrency_limit = ConcurrencyLimit(max_concurrent)
        self._circuits = Circuits(clock=clock)
        self._last_accepted = LastAcceptedDurations(clock=clock)
        self._clock = clock

    def open_console(
        self, target: Target, login: Login, *, requested: ConsoleDestination, relogin_url: str
    ) -> OpenedConsole:
        """The console of `target` for a person whose access was decided before.

        asked         where the link wants to land; not checked yet
        relogin_url   our own URL of the same link: where AWS sends people whose console ended
        Raises LandingRefused, AttributesUnfit, LoginEndsTooSoon, BrokerBusy, UpstreamError.
        """
        partition = self.partition_of(target)
        check_destination(requested, partition)
        default = ConsoleDestination(target.region, target.console_destination)
        console_request = ConsoleRequest(
            target=target,
            partition=partition,
            request=build_role_request(
                target, login.identity, name_attribute=self._settings.role_session_name_attribute
            ),
            duration=self._wanted_duration(target, login),
            regions=self._regions(target, requested=requested),
            requested=requested,
            default=default,
            logout_first=self._settings.logout_first
            if requested.logout_first is None
            else requested.logout_first,
            relogin_url=relogin_url,
        )
        with self._concurrency_limit.slot():
            return self._open_somewhere(console_request)

    def prepare(self, targets: Iterable[Target]) -> None:
        """Make what the first console of each target would wait for. AWS is asked nothing.

        An error is logged here, and told by the sign-in that meets it.
        """
        told: set[str] = set()
        ways: dict[tuple[StsRoute, str], None] = {}
        for target in targets:
            with _warned(told):
                ways |= dict.fromkeys(self._all_ways(target))
        for route, endpoint in ways:
            with _warned(told):
                self._signin_tokens.prepare(endpoint, profile_name=route.profile_name)
            with _warned(told):
                self._roles.prepare(route)

    def _all_ways(self, target: Target) -> list[tuple[StsRoute, str]]:
        """Whom the consoles of `target` may ask: one pair for each of its regions."""
        partition = self.partition_of(target)
        regions = self._regions(target, requested=ConsoleDestination())
        return [self._ways(target, partition, region) for region in regions]

    def _regions(self, target: Target, *, requested: ConsoleDestination) -> tuple[str, ...]:
        return choose_regions(
            self.partition_of(target),
            requested=requested,
            default=ConsoleDestination(target.region, target.console_destination),
            configured=self._settings.regions,
            broker_region=self._roles.configured_region(self._settings.profile_for(target)),
        )

    def partition_of(self, target: Target) -> Partition:
        """The partition of the target's role, with the hosts that the configuration gives it."""
        return self._settings.partitions[target.role.partition].partition

    def last_granted(self, target: Target) -> int | None:
        """The seconds that this process's last console of `target` was given. Asks nobody.

        None where there was none yet, or where it depends on each login.
        """
        durations = None if target.ends_with_login else self._last_accepted.last(target)
        return durations.console_lasts if durations else None

    def preflight(self, target: Target) -> Preflight:
        """Who the broker is where `target` is, and how long a console would last. Raises UpstreamError."""
        route, _ = self._all_ways(target)[0]
        budget = Budget(self._settings.timeout)
        principal_arn = self._roles.principal_arn(route, seconds_left=budget.left)
        kind = self._roles.credential_kind(route, seconds_left=budget.left)
        return Preflight(principal_arn, route.region, plan_durations(target.duration, kind)[0])

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

    def _open_somewhere(self, console_request: ConsoleRequest) -> OpenedConsole:
        """The console, by the first region that answers while there is time."""
        budget = Budget(self._settings.timeout)
        failures: list[tuple[str, UpstreamError]] = []
        for region in self._tries(console_request, budget, failures):
            try:
                opened = self._open_in(region, console_request, budget)
            except UpstreamError as error:
                if not isinstance(error, _FAILS_OVER):
                    raise
                failures.append((region, error))
                self._fail_over(region, error)
            else:
                self._circuits.worked(region)
                failed_over = tuple(f"{region}: {error.code}" for region, error in failures)
                return replace(opened, failed_over=failed_over)
        raise _the_one_to_tell([error for _, error in failures])

    def _tries(
        self, console_request: ConsoleRequest, budget: Budget, failures: list[tuple[str, UpstreamError]]
    ) -> Iterator[str]:
        """The regions to ask, one after the other: all of them, then once more those that may recover.

        A call is begun only while it can end in time.
        """
        for region in self._circuits.in_order(console_request.regions):
            if budget.left >= self._settings.slowest_call:
                yield region
        if failures and all(isinstance(error, AccessKeyRefused) for _, error in failures):
            yield from self._tries_with_other_keys(console_request, budget, failures)
            return
        for region in [region for region, error in failures if not isinstance(error, _STAYS)]:
            budget.pause(_MAX_PAUSE)
            if budget.left >= self._settings.slowest_call:
                yield region

    def _tries_with_other_keys(
        self, console_request: ConsoleRequest, budget: Budget, failures: list[tuple[str, UpstreamError]]
    ) -> Iterator[str]:
        """The regions once more, where somebody has changed the broker's keys meanwhile."""
        profile_name = self._settings.profile_for(console_request.target)
        if self._roles.renew_credentials(profile_name, seconds_left=budget.left):
            refused = [region for region, _ in failures]
            failures.clear()  # they were about the old keys
            for region in refused:
                if budget.left >= self._settings.slowest_call:
                    yield region

    def _fail_over(self, region: str, error: UpstreamError) -> None:
        """A region that limits our requests is sound; any other that fails is avoided for a while."""
        if not isinstance(error, UpstreamThrottled):
            self._circuits.failed(region)
        _log.warning(
            "aws.region_failed_over",
            region=region,
            step=error.step,
            code=error.code,
            cause=error.cause,
            request_id=error.request_id,
        )

    # --- one region ----------------------------------------------------------------------

    def _open_in(self, region: str, console_request: ConsoleRequest, budget: Budget) -> OpenedConsole:
        """The console, by STS and the federation endpoint of one region."""
        route, endpoint = self._ways(console_request.target, console_request.partition, region)
        credentials, signin_token, durations = self._credentials_and_token(
            console_request, route, endpoint, budget
        )
        if console_request.duration < console_request.target.duration:
            durations = replace(durations, reason=f"{durations.reason}; the login ends then")
        elsewhere = console_request.requested.region not in {None, *console_request.regions}
        destination_region = (
            console_request.requested.region if elsewhere and console_request.requested.region else region
        )
        destination = choose_destination(
            console_request.requested,
            console_request.default,
            partition=console_request.partition,
            region=destination_region,
        )
        url = build_console_url(
            endpoint,
            signin_token=signin_token,
            relogin_url=console_request.relogin_url,
            console_destination=destination,
        )
        if console_request.logout_first:
            url = build_logout_first_url(endpoint, url)
        return OpenedConsole(
            url, credentials, console_request.request, durations, endpoint, destination, region
        )

    def _ways(self, target: Target, partition: Partition, region: str) -> tuple[StsRoute, str]:
        """Whom to ask for the credentials, and whom for the token."""
        settings = self._settings
        sts_endpoint = settings.sts_endpoint_in(partition.name, region)
        route = StsRoute(settings.profile_for(target), region, sts_endpoint)
        return route, settings.signin_endpoint_in(partition.name, region)

    def _credentials_and_token(
        self, console_request: ConsoleRequest, route: StsRoute, endpoint: str, budget: Budget
    ) -> tuple[RoleCredentials, SigninToken, Durations]:
        """Both, by the best plan of durations that AWS does not refuse for its length."""
        kind = self._roles.credential_kind(route, seconds_left=budget.left)
        plans = self._last_accepted.from_last_accepted(
            console_request.target, plan_durations(console_request.duration, kind)
        )
        given: dict[int, RoleCredentials] = {}
        for plan in plans:
            try:
                seconds = plan.role_session_duration
                if seconds not in given:
                    self._check_time(budget)
                    given[seconds] = self._roles.assume_role(
                        console_request.request,
                        route,
                        role_session_duration=seconds,
                        seconds_left=budget.left,
                    )
                signin_token = self._signin_tokens.signin_token(
                    endpoint,
                    given[seconds],
                    profile_name=route.profile_name,
                    method=self._settings.partitions[console_request.partition.name].signin_method,
                    console_session_duration=plan.console_session_duration,
                    seconds_left=budget.left,
                )
            except (RoleSessionTooLong, SigninRefused) as error:
                hopeless = isinstance(error, SigninRefused) and plan.console_session_duration is None
                if hopeless or plan is plans[-1]:
                    raise
                _log.info(
                    "aws.shorter_duration_tried",
                    target=console_request.target.name,
                    code=error.code,
                    cause=error.cause,
                )
            else:
                self._last_accepted.remember(console_request.target, plan)
                return given[seconds], signin_token, plan
        raise UpstreamSilent("no duration was asked for", step="sts")  # pragma: no cover  see plan_durations

    def _check_time(self, budget: Budget) -> None:
        if budget.left < self._settings.slowest_call:
            raise UpstreamSilent("the time for this sign-in is over", step="sts", code="timeout")


@contextmanager
def _warned(told: set[str]) -> Iterator[None]:
    """Turn an UpstreamError into a warning, once for each cause."""
    try:
        yield
    except UpstreamError as error:
        if error.cause not in told:
            told.add(error.cause)
            hint = error.hint or None
            _log.warning("aws.warm_up_failed", step=error.step, code=error.code, cause=error.cause, hint=hint)


def _the_one_to_tell(failures: Sequence[UpstreamError]) -> UpstreamError:
    """The failure of the region of choice is what somebody has to look into.

    Where it refused our keys and another region failed otherwise, nobody knows yet that they are wrong.
    """
    return next((error for error in failures if not isinstance(error, AccessKeyRefused)), failures[0])


class LastAcceptedDurations:
    """Which plan of durations AWS took for a target, so that what it refuses is not asked for each time.

    Forgotten after an hour: a refusal can have had another reason.
    """

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last_accepted: dict[str, tuple[Durations, datetime]] = {}

    def from_last_accepted(self, target: Target, plans: Sequence[Durations]) -> Sequence[Durations]:
        """The plans from the one that worked lately on; all of them, if none did."""
        with self._lock:
            plan, until = self._last_accepted.get(target.name, (None, self._clock()))
        if plan in plans and self._clock() < until:
            return plans[plans.index(plan) :]
        return plans

    def remember(self, target: Target, plan: Durations) -> None:
        """This plan worked just now."""
        with self._lock:
            known, until = self._last_accepted.get(target.name, (None, self._clock()))
            if plan != known or self._clock() >= until:
                self._last_accepted[target.name] = (plan, self._clock() + _ACCEPTED_TTL)

    def last(self, target: Target) -> Durations | None:
        """The plan that worked last."""
        with self._lock:
            return self._last_accepted.get(target.name, (None, None))[0]
