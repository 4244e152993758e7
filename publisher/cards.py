"""README.md of a version: what it holds and how to load it, from the manifest and tables.py."""

from __future__ import annotations

from publisher.manifest import Manifest
from publisher.tables import TABLES

LOADING = """\
```python
import pandas
speeches = pandas.read_parquet("speeches")

import polars
speeches = polars.read_parquet("speeches/*.parquet")

from publisher.reader import open_dataset      # verifies what it reads
speeches = open_dataset(".").arrow()
```

```sql
-- DuckDB: one copy of each speech
SELECT title, region, published_at, chars
FROM read_parquet('speeches/*.parquet') s LEFT JOIN read_parquet('duplicates/*.parquet') d USING (speech_id)
WHERE d.speech_id IS NULL OR d.is_representative;
```
"""


def readme(manifest: Manifest) -> str:
    """The card of a version, in Markdown."""
    m = manifest
    since = f" Its parent is {m.parent.version}." if m.parent else " It is the first version."
    lines = [
        f"# {m.dataset} {m.version}",
        "",
        f"Chinese speech pages (讲话稿) as a Parquet snapshot, published {m.published_at:%Y-%m-%d %H:%M} UTC.{since}",
        "This folder alone is the whole version; it never changes.",
        "",
        "| table | rows | added | changed | removed | what |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for name, entry in m.tables.items():
        lines.append(
            f"| {name} | {entry.rows} | {entry.added} | {entry.changed} | {entry.removed} | {TABLES[name].description} |"
        )
    lines += ["", "## Loading", "", LOADING, "## Sites", "", "| site | speeches |", "| --- | ---: |"]
    lines += [f"| {site} | {rows} |" for site, rows in m.sites.items()]
    warned = [g for g in m.gates if g.result != "pass" or g.name == "corrections"]
    if warned:
        lines += ["", "## Remarks of the checks", ""]
        lines += [f"* {g.name}: {g.what}" + (f" (accepted: {g.accepted})" if g.accepted else "") for g in warned]
    lines += [
        "",
        "`manifest.json` lists every file with its digest, `changes.parquet` what changed against the parent;",
        "`sha256sum -c SHA256SUMS` checks the folder. The texts belong to their authors; `provenance` says where each was read.",
    ]
    return "\n".join(lines) + "\n"
