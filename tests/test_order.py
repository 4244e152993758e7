"""How the tests are run: the longest files first."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import LONGEST

HERE = Path(__file__).parent


def test_the_files_that_are_begun_first_are_there() -> None:
    assert [name for name in LONGEST if not (HERE / name).is_file()] == []
    assert len(set(LONGEST)) == len(LONGEST)
