"""Personal data: every rule with its examples, identity numbers by hypothesis, rows flagged and masked."""

from __future__ import annotations

import hashlib
import string
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crawler import personal
from crawler.errors import JianghuaError
from crawler.extraction.fold import simtext_sha256
from crawler.home import Home
from publisher import personal as published
from publisher.reader import open_dataset
from publisher.release import publish
from publisher.settings import publish_settings
from tests.publisher.publisher_made import page, records, speech, text
from tests.publisher.test_publish_cli import extracted


def kinds(text: str) -> list[str]:
    return sorted({h.kind for h in personal.find(text)})


@pytest.mark.parametrize(("rule", "text"), [(r, t) for r in personal.rules() for t in r.yes])
def test_a_rule_finds_its_examples_and_masks_leave_nothing(rule: personal.Rule, text: str) -> None:
    hits = [h for h in personal.find(text) if h.kind == rule.kind]
    assert len(hits) == 1
    held = text[hits[0].start : hits[0].end]
    masked = personal.mask(text)
    assert held not in masked
    assert text[: hits[0].start] in masked
    assert not personal.find(masked)


@pytest.mark.parametrize(("rule", "text"), [(r, t) for r in personal.rules() for t in r.no])
def test_a_rule_leaves_its_counterexamples(rule: personal.Rule, text: str) -> None:
    assert rule.kind not in kinds(text)


numbers = st.builds(
    lambda area, born, order: f"{area}{born:%Y%m%d}{order:03d}",
    st.sampled_from(["110105", "330106", "440524", "650102", "810000"]),
    st.dates(date(1900, 1, 1), date(2026, 1, 1)),
    st.integers(0, 999),
)
around = st.text(st.sampled_from("同志们，。：（）电话号是 年\n"), max_size=20)


@pytest.mark.parametrize("before", [" 、# \n，", *("a" * n for n in range(5)), *("讲" * n for n in range(4))])
@pytest.mark.parametrize("number", ["QQ:1234９", "QQ:1２3４5", "QQ：９1234"])
def test_digits_of_both_widths_are_found_wherever_a_short_line_has_them(before: str, number: str) -> None:
    text = f"{before}，{number}"
    assert kinds(text) == ["qq"]
    assert personal.scan(pa.array([text, "讲话", None])) == [["qq"], [], []]


@pytest.mark.parametrize("dash", "‐‑–—−－-")
def test_an_account_with_a_dash_of_any_kind_is_found_among_many(dash: str) -> None:
    text = f"微信：ab{dash}123c，"
    assert kinds(text) == ["wechat"]
    assert personal.scan(pa.array([text, "讲话" * 5])) == [["wechat"], []]


@settings(deadline=None)
@given(numbers, around, around, st.booleans())
def test_every_identity_number_with_the_right_checksum_is_found(
    first: str, before: str, behind: str, wide: bool
) -> None:
    number = first + personal.id_check_digit(first)
    if wide:
        number = number.translate({ord(c): ord(c) + 0xFEE0 for c in string.digits + "X"})
    text = before + number + behind
    assert personal.Hit(len(before), len(before) + 18, "id_number") in personal.find(text)
    assert "id_number" in personal.scan(pa.array([text]))[0]


@settings(deadline=None)
@given(numbers, st.sampled_from("0123456789X"))
def test_one_with_a_wrong_last_digit_is_not(first: str, last: str) -> None:
    if last != personal.id_check_digit(first):
        assert "id_number" not in kinds(f"身份证{first}{last}。")


@settings(deadline=None)
@given(numbers, st.integers(0, 16), st.sampled_from("0123456789"))
def test_one_with_a_wrong_digit_is_not(first: str, at: int, digit: str) -> None:
    number = first + personal.id_check_digit(first)
    wrong = number[:at] + digit + number[at + 1 :]
    if wrong != number:
        assert "id_number" not in kinds(wrong)


pieces = st.sampled_from(
    ["13812345678", "138 1234 5678", "138－1234－5678", "１３８１２３４５６７８", "a@b.cn", "QQ：12345", "扣扣12345", "微信：abcdef", "vx:a_b-c1", "ＱＱ123456",
     "身份证11010519491231002X", "x#qq.com", "2023年", "10000元", "，", "讲话", "\n", "abc", "1", " ", "😀"]
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.lists(pieces, max_size=12).map("".join) | st.none(), max_size=8), st.integers(0, 3))
def test_many_texts_at_once_are_told_as_one_by_one(texts: list[str | None], cut: int) -> None:
    rows = pa.chunked_array([pa.array(texts, pa.large_string()), pa.array(texts, pa.large_string()).slice(cut)])
    assert personal.scan(rows) == [kinds(t) if t is not None else [] for t in [*texts, *texts[cut:]]]


