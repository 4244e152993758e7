"""Other Python processes that a test starts: what to run, and with the project's code rather than an installed one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def program(module: str, *arguments: object) -> list[str]:
    """The command that runs a module of the tests, such as `tests.publisher.delta_child`."""
    return [sys.executable, "-m", module, *map(str, arguments)]


def environment(**more: str) -> dict[str, str]:
    """This process's environment, in which the project's packages and `tests` are found first."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}
