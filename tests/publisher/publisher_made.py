"""Synthetic records: speeches that look like speeches, made from a seed, with every column filled."""

from __future__ import annotations

import hashlib
import random
import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from crawler.extraction.fold import simtext_sha256, text_sha256
from crawler.records import PAGE_SCHEMA, PROVENANCE_SCHEMA, SPEECH_SCHEMA
from publisher.manifest import Manifest, TableEntry, latest_of, sha256, to_json
from publisher.storage import content_digest, decode, encode, part_name
from publisher.tables import TABLES
from publisher.versions import read_manifest

_WORDS = [
    "我们",
    "要",
    "认真",
    "学习",
    "贯彻",
    "会议",
    "精神",
    "加强",
    "组织",
    "领导",
    "全面",
    "推进",
    "乡村",
    "振兴",
    "工作",
    "各级",
    "干部",
    "群众",
    "深入",
    "基层",
    "调查",
    "研究",
    "解决",
    "实际",
    "问题",
    "安全",
    "生产",
    "责任",
    "落实",
    "到位",
    "教育",
    "质量",
    "提高",
    "学校",
    "老师",
    "同学",
    "企业",
    "发展",
    "创新",
    "环境",
    "保护",
    "生态",
    "文明",
    "建设",
    "防汛",
    "抗旱",
    "健康",
    "服务",
    "水平",
    "不断",
    "提升",
    "目标",
    "任务",
    "明确",
    "措施",
    "有力",
    "确保",
    "完成",
    "全年",
    "指标",
    "团结",
    "一致",
    "奋斗",
    "新的",
    "成绩",
    "感谢",
    "大家",
    "支持",
    "关心",
    "希望",
    "继续",
    "努力",
]
# Two characters each from the first thousand of the basic block: enough different 5-grams that texts do not meet by chance.
_RARE = random.Random("words")
_WORDS += ["".join(chr(0x4E00 + _RARE.randrange(1000)) for _ in range(2)) for _ in range(1500)]
_TOWNS = ["青河", "白石", "双桥", "柳林", "东湖", "南山", "北塘", "西岭"]
WHEN = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def paragraph(rng: random.Random, sentences: int = 4) -> str:
    """A paragraph of random sentences."""
    return "".join("".join(rng.choices(_WORDS, k=rng.randint(6, 14))) + "。" for _ in range(sentences))


def text(seed: object, paragraphs: int = 6) -> str:
    """A text of its own for each seed."""
    rng = random.Random(str(seed))
    return "\n".join(["同志们:", *(paragraph(rng) for _ in range(paragraphs))])


def speech(site: str, n: int, body: str | None = None, **columns: Any) -> dict[str, Any]:
    """One row of records.SPEECH. `n` names the page; the text is its own unless `body` is given."""
    body = text((site, n)) if body is None else body
    part = columns.get("part", 1)
    rng = random.Random(f"{site} {n} facts")
    town = rng.choice(_TOWNS)
    row: dict[str, Any] = {
        "speech_id": f"{site}:{hashlib.sha256(f'{site} {n} {part}'.encode()).hexdigest()[:20]}",
        "page_url": f"http://{site}.example/a/{n}.html",
        "site": site,
        "part": part,
        "parts": 1,
        "title": f"在{town}县第{n}次工作会议上的讲话",
        "title_raw": f"在{town}县第{n}次工作会议上的讲话",
        "part_title": None,
        "text": body,
        "paragraphs": body.count("\n") + 1,
        "chars": len("".join(body.split())),
        "script": "simplified",
        "published_at": WHEN + timedelta(days=n % 300),
        "published_from": "labelled",
        "source": "网络" if n % 2 else None,
        "author": None,
        "breadcrumb": ["首页", "讲话稿"],
        "keywords": [] if n % 3 == 0 else [town, "讲话"],
        "views": n,
        "site_title": site,
        "doc_type": "讲话",
        "salutation": "同志们",
        "speaker_role": "县长" if n % 2 else None,
        "speaker_name": None,
        "admin_level": "县",
        "region": f"{town}县",
        "occasion": f"第{n}次工作会议",
        "event_date": date(2026, 1, 1) if n % 4 == 0 else None,
        "topics": ["乡村振兴"],
        "outline": [{"level": 1, "marker": "一、", "heading": "提高认识", "paragraph": 1}] if n % 2 else [],
        "is_preview": False,
        "preview_evidence": None,
        "chars_declared": None,
        "points_announced": None,
        "points_found": None,
        "speech_score": 3.5,
        "mask_count": 0,
        "masks": [],
        "quality_flags": [],
        "title_year": None,
        "editor_intro": None,
        "text_sha256": text_sha256(body),
        "simtext_sha256": simtext_sha256(body),
    }
    return row | columns