@settings(deadline=None)
@given(st.lists(pieces, max_size=12).map("".join))
def test_nothing_is_found_in_what_is_masked(text: str) -> None:
    assert kinds(personal.mask(text)) == []


WIDE = {**{chr(c): chr(c + 0xFEE0) for c in range(0x21, 0x7F)}, **{chr(c + 0xFEE0): chr(c) for c in range(0x21, 0x7F)}}
SPACES, DASHES = " \u3000\u00a0\u2002\u2003\u2009", "-‐‑–—−－"
FOLDED = "".join(map(chr, personal._FOLDED))


def alike(c: str) -> st.SearchStrategy[str]:
    """This character, or one that is read as it is, or that looks so."""
    return st.sampled_from(SPACES if c in SPACES else DASHES if c in DASHES else c + WIDE.get(c, c))


def in_other_widths(text: str) -> st.SearchStrategy[str]:
    return st.tuples(*map(alike, text)).map("".join)


labels = [
    "qq", "QQ号", "加q", "扣扣", "企鹅", "vx", "wx", "v信", "wechat", "微信", "微", "信", "加v", "：", "号", "(at)", "[at]",
    "at", "#", "@", "qq.com", "163.cn", "12345", "1234", "138", "110105", "abcde",
]  # fmt: skip
mixed = st.one_of(
    st.sampled_from([t for r in personal.rules() for t in (*r.yes, *r.no)]).flatmap(in_other_widths),
    st.sampled_from(labels).flatmap(in_other_widths),
    st.text(st.sampled_from("".join(map(chr, range(0x20, 0x7F))) + FOLDED), max_size=8),
    st.text(st.sampled_from("讲话，：；？（）、。“…·é×\n\t\u200b\ufeff😀"), max_size=6),
)


