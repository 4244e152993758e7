"""Pages made to break a reader: golden and sample pages, damaged in every way that bytes and markup can be, each told by one number.

The same number always gives the same page, so a failure is told by its number alone: `damaged(corpus(), 1234)`.
"""

from __future__ import annotations

import importlib
import pkgutil
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import crawler.extraction
from crawler.extraction.article import read_article
from crawler.extraction.decode import decode
from crawler.extraction.model import PageInput
from crawler.extraction.rows import check, check_values
from crawler.extraction.rules import FOLDER, rule_file
from crawler.extraction.worker import Reading
from crawler.sample.build import build
from crawler.site import Site

GOLDEN = Path(__file__).parents[2] / "golden"
SITE = Site(name="fuzz", title="模糊文库", start=("http://www.fuzz.test/",))
LABELS = (
    "gbk",
    "gb2312",
    "big5",
    "utf-8",
    "utf-16",
    "iso-8859-1",
    "x-user-defined",
    "hz",
    "utf-7",
    "shift_jis",
    "none/such",
    "",
)
MOST_BYTES = 60_000  # most pages are small, so that thousands are read in a minute

RUNS = (
    *"会一1 a(（>-—.、，：年在上X*第讲篇《“…<&\u3000\xa0\n\u4dff\U0002a6d6",
    "1 ",
    "一、",
    "第一",
    "2023",
    "2023年",
    "讲话",
    "同志们",
    "下一页 ",
    "www.",
    "a=1;",
    "会，",
    "[a",
    "首页>",
    "·1",
)
LONG = 3_000  # characters from which a pattern that is worse than quadratic cannot be missed

_TAG = re.compile(rb"</?[a-zA-Z][^<>]*>")
_NASTY = (
    "\x00", "\x0b", "\x1b", "\x7f", "\ufeff", "\ufffe", "\u200b\u200e\u202e", "\u0301" * 50, "\ud83d", "&#0;", "&#x110000;", "&#xd800;", "&amp" * 30,
    "&nbsp;" * 40, "<!--", "-->", "<![CDATA[", "]]>", "<?xml version='1.0' encoding='utf-16'?>", "<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]>&b;",
    "<plaintext>", "<script>", "</script>", "<style>", "<textarea>", "<title>", "<base href='javascript:'>", "<frameset>", "<svg><desc>", "<table><p>",
    "<meta charset=utf-7>", "<template>", "<select><option>", "</body></html>", "<p " + "a=1 " * 200 + ">", "<p style='" + "x:y;" * 200 + "'>", "<a href='http://["
)  # fmt: skip
_LINES = (
    "篇1", "【篇2】", "第三篇:", "(一)", "一、", "第一，", "1.", "同志们:", "各位领导、各位来宾:", "……此处隐藏9个字……", "(未完,全文共99999999999999字,当前显示4字)", "推荐访问:", "上一篇:", "下一页",
    "我讲九十九点意见", "发布时间:9999-99-99 99:99", "民國999年13月32日", "20年0月0日", "点击:99999999999999999999次", "来源:", "作者:" * 20, "当前位置:首页>>>>>>", "2023年" * 60, "X月X日" * 60, "讲话" * 200,
)  # fmt: skip


@dataclass(frozen=True)
class Made:
    """A page made of a number, and what the server says of it."""

    body: bytes
    content_type: str | None


@cache
def corpus() -> tuple[bytes, ...]:
    """The pages that the damaged ones are made of: all golden pages and a few of each sample site."""
    golden = [p.read_bytes() for p in sorted(GOLDEN.glob("*.html"))]
    sample = build(articles=6, chars=500)
    made = [
        answer.body
        for spec in sample.sites
        for _, answer in sorted(sample.pages(spec.name, 1).items())[::4][:8]
        if answer.status == 200 and b"<" in answer.body[:200]
    ]
    return tuple(b for b in (*golden, *made) if len(b) <= MOST_BYTES)


Damage = Callable[[random.Random, bytes], bytes]


