"""Loading modules without looking for garbage meanwhile."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """While a process loads what it runs: hardly anything that modules make is ever garbage, yet Python looks through all of it again
    and again, which costs an eighth of the CPU time of loading.

    What there is at the end is not looked through any more. For the start of a process, before it has done anything.
    """
    if not gc.isenabled():  # within another one, or somebody means it to be off
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
