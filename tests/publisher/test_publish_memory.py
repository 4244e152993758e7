from __future__ import annotations

import gc
import os
import platform
import subprocess
import sys

import pytest

from crawler.loading import seldom_collecting
from tests.children import environment

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
    assert frozen  # by tests/conftest.py, and so it stays
    with seldom_collecting():
        there = gc.get_freeze_count()
        looks = sum(generation["collections"] for generation in gc.get_stats())
        kept = [[i] for i in range(40_000)]
        assert sum(generation["collections"] for generation in gc.get_stats()) == looks
        with seldom_collecting():
            assert gc.get_freeze_count() > there + len(kept)
    assert gc.get_threshold() == threshold
    assert gc.get_freeze_count() > there
    assert there > frozen


def test_who_had_nothing_kept_from_being_looked_through_has_nothing_again() -> None:
    code = "import gc; from crawler.loading import seldom_collecting\nwith seldom_collecting(): pass\nprint(gc.get_freeze_count())"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"


def test_what_is_kept_from_being_looked_through_is_not_counted_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with seldom_collecting():
        pass
    monkeypatch.setattr(gc, "get_freeze_count", lambda: pytest.fail("it was seen already"))  # as many steps as objects
    with seldom_collecting():
        pass
    monkeypatch.undo()
    assert gc.get_freeze_count()


def begun(script: str, command: str, name: str, given: str | None) -> list[str]:
    """The words that a script says which loads a command. given: what stands in the environment under this name, None: nothing."""
    env = {n: v for n, v in os.environ.items() if n != name} | ({name: given} if given else {})
    return subprocess.run(
        [sys.executable, "-c", script, command], check=True, capture_output=True, text=True, env=env
    ).stdout.split()


ARROW = """
import os, sys
from schedules.cli import load_command

class Noting:
    def find_spec(self, name, path=None, target=None):
        if name == "pyarrow":
            print(os.environ.get("MIMALLOC_PURGE_DELAY"))
            sys.meta_path.remove(self)

sys.meta_path.insert(0, Noting())
load_command(sys.argv[1])
import numpy as np
import pyarrow as pa
from publisher.memory import give_back

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1])

several = [pa.allocate_buffer(3 << 20) for _ in range(24)]
for one in several:
    np.frombuffer(one, np.uint8)[::4096] = 1
del several, one
held = resident()
give_back()
print(pa.default_memory_pool().backend_name, held - resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("command", "given", "wanted"), [("publish", None, "60000"), ("publish", "500", "500"), ("sync", None, "None")]
)
def test_a_publish_keeps_what_arrow_frees_until_it_gives_it_back(command: str, given: str | None, wanted: str) -> None:
    told, backend, pages = begun(ARROW, command, "MIMALLOC_PURGE_DELAY", given)
    assert told == wanted  # when pyarrow is loaded, which reads it once
    if backend == "mimalloc":
        assert int(pages) > 12_000  # of 4 KB, of the 72 MB


HUGE = """
import sys
from schedules.cli import load_command
load_command(sys.argv[1])
import pyarrow as pa
pa.array(["x" * 100] * 100_000)
with open("/proc/self/status") as file:
    told = [line.split()[1] for line in file if line.startswith("THP_enabled")]
print(pa.default_memory_pool().backend_name, *told)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("command", "given", "wanted"), [("publish", None, "0"), ("publish", "1", "1"), ("sync", None, "1")]
)
def test_a_publish_has_no_huge_pages(command: str, given: str | None, wanted: str) -> None:
    """Each of them costs milliseconds where a machine gets its memory when it is first touched."""
    backend, *told = begun(HUGE, command, "MIMALLOC_ALLOW_THP", given)
    if backend == "mimalloc" and told:  # an older kernel does not tell
        assert told == [wanted]
