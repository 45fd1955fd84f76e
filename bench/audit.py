"""What the chain of audit events costs: one event written plain, chained, and signed, in turns in one process."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from awscons.adapters.audit_streams import AuditStream, FileSink
from awscons.audit.chain import AuditKey, hour_of

_EVENT: Mapping[str, object] = {
    "event": "audit",
    "action": "open-console",
    "outcome": "done",
    "login_id": "a" * 64,
    "user_name": "ada@example.com",
    "name_id": "ada@example.com",
    "target": "cloudadmin",
    "role_arn": "arn:aws:iam::123456789012:role/CloudAdmin",
    "decided_by": "group 'sysadmin'",
    "role_session_name": "ada@example.com",
    "assumed_role_arn": "arn:aws:sts::123456789012:assumed-role/CloudAdmin/ada@example.com",
    "client_address": "192.0.2.7",
    "granted_duration": 28_800,
}


def audit(folder: Path, *, events: int, turns: int) -> dict[str, Any]:
    """Microseconds for each event, by the way of writing."""
    key = AuditKey(hour_of(datetime.now(UTC)), os.urandom(32))
    plain = FileSink(folder / "audit-plain.log")
    ways: dict[str, Callable[[], None]] = {
        "plain": lambda: plain.write(json.dumps({**_EVENT, "timestamp": datetime.now(UTC).isoformat()})),
        "chained": _writer(folder / "audit-chained.log", None),
        "signed": _writer(folder / "audit-signed.log", key),
    }
    found: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(turns):
        for way, write in ways.items():
            begun = time.perf_counter()
            for _ in range(events):
                write()
            found[way].append(1e6 * (time.perf_counter() - begun) / events)
    row = {f"{way}_us": round(median(own), 1) for way, own in found.items()}
    print(
        f"  an audit event: {row['plain_us']} µs plain, {row['chained_us']} µs chained, {row['signed_us']} µs signed",
        flush=True,
    )
    return row


def _writer(file: Path, key: AuditKey | None) -> Callable[[], None]:
    stream = AuditStream(lambda: datetime.now(UTC))
    stream.use(None, json.dumps)
    stream.keep(file, heads=None, key=key.at if key else None, serves=False)
    return lambda: stream.write(_EVENT)
