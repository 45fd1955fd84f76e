"""What the configuration decides about the audit log. A frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from awscons.audit.chain import AuditKey


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """The audit log.

    file       where events go; None: standard error
    key        signs events; None: they are chained alone
    key_file   the same key in a file, which holds the key of the current hour alone
    required   whether a sign-in or a console fails whose event cannot be written
    """

    file: Path | None = None
    key: AuditKey | None = field(default=None, repr=False)
    key_file: Path | None = None
    required: bool = True
