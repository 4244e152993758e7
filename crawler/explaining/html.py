"""A reading as one HTML page: what the page showed on the left, what became of it on the right, facts with their evidence above.

One file, no scripts and nothing from elsewhere; the filters are checkboxes that style sheets look at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from string import Template
from typing import Any

from crawler.durable import write_bytes
from crawler.explaining.view import (
    FATE_WORDS,
    View,
    correction_told,
    coverage_told,
    decoded_told,
    main_text_told,
    shown,
)
from crawler.wording import counted

_TEMPLATE = Path(__file__).parent / "page.html"
_GONE = frozenset(("cut", "intro", "title", "marker", "dropped"))
_QUIET = frozenset(("outside", "unread"))
_NO_CARD = frozenset(("title", "text_sha256", "simtext_sha256", "paragraphs", "chars", "published_from"))


def write_page(path: Path, views: Sequence[View]) -> None:
    """Write the views as one page, whole or not at all. Raises JianghuaError when it cannot be written."""
    write_bytes(path, page(views).encode())


def page(views: Sequence[View]) -> str:
    """The views as one HTML page."""
    counts = Counter(b["fate"] for v in views for p in v["pages"] for b in p["blocks"])
    used = [f for f in FATE_WORDS if counts[f]]
    toggles = "\n".join(
        f"body:has(#show-{f}:not(:checked)) .{f}, body:has(#show-{f}:not(:checked)) .run-{f} {{ display: none; }}\n"
        f".{f} {{ --c: var(--{f}); }}"
        for f in used
    )
    legend = "".join(
        f'<label style="--c: var(--{f})"><input type="checkbox" id="show-{f}" checked>{escape(FATE_WORDS[f])}'
        f' <span class="soft">{counts[f]}</span></label>'
        for f in used
    )
    title = views[0]["title"] or views[0]["url"] if views else "nothing"
    body = [f'<nav class="legend" aria-label="what is shown"><div class="wide">{legend}</div></nav>']
    body += [f'<article class="wide">{"".join(_article(v))}</article>' for v in views]
    text = Template(_TEMPLATE.read_text(encoding="utf-8"))
    return text.substitute(title=escape(str(title)), toggles=toggles, body="\n".join(body))


def _article(view: View) -> Iterator[str]:
    asked = next((s for s in view["speeches"] if s["part"] == view["part"]), None)
    yield from _head(view)
    yield from _facts(view, asked)
    for number, one in enumerate(view["pages"], 1):
        yield from _page(view, one, number)
    yield from _rules(view)
    yield from _provenance(view)


def _head(view: View) -> Iterator[str]:
    parts = view["speeches"][0]["parts"] if view["speeches"] else 0
    part = f"<small>part {view['part']} of {parts}</small>" if view["part"] and parts > 1 else ""
    part = part or (f"<small>{parts} speeches</small>" if parts > 1 else "")
    good = " good" if view["fate"] in ("speech", "preview") else ""
    score = "" if view["score"] is None else f" · score {view['score']:g}, a speech from {view['threshold']:g}"
    yield f'<header class="top"><h1>{escape(view["title"] or "(no title)")}{part}</h1>'
    ident = f'<span class="mono">{escape(view["speech_id"])}</span> · ' if view["speech_id"] else ""
    url = escape(view["url"])
    link = f'<a href="{url}" rel="noreferrer">{url}</a>' if view["url"].startswith(("http://", "https://")) else url
    yield f'<div class="soft where">{ident}{link}</div>'
    yield (
        f'<div class="verdict"><span class="pill{good}">{escape(view["fate"] or "?")}</span>'
        f"<span>{escape(view['why'] or '')}<span class=soft>{score}</span></span></div>"
    )
    if view["coverage"] is not None:
        yield f'<div class="soft">{escape(coverage_told(view["coverage"]))}</div>'
    if view["flags"]:
        yield f'<div class="note">what looks wrong: {escape(", ".join(view["flags"]))}</div>'
    for note in view["notes"]:
        yield f'<div class="note">{escape(note)}</div>'
    if (recorded := view["recorded"]) is not None:
        yield from _against_record(recorded)
    for c in view["corrections"]:
        good = "" if c["problem"] else " good"
        yield f'<div class="note{good}">{escape(correction_told(c))}</div>'
    yield "</header>"


def _against_record(recorded: Mapping[str, Any]) -> Iterator[str]:
    if not recorded["changed"] and not recorded["differs"]:
        yield '<div class="note good">read again as recorded: nothing it depends on has changed, and the row is the same</div>'
        return
    changed = ", ".join(recorded["changed"])
    what = f"changed since the row was recorded: {changed}. " if changed else ""
    if not recorded["differs"]:
        yield f'<div class="note good">{escape(what)}The row is still the same.</div>'
        return
    rows = "".join(
        f"<tr><th>{escape(d['column'])}</th><td><del>{escape(_short(shown(d['recorded']), 200))}</del></td>"
        f"<td>{escape(_short(shown(d['now']), 200))}</td></tr>"
        for d in recorded["differs"]
    )
    yield f'<div class="note">{escape(what)}The row is not the same any more:<table>{rows}</table></div>'


def _facts(view: View, asked: View | None) -> Iterator[str]:
    speech = asked or (view["speeches"][0] if view["speeches"] else None)
    cards, chips = [], []
    if speech is not None:
        valid = [c for c in view["corrections"] if not c["problem"] and c["part"] == speech["part"]]
        corrected = {c["field"]: c for c in valid if c["field"] != "text"}
        for c in speech["columns"]:
            value = shown(c["value"])
            if (value in ("", "no", "0") and c["name"] not in corrected) or c["name"] in _NO_CARD:
                continue
            told = f"{c['how']}: {c['text']}" if c["text"] and c["text"] != value else c["how"]
            raw = ""
            if (put_right := corrected.get(c["name"])) is not None:
                raw, value = f"<del>{escape(_short(value, 300))}</del> ", shown(put_right["value"])
                told = f"corrected: {put_right['reason']}"
            if told:
                cards.append(_card(c["name"], value, told, raw))
            else:
                more = f' title="{escape(_short(value, 900))}"' if len(value) > 80 else ""
                chips.append(f'<span class="chip"{more}><b>{escape(c["name"])}</b> {escape(_short(value, 80))}</span>')
        head = f"The row <small>{counted(len(speech['paragraphs']), 'paragraph')}, {counted(speech['chars'], 'character')}</small>"
        if asked is None and len(view["speeches"]) > 1:
            head += "<small>of its first part</small>"
    else:
        head = "What the page says of itself"
        cards = [_card(name, e["text"] or "", e["how"], "") for name, e in view["facts"].items()]
    if cards or chips:
        yield f'<h2>{head}</h2><div class="facts">{"".join(cards)}</div><div class="chips">{"".join(chips)}</div>'


def _card(name: str, value: str, told: str, raw: str) -> str:
    evidence = f'<div class="e" title="{escape(told)}">{escape(_short(told, 220))}</div>'
    return (
        f'<div class="fact"><b>{escape(name)}</b><div class="v" title="{escape(_short(value, 900))}">{raw}'
        f"{escape(_short(value, 300))}</div>{evidence}</div>"
    )


def _page(view: View, one: Mapping[str, Any], number: int) -> Iterator[str]:
    many = len(view["pages"]) > 1
    named = f"Page {number} of {len(view['pages'])}" if many else "The page"
    where = f'<small class="where">{escape(one["url"])}</small>' if many else ""
    yield f"<h2>{named}{where}</h2>"
    yield f'<div class="soft">decoded: {escape(decoded_told(one))}<br>main text: {escape(main_text_told(one))}</div>'
    yield '<div class="sheet" style="margin-top: 8px"><div class="columns"><div class="h">as the page shows it</div>'
    yield '<div class="h">what became of it</div></div>'
    seen: set[tuple[int, int]] = set()
    for fate, run in groupby(one["blocks"], key=lambda b: str(b["fate"])):
        blocks = list(run)
        folded = fate in _QUIET and len(blocks) > 1
        if folded:
            size = sum(b["size"] for b in blocks)
            yield f'<details class="run run-{fate}"><summary>{len(blocks)} blocks, {size} characters, {FATE_WORDS[fate]}</summary>'
        for block in blocks:
            yield _row(view, block, seen)
        if folded:
            yield "</details>"
    yield "</div>"


def _row(view: View, block: Mapping[str, Any], seen: set[tuple[int, int]]) -> str:
    fate = block["fate"]
    classes = ["row", fate]
    classes += ["gone"] if fate in _GONE else ["quiet"] if fate in _QUIET else []
    asked = view["part"] is None or block["part"] in (None, view["part"])
    classes += [] if asked else ["other"]
    weight = "" if block["weight"] is None else f", weight {block['weight']:g}"
    links = f" of which {block['link']} in links" if block["link"] else ""
    told = [f"{FATE_WORDS[fate]}", f"{counted(block['size'], 'character')}{links}{weight}", block["place"]]
    told += [f"{r}{_meaning(view, r)}" for r in _rules_of(block)]
    left = f'<div class="block" title="{escape(chr(10).join(told))}">{_marked(block)}</div>'
    return f'<div class="{" ".join(classes)}">{left}<div class="right">{_became(view, block, seen)}</div></div>'


def _became(view: View, block: Mapping[str, Any], seen: set[tuple[int, int]]) -> str:
    fate = block["fate"]
    if fate == "kept":
        here = (block["part"], block["paragraph"])
        number = f"{here[0]}.{here[1]}" if len(view["speeches"]) > 1 else str(here[1])
        speech = next((s for s in view["speeches"] if s["part"] == here[0]), None)
        if here in seen:
            text = '<span class="soft">joined to the paragraph above</span>'
        elif speech is None or here[1] > len(speech["paragraphs"]):
            text = '<span class="soft">read as text, but the page is no speech</span>'
        else:
            text = escape(speech["paragraphs"][here[1] - 1])
        seen.add(here)
        pieces = "".join(_chip(view, p["rule"], f"taken out: {_short(p['text'], 60)}") for p in block["pieces"])
        return f'<span class="n">{number}</span><span>{text}{pieces}</span>'
    if fate == "heading":
        return f'<span class="n">§</span><span>{escape(block["text"])}</span>'
    if block["rule"]:
        return f'<span class="n"></span><span>{_chip(view, block["rule"], None, fate)}</span>'
    return f'<span class="n"></span><span class="soft">{escape(FATE_WORDS[fate])}</span>'


def _chip(view: View, rule: str, told: str | None, fate: str | None = None) -> str:
    meaning = view["rules"].get(rule, {})
    words = told or meaning.get("what") or (FATE_WORDS[fate] if fate in ("intro", "marker", "subtitle") else "")
    name, _, given = rule.partition(" ")
    given = f' <code class="soft">{escape(given)}</code>' if given else ""
    hover = escape(f"{rule}{_meaning(view, rule)}")
    more = f'<span class="soft">{escape(words)}</span>' if words else ""
    return f'<span class="rule" title="{hover}"><span class="mono">{escape(name)}</span>{given}{more}</span>'


def _meaning(view: View, rule: str) -> str:
    told = view["rules"].get(rule)
    if not told:
        return ""
    lines = [told["what"], told["pattern"], _file(told)]
    return "".join(f"\n{line}" for line in lines if line)


def _file(told: Mapping[str, Any]) -> str:
    return (told["file"] or "") + (f":{told['line']}" if told["line"] else "")


def _rules_of(block: Mapping[str, Any]) -> list[str]:
    return [r for r in (block["rule"], *(p["rule"] for p in block["pieces"])) if r]


def _marked(block: Mapping[str, Any]) -> str:
    """A block's text with what was taken out of it struck."""
    text = block["text"]
    spans = []
    for piece in block["pieces"]:
        at = text.find(piece["text"])
        if piece["text"] and at >= 0:
            spans.append((at, at + len(piece["text"]), piece["rule"]))
    out, done = [], 0
    for start, end, rule in sorted(spans):
        if start < done:
            continue
        out += [escape(text[done:start]), f'<del title="{escape(rule)}">{escape(text[start:end])}</del>']
        done = end
    return "".join(out) + escape(text[done:])


