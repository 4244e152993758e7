"""Which rows a takedown is for: by id, by address, by text; and what else must not keep what was taken."""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.errors import JianghuaError, UsageError
from crawler.extraction.fold import simtext_sha256, text_sha256
from crawler.home import Home
from crawler.takedowns import Entry, Takedown, add_takedown, erased_keys, lift_takedown, load_takedowns
from publisher import takedown
from publisher.fingerprint import KEPT, alike, fingerprint
from tests.publisher.publisher_made import page, records, speech, text

DAY = date(2026, 11, 22)
PARAGRAPHS = [text(("like", n)) for n in range(40)]


def entry(**columns: Any) -> Takedown:
    return Takedown(
        Entry.model_validate({"id": "t1", "reason": "a request", "date": DAY, **columns}), "takedowns/a.yaml:1"
    )


def taken(rows: list[dict[str, Any]], *entries: Takedown) -> dict[str, str]:
    table = records(rows)["speeches"]
    kept, out = takedown.apply(table, entries)
    assert set(kept["speech_id"].to_pylist()) | {t.speech_id for t in out} == {r["speech_id"] for r in rows}
    assert kept.num_rows + len(out) == len(rows)
    return {t.speech_id: t.how for t in out}


def test_by_id() -> None:
    rows = [speech("a", n) for n in range(4)]
    assert taken(rows, entry(speech_id=rows[2]["speech_id"])) == {rows[2]["speech_id"]: "id"}
    assert taken(rows) == {}
    table = records(rows)["speeches"]
    assert takedown.apply(table, ())[0] is table


@pytest.mark.parametrize(
    "url", ["http://a.example/a/1.html", "https://A.example/a/1.html#top", "http://a.example:80/a/1.html"]
)
def test_by_address_every_part_of_the_page_goes(url: str) -> None:
    rows = [speech("a", 1, part=1), speech("a", 1, text("second"), part=2), speech("a", 2), speech("b", 1)]
    assert taken(rows, entry(url=url)) == {rows[0]["speech_id"]: "page", rows[1]["speech_id"]: "page"}


def test_an_address_of_a_server_that_knows_no_case() -> None:
    rows = [
        speech("a", 1, page_url="http://a.example/Show.asp?ID=7"),
        speech("a", 2, page_url="http://a.example/Show.asp?ID=8"),
    ]
    assert taken(rows, entry(url="http://a.example/show.asp?id=7")) == {rows[0]["speech_id"]: "page"}


def test_a_page_is_known_by_its_key_on_another_host_too() -> None:
    rows = [
        speech("a", 1, page_url="http://127.0.0.1:8101/a/1.html"),
        speech("b", 1, page_url="http://127.0.0.1:8102/a/1.html"),
    ]
    assert taken(rows, entry(url="http://a.example/a/1.html", pages=[{"site": "a", "keys": ["/a/1.html"]}])) == {
        rows[0]["speech_id"]: "page"
    }
    away = [speech("a", 1, page_url="http://m.example/a/1.html")]
    assert taken(away, entry(url="http://x.example/x", pages=[{"site": "a", "keys": ["//m.example/a/1.html"]}])) == {
        away[0]["speech_id"]: "page"
    }


