"""What is loaded, and when Python looks for garbage in cycles: not while modules are loaded, and seldom while many objects are made."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


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
        _FROZEN.append(True)
        gc.enable()


class _Missing:
    """Finds no module of these names, and has nobody else look for them."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name in self.names:
            raise ModuleNotFoundError(f"{name} is not to be loaded here", name=name)


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Whatever is loaded meanwhile does without these modules, as if they were not installed; those that are loaded already stay.

    For libraries that load others in case somebody wants what these can do.
    """
    missing: Any = _Missing(names)
    sys.meta_path.insert(0, missing)
    try:
        yield
    finally:
        sys.meta_path.remove(missing)


# Objects more than before, after which Python looks for cycles among the new ones: 700 when nobody says otherwise. A page makes some
# thousands, a batch of texts that is compared tens of thousands.
NEW = 50_000
_FROZEN: list[bool] = []  # filled when it is known that something is kept from being looked through


def _frozen() -> bool:
    """Whether something is kept from being looked through. To count it takes as long as there are objects, 50 ms for 600,000 of them, so
    that it is done until there are some."""
    if not _FROZEN and gc.get_freeze_count():
        _FROZEN.append(True)
    return bool(_FROZEN)


@contextmanager
def seldom_collecting() -> Iterator[None]:
    """Have Python look for garbage in cycles seldom, and never among what is there already, which are the modules.

    Otherwise it walks through what was made with each page that is read, and through everything some dozens of times while a version is
    built. What is not in a cycle, as all trees and tables are, goes as before, at once.
    """
    before, frozen = gc.get_threshold(), _frozen()
    gc.freeze()
    gc.set_threshold(NEW, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        if not frozen:  # whoever did that before wants it to stay
            gc.unfreeze()
