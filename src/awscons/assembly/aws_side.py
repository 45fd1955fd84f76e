"""Builds the AWS side: the broker with its clients, and what asks the hosts around it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from awscons.access.targets import Target
from awscons.adapters.aws.broker_credentials import BrokerCredentials
from awscons.adapters.aws.federation_client import FederationClient
from awscons.adapters.aws.http_pool import Authorities, HttpPool
from awscons.adapters.aws.kms_signer import KmsClient, KmsSigner
from awscons.adapters.aws.sts_client import StsClient
from awscons.adapters.metered_ports import MeteredRoleAssumer, MeteredSigninTokens
from awscons.adapters.surroundings import Surroundings
from awscons.assembly.clock import utc_now
from awscons.audit.metrics_recorder import MetricsRecorder, NoMetrics
from awscons.aws.assertions import AssertionIssuer, KmsKey
from awscons.aws.broker import Broker
from awscons.config.settings import Settings
from awscons.errors import UpstreamError
from awscons.saml.parties import Signer

_MAX_CONCURRENT = 12
"""Concurrency limit without `max_concurrent_sign_ins`, for a server whose number of threads is unknown."""


def build_broker(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = utc_now,
    threads: int | None = None,
    recorder: MetricsRecorder | None = None,
    http: HttpPool | None = None,
    assertions: AssertionIssuer | None = None,
) -> Broker:
    """The broker. `threads`: of each process, None if unknown; `recorder` counts and times calls to AWS."""
    recorder, http = recorder or NoMetrics(), http or HttpPool()
    credentials = BrokerCredentials(settings.aws)
    assertions = assertions or build_assertions(settings, clock=clock, http=http)
    roles = StsClient(settings.aws, http, credentials, assertions)
    federation = FederationClient(settings.aws, http, credentials)
    return Broker(
        roles=MeteredRoleAssumer(roles, recorder),
        signin_tokens=MeteredSigninTokens(federation, recorder),
        settings=settings.aws,
        max_concurrent=settings.aws.max_concurrent_sign_ins
        or (_max_concurrent(threads) if threads else _MAX_CONCURRENT),
        clock=clock,
    )


def build_assertions(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = utc_now,
    http: HttpPool | None = None,
) -> AssertionIssuer | None:
    """What signs assertions for AWS; None where the service is no identity provider."""
    own = settings.aws.identity_provider
    if own is None:
        return None
    signer: Signer
    match own.keys.signing:
        case KmsKey(arn=arn, certificate=certificate):
            client = KmsClient(arn, settings.aws, http or HttpPool(), BrokerCredentials(settings.aws))
            with suppress(UpstreamError):  # the first signature reports it
                client.prepare()
            signer = KmsSigner(client, certificate, clock=clock)
        case signer:
            pass
    partitions = {name: one.partition for name, one in settings.aws.partitions.items()}
    return AssertionIssuer(own.entity_id, signer, partitions=partitions, clock=clock)


def build_surroundings(settings: Settings, http: HttpPool) -> Surroundings:
    """What `awscons doctor` asks of the hosts around the service, as the service would."""
    return Surroundings(http, user_agent=settings.aws.user_agent)


def authorities_of(settings: Settings, target: Target) -> Authorities:
    """The certificates that count for the AWS of that target. Raises BrokerCredentialsMissing."""
    return BrokerCredentials(settings.aws).authorities(settings.aws.profile_for(target))


def _max_concurrent(threads: int) -> int:
    """Seven eighths of the threads. The rest, at least two, stays free for pages that need no AWS."""
    return max(1, threads - max(2, threads // 8))
