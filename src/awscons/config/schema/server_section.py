"""`server_config`: proxies in front, limits and metrics."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from awscons.config.schema.base import (
    NonEmpty,
    Section,
    not_as_wanted,
)

_METRICS_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{16,512}", re.ASCII)  # RFC 6750, section 2.1


def _metrics_token(value: str) -> str:
    if not _METRICS_TOKEN.fullmatch(value):
        raise not_as_wanted(
            "16 to 512 of A-Z a-z 0-9 - . _ ~ + / =", "such as the output of: openssl rand -hex 32"
        )
    return value


class ServerSection(Section):
    """How the service is reached, and what it bears. May be left out altogether."""

    trusted_proxies: int = Field(
        default=0,
        ge=0,
        le=10,
        description=(
            "Proxies in front of us, each of which adds to `X-Forwarded-For`. That decides the client's "
            "address in the audit log and in rate limits, and nothing else."
        ),
    )
    rate_limit_per_address: int = Field(
        default=300,
        ge=0,
        description="Sign-ins that one address may begin, and answers it may post, in a minute; 0: no limit.",
    )
    rate_limit_overall: int = Field(
        default=6_000,
        ge=0,
        description="The same for everybody together, over all processes and hosts; 0: no limit.",
    )
    max_pending_logins: int = Field(
        default=50_000,
        ge=100,
        le=10_000_000,
        description="Half-finished sign-ins that are remembered; beyond it, new ones displace others.",
    )
    metrics_token: Annotated[str, AfterValidator(_metrics_token)] | None = Field(
        default=None,
        repr=False,
        description=(
            "Opens `/metrics` to whoever sends it as a bearer token: 16 characters or more. "
            "Default: there is no such page."
        ),
    )
    metrics_file: NonEmpty | None = Field(
        default=None,
        description=(
            "The file in which the processes of a host add up what they count. "
            "Default: `metrics.sqlite3` beside the embedded store, or in the state folder."
        ),
    )
