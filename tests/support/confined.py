"""A program as systemd would run it: another user, its environment, and the system calls that a unit lets it make.

`python -m support.confined UNIT USER COMMAND…`, run in `tests`, reads from the unit what concerns the program itself
(`SystemCallFilter`, `RestrictAddressFamilies`, `MemoryDenyWriteExecute`), takes that upon itself, and becomes
the command. Nothing here needs systemd to be running, only its list of system calls.
"""

from __future__ import annotations

import ctypes
import errno
import os
import pwd
import socket
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

_PR_SET_NO_NEW_PRIVS = 38
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000  # SCMP_ACT_ALLOW, SCMP_ACT_ERRNO
_EQUAL, _MASKED_EQUAL = 4, 7  # SCMP_CMP_EQ, SCMP_CMP_MASKED_EQ
_PROT_WRITE, _PROT_EXEC = 2, 4
_MAX_FAMILIES = 46


class _Comparison(ctypes.Structure):
    """`scmp_arg_cmp` of libseccomp."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


class _Filter:
    """A filter of system calls, of libseccomp; filters add up."""

    def __init__(self, default: int) -> None:
        self._library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
        self._library.seccomp_init.restype = ctypes.c_void_p
        self._context = ctypes.c_void_p(self._library.seccomp_init(ctypes.c_uint32(default)))

    def rule(self, action: int, name: str, *comparisons: _Comparison) -> None:
        """One rule; a call that this kind of processor does not have needs none."""
        number = self._library.seccomp_syscall_resolve_name(name.encode())
        if number < 0:
            return
        added = self._library.seccomp_rule_add_array(
            self._context,
            ctypes.c_uint32(action),
            number,
            len(comparisons),
            (_Comparison * len(comparisons))(*comparisons),
        )
        assert added == 0, (name, added)

    def load(self) -> None:
        """From now on, for this process and all that come of it."""
        assert self._library.seccomp_load(self._context) == 0


def settings_of(unit: Path) -> dict[str, list[str]]:
    """The settings of a unit, each with its values in order."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith(("#", ";", "[")):
            found.setdefault(name, []).append(value)
    return found


def _calls(names: Iterable[str]) -> set[str]:
    """System calls by their names, and by systemd's names for groups of them."""
    found: set[str] = set()
    for name in names:
        if not name.startswith("@"):
            found.add(name)
            continue
        listed = subprocess.run(
            ["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True
        ).stdout
        # The name of the group; then, indented, its calls and groups, and a comment on what it is for.
        found |= _calls(
            line.strip() for line in listed.splitlines() if line.startswith("    ") and "#" not in line
        )
    return found


def _allowed_calls(filters: Sequence[str]) -> set[str]:
    allowed: set[str] = set()
    for value in filters:
        if value.startswith("~"):
            allowed -= _calls(value.removeprefix("~").split())
        else:
            allowed |= _calls(value.split())
    return allowed


def _shut_in(unit: Path) -> None:
    settings = settings_of(unit)
    listed = _Filter(_REFUSE | errno.EPERM)
    for name in sorted(_allowed_calls(settings["SystemCallFilter"])):
        listed.rule(_ALLOW, name)
    refused = _Filter(_ALLOW)
    families = {
        getattr(socket, name) for value in settings["RestrictAddressFamilies"] for name in value.split()
    }
    for family in set(range(_MAX_FAMILIES)) - families:
        refused.rule(_REFUSE | errno.EAFNOSUPPORT, "socket", _Comparison(0, _EQUAL, family, 0))
    if settings["MemoryDenyWriteExecute"] == ["yes"]:
        both = _PROT_WRITE | _PROT_EXEC
        refused.rule(_REFUSE | errno.EPERM, "mmap", _Comparison(2, _MASKED_EQUAL, both, both))
        for name in ("mprotect", "pkey_mprotect"):
            refused.rule(_REFUSE | errno.EPERM, name, _Comparison(2, _MASKED_EQUAL, _PROT_EXEC, _PROT_EXEC))
    assert ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    refused.load()
    listed.load()


def _become(name: str) -> None:
    """Another user, where this is root; nobody else can."""
    if os.getuid() != 0:
        return
    user = pwd.getpwnam(name)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def main() -> None:
    """Become the command."""
    _, unit, user, *command = sys.argv
    variables = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "STATE_DIRECTORY")}
    _become(user)
    os.umask(0o077)
    os.chdir("/")
    _shut_in(Path(unit))
    os.execve(command[0], command, {**variables, "HOME": "/nonexistent", "LANG": "C.UTF-8"})


if __name__ == "__main__":
    main()
