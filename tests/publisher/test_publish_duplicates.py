from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.errors import DamagedError
from crawler.extraction.fold import fold, simtext_sha256
from publisher import candidates, similarity
from publisher.candidates import View
from publisher.duplicates import COLUMNS, NEAR, Relations, _floor, relate, texts_of
from publisher.similarity import I64, overlap, shingle_set, shingle_sets, sketch, sorted_in_buckets
from publisher.sketches import load_runs, opened
from publisher.tables import DUPLICATES, SPEECHES
from publisher.taking import in_order
from tests.publisher.publisher_made import records, speech, text


def table(rows: list[dict[str, Any]]) -> pa.Table:
    return in_order(records(rows)["speeches"], SPEECHES)


def related(rows: list[dict[str, Any]], **how: Any) -> Relations:
    """Relations, with the facts in another order than the texts, which come in yet another."""
    speeches = table(rows)
    facts = speeches.select(list(COLUMNS)).sort_by([("chars", "ascending"), ("speech_id", "descending")])
    ids = facts["speech_id"].to_pylist()
    text = dict(zip(speeches["speech_id"].to_pylist(), speeches["text"].to_pylist(), strict=True))

    def texts(rows: I64) -> list[tuple[int, str]]:
        return [(r, text[ids[r]]) for r in sorted(rows.tolist(), key=lambda r: ids[r][::-1])]

    return relate(facts, texts, **how)