def like(kind: str, rng: random.Random) -> str:
    whole = "\n".join(PARAGRAPHS[:4])
    if kind == "same":
        return whole
    if kind == "folded":
        return whole.replace("，", " ").replace("。", "！").replace("学习", "學習")
    if kind == "near":  # one sentence in four is another
        lines = whole.split("\n")
        for i in rng.sample(range(len(lines)), len(lines) // 5):
            lines[i] = text(("other", i, rng.random()))[: len(lines[i])]
        return "\n".join(lines)
    if kind == "excerpt":
        return whole[: len(whole) // 3]
    return "\n".join(PARAGRAPHS[10:14]) + "\n" + whole + "\n" + "\n".join(PARAGRAPHS[20:24])


@pytest.mark.parametrize(("kind", "how"), [("same", "copy"), ("folded", "copy"), ("near", "near"), ("excerpt", "excerpt"), ("inside", "contains")])  # fmt: skip
def test_by_text_copies_near_copies_previews_and_what_holds_it(kind: str, how: str) -> None:
    rng = random.Random(3)
    rows = [speech("a", 1, like(kind, rng)), *(speech("a", n) for n in range(5, 60))]
    whole = fingerprint("\n".join(PARAGRAPHS[:4]))
    assert taken(rows, entry(texts=[whole])) == {rows[0]["speech_id"]: how}
    assert taken(rows, entry(speech_id="a:none", copies=True, texts=[whole])) == {rows[0]["speech_id"]: how}
    assert taken(rows, entry(speech_id="a:none", texts=[whole])) == {}


def test_rows_without_their_texts_are_told_by_what_they_have() -> None:
    rows = records([speech("a", 1, like("folded", random.Random(3))), speech("a", 2)])["speeches"]
    entries = [entry(texts=[fingerprint("\n".join(PARAGRAPHS[:4]))]), entry(id="t2", url="http://a.example/a/2.html")]
    assert {t.how for t in takedown.match(rows.drop_columns(["text"]), entries).values()} == {"copy", "page"}
    assert [t.how for t in takedown.match(rows.drop_columns(["text", "simtext_sha256"]), entries).values()] == ["page"]


def test_a_short_text_is_told_by_its_digest_alone() -> None:
    short = "同志们，大家好。现在开会。"
    rows = [speech("a", 1, short), speech("a", 2, short + PARAGRAPHS[0]), speech("a", 3, "同志们！大家好，现在开会")]
    assert taken(rows, entry(texts=[fingerprint(short)])) == {
        rows[0]["speech_id"]: "copy",
        rows[2]["speech_id"]: "copy",
    }


def test_texts_cleared_before_are_not_compared_again() -> None:
    rows = [speech("a", 1, like("near", random.Random(3))), speech("a", 2)]
    table = records(rows)["speeches"]
    entries = [entry(texts=[fingerprint("\n".join(PARAGRAPHS[:4]))])]
    assert takedown.apply(table, entries, pa.array([True, True]))[1] == []
    assert len(takedown.apply(table, entries, pa.array([False, True]))[1]) == 1
    assert len(takedown.apply(table, entries, pa.array([None, True]))[1]) == 1


def test_a_part_that_comes_back_under_another_id_of_its_page_is_taken() -> None:
    rows = [speech("a", 1, PARAGRAPHS[1], part=1), speech("a", 1, PARAGRAPHS[0], part=3), speech("a", 2, PARAGRAPHS[0])]
    e = entry(speech_id="a:gone", pages=[{"site": "a", "keys": ["/a/1.html"]}], texts=[fingerprint(PARAGRAPHS[0])])
    assert taken(rows, e) == {rows[1]["speech_id"]: "copy"}


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 39), st.integers(0, 39), st.integers(1, 6))
def test_texts_that_only_sound_alike_stay(a: int, b: int, length: int) -> None:
    """Made of the same forty words, in another order."""
    mine, other = PARAGRAPHS[a] * 1, "\n".join(PARAGRAPHS[b : b + length])
    found = alike([other], [fingerprint(mine)])
    assert bool(found) == (b <= a < b + length)


@settings(deadline=None)
@given(st.text(max_size=300))
def test_a_fingerprint_does_not_hold_the_text(given_text: str) -> None:
    made = fingerprint(given_text)
    assert made.text_sha256 == text_sha256(given_text)
    assert made.simtext_sha256 == simtext_sha256(given_text)
    assert len(made.sample) <= KEPT * 4 * 4 / 3 + 4
    assert not any(c in made.model_dump_json() for c in given_text if ord(c) > 0x7F)


def test_pages_and_tombstones_lose_the_title() -> None:
    rows = [speech("a", n) for n in range(3)]
    made = records(rows, [page(rows[1], "gone")])
    e = entry(url=rows[1]["page_url"], pages=[{"site": "a", "keys": ["/a/1.html"]}])
    pages = takedown.scrub_pages(made["pages"], [e], [rows[2]["page_url"]])
    assert {r["url"]: r["title"] is None for r in pages.to_pylist()} == {
        rows[0]["page_url"]: False, rows[1]["page_url"]: True, rows[2]["page_url"]: True
    }  # fmt: skip
    assert takedown.scrub_pages(pages, [e], [rows[2]["page_url"]]) is pages
    removed = pa.table(
        {
            "speech_id": ["a:1", "a:2", "a:3"],
            "page_url": [r["page_url"] for r in rows],
            "site": ["a"] * 3,
            "title": ["甲", "乙", "丙"],
            "reason": ["gone"] * 3,
        }
    )
    out = takedown.scrub_removed(removed, [e], ["a:1"])
    assert out["title"].to_pylist() == ["", "", "丙"]
    assert out["reason"].to_pylist() == ["taken_down", "taken_down", "gone"]
    assert takedown.scrub_removed(out, [e], ["a:1"]) is out


