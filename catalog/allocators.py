"""How the process asks for memory. A feed's columns are taken and given back block by block; pages that go back to the
system at once have to be asked for and cleared again for the next block, a tenth of the time of reading.
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

JEMALLOC = "_RJEM_MALLOC_CONF"  # read once, when the library of polars is loaded
GLIBC = "MALLOC_ARENA_MAX"  # read once, when the process starts
_KEPT = "background_thread:true,dirty_decay_ms:5000,muzzy_decay_ms:5000,narenas:2,tcache_max:4096"
_ARENAS = 2
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # glibc's numbers of the options, from malloc.h
_AT_MOST, _AS_IT_WAS = 1 << 30, 32 << 20  # bytes; the latter is where glibc's own threshold ends up in a long process


def keep_pages() -> None:
    """Lets polars keep pages for some seconds, and bounds what both allocators hold for threads. What the environment says
    already stands. To be called before polars is imported and before threads start; elsewhere it has no effect."""
    if not sys.platform.startswith("linux"):
        return
    os.environ.setdefault(JEMALLOC, _KEPT)
    if GLIBC not in os.environ:
        with suppress(AttributeError, OSError):  # a system without glibc has no such option
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)


@contextmanager
def tensors_kept() -> Iterator[None]:
    """While torch trains, what one step gives back stays for the next; afterwards the system gets all of it.

    Every step asks for the same tensors of 10 to 400 MB. glibc maps each anew and gives it back, and the system clears a
    page at its first touch: 40% of a step of the picture tower, for a fifth to a third less memory. Without glibc nothing changes.
    """
    libc = ctypes.CDLL(None) if sys.platform.startswith("linux") else None
    if libc is None or not hasattr(libc, "mallopt"):
        yield
        return
    _set_thresholds(libc, _AT_MOST)
    try:
        yield
    finally:
        _set_thresholds(libc, _AS_IT_WAS)
        libc.malloc_trim(0)


def _set_thresholds(libc: ctypes.CDLL, size: int) -> None:
    for option in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD):
        libc.mallopt(option, size)
