"""Publishing while a write, fsync, rename or link fails: each in turn."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.publisher.publisher_disturbed import (
    EVERY_STEP,
    Days,
    Run,
    begin,
    left_over,
    runner,
    stands,
    tree,
    undisturbed_days,
)

STRIDE = 1 if EVERY_STEP else 43


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with runner() as ask:
        yield ask


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Days:
    return undisturbed_days(tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("memo", [False, True], ids=["no memo", "memo"])
def test_a_call_that_fails_is_a_clear_error_and_the_next_publish_needs_no_hand(
    tmp_path: Path, run: Run, undisturbed: Days, memo: bool
) -> None:
    """By turns the disk is full from a call on, and one call alone fails."""
    wanted = tree(undisturbed[1])
    failed, step = 0, STRIDE // 2 if memo else 0  # they fail at other calls each
    while True:
        folder = begin(undisturbed[0], tmp_path / str(step), memo)
        how = ("ENOSPC+", "EIO")[(step + memo) % 2]
        code, message, steps = run(folder, 1, memo=memo, fail_at=step, how=how)
        if steps <= step:
            break
        at = f"step {step} of {steps}, {how}: {message}"
        if code:
            failed += 1
            assert code == 1, at
            assert "cannot write" in message, at
            assert "where: " in message, at
            assert "do: " in message, at
        day = stands(folder, undisturbed[:2])
        assert not code or ("is published" in message) == (day == 1), at
        assert day == 1 or code, at
        again, told, _ = run(folder, 1, memo=memo)
        assert again == 0, f"{at}; then {told}"
        assert tree(folder) == wanted, at
        assert not left_over(folder), at
        shutil.rmtree(folder.parent)
        step += STRIDE
    assert (code, steps > 150) == (0, True)
    assert failed > 0.4 * steps / STRIDE
    assert tree(folder) == wanted
