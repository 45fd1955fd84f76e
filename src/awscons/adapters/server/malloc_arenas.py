"""What a process asks of the system's memory, set before it has threads or children.

glibc gives each thread a heap ("arena") of its own, up to eight for each processor, and what was freed in
one is of no use to the others. Sixty-four threads that allocate a little now and then make a worker larger
by ten MiB, and larger still for as long as their moments of most use happen to fall together. Python's own
lock lets one of them run at a time, so that there is nothing to gain from more than a few heaps.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Mapping

_ARENA_MAX = -8
"""`M_ARENA_MAX` of glibc's malloc.h."""
_HEAPS = 2


def limit_malloc_arenas(environment: Mapping[str, str]) -> bool:
    """Let the threads of this process, and of those that it forks, share two heaps; whether they will.

    environment   of the process; where `MALLOC_ARENA_MAX` is set it has been decided already
    Not for C libraries other than glibc: musl for example has one heap, and no such setting.
    """
    if "MALLOC_ARENA_MAX" in environment:
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and mallopt(_ARENA_MAX, _HEAPS) == 1


def freeze_gc() -> None:
    """Before a fork: what there is by now is here to stay, and no child's collector need look at it.

    It would write to each page that it looked at, and so make the child a copy of its own.
    """
    gc.collect()
    gc.freeze()
