"""From a target and a login to credentials of its role, and on to a console URL.

    AssumeRole[WithSAML]     → RoleCredentials
    getSigninToken           → SigninToken
    our own table of hosts   → ConsoleUrl

Both calls go to one region. The role comes from the configuration alone: no part of a request becomes part
of an ARN. The caller has already decided that the person may open the target (`access.decision`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from awscons.access.identity import Login
from awscons.access.targets import OpenBy, Target
from awscons.aws.console_url import build_console_url, build_logout_first_url
from awscons.aws.destinations import (
    ConsoleDestination,
    check_destination,
    choose_destination,
    choose_regions,
    region_of_page,
)
from awscons.aws.durations import (
    MIN_DURATION,
    CredentialKind,
    Durations,
    plan_durations,
    plan_role_sessions,
    until_login_ends,
)
from awscons.aws.failover import Budget, Circuits, ConcurrencyLimit
from awscons.aws.last_accepted import LastAcceptedDurations
from awscons.aws.opened import IssuedCredentials, OpenedConsole, TriedRole
from awscons.aws.partitions import Partition
from awscons.aws.ports import RoleAssumer, SigninTokens, StsRoute
from awscons.aws.principal import Principal
from awscons.aws.regional_calls import RegionalCalls
from awscons.aws.role_credentials import RoleCredentials, SigninToken
from awscons.aws.role_request import RoleRequest, build_role_request
from awscons.aws.settings import AwsSettings
from awscons.errors import LoginEndsTooSoon, RoleSessionTooLong, SigninRefused, UpstreamError, UpstreamSilent
from awscons.saml.certificates import fingerprint

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _RoleSession:
    """The role session that a person needs, the same in every region; `duration` in seconds."""

    target: Target
    request: RoleRequest
    duration: int


class Broker:
    """Opens consoles and issues credentials. Safe for many threads."""

    def __init__(
        self,
        *,
        roles: RoleAssumer,
        signin_tokens: SigninTokens,
        settings: AwsSettings,
        max_concurrent: int,
        clock: Callable[[], datetime],
    ) -> None:
        """A broker of one process.

        max_concurrent   sign-ins that may wait for AWS at the same time
        clock            UTC
        """
        self._roles = roles
        self._signin_tokens = signin_tokens
        self._settings = settings
        own = settings.identity_provider
        self._assertion_key = fingerprint(own.keys.signing.certificate) if own else None
        self._concurrency_limit = ConcurrencyLimit(max_concurrent)
        self._circuits = Circuits(clock=clock)
        self._last_accepted = LastAcceptedDurations(clock=clock)
        self._clock = clock

    def open_console(
        self, target: Target, login: Login, *, requested: ConsoleDestination, relogin_url: str
    ) -> OpenedConsole:
        """The console of `target` for a person whose access was decided before.

        requested     the page and region that the link names; not checked yet
        relogin_url   our own URL of the same link: where AWS sends people whose console session ended
        Raises DestinationRefused, AttributesUnfit, LoginEndsTooSoon, BrokerBusy, UpstreamError.
        """
        check_destination(requested, self.partition_of(target))
        session = self._role_session(target, login)
        regions = self._regions(target, requested=requested)
        budget = Budget(self._settings.timeout)
        with self._concurrency_limit.slot():
            (issued, token, endpoint), failed_over = self._regional_calls(target, regions).run(
                lambda region: self._credentials_and_token(session, region, budget), budget
            )
        destination = choose_destination(
            requested,
            default_page=target.console_destination,
            partition=self.partition_of(target),
            region=region_of_page(requested, signs_in=issued.region, regions=regions),
        )
        url = build_console_url(
            endpoint, signin_token=token, relogin_url=relogin_url, console_destination=destination
        )
        logout_first = requested.logout_first
        if self._settings.logout_first if logout_first is None else logout_first:
            url = build_logout_first_url(endpoint, url)
        return OpenedConsole(url, replace(issued, failed_over=failed_over), endpoint, destination)

    def issue_credentials(self, target: Target, login: Login) -> IssuedCredentials:
        """Credentials of the target's role, without a console, for a person whose access was decided before.

        Raises AttributesUnfit, LoginEndsTooSoon, BrokerBusy, UpstreamError.
        """
        session = self._role_session(target, login)
        regions = self._regions(target, requested=ConsoleDestination())
        budget = Budget(self._settings.timeout)
        with self._concurrency_limit.slot():
            issued, failed_over = self._regional_calls(target, regions).run(
                lambda region: self._credentials(session, region, budget), budget
            )
        return replace(issued, failed_over=failed_over)

    def prepare(self, targets: Iterable[Target]) -> None:
        """Make the clients that the first console of each target needs. Makes no call.

        An error is logged here; the sign-in that meets it reports it to the person.
        """
        logged: set[str] = set()
        needed: dict[tuple[StsRoute, str], None] = {}
        for target in targets:
            with _warned(logged):
                needed |= dict.fromkeys(self.endpoints_of(target))
        for route, endpoint in needed:
            with _warned(logged):
                self._signin_tokens.prepare(endpoint, profile_name=route.profile_name)
            with _warned(logged):
                self._roles.prepare(route)

    def partition_of(self, target: Target) -> Partition:
        """The partition of the target's role, with the hosts that the configuration gives it."""
        return self._settings.partitions[target.role.partition].partition

    def last_granted(self, target: Target) -> int | None:
        """The seconds that AWS granted to this process's last console of `target`. Makes no call.

        None when there was none yet, or when the target ends with the login.
        """
        durations = None if target.ends_with_login else self._last_accepted.last(target)
        return durations.console_lasts if durations else None

    def principal(self, target: Target) -> Principal:
        """Who the broker is when it opens `target`; the same for all of its partition and profile.

        For a target that opens without AWS credentials it is the SAML provider, and no call is made.
        Raises UpstreamError.
        """
        if target.saml_provider is not None:
            region = self._regions(target, requested=ConsoleDestination())[0]
            return Principal(target.saml_provider, region, CredentialKind.SAML_ASSERTION)
        budget = Budget(self._settings.timeout)

        def ask(region: str) -> Principal:
            route, _ = self._endpoints(target, region)
            arn = self._roles.principal_arn(route, seconds_left=budget.left)
            return Principal(arn, region, self._roles.credential_kind(route, seconds_left=budget.left))

        regions = self._regions(target, requested=ConsoleDestination())
        return self._regional_calls(target, regions).run(ask, budget)[0]

    def ask_region(self, route: StsRoute) -> None:
        """Ask STS of one region. Raises UpstreamError if it does not answer, or does not know the broker."""
        self._roles.principal_arn(route, seconds_left=self._settings.timeout)

    def endpoints_of(self, target: Target) -> list[tuple[StsRoute, str]]:
        """STS and federation endpoint of each region that signs in to `target`."""
        regions = self._regions(target, requested=ConsoleDestination())
        return [self._endpoints(target, region) for region in regions]

    def try_role(self, target: Target, request: RoleRequest, *, token: bool) -> TriedRole:
        """Assume the target's role by exactly this request, and throw the credentials away.

        It is assumed for 900 s. Where the browser posts, nobody could ask again for less: then for the whole duration.

        token   whether to get a sign-in token for them, for the longest console that AWS accepts; it is not used
        Raises UpstreamError.
        """
        regions = self._regions(target, requested=ConsoleDestination())
        seconds = target.duration if target.open_by is OpenBy.SAML_POST else MIN_DURATION
        budget, session = Budget(self._settings.timeout), _RoleSession(target, request, seconds)
        tried, _ = self._regional_calls(target, regions).run(
            lambda region: self._tried(session, region, budget, token=token), budget
        )
        return tried

    @property
    def slot(self) -> Callable[[], AbstractContextManager[None]]:
        """One of the sign-ins that may wait for AWS at the same time. Raises BrokerBusy."""
        return self._concurrency_limit.slot

    def plan_role_session(
        self, target: Target, login: Login, *, requested: ConsoleDestination
    ) -> tuple[RoleRequest, int, tuple[str, ...]]:
        """What would be requested, for how many seconds, and the regions, the failed ones last. Makes no call.

        Raises AttributesUnfit, LoginEndsTooSoon.
        """
        session = self._role_session(target, login)
        regions = self._regions(target, requested=requested)
        ordered = regions if requested.region in regions else self._circuits.open_last(regions)
        return session.request, session.duration, tuple(ordered)

    # --- what is requested, and where ----------------------------------------------------

    def _role_session(self, target: Target, login: Login) -> _RoleSession:
        request = build_role_request(
            target, login.identity, name_attribute=self._settings.role_session_name_attribute
        )
        if request.saml is not None:
            ends = login.ends_at if target.ends_with_login else None
            saml = replace(request.saml, session_ends=ends, key=self._assertion_key)
            request = replace(request, saml=saml)
        return _RoleSession(target, request, self._requested_duration(target, login))

    def _requested_duration(self, target: Target, login: Login) -> int:
        if not target.ends_with_login:
            return target.duration
        left = login.ends_at - self._clock()
        seconds = until_login_ends(target.duration, left)
        if seconds is None:
            raise LoginEndsTooSoon(
                f"{int(left.total_seconds())} seconds are left of the login, and a console needs at least 900",
                hint="a longer `auth_duration`, a longer session at the identity provider, "
                "or a target without `ends_with_login`",
            )
        return seconds

    def _regions(self, target: Target, *, requested: ConsoleDestination) -> tuple[str, ...]:
        return choose_regions(
            self.partition_of(target),
            requested=requested,
            default_region=target.region,
            configured=self._settings.regions,
            # Trust policies name the regions that assertions are for: which host this is must not matter.
            broker_region=None if target.keyless else self._configured_region(target),
        )

    def _configured_region(self, target: Target) -> str | None:
        return self._roles.configured_region(self._settings.profile_for(target))

    def _regional_calls(self, target: Target, regions: tuple[str, ...]) -> RegionalCalls:
        profile_name = self._settings.profile_for(target)
        return RegionalCalls(
            regions,
            self._circuits,
            self._settings.slowest_call,
            lambda left: self._roles.renew_credentials(profile_name, seconds_left=left),
        )

    def _endpoints(self, target: Target, region: str) -> tuple[StsRoute, str]:
        """STS and federation endpoint of one region."""
        settings, partition = self._settings, target.role.partition
        endpoint = settings.sts_endpoint_in(partition, region)
        route = StsRoute(settings.profile_for(target), region, endpoint, target.keyless)
        return route, settings.signin_endpoint_in(partition, region)

    # --- one region ----------------------------------------------------------------------

    def _credentials_and_token(
        self, session: _RoleSession, region: str, budget: Budget
    ) -> tuple[IssuedCredentials, SigninToken, str]:
        """Credentials and sign-in token by the best plan of durations that AWS accepts, and the endpoint."""
        target = session.target
        route, endpoint = self._endpoints(target, region)
        kind = self._roles.credential_kind(route, seconds_left=budget.left)
        plans = self._last_accepted.from_last_accepted(target, plan_durations(session.duration, kind))
        # Two plans may need the same role session: AssumeRole is called once for each length.
        by_length: dict[int, RoleCredentials] = {}
        for plan in plans:
            try:
                seconds = plan.role_session_duration
                if seconds not in by_length:
                    by_length[seconds] = self._assume_role(session, route, seconds, budget)
                token = self._signin_token(session, route, by_length[seconds], plan, budget)
            except (RoleSessionTooLong, SigninRefused) as error:
                # Without SessionDuration, the token call refuses the credentials: no other plan would help.
                hopeless = isinstance(error, SigninRefused) and plan.console_session_duration is None
                if hopeless or plan is plans[-1]:
                    raise
                _log_shorter(target, error)
            else:
                self._last_accepted.remember(target, plan)
                return _issued(session, by_length[seconds], plan, region), token, endpoint
        raise UpstreamSilent("no duration was planned", step="sts")  # pragma: no cover

    def _credentials(self, session: _RoleSession, region: str, budget: Budget) -> IssuedCredentials:
        """Credentials alone, for the longest role session that AWS accepts."""
        route, _ = self._endpoints(session.target, region)
        kind = self._roles.credential_kind(route, seconds_left=budget.left)
        plans = plan_role_sessions(session.duration, kind)
        for plan in plans:
            try:
                credentials = self._assume_role(session, route, plan.role_session_duration, budget)
            except RoleSessionTooLong as error:
                if plan is plans[-1]:
                    raise
                _log_shorter(session.target, error)
            else:
                return _issued(session, credentials, plan, region)
        raise UpstreamSilent("no duration was planned", step="sts")  # pragma: no cover  see above

    def _tried(self, session: _RoleSession, region: str, budget: Budget, *, token: bool) -> TriedRole:
        route, _ = self._endpoints(session.target, region)
        kind = self._roles.credential_kind(route, seconds_left=budget.left)
        credentials = self._assume_role(session, route, session.duration, budget)
        plan, *others = plan_durations(session.target.duration, kind)
        if session.target.open_by is OpenBy.SAML_POST:
            plan = Durations(session.duration, None, plan.reason)
        elif token:
            try:
                self._signin_token(session, route, credentials, plan, budget)
            except SigninRefused:
                if plan.console_session_duration is None:
                    raise
                plan = others[-1]
                self._signin_token(session, route, credentials, plan, budget)
        return TriedRole(region, plan, credentials.packed_policy_size)

    def _signin_token(
        self,
        session: _RoleSession,
        route: StsRoute,
        credentials: RoleCredentials,
        plan: Durations,
        budget: Budget,
    ) -> SigninToken:
        _, endpoint = self._endpoints(session.target, route.region)
        return self._signin_tokens.signin_token(
            endpoint,
            credentials,
            profile_name=route.profile_name,
            method=self._settings.partitions[session.target.role.partition].signin_method,
            console_session_duration=plan.console_session_duration,
            seconds_left=budget.left,
        )

    def _assume_role(
        self, session: _RoleSession, route: StsRoute, seconds: int, budget: Budget
    ) -> RoleCredentials:
        if budget.left < self._settings.slowest_call:
            raise UpstreamSilent("the time for this sign-in has run out", step="sts", code="timeout")
        return self._roles.assume_role(
            session.request, route, role_session_duration=seconds, seconds_left=budget.left
        )


def _issued(
    session: _RoleSession, credentials: RoleCredentials, plan: Durations, region: str
) -> IssuedCredentials:
    if session.duration < session.target.duration:
        plan = replace(plan, reason=f"{plan.reason}; the login ends then")
    return IssuedCredentials(credentials, session.request, plan, region)


def _log_shorter(target: Target, error: UpstreamError) -> None:
    _log.info("aws.shorter_duration_tried", target=target.name, code=error.code, cause=error.cause)


@contextmanager
def _warned(logged: set[str]) -> Iterator[None]:
    """Turn an UpstreamError into a warning, once for each cause."""
    try:
        yield
    except UpstreamError as error:
        if error.cause not in logged:
            logged.add(error.cause)
            hint = error.hint or None
            _log.warning("aws.warm_up_failed", step=error.step, code=error.code, cause=error.cause, hint=hint)
