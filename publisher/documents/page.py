"""The frame of a page that stands alone: one file, no script, nothing from elsewhere, light or dark as the reader's system is."""

from __future__ import annotations

from html import escape

from publisher.documents.markdown import plain

_STYLE = """
:root{color-scheme:light dark;--paper:#fbfaf7;--card:#fff;--ink:#1c1b19;--soft:#6b675f;--line:#e4e0d8;--accent:#a8321f;
--bar:#d9cfc0;--good:#2f6f4f;--good-back:#e3f0e8;--warn:#8a5a00;--warn-back:#faefd4;--bad:#9d1f1f;--bad-back:#fbe3e0}
@media(prefers-color-scheme:dark){:root{--paper:#161513;--card:#1f1d1a;--ink:#ebe7df;--soft:#a39d92;--line:#35322d;--accent:#ef8f7a;
--bar:#4a453d;--good:#8fd0ad;--good-back:#1d3428;--warn:#f0c674;--warn-back:#3a2e14;--bad:#f2a09a;--bad-back:#43201d}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:72rem;padding:2.5rem 1.25rem 4rem;background:var(--paper);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI","Noto Sans","Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif}
h1{font-size:2rem;line-height:1.2;margin:.1em 0 .4em;letter-spacing:-.01em}
h2{font-size:1.2rem;margin:0 0 .4em}
.over{margin:0;color:var(--accent);font-weight:600;letter-spacing:.02em}
.note,small{color:var(--soft)}
.note{margin:.1em 0 .8em;font-size:.9rem}
td .note{margin:.2em 0 0}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1.25rem 1.4rem;margin:1.1rem 0}
dl{margin:0}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.8rem;margin:1.3rem 0 1.6rem}
.cards div{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.8rem 1rem}
dt{color:var(--soft);font-size:.82rem}
.cards dd{margin:.1em 0 0;font-size:1.45rem;font-weight:600;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.93rem}
th,td{text-align:left;padding:.5rem .7rem .5rem 0;border-top:1px solid var(--line);vertical-align:top;overflow-wrap:break-word}
thead th{border-top:0;color:var(--soft);font-weight:500;font-size:.82rem;white-space:nowrap}
tbody th{font-weight:600;white-space:nowrap}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.note{font-size:.85rem;min-width:14rem}
code{font:.92em ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
.chip{display:inline-block;padding:.05em .6em;border-radius:99px;font-size:.82rem;font-weight:600;white-space:nowrap;margin-right:.35em}
.pass{color:var(--good);background:var(--good-back)}
.warn{color:var(--warn);background:var(--warn-back)}
.fail{color:var(--bad);background:var(--bad-back)}
.bar{display:block;height:4px;border-radius:2px;background:var(--line);overflow:hidden;margin:.3em 0 .1em auto;max-width:7rem}
.bar i{display:block;height:100%;background:var(--accent)}
.wide{min-width:9rem;width:24%}.wide .bar{max-width:none;height:8px;border-radius:4px;margin-top:.5em}.wide .bar i{opacity:.75}
details{margin-top:.3em;font-size:.88rem}
details.more{margin-top:.6em;font-size:inherit}
summary{cursor:pointer;color:var(--soft)}
.figures{display:grid;gap:.2rem;margin:.4em 0}
.figures div{display:grid;grid-template-columns:9rem 1fr;gap:.6rem}
.figures dd{margin:0;overflow-wrap:anywhere}
.chart{display:block;width:100%;height:auto}
.grid{stroke:var(--line)}
.tick{fill:var(--soft);font-size:12px;font-variant-numeric:tabular-nums}
.column{fill:var(--accent);opacity:.8}
.column:hover{opacity:1}
a{color:var(--accent)}
footer{margin-top:1.6rem;color:var(--soft)}
@media(max-width:40rem){body{padding-top:1.4rem}section{padding:1rem}h1{font-size:1.6rem}td.note,.meaning{display:none}.wide{min-width:4rem}thead th{white-space:normal}.figures div{grid-template-columns:1fr}}
@media print{body{max-width:none}section{break-inside:avoid}}
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(title: str, body: str) -> str:
    """A whole page. title: text; body: HTML, whose hostile parts the caller has escaped."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(plain(title))}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )
