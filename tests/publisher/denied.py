"""Folders that the tests themselves may not look into, or may only read, whoever runs them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

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


@contextmanager
def only_read(source: Path) -> Iterator[Path]:
    """A copy of a folder in which nothing may be written until the block ends, not even by root, who is somebody else meanwhile."""
    with TemporaryDirectory() as place:  # not below that of pytest, where nobody else may go
        Path(place).chmod(0o755)
        copy = Path(shutil.copytree(source, Path(place) / source.name, symlinks=True))
        folders = [copy, *(p for p in copy.rglob("*") if p.is_dir() and not p.is_symlink())]
        for path in (*folders, *(p for p in copy.rglob("*") if p.is_file())):
            path.chmod(0o555 if path.is_dir() else 0o444)
        root = os.geteuid() == 0
        if root:
            os.seteuid(NOBODY)
        try:
            yield copy
        finally:
            if root:
                os.seteuid(0)
            for path in folders:
                path.chmod(0o755)
