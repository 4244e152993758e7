"""The prefilter never hides a match, and several patterns searched through it match as their alternation would."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.extraction import prefilter
from crawler.extraction.prefilter import AnyOf, Expression, needles, quick
from crawler.extraction.rules import FOLDER, Rule, rule_file

RULES = [r for f in sorted(FOLDER.glob("*.yaml")) for rs in rule_file(f.stem).values() for r in rs]
EXAMPLES = [text for r in RULES for text in (*r.yes, *r.no)]

LETTERS = "abcABC讲话"
texts = st.text(LETTERS + "1 ", max_size=24)


def deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Regular expressions out of smaller ones: sequences, choices, repetitions, looks ahead and behind, cases."""
    several = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        several.map("".join),
        several.map(lambda ways: f"(?:{'|'.join(ways)})"),
        several.map(lambda ways: f"({'|'.join(ways)})"),
        st.tuples(inner, st.sampled_from(["?", "*", "+", "{2}", "{0,2}", "{1,3}", "*?", "++"])).map(
            lambda x: f"(?:{x[0]}){x[1]}"
        ),
        inner.map(lambda x: f"(?={x})"),
        inner.map(lambda x: f"(?!{x})"),
        inner.map(lambda x: f"(?i:{x})"),
        inner.map(lambda x: f"(?>{x})"),
    )


smallest = st.one_of(
    st.text(LETTERS, min_size=1, max_size=3),
    st.sampled_from(["[ab]", "[^a]", "[a-c讲]", ".", r"\d", r"\s", "^", "$", "(?<=讲)", "(?<!a)", ""]),
)
sources = st.recursive(smallest, deeper, max_leaves=8)


@given(sources, texts)
def test_a_text_that_a_pattern_is_found_in_holds_one_of_its_needles(source: str, text: str) -> None:
    found = needles(source)
    if re.search(source, text) and found is not None:
        assert any(n in text for n in found)
        assert "" not in found


@given(st.lists(sources, min_size=1, max_size=4, unique=True), texts)
def test_several_patterns_match_as_their_alternation(given_: list[str], text: str) -> None:
    one = re.compile("|".join(f"(?:{s})" for s in given_))
    several = AnyOf([Expression(s) for s in given_])
    expected = one.search(text)
    m = several.search(text)
    assert (m and m.span()) == (expected and expected.span())
    assert [p.source for p in several.found(text)] == [s for s in given_ if re.search(s, text)]
    first = several.first(text)
    assert (first and first[0].source) == next((s for s in given_ if re.search(s, text)), None)


@given(st.lists(sources, min_size=1, max_size=4, unique=True), texts)
def test_matches_one_behind_the_other_are_those_of_the_alternation(given_: list[str], text: str) -> None:
    given_ = [s for s in given_ if not re.search(s, "") and all(m.group() for m in re.finditer(s, text))] or ["讲话"]
    one = re.compile("|".join(f"(?:{s})" for s in given_))
    several = AnyOf([Expression(s) for s in given_])
    assert [m.span() for m in several.finditer(text)] == [m.span() for m in one.finditer(text)]
    assert several.count(text) == len(list(one.finditer(text)))
    assert several.sub("某", text) == one.sub("某", text)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("相关(?:文章|阅读)", {"相关文章", "相关阅读"}),
        ("^讲话稿?$", {"讲话", "讲话稿"}),
        (".{0,9}下载", {"下载"}),
        ("(?=.*会员).*下载", {"下载", "会员"}),
        ("(?:关于|对于)?[^。]{2,9}的通知", {"的通知"}),
        (r"\d{4}年", {"年"}),
        ("(?i:copy)right", {"right"}),
        ("(?!下载)上传", {"上传"}),
        ("下载?", {"下", "下载"}),
    ],
)
def test_needles_are_told_by_the_syntax(source: str, expected: set[str]) -> None:
    found = needles(source)
    assert found is not None
    assert found <= expected


@pytest.mark.parametrize("source", ["", "讲?", "讲*", "(?:讲话|)", r"\d", "[^讲]", "(?i)a", "讲话|."])
def test_of_some_patterns_nothing_follows(source: str) -> None:
    assert needles(source) is None


def test_a_pattern_that_is_none_is_told() -> None:
    with pytest.raises(re.error):
        quick("(").search("讲")


def test_every_rule_is_found_in_its_own_examples() -> None:
    """And nearly every rule has needles: a rule without is searched for in each line of each page."""
    for rule in RULES:
        found = needles(rule.source)
        for text in rule.yes:
            assert found is None or any(n in text for n in found), (rule.id, text)
    assert sum(needles(r.source) is None for r in RULES) <= len(RULES) // 10


@pytest.mark.parametrize("name", sorted(f.stem for f in FOLDER.glob("*.yaml")))
def test_the_rules_of_a_group_match_as_their_alternation(name: str) -> None:
    for group, rules in rule_file(name).items():
        one = (
            re.compile("|".join(f"(?:{re.sub(r'[?]P<[a-z_0-9]+>', '', r.source)})" for r in rules))
            if _plain(rules)
            else None
        )
        several = AnyOf(rules)
        for text in EXAMPLES:
            assert several.found(text) == [r for r in rules if r.pattern.search(text)], (group, text)
            if one is not None:
                m, expected = several.search(text), one.search(text)
                assert (m and m.span()) == (expected and expected.span()), (group, text)


def _plain(rules: tuple[Rule, ...]) -> bool:
    """Whether the sources can stand in one expression: no flags for the whole, no references to groups."""
    return not any(s in r.source for r in rules for s in ("(?i)", "(?P=", r"\1", "(?("))


def test_patterns_that_come_later_are_seen_in_texts_that_were_looked_at_before() -> None:
    text = "晚到的模式也要找到"
    assert quick("找不到的").search(text) is None
    assert quick("晚到的模式").search(text)


def test_threads_share_what_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patterns are made and searched for in many threads at once, and each finds what it should. (Beside the thousand rules, which are left
    out, each new pattern would take some milliseconds.)"""
    monkeypatch.setattr(prefilter, "_looking", prefilter._Looking({}, {}))
    monkeypatch.setattr(prefilter, "_waiting", [])

    def look(n: int) -> list[bool]:
        text = f"第{n}个线程{'讲话' * n}结束"
        return [
            quick(f"第{n}个线程").search(text) is not None,
            quick(f"第{n + 1}个线程").search(text) is None,
            quick(f"(?:讲话){{{n}}}结束").search(text) is not None,
        ]

    with ThreadPoolExecutor(8) as pool:
        assert all(all(found) for found in pool.map(look, range(1, 200)))
