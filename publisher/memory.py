"""What the C library and Arrow do with memory that is freed."""

from __future__ import annotations

import os

import numpy as np

# glibc gives a block of more than 128 KB back to the system at once, until a larger one was freed: up to that size it keeps them
# then. 32 MB is the most that it takes for it.
_KEPT = 31 << 20


def keep_freed() -> None:
    """Let arrays of some megabytes be made of memory that was freed before.

    Who makes and frees them by the thousand otherwise pays the system for each of their pages, each time: a sixth of the CPU time
    of comparing texts. Costs nothing, holds at most some dozen megabytes, and does nothing where the C library is another one.
    """
    np.empty(_KEPT, np.uint8)  # its pages are never touched


# Of mimalloc, which Arrow has from its wheels on; it reads them when it is loaded.
ARROW = {
    # Milliseconds after which freed memory goes back to the system: with its 1,000 each batch and part fetches its own anew, page by page, on a
    # machine that has other work.
    "MIMALLOC_PURGE_DELAY": "60000",
    # No huge pages, for the whole process: a virtual machine that gets its memory when it is first touched, or has it in pieces, pays milliseconds
    # for each: 7 to 13 % of the CPU time of a first publish of 200,000 speeches (docs/benchmarks.md#publish).
    "MIMALLOC_ALLOW_THP": "0",
}


def keep_freed_by_arrow() -> None:
    """Let Arrow keep what is freed, until `give_back`: half of the page faults of a first publish beside other work; and have no huge pages.

    For the start of a process, before pyarrow is loaded; later it does nothing. What somebody has set stays.
    """
    for name, value in ARROW.items():
        os.environ.setdefault(name, value)


def give_back() -> None:
    """Give back to the system what Arrow keeps of freed memory: what follows takes memory elsewhere."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()
