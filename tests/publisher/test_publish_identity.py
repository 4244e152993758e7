"""Ids follow the texts of a page: whatever a better splitter does to number and order of its parts, it renames nobody."""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.extraction.fold import simtext_sha256, text_sha256
from crawler.shards import speech_id
from publisher.identity import assignment, candidates, reconcile
from publisher.taking import Intake
from tests.publisher.publisher_made import paragraph, text

COLUMNS = (
    "speech_id", "site", "page_url", "part", "title", "part_title", "text", "text_sha256", "simtext_sha256",
)  # fmt: skip
POOL = [text(("identity", n), 2 + n % 3) for n in range(10)]


def rows(texts: list[str], *, page: str = "1", ids: list[str] | None = None, host: str = "a.example") -> pa.Table:
    """The rows of a page with these parts; ids: those published, else the ones that extraction makes."""
    made = [
        {
            "speech_id": ids[i] if ids else speech_id("a", f"/{page}.html", i + 1),
            "site": "a",
            "page_url": f"http://{host}/{page}.html",
            "part": i + 1,
            "title": f"讲话稿{len(texts)}篇",
            "part_title": f"篇{i + 1}",
            "text": t,
            "text_sha256": text_sha256(t),
            "simtext_sha256": simtext_sha256(t),
        }
        for i, t in enumerate(texts)
    ]
    types = {"part": pa.int16(), "text": pa.large_string()}
    return pa.table({c: pa.array([m[c] for m in made], types.get(c, pa.string())) for c in COLUMNS})


def published(new: pa.Table, mapping: dict[str, str]) -> pa.Table:
    ids = pa.array([mapping[i] for i in new["speech_id"].to_pylist()], pa.string())
    return new.set_column(0, "speech_id", ids)


def ids(table: pa.Table) -> list[str]:
    found: list[str] = table["speech_id"].to_pylist()
    return found


def by_text(table: pa.Table) -> dict[str, str]:
    return dict(zip(table["text"].to_pylist(), ids(table), strict=True))


def edited(body: str, share: float, seed: int) -> str:
    """A text with this share of its characters replaced by others, one by one."""
    rng = random.Random(seed)
    at = set(rng.sample(range(len(body)), int(len(body) * share)))
    return "".join(chr(0x4E00 + rng.randrange(3000)) if i in at else c for i, c in enumerate(body))


def check(old: pa.Table, new: pa.Table, taken: set[str]) -> pa.Table:
    """Reconcile, and hold the result to all that is promised of every result."""
    mapping = reconcile(old, new, taken)
    result = published(new, mapping)
    assert set(mapping) == set(ids(new))
    assert len(set(ids(result))) == new.num_rows
    assert not set(ids(result)) & (taken - set(ids(old)))
    # it is whole: neither the published ids in place of the records' nor the next publish of the same records moves anything
    assert reconcile(old, result, taken) == {i: i for i in ids(result)}
    tombs = set(ids(old)) - set(ids(result))
    assert reconcile(result, new, taken | tombs) == mapping
    shuffled = [t.take(np.random.default_rng(7).permutation(t.num_rows)) for t in (old, new)]
    assert reconcile(shuffled[0], shuffled[1], taken) == mapping
    return result


@st.composite
def histories(draw: st.DrawFn) -> tuple[pa.Table, set[str]]:
    """A published page with some history: its ids need not be those of its parts, and some ids are tombstones."""
    texts = draw(st.lists(st.sampled_from(POOL), min_size=1, max_size=6, unique=True))
    numbers = draw(st.permutations(range(1, 9)))[: len(texts)]
    own = [speech_id("a", "/1.html", n) for n in numbers]
    taken = set(draw(st.lists(st.sampled_from([speech_id("a", "/1.html", n) for n in range(1, 9)]), max_size=3)))
    return rows(texts, ids=own), taken - set(own)


@settings(max_examples=80, deadline=None)
@given(histories(), st.data())
def test_a_new_order_renames_nobody(history: tuple[pa.Table, set[str]], data: st.DataObject) -> None:
    old, taken = history
    texts = data.draw(st.permutations(old["text"].to_pylist()))
    assert by_text(check(old, rows(texts), taken)) == by_text(old)


