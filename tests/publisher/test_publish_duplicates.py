from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from publisher_made import records, speech, text

from crawler.extraction.fold import fold
from publisher.build import in_order
from publisher.duplicates import NEAR, relate
from publisher.memo import remembering
from publisher.similarity import near_candidates, shingle_hashes, shingle_set, sketch
from publisher.tables import SPEECHES


def table(rows: list[dict[str, Any]]) -> pa.Table:
    return in_order(records(rows)["speeches"], SPEECHES)


def clusters(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {r["speech_id"]: r for r in relate(table(rows)).duplicates.to_pylist()}


@given(st.lists(st.text("甲乙丙丁abc", max_size=12), max_size=8))
def test_flat_hashes_are_those_of_each_text_alone(texts: list[str]) -> None:
    flat, offsets = shingle_hashes(texts)
    assert len(flat) == offsets[-1]
    for i, one in enumerate(texts):
        mine = flat[offsets[i] : offsets[i + 1]]
        assert np.array_equal(mine, shingle_hashes([one])[0])
        assert len(shingle_set(one)) == len({one[k : k + 5] for k in range(len(one) - 4)})


def test_near_candidates_finds_the_alike_and_spares_the_others() -> None:
    rng = random.Random(3)
    bodies = [text(n, 5) for n in range(300)]
    copies = []
    for n in range(0, 300, 3):
        lines = bodies[n].split("\n")
        lines[rng.randrange(1, len(lines))] = text(("other", n), 1)
        copies.append("\n".join(lines))
    pairs = near_candidates(sketch([fold(t) for t in bodies + copies]), NEAR)
    wanted = {(n, 300 + i) for i, n in enumerate(range(0, 300, 3))}
    assert len(wanted - set(pairs)) <= 2
    assert len(set(pairs) - wanted) <= 2


def test_reasons_and_representative() -> None:
    body = text("a") + "\n今天XX市召开会议,我讲三点意见。"
    traditional = body.replace("学习", "學習").replace("领导", "領導").replace("发展", "發展") + "會議"
    simplified = (
        traditional.replace("學習", "学习").replace("領導", "领导").replace("發展", "发展").replace("會議", "会议")
    )
    rows = [
        speech("a", 1, simplified),
        speech("b", 1, simplified),
        speech("c", 1, simplified.replace("XX市", "某某市")),
        speech("d", 1, traditional),
        speech("e", 1, simplified.replace("。", ".")),
        speech("f", 1, simplified + "\n" + text("tail", 2)),
        speech("g", 1),
    ]
    found = clusters(rows)
    by_site = {r["site"]: found.get(r["speech_id"]) for r in rows}
    assert by_site["g"] is None
    assert len({r["cluster_id"] for r in found.values()}) == 1
    assert by_site["f"] is not None
    assert by_site["f"]["is_representative"]  # the longest
    assert by_site["f"]["jaccard"] == 1.0
    assert all(NEAR <= r["jaccard"] <= 1 for r in found.values())
    without = {r["site"]: clusters(rows[:5])[r["speech_id"]]["reason"] for r in rows[:5]}
    assert without == {"a": "exact", "b": "exact", "c": "mask_variant", "d": "script_variant", "e": "near"}


def test_representative_is_whole_before_longer() -> None:
    body = text("p", 8)
    cut = body[: int(len(body) * 0.7)] + "更多内容请" * 30
    rows = [
        speech("a", 1, body[: int(len(body) * 0.75)]),
        speech("b", 1, cut, is_preview=True),
        speech("c", 1, body, is_preview=True),
    ]
    best = [i for i, r in clusters(rows).items() if r["is_representative"]]
    assert best == [rows[0]["speech_id"]]


def test_preview_is_contained_in_its_whole_and_clusters_when_it_shows_half() -> None:
    body = text("whole", 10)
    short, half = body[: len(body) // 5], body[: int(len(body) * 0.52)]
    rows = [
        speech("a", 1, body),
        speech("b", 1, short, is_preview=True),
        speech("c", 1, half, is_preview=True),
        speech("d", 1, half + "补"),
    ]
    relations = relate(table(rows))
    contained = {(r["speech_id"], r["container_id"]): r["share"] for r in relations.contained.to_pylist()}
    ids = [r["speech_id"] for r in rows]
    assert contained[ids[1], ids[0]] >= 0.99
    assert contained[ids[2], ids[0]] >= 0.99
    assert (ids[0], ids[1]) not in contained
    clustered = relations.duplicates["speech_id"].to_pylist()
    assert ids[1] not in clustered
    assert ids[2] in clustered


def test_texts_of_nothing_but_marks_are_alike_only_when_equal() -> None:
    rows = [speech("a", 1, "XX ××"), speech("b", 1, "某某 ……"), speech("c", 1, "某某 ……")]
    assert set(clusters(rows)) == {rows[1]["speech_id"], rows[2]["speech_id"]}
    assert relate(table([])).duplicates.num_rows == 0


@st.composite
def families(draw: st.DrawFn) -> list[dict[str, Any]]:
    rows = []
    for n in range(draw(st.integers(1, 6))):
        lines = text(("family", n), 5).split("\n")
        for copy in range(draw(st.integers(1, 4))):
            keep = draw(st.integers(2, len(lines)))
            rows.append(speech(f"s{copy}", n, "\n".join(lines[:keep]), is_preview=draw(st.booleans())))
    return rows


@settings(max_examples=25, deadline=None)
@given(families(), st.randoms(use_true_random=False))
def test_relations_do_not_depend_on_order_and_hold_their_promises(
    rows: list[dict[str, Any]], rng: random.Random
) -> None:
    one = relate(table(rows))
    shuffled = list(rows)
    rng.shuffle(shuffled)
    two = relate(table(shuffled))
    assert one.duplicates.equals(two.duplicates)
    assert one.contained.equals(two.contained)
    by_cluster: dict[str, list[dict[str, Any]]] = {}
    for r in one.duplicates.to_pylist():
        by_cluster.setdefault(r["cluster_id"], []).append(r)
    for members in by_cluster.values():
        assert len(members) > 1
        assert sum(m["is_representative"] for m in members) == 1
    grams = {r["speech_id"]: set(shingle_set(fold(r["text"])).tolist()) for r in rows}
    cluster_of = {m["speech_id"]: c for c, ms in by_cluster.items() for m in ms}
    for r in one.duplicates.to_pylist():
        best = next(m["speech_id"] for m in by_cluster[r["cluster_id"]] if m["is_representative"])
        a, b = grams[r["speech_id"]], grams[best]
        assert r["jaccard"] == pytest.approx(len(a & b) / len(a | b), abs=1e-6)
    for i, a in enumerate(rows):
        for b in rows[:i]:
            x, y = grams[a["speech_id"]], grams[b["speech_id"]]
            if len(x & y) / len(x | y) >= 0.7:  # well above NEAR: never missed by chance
                assert cluster_of[a["speech_id"]] == cluster_of[b["speech_id"]]
    for r in one.contained.to_pylist():
        a, b = grams[r["speech_id"]], grams[r["container_id"]]
        assert len(a & b) / len(a) >= 0.9
        assert len(b) > len(a)


def test_remembered_sketches_change_nothing_and_a_damaged_memo_is_made_again(tmp_path: Path) -> None:
    rows = [speech("a", n) for n in range(30)] + [speech("b", n, text(("a", n))) for n in range(10)]
    plain = relate(table(rows))
    memo = tmp_path / "memo.parquet"
    for _ in range(2):
        again = relate(table(rows), remembering(memo))
        assert again.duplicates.equals(plain.duplicates)
        assert again.contained.equals(plain.contained)
    kept = memo.read_bytes()
    memo.write_bytes(kept[:100] + b"\0" * 50 + kept[150:])
    assert relate(table(rows), remembering(memo)).duplicates.equals(plain.duplicates)
    assert memo.read_bytes() == kept
