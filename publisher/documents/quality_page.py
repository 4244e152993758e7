"""quality.html: the figures of quality.json (publisher/quality.py) and the gates of the manifest as one page that stands alone.

Figures are shown by form, not by name, so that one more in quality.json needs nothing here: a whole number that counts speeches with its
share of them, a mapping of such numbers as a list, an unknown mapping as a table of its own. No script, and nothing from elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape as _escape
from typing import Any

from crawler.wording import counted
from publisher.documents.about import title
from publisher.documents.markdown import plain
from publisher.documents.page import page
from publisher.documents.svg import histogram
from publisher.manifest import Gate, Manifest
from publisher.tables import TABLES

_RESULTS = {"pass": "passed", "warn": "warned", "fail": "failed"}
# Shown in a way of their own, or said in the head.
_KNOWN = (
    "format", "dataset", "version", "sequence", "schema_version", "parent", "rows", "median_length", "totals", "shares", "flags",
    "personal_data", "columns", "chars", "sites", "gates",
)  # fmt: skip
_FIRST = ("rows", "chars", "median_length", "previews", "mojibake", "boilerplate")
# Figures that do not count speeches, and figures that are shares already.
_NO_COUNT = re.compile(r".*(rows|chars|length|mean|median|bytes).*")
_SHARE = re.compile(r".*(share|rate)s?")
_TITLES = {"flags": "Quality flags", "personal_data": "Personal data"}
_NOTES = {
    "flags": "What reading noticed of a text; a speech may have several.",
    "personal_data": "Kinds that rules found in texts; a speech may have several.",
}


def quality_page(manifest: Manifest, quality: Mapping[str, Any]) -> bytes:
    """quality.html of a version. quality: quality.json."""
    rows = manifest.tables["speeches"].rows
    head = {
        **_mapping(quality.get("totals")),
        **({"median_length": quality["median_length"]} if "median_length" in quality else {}),
    }
    blocks = [
        _head(manifest, head),
        _gates(manifest.gates),
        _sites(_mapping(quality.get("sites"))),
        _histogram(_mapping(quality.get("chars"))),
        _kinds("flags", _mapping(quality.get("flags")), rows),
        _kinds("personal_data", _mapping(quality.get("personal_data")), rows),
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


def _short(value: float) -> str:
    """A large number as people say it."""
    for limit, unit in ((10**9, "G"), (10**6, "M")):
        if value >= 10 * limit:
            return f"{value / limit:,.1f} {unit}"
    return _number(value)


def _percent(part: float, whole: float) -> str:
    share = part / whole if whole else 0.0
    if 0 < share < 0.0005:
        return "&lt;0.1 %"
    return f"{share * 100:.1f} %" if share < 0.9995 or part == whole else "99.9 %"


def _words(name: str) -> str:
    return e(name.replace("_", " "))


def _head(m: Manifest, figures: Mapping[str, Any]) -> str:
    counts = {r: sum(g.result == r for g in m.gates) for r in _RESULTS}
    chips = "".join(f'<span class="chip {r}">{n} {_RESULTS[r]}</span>' for r, n in counts.items() if n)
    speeches = m.tables["speeches"]
    facts = [("speeches", _number(speeches.rows)), ("sites", _number(len(m.sites)))]
    facts += [(n, _number(getattr(speeches, n))) for n in ("added", "changed", "removed")]
    for name in sorted(figures, key=_order):
        value = figures[name]
        if name == "rows" or isinstance(value, bool) or not isinstance(value, int | float):
            continue
        counted = isinstance(value, int) and not _NO_COUNT.fullmatch(name) and speeches.rows
        facts.append((_words(name), _percent(value, speeches.rows) if counted else _short(value)))
    cards = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)
    parent = f", against {e(m.parent.version)}" if m.parent else ", the first version"
    return (
        f'<header><p class="over">{e(title(m))}</p><h1>Quality of {e(m.version)}</h1>'
        f"<p>Published {m.published_at:%Y-%m-%d %H:%M} UTC{parent}. {chips}</p><dl class=cards>{cards}</dl></header>"
    )


def _order(name: str) -> tuple[int, str]:
    return (_FIRST.index(name) if name in _FIRST else len(_FIRST)), name


def _section(name: str, note: str, body: str) -> str:
    return f"<section><h2>{name}</h2>{f'<p class=note>{note}</p>' if note else ''}{body}</section>" if body else ""


def _table(head: Iterable[tuple[str, bool]], rows: Iterable[str]) -> str:
    marks = "".join(f"<th scope=col{' class=n' if right else ''}>{name}</th>" for name, right in head)
    return f"<div class=scroll><table><thead><tr>{marks}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"


def _gates(gates: Sequence[Gate]) -> str:
    order = {"fail": 0, "warn": 1}
    told = sorted((g for g in gates if g.result != "pass"), key=lambda g: order[g.result])
    passed = [g for g in gates if g.result == "pass"]
    head = (("result", False), ("check", False), ("what was found", False))
    body = _table(head, map(_gate, told)) if told else ""
    if passed:
        name = (
            f"{counted(len(passed), 'check')} passed"
            if told or len(passed) == 1
            else f"All {len(passed)} checks passed"
        )
        body += f"<details class=more><summary>{name}</summary>{_table(head, map(_gate, passed))}</details>"
    return _section("Checks", "", body)


def _gate(g: Gate) -> str:
    accepted = f"<p class=note>Accepted: {e(g.accepted)}</p>" if g.accepted else ""
    return (
        f'<tr><td><span class="chip {g.result}">{g.result}</span></td><th scope=row>{_words(g.name)}</th>'
        f"<td>{e(g.what)}{accepted}{_figures(g.figures)}</td></tr>"
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
    names = sorted({n for f in measured.values() for n in f}, key=_order)
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


def _histogram(chars: Mapping[str, Any]) -> str:
    """Lengths of texts. chars: `counts` of speeches by class, `edges` where the classes begin and where the last one ends."""
    edges, counts = chars.get("edges"), chars.get("counts")
    if not isinstance(edges, list | tuple) or not isinstance(counts, list | tuple) or len(edges) != len(counts) + 1:
        return ""
    if not counts or not all(isinstance(n, int) and n >= 0 for n in counts):
        return ""
    bins = [(f"{_number(edges[k])}–{_number(edges[k + 1])}", n) for k, n in enumerate(counts)]
    return _section("Length of the texts", "Characters of a text without white space, in classes.", histogram(bins))


def _kinds(name: str, counts: Mapping[str, Any], rows: int) -> str:
    """Speeches by kind, e.g. by quality flag."""
    lines = [
        f"<tr><th scope=row>{_words(str(k))}</th><td class=wide>{_bar(n / rows if rows else 0)}</td>"
        f"<td class=n>{_percent(n, rows)}</td><td class=n>{_number(n)}</td></tr>"
        for k, n in sorted(counts.items(), key=lambda c: (-c[1] if isinstance(c[1], int) else 0, c[0]))
        if isinstance(n, int)
    ]
    head = (("kind", False), ("share", False), ("", True), ("speeches", True))
    return _section(
        _TITLES.get(name, _words(name).capitalize()), _NOTES.get(name, ""), _table(head, lines) if lines else ""
    )


def _nulls(measured: Mapping[str, Any], rows: int) -> str:
    columns = TABLES["speeches"].columns
    told = {c.name: c.description for c in columns}
    nulls = {str(c): _mapping(f).get("nulls") for c, f in measured.items()}
    counted = {c: n for c, n in nulls.items() if isinstance(n, int) and n}
    lines = [
        f"<tr><th scope=row><code>{e(name)}</code></th><td class=wide>{_bar(n / rows if rows else 0)}</td>"
        f"<td class=n>{_percent(n, rows)}</td><td class=n>{_number(n)}</td><td class=note>{_meaning(told.get(name, ''))}</td></tr>"
        for name, n in sorted(counted.items(), key=lambda c: (-c[1], c[0]))
    ]
    head = (
        ("column", False),
        ("share without a value", False),
        ("", True),
        ("speeches", True),
        ("<span class=meaning>meaning</span>", False),
    )
    note = "Columns that are null or an empty list in some speeches. All others have a value in every one."
    return _section("Missing values", note, _table(head, lines) if lines else "")


def _meaning(description: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", e(description, 1000))


def _other(name: str, value: Mapping[str, Any]) -> str:
    flat = [f"<tr><th scope=row>{_words(str(k))}</th><td>{_fact(str(k), v)}</td></tr>" for k, v in value.items()]
    return _section(_words(name).capitalize(), "", _table((("figure", False), ("value", False)), flat) if flat else "")


def _fact(name: str, value: Any) -> str:
    return _percent(value, 1) if isinstance(value, float) and _SHARE.fullmatch(name) else _value(value)


def _foot() -> str:
    links = (
        ("README.md", "card"),
        ("CHANGES.md", "what changed"),
        ("quality.json", "these figures as JSON"),
        ("manifest.json", "manifest"),
    )
    return "<footer>" + " · ".join(f'<a href="{href}">{name}</a>' for href, name in links) + "</footer>"