@settings(deadline=None, max_examples=400)
@given(
    st.lists(st.lists(mixed, max_size=6).map("".join) | st.none(), max_size=5),
    st.integers(0, 3),
    st.sampled_from([0, 0, 100, 1 << 30]),
    st.sampled_from([8, 64, 1 << 19]),
    st.sampled_from([0, 0, 1, 500]),
)
@example(["ａ＠ｂ.cn"], 0, 0, 1 << 19, 500)
@example(["微信：ab–cd–ef"], 1, 0, 1 << 19, 500)
@example(["加Q12３45６。"], 0, 0, 64, 1)
@example(["投稿a　@　b.cn"], 2, 0, 8, 1)
@example(["ＷｅＣｈａｔ 1234567"], 0, 1 << 30, 8, 0)
@example(["ab_＃ｑｑ．ｃｏｍ"], 0, 1 << 30, 8, 0)
@example(["ab（ａｔ）１６３．ｃn"], 0, 1 << 30, 8, 0)
def test_the_quick_way_misses_nothing_whatever_widths_are_mixed(
    texts: list[str | None], shift: int, lines: int, at_once: int, around: int
) -> None:
    texts = [
        t if t is None else "é" * (shift % 2) + "a" * (shift // 2) + "讲" * around + t + "话" * around for t in texts
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(personal, "_LINES", lines)  # by looks or by RE2
        patch.setattr(personal, "_AT_ONCE", at_once)
        found = personal.scan(pa.array(texts, pa.string()))
    assert found == [kinds(t) if t is not None else [] for t in texts]


def test_another_search_looks_through_all_rows_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = personal.digest.__wrapped__()
    monkeypatch.setattr(personal, "SEARCH", personal.SEARCH + 1)
    assert personal.digest.__wrapped__() != before


def test_the_looks_leave_out_nearly_all_that_has_none() -> None:
    """What is looked at closer costs: dates, amounts, numbers of meetings and ordinary signs are not to be."""
    plain = "各位代表：２０２３年以来，GDP增长5.2%，完成投资1234万元；“十四五”——2021年到2025年（含2022年）、第3条？3月15日10:30。\n一、"
    few = plain.replace("２０２３", "2023") * 3
    assert not len(personal._candidates(pa.array([few] * 50)))
    assert not len(personal._suspects(np.frombuffer((few * 5 + "讲话话。").encode(), np.uint8)))


def table(*rows: dict[str, object]) -> pa.Table:
    return records(rows)["speeches"]


def test_rows_are_flagged_and_left_as_they_are() -> None:
    plain = speech("a", 1)
    hit = speech("a", 2, plain["text"] + "\n电话13812345678，邮箱a@b.cn") | {"keywords": ["QQ：123456", "讲话"]}
    out = published.apply(table(plain, hit), mask_found=False)
    assert out["personal_data"].to_pylist() == [[], ["email", "mobile", "qq"]]
    assert out.drop_columns(["personal_data"]).equals(table(plain, hit))


def test_rows_are_masked_and_what_follows_from_the_text_is_made_anew() -> None:
    plain = speech("a", 1)
    hit = speech("a", 2, plain["text"] + "\n电话13812345678，微信：zhangsan。") | {
        "title": "联系13912345678",
        "editor_intro": "投稿x@y.com",
        "keywords": ["讲话", "QQ:123456"],
    }
    out = published.apply(table(hit, plain), mask_found=True)
    row, other = out.to_pylist()
    assert other == plain | {"personal_data": []} | {"published_at": other["published_at"]}
    assert row["text"] == plain["text"] + "\n电话×××××××××××，微信：××××××××。"
    assert (row["title"], row["editor_intro"]) == ("联系×××××××××××", "投稿×××@×××")
    assert row["keywords"] == ["讲话", "QQ:××××××××"]
    assert row["personal_data"] == ["email", "mobile", "qq", "wechat"]
    assert row["text_sha256"] == hashlib.sha256(row["text"].encode()).hexdigest()
    assert row["simtext_sha256"] == simtext_sha256(row["text"])
    assert row["chars"] == len("".join(row["text"].split()))
    assert row["mask_count"] > 0
    assert out.schema.names[:-1] == table(hit).schema.names


def test_rows_that_were_masked_before_keep_their_kinds() -> None:
    hit = speech("a", 2, speech("a", 2)["text"] + "\n电话13812345678")
    once = published.apply(table(hit), mask_found=True)
    assert published.apply(once, mask_found=True).equals(once)
    assert published.apply(table(hit), mask_found=True).equals(once)


def test_no_file_of_a_version_holds_what_is_masked(tmp_path: Path) -> None:
    number = "13812345678"
    told = f"电话{number}"
    rows = [
        speech("a", 0, text("cut") + f"\n{told}"),
        speech("a", 1, title=f"讲话 {told}", title_raw=told, part_title=told, editor_intro=told, site_title=told, occasion=told),
        speech("a", 2, author=told, source=told, keywords=[told], breadcrumb=[told]),
        speech("a", 3, f"同志们:\n一、{told}\n" + text("points"), outline=[{"level": 1, "marker": "一、", "heading": told, "paragraph": 1}]),
        *(speech("a", n) for n in range(4, 9)),
    ]  # fmt: skip
    others = [page(speech("a", 20), "off_topic", title=told), page(speech("a", 21), "list", title=None)]
    extracted(tmp_path, "a", rows, others)
    home = Home(tmp_path)
    publish(home, now=datetime(2026, 11, 22, tzinfo=UTC))
    version = home.datasets / "speeches" / "versions" / "2026-11-22.1"
    for path in version.rglob("*"):
        if path.is_file():
            held = (
                str(pq.ParquetFile(path).read().to_pylist()) if path.suffix == ".parquet" else path.read_text("utf-8")
            )
            assert number not in held, path
    home.settings_file.write_text("[publish]\nmask_personal_data = false\n")
    publish(home, now=datetime(2026, 11, 23, tzinfo=UTC))
    titles = open_dataset(home.datasets / "speeches").arrow("pages")["title"].to_pylist()
    assert titles.count(told) == 1
    assert f"讲话 {told}" in titles


def test_no_rows() -> None:
    assert published.apply(table().slice(0), mask_found=True)["personal_data"].to_pylist() == []
    assert personal.scan(pa.chunked_array([], pa.large_string())) == []
    assert personal.scan(pa.array([None, ""], pa.string())) == [[], []]


def test_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path)
    assert publish_settings(home).mask_personal_data
    home.settings_file.write_text("speech_threshold = 1\n[publish]\nmask_personal_data = false\n")
    assert not publish_settings(home).mask_personal_data
    monkeypatch.setenv("JIANGHUA_PUBLISH_MASK_PERSONAL_DATA", "true")
    assert publish_settings(home).mask_personal_data
    monkeypatch.setenv("JIANGHUA_PUBLISH_MASK_PERSONAL_DATA", "perhaps")
    with pytest.raises(JianghuaError, match="mask_personal_data") as e:
        publish_settings(home)
    assert e.value.where == "JIANGHUA_PUBLISH_MASK_PERSONAL_DATA"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[publish]\nmask_personaldata = true\n", "unknown setting 'mask_personaldata'"),
        ("[publsh]\nmask_personal_data = false\n", "unknown section 'publsh'"),
        ("[publish]\nmask_personal_data = 'x'\n", "mask_personal_data"),
        ("publish = 3\n", "no section"),
        ("[publish\n", "cannot be read"),
    ],
)
def test_a_mistake_in_the_settings_is_named(tmp_path: Path, text: str, said: str) -> None:
    home = Home(tmp_path)
    home.settings_file.write_text(text)
    with pytest.raises(JianghuaError, match=said) as e:
        publish_settings(home)
    assert str(home.settings_file) in str(e.value.where)
