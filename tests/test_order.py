"""How the tests are run: the longest files first, those that belong together by one worker, no code compiled at each start."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from tests.children import environment
from tests.conftest import LONGEST, TOGETHER, pytest_xdist_make_scheduler

HERE = Path(__file__).parent


def test_the_files_that_are_begun_first_are_there() -> None:
    assert [name for name in LONGEST if not (HERE / name).is_file()] == []
    assert len(set(LONGEST)) == len(LONGEST)
    assert [name for pair in TOGETHER.items() for name in pair if not (HERE.parent / name).is_file()] == []


def test_files_that_belong_together_go_to_one_worker(pytestconfig: pytest.Config) -> None:
    pytest.importorskip("xdist")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pytestconfig.option, "dist", "loadfile")
        patch.setattr(pytestconfig.option, "tx", ["popen"])
        made = pytest_xdist_make_scheduler(pytestconfig, None)
    places = {made._split_scope(f"{name}::test_a") for name in TOGETHER}
    assert places == {"tests/service/test_three_days.py"}
    assert made._split_scope("tests/test_order.py::test_a[x]") == "tests/test_order.py"


def test_nobody_looks_through_what_was_collected_for_garbage() -> None:
    assert gc.isenabled()
    assert gc.get_freeze_count() > 10_000


def test_what_a_child_compiles_is_kept() -> None:
    code = "import sys; print(sys.dont_write_bytecode)"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    assert not sys.dont_write_bytecode