def page(row: Mapping[str, Any], fate: str = "speech", **columns: Any) -> dict[str, Any]:
    """The row of records.PAGE for the page of a speech."""
    key = "/" + str(row["page_url"]).split("/", 3)[3]
    return {
        "url": row["page_url"],
        "site": row["site"],
        "key": key,
        "fate": fate,
        "why": None if fate == "speech" else f"it is {fate}",
        "status": 404 if fate == "gone" else 200,
        "title": row["title"],
        "is_speech": fate == "speech",
        "speech_score": row["speech_score"],
        "speeches": 1 if fate == "speech" else 0,
        "fetched_at": WHEN,
        "gone_since": WHEN if fate == "gone" else None,
    } | columns


def origin(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row of records.PROVENANCE for a speech read from one response."""
    return {
        "speech_id": row["speech_id"],
        "ordinal": 1,
        "url": row["page_url"],
        "fetched_at": WHEN,
        "status": 200,
        "charset": "utf-8",
        "warc_file": f"{row['site']}/20260105T080000Z-1.warc.gz",
        "warc_offset": 0,
        "warc_length": 1000,
        "html_sha256": hashlib.sha256(str(row["text"]).encode()).hexdigest(),
        "extractor": "jianghua 0.1.0",
        "rules_version": "r1",
        "profile_version": 1,
    }


def records(rows: Iterable[Mapping[str, Any]], pages: Iterable[Mapping[str, Any]] = ()) -> dict[str, pa.Table]:
    """The three tables of records for these speeches; `pages` adds pages or replaces those of the same address."""
    rows = list(rows)
    every = {r["page_url"]: page(r) for r in rows} | {p["url"]: dict(p) for p in pages}
    return {
        "speeches": pa.Table.from_pylist([dict(r) for r in rows], schema=SPEECH_SCHEMA),
        "provenance": pa.Table.from_pylist([origin(r) for r in rows], schema=PROVENANCE_SCHEMA),
        "pages": pa.Table.from_pylist(list(every.values()), schema=PAGE_SCHEMA),
    }


def aged(folder: Path, schema_version: str) -> tuple[Manifest, str]:
    """Make all versions of a dataset what the program of an older schema would have published. Gives the manifest of the latest and its SHA-256."""
    shutil.rmtree(folder / "tables")
    found = [read_manifest(folder, p.name)[0] for p in (folder / "versions").iterdir() if p.is_dir()]
    digest = ""
    for manifest in sorted(found, key=lambda m: m.sequence):
        version = folder / "versions" / manifest.version
        tables: dict[str, TableEntry] = {}
        for name, entry in manifest.tables.items():
            parts = []
            for part in entry.parts:
                old = version / name / part.file
                rows = decode(old.read_bytes(), str(old)).cast(TABLES[name].schema)
                rows = rows.select(TABLES[name].schema_in(schema_version).names)
                data = encode(rows)
                file = part_name(sha256(data))
                old.unlink()
                for place in (version / name, folder / "tables" / name):
                    place.mkdir(parents=True, exist_ok=True)
                    (place / file).write_bytes(data)
                new = {"file": file, "bytes": len(data), "sha256": sha256(data), "content_sha256": content_digest(rows)}
                parts.append(part.model_copy(update=new))
            tables[name] = entry.model_copy(update={"parts": tuple(parts)})
        parent = manifest.parent and manifest.parent.model_copy(update={"manifest_sha256": digest})
        told = manifest.model_copy(update={"tables": tables, "schema_version": schema_version, "parent": parent})
        last = Manifest.model_validate(told.model_dump())
        (version / "manifest.json").write_bytes(to_json(last))
        digest = sha256(to_json(last))
        sums = {str(p.relative_to(version)): sha256(p.read_bytes()) for p in version.rglob("*") if p.is_file()}
        sums.pop("SHA256SUMS")
        (version / "SHA256SUMS").write_text("".join(f"{d}  {n}\n" for n, d in sorted(sums.items())))
    (folder / "latest.json").write_bytes(to_json(latest_of(last, digest)))
    (folder / "versions.json").unlink()
    (folder.parent / "index.json").unlink()
    return last, digest
