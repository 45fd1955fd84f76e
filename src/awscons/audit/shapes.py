"""Our finished events in the shapes that a SIEM reads: OCSF 1.8 and the Elastic Common Schema. Never a second log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from awscons import __version__

_OCSF = "1.8.0"
_STATUS = {"done": (1, "Success"), "refused": (2, "Failure"), "failed": (2, "Failure")}
_LOGON, _LOGOFF = 1, 2
_ASSIGN_PRIVILEGES, _OTHER = 1, 99
_AUTHENTICATION = {
    "sign-in": (_LOGON, "Logon"),
    "sign-out": (_LOGOFF, "Logoff"),
    "end-login": (_LOGOFF, "Logoff"),
}
_SESSION = {"open-console", "get-credentials"}
_BEGINS, _ENDS = (("authentication", "session"), ("start",)), (("authentication", "session"), ("end",))
_ADMINISTERS = (("iam",), ("admin", "change"))
_ECS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "sign-in": _BEGINS,
    "sign-in-terminal": _BEGINS,
    "sign-out": _ENDS,
    "end-login": _ENDS,
    "open-console": (("session",), ("start",)),
    "get-credentials": (("session",), ("start",)),
    "block": _ADMINISTERS,
    "lift-block": _ADMINISTERS,
    "freeze-role": _ADMINISTERS,
    "thaw-role": _ADMINISTERS,
    "configuration-in-force": (("configuration",), ("info",)),
    "idp-keys-changed": (("configuration",), ("change",)),
}
"""Category and type in ECS of what was done; a category expects certain types alone."""


def to_ocsf(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """The event as OCSF: Authentication (3002) or Authorize Session (3003); None for one that is neither."""
    action = str(event.get("action"))
    if action in _AUTHENTICATION:
        activity, name = _AUTHENTICATION[action]
        # OCSF wants the service that somebody signs in to.
        own: dict[str, Any] = {"service": {"name": "awscons"}, "auth_protocol_id": 5, "auth_protocol": "SAML"}
        session = event.get("login_id")
        own |= {"session": {"uid": session, "issuer": "awscons"}} if session else {}
        return _ocsf(event, 3002, "Authentication", activity, name) | own
    if action in _SESSION:
        shape = _ocsf(event, 3003, "Authorize Session", _ASSIGN_PRIVILEGES, "Assign Privileges")
        # OCSF has an activity for roles from 1.9 on.
        role = {"privileges": [str(event["role_arn"])]} if "role_arn" in event else {}
        return shape | role | ({"session": _session(event)} if "role_session_name" in event else {})
    return None


def _ocsf(event: Mapping[str, Any], uid: int, name: str, activity: int, activity_name: str) -> dict[str, Any]:
    status, status_name = _STATUS.get(str(event.get("outcome")), (_OTHER, "Other"))
    shape: dict[str, Any] = {
        "activity_id": activity,
        "activity_name": activity_name,
        "category_uid": 3,
        "category_name": "Identity & Access Management",
        "class_uid": uid,
        "class_name": name,
        "type_uid": uid * 100 + activity,
        "type_name": f"{name}: {activity_name}",
        "time": _milliseconds(event),
        "severity_id": 1 if status == 1 else 2,
        "severity": "Informational" if status == 1 else "Low",
        "status_id": status,
        "status": status_name,
        "user": {"name": str(event.get("user_name") or event.get("name_id") or "unknown")},
        "metadata": {
            "version": _OCSF,
            "product": {"name": "awscons", "vendor_name": "awscons", "version": __version__},
            "uid": str(event.get("hash") or f"{event.get('stream')}#{event.get('seq')}"),
            "log_name": "audit",
        },
    }
    if "name_id" in event:
        shape["user"]["uid"] = event["name_id"]
    reason = event.get("reason") or event.get("cause")
    if reason is not None:
        shape["status_detail"] = str(reason)
    if "client_address" in event:
        shape["src_endpoint"] = {"ip": event["client_address"]}
    return shape


def _session(event: Mapping[str, Any]) -> dict[str, Any]:
    session: dict[str, Any] = {"uid": event["role_session_name"], "issuer": "awscons"}
    granted = event.get("granted_duration")
    if isinstance(granted, int):
        session["expiration_time"] = _milliseconds(event) + 1_000 * granted
    return session


def to_ecs(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event with the fields of the Elastic Common Schema; our own fields stay under `awscons`."""
    outcome = {"done": "success", "refused": "failure", "failed": "failure"}.get(
        str(event.get("outcome")), "unknown"
    )
    action = str(event.get("action"))
    categories, types = _ECS.get(action, (("iam",), ("info",)))
    if outcome != "success":  # nothing began, ended or changed
        categories, types = categories[:1], ("info",)
    shape: dict[str, Any] = {
        "@timestamp": event.get("timestamp"),
        "ecs": {"version": "8.17.0"},
        "event": {
            "kind": "event",
            "category": list(categories),
            "type": list(types),
            "action": event.get("action") and action,
            "outcome": outcome,
            "reason": event.get("reason"),
            "dataset": "awscons.audit",
            "provider": "awscons",
        },
        "user": {"name": event.get("user_name"), "id": event.get("name_id")},
        "source": {"ip": event.get("client_address")},
        "user_agent": {"original": event.get("user_agent")},
        "cloud": {
            "provider": "aws",
            "account": {"id": _account(event)},
            "region": event.get("region"),
        },
        "awscons": dict(event),
    }
    return {name: value for name, value in _without_nothing(shape).items() if value != {"provider": "aws"}}


def _without_nothing(shape: Mapping[str, Any]) -> dict[str, Any]:
    """The shape without fields that have no value."""
    found: dict[str, Any] = {}
    for name, value in shape.items():
        kept = _without_nothing(value) if isinstance(value, Mapping) and name != "awscons" else value
        if kept is not None and kept != {}:
            found[name] = kept
    return found


def _account(event: Mapping[str, Any]) -> str | None:
    parts = str(event.get("role_arn", "")).split(":")
    return parts[4] if len(parts) > 5 else None  # noqa: PLR2004  arn:partition:iam::account:role/name


def _milliseconds(event: Mapping[str, Any]) -> int:
    try:
        return int(datetime.fromisoformat(str(event.get("timestamp"))).timestamp() * 1_000)
    except (ValueError, OverflowError):
        return 0