def test_the_list_is_added_to_lifted_and_keeps_what_people_wrote(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert load_takedowns(home) == ()
    home.takedowns.mkdir()
    own = home.takedowns / "own.yaml"
    own.write_text(
        "# from a letter\n- id: letter-7\n  url: http://a.example/a/7.html\n  reason: 来函\n  date: 2026-11-01\n"
    )
    first = add_takedown(
        home,
        {
            "speech_id": "a:1",
            "reason": "asked for",
            "date": DAY,
            "archive": True,
            "pages": [{"site": "a", "keys": ["/a/1.html"]}],
        },
    )
    second = add_takedown(
        home, {"reason": "asked for", "date": DAY, "texts": [fingerprint(PARAGRAPHS[0]).model_dump()]}
    )
    assert [t.id for t in load_takedowns(home)] == ["letter-7", first.id, second.id]
    assert first.where == "takedowns/takedowns.yaml:1"
    assert PARAGRAPHS[0][:12] not in (home.takedowns / "takedowns.yaml").read_text()
    assert erased_keys(home, "a") == {"/a/1.html"}
    assert erased_keys(home, "b") == frozenset()
    before = takedown.digest(load_takedowns(home))
    with pytest.raises(UsageError, match="already"):
        add_takedown(home, {"speech_id": "a:1", "reason": "again", "date": DAY})
    with pytest.raises(JianghuaError, match="reason"):
        add_takedown(home, {"speech_id": "a:9", "reason": " ", "date": DAY})
    lifted = lift_takedown(home, first.id, "withdrawn: 撤回", DAY)
    assert not lifted.active
    assert lifted.entry.lifted_because == "withdrawn: 撤回"
    lift_takedown(home, "letter-7", "an error", DAY)
    assert own.read_text().startswith("# from a letter\n- id: letter-7\n")
    assert [t.id for t in load_takedowns(home)] == [second.id]
    assert [t.id for t in load_takedowns(home, lifted=True)] == ["letter-7", first.id, second.id]
    assert takedown.digest(load_takedowns(home)) != before
    assert erased_keys(home, "a") == frozenset()
    with pytest.raises(UsageError, match="was lifted"):
        lift_takedown(home, first.id, "x", DAY)
    with pytest.raises(UsageError, match="no takedown has the id"):
        lift_takedown(home, "nothing", "x", DAY)
    again = add_takedown(home, {"speech_id": "a:1", "reason": "after all", "date": DAY})
    assert again.active


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["- id: a", "  url: http://x", "  date: 2026-01-01"], "'reason' is missing"),
        (["- id: a", "  reason: b", "  date: 2026-01-01"], "what is taken down"),
        (["- id: a", "  url: x", "  speech_id: y", "  reason: b", "  date: 2026-01-01"], "either url or speech_id"),
        (["- id: a", "  url: www.a.test/1", "  reason: b", "  date: 2026-01-01"], "'www.a.test/1' is no address"),
        (["- id: a", "  url: http://x.test/", "  resaon: b", "  date: 2026-01-01"], "unknown key 'resaon'"),
        (["- id: a", "  url: http://x.test/", "  reason: b", "  copies: true", "  date: 2026-01-01"], "copies"),
        (["- id: a", "  url: http://x.test/", "  reason: b", "  date: 2026-01-01"] * 2, "stands twice"),
        (["id: a"], "list of entries"),
    ],
)
def test_a_mistake_in_the_list_is_told_with_file_and_line(tmp_path: Path, lines: list[str], said: str) -> None:
    home = Home(tmp_path)
    home.takedowns.mkdir()
    (home.takedowns / "own.yaml").write_text("\n".join(lines) + "\n")
    with pytest.raises(JianghuaError, match=said) as e:
        load_takedowns(home)
    assert "own.yaml:" in str(e.value.where)


def test_a_file_of_another_ending_is_told_and_not_passed_over(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.takedowns.mkdir()
    (home.takedowns / "own.yml").write_text("- id: a\n  url: http://x.test/\n  reason: b\n  date: 2026-01-01\n")
    with pytest.raises(JianghuaError, match=r"ends in \.yaml") as e:
        load_takedowns(home)
    assert e.value.remedy == "rename it to own.yaml"
