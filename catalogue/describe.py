"""What the catalogue says of a dataset beside its rows: facts, versions, changes, quality, files, columns, how to load and cite it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from catalogue.cards import years
from catalogue.rows import UNDATED, Rows
from crawler.errors import DamagedError
from publisher.chinese import gates
from publisher.documents import about
from publisher.documents.changelog import OPS, chosen
from publisher.documents.snippets import SNIPPETS
from publisher.gone import gone_versions
from publisher.manifest import Gate, Latest, Manifest, parse_manifest, sha256
from publisher.projections import entry, gone_entry
from publisher.storage import decode, read_file
from publisher.tables import REMOVED, type_name
from publisher.takedown import REASON as TAKEN_DOWN
from publisher.versions import live_versions, read_part

EXAMPLES = 8  # speeches shown of each kind of change
RECENT = 120  # versions whose changes are told with examples


def summary(manifest: Manifest, manifest_sha256: str, rows: Rows, versions: int) -> dict[str, Any]:
    """The line of a dataset in the list of all."""
    dated = rows.days[rows.days != UNDATED]
    return {
        "dataset": manifest.dataset,
        "title": about.title(manifest),
        "version": manifest.version,
        "manifest_sha256": manifest_sha256,
        "sequence": manifest.sequence,
        "published_at": manifest.model_dump(mode="json")["published_at"],
        "schema_version": manifest.schema_version,
        "rows": len(rows),
        "bytes": sum(p.bytes for t in manifest.tables.values() for p in t.parts),
        "chars": int(rows.chars.sum()),
        "sites": len(manifest.sites),
        "versions": versions,
        "years": [[year, n] for year, _, n in years(rows)],
        "days": [int(dated.min()), int(dated.max())] if len(dated) else None,
    }


def facts(folder: Path, manifest: Manifest, rows: Rows) -> dict[str, Any]:
    """What a dataset is: words about it, sites, tables, how to cite, measured quality."""
    version = folder / "versions" / manifest.version
    quality = _json(version / "quality.json")
    return {
        "about": {
            "summary": about.SUMMARY,
            "licence": about.LICENCE,
            "collection": about.COLLECTION,
            "limits": list(about.LIMITS),
            "personal": about.PERSONAL,
            "upkeep": about.UPKEEP,
        },
        "citation": about.citation(manifest),
        "reissue_of": manifest.reissue_of,
        "parent": manifest.parent.version if manifest.parent else None,
        "tables": [
            {
                "name": name,
                "rows": t.rows,
                "parts": len(t.parts),
                "bytes": sum(p.bytes for p in t.parts),
                **{op: getattr(t, op) for op in OPS},
            }
            for name, t in manifest.tables.items()
        ],
        "sites": _sites(manifest, _json(version / "sources.json"), quality, rows.site_titles),
        "quality": {k: quality[k] for k in ("shares", "median_length", "flags", "personal_data", "relations") if k in quality}
        | {"gates": [_remark(g) | {"accepted": g.accepted} for g in manifest.gates]}
        | {"confirmed": manifest.confirmed, "page": (version / "quality.html").is_file()},
    }  # fmt: skip


_chinese = lru_cache(maxsize=1)(gates)


def _remark(gate: Gate) -> dict[str, Any]:
    """What a gate says, in English and (where there are words for it) in Chinese."""
    chinese = _chinese()(gate.what)
    told = {"name": gate.name, "result": gate.result, "what": gate.what}
    return told if chinese == gate.what else told | {"zh": chinese}


def _sites(
    manifest: Manifest, sources: Mapping[str, Any], quality: Mapping[str, Any], titles: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The sites, those with most speeches first. A title is the site file's, else what the pages call the site."""
    named = {s.get("site"): s for s in sources.get("sites") or () if isinstance(s, Mapping)}
    measured = quality.get("sites") or {}
    out = []
    for site, n in sorted(manifest.sites.items(), key=lambda s: (-s[1], s[0])):
        source, q = named.get(site, {}), measured.get(site) or {}
        carried, title = manifest.carried.get(site), source.get("title")
        out.append(
            {
                "site": site,
                "title": title if title and title != site else titles.get(site, site),
                "start": (source.get("start") or [None])[0],
                "rows": n,
                "previews": q.get("previews"),
                "median_length": q.get("median_length"),
                "as_of": carried.model_dump(mode="json")["as_of"] if carried else None,
            }
        )
    return out


