"""A dataset of two versions with every document in its folder, and pages that try to break what shows them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from publisher.cards import documents
from publisher.documents.changelog import chosen, titled
from publisher.manifest import FileEntry, Gate, Manifest, latest_of, sha256, to_json
from publisher.quality import document, measure
from publisher.reader import open_dataset
from publisher.release import publish_records
from publisher.storage import decode
from publisher.versions import read_manifest
from tests.publisher.publisher_made import records, speech, text

WHEN = datetime(2026, 11, 22, 3, tzinfo=UTC)
HOSTILE = (
    "在*全*市`大会`上的[讲话](http://evil.example/)<script>alert(1)</script> | ~~a~~ $x$ www.evil.example\n\n# H\u202e1"
)
SOURCES: list[dict[str, Any]] = [
    {
        "site": "alpha",
        "title": "甲|<b>文档</b>网",
        "platform": "dedecms",
        "language": "zh",
        "start": ["http://alpha.example/"],
        "robots_policy": "obey",
        "robots": [
            {"host": "alpha.example", "url": "http://alpha.example/robots.txt", "status": 200,
             "fetched_at": "2026-11-21T01:02:03+00:00", "sha256": "0" * 64, "text": "User-agent: *\nDisallow: /x\n"}
        ],
        "terms": {"url": "http://alpha.example/terms.html", "status": 200, "fetched_at": "2026-11-21T01:02:04Z", "sha256": "1" * 64},
    }
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Made:
    """dataset: its folder; folder: of the second version; manifest, changes, quality: of that; tables: its rows."""

    dataset: Path
    folder: Path
    manifest: Manifest
    changes: dict[str, Any]
    quality: dict[str, Any]
    tables: dict[str, pa.Table]


def made(root: Path) -> Made:
    """Publish two versions, and write the second one's documents into its folder (and into its manifest what they name)."""
    dataset = root / "speeches"
    dataset.mkdir(parents=True)
    rows = [speech("alpha", n) for n in range(38)] + [speech("beta", n) for n in range(12)]
    publish_records(dataset, records(rows), now=WHEN)
    rows[0] = speech("alpha", 0, title=HOSTILE, title_raw=HOSTILE)
    rows += [speech("alpha", n, title=HOSTILE) for n in (90, 91)] + [speech("alpha", 92, body=rows[5]["text"])]
    rows[7] = speech(
        "alpha", 7, text("other text"), keywords=[], is_preview=True, doc_type="党课", quality_flags=["mojibake"]
    )
    gone = rows.pop(49)
    second = publish_records(dataset, records(rows), now=WHEN)
    assert second.version == "2026-11-22.2"
    manifest, _ = read_manifest(dataset, second.version)
    folder = dataset / "versions" / second.version
    data = (folder / "changes.parquet").read_bytes()
    rows_changed = decode(data, "changes.parquet").to_pylist()
    summary = json.loads((folder / "changes.json").read_bytes())
    version = open_dataset(dataset, version=second.version)
    tables = {name: version.arrow(name) for name in manifest.tables}
    ids = chosen(summary["speeches"])
    titles = {
        r["speech_id"]: r
        for name in ("speeches", "removed")
        for r in tables[name].select(["speech_id", "site", "title"]).to_pylist()
    }
    columns = {r["id"]: r["columns"] for r in rows_changed if r["table"] == "speeches"}
    examples = titled(ids, titles, columns, {gone["speech_id"]: "unknown"})
    warned = Gate(name="mojibake", result="fail", what=HOSTILE, accepted="it is a test")
    manifest = manifest.model_copy(
        update={
            "files": {"changes.parquet": FileEntry(bytes=len(data), sha256=sha256(data))},
            "gates": (*manifest.gates, warned),
            "confirmed": "looked at",
        }
    )
    (folder / "manifest.json").write_bytes(to_json(manifest))
    (dataset / "latest.json").write_bytes(to_json(latest_of(manifest, sha256(to_json(manifest)))))
    changes = {**summary, "examples": examples}
    facts = {
        "dataset": "speeches",
        "version": second.version,
        "sequence": 2,
        "schema_version": manifest.schema_version,
        "parent": "2026-11-22.1",
    }
    quality = document(facts, measure(tables["speeches"]), manifest.gates, {"duplicates": 2, "clusters": 1})
    for name, content in documents(manifest, quality, changes, SOURCES).items():
        (folder / name).write_bytes(content)
    return Made(dataset, folder, manifest, changes, quality, tables)
