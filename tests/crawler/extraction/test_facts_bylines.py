"""Bylines whose labels have no colon, whose values run on, and dates that are not the page's."""

from __future__ import annotations

from datetime import datetime

import pytest

from crawler.extraction.dates import SHANGHAI
from tests.crawler.extraction.test_facts_layouts import facts


@pytest.mark.parametrize(
    ("byline", "author", "source"),
    [
        ("来源：《某某工作》2021年第3期", None, "《某某工作》2021年第3期"),
        ("来源:县报社 | 发布者 陈舟", "陈舟", "县报社"),
        ("【来源:县报社】 | 作者/陈舟 | 已有 30 人阅读", "陈舟", "县报社"),
        ("来源:县报社 2小时前 责编/陈舟", "陈舟", "县报社"),
        ("<span>上傳人:</span><a href=/u/3>陳舟</a> 稿源:縣報社 05-06", "陳舟", "縣報社"),
        ("文章来源:网友投稿 2009-11-10 发布人 chen09 10:20", "chen09", "网友投稿"),
        ("转自:县报社 Posted on May 4, 2019 by chen09", "chen09", "县报社"),
        ("来源:县报社 阅读<span></span>次 作者 简介", None, "县报社"),
        ("文 | 陈舟 图 | 钱有田", "陈舟", None),
        ("陈舟 发布于 2019-05-04", "陈舟", None),
        ("由陈舟于2019年5月4日发表", "陈舟", None),
        ("本文由 陈舟 发表于 2019-05-04 08:00", "陈舟", None),
        ("发布者\uff1a陈舟\uff0c于2019-05-04 08:00", "陈舟", None),
        ("Posted by chen09 on May 4, 2019", "chen09", None),
        ("本文发表于2019年5月4日 [来源\uff1a县报社] T大中小", None, "县报社"),
        ("公告單位 人事室 A- A+", None, "人事室"),
    ],
)
def test_names(byline: str, author: str | None, source: str) -> None:
    found = facts(below=f"<p class=info>{byline}</p>")
    assert (found.author, found.source) == (author, source)


@pytest.mark.parametrize(
    "behind", ["<p>編輯 刪除 檢舉</p>", "<p>作者 认为</p>", "<p>Powered by WordPress</p>", "<p>来源/作者</p>"]
)
def test_no_names(behind: str) -> None:
    assert facts(behind=behind).author is None


@pytest.mark.parametrize(
    ("byline", "views"),
    [
        ("阅览:692", 692),
        ("2019-05-04 阅692 转3", 692),
        ("点阅 692 次", 692),
        ("Posted on May 4, 2019 浏览 692", 692),
        ("2019-05-04 10:20:30 692 <span>来源:网络</span>", 692),
        ("2019-05-04 10:20:30 <span>692</span><span>评论</span>", None),
        ("浏览 2019-05-04", None),
        ("692人看过", 692),
        ("本文已影响692人", 692),
        ("已有 692 人评论", None),
        ("被浏览了 1.2万次", 12_000),
    ],
)
def test_views(byline: str, views: int | None) -> None:
    assert facts(below=f"<p class=info>{byline}</p>").views == views


@pytest.mark.parametrize(
    ("below", "moment"),
    [
        ("<p class=info>活动时间:2019年5月4日 活动地点:礼堂</p>", None),
        ("<p>开会日期:2019年5月1日</p><p class=info>2019年5月4日 10:20</p>", datetime(2019, 5, 4, 10, 20)),
        ("<p>2019年5月1日在县礼堂召开</p>", None),
        ("<p class=info>发布时间:2099-05-04 10:20</p>", None),
        ("<p class=info>加入时间:2019年5月4日 作者:陈舟</p>", datetime(2019, 5, 4)),
        ("<p class=info>发布日期:民國一○八年五月四日</p>", datetime(2019, 5, 4)),
        ("<p class=info>2019年5月4日 讲话人:陈舟</p>", None),
        ("<p class=info>(根据2019年5月4日录音整理)</p>", None),
        ("<p>二○一九年五月四日 来源:县报社</p>", datetime(2019, 5, 4)),
        ("<p>(二○一九年五月四日)</p>", None),
        ("<p class=info><span itemprop=datePublished content='2019-05-04T10:20:00+08:00'>几年前</span></p>",
         datetime(2019, 5, 4, 10, 20)),
        ("<p class=info>發表者 教務處 <span>108.05.04</span> <span>(30 次點閱)</span></p>", datetime(2019, 5, 4)),
    ],
)  # fmt: skip
def test_published(below: str, moment: datetime | None) -> None:
    assert facts(below=below).published_at == (moment.replace(tzinfo=SHANGHAI) if moment else None)


def test_day_of_the_event_in_a_title() -> None:
    assert (
        facts(h1="2019年5月4日在全县大会上的讲话", title="2019年5月4日在全县大会上的讲话 - 文海").published_at is None
    )


@pytest.mark.parametrize(
    "behind",
    [
        "<div><b>关键词</b><span>植树</span><span>讲话稿</span></div>",
        "<p>文章标签 <a href=/t/1>植树</a> / <a href=/t/2>讲话稿</a></p>",
        "<p>标签:植树 / 讲话稿</p>",
        "<p>关键词 植树 讲话稿</p>",
    ],
)
def test_keywords(behind: str) -> None:
    assert facts(behind=behind).keywords == ["植树", "讲话稿"]