def _rules(view: View) -> Iterator[str]:
    if not view["rules"]:
        return
    yield '<h2>The rules that decided</h2><div class="sheet"><table>'
    for rule, told in view["rules"].items():
        name, _, _ = rule.partition(" ")
        what = escape(told["what"] or "")
        pattern = f"<code>{escape(told['pattern'])}</code>" if told["pattern"] else ""
        yield (
            f'<tr><td class="k mono">{escape(name)}</td><td class="k soft">{told["times"]} ×</td>'
            f'<td>{what}{"<br>" if what and pattern else ""}{pattern}<div class="soft mono">{escape(_file(told))}</div></td></tr>'
        )
    yield "</table></div>"


def _provenance(view: View) -> Iterator[str]:
    read = {k: v for k, v in view["read_with"].items() if v is not None}
    if not read and not view["provenance"]:
        return
    yield '<h2>Where it comes from</h2><div class="sheet"><table>'
    for p in view["provenance"]:
        place = f"{p['warc_file']}, offset {p['warc_offset']}, {p['warc_length']} bytes"
        yield (
            f'<tr><th>response {p["ordinal"]}</th><td>{escape(p["url"])}<div class="soft">status {p["status"]}, fetched '
            f'{escape(str(p["fetched_at"]))}</div><div class="soft mono">{escape(place)}<br>sha256 {escape(p["html_sha256"])}</div></td></tr>'
        )
    for name, value in read.items():
        recorded = (view["recorded"] or {}).get(name)
        was = f'<div class="soft">recorded: {escape(str(recorded))}</div>' if recorded not in (None, value) else ""
        yield f'<tr><th>{escape(name.replace("_", " "))}</th><td class="mono">{escape(str(value))}{was}</td></tr>'
    yield "</table></div>"


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
