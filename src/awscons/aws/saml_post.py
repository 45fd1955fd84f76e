"""Consoles that the browser itself opens: it posts our response to AWS's sign-in page. This service calls nobody.

Source: IAM user guide, "Enable SAML 2.0 federated principals to access the AWS Management Console" (RelayState is the
page that opens), and "Configure SAML assertions for the authentication response" (SessionDuration).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from awscons.access.identity import Login
from awscons.access.targets import Target
from awscons.aws.assertions import AssertionIssuer
from awscons.aws.broker import Broker
from awscons.aws.destinations import ConsoleDestination, check_destination, choose_destination, region_of_page
from awscons.aws.durations import CredentialKind, Durations
from awscons.aws.opened import IssuedCredentials
from awscons.aws.role_request import RoleRequest
from awscons.aws.settings import AwsSettings


@dataclass(frozen=True, slots=True)
class PostedConsole:
    """A console that opens when the browser posts the form.

    endpoint        AWS's sign-in page, which takes the form
    response        Base64, for the field SAMLResponse: whoever posts it is this person, once and for five minutes
    allowed_hosts   sources for the page's Content-Security-Policy: where the form and AWS's redirects lead
    other_regions   that could sign in as well
    """

    endpoint: str
    response: str = field(repr=False)
    destination: str
    request: RoleRequest
    durations: Durations
    region: str
    allowed_hosts: tuple[str, ...]
    other_regions: tuple[str, ...]


_REPORT_COUNTS = timedelta(seconds=30)
"""How long a region comes last after a person said that its sign-in did not answer."""


class ConsolePoster:
    """Opens consoles by the browser's own post. Safe for many threads."""

    def __init__(
        self,
        broker: Broker,
        assertions: AssertionIssuer,
        settings: AwsSettings,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        """`clock`: UTC."""
        self._broker = broker
        self._assertions = assertions
        self._settings = settings
        self._clock = clock
        # By region, until when. What people say is kept apart from the circuits, by which calls of ours fail over.
        self._reported: dict[str, datetime] = {}

    def open_console(
        self, target: Target, login: Login, *, requested: ConsoleDestination, relogin_url: str
    ) -> PostedConsole:
        """The form for a person whose access was decided before. Makes no call.

        requested     the page and region that the link names; not checked yet
        relogin_url   has no place in this way of opening: AWS's own page follows a session that ended
        Raises DestinationRefused, AttributesUnfit, LoginEndsTooSoon; where the key is in KMS, BrokerBusy and
        UpstreamError.
        """
        del relogin_url
        partition = self._broker.partition_of(target)
        check_destination(requested, partition)
        request, seconds, regions = self._broker.plan_role_session(target, login, requested=requested)
        region, *others = self._reported_last(regions, requested)
        page_region = region_of_page(requested, signs_in=region, regions=regions)
        destination = choose_destination(
            requested, default_page=target.console_destination, partition=partition, region=page_region
        )
        endpoint = self._settings.saml_endpoint_in(target.role.partition, region)
        scheme, _, rest = endpoint.partition("://")
        hosts = (
            f"{scheme}://{rest.partition('/')[0]}",
            *(f"https://{host}" for host in (partition.signin_suffix, f"*.{partition.signin_suffix}")),
            *(f"https://{host}" for name in partition.destination_hosts for host in (name, f"*.{name}")),
        )
        reason = (
            f"asked with {CredentialKind.SAML_ASSERTION.value}, by the browser; the role's maximum counts"
        )
        with self._broker.slot():  # the signature may wait for KMS
            response = self._assertions.issue(request, region, console_duration=seconds)
        durations = Durations(seconds, None, reason)
        return PostedConsole(
            endpoint, response, destination, request, durations, region, hosts, tuple(others)
        )

    def _reported_last(self, regions: Sequence[str], requested: ConsoleDestination) -> list[str]:
        """The regions, those last whose sign-in did not answer somebody a moment ago."""
        now = self._clock()
        if requested.failed_region is not None and requested.failed_region in regions:
            self._reported[requested.failed_region] = now + _REPORT_COUNTS
        if requested.region in regions:
            return [*regions]
        return sorted(regions, key=lambda region: self._reported.get(region, now) > now)

    def issue_credentials(self, target: Target, login: Login) -> IssuedCredentials:
        """Credentials without a console come from AssumeRoleWithSAML; see `Broker.issue_credentials`."""
        return self._broker.issue_credentials(target, login)
