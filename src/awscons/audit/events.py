"""What an auditor can ask: who signed in, who opened which role, when, and why they were allowed to.

One event for each decision, whatever its outcome. Fields join to CloudTrail. No field may ever hold a
credential, a token, an assertion or a login URL.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Protocol


class Action(StrEnum):
    """What somebody wanted to do."""

    SIGN_IN = "sign-in"
    OPEN_CONSOLE = "open-console"
    SIGN_OUT = "sign-out"
    END_LOGIN = "end-login"
    IDP_KEYS_CHANGED = "idp-keys-changed"


class Outcome(StrEnum):
    """What came of it: `refused` by a rule of ours, `failed` for want of a store or an upstream."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One decision. Fields that do not apply stay None and are not written.

    reason                      why not, in a few words that are always the same: for searching and counting
    decided_by                  the group or attribute that let the person in, or why it did not
    session_tags                the keys; their values are what CloudTrail shows
    assumed_role_arn, sts_request_id, access_key_id   join to CloudTrail's AssumeRole and GetSigninToken
                                (an access key id is an identifier that CloudTrail shows; it opens nothing)
    console_session_duration    seconds asked for; CloudTrail does not record it
    requested_duration, granted_duration   seconds; different when AWS's rules allow less
    region                      that STS and the federation endpoint were asked in
    failed_over_regions         those before it that did not answer, and what came instead
    client_address              as the server sees it
    keys_added, keys_removed    SHA-256 fingerprints of the identity provider's signing certificates
    """

    action: Action
    outcome: Outcome
    incident_id: str | None = None
    reason: str | None = None
    user_name: str | None = None
    name_id: str | None = None
    target: str | None = None
    role_arn: str | None = None
    decided_by: str | None = None
    role_session_name: str | None = None
    source_identity: str | None = None
    session_tags: str | None = None
    assumed_role_arn: str | None = None
    access_key_id: str | None = None
    sts_request_id: str | None = None
    role_session_duration: int | None = None
    console_session_duration: int | None = None
    requested_duration: int | None = None
    granted_duration: int | None = None
    duration_reason: str | None = None
    region: str | None = None
    failed_over_regions: str | None = None
    signin_endpoint: str | None = None
    console_destination: str | None = None
    cause: str | None = None
    hint: str | None = None
    client_address: str | None = None
    idp_entity_id: str | None = None
    keys_added: str | None = None
    keys_removed: str | None = None

    def facts(self) -> dict[str, str | int]:
        """The fields that apply, by name."""
        values = {name: getattr(self, name) for name in _FIELDS}
        return {name: value for name, value in values.items() if value is not None}


_FIELDS = tuple(field.name for field in fields(AuditEvent))


class AuditLog(Protocol):
    """Where events go. Writing one never fails a request."""

    def record(self, event: AuditEvent) -> None:
        """Write one event."""
