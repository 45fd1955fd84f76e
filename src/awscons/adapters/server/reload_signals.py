"""How the parent process tells its workers that the configuration was read again, and how it went.

Both sides share a few bytes of memory, made before the fork. A pid file tells `awscons reload` whom to signal.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from collections.abc import Callable, Iterable
from pathlib import Path

_FORMAT = struct.Struct("=Q?")


class ReloadSignals:
    """A counter of sound configurations, and whether the last attempt failed."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, _FORMAT.size)

    def succeed(self) -> None:
        """A sound configuration was read: the workers have to read it as well."""
        self._write(self.generation + 1, has_failed=False)

    def fail(self) -> None:
        """The configuration is not sound: the workers go on with the one that they have."""
        self._write(self.generation, has_failed=True)

    @property
    def generation(self) -> int:
        """How often a sound configuration was read since the start."""
        return int(_FORMAT.unpack(self._shared[: _FORMAT.size])[0])

    @property
    def has_failed(self) -> bool:
        """Whether the last configuration was not sound."""
        return bool(_FORMAT.unpack(self._shared[: _FORMAT.size])[1])

    def _write(self, generation: int, *, has_failed: bool) -> None:
        self._shared[: _FORMAT.size] = _FORMAT.pack(generation, has_failed)


class FileWatch:
    """Tells when one of some files has changed since it was last asked."""

    def __init__(self, files: Callable[[], Iterable[Path]]) -> None:
        """`files`: asked each time, since a new configuration may be read from other files."""
        self._files = files
        self._seen = self._states()

    def has_changed(self) -> bool:
        """Whether a file is different from what it was when this was last asked."""
        before, self._seen = self._seen, self._states()
        return before != self._seen

    def _states(self) -> dict[Path, tuple[int, int] | None]:
        return {file: _state(file) for file in self._files()}


def _state(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    # The inode as well: Kubernetes and editors replace a file, perhaps by one with the same time.
    return found.st_mtime_ns, found.st_ino


# --- the pid file ------------------------------------------------------------------------


def hold_pid_file(path: Path) -> int | None:
    """Write our process id to `path`, and lock the file for as long as this process lives.

    Returns the open file, to be kept; None if the file cannot be written: SIGHUP works without it.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.truncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
    except OSError:
        return None
    return file


def running_pid(path: Path) -> int | None:
    """The process that holds the pid file; None if no process holds it. Raises OSError if it cannot be read."""
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.read(file, 20))
    finally:
        os.close(file)
    return None
