"""The last good metadata of the identity provider on disk, shared by all processes of this host. It holds no secret."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

_CLOCK_SKEW = timedelta(minutes=1)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SavedMetadata:
    """A document, and when it was fetched (UTC)."""

    document: bytes
    fetched_at: datetime


class MetadataCopy:
    """The copy of the document from one location, in a file whose time stamp says when it was fetched."""

    def __init__(self, folder: Path, location: str) -> None:
        name = hashlib.sha256(location.encode()).hexdigest()[:16]
        self._path = folder / f"idp-metadata-{name}.xml"

    def read(self, now: datetime) -> SavedMetadata | None:
        """The copy; None if there is none, or if its time stamp lies ahead of `now`.

        Such a time stamp comes from a clock that was wrong, or from somebody who wants a copy of theirs trusted for
        long without a look at the source.
        """
        try:
            fetched_at = datetime.fromtimestamp(self._path.stat().st_mtime, tz=UTC)
            document = self._path.read_bytes()
        except (OSError, ValueError, OverflowError):
            return None
        return SavedMetadata(document, fetched_at) if fetched_at <= now + _CLOCK_SKEW else None

    def write(self, document: bytes, now: datetime) -> None:
        """Write the whole file or nothing. A failure is logged, and the service works without a copy."""
        draft = self._path.with_suffix(f".{os.getpid()}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.write_bytes(document)
            os.utime(draft, (now.timestamp(), now.timestamp()))
            draft.replace(self._path)
        except OSError as error:
            _log.warning(
                "idp_metadata.copy_not_saved",
                file=str(self._path),
                cause=error.strerror or type(error).__name__,
            )
