"""How the process asks for memory. A feed's columns are taken and given back block by block; pages that go back to the
system at once have to be asked for and cleared again for the next block, a tenth of the time of reading.
"""

import ctypes
import os
import sys
from contextlib import suppress

JEMALLOC = "_RJEM_MALLOC_CONF"  # read once, when the library of polars is loaded
GLIBC = "MALLOC_ARENA_MAX"  # read once, when the process starts
_KEPT = "background_thread:true,dirty_decay_ms:5000,muzzy_decay_ms:5000,narenas:2,tcache_max:4096"
_ARENAS, _M_ARENA_MAX = 2, -8  # the latter is glibc's number of the option, from malloc.h


def keep_pages() -> None:
    """Lets polars keep pages for some seconds, and bounds what both allocators hold for threads. What the environment says
    already stands. To be called before polars is imported and before threads start; elsewhere it has no effect."""
    if not sys.platform.startswith("linux"):
        return
    os.environ.setdefault(JEMALLOC, _KEPT)
    if GLIBC not in os.environ:
        with suppress(AttributeError, OSError):  # a system without glibc has no such option
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
