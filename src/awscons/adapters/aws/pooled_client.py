"""Clients of botocore whose calls go through our HTTP pool, signed with keys that each call brings.

botocore decides on endpoints, signs, writes the request and reads the answer; its `before-send` event hands each
request to our pool, so that proxies, certificates and failures are the same for every host. botocore repeats nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import ClientError

from awscons.adapters.aws.broker_credentials import BrokerCredentials, unusable_configuration
from awscons.adapters.aws.http_pool import Authorities, HttpPool, Limits, Step
from awscons.aws.settings import AwsSettings
from awscons.errors import UpstreamError


@dataclass(slots=True)
class _Call:
    """One call: whose keys sign it, and until when it may last by `time.monotonic`.

    status   of HTTP, once there is an answer
    """

    keys: ReadOnlyCredentials = field(repr=False)
    ends: float
    status: int = 0


_CALL: ContextVar[_Call] = ContextVar("call of AWS")


class _KeysOfTheCall(Credentials):
    """The keys that botocore signs with: those of the current call in this thread."""

    def __init__(self) -> None:
        super().__init__("", "", method="awscons")

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        return _CALL.get().keys

    @staticmethod
    def load_credentials() -> Credentials:
        """As a provider of credentials for a session of botocore: nothing is loaded to make a client."""
        return _KeysOfTheCall()


def make_client(
    step: Step,
    settings: AwsSettings,
    http: HttpPool,
    credentials: BrokerCredentials,
    *,
    profile_name: str | None,
    region: str,
    endpoint: str | None,
) -> Any:
    """A client of the service that `step` names, for `run_call`.

    endpoint   None: AWS's endpoint of the region
    Raises BrokerCredentialsMissing for an AWS configuration that cannot be used.
    """
    session = credentials.session(profile_name)
    session.register_component("credential_provider", _KeysOfTheCall())
    config = Config(
        # The same User-Agent for every call: detection rules of account owners rely on it.
        user_agent=settings.user_agent,
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
        retries={"mode": "standard", "total_max_attempts": 1},
        parameter_validation=False,  # AWS says it better, and botocore's words quote the values
        defaults_mode="legacy",  # type: ignore[arg-type]  # `auto` would ask the metadata service of the host
    )
    try:
        client = session.create_client(step.name, region_name=region, endpoint_url=endpoint, config=config)
    except Exception as error:  # noqa: BLE001  files make it raise what they make it raise
        raise unusable_configuration(error, profile_name, session) from None
    send = partial(_send, step, settings, http, credentials.authorities(profile_name))
    client.meta.events.register(f"before-send.{step.name}", send)  # type: ignore[arg-type]
    return client


def run_call(
    call: Callable[[], dict[str, Any]],
    keys: ReadOnlyCredentials,
    *,
    ends: float,
    refused: Callable[[Mapping[str, Any], int], UpstreamError],
    unreadable: Callable[[int], UpstreamError],
) -> dict[str, Any]:
    """Run one call and return its result.

    ends         by `time.monotonic`
    refused      translates an error that AWS answered, from botocore's form of it and the HTTP status
    unreadable   translates an answer that botocore cannot read, from the HTTP status. botocore's text quotes the body
    Raises UpstreamError.
    """
    state = _Call(keys, ends)
    token = _CALL.set(state)
    try:
        return call()
    except UpstreamError:
        raise
    except ClientError as error:
        raise refused(error.response, state.status) from None
    except Exception:  # a malformed body makes botocore's parser raise many classes
        if state.status == 0:
            raise  # there was no answer: a mistake in botocore's configuration, or ours
        raise unreadable(state.status) from None
    finally:
        _CALL.reset(token)


def _send(
    step: Step,
    settings: AwsSettings,
    http: HttpPool,
    authorities: Authorities,
    request: AWSPreparedRequest,
    **_more: object,
) -> AWSResponse:
    """Send the request through our pool instead of botocore's own HTTP client. Raises UpstreamError."""
    call = _CALL.get()
    limits = Limits(settings.connect_timeout, settings.read_timeout, call.ends - time.monotonic())
    answer = send_by_pool(http, step, request, limits, authorities)
    call.status = answer.status_code
    return answer


def send_by_pool(
    http: HttpPool, step: Step, request: AWSPreparedRequest, limits: Limits, authorities: Authorities
) -> AWSResponse:
    """The answer to a request that botocore prepared, in botocore's form. Raises UpstreamError."""
    answer = http.ask(
        step,
        request.method,
        request.url,
        headers=cast("Mapping[str, str]", request.headers),
        body=cast("bytes", request.body),
        limits=limits,
        authorities=authorities,
    )
    return AWSResponse(request.url, answer.status, answer.headers, _ReadBody(answer.body))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class _ReadBody:
    """A body that was read already, in the form that botocore expects."""

    content: bytes = field(repr=False)

    def stream(self) -> Iterator[bytes]:
        """All of it."""
        yield self.content
