"""Small pages that the tests of reading are made of: the project's own words in the layouts that sites use."""

from __future__ import annotations

from crawler.extraction.article import read_article
from crawler.extraction.model import ArticleResult, PageInput
from crawler.site import Site

OPENING = "今天我们在这里召开全镇护林工作会议,主要任务是总结上半年的巡护情况,安排秋冬季的重点工作。"
FIRST = "一、看清形势,把思想统一到护林上来"
FIRST_TEXT = (
    "上半年全镇共组织巡护四百余次,没有发生一起火情,成绩来之不易。但是入秋以后天干物燥,任何一点松懈都可能酿成大祸。"
)
SECOND = "二、压实责任,把措施落到每一个山头"
SECOND_TEXT = "各村要把山头地块逐一分到人,护林员每天上山不少于两次,发现野外用火立即制止,并在十分钟之内报告镇里。"
CLOSING = "同志们,青山就是我们的家底。让我们守好每一片林子,给子孙留下一份厚实的产业。"
SPEECH = ["同志们:", OPENING, FIRST, FIRST_TEXT, SECOND, SECOND_TEXT, CLOSING]
TITLE = "镇长在全镇护林工作会议上的讲话"

OTHER = [
    "老师们、同学们:",
    "金秋九月,我们迎来了新的学年,首先向所有新同学表示热烈的欢迎,向辛勤工作的老师们致以诚挚的问候。",
    "新学年里希望大家热爱读书、勤于动手、友善待人,把每一天都过得充实而有意义。",
    "最后祝同学们学习进步,祝老师们身体健康,谢谢大家!",
]
OTHER_TITLE = "校长在秋季开学典礼上的致辞"


def paragraphs(lines: list[str]) -> str:
    """The lines as `<p>` elements."""
    return "".join(f"<p>{x}</p>" for x in lines)


def page(
    body: str, title: str = TITLE, *, head: str = "", above: str = "", below: str = "", site: str = "清泉文库"
) -> bytes:
    """A whole page in UTF-8: navigation, heading, body, what stands below, footer."""
    return (
        f"<!doctype html><html><head><meta charset=utf-8><title>{title} - {site}</title>{head}</head><body>"
        f"<div class=nav><a href=/>首页</a> <a href=/a/>讲话</a> <a href=/b/>致辞</a></div><h1>{title}</h1>{above}"
        f"<div class=text>{body}</div>{below}<div class=bottom>{site} 版权所有 <a href=/about>关于我们</a></div></body></html>"
    ).encode()


SITE = Site(name="shulin", title="树林", start=("http://www.shulin.test/",))
# A speech without headings, and how the tests of its page read it.
LONG = [
    "同志们:",
    OPENING,
    FIRST_TEXT,
    "昨天夜里我去了北坡的两个检查站,值班的同志没有一个脱岗,炉子上的水是热的,登记簿上的字是新的。",
    SECOND_TEXT,
    CLOSING,
]


def read(body: bytes, url: str = "http://www.shulin.test/a/1.html") -> ArticleResult:
    return read_article([PageInput(url, body, "text/html", 1)], SITE)


def text(result: ArticleResult) -> list[str]:
    assert len(result.speeches) == 1, (result.fate, result.why)
    lines: list[str] = result.speeches[0]["text"].split("\n")
    return lines
