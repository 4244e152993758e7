"""Which articles a site has: speeches, compilations, previews, copies of what other sites have, documents of other kinds,
and what becomes of them on the second day."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from crawler.sample.layouts import Layout, traditional
from crawler.sample.model import Article, Edition, Part
from crawler.sample.text import (
    MASKS,
    NUMERALS,
    OTHER_KINDS,
    Speech,
    compose,
    compose_other,
    edited,
    narrow,
    person,
    shown,
    stock,
)

BEIJING = timezone(timedelta(hours=8))
CATEGORIES = {
    "official": "领导讲话",
    "school": "校园讲话",
    "company": "企业讲话",
    "party": "党课讲稿",
    "culture": "致辞集锦",
}
OTHER_CATEGORY = "综合材料"
SLUGS = {
    "领导讲话": "leader",
    "校园讲话": "school",
    "企业讲话": "firm",
    "党课讲稿": "party",
    "致辞集锦": "zhici",
    OTHER_CATEGORY: "other",
}
SOFT = 200  # an edition that answers "not found" with status 200


@dataclass(frozen=True, slots=True)
class Traits:
    """What a site does to its texts. headings: styles of part headings, empty where it has no compilations."""

    headings: tuple[str, ...] = ()
    split: bool = False
    previews: bool = False
    decorated: bool = False
    intro: bool = False
    ascii_marks: bool = False
    traditional: bool = False
    numeric_slugs: bool = False
    copies: tuple[str, ...] = ()
    private: bool = False  # some articles lie where robots.txt forbids to go
    gone: tuple[int, int] = (404, 410)


@dataclass(slots=True)
class Bank:
    """Speeches that stand somewhere already, so that later sites can copy them."""

    site: str = ""  # the site that is being made
    speeches: list[tuple[str, Speech, str, str]] = field(default_factory=list)  # (site, speech, its mask, cluster)
    copied: set[str] = field(default_factory=set)

    def add(self, speech: Speech, mask: str) -> str:
        """Keep a new speech; returns the name of its cluster."""
        cluster = f"c{len(self.speeches) + 1:05d}"
        self.speeches.append((self.site, speech, mask, cluster))
        return cluster

    def take(self, rng: random.Random) -> tuple[Speech, str, str] | None:
        """A speech of another site (with its mask and cluster), each one once as long as there are others."""
        foreign = [x for x in self.speeches if x[0] != self.site]
        pool = [x for x in foreign if x[3] not in self.copied] or foreign
        if not pool:
            return None
        _, speech, mask, cluster = rng.choice(pool)
        self.copied.add(cluster)
        return speech, mask, cluster


def part_of(
    speech: Speech, mask: str, cluster: str, copy: str, heading: str | None = None, glued: bool = False
) -> Part:
    """A speech as a part of a page."""
    return Part(
        paragraphs=tuple(shown(p, mask) for p in speech.paragraphs),
        salutation=speech.salutation,
        heading=heading,
        glued=glued,
        cluster=cluster,
        copy=copy,
        dateline=() if heading else speech.dateline,
    )


def _heading(style: str, i: int, speech: Speech) -> tuple[str | None, bool]:
    numeral = NUMERALS[i]
    return {
        "salutation": (None, False),
        "pian": (f"篇{i}", False),
        "corner": (f"【篇{numeral}】", False),
        "ordinal": (f"第{numeral}篇：{speech.occasion}讲话稿", False),
        "model": (f"范文{numeral}", False),
        "title": (speech.title, False),
        "bracket": (f"（{numeral}）{speech.title}", False),
        "glued": (f"【篇{i}】", True),
    }[style]


def _preview(rng: random.Random, speech: Speech, part: Part, serial: int) -> dict[str, Any]:
    """The part cut, with what says so: at a login, in the middle, or only by points announced that are not there."""
    whole = sum(len(p) for p in part.paragraphs)
    style = ("counted", "login", "hidden", "silent", "excerpt", "twice")[serial % 6]
    if style == "hidden":
        head, tail = speech.bounds[1], speech.bounds[-1]
        hidden = sum(len(p) for p in part.paragraphs[head:tail])
        kept = part.paragraphs[:head] + part.paragraphs[tail:]
        return {
            "parts": (replace(part, paragraphs=kept, copy="preview"),),
            "marker": f"……此处隐藏{hidden}字……",
            "marker_after": head + len(part.dateline),
            "is_preview": True,
        }
    keep = list(part.paragraphs[: speech.bounds[2]])
    if style == "silent":
        return {"parts": (replace(part, paragraphs=tuple(keep), copy="preview"),), "is_preview": True}
    cut = max(12, len(keep[-1]) * 2 // 3)
    keep[-1] = keep[-1][:cut].rstrip("，、；。：")
    marker = {
        "counted": f"（全文共{whole}字，当前仅展示前{sum(map(len, keep))}字，登录后继续阅读）",
        "login": "试读部分到此为止，登录会员账号后阅读全文",
        "excerpt": "……本文为节选，完整版请下载后查看",
        "twice": "预览已结束，如需全文请购买后下载",
    }[style]
    made: dict[str, Any] = {
        "parts": (replace(part, paragraphs=tuple(keep), copy="preview"),),
        "marker": marker,
        "is_preview": True,
    }
    if style == "counted":
        made["declared"] = whole
    made["twice"] = style == "twice"
    return made


def _single(rng: random.Random, traits: Traits, bank: Bank, number: int, chars: int) -> tuple[Speech, dict[str, Any]]:
    """A page with one speech: a new one, or a copy of one that another site has."""
    copy = "original"
    mask = rng.choice(["plain", "plain", *list(MASKS)[1:]])
    taken = bank.take(rng) if traits.copies and number % 7 in (3, 6) else None
    if taken:
        speech, first_mask, cluster = taken
        copy = traits.copies[number // 7 % len(traits.copies)]
        mask = first_mask if copy != "masked" else "xx" if first_mask == "cross" else "cross"
        part = part_of(speech, mask, cluster, copy)
        if copy == "edited":
            part = replace(part, paragraphs=edited(rng, part.paragraphs))
    else:
        speech = compose(rng, None, rng.randint(int(chars * 0.7), int(chars * 1.4)))
        part = part_of(speech, mask, bank.add(speech, mask), copy)
    made: dict[str, Any] = {"parts": (part,)}
    if traits.previews and number % 2 and number != 5:
        made = _preview(rng, speech, part, number // 2)
    return speech, made


def _compilation(
    rng: random.Random, traits: Traits, bank: Bank, number: int, chars: int
) -> tuple[Speech, str, dict[str, Any]]:
    style = traits.headings[number // 5 % len(traits.headings)]
    count = rng.choice([2, 3, 3, 4, 5])
    topic = rng.choice([t for t, v in stock()["topics"].items() if v["audience"] not in {"school", "culture"}])
    # without headings a part is known by its address alone, so every part must have one
    first = compose(rng, topic if style == "salutation" else None, chars // 2)
    start = 2 if style in {"pian", "corner"} and rng.random() < 0.3 else 1  # the first heading of a page may be 篇2
    parts = []
    for i in range(1, count + 1):
        speech = first if i == 1 else compose(rng, first.topic, chars // 2)
        heading, glued = _heading(style, i + start - 1, speech)
        parts.append(part_of(speech, "plain", bank.add(speech, "plain"), "original", heading, glued))
    name = stock()["topics"][first.topic]["name"]
    base = f"{name}会议讲话稿"
    title_raw, title = rng.choice(
        [(f"{base}(精选{count}篇)", base), (f"{base}（通用{count}篇）", base), (f"{base}{count}篇", f"{base}{count}篇")]
    )
    return first, title, {"title": title, "title_raw": title_raw, "parts": tuple(parts)}


def _converted(edition: Edition, convert: Any) -> Edition:
    """The edition with every shown text passed through `convert`."""
    parts = tuple(
        replace(
            p,
            paragraphs=tuple(map(convert, p.paragraphs)),
            salutation=convert(p.salutation) if p.salutation else None,
            heading=convert(p.heading) if p.heading else None,
            dateline=tuple(map(convert, p.dateline)),
        )
        for p in edition.parts
    )
    return replace(edition, title=convert(edition.title), title_raw=convert(edition.title_raw), parts=parts)


def _changed_title(title: str, roles: Sequence[str]) -> str:
    for role in roles:
        if title.startswith(role):
            return title.removeprefix(role)
    return f"{roles[0]}{title}" if title.startswith("在") else f"{title}提纲"


def articles_of(
    site: str, layout: Layout, traits: Traits, bank: Bank, seed: int, count: int, chars: int
) -> list[Article]:
    """All articles of a site, those that come on the second day included; `bank` is read and added to."""
    rng = random.Random(f"{seed}|{site}")
    bank.site = site
    slugs = list(SLUGS)
    new = 3 if count > 3 else 0
    out = []
    for number in range(1, count + new + 1):
        day = 1 if number <= count else 2
        split, intro = 1, None
        kind = "speech"
        if number % 6 == 0:
            key = list(OTHER_KINDS)[(number // 6 + len(site)) % len(OTHER_KINDS)]
            kind = OTHER_KINDS[key]
            title, paragraphs, keywords = compose_other(rng, key)
            category = OTHER_CATEGORY
            made: dict[str, Any] = {"title": title, "title_raw": title, "parts": (Part(paragraphs),)}
        else:
            if traits.headings and number % 5 == 2 and number % 7 not in (3, 6):
                speech, title, made = _compilation(rng, traits, bank, number, chars)
            else:
                speech, made = _single(rng, traits, bank, number, chars)
                title = speech.title
                made |= {"title": title, "title_raw": title}
                if traits.decorated and rng.random() < 0.4:
                    made["title_raw"] = rng.choice(stock()["decorations"]).format(t=title)
            category, keywords = CATEGORIES[speech.audience], speech.keywords
            if traits.split and number % 4 == 1:
                split = 2 + number % 3 // 2
            if traits.intro and rng.random() < 0.6:
                intro = rng.choice(stock()["editors"]).format(t=title)
        edition = Edition(intro=intro, **made)
        if traits.traditional:
            edition = _converted(edition, traditional)
        if traits.ascii_marks:
            edition = _converted(edition, narrow)
        editions = _history(rng, edition, day, number if kind == "speech" else 0, traits)
        when = datetime(2025, 12, 2, 8, 0, tzinfo=BEIJING) if day == 2 else datetime(2019, 1, 1, tzinfo=BEIJING)
        when += timedelta(seconds=rng.randint(0, 14_000) if day == 2 else rng.randint(0, 215_000_000))
        drop: dict[str, dict[str, int]] = {
            "second": {},
            "minute": {"second": 0},
            "day": {"hour": 0, "minute": 0, "second": 0},
        }
        when = when.replace(**drop[layout.precision])  # type: ignore[arg-type]
        slug = str(slugs.index(category) + 1) if traits.numeric_slugs else SLUGS[category]
        path = layout.path(number, slug, when.year, when.month, when.day)
        disallowed = traits.private and number in (10, 11)
        source = rng.choice(["网友投稿", "本站原创", "互联网整理", "青川日报", "办公室供稿", ""])
        out.append(
            Article(
                site=site,
                number=number,
                path=f"/private/{number}" if disallowed else path,
                category=(slug, traditional(category) if traits.traditional else category),
                kind=kind,
                published_at=when,
                source=traditional(source) if traits.traditional else source,
                author=rng.choice([person(rng), "小编", "文秘小筑", "佚名"]),
                keywords=tuple(keywords),
                views=rng.randint(40, 9000),
                editions=editions,
                split=split,
                disallowed=disallowed,
            )
        )
    return out


def _history(
    rng: random.Random, edition: Edition, day: int, number: int, traits: Traits
) -> tuple[tuple[int, Edition | int], ...]:
    """The editions of an article: what day 2 does to some of them (number 0: nothing)."""
    first: tuple[int, Edition | int] = (day, edition)
    if day == 2:
        return (first,)
    if number in (4, 5):
        parts = (replace(edition.parts[0], paragraphs=edited(rng, edition.parts[0].paragraphs)), *edition.parts[1:])
        return first, (2, replace(edition, parts=parts))
    if number in (9, 13):
        roles = [traditional(r) if traits.traditional else r for r in stock()["roles"]]
        title = _changed_title(edition.title, roles)
        return first, (2, replace(edition, title=title, title_raw=edition.title_raw.replace(edition.title, title)))
    if number in (7, 8):
        return first, (2, traits.gone[number - 7])
    return (first,)
