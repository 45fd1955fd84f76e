"""Memory settings of a process, made before it has threads or children.

glibc gives each thread an arena of its own, up to eight for each processor, and memory that is free in one arena
does not serve the others. With 64 threads this makes a worker larger by about ten MiB. Python's lock lets one
thread run at a time, so more than a few arenas bring no speed.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Mapping

_ARENA_MAX = -8
"""`M_ARENA_MAX` of glibc's malloc.h."""
_MAX_ARENAS = 2


def limit_malloc_arenas(environment: Mapping[str, str]) -> bool:
    """Limit this process and its children to two malloc arenas. True when the limit is set.

    environment   of the process; where it has `MALLOC_ARENA_MAX`, that value counts instead
    Only glibc has arenas; musl, for example, has one heap and no such setting.
    """
    if "MALLOC_ARENA_MAX" in environment:
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and mallopt(_ARENA_MAX, _MAX_ARENAS) == 1


def freeze_gc() -> None:
    """Exclude everything allocated so far from garbage collection; call it before a fork.

    A collector writes to every object that it visits, so each child would get its own copy of those pages.
    """
    gc.collect()
    gc.freeze()
