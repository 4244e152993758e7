"""A folder that the tests themselves may not look into, whoever runs them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def denied(folder: Path) -> Iterator[None]:
    """Until the block ends nobody may look into `folder`: not even root, who is somebody else meanwhile.

    What the block calls must have been loaded before, since libraries may lie in a home.
    """
    mode = folder.stat().st_mode
    folder.chmod(0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(mode)