def clusters(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {r["speech_id"]: r for r in related(rows).duplicates.to_pylist()}


def same(a: Relations, b: Relations) -> bool:
    return bool(a.duplicates.equals(b.duplicates) and a.contained.equals(b.contained))


@contextmanager
def viewed(texts: Sequence[str], folder: Path | None = None, others: Sequence[str] = ()) -> Iterator[tuple[View, I64]]:
    """The index as these texts see it, and the number of each text in it. others: texts that it holds too."""
    keys = np.array([int(simtext_sha256(t)[:16], 16) for t in texts], np.uint64)
    wanted = np.unique(keys)
    place = np.searchsorted(wanted, keys)
    text = dict(zip(place.tolist(), texts, strict=True))
    if others:
        with viewed(others, folder):
            pass
    with opened(folder, wanted, lambda places: ((i, text[i]) for i in places.tolist())) as runs:
        yield View(runs, wanted), place


@settings(deadline=None)
@given(st.lists(st.text("甲乙丙丁abcXX。國", max_size=14), max_size=8))
def test_sets_are_the_distinct_grams_of_the_folded_text(texts: list[str]) -> None:
    sets = shingle_sets(texts)
    grams = [{f[k : k + 5] for k in range(len(f) - 4)} for f in map(fold, texts)]
    for one, own, mine in zip(texts, grams, sets, strict=True):
        assert len(mine) == len(own)
        assert np.array_equal(mine, shingle_set(fold(one)))
    for i, j in combinations(range(len(texts)), 2):
        assert overlap(sets[i], sets[j]) == len(grams[i] & grams[j])


@settings(deadline=None)
@given(st.lists(st.text("甲乙丙丁戊XX。國", max_size=60), max_size=8))
def test_a_sketch_is_that_of_the_text_alone(texts: list[str]) -> None:
    all_of_them = sketch(texts)
    ends = np.cumsum(all_of_them.counts)
    for i, one in enumerate(texts):
        alone = sketch([one])
        assert alone.sizes[0] == all_of_them.sizes[i]
        assert (alone.sizes[0] > 0) == (len(fold(one)) >= 5)
        assert np.array_equal(alone.samples, all_of_them.samples[ends[i] - all_of_them.counts[i] : ends[i]])
        if alone.sizes[0]:
            assert np.array_equal(alone.signatures[0], all_of_them.signatures[i])


def pairs_of_similarity(size: int, share: float, count: int) -> tuple[list[str], list[str]]:
    """Pairs of texts of `size` ideographs, of which the second differs in single characters, so that about `share` of their 5-grams is alike."""
    rng = random.Random(f"{size} {share}")
    changes = max(1, round(size * (1 - share) / (1 + share) / 5))
    ones, others = [], []
    for _ in range(count):
        one = [chr(rng.randrange(0x4E00, 0x5200)) for _ in range(size)]
        other = list(one)
        for k in range(changes):
            other[(k * size + rng.randrange(size)) // changes] = "龙"
        ones.append("".join(one))
        others.append("".join(other))
    return ones, others


@pytest.mark.parametrize("size", [9, 20, 60, 130, 300, 2000])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
def test_alike_minima_estimate_the_similarity(size: int, share: float) -> None:
    count = 150
    ones, others = pairs_of_similarity(size, share, count)
    a, b = sketch(ones).signatures, sketch(others).signatures
    estimates = (a == b).mean(axis=1)
    sets = zip(shingle_sets(ones), shingle_sets(others), strict=True)
    true = np.array([(n := overlap(x, y)) / (len(x) + len(y) - n) for x, y in sets])
    # the error of a minimum that is drawn anew for each bin, as MinHash has it, and of the mean of so many pairs
    error = np.sqrt((true * (1 - true)).mean() / a.shape[1])
    assert abs((estimates - true).mean()) < 4 * error / np.sqrt(count)
    assert np.sqrt(((estimates - true) ** 2).mean()) < 1.2 * error


@pytest.mark.parametrize("size", [80, 250, 1500])
def test_what_is_near_is_proposed(size: int) -> None:
    ones, others = pairs_of_similarity(size, 0.58, 400)
    with viewed(ones + others) as (view, place):
        i, j = candidates.near(view, np.ones(view.n, np.bool_), lambda i, j: np.full(len(i), _floor(NEAR)))
    proposed = set(zip(i.tolist(), j.tolist(), strict=True))
    sets = list(zip(shingle_sets(ones), shingle_sets(others), strict=True))
    true = [(n := overlap(x, y)) / (len(x) + len(y) - n) for x, y in sets]
    near = [tuple(sorted((int(place[k]), int(place[400 + k])))) for k in range(400) if true[k] >= NEAR]
    assert len(near) > 200
    assert len(set(near) - proposed) <= len(near) // 100


@pytest.mark.parametrize("few", [0, similarity.FEW])
@settings(deadline=None)
@given(values=st.lists(st.integers(0, (1 << 40) - 1), max_size=60))
def test_sorting_in_buckets_sorts(few: int, values: list[int]) -> None:
    given_values = np.array(values, np.uint64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "FEW", few)
        made = sorted_in_buckets(given_values, (given_values >> np.uint64(32)).astype(np.uint8))
    assert made.tolist() == sorted(values)


def test_near_candidates_finds_the_alike_and_spares_the_others() -> None:
    rng = random.Random(3)
    bodies = [text(n, 5) for n in range(300)]
    copies = []
    for n in range(0, 300, 3):
        lines = bodies[n].split("\n")
        lines[rng.randrange(1, len(lines))] = text(("other", n), 1)
        copies.append("\n".join(lines))
    with viewed(bodies + copies) as (view, place):
        i, j = candidates.near(view, np.ones(view.n, np.bool_), lambda i, j: np.full(len(i), NEAR - 0.13))
    pairs = set(zip(i.tolist(), j.tolist(), strict=True))
    wanted = {tuple(sorted((int(place[n]), int(place[300 + k])))) for k, n in enumerate(range(0, 300, 3))}
    assert len(wanted - pairs) <= 2
    assert len(pairs - wanted) <= 2


PHRASES = [text(("phrase", n), 1) for n in range(6)]


@st.composite
def stocky(draw: st.DrawFn) -> list[str]:
    """Texts of a few phrases, so that many share a band and many a hash."""
    numbers = st.lists(st.integers(0, len(PHRASES) - 1), min_size=1, max_size=5)
    chosen = draw(st.lists(st.tuples(numbers, st.integers(0, 3)), min_size=1, max_size=25))
    return sorted({"".join(PHRASES[n] for n in some) + text(own, 1)[: own * 30] for some, own in chosen})


@settings(max_examples=25, deadline=None)
@given(stocky(), st.data())
def test_candidates_are_the_same_however_they_are_sought_and_whatever_else_is_kept(
    texts: list[str], data: st.DataObject
) -> None:
    others = data.draw(st.lists(st.sampled_from([*texts, *(text(("else", n), 2) for n in range(5))]), max_size=8))
    flags = data.draw(st.lists(st.booleans(), min_size=len(texts), max_size=len(texts)))
    found = []
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(candidates, "CROWD", data.draw(st.sampled_from([2, 4, 32])))
        patch.setattr(candidates, "WINDOW", 1)
        patch.setattr(candidates, "COMMON", data.draw(st.sampled_from([3, 128])))
        patch.setattr(candidates, "PIECE", data.draw(st.sampled_from([5, 1000])))
        for few, kept, more in ((0.0, None, ()), (2.0, None, ()), (0.0, Path(folder), others), (2.0, Path(folder), ())):
            patch.setattr(candidates, "FEW", few)
            with viewed(texts, kept, more) as (view, place):
                asked = np.zeros(view.n, np.bool_)
                asked[place[np.flatnonzero(flags)]] = True
                near = candidates.near(view, asked, lambda i, j: np.full(len(i), 0.3))
                within = candidates.contained(view, asked, 60, 1.25)
            for a, b in (near, within):
                assert (asked[a] | asked[b]).all()
            found.append(tuple(side.tolist() for side in (*near, *within)))
    assert len(set(map(repr, found))) == 1


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
    relations = related(rows)
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
    assert related([]).duplicates.num_rows == 0


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
    one = related(rows)
    shuffled = list(rows)
    rng.shuffle(shuffled)
    two = related(shuffled)
    assert two.duplicates.schema == DUPLICATES.schema
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
    for i, row in enumerate(rows):
        for other in rows[:i]:
            a, b = grams[row["speech_id"]], grams[other["speech_id"]]
            if len(a & b) / len(a | b) >= 0.7:  # well above NEAR: never missed by chance
                assert cluster_of[row["speech_id"]] == cluster_of[other["speech_id"]]
    for r in one.contained.to_pylist():
        a, b = grams[r["speech_id"]], grams[r["container_id"]]
        assert len(a & b) / len(a) >= 0.9
        assert len(b) > len(a)


BODIES = [text(("body", n), 4).split("\n") for n in range(5)]


@st.composite
def one_speech(draw: st.DrawFn, number: int) -> dict[str, Any]:
    """A speech made of a part of a body, or of two; previews, masks and Traditional script among them."""
    lines = list(BODIES[draw(st.integers(0, len(BODIES) - 1))])
    lines = lines[: draw(st.integers(2, len(lines)))]
    if draw(st.integers(0, 4)) == 0:
        lines += BODIES[draw(st.integers(0, len(BODIES) - 1))][1:]
    if draw(st.booleans()):
        lines[-1] = text(("own", draw(st.integers(0, 3))), 1)
    body = draw(st.sampled_from(["", "XX市", "某某市", "學習", "学习"])) + "\n".join(lines)
    body = draw(st.sampled_from([body, body, body, "XX……", "××"]))
    return speech("s", number, body, is_preview=draw(st.integers(0, 3)) == 0)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[dict[int, dict[str, Any]], set[int]]]:
    """Versions: speeches by number, and the numbers touched since the one before."""
    now: dict[int, dict[str, Any]] = {}
    out: list[tuple[dict[int, dict[str, Any]], set[int]]] = []
    for _ in range(draw(st.integers(2, 5))):
        gone = set(draw(st.lists(st.sampled_from(sorted(now)), max_size=3))) if now else set()
        edited = set(draw(st.lists(st.sampled_from(sorted(now)), max_size=3))) - gone if now else set()
        added = {100 * len(out) + k for k in range(draw(st.integers(0, 6)))}
        now = {n: r for n, r in now.items() if n not in gone}
        now |= {n: draw(one_speech(n)) for n in sorted(edited | added)}
        out.append((dict(now), edited | added))
    return out


def damage(folder: Path, rng: random.Random) -> None:
    """One of the ways in which a kept index goes bad."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    if not files:
        return
    victim = rng.choice(files)
    data = bytearray(victim.read_bytes())
    match rng.randrange(4):
        case 0:
            shutil.rmtree(folder)
        case 1:
            victim.unlink()
        case 2:
            victim.write_bytes(data[: rng.randrange(len(data))])
        case _:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            victim.write_bytes(data)


@settings(max_examples=25, deadline=None)
@given(histories(), st.randoms(use_true_random=False), st.sampled_from([0.0, 2.0]))
def test_what_follows_the_change_is_what_is_made_anew_whatever_became_of_the_index(
    history: list[tuple[dict[int, dict[str, Any]], set[int]]], rng: random.Random, few: float
) -> None:
    old = None
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as place:
        patch.setattr(candidates, "FEW", few)
        kept, damaged = Path(place, "kept"), Path(place, "damaged")
        for now, touched in history:
            rows = list(now.values())
            ids = {now[n]["speech_id"] for n in touched}
            full = related(rows)
            for index in (None, kept, damaged):
                made = related(rows, old=old, touched=ids, index=index)
                assert made.duplicates.equals(full.duplicates)
                assert made.contained.equals(full.contained)
            damage(damaged, rng)
            old = full


@pytest.mark.parametrize("bit", [0, 3, 7])
def test_any_flipped_bit_of_a_run_is_found(tmp_path: Path, bit: int) -> None:
    rows = [speech("a", n) for n in range(20)] + [speech("b", n, text(("a", n))[:-9]) for n in range(10)]
    plain = related(rows, index=tmp_path)
    (run,) = tmp_path.glob("*.sketches")
    kept = run.read_bytes()
    rng = random.Random(bit)
    for at in [0, len(kept) - 1, *(rng.randrange(len(kept)) for _ in range(12))]:
        flipped = bytearray(kept)
        flipped[at] ^= 1 << bit
        run.write_bytes(flipped)
        assert same(related(rows, index=tmp_path), plain)
        assert [p.name for p in tmp_path.glob("*.sketches")] == [run.name]
        # what stands between the arrays means nothing, and may stay flipped
        assert run.read_bytes() == kept or related(rows, index=tmp_path)


def test_the_index_asks_only_for_texts_that_it_has_not_seen_and_stays_small(tmp_path: Path) -> None:
    asked: list[int] = []

    def version(rows: list[dict[str, Any]], **how: Any) -> Relations:
        texts = texts_of(table(rows))

        def noted(rows: I64) -> Iterable[tuple[int, str]]:
            asked.extend(rows.tolist())
            return texts(rows)

        return relate(table(rows), noted, index=tmp_path, **how)

    rows = [speech("a", n) for n in range(40)]
    old = version(rows)
    assert sorted(asked) == list(range(40))
    for n in range(40, 60):
        asked.clear()
        rows.append(speech("a", n))
        old = version(rows, old=old, touched={rows[-1]["speech_id"]})
        assert [table(rows)["speech_id"][k].as_py() for k in asked] == [rows[-1]["speech_id"]]
    assert len(list(tmp_path.glob("*.sketches"))) <= 9
    asked.clear()
    assert same(version(rows, old=old, touched=()), old)
    assert not asked
    many = [speech("b", n, f"短文第{n}篇") for n in range(1100)]
    version(many)
    assert sum(len(r.keys) for r in load_runs(tmp_path)) == 1160
    version(many[:50])
    assert sum(len(r.keys) for r in load_runs(tmp_path)) == 50
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_killed_writer_leaves_nothing_behind_that_matters(tmp_path: Path) -> None:
    rows = [speech("a", n) for n in range(10)]
    plain = related(rows, index=tmp_path)
    (tmp_path / ".new.sketches.abc.tmp").write_bytes(b"half a run")
    (tmp_path / "0123456789abcdef.sketches").write_bytes(b"a run that no pointer names")
    more = [*rows, speech("a", 10, text(("a", 1)) + "\n多一句。")]
    made = related(more, old=plain, touched={more[-1]["speech_id"]}, index=tmp_path)
    assert same(made, related(more))
    assert {p.suffix for p in tmp_path.iterdir()} == {".sketches", ".json"}


def test_a_family_is_one_cluster_and_is_not_compared_each_with_each(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = text("family", 10).split("\n")
    rows = []
    for n in range(300):
        own = list(lines)
        own[1 + n % 6] = text(("own", n), 1).split("\n")[1]
        rows.append(speech("f", n, "\n".join(own)))
    compared = 0

    def counted(a: Any, b: Any) -> int:
        nonlocal compared
        compared += 1
        return overlap(a, b)

    monkeypatch.setattr("publisher.duplicates.overlap", counted)
    full = related(rows)
    assert len(set(full.duplicates["cluster_id"].to_pylist())) == 1
    assert full.duplicates.num_rows == 300
    assert compared < 5 * 300
    old = related(rows[:-2])
    last = {r["speech_id"] for r in rows[-2:]}
    assert same(related(rows, old=old, touched=last), full)


def test_a_text_that_is_not_given_is_said(tmp_path: Path) -> None:
    rows = [speech("a", 1), speech("a", 2)]
    with pytest.raises(DamagedError, match="the text is missing of 1 speech, the first is"):
        relate(table(rows), lambda _: [(0, rows[0]["text"])], index=tmp_path)


def test_a_first_build_in_several_runs_says_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = [speech("a", n) for n in range(200)] + [speech("b", n, text(("a", n))[:-20]) for n in range(0, 200, 7)]
    one = related(rows)
    monkeypatch.setattr("publisher.sketches.LARGEST", 32)
    assert same(related(rows, index=tmp_path), one)
    sizes = [len(r.keys) for r in load_runs(tmp_path)]
    assert sum(sizes) == len(rows)
    assert max(sizes) <= 64
    assert same(related(rows, old=one, touched={rows[0]["speech_id"]}, index=tmp_path), one)
