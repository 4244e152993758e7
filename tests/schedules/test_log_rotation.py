"""Logs of runs go by age and by size; those of open runs stay, and no single log grows without end."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from crawler.home import Home
from schedules.log_rotation import rotate

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def write(home: Home, run: str, size: int, days_ago: float) -> Path:
    path = home.logs / run / "crawl.log"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"".join(b"line %06d\n" % n for n in range(size // 12)))
    for p in (path, path.parent):
        os.utime(p, (NOW.timestamp() - days_ago * 86400,) * 2)
    return path


def names(home: Home) -> list[str]:
    return sorted((p.name for p in home.logs.iterdir()), key=int)


def test_old_logs_go(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for n in range(1, 6):
        write(home, str(n), 1200, 10 * n)
    done = rotate(home, NOW, keep=timedelta(days=25), most=10**9, most_of_file=10**6, active={"5"})
    assert names(home) == ["1", "2", "5"]
    assert sorted(done.removed) == ["3", "4"]
    assert done.bytes == 2400


def test_the_oldest_go_when_all_are_too_large(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for n in range(1, 6):
        write(home, str(n), 12_000, 6 - n)
    rotate(home, NOW, keep=timedelta(days=90), most=30_000, most_of_file=10**6, active={"1"})
    assert names(home) == ["1", "5"]


def test_a_log_that_is_written_to_loses_its_middle_and_goes_on(tmp_path: Path) -> None:
    home = Home(tmp_path)
    path = write(home, "7", 1_200_000, 0)
    with path.open("ab") as writer:  # as a step does
        done = rotate(home, NOW, keep=timedelta(days=90), most=10**9, most_of_file=200_000, active={"7"})
        writer.write(b"the last line\n")
    assert done.cut == ["7/crawl.log"]
    text = path.read_text()
    assert path.stat().st_size < 200_000
    assert text.startswith("line 000000\n")
    assert "left out" in text
    assert text.endswith("line 099999\nthe last line\n")
    assert rotate(home, NOW, keep=timedelta(days=90), most=10**9, most_of_file=200_000, active={"7"}).cut == []


def test_nothing_is_followed_out_of_the_folder(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "crawl.log").write_bytes(b"x" * 500_000)
    home.logs.mkdir(parents=True)
    (home.logs / "1").symlink_to(outside)
    rotate(home, NOW + timedelta(days=999), keep=timedelta(days=1), most=0, most_of_file=1000)
    assert (outside / "crawl.log").stat().st_size == 500_000


def test_no_logs_no_trouble(tmp_path: Path) -> None:
    assert rotate(Home(tmp_path), NOW, keep=timedelta(days=1), most=0, most_of_file=1000).removed == []
