"""quality.html: the figures of quality.json as one page, without scripts and without anything from elsewhere.

Rendered by form, not by name, so that a figure more in quality.json needs nothing here:

    gates    [{"name", "result", "what", "figures", "accepted"} …]
    sites    {site: {figure: number}}: `rows` first; what counts rows is shown as a share of them too
    columns  {column: {"nulls": n}}, of the speeches
    chars    a histogram: {"edges": [n + 1 numbers], "counts": [n]}, {label: count}, or [{"from", "to", "count"} …]
    else     a number or string is a fact at the head, a mapping of them a table of its own
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape as _escape
from typing import Any

from publisher.documents.about import title
from publisher.documents.markdown import plain
from publisher.documents.page import page
from publisher.documents.svg import histogram
from publisher.manifest import Manifest
from publisher.tables import TABLES

_RESULTS = {"pass": "passed", "warn": "warned", "fail": "failed"}
_KNOWN = ("version", "dataset", "gates", "sites", "columns", "chars")
# Figures of a site that are no counts of its rows, and figures that are shares already.
_NO_COUNT = re.compile(r"rows|.*(chars|length|mean|median|quantile|paragraphs|bytes|_p\d+).*")
_SHARE = re.compile(r".*(share|rate)s?")


def quality_page(manifest: Manifest, quality: Mapping[str, Any]) -> bytes:
    """quality.html of a version. quality: quality.json."""
    rows = manifest.tables["speeches"].rows
    gates = [g for g in quality.get("gates") or () if isinstance(g, Mapping)]
    blocks = [
        _head(manifest, quality, gates),
        _gates(gates),
        _sites(_mapping(quality.get("sites"))),
        _lengths(quality.get("chars")),
        _nulls(_mapping(quality.get("columns")), rows),
        *(_other(k, v) for k, v in quality.items() if k not in _KNOWN and isinstance(v, Mapping)),
        _foot(),
    ]
    return page(f"{title(manifest)} {manifest.version}: quality", "".join(blocks)).encode()


def e(value: object, limit: int = 500) -> str:
    """A value as text of an HTML page: one line, nothing that marks up or turns the direction of writing."""
    return _escape(plain(value, limit))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return e(value)
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.3f}" if abs(value) < 10 else f"{value:,.1f}"


def _percent(part: float, whole: float) -> str:
    share = part / whole if whole else 0.0
    if 0 < share < 0.0005:
        return "&lt;0.1 %"
    return f"{share * 100:.1f} %" if share < 0.9995 or part == whole else "99.9 %"


def _words(name: str) -> str:
    return e(name.replace("_", " "))


def _head(m: Manifest, quality: Mapping[str, Any], gates: Sequence[Mapping[str, Any]]) -> str:
    counts = {r: sum(g.get("result") == r for g in gates) for r in _RESULTS}
    chips = "".join(f'<span class="chip {r}">{n} {_RESULTS[r]}</span>' for r, n in counts.items() if n)
    facts = [("speeches", _number(m.tables["speeches"].rows)), ("sites", _number(len(m.sites)))]
    facts += [(n, _number(getattr(m.tables["speeches"], n))) for n in ("added", "changed", "removed")]
    facts += [
        (_words(k), _percent(v, 1) if isinstance(v, float) and _SHARE.fullmatch(k) else _number(v))
        for k, v in quality.items()
        if k not in _KNOWN and isinstance(v, int | float | str)
    ]
    cards = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)
    parent = f", against {e(m.parent.version)}" if m.parent else ", the first version"
    return (
        f'<header><p class="over">{e(title(m))}</p><h1>Quality of {e(m.version)}</h1>'
        f"<p>Published {m.published_at:%Y-%m-%d %H:%M} UTC{parent}. {chips}</p><dl class=cards>{cards}</dl></header>"
    )


def _section(name: str, note: str, body: str) -> str:
    return f"<section><h2>{name}</h2>{f'<p class=note>{note}</p>' if note else ''}{body}</section>" if body else ""


def _table(head: Iterable[tuple[str, bool]], rows: Iterable[str]) -> str:
    marks = "".join(f"<th scope=col{' class=n' if right else ''}>{name}</th>" for name, right in head)
    return f"<div class=scroll><table><thead><tr>{marks}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"


def _gates(gates: Sequence[Mapping[str, Any]]) -> str:
    order = {"fail": 0, "warn": 1}
    told = sorted((g for g in gates if g.get("result") != "pass"), key=lambda g: order.get(str(g.get("result")), 0))
    passed = [g for g in gates if g.get("result") == "pass"]
    head = (("result", False), ("check", False), ("what was found", False))
    body = _table(head, map(_gate, told)) if told else ""
    if passed:
        name = f"{len(passed)} checks passed" if told else f"All {len(passed)} checks passed"
        body += f"<details class=more><summary>{name}</summary>{_table(head, map(_gate, passed))}</details>"
    return _section("Checks", "", body)


def _gate(g: Mapping[str, Any]) -> str:
    result = str(g.get("result"))
    accepted = f"<p class=note>Accepted: {e(g['accepted'])}</p>" if g.get("accepted") else ""
    figures = _figures(_mapping(g.get("figures")))
    return (
        f'<tr><td><span class="chip {result if result in _RESULTS else "fail"}">{e(result)}</span></td>'
        f"<th scope=row>{_words(str(g.get('name', '')))}</th><td>{e(g.get('what', ''))}{accepted}{figures}</td></tr>"
    )


def _figures(figures: Mapping[str, Any]) -> str:
    if not figures:
        return ""
    items = "".join(f"<div><dt>{_words(str(k))}</dt><dd>{_value(v)}</dd></div>" for k, v in figures.items())
    return f"<details><summary>figures</summary><dl class=figures>{items}</dl></details>"


def _value(value: Any, depth: int = 0) -> str:
    if isinstance(value, Mapping) and depth < 2:
        shown = ", ".join(f"{e(k)}: {_value(v, depth + 1)}" for k, v in list(value.items())[:20])
        return shown + (" …" if len(value) > 20 else "") or "none"
    if isinstance(value, list | tuple):
        return ", ".join(_value(v, depth + 1) for v in value[:10]) + (" …" if len(value) > 10 else "") or "none"
    return _number(value) if isinstance(value, int | float) and not isinstance(value, bool) else e(value)


def _sites(sites: Mapping[str, Any]) -> str:
    measured = {
        s: {k: v for k, v in _mapping(f).items() if isinstance(v, int | float) and not isinstance(v, bool)}
        for s, f in sites.items()
    }
    names = sorted({n for f in measured.values() for n in f}, key=lambda n: (n != "rows", n))
    if not measured or not names:
        return ""
    rows = []
    for site, figures in sorted(measured.items(), key=lambda s: (-s[1].get("rows", 0), s[0])):
        whole = figures.get("rows", 0)
        cells = []
        for name in names:
            value = figures.get(name)
            if value is None:
                cells.append("<td class=n>–</td>")
            elif isinstance(value, float) and _SHARE.fullmatch(name) and 0 <= value <= 1:
                cells.append(f"<td class=n>{_percent(value, 1)}{_bar(value)}</td>")
            elif isinstance(value, int) and not _NO_COUNT.fullmatch(name) and whole and 0 <= value <= whole:
                cells.append(
                    f"<td class=n>{_number(value)} <small>{_percent(value, whole)}</small>{_bar(value / whole)}</td>"
                )
            else:
                cells.append(f"<td class=n>{_number(value)}</td>")
        rows.append(f"<tr><th scope=row><code>{e(site)}</code></th>{''.join(cells)}</tr>")
    return _section(
        "Sites",
        "Counts with their share of the site’s rows.",
        _table((("site", False), *((_words(n), True) for n in names)), rows),
    )


def _bar(share: float) -> str:
    return f'<span class=bar aria-hidden=true><i style="width:{max(0.0, min(1.0, share)) * 100:.1f}%"></i></span>'


def _lengths(chars: Any) -> str:
    bins = _bins(chars)
    note = "Characters of the text without white space; one bar a class, all classes together are all speeches."
    return _section("Length of the texts", note, histogram(bins)) if bins else ""


def _bins(chars: Any) -> list[tuple[str, int]]:
    """(label, count) of each class of a histogram in any of the forms that it may have; [] for anything else."""
    try:
        if isinstance(chars, Mapping) and {"edges", "counts"} <= set(chars):
            edges, counts = list(chars["edges"]), [int(c) for c in chars["counts"]]
            if len(edges) not in (len(counts), len(counts) + 1):
                return []
            return [(_class(edges[i], edges[i + 1] if i + 1 < len(edges) else None), c) for i, c in enumerate(counts)]
        if isinstance(chars, Mapping):
            return [(str(k), int(v)) for k, v in chars.items()]
        return [(_class(b["from"], b.get("to")), int(b["count"])) for b in chars or ()]
    except (TypeError, ValueError, KeyError, AttributeError):
        return []


def _class(low: Any, high: Any) -> str:
    return f"{_number(low)}–{_number(high)}" if high is not None else f"{_number(low)}+"


def _nulls(columns: Mapping[str, Any], rows: int) -> str:
    told = {c.name: c.description for c in TABLES["speeches"].columns}
    counted = {
        str(n): f["nulls"] for n, f in columns.items() if isinstance(_mapping(f).get("nulls"), int) and f["nulls"]
    }
    full = sum(isinstance(_mapping(f).get("nulls"), int) for f in columns.values()) - len(counted)
    lines = [
        f"<tr><th scope=row><code>{e(name)}</code></th><td class=wide>{_bar(n / rows if rows else 0)}</td>"
        f"<td class=n>{_percent(n, rows)}</td><td class=n>{_number(n)}</td><td class=note>{_meaning(told.get(name, ''))}</td></tr>"
        for name, n in sorted(counted.items(), key=lambda c: (-c[1], c[0]))
    ]
    head = (
        ("column", False),
        ("share of rows without a value", False),
        ("", True),
        ("rows", True),
        ("<span class=meaning>meaning</span>", False),
    )
    note = (
        f"Columns of the speeches that may be empty. {full} more have a value in every row."
        if full
        else "Columns of the speeches."
    )
    return _section("Missing values", note, _table(head, lines) if lines else "")


def _meaning(description: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", e(description, 1000))


def _other(name: str, value: Mapping[str, Any]) -> str:
    flat = [f"<tr><th scope=row>{_words(str(k))}</th><td>{_value(v)}</td></tr>" for k, v in value.items()]
    return _section(_words(name).capitalize(), "", _table((("figure", False), ("value", False)), flat) if flat else "")


def _foot() -> str:
    links = (
        ("README.md", "card"),
        ("CHANGES.md", "what changed"),
        ("quality.json", "these figures as JSON"),
        ("manifest.json", "manifest"),
    )
    return "<footer>" + " · ".join(f'<a href="{href}">{name}</a>' for href, name in links) + "</footer>"
