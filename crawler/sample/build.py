"""The sample: six synthetic document sites in two states a day apart, with the exact record of what reading them must give.

`build()` makes it in memory, deterministic by seed and scalable; `Sample.pages` is what the servers send, `Sample.expected`
is the gold, both made from the same articles.
"""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape
from pathlib import Path
from typing import Any

from crawler.durable import cannot_write, write_bytes
from crawler.sample.compose import SOFT, Bank, Traits, articles_of
from crawler.sample.layouts import (
    ABOUT,
    ADVERT,
    SOFT_404,
    BlogLayout,
    EditorLayout,
    Layout,
    LibraryLayout,
    RedesignedLayout,
    SectionLayout,
    TableLayout,
    TraditionalLayout,
    traditional,
)
from crawler.sample.model import Answer, Article, Edition, Shelf

DAYS = (1, 2)
_HEADINGS = ("pian", "corner", "title", "model", "bracket", "ordinal", "glued", "salutation")


@dataclass(frozen=True, slots=True)
class SiteSpec:
    """One site of the sample: its names, how it looks by day, and what it does to its texts."""

    name: str
    title: str
    host: str
    layouts: tuple[Layout, ...]
    traits: Traits

    def layout(self, day: int) -> Layout:
        """The layout of a day: the last one stays."""
        return self.layouts[min(day, len(self.layouts)) - 1]


SITES = (
    SiteSpec(
        "qingyun",
        "青云文稿网",
        "www.qingyun.test",
        (TableLayout(),),
        Traits(split=True, decorated=True, numeric_slugs=True),
    ),
    SiteSpec(
        "zhimo",
        "织墨范文网",
        "www.zhimo.test",
        (EditorLayout(),),
        Traits(
            headings=("pian", "corner", "ordinal"), split=True, decorated=True, intro=True, copies=("exact", "edited")
        ),
    ),
    SiteSpec(
        "muduo",
        "木铎公文",
        "www.muduo.test",
        (SectionLayout(), RedesignedLayout()),
        Traits(headings=_HEADINGS, decorated=True, copies=("edited", "masked", "exact")),
    ),
    SiteSpec(
        "wenku",
        "百稿文库",
        "www.baigao.test",
        (LibraryLayout(),),
        Traits(
            previews=True,
            decorated=True,
            ascii_marks=True,
            numeric_slugs=True,
            copies=("exact", "masked"),
            gone=(404, SOFT),
        ),
    ),
    SiteSpec(
        "yushan",
        "玉山縣政府全球資訊網",
        "www.yushan.test",
        (TraditionalLayout(),),
        Traits(traditional=True, split=True, numeric_slugs=True, copies=("script",)),
    ),
    SiteSpec(
        "tanxi",
        "檀溪笔记",
        "www.tanxi.test",
        (BlogLayout(),),
        Traits(headings=("model", "title"), copies=("masked", "exact", "edited"), private=True),
    ),
)


def split_blocks(blocks: list[tuple[str, str]], pages: int) -> list[list[tuple[str, str]]]:
    """The blocks of an article over its pages, about the same length each, no heading as last block of a page."""
    if pages == 1:
        return [blocks]
    total = sum(len(t) for _, t in blocks)
    out: list[list[tuple[str, str]]] = [[]]
    done = 0
    for i, block in enumerate(blocks):
        full = done >= total * len(out) / pages and out[-1] and out[-1][-1][0] == "p"
        if len(out) < pages and (full or len(blocks) - i <= pages - len(out)):
            out.append([])
        out[-1].append(block)
        done += len(block[1])
    return out


