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


_NEW = (
    20_000  # objects more than before, after which Python looks for cycles among them: 700 when nobody says otherwise
)


@contextmanager
def seldom_collecting() -> Iterator[None]:
    """Have Python look for garbage in cycles seldom, and never among what is there already, which are the modules.

    Otherwise a crawl looks for it with each page that it reads, whose tree is in no cycle.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_NEW, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
