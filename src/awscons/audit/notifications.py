"""Which audit events the webhook tells about, and what it says. Pure rules.

The envelope is that of Standard Webhooks (standardwebhooks.com): libraries in many languages verify it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from awscons.audit.event import Action, AuditEvent, Outcome

SECRET_PREFIX = "whsec_"  # noqa: S105  of the standard, and no secret
_FIELD = re.compile(r"\{([a-z_]+)\}")


class Notice(StrEnum):
    """What the webhook can tell about."""

    FIRST_CONSOLE = "first-console"
    CONSOLE = "console"
    CONSOLE_FAILED = "console-failed"
    KEYS_CHANGED = "keys-changed"
    REVOKED = "revoked"
    REPORT_READ = "report-read"


_REVOKED = frozenset(
    {Action.END_LOGIN, Action.BLOCK, Action.LIFT_BLOCK, Action.FREEZE_ROLE, Action.THAW_ROLE}
)
_OPENED = frozenset({Action.OPEN_CONSOLE, Action.GET_CREDENTIALS})


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """The webhook.

    secret     bytes that sign
    notices    what it tells about
    targets    names of the targets with `notify`
    template   a JSON document whose texts may hold `{field}`; None: the event itself
    """

    url: str = field(repr=False)
    secret: bytes = field(repr=False)
    notices: frozenset[Notice]
    targets: frozenset[str] = frozenset()
    template: Mapping[str, Any] | None = None


def notices_of(event: AuditEvent, settings: WebhookSettings) -> list[Notice]:
    """What an event may be told as. Whether a console is a person's first one, only the store knows."""
    found = []
    if event.action in _OPENED and event.outcome is Outcome.DONE:
        found.append(Notice.FIRST_CONSOLE)
        if event.target in settings.targets:
            found.append(Notice.CONSOLE)
    elif event.action in _OPENED and event.outcome is Outcome.FAILED:
        found.append(Notice.CONSOLE_FAILED)
    elif event.action is Action.IDP_KEYS_CHANGED:
        found.append(Notice.KEYS_CHANGED)
    elif event.action in _REVOKED:
        found.append(Notice.REVOKED)
    elif event.action is Action.READ_ACCESS_REPORT:
        found.append(Notice.REPORT_READ)
    return [notice for notice in found if notice in settings.notices]


def body_of(notice: Notice, event: AuditEvent, settings: WebhookSettings, *, timestamp: str) -> bytes:
    """The JSON that is sent. `timestamp`: ISO 8601, UTC."""
    facts = {**event.facts(), "notice": notice.value, "timestamp": timestamp}
    document: object = {"type": f"awscons.{notice.value}", "timestamp": timestamp, "data": event.facts()}
    if settings.template is not None:
        document = _filled(settings.template, facts)
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def _filled(template: Any, facts: Mapping[str, Any]) -> Any:
    """The template with the values of fields in place of their names; nothing for one that does not apply."""
    match template:
        case str():
            return _FIELD.sub(lambda found: str(facts.get(found[1], "")), template)
        case Mapping():
            return {key: _filled(value, facts) for key, value in template.items()}
        case list() | tuple():
            return [_filled(value, facts) for value in template]
        case _:
            return template


def signature_of(secret: bytes, message_id: str, moment: int, body: bytes) -> str:
    """The value of `webhook-signature`. `moment`: seconds since 1970."""
    signed = f"{message_id}.{moment}.".encode("ascii") + body
    digest = hmac.new(secret, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode('ascii')}"


def parse_secret(text: str) -> bytes:
    """The bytes of a secret in the standard's form, `whsec_` and 24 to 64 bytes in Base64. Raises ValueError."""
    if not text.startswith(SECRET_PREFIX):
        raise ValueError("no prefix")
    secret = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    if not 24 <= len(secret) <= 64:  # noqa: PLR2004  as the standard wants it
        raise ValueError("too short or too long")
    return secret
