"""Threads of forums: what the starter wrote, over several posts and pages, without what others answered."""

from __future__ import annotations

import pytest

from crawler.extraction.article import read_article
from crawler.extraction.model import ArticleResult, PageInput
from tests.crawler.extraction.pages import LONG, SITE, TITLE, text

REPLY = "写得真好，正好下周开会用得上，先收藏了，感谢分享！"


def post(number: int, user: int, lines: list[str], name: str = "") -> str:
    return (
        f"<div id='post_{number}'><table><tr><td class=pls><a href='space-uid-{user}.html'>{name or f'user{user}'}</a><p>高级会员</p></td>"
        f"<td class=plc><em id='authorposton{number}'>发表于 2021-3-4 08:3{number}</em><a>只看该作者</a>"
        f"<table><tr><td class=t_f id='postmessage_{number}'>{'<br />'.join(lines)}</td></tr></table><a>回复</a> <a>举报</a></td></tr></table></div>"
    )


def thread(*pages: str) -> ArticleResult:
    shown = [
        f"<html><head><title>{TITLE} - 文秘论坛</title></head><body><h1 id=thread_subject>{TITLE}</h1>{p}</body></html>"
        for p in pages
    ]
    return read_article(
        [
            PageInput(f"http://www.shulin.test/thread-7-{k}-1.html", p.encode(), "text/html", k)
            for k, p in enumerate(shown, 1)
        ],
        SITE,
    )


@pytest.mark.parametrize(("end", "begin"), [("", ""), ("（未完，见二楼）", "（接一楼）"), ("未完待续", "续上楼：")])
def test_a_text_that_goes_on_in_the_next_post_is_one(end: str, begin: str) -> None:
    half = len(LONG) // 2
    first, rest = [*LONG[:half], *([end] if end else [])], [*([begin] if begin else []), *LONG[half:]]
    assert text(thread(post(1, 9, first) + post(2, 9, rest) + post(3, 4, [REPLY]))) == LONG


def test_a_post_of_thanks_of_the_starter_is_no_text() -> None:
    assert text(thread(post(1, 9, LONG) + post(2, 4, [REPLY]) + post(3, 9, ["谢谢各位支持！"]))) == LONG


def test_answers_that_quote_the_text_and_further_pages_of_a_thread_bring_nothing() -> None:
    quote = f"<div class=quote><blockquote>user9 发表于 2021-3-4 08:31<br />{LONG[1][:90]}</blockquote></div>"
    answers = post(2, 4, [quote + REPLY]) + post(3, 5, [REPLY])
    assert text(thread(post(1, 9, LONG) + answers, post(4, 6, [quote + REPLY]) + post(5, 7, [REPLY]))) == LONG
    result = thread(post(1, 9, LONG) + answers)
    assert [c.rule for c in result.cut].count("forum_reply") == 2


def test_where_a_forum_shows_no_users_nothing_is_taken_out() -> None:
    lines = "".join(f"<div id='postmessage_{n}'><p>{x}</p></div>" for n, x in enumerate(LONG))
    assert text(thread(lines)) == LONG
