"""`awscons serve --reload`: restart the command when one of its files has changed. For development only.

Each start is a new process, because a running process keeps the modules that it has imported.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import FrameType

_POLL_INTERVAL = 0.5
"""Seconds between two checks of the files."""

_Stamps = dict[Path, tuple[int, int]]


def serve_and_reload(
    arguments: Sequence[str],
    *,
    files: Sequence[Path],
    folders: Sequence[Path],
    say: Callable[[str, str], None],
) -> int:
    """Run `python -m awscons` with `arguments` until interrupted, and restart it after each change.

    files, folders   files to watch, and folders to watch with everything below them
    say              tells the developer: the name of an event, and a sentence
    Returns the exit status. If the program ends by itself, for example because of a mistake in the
    configuration, it is started again at the next change.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    while True:
        seen = _stamps(files, folders)
        running = subprocess.Popen([sys.executable, "-m", "awscons", *arguments])  # noqa: S603  starts awscons itself
        try:
            is_over = False
            while _stamps(files, folders) == seen:
                if not is_over and running.poll() is not None:
                    is_over = True
                    say("reload.waiting", "awscons: not running; waiting for a file to change")
                time.sleep(_POLL_INTERVAL)
            say("reload.restarting", "awscons: a file has changed, starting again")
        except KeyboardInterrupt:
            return 130
        finally:
            running.terminate()
            running.wait()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _stamps(files: Sequence[Path], folders: Sequence[Path]) -> _Stamps:
    """Size and modification time of every file that exists."""
    found: _Stamps = {}
    for path in _all(files, folders):
        try:
            status = path.stat()
        except OSError:
            continue
        found[path] = (status.st_mtime_ns, status.st_size)
    return found


def _all(files: Sequence[Path], folders: Sequence[Path]) -> Iterable[Path]:
    yield from files
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and path.suffix != ".pyc":
                yield path
