"""Files are written whole, and what is in their way is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from crawler.durable import alone, write_bytes
from crawler.errors import JianghuaError


def test_a_folder_in_the_place_of_a_file_and_a_file_in_that_of_a_folder_are_told(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("kept")
    for path, remedy in {
        tmp_path / "folder": "move the folder away that lies in the place of this file",
        tmp_path / "file" / "under": "move the file away that lies in the place of",
    }.items():
        with pytest.raises(JianghuaError, match="cannot write") as caught:
            write_bytes(path, b"x")
        assert remedy in str(caught.value.remedy)
    with pytest.raises(JianghuaError, match="cannot write") as caught, alone(tmp_path / "file"):
        pass
    assert "move the file away" in str(caught.value.remedy)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "kept"