@settings(max_examples=80, deadline=None)
@given(histories(), st.data())
def test_parts_that_come_and_go_rename_nobody(history: tuple[pa.Table, set[str]], data: st.DataObject) -> None:
    old, taken = history
    before = old["text"].to_pylist()
    more = data.draw(st.lists(st.sampled_from([t for t in POOL if t not in before]), max_size=3, unique=True))
    stay = data.draw(st.lists(st.sampled_from(before), min_size=1, unique=True))
    new = rows(data.draw(st.permutations([*stay, *more])))
    if old.num_rows == new.num_rows == 1:
        return
    after = by_text(check(old, new, taken))
    assert {t: after[t] for t in stay} == {t: by_text(old)[t] for t in stay}
    assert not {after[t] for t in more} & ({*ids(old)} | taken)


@settings(max_examples=60, deadline=None)
@given(histories(), st.data())
def test_edited_parts_in_another_order_keep_their_ids(history: tuple[pa.Table, set[str]], data: st.DataObject) -> None:
    old, taken = history
    before = old["text"].to_pylist()
    share = data.draw(st.sampled_from([0.0, 0.02, 0.1]))
    order = data.draw(st.permutations(range(len(before))))
    new = rows([edited(before[i], share, i) for i in order])
    assert ids(check(old, new, taken)) == [ids(old)[i] for i in order]


@settings(max_examples=60, deadline=None)
@given(histories(), st.lists(st.sampled_from([*POOL[:4], "同志们", ""]), min_size=1, max_size=5), st.data())
def test_whatever_comes_ids_are_unique_and_stay(
    history: tuple[pa.Table, set[str]], texts: list[str], data: st.DataObject
) -> None:
    """Copies of a text on one page, texts too short to compare, texts put together."""
    old, taken = history
    glued = data.draw(st.lists(st.sampled_from(old["text"].to_pylist()), max_size=3))
    check(old, rows([*texts, "\n".join(glued)]), taken)


def test_one_speech_stays_the_same_speech_however_much_it_changed() -> None:
    old = rows([POOL[0]], ids=["a:was"])
    assert ids(check(old, rows([POOL[1]]), set())) == ["a:was"]
    # the page answers from another host now: its records have the same ids
    there = rows([POOL[0]])
    moved = rows([POOL[1]], host="www.a.example")
    assert reconcile(there, moved, ()) == {ids(there)[0]: ids(there)[0]}


def test_a_speech_split_in_two_gives_its_id_to_the_larger_piece() -> None:
    rng = random.Random(3)
    blocks = [paragraph(rng) for _ in range(10)]
    old = rows([POOL[0], "\n".join(blocks), POOL[1]])
    new = rows([POOL[0], "\n".join(blocks[:3]), "\n".join(blocks[3:]), POOL[1]])
    after = ids(check(old, new, set()))
    assert [after[0], after[2], after[3]] == ids(old)
    assert after[1] not in ids(old)


def test_two_speeches_that_become_one_give_it_the_id_of_the_larger() -> None:
    rng = random.Random(4)
    small, large = ("\n".join(paragraph(rng) for _ in range(n)) for n in (2, 7))
    old = rows([POOL[0], small, large, POOL[1]])
    after = ids(check(old, rows([POOL[0], f"{small}\n{large}", POOL[1]]), set()))
    assert after == [ids(old)[0], ids(old)[2], ids(old)[3]]


def test_of_a_page_that_turns_out_to_be_six_speeches_the_part_with_most_of_the_old_text_keeps_the_id() -> None:
    rng = random.Random(5)
    parts = ["\n".join(paragraph(rng) for _ in range(n)) for n in (2, 3, 2, 6, 2, 3)]
    old = rows(["\n".join(parts)])
    after = ids(check(old, rows(parts), set()))
    assert after[3] == ids(old)[0]
    # the first part has an id of its own, for that of its record went to the fourth
    assert after[0] == next(itertools.islice(candidates(ids(old)[0]), 1, None))
    assert after[1:3] + after[4:] == [speech_id("a", "/1.html", n) for n in (2, 3, 5, 6)]
    # and back: the whole has the id of the part that most of it is
    whole = published(rows(parts), dict(zip(ids(rows(parts)), after, strict=True)))
    assert ids(check(whole, rows(["\n".join(parts)]), set())) == ids(old)


def test_a_boundary_that_moved_renames_neither_side() -> None:
    """The first speech gives more than half of its text to the second: greedily the second would get its id, and lose its own."""
    rng = random.Random(6)
    first, second = ([paragraph(rng) for _ in range(n)] for n in (10, 4))
    old = rows(["\n".join(first), "\n".join(second)])
    new = rows(["\n".join(first[:5]), "\n".join(first[5:] + second)])
    assert ids(check(old, new, set())) == ids(old)


