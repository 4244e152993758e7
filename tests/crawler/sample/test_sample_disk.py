"""Writing the sample to a folder that cannot take it."""

from __future__ import annotations

from pathlib import Path

import pytest

from crawler.errors import JianghuaError
from crawler.sample.build import build, write


def test_a_folder_that_cannot_be_written_is_told_as_that(tmp_path: Path) -> None:
    sample = build(articles=1, chars=50, sites=("zhimo",))
    (tmp_path / "zhimo").write_text("a file where the site's folder would be")
    with pytest.raises(JianghuaError, match="cannot write"):
        write(sample, tmp_path)