@dataclass(slots=True)
class Sample:
    """The built sites. page_bytes: least size of article and list pages, 0 for what comes by itself."""

    sites: tuple[SiteSpec, ...]
    articles: dict[str, list[Article]]
    page_bytes: int = 0
    page_size: int | None = None
    _pages: dict[tuple[str, int], dict[str, Answer]] = field(default_factory=dict)
    _kinds: dict[tuple[str, int], dict[str, str]] = field(default_factory=dict)

    def pages(self, site: str, day: int) -> dict[str, Answer]:
        """Every path of a site and what it answers on a day (1 or 2). `%%HOST%%`, `%%TOKEN%%` and `%%COUNT%%` in dynamic
        answers are filled in by the server."""
        if (site, day) not in self._pages:
            self._render(next(s for s in self.sites if s.name == site), day)
        return self._pages[site, day]

    def _shelf(self, spec: SiteSpec, day: int) -> Shelf:
        articles = self.articles[spec.name]
        categories = sorted({a.category for a in articles})
        return Shelf(
            name=spec.name,
            title=spec.title,
            host=spec.host,
            day=day,
            categories=tuple(categories),
            articles=[a for a in articles if a.editions[0][0] <= day],
            page_size=self.page_size or spec.layout(day).page_size,
            page_bytes=self.page_bytes,
        )

    def _render(self, spec: SiteSpec, day: int) -> None:
        layout, shelf = spec.layout(day), self._shelf(spec, day)
        html: dict[str, tuple[int, str]] = {}
        kinds: dict[str, str] = {}

        def put(path: str, kind: str, text: str, status: int = 200) -> None:
            html[path] = (status, _padded(text, layout, shelf))
            kinds[path] = kind

        put("/", "home", layout.home(shelf))
        zh = traditional if spec.traits.traditional else str
        put(layout.soft_404_path, "soft404", layout.plain(shelf, zh("提示信息"), [zh(SOFT_404)]))
        put(layout.about_path, "about", layout.plain(shelf, zh("关于我们"), [zh(p) for p in ABOUT]))
        put(layout.advert_path, "advert", layout.plain(shelf, zh("会员服务"), [zh(p) for p in ADVERT]))
        put(layout.login_path, "login", layout.login(shelf))
        self._lists(layout, shelf, put)
        for a in shelf.articles:
            state = a.on(day)
            if isinstance(state, Edition):
                for k, blocks in enumerate(split_blocks(state.blocks(), a.split), 1):
                    kind = a.kind if k == 1 else "continuation"
                    put(layout.page_path(a.path, k), kind, layout.article(shelf, a, state, blocks, k))
            else:
                for k in range(1, a.split + 1):
                    if state == SOFT:
                        put(layout.page_path(a.path, k), "soft404", layout.plain(shelf, zh("提示信息"), [zh(SOFT_404)]))
                    elif state is not None:
                        put(layout.page_path(a.path, k), "gone", f"<html><body><h1>{state}</h1></body></html>", state)
        made = {path: self._answer(spec, day, path, status, text) for path, (status, text) in html.items()}
        made |= _plumbing(layout, shelf)
        kinds |= {path: "redirect" for path, x in made.items() if x.location}
        self._pages[spec.name, day] = made
        self._kinds[spec.name, day] = kinds

    def _lists(self, layout: Layout, shelf: Shelf, put: Any) -> None:
        tags: dict[str, list[tuple[Article, Edition]]] = {}
        alive = shelf.alive()
        for category in shelf.categories:
            rows = [x for x in alive if x[0].category == category]
            pages = max(1, -(-len(rows) // shelf.page_size))
            for k in range(1, pages + 1):
                put(layout.list_path(category[0], k), "list", layout.listing(shelf, category, k, pages))
        for a, e in alive:
            for word in a.keywords:
                if path := layout.tag_path(word):
                    tags.setdefault(path, []).append((a, e))
        for path, rows in tags.items():
            word = next(w for w in rows[0][0].keywords if layout.tag_path(w) == path)
            put(path, "tag", layout.frame(shelf, f"标签：{word}", f"<h2>{word}</h2>{layout.items(shelf, rows[:20])}"))

    def _answer(self, spec: SiteSpec, day: int, path: str, status: int, text: str) -> Answer:
        layout = spec.layout(day)
        body = text.encode(layout.charset, "xmlcharrefreplace")
        if status != 200 or layout.validators == "none":
            return Answer(status, body, layout.content_type, dynamic=layout.dynamic and status == 200)
        since = day
        if day > 1:
            before = self.pages(spec.name, day - 1).get(path)
            if before and before.status == 200 and before.body == body:
                return before
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        return Answer(
            status,
            body,
            layout.content_type,
            etag=etag if layout.validators in {"both", "etag"} else None,
            last_modified=format_datetime(datetime(2025, 12, since, 3, tzinfo=UTC), usegmt=True)
            if layout.validators in {"both", "modified"}
            else None,
        )

    # gold -------------------------------------------------------------------------------------
    def expected(self, day: int) -> list[dict[str, Any]]:
        """What reading must give on a day: one row a speech (`kind` is `speech`) and one row a page that is none.

        Fields of every row: site, path, kind, status, disallowed. Of documents also: part, parts, title, title_raw,
        part_title, paragraphs, optional (lines that are neither wanted nor wrong), salutation, published_at (aware datetime or None), source, author, breadcrumb, keywords,
        views, site_title, is_preview, chars_declared, cluster, copy (see model.Part), split (paths of all its pages).
        """
        rows: list[dict[str, Any]] = []
        for spec in self.sites:
            layout = spec.layout(day)
            documents: set[str] = set()
            for a in self.articles[spec.name]:
                state = a.on(day)
                if isinstance(state, Edition):
                    rows += _document_rows(spec, layout, a, state)
                    documents.add(a.path)
            answers = self.pages(spec.name, day)
            rows += [
                {"site": spec.name, "path": path, "kind": kind, "status": answers[path].status, "disallowed": False}
                for path, kind in self._kinds[spec.name, day].items()
                if path not in documents
            ]
        return rows

    def speeches(self, day: int, disallowed: bool = False) -> list[dict[str, Any]]:
        """The rows of `expected` that are speeches, without those that robots.txt forbids (unless asked for)."""
        return [r for r in self.expected(day) if r["kind"] == "speech" and (disallowed or not r["disallowed"])]

    def changes(self, before: int = 1, after: int = 2) -> dict[str, set[tuple[str, str, int]]]:
        """Which speeches (site, path, part) are added, changed and removed between two days."""
        old = {(r["site"], r["path"], r["part"]): r for r in self.speeches(before)}
        new = {(r["site"], r["path"], r["part"]): r for r in self.speeches(after)}
        return {
            "added": set(new) - set(old),
            "removed": set(old) - set(new),
            "changed": {k for k in set(old) & set(new) if old[k] != new[k]},
        }


def _document_rows(spec: SiteSpec, layout: Layout, a: Article, e: Edition) -> list[dict[str, Any]]:
    shows = layout.shows
    split = [layout.page_path(a.path, k) for k in range(1, a.split + 1)]
    return [
        {
            "site": spec.name,
            "path": a.path,
            "kind": a.kind,
            "status": 200,
            "disallowed": a.disallowed,
            "part": i,
            "parts": len(e.parts),
            "title": e.title,
            "title_raw": e.title_raw,
            "part_title": part.heading,
            "paragraphs": list(part.paragraphs),
            "optional": list(part.dateline),
            "salutation": part.salutation,
            "published_at": a.published_at if "published_at" in shows else None,
            "source": (a.source or None) if "source" in shows else None,
            "author": a.author if "author" in shows else None,
            "breadcrumb": layout.breadcrumb(a) if "breadcrumb" in shows else [],
            "keywords": list(a.keywords) if "keywords" in shows else [],
            "views": a.views if "views" in shows else None,
            "site_title": spec.title,
            "is_preview": e.is_preview,
            "chars_declared": e.declared,
            "cluster": part.cluster,
            "copy": part.copy,
            "split": split,
        }
        for i, part in enumerate(e.parts, 1)
    ]


def _padded(text: str, layout: Layout, shelf: Shelf) -> str:
    """The page filled up to `page_bytes` with what fills real pages: more links, then scripts."""
    if "<!--pad-->" not in text:
        return text
    missing = shelf.page_bytes - len(text.encode(layout.charset, "xmlcharrefreplace"))
    filler = ""
    if missing > 0:
        rng = random.Random(f"{shelf.name}{len(text)}{text[-2000:-1500]}")
        pool = shelf.articles
        size = 0
        while size < missing * 0.6:
            a = rng.choice(pool)
            e = a.editions[0][1]
            assert isinstance(e, Edition)
            item = f'<li class="i"><a href="{escape(a.path)}" title="{escape(e.title)}">{escape(e.title_raw, quote=False)}</a><span>{a.published_at:%m-%d}</span></li>'
            filler += item
            size += len(item.encode(layout.charset, "xmlcharrefreplace"))
        script = "".join(
            f"_q.push(['t',{rng.randint(1, 1 << 30)},'{rng.randbytes(12).hex()}']);"
            for _ in range(max(0, (missing - size) // 48))
        )
        filler = f"<ul>{filler}</ul><script>var _q=_q||[];{script}</script>"
    return text.replace("<!--pad-->", filler, 1)


def _plumbing(layout: Layout, shelf: Shelf) -> dict[str, Answer]:
    """robots.txt, sitemap.xml and the odd links of the home page."""
    out: dict[str, Answer] = {}
    if layout.robots is not None:
        out["/robots.txt"] = Answer(200, layout.robots.encode(), "text/plain", dynamic="%%" in layout.robots)
    if layout.sitemap_host:
        urls = [f"http://{layout.sitemap_host}/"] + [
            f"http://{layout.sitemap_host}{a.path}" for a, _ in shelf.alive() if not a.disallowed
        ]
        body = "".join(f"<url><loc>{escape(u)}</loc></url>" for u in urls)
        xml = f'<?xml version="1.0" encoding="UTF-8"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{body}</urlset>'
        out["/sitemap.xml"] = Answer(200, xml.encode(), "application/xml", dynamic="%%" in layout.sitemap_host)
    by_number = {a.number: a for a in shelf.articles}
    for path, _, number in layout.odd_links:
        target = by_number.get(number) if number else None
        if target:
            out[path] = Answer(301, b"", "text/html", location=target.path)
    return out


def build(
    seed: int = 1,
    articles: int = 30,
    chars: int = 900,
    page_bytes: int = 0,
    sites: tuple[str, ...] | None = None,
    page_size: int | None = None,
) -> Sample:
    """Build the sample: `articles` documents a site (and three more on day 2), speeches of about `chars` characters.

    page_bytes: fill pages up to this size. page_size: entries a list page (None: as each site does). sites: names of the
    sites wanted (None: all). The same arguments give the same bytes.
    """
    specs = tuple(s for s in SITES if sites is None or s.name in sites)
    bank = Bank()
    made = {s.name: articles_of(s.name, s.layout(1), s.traits, bank, seed, articles, chars) for s in specs}
    return Sample(specs, made, page_bytes, page_size)


def write(sample: Sample, folder: Path) -> int:
    """Write the sample to disk: `SITE/DAY/pages.jsonl` with one answer a line as an index, the bytes beside it, and
    `gold-DAY.jsonl`. Returns how many pages were written. Raises JianghuaError when the disk is full.
    """
    count = 0
    for day in DAYS:
        for spec in sample.sites:
            base = folder / spec.name / f"day{day}"
            index = []
            for path, answer in sorted(sample.pages(spec.name, day).items()):
                name = f"{hashlib.sha256(path.encode()).hexdigest()[:20]}.bin"
                try:
                    (base / "pages").mkdir(parents=True, exist_ok=True)
                    (base / "pages" / name).write_bytes(answer.body)
                except OSError as e:
                    raise cannot_write(base / "pages" / name, e) from e
                index.append(
                    {
                        "path": path,
                        "file": f"pages/{name}",
                        "status": answer.status,
                        "content_type": answer.content_type,
                        "etag": answer.etag,
                        "last_modified": answer.last_modified,
                        "location": answer.location,
                    }
                )
                count += 1
            write_bytes(base / "index.jsonl", _lines(index))
        write_bytes(folder / f"gold-{day}.jsonl", _lines(sample.expected(day)))
    return count


def _lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(r, ensure_ascii=False, default=str) + "\n" for r in rows).encode()
