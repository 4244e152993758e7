"""Thirteen hundred hostile pages through the real worker pool: no crash, none over its time limit, no worker lost for good.

A failure names the number of its page; `python -m tests.crawler.extraction.test_fuzz NUMBER` reads that page alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crawler.extraction.pool import TIME_LIMIT, Lost, Pool
from tests.crawler.extraction.fuzzed import LABELS, Made, corpus, damaged, patterns, trouble_with

DAMAGED = int(os.environ.get("JIANGHUA_FUZZ_PAGES", "1000"))  # and what hypothesis makes: 1,300 in all
FIRST = int(os.environ.get("JIANGHUA_FUZZ_FIRST", "0"))  # number of the first page, to look at other ones by hand
BATCH = 15
pytestmark = pytest.mark.timeout(600)  # half a minute of CPU time, on a machine that may be busy


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool("tests.crawler.extraction.fuzzed:reading") as made:
        yield made


def told(answer: object) -> str | None:
    return f"{answer.kind}: {answer.why}" if isinstance(answer, Lost) else None if answer is None else str(answer)


def test_damaged_pages_are_read_and_no_worker_is_lost(pool: Pool) -> None:
    numbers = range(FIRST, FIRST + DAMAGED)
    answers = dict(pool.run(numbers))
    assert sorted(answers) == list(numbers)
    assert {n: told(a) for n, a in answers.items() if a is not None} == {}
    assert pool.restarts == 0
    assert list(pool.run([FIRST])) == [(FIRST, None)]


_TEXT = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(
    [
        "同志们：",
        "一、",
        "篇1",
        "（二）",
        "我讲三点意见。",
        "全文约1000字，请登录",
        "上一篇：",
        "时间：2023-01-01 来源：网络",
        "会议指出，",
        "谢谢大家！",
    ]
)
_NAMES = st.sampled_from(
    ["div", "p", "br", "table", "tr", "td", "a", "span", "h1", "h2", "title", "li", "ul", "pre", "b", "form", "select", "meta", "time", "font", "x-y"]
)  # fmt: skip
_ATTRIBUTES = st.sampled_from(
    [
        "",
        " class=title",
        " id=content",
        " style='display:none'",
        " href=/a",
        " rel=tag",
        " datetime='20x'",
        " class='author crumb info'",
        " =",
        " a='",
    ]
)
_MARKUP = st.recursive(
    _TEXT,
    lambda inner: st.builds(
        lambda name, attributes, parts, closed: f"<{name}{attributes}>{''.join(parts)}" + (f"</{name}>" if closed else ""),
        _NAMES, _ATTRIBUTES, st.lists(inner, max_size=6), st.booleans(),
    ),
    max_leaves=40,
)  # fmt: skip
_PAGES = st.builds(
    lambda markup, label, charset: Made(markup.encode(charset, "replace"), f"text/html; charset={label}"),
    _MARKUP, st.sampled_from(LABELS), st.sampled_from(["utf-8", "gb18030", "big5", "utf-16"]),
)  # fmt: skip


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(pages=st.lists(_PAGES, min_size=BATCH, max_size=BATCH))
def test_made_pages_are_read(pool: Pool, pages: list[Made]) -> None:
    wrong = [(page, told(answer)) for page, answer in pool.run(pages) if answer is not None]
    assert not wrong
    assert pool.restarts == 0


def test_no_pattern_goes_on_for_ever() -> None:
    """Patterns that backtrack worse than by the square of a line's length would hold a worker on a hostile page."""
    with Pool("tests.crawler.extraction.fuzzed:searching", time_limit=TIME_LIMIT) as pool:
        answers = dict(pool.run(patterns(), batch=4))
    assert {name: told(answer) for name, answer in answers.items() if answer is not None} == {}
    assert len(answers) > 300


if __name__ == "__main__":
    for number in map(int, sys.argv[1:]):
        page = damaged(corpus(), number)
        sys.stdout.buffer.write(page.body + f"\n<!-- {page.content_type}: {trouble_with(page)} -->\n".encode())
