"""Writes `audit-examples.md`: an example of each audit event, as a chain that `awscons audit verify` accepts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from awscons.audit.chain import Chain
from awscons.audit.event import Action, AuditEvent, Outcome

TARGET = Path(__file__).with_name("audit-examples.md")
_BEGIN = datetime(2026, 11, 27, 8, tzinfo=UTC)
_LOGIN = "a6818dc02f224adf5ab48bd6c00e75a993e399d3466b67443c37bf0bd9dd4a22"
_ROLE = "arn:aws:iam::123456789012:role/CloudAdmin"
_WHO: dict[str, Any] = {"login_id": _LOGIN, "user_name": "ada@example.com", "name_id": "ada@example.com"}
_WHERE: dict[str, Any] = {"target": "cloudadmin", "role_arn": _ROLE}
_DONE, _REFUSED, _FAILED = Outcome.DONE, Outcome.REFUSED, Outcome.FAILED
_SESSION: dict[str, Any] = {
    "decided_by": "group 'sysadmin'",
    "role_session_name": "ada@example.com",
    "assumed_role_arn": "arn:aws:sts::123456789012:assumed-role/CloudAdmin/ada@example.com",
    "access_key_id": "ASIAIOSFODNN7EXAMPLE",
    "sts_request_id": "155e7c6c-0d8b-f7ea-6488-faa0dddd5198",
    "role_session_duration": 3600,
    "requested_duration": 28800,
    "region": "eu-west-1",
    "client_address": "192.0.2.7",
    "via": "console",
}

EXAMPLES: tuple[tuple[str, AuditEvent], ...] = (
    (
        "A process serves with this configuration",
        AuditEvent(action=Action.CONFIGURATION_IN_FORCE, outcome=_DONE),
    ),
    (
        "A person signed in",
        AuditEvent(
            action=Action.SIGN_IN,
            outcome=_DONE,
            **_WHO,
            client_address="192.0.2.7",
            user_agent="Mozilla/5.0 …",
            authn_request_id="_0c002156f37fa8286a14d1e615848a61056b61c3",
            assertion_id="_9f3a",
            session_index="_7b1e",
            authn_instant="2026-11-27T08:09:58+00:00",
            authn_context="urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
            groups=("staff", "sysadmin"),
            group_count=2,
        ),
    ),
    (
        "A terminal signed in",
        AuditEvent(
            action=Action.SIGN_IN_TERMINAL,
            outcome=_DONE,
            login_id="3585e8360be72a074cd2cf5def028c210be10a7d6c0ef6c191047a608ab4d92a",
            user_name="ada@example.com",
            name_id="ada@example.com",
            client_address="192.0.2.7",
        ),
    ),
    (
        "A response was refused",
        AuditEvent(
            action=Action.SIGN_IN,
            outcome=_REFUSED,
            incident_id="98qr-uxqj",
            reason="signature",
            cause="the signature of the Assertion is not by a key of the identity provider",
            client_address="198.51.100.3",
            user_agent="Mozilla/5.0 …",
        ),
    ),
    (
        "A console was opened",
        AuditEvent(
            action=Action.OPEN_CONSOLE,
            outcome=_DONE,
            **_WHO,
            **_WHERE,
            **_SESSION,
            console_session_duration=28800,
            granted_duration=28800,
            duration_reason="asked with access keys of an IAM user",
            signin_endpoint="https://eu-west-1.signin.aws.amazon.com/federation",
            console_destination="https://eu-west-1.console.aws.amazon.com/console/home?region=eu-west-1",
        ),
    ),
    (
        "A person may not open a target",
        AuditEvent(
            action=Action.OPEN_CONSOLE,
            outcome=_REFUSED,
            incident_id="j96j-hekq",
            reason="not in a group of the target",
            **_WHO,
            **_WHERE,
            decided_by="not in a group of the target",
            client_address="192.0.2.7",
            via="console",
        ),
    ),
    (
        "AWS did not open a console",
        AuditEvent(
            action=Action.OPEN_CONSOLE,
            outcome=_FAILED,
            incident_id="rg5b-gq5m",
            reason="RoleRefused",
            **_WHO,
            **_WHERE,
            decided_by="group 'sysadmin'",
            sts_request_id="c6104cbe-af31-11e0-8154-cbc7ccf896c7",
            cause="STS refused: AccessDenied",
            hint="the role's trust policy must allow sts:AssumeRole",
            client_address="192.0.2.7",
            via="console",
        ),
    ),
    (
        "Credentials were given without a console",
        AuditEvent(
            action=Action.GET_CREDENTIALS,
            outcome=_DONE,
            **_WHO,
            **_WHERE,
            **{**_SESSION, "via": "cli"},
            granted_duration=3600,
            duration_reason="asked with access keys of an IAM user",
        ),
    ),
    (
        "A person signed out",
        AuditEvent(action=Action.SIGN_OUT, outcome=_DONE, **_WHO, client_address="192.0.2.7"),
    ),
    (
        "An operator ended a login",
        AuditEvent(action=Action.END_LOGIN, outcome=_DONE, **_WHO, decided_by="operator"),
    ),
    (
        "An operator blocked a person",
        AuditEvent(action=Action.BLOCK, outcome=_DONE, user_name="ada@example.com", decided_by="operator"),
    ),
    (
        "The block ended",
        AuditEvent(
            action=Action.LIFT_BLOCK, outcome=_DONE, user_name="ada@example.com", decided_by="operator"
        ),
    ),
    (
        "An operator froze a role",
        AuditEvent(action=Action.FREEZE_ROLE, outcome=_DONE, role_arn=_ROLE, decided_by="operator"),
    ),
    (
        "The role was thawed",
        AuditEvent(action=Action.THAW_ROLE, outcome=_DONE, role_arn=_ROLE, decided_by="operator"),
    ),
    (
        "An auditor read the access report",
        AuditEvent(
            action=Action.READ_ACCESS_REPORT,
            outcome=_DONE,
            **_WHO,
            decided_by="group 'auditors'",
            client_address="192.0.2.7",
        ),
    ),
    (
        "The identity provider changed its keys",
        AuditEvent(
            action=Action.IDP_KEYS_CHANGED,
            outcome=_DONE,
            idp_entity_id="https://idp.example.com/metadata",
            keys_added="3F:58:5E:83:…",
            keys_removed="90:A2:33:55:…",
        ),
    ),
    ("A checkpoint of the chain", AuditEvent(action=Action.CHECKPOINT, outcome=_DONE)),
)
"""A title and an event for each action; `open-console` and `sign-in` with their other outcomes."""


def written() -> list[dict[str, object]]:
    """The examples, linked as a process writes them, one each minute."""
    chain, found, last = Chain("web1/4711/2026-11-27T08:00:00Z"), [], None
    for number, (_, event) in enumerate(EXAMPLES):
        now = _BEGIN + timedelta(minutes=number)
        facts: dict[str, object] = {
            **event.facts(),
            "configuration_hash": "efb87fba0839922e",
            "event": "audit",
            "level": "warning" if event.outcome is Outcome.FAILED else "info",
            "logger": "awscons.audit",
            "timestamp": now.isoformat().replace("+00:00", "Z"),
        }
        if event.action is Action.CHECKPOINT:
            heads = {chain.stream: [chain.seq - 1, chain.head]}
            facts |= {"heads": heads, "last_checkpoint": last, "at_stop": True}
        found.append(chain.link(facts, salt=f"{number:032x}", now=now))
    return found


def page() -> str:
    """The page."""
    parts = [
        "# Audit events: examples\n",
        "<!-- Written by `make reference`. Edit docs/reference/audit_examples.py instead. -->\n",
        "One event for each action, as a process would write them; [the reference](answers.md#audit-events) has the",
        "meaning of every field. Together they are a chain that `awscons audit verify` finds intact.\n",
    ]
    for (title, _), event in zip(EXAMPLES, written(), strict=True):
        parts += [f"## {title}\n", "```json", json.dumps(event, ensure_ascii=False), "```\n"]
    return "\n".join(parts)


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