def test_another_speech_in_the_place_of_one_is_new() -> None:
    stock = paragraph(random.Random(8), 1)  # a phrase that both have makes them no one speech
    old = rows([POOL[0], f"{POOL[1]}\n{stock}", POOL[2]])
    after = ids(check(old, rows([POOL[0], f"{stock}\n{POOL[5]}", POOL[2]]), set()))
    assert (after[0], after[2]) == (ids(old)[0], ids(old)[2])
    assert after[1] not in ids(old)


def test_a_copy_masked_or_punctuated_otherwise_keeps_its_id() -> None:
    old = rows(["同志们:今年XX市的工作。", "各位来宾,大家好!"])
    new = rows(["各位来宾, 大家好。", "同志们:今年××市的工作!"])
    assert ids(check(old, new, set())) == [ids(old)[1], ids(old)[0]]


def test_pages_do_not_mix() -> None:
    old = pa.concat_tables([rows([POOL[0], POOL[1]], page="1"), rows([POOL[2]], page="2")])
    new = pa.concat_tables([rows([POOL[1]], page="1"), rows([POOL[0], POOL[2]], page="2")])
    one, two = speech_id("a", "/1.html", 2), speech_id("a", "/2.html", 1)
    mapping = reconcile(old, new, ())
    assert mapping[speech_id("a", "/1.html", 1)] == one
    assert mapping[speech_id("a", "/2.html", 2)] == two
    assert mapping[two] == next(itertools.islice(candidates(two), 1, None))


def test_a_text_that_comes_back_gets_the_id_that_it_had() -> None:
    """Six speeches, read as one for a while, then as six again in another order: each has its id."""
    six = rows(POOL[:6])
    whole = rows(["\n".join(POOL[:6])])
    one = published(whole, reconcile(six, whole, ()))
    removed = {i: s for i, s in zip(ids(six), six["text_sha256"].to_pylist(), strict=True) if i not in ids(one)}
    assert len(removed) == 5
    again = rows(POOL[:6][::-1])
    mapping = reconcile(one, again, set(removed), removed)
    assert by_text(published(again, mapping)) == by_text(six)
    assert reconcile(published(again, mapping), again, ()) == mapping
    # another text gets none of their ids
    other = rows([*POOL[6:9], POOL[0]])
    after = by_text(published(other, reconcile(one, other, (), removed)))
    assert not {after[t] for t in POOL[6:9]} & set(ids(six))
    # two copies of a text that left once: one of them is new
    twice = rows([POOL[1], POOL[1], POOL[7]])
    found = ids(published(twice, reconcile(rows([POOL[9]]), twice, (), removed)))
    assert found[0] == ids(six)[1]
    assert len(set(found)) == 3
    assert not set(found[1:]) & set(ids(six))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 4), st.integers(0, 4), st.randoms(use_true_random=False))
def test_the_assignment_is_the_best_there_is(n: int, m: int, rng: Any) -> None:
    weights = [[rng.choice((0, 0, 1, 2, 3, 7)) for _ in range(m)] for _ in range(n)]
    found = assignment(np.array(weights, np.int64).reshape(n, m))
    assert len({i for i, _ in found}) == len({j for _, j in found}) == len(found)
    square = [[weights[i][j] if i < n and j < m else 0 for j in range(5)] for i in range(5)]
    best = max(sum(square[i][p] for i, p in enumerate(order)) for order in itertools.permutations(range(5)))
    assert sum(weights[i][j] for i, j in found) == best


@pytest.mark.parametrize("empty", ["old", "new"])
def test_nothing_on_one_side(empty: str) -> None:
    some = rows(POOL[:2])
    old, new = (some.slice(0, 0), some) if empty == "old" else (some, some.slice(0, 0))
    assert reconcile(old, new, ()) == {i: i for i in ids(new)}


@pytest.mark.parametrize("asked", [0, 1, 5, 80])
def test_rows_on_pages_are_counted_alike_for_few_and_for_many(asked: int) -> None:
    rng = np.random.default_rng(asked)
    intake = object.__new__(Intake)
    intake._pages = rng.integers(0, 30, 100).astype(np.uint64)
    intake._by_page = None
    pages = rng.integers(0, 40, asked).astype(np.uint64)
    assert intake._rows_on(pages).tolist() == [int((intake._pages == p).sum()) for p in pages]
