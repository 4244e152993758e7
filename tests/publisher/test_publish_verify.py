from __future__ import annotations

import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from publisher_made import page, records, speech, text

from crawler.errors import DamagedError, UsageError
from publisher.release import publish_records
from publisher.verify import verify

DAY = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify") / "datasets" / "speeches"
    rows = [speech("a", n) for n in range(12)] + [speech("b", n, text(("a", n))) for n in range(4)]
    publish_records(folder, records(rows), now=DAY)
    publish_records(folder, records([*rows[1:], speech("a", 50)], [page(rows[0], "gone")]), now=DAY + timedelta(days=1))
    return folder


def files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in (".lock",) and "latest" not in p.parts)


def test_every_single_bit_flip_is_found_and_the_file_named(published: Path) -> None:
    rng = random.Random(11)
    found = files(published.parent)
    assert len(found) > 30
    for path in found:
        data = path.read_bytes()
        for at in {rng.randrange(len(data)), rng.randrange(len(data))}:
            flipped = bytearray(data)
            flipped[at] ^= 1 << rng.randrange(8)
            # in place, so that what is hard linked is damaged in all its places, as on a real disk
            path.write_bytes(flipped)
            try:
                with pytest.raises((DamagedError, UsageError)) as caught:
                    verify(published)
                told = str(caught.value)
                assert path.name in told or str(path.parent) in told, (path, told)
            finally:
                path.write_bytes(data)
    assert verify(published).versions == ["2026-11-22.1", "2026-11-23.1"]


def test_missing_and_strange_files_are_named(published: Path, tmp_path: Path) -> None:
    for name in ("tables/speeches", "versions/2026-11-22.1/duplicates"):
        copy = tmp_path / name.replace("/", "-") / "speeches"
        shutil.copytree(published, copy, symlinks=True)
        part = next((copy / name).iterdir())
        part.unlink()
        with pytest.raises(DamagedError, match=part.name):
            verify(copy)
    (copy / "versions" / "2026-11-23.1" / "notes.txt").write_text("x")
    with pytest.raises(DamagedError, match=r"notes\.txt"):
        verify(copy, "2026-11-23.1")


def test_one_version_alone(published: Path) -> None:
    assert verify(published, "2026-11-22.1").versions == ["2026-11-22.1"]
    assert verify(published, "latest").versions == ["2026-11-23.1"]
    with pytest.raises(UsageError, match="unknown version") as caught:
        verify(published, "2025-01-01.1")
    assert "2026-11-23.1" in str(caught.value)


def test_copied_datasets_verify(published: Path, tmp_path: Path) -> None:
    copy = tmp_path / "speeches"
    shutil.copytree(published, copy, symlinks=True)
    assert verify(copy).rows >= verify(published).rows


def test_missing_derived_files_are_no_damage(published: Path, tmp_path: Path) -> None:
    copy = tmp_path / "speeches"
    shutil.copytree(published, copy, symlinks=True)
    (copy / "versions.json").unlink()
    verify(copy)
