"""What the C library does with memory that is freed."""

from __future__ import annotations

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