def _json(path: Path) -> dict[str, Any]:
    """A document of a version; empty where an older version has none."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def reference(folder: Path, manifest: Manifest) -> dict[str, Any]:
    """How to load a version, every column, every file with size and SHA-256."""
    columns = [
        {
            "table": table.name,
            "description": table.description,
            "key": list(table.key),
            "content": table.content,
            "columns": [[c.name, type_name(c.type), c.nullable, c.description, c.name in table.own] for c in columns],
        }
        for table, columns in about.tables(manifest)
    ]
    return {
        "snippets": [asdict(s) for s in SNIPPETS],
        "columns": columns,
        "files": _files(folder, manifest),
        "parts": {name: [[p.file, p.bytes, p.sha256, p.rows] for p in t.parts] for name, t in manifest.tables.items()},
    }


def _files(folder: Path, manifest: Manifest) -> list[list[Any]]:
    """The documents of a version as [name, bytes, SHA-256], by SHA256SUMS; that file and what is not there are left out."""
    version = folder / "versions" / manifest.version
    try:
        lines = (version / "SHA256SUMS").read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return []
    out: list[list[Any]] = []
    for line in lines:
        digest, _, name = line.partition("  ")
        if name and "/" not in name and (version / name).is_file():
            out.append([name, (version / name).stat().st_size, digest])
    sums = (version / "SHA256SUMS").read_bytes()
    return [*sorted(out), ["SHA256SUMS", len(sums), sha256(sums)]]


def live(folder: Path, latest: Latest) -> list[tuple[Manifest, str]]:
    """The versions that there are, by sequence, each with the SHA-256 of its manifest."""
    return live_versions(folder, latest)


def history(folder: Path, found: list[tuple[Manifest, str]], rows: Rows) -> dict[str, Any]:
    """Every version with counts, sizes and examples of its changes, newest first, and those that are gone.

    Titles are those that the newest version has, so that a text that was taken down since is not named by an older version's changes.
    """
    manifest = found[-1][0]
    titles = dict(zip(rows.ids, rows.titles, strict=True))
    reasons: dict[str, str] = {}
    for part in manifest.tables["removed"].parts if "removed" in manifest.tables else ():
        table = read_part(folder, REMOVED.name, part, manifest.schema_version)
        for r in table.select(["speech_id", "title", "reason"]).to_pylist():
            reasons[r["speech_id"]] = r["reason"]
            if r["reason"] != TAKEN_DOWN:
                titles.setdefault(r["speech_id"], r["title"])
    versions = []
    for m, digest in found:
        told = entry(m, digest)
        told["tables"] = {name: {op: getattr(t, op) for op in OPS} | {"rows": t.rows} for name, t in m.tables.items()}
        told["schema_change"], told["reissue_of"] = m.schema_change, m.reissue_of
        told["remarks"] = [_remark(g) for g in m.gates if g.result != "pass"]
        versions.append(told)
    for told in versions[-RECENT:]:
        place = folder / "versions" / told["version"]
        told["examples"] = _examples(_json(place / "changes.json"), titles, reasons)
        if changed := told["examples"].get("changed"):
            columns = _columns(place / "changes.parquet", {e["id"] for e in changed})
            for e in changed:
                e["columns"] = columns.get(e["id"], [])
    return {"versions": versions[::-1], "gone": [gone_entry(g) for g in gone_versions(folder)][::-1]}


def _columns(path: Path, ids: set[str]) -> dict[str, list[str]]:
    """Which columns of these speeches changed; empty where an older version does not tell."""
    try:
        with pa.OSFile(str(path)) as opened:
            rows = decode(opened, str(path), ["table", "op", "id", "columns"])
    except (OSError, DamagedError):
        return {}
    wanted = pc.and_(pc.equal(rows["table"], "speeches"), pc.equal(rows["op"], "changed"))
    found = rows.filter(pc.and_(wanted, pc.is_in(rows["id"], value_set=pa.array(sorted(ids), pa.string()))))
    return {r["id"]: sorted(r["columns"]) for r in found.select(["id", "columns"]).to_pylist()}


def _examples(
    changes: Mapping[str, Any], titles: Mapping[str, str], reasons: Mapping[str, str]
) -> dict[str, list[dict[str, Any]]]:
    speeches = changes.get("speeches")
    if not isinstance(speeches, Mapping):
        return {}
    out: dict[str, list[dict[str, Any]]] = {}
    for op, ids in chosen({op: [i for i in speeches.get(op, ()) if i in titles] for op in OPS}, EXAMPLES).items():
        out[op] = [
            {"id": i, "title": titles[i], "here": op != "removed" and i not in reasons}
            | ({"reason": reasons.get(i, "unknown")} if op == "removed" else {})
            for i in ids
        ]
    return out


def read_version(folder: Path, latest: Latest) -> Manifest:
    """The manifest of the latest version. Raises DamagedError when it is not the one that latest.json names."""
    path = folder / "versions" / latest.version / "manifest.json"
    data = read_file(path)
    if sha256(data) != latest.manifest_sha256:
        raise DamagedError(
            "the manifest is not the one that latest.json names", where=str(path), remedy="run `jianghua doctor`"
        )
    return parse_manifest(data, str(path))
