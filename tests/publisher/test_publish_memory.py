from __future__ import annotations

import gc
import platform
import subprocess
import sys

import pytest

from publisher.memory import seldom_collecting

COUNT = """
import resource, sys
import numpy as np
if sys.argv[1] == "kept":
    from publisher.memory import keep_freed
    keep_freed()
several = [np.ones(1 << 20, np.uint8) for _ in range(12)]
del several
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    several = [np.ones(1 << 20, np.uint8) for _ in range(12)]
    del several
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library does as it likes")
def test_freed_arrays_are_not_fetched_from_the_system_again() -> None:
    faults = {}
    for how in ("plain", "kept"):
        done = subprocess.run([sys.executable, "-c", COUNT, how], check=True, stdout=subprocess.PIPE, text=True)
        faults[how] = int(done.stdout)
    assert faults["kept"] < faults["plain"] / 4  # of some 150,000 pages


def test_garbage_is_seldom_looked_for_and_never_among_what_was_there() -> None:
    threshold, frozen = gc.get_threshold(), gc.get_freeze_count()
    with seldom_collecting():
        there = gc.get_freeze_count()
        looks = sum(generation["collections"] for generation in gc.get_stats())
        kept = [[i] for i in range(40_000)]
        assert sum(generation["collections"] for generation in gc.get_stats()) == looks
        with seldom_collecting():
            assert gc.get_freeze_count() > there + len(kept)
    assert (gc.get_threshold(), gc.get_freeze_count()) == (threshold, 0)
    assert there > frozen
