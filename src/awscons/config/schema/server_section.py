"""`server_config`: proxies in front, limits, metrics and how the service stops."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from awscons.audit.chain import parse_audit_key
from awscons.audit.notifications import parse_secret
from awscons.config.schema.base import (
    NonEmpty,
    Section,
    UpstreamUrl,
    not_as_wanted,
)
from awscons.saml.input_limits import DEFAULT_MAX_ANSWER_KB

_METRICS_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{16,512}", re.ASCII)  # RFC 6750, section 2.1


def _metrics_token(value: str) -> str:
    if not _METRICS_TOKEN.fullmatch(value):
        raise not_as_wanted(
            "16 to 512 of A-Z a-z 0-9 - . _ ~ + / =", "such as the output of: openssl rand -hex 32"
        )
    return value


def _audit_key(value: str) -> str:
    try:
        parse_audit_key(value)
    except ValueError:
        raise not_as_wanted("an audit key", "make one with: awscons audit key FILE") from None
    return value


def _webhook_secret(value: str) -> str:
    try:
        parse_secret(value)
    except ValueError:
        raise not_as_wanted(
            "whsec_ and 24 to 64 random bytes in Base64", 'echo "whsec_$(openssl rand -base64 32)"'
        ) from None
    return value


class WebhookSection(Section):
    """One URL that is told about chosen audit events, in the form of Standard Webhooks."""

    url: UpstreamUrl = Field(
        repr=False, description="Where each message is posted, by https. The URL may be a secret of its own."
    )
    secret: Annotated[str, AfterValidator(_webhook_secret)] = Field(
        repr=False,
        description='Signs each message: `whsec_` and 24 to 64 random bytes in Base64, best as `{"file": PATH}`.',
    )
    events: list[
        Literal["first-console", "console", "console-failed", "keys-changed", "revoked", "report-read"]
    ] = Field(
        min_length=1,
        description=(
            "What it is told about: `first-console` of a person, `console` of a target with `notify`, "
            "`console-failed`, `keys-changed` of the identity provider, `revoked` (logins ended, blocks, frozen "
            "roles), `report-read`."
        ),
    )
    template: dict[str, Any] | None = Field(
        default=None,
        description=(
            "JSON document to send instead of the event. `{user_name}` and every other field of an audit event in its "
            "texts is replaced by its value."
        ),
    )


class ServerSection(Section):
    """Proxies, limits, metrics and how the service stops. The whole dict is optional."""

    trusted_proxies: int = Field(
        default=0,
        ge=0,
        le=10,
        description=(
            "Number of proxies in front of the service, each of which adds to `X-Forwarded-For`. It decides"
            " the client's address in the audit log and in rate limits, and whether the proxy's"
            " `X-Request-ID` is logged."
        ),
    )
    rate_limit_per_address: int = Field(
        default=300,
        ge=0,
        description=(
            "Maximum sign-ins that one client address may begin in a minute, and maximum responses that it "
            "may post without a sign-in that its browser began. An IPv6 /64 counts as one address, a /56 "
            "has twice the limit, a /48 four times. 0 means no limit."
        ),
    )
    rate_limit_overall: int = Field(
        default=6_000,
        ge=0,
        description=(
            "The same number for all clients together, over all processes and hosts. Above it, only networks "
            "with few requests in that minute are served. 0 means no limit."
        ),
    )
    rate_limit_per_person: int = Field(
        default=30,
        ge=0,
        description="Maximum consoles that one person may open in a minute. 0 means no limit.",
    )
    max_answer_kb: int = Field(
        default=DEFAULT_MAX_ANSWER_KB,
        ge=64,
        le=16_384,
        description=(
            "Maximum size of the form with a SAML response, in KiB (1,024 bytes). The default fits somebody in "
            "3,000 groups, however the identity provider writes them. A larger one is answered with 413. Proxies "
            "in front need a limit that is as high."
        ),
    )
    max_pending_logins: int = Field(
        default=50_000,
        ge=100,
        le=10_000_000,
        description="Maximum number of unfinished sign-ins. Above it, a new one replaces another one.",
    )
    metrics_token: Annotated[str, AfterValidator(_metrics_token)] | None = Field(
        default=None,
        repr=False,
        description=(
            "Bearer token, 16 characters or more, with which a client may read `/metrics`. Default: there "
            "is no such page."
        ),
    )
    metrics_file: NonEmpty | None = Field(
        default=None,
        description=(
            "File in which the processes of a host share their counters. Default: `metrics.sqlite3` beside "
            "the embedded store, or in the state folder."
        ),
    )
    audit_log: NonEmpty | None = Field(
        default=None,
        description=(
            "File for the audit events, which somebody else rotates: it is opened again when it was moved. Default: "
            "standard error, with all other lines."
        ),
    )
    audit_required: bool = Field(
        default=True,
        description=(
            "Let no sign-in and no console happen, and give no tokens and credentials, whose audit event cannot be "
            "written; `/readyz` then fails as well."
        ),
    )
    audit_key: Annotated[str, AfterValidator(_audit_key)] | None = Field(
        default=None,
        repr=False,
        description=(
            'Key that signs audit events, made with `awscons audit key`, best as `{"file": PATH}` or `{"env": NAME}`. '
            "Default: events are chained and not signed."
        ),
    )
    audit_key_file: NonEmpty | None = Field(
        default=None,
        description=(
            "The same key in a file that the service may write: each hour the file gets the key of that hour, so that "
            "whoever takes the host cannot sign for the hours before. Keep the first key elsewhere."
        ),
    )
    webhook: WebhookSection | None = Field(
        default=None, description="One URL that is told about chosen audit events."
    )
    reload_on_change: bool = Field(
        default=False,
        description=(
            "The service reads the configuration again when one of its files changes, under any server. "
            "Default: only `awscons serve`, for SIGHUP and `awscons reload`."
        ),
    )
    shutdown_delay: int = Field(
        default=0,
        ge=0,
        le=300,
        description=(
            "Seconds after SIGTERM in which `awscons serve` still takes requests while `/readyz` answers 503,"
            " so that a load balancer stops sending requests before they would fail."
        ),
    )
