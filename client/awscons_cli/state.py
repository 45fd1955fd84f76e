"""The state folder: files that only their owner can read, each replaced as a whole, and locks between processes.

Imports only what Python has loaded anyway: every call of a helper passes here.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import contextmanager

from awscons_cli.errors import KINDS, ClientError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any


def state_folder(environment: Mapping[str, str], platform: str = sys.platform) -> str:
    """Where this client remembers things: `AWSCONS_CLI_STATE`, `XDG_STATE_HOME`, or the platform's place."""
    own = environment.get("AWSCONS_CLI_STATE")
    if own:
        return os.path.abspath(own)
    base = environment.get("XDG_STATE_HOME", "")
    if not os.path.isabs(base):  # relative paths are to be ignored: XDG Base Directory Specification
        home = os.path.expanduser("~")
        if platform == "darwin":
            base = os.path.join(home, "Library", "Application Support")
        elif platform == "win32":
            base = environment.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
        else:
            base = os.path.join(home, ".local", "state")
    return os.path.join(base, "awscons-cli")


def file_name(text: str) -> str:
    """A name for files that no other text has."""
    return "".join(each if each.isalnum() or each in ".-" else f"_{ord(each):x}" for each in text)


def write_private(path: str, content: bytes, mode: int = 0o600) -> None:
    """Replace a file as a whole; nobody ever sees half of it. Raises OSError."""
    new = f"{path}.{os.urandom(6).hex()}.new"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        if os.name == "posix":
            os.chmod(new, mode)  # the umask may have taken bits away
        os.replace(new, path)
    except BaseException:
        os.unlink(new)
        raise


class State:
    """One folder of the state folder: for everything, or for one service."""

    def __init__(self, folder: str, parent: State | None = None) -> None:
        self.folder = folder
        self.parent = parent

    def __repr__(self) -> str:
        return f"State({self.folder!r})"

    def of(self, name: str) -> State:
        """The folder for one service."""
        return State(os.path.join(self.folder, file_name(name)), self)

    def read(self, name: str) -> dict[str, Any]:
        """The object in that file; an empty one if there is no file, or if it holds anything else."""
        try:
            with open(os.path.join(self.folder, name), "rb") as file:
                found = json.loads(file.read())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def write(self, name: str, value: Mapping[str, Any]) -> None:
        """Replace that file, for its owner alone. Raises ClientError."""
        try:
            self._make_folder()
            write_private(os.path.join(self.folder, name), json.dumps(value).encode())
        except OSError as error:
            raise self._cannot_write(error) from None

    def remove(self, *names: str) -> None:
        """Delete these files, where they are. Raises ClientError."""
        for name in names:
            try:
                os.unlink(os.path.join(self.folder, name))
            except FileNotFoundError:
                pass
            except OSError as error:
                raise self._cannot_write(error) from None

    def names(self) -> list[str]:
        """The files in the folder."""
        try:
            return sorted(os.listdir(self.folder))
        except OSError:
            return []

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold this lock among all processes; the system gives it back when a process dies. Raises ClientError."""
        try:
            self._make_folder()
            path = os.path.join(self.folder, f"{name}.lock")
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._cannot_write(error) from None
        try:
            _wait_for(descriptor)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def sharing_failure(self, name: str, begun: float) -> Iterator[None]:
        """For the block inside a lock: whoever waited shares its failure, so twenty do not wait for twenty timeouts.

        begun   when the wait for the lock began
        """
        failure = self.read(f"{name}.failure")
        try:
            if begun <= failure["at"] <= time.time():
                raise KINDS.get(failure["status"], ClientError)(failure["sentence"], failure["hint"])
        except (KeyError, TypeError):
            pass  # not what we wrote
        try:
            yield
        except ClientError as error:
            words = {"status": error.exit_status, "sentence": error.args[0], "hint": error.hint}
            self.write(f"{name}.failure", {"at": time.time(), **words})
            raise

    def _make_folder(self) -> None:
        if self.parent is not None:
            self.parent._make_folder()  # noqa: SLF001 - with the same mode
        os.makedirs(self.folder, mode=0o700, exist_ok=True)

    def _cannot_write(self, error: OSError) -> ClientError:
        return ClientError(
            f"The state folder {printable_path(self.folder)} cannot be written: {error.strerror}.",
            "AWSCONS_CLI_STATE can name another one.",
        )


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C and other signals wait until the end of this block: half of it would be worse than none."""
    import signal

    came: list[int] = []
    before = {}
    try:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None:
                before[number] = signal.signal(number, lambda number, _frame: came.append(number))
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in came:
            signal.raise_signal(number)


def printable_path(path: str) -> str:
    """A path for a message, with `~` for the home folder."""
    home = os.path.expanduser("~")
    return "~" + path[len(home) :] if path.startswith(home + os.sep) else path


def _wait_for(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        while True:  # each attempt gives up after ten seconds
            try:
                msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
            except OSError:
                continue
            return
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)
