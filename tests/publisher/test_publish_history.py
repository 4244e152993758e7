"""The memory of publishes: appended durably, bounded, readable whatever a kill has left; and what it says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crawler.errors import JianghuaError
from publisher.history import (
    NEVER,
    append,
    failing_since,
    history_path,
    joined,
    last_new,
    of_versions,
    past,
    read,
    run_of_zeros,
)
from publisher.manifest import Carried, Manifest, TableEntry
from publisher.quality import Counts, Measures, document

DAY = datetime(2026, 11, 1, 3, 0, tzinfo=UTC)


def run(day: int, added: int | None = 1, outcome: str = "published", **more: Any) -> dict[str, Any]:
    return {
        "at": (DAY + timedelta(days=day)).isoformat(),
        "outcome": outcome,
        "version": f"v{day}" if outcome == "published" else None,
        "added": added,
        "rows": {"a": 100},
        "new": {},
        "failed": {},
        "values": {},
    } | more


def test_what_is_appended_is_read_and_the_file_stays_bounded(tmp_path: Path) -> None:
    path = history_path(tmp_path / "publish")
    assert path.name == "history-speeches.jsonl"
    assert read(path) == []
    for n in range(23):
        append(path, run(n), kept=5)
        assert read(path)[-1] == run(n)
        assert len(read(path)) <= 10
    assert read(path) == [run(n) for n in range(23 - len(read(path)), 23)]
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("left", [1, 20, 0])
def test_a_line_that_was_cut_short_is_no_entry_and_spoils_no_other(tmp_path: Path, left: int) -> None:
    path = tmp_path / "h.jsonl"
    for n in range(3):
        append(path, run(n))
    whole = path.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    path.write_bytes(whole[: len(whole) - len(last) + left])
    assert read(path) == [run(0), run(1)]
    append(path, run(7))
    assert read(path) == [run(0), run(1), run(7)]


def test_damage_and_foreign_lines_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    path.write_bytes(b"\xff\xfe\n[]\n{}\n" + json.dumps(run(1)).encode() + b"\n")
    assert read(path) == [run(1)]


def test_a_folder_that_is_none_is_an_error_for_people(tmp_path: Path) -> None:
    (tmp_path / "publish").write_text("")
    with pytest.raises(JianghuaError, match="cannot write"):
        append(tmp_path / "publish" / "h.jsonl", run(1))


def test_killed_while_appending_it_keeps_every_entry_that_was_reported(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    code = (
        "import sys; from pathlib import Path; from publisher.history import append\n"
        "for n in range(10**9):\n"
        "    append(Path(sys.argv[1]), {'at': '2026-11-01', 'outcome': 'unchanged', 'n': n, 'long': 'x' * 5000}, kept=20)\n"
        "    print(n, flush=True)\n"
    )
    root = Path(__file__).parents[2]
    for _ in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", code, str(path)],
            stdout=subprocess.PIPE,
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
        assert child.stdout
        told = [int(child.stdout.readline()) for _ in range(45)]
        child.send_signal(signal.SIGKILL)
        told += [int(line) for line in child.stdout.read().splitlines()]
        child.wait()
        assert read(path)[-1]["n"] in (told[-1], told[-1] + 1)
        append(path, run(1))
        assert read(path)[-1] == run(1)


def test_runs_without_anything_new_are_counted_back_to_the_last_that_had_some() -> None:
    history = [run(0), run(1, 0), run(2, 3), run(3, 0, "unchanged"), run(4, None, "refused"), run(5, 0, "waiting")]
    assert run_of_zeros(history) == (2, run(3)["at"])
    assert run_of_zeros(history[:3]) == (0, None)
    assert run_of_zeros([]) == (0, None)
    assert last_new(history) == run(2)["at"]
    assert last_new([run(1, 0)]) is None
    assert last_new([run(1, new={"a": 1}), run(2, new={"b": 1})], "a") == run(1)["at"]


def test_since_when_a_site_fails() -> None:
    history = [run(0, failed={"b": "x"}), run(1), run(2, failed={"b": "x"}), run(3, None, "refused", failed={"b": "x"})]
    assert failing_since(history, "b") == run(2)["at"]
    assert failing_since(history, "a") is None
    ahead = [run(1), run(3000, failed={"b": "x"}), run(3, failed={"b": "x"}), run(4, failed={"b": "x"})]
    assert failing_since(ahead, "b") == run(3)["at"]
    assert failing_since(ahead[:2], "b") == run(3000)["at"]


def test_what_was_usual_leaves_out_refused_runs_and_begins_anew_when_it_was_confirmed() -> None:
    values = [0.1, 0.2, 0.3, 0.4, 0.5]
    history = [run(n, values={"previews": {"a": v}}) for n, v in enumerate(values)]
    history.insert(3, run(9, outcome="refused", values={"previews": {"a": 0.9}}))
    history.append(run(10, rows={"b": 1}))
    assert past(history, "previews", "a", "a", 15).run == tuple(values)
    assert past(history, "previews", "a", "a", 2).run == (0.4, 0.5)
    assert past(history, "previews", "a", "a", 15).confirmed == tuple(values)
    assert past(history, "mojibake", "a", "a", 15).run == (0.0,) * 5
    assert past([], "previews", "a", "a", 15) == NEVER
    history[4] = {**history[4], "confirmed": True}
    assert past(history, "previews", "a", "a", 15).run == tuple(values)
    assert past(history, "previews", "a", "a", 15).confirmed == (0.4, 0.5)


def version(day: int, previews: int, added: int = 1, **more: Any) -> tuple[Manifest, dict[str, Any]]:
    manifest = Manifest(
        dataset="speeches",
        version=f"v{day}",
        sequence=day + 1,
        schema_version="1.2.0",
        published_at=DAY + timedelta(days=day),
        parent=None,
        tables={"speeches": TableEntry(rows=100, parts=(), added=added)},
        sites={"a": 100},
        **more,
    )
    found = Measures({"a": Counts(rows=100, previews=previews, lengths={20: 100})})
    return manifest, document({}, found, [], {"duplicates": 10})


def test_versions_are_a_memory_where_there_is_no_other() -> None:
    carried = {"b": Carried(rows=1, as_of=DAY, since="v0", why="silent")}
    made = of_versions([version(0, 10), version(1, 20, added=0), version(2, 0, carried=carried, confirmed="seen")])
    assert [e["values"]["previews"]["a"] for e in made[:2]] == [0.1, 0.2]
    assert made[0]["values"]["duplicates"] == {"all sites": 0.1}
    assert "lengths" not in made[1]["values"]
    assert [e["confirmed"] for e in made] == [False, False, True]
    assert made[2]["failed"] == {"b": "silent"}
    assert past(made, "previews", "a", "a", 15).run == (0.1, 0.2, 0.0)
    kept = [run(2), run(3)]
    assert joined(kept, made) == [*made[:2], *kept]
    assert joined([], made) == made
    assert joined(kept, []) == kept