def _flip(r: random.Random, b: bytes) -> bytes:
    out = bytearray(b)
    for _ in range(r.choice((1, 5, 50, len(b) // 20))):
        out[r.randrange(len(out))] = r.randrange(256)
    return bytes(out)


def _cut(r: random.Random, b: bytes) -> bytes:
    at = r.randrange(len(b))
    return b[:at] if r.random() < 0.7 else b[at:]


def _tags(r: random.Random, b: bytes) -> bytes:
    """Take tags out, double them, or swap them for others of the page."""
    tags = _TAG.findall(b) or [b"<p>"]
    share = r.choice((0.02, 0.2, 0.6))

    def change(m: re.Match[bytes]) -> bytes:
        if r.random() > share:
            return m[0]
        return r.choice((b"", m[0] * 2, r.choice(tags), m[0] * 40 if r.random() < 0.05 else b""))

    return _TAG.sub(change, b)


def _nest(r: random.Random, b: bytes) -> bytes:
    """Wrap a place in elements that may never be closed, some hundred levels deep."""
    name = r.choice(
        (b"div", b"font", b"b", b"table", b"td", b"li", b"ul", b"a", b"p", b"pre", b"span style='display:none'", b"h1")
    )
    at, n = r.randrange(len(b)), r.choice((3, 60, 260, 1500))
    closing = b"" if r.random() < 0.5 else (b"</" + name.split()[0] + b">") * n
    end = min(len(b), at + r.randrange(1, 4000))
    return b[:at] + (b"<" + name + b">") * n + b[at:end] + closing + b[end:]


def _attributes(r: random.Random, b: bytes) -> bytes:
    n = r.choice((10, 400, 4000))
    bomb = (
        b"<div "
        + b" ".join(b"a%d=%d" % (i if r.random() < 0.9 else 1, i) for i in range(n))
        + r.choice((b">", b"", b"/>"))
    )
    at = r.randrange(len(b))
    return b[:at] + bomb + b[at:]


def _repeat(r: random.Random, b: bytes) -> bytes:
    """One piece of the page many times over."""
    at = r.randrange(len(b))
    piece = b[at : at + r.choice((1, 7, 40, 300))]
    return b[:at] + piece * min(r.choice((20, 300, 3000)), 60_000 // len(piece)) + b[at:]


def _nasty(r: random.Random, b: bytes) -> bytes:
    out = b
    for _ in range(r.randrange(1, 12)):
        at = r.randrange(len(out))
        made = r.choice(_NASTY if r.random() < 0.6 else _LINES).encode("utf-8", "surrogatepass")
        out = out[:at] + made + out[at:]
    return out


def _lines(r: random.Random, b: bytes) -> bytes:
    """Lines that mean something to the reader, where they mean nothing: behind tags, in the page's own charset."""
    charset = decode(b).charset
    out = bytearray()
    last = 0
    for m in _TAG.finditer(b):
        if r.random() < 0.06:
            out += b[last : m.end()] + r.choice(_LINES).encode(charset, "replace")
            last = m.end()
    return bytes(out + b[last:])


def _run(r: random.Random, b: bytes) -> bytes:
    """A line of one kind of character, in the text or where facts stand."""
    kind = r.choice(RUNS)
    line = kind * (r.choice((200, 4000, 20_000)) // len(kind))
    form = r.choice(("<p>{}</p>", "<p>{}</p>", "<h1>{}</h1>", "<title>{}</title>", "<td>{}", "<pre>{}</pre>", "<meta name=keywords content='{}'>", "<a href='{}'>a</a>",
                     "<div class=info>{}</div>", "<div class='{}'>x</div>", "<time datetime='{}'>x</time>"))  # fmt: skip
    at = r.choice((0, len(b) // 3, len(b)))
    return b[:at] + form.format(line).encode() + b[at:]


def _recode(r: random.Random, b: bytes) -> bytes:
    text = decode(b).text
    return text.encode(r.choice(("utf-8", "gb18030", "big5", "utf-16", "utf-8-sig", "cp949")), "replace")


_DAMAGE: tuple[Damage, ...] = (_flip, _cut, _tags, _nest, _attributes, _repeat, _nasty, _lines, _run, _recode)


def damaged(pages: tuple[bytes, ...], number: int) -> Made:
    """The page of a number: one page of the corpus or two spliced, damaged one to three times, under some label."""
    r = random.Random(number)
    body = r.choice(pages)
    if r.random() < 0.25:
        other = r.choice(pages)
        body = body[: r.randrange(len(body))] + other[r.randrange(len(other)) :]
    for _ in range(r.choice((1, 1, 2, 3))):
        body = r.choice(_DAMAGE)(r, body) or b"<"
    label = r.choice(LABELS)
    return Made(body, None if r.random() < 0.4 else f"text/html; charset={label}")


def trouble_with(made: Made) -> str | None:
    """What is wrong with how a page is read: a result that does not pass the checks of records; None when nothing is."""
    page = PageInput("http://www.fuzz.test/a/1.html", made.body, made.content_type)
    result = read_article([page], SITE, None)
    reading = Reading(result.fate, result.why, result.title, (result.charset,), (200,), tuple(result.speeches))
    if wrong := check(reading):
        return wrong
    own = {"site": SITE.name, "page_url": page.url}
    return check_values([{**row, **own, "speech_id": f"fuzz-{row['part']}"} for row in reading.speeches])


def reading(setup: Any) -> Callable[[int | Made], str | None]:
    """For the pool: the number of a page, or a page → what is wrong with how it is read."""
    return lambda task: trouble_with(task if isinstance(task, Made) else damaged(corpus(), task))


@cache
def patterns() -> dict[str, re.Pattern[Any]]:
    """Every pattern of the rules and of the modules of extraction, by a name that leads to it."""
    found: dict[str, re.Pattern[Any]] = {}

    def collect(name: str, value: object) -> None:
        if isinstance(value, re.Pattern):
            found[name] = value
        elif isinstance(value, tuple | list | dict):
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for key, one in items:
                collect(f"{name}[{key}]", one)

    for path in sorted(FOLDER.glob("*.yaml")):
        for group, made in rule_file(path.stem).items():
            for rule in made:
                found[f"{path.name} {group} {rule.id}"] = rule.pattern
    for module in pkgutil.iter_modules(crawler.extraction.__path__):
        loaded = importlib.import_module(f"crawler.extraction.{module.name}")
        for name, value in vars(loaded).items():
            collect(f"{module.name}.{name}", value)
    return found


def searching(setup: Any) -> Callable[[str], None]:
    """For the pool: the name of a pattern → it has searched long lines of every kind."""

    def search(name: str) -> None:
        pattern = patterns()[name]
        for run in RUNS:
            # white space is folded before anything is searched
            line = run * (LONG // len(run)) if not run.isspace() else "会" + run * 40
            text = line.encode() if isinstance(pattern.pattern, bytes) else line
            for _ in pattern.finditer(text):
                pass

    return search
