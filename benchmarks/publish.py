"""What a publish costs, against a bare pyarrow writer on the same rows, in one run.

    python benchmarks/publish.py [--speeches 200000] [--sites 40] [--json FILE]

1. Synthetic records (texts of about 1,000 characters, 3 KB) are laid down as a home's shards, as extraction writes them.
2. The bare writer: pyarrow writes the same rows (of speeches, provenance and pages), in memory already, with zstd level 3 and nothing
   else; in a process of its own, once before `first` and once behind it.
3. `least`: the same records read and checked, written as parts with page checksums and read back, and nothing else: what no publish does
   without. `first`: the first publish, in a process of its own: CPU seconds, the share of them that near duplicates take, peak memory.
4. `newest`: 0.1 % new speeches and 0.1 % edits among the newest 2 %; `random`: as many with the edits anywhere; `nothing`: no change.

Ratios are of CPU seconds unless said otherwise; bytes are those of files written into the dataset folder (hard links cost none).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.synthetic import texts
from crawler.extraction.fold import simtext_sha256
from crawler.extraction.foldmany import fold_many
from crawler.home import Home
from crawler.records import PAGE_SCHEMA, PROVENANCE_SCHEMA, SPEECH_SCHEMA
from crawler.shards import BUCKETS, CUT_SCHEMA, READING_SCHEMA, bucket_of, committed, read_table, speech_id, write_shard
from publisher.memory import ARROW

DAY = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
OLDEST = datetime(2015, 1, 1, tzinfo=UTC)
TOWNS = ("青河", "白石", "双桥", "柳林", "东湖", "南山", "北塘", "西岭")


def row(
    n: int, sites: int, text: str, rng: np.random.Generator, day: float | None = None, folded: str | None = None
) -> dict[str, Any]:
    """Speech n with every column filled as extraction fills them."""
    site = f"site{n % sites:03}"
    key = f"/a/{n}.html"
    town = TOWNS[n % len(TOWNS)]
    title = f"在{town}县第{n}次工作会议上的讲话"
    paragraphs = text.split("\n")
    return {
        "speech_id": speech_id(site, key, 1),
        "page_url": f"http://{site}.example{key}",
        "site": site,
        "part": 1,
        "parts": 1,
        "title": title,
        "title_raw": f"{title}_范文网",
        "part_title": None,
        "text": text,
        "paragraphs": len(paragraphs),
        "chars": len("".join(text.split())),
        "script": "simplified",
        "published_at": OLDEST + timedelta(days=float(rng.uniform(0, 4300)) if day is None else day),
        "published_from": "labelled",
        "source": "网络" if n % 2 else None,
        "author": None,
        "breadcrumb": ["首页", "讲话稿"],
        "keywords": [town, "讲话"],
        "views": n % 9973,
        "site_title": f"{site}范文网",
        "doc_type": "讲话",
        "salutation": paragraphs[0].rstrip("：:")[:20] or None,
        "speaker_role": "县长" if n % 2 else None,
        "speaker_name": None,
        "admin_level": "县",
        "region": f"{town}县",
        "occasion": f"第{n}次工作会议",
        "event_date": None,
        "topics": ["乡村振兴"],
        "outline": [{"level": 1, "marker": m, "heading": paragraphs[min(i + 1, len(paragraphs) - 1)][:16], "paragraph": i + 1} for i, m in enumerate(("一、", "二、", "三、"))],
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
        "text_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "simtext_sha256": folded or simtext_sha256(text),
    }  # fmt: skip


def page(r: dict[str, Any], when: datetime) -> dict[str, Any]:
    return {
        "url": r["page_url"], "site": r["site"], "key": "/a/" + r["page_url"].rsplit("/", 1)[1], "fate": "speech", "why": None,
        "status": 200, "title": r["title"], "is_speech": True, "speech_score": 3.5, "speeches": 1, "fetched_at": when, "gone_since": None,
    }  # fmt: skip


def origin(r: dict[str, Any], when: datetime) -> dict[str, Any]:
    return {
        "speech_id": r["speech_id"], "ordinal": 1, "url": r["page_url"], "fetched_at": when, "status": 200, "charset": "utf-8",
        "warc_file": f"{r['site']}/20260105T080000Z-1a2b3c.warc.gz", "warc_offset": int(r["page_url"].rsplit("/", 1)[1].removesuffix(".html")) * 9001, "warc_length": 9001,
        "html_sha256": hashlib.sha256(r["page_url"].encode()).hexdigest(), "extractor": "jianghua 0.1.0", "rules_version": "r1",
        "profile_version": 1,
    }  # fmt: skip


def _folded(every: Iterator[str], at_once: int = 500) -> Iterator[tuple[str, str]]:
    """Texts with their simtext_sha256."""
    while batch := list(islice(every, at_once)):
        digests: dict[int, str] = {}
        for group in fold_many(batch):
            starts = [0, *(group.ends[:-1] + 1).tolist()]
            for place, a, b in zip(group.places.tolist(), starts, group.ends.tolist(), strict=True):
                text = "".join(map(chr, group.codes[a:b].tolist()))
                digests[place] = hashlib.sha256(text.encode()).hexdigest()
        yield from ((text, digests[i]) for i, text in enumerate(batch))


def write(
    home: Home, site: str, bucket: int, rows: list[dict[str, Any]], when: list[datetime], input_digest: str
) -> None:
    """One shard, as extraction commits it."""
    write_shard(
        home,
        site,
        bucket,
        {
            "speeches": pa.Table.from_pylist(rows, schema=SPEECH_SCHEMA),
            "provenance": pa.Table.from_pylist(
                [origin(r, w) for r, w in zip(rows, when, strict=True)], schema=PROVENANCE_SCHEMA
            ),
            "pages": pa.Table.from_pylist([page(r, w) for r, w in zip(rows, when, strict=True)], schema=PAGE_SCHEMA),
            "readings": READING_SCHEMA.empty_table(),
            "cuts": CUT_SCHEMA.empty_table(),
        },
        input_digest=input_digest,
    )


def lay_down(home: Home, n: int, sites: int) -> None:
    """The records of n speeches, spread over sites and buckets."""
    rng = np.random.default_rng(7)
    waiting: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for i, (text, folded) in enumerate(_folded(texts(n))):
        r = row(i, sites, text, rng, folded=folded)
        waiting.setdefault((r["site"], bucket_of(f"/a/{i}.html")), []).append(r)
    for (site, bucket), rows in sorted(waiting.items()):
        write(home, site, bucket, rows, [DAY - timedelta(days=1)] * len(rows), "first")


def change(home: Home, n: int, sites: int, where: str, seed: int) -> None:
    """0.1 % new speeches and 0.1 % edits: among the newest 2 % by date (`newest`) or anywhere (`random`)."""
    rng = np.random.default_rng(seed)
    few = max(1, n // 1000)
    found = []
    for site in sorted(p.name for p in (home.var / "records").iterdir()):
        for shard in committed(home, site):
            rows = read_table(shard, "speeches", ["speech_id", "published_at"])
            found += [
                (at, i, (site, shard.bucket))
                for i, at in zip(rows["speech_id"].to_pylist(), rows["published_at"].to_pylist(), strict=True)
            ]
    found.sort(key=lambda f: (f[0], f[1]))
    among = found[-max(few, n // 50) :] if where == "newest" else found
    edits = {among[int(i)][1] for i in rng.choice(len(among), few, replace=False)}
    of = {i: place for _, i, place in found}
    fresh: dict[tuple[str, int], list[dict[str, Any]]] = {}
    first = n + seed * few
    for i, text in enumerate(texts(few, seed=1000 + seed), first):
        r = row(i, sites, text, rng, day=4300 + seed + float(rng.uniform(0, 1)))
        fresh.setdefault((r["site"], bucket_of(f"/a/{i}.html")), []).append(r)
    for place in sorted({of[i] for i in edits} | set(fresh)):
        shard = next(s for s in committed(home, place[0]) if s.bucket == place[1])
        rows = read_table(shard, "speeches").to_pylist()
        pages = {p["url"]: p["fetched_at"] for p in read_table(shard, "pages", ["url", "fetched_at"]).to_pylist()}
        when = [pages[r["page_url"]] for r in rows]
        for j, r in enumerate(rows):
            if r["speech_id"] in edits:
                text = r["text"] + "\n以上是修改后的内容。"
                rows[j] = r | {
                    "text": text,
                    "paragraphs": r["paragraphs"] + 1,
                    "chars": len("".join(text.split())),
                    "text_sha256": hashlib.sha256(text.encode()).hexdigest(),
                    "simtext_sha256": simtext_sha256(text),
                }
                when[j] = DAY + timedelta(hours=seed)
        new = fresh.get(place, [])
        write(home, *place, [*rows, *new], [*when, *[DAY + timedelta(hours=seed)] * len(new)], f"change {seed}")


def rows_of(home: Home, tables: tuple[str, ...]) -> Iterator[dict[str, pa.Table]]:
    for site in sorted(p.name for p in (home.var / "records").iterdir()):
        for shard in committed(home, site):
            yield {t: read_table(shard, t) for t in tables}


def cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def bare_once(home: Home, at_once: int = 16) -> dict[str, float]:
    """What a bare pyarrow writer takes for all rows, some shards a file, in this process."""
    rows, used = 0, 0.0
    tables = ("speeches", "provenance", "pages")
    shards = rows_of(home, tables)
    with tempfile.TemporaryDirectory() as folder:
        while some := list(islice(shards, at_once)):
            for t in tables:
                whole = pa.concat_tables([s[t] for s in some]).combine_chunks()
                rows += whole.num_rows if t == "speeches" else 0
                began = cpu()
                pq.write_table(whole, Path(folder) / "bare.parquet", compression="zstd", compression_level=3)
                used += cpu() - began
    return {"rows": rows, "cpu": used}


def least_once(home: Home) -> dict[str, float]:
    """What no publish can do without, on all rows, in this process: records read and compared with their SHA-256, parts written with page
    checksums, and read back."""
    from publisher.storage import PART_ROWS, SMALL_PART_ROWS, decode, encode

    tables = {"speeches": PART_ROWS, "provenance": SMALL_PART_ROWS, "pages": SMALL_PART_ROWS}
    rows, began = 0, cpu()
    waiting: dict[str, list[pa.Table]] = {t: [] for t in tables}
    for shard in rows_of(home, tuple(tables)):
        for t, most in tables.items():
            waiting[t].append(shard[t])
            while sum(w.num_rows for w in waiting[t]) >= most:
                whole = pa.concat_tables(waiting[t])
                waiting[t] = [whole.slice(most)]
                rows += most if t == "speeches" else 0
                decode(encode(whole.slice(0, most)), t)
    return {"rows": rows, "cpu": cpu() - began}


def peak() -> float:
    """Highest resident memory of this process, in MB (what getrusage says holds also for the process that started this one)."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def publish_once(home: Home, day: int, profile: str | None) -> dict[str, Any]:
    """One publish in this process, measured."""
    import pandas  # noqa: F401  # pyarrow loads it at its first conversion; what is imported is no part of a publish

    import publisher.build
    from publisher.release import publish

    relations = [0.0, 0.0]
    plain = publisher.build._relations

    def timed(*arguments: Any) -> Any:
        began, then = cpu(), time.monotonic()
        try:
            return plain(*arguments)
        finally:
            relations[0] += cpu() - began
            relations[1] += time.monotonic() - then

    setattr(publisher.build, "_relations", timed)  # noqa: B010
    before = {p: p.stat().st_ino for p in (home.datasets).rglob("*") if p.is_file()}
    inodes = set(before.values())
    began, then = cpu(), time.monotonic()
    if profile:
        import cProfile

        profiler = cProfile.Profile(time.process_time)
        result = profiler.runcall(publish, home, now=DAY + timedelta(days=day))
        profiler.dump_stats(profile)
    else:
        result = publish(home, now=DAY + timedelta(days=day))
    used, wall = cpu() - began, time.monotonic() - then
    new = {p.stat().st_ino: p.stat().st_size for p in home.datasets.rglob("*") if p.is_file()}
    return {
        "version": result.version,
        "reason": result.reason,
        "warnings": [g.what for g in result.gates if g.result != "pass"],
        "cpu": used,
        "wall": wall,
        "copies_cpu": relations[0],
        "copies_wall": relations[1],
        "bytes": sum(size for inode, size in new.items() if inode not in inodes),
        "peak_mb": peak(),
        "rows": result.rows,
    }


def measured(home: Home, what: int | str) -> dict[str, Any]:
    """A publish on a day, the `bare` writer or the `least` that a publish does, in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", str(home.root), str(what)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**(ARROW if isinstance(what, int) else {}), **os.environ},  # as `jianghua publish` begins
    )
    return dict(json.loads(done.stdout))


def measured_on_copy(home: Home, day: int) -> dict[str, Any]:
    """A publish on a copy of the home, which stays as it is: what takes a second or two is measured more than once."""
    with tempfile.TemporaryDirectory(prefix="jianghua-bench-", dir=home.root.parent) as folder:
        shutil.copytree(home.root, Path(folder) / "home")
        return measured(Home.find(Path(folder) / "home"), day)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speeches", type=int, default=200_000)
    parser.add_argument("--sites", type=int, default=10)
    parser.add_argument("--home", type=Path, help="keep the home here; its records are used again when they are there")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--child", nargs=2, metavar=("HOME", "DAY|bare|least"), help=argparse.SUPPRESS)
    parser.add_argument("--profile", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        home, what = Home.find(given.child[0]), given.child[1]
        own = {"bare": bare_once, "least": least_once}.get(what)
        print(json.dumps(own(home) if own else publish_once(home, int(what), given.profile)))  # noqa: T201
        return
    folder = given.home or Path(tempfile.mkdtemp(prefix="jianghua-bench-"))
    home = Home.find(folder)
    say(f"{BUCKETS * given.sites} shards of {given.speeches} speeches …")
    began = time.monotonic()
    if not (home.var / "records").is_dir():
        lay_down(home, given.speeches, given.sites)
    say(f"laid down in {time.monotonic() - began:.0f} s")
    out: dict[str, Any] = {"speeches": given.speeches}
    bare = [measured(home, "bare")]
    out["first"] = first = measured(home, 0)
    bare.append(measured(home, "bare"))
    out["bare"], out["least"] = bare, (least := measured(home, "least"))
    rate = sum(b["rows"] for b in bare) / sum(b["cpu"] for b in bare)
    say(f"bare writer: {rate:,.0f} rows a CPU second ({bare[0]['cpu']:.1f} and {bare[1]['cpu']:.1f} CPU s)")
    least_rate = least["rows"] / least["cpu"]
    say(
        f"reading, writing with checksums, reading back: {least_rate:,.0f} rows a CPU second = {least_rate / rate:.2f} of bare"
    )
    own = first["cpu"] - first["copies_cpu"]
    say(
        f"first: {first['cpu']:.1f} CPU s ({first['wall']:.1f} s), of which copies {first['copies_cpu']:.1f}; "
        f"{first['rows'] / own:,.0f} rows a CPU second without them = {first['rows'] / own / rate:.2f} of bare; "
        f"{first['bytes'] / 1e6:.0f} MB; peak {first['peak_mb']:.0f} MB"
    )
    for day, where in ((1, "newest"), (2, "random")):
        change(home, given.speeches, given.sites, where, day)
        times = [measured_on_copy(home, day) for _ in range(2 if where == "newest" else 0)]
        times = sorted([*times, measured(home, day)], key=lambda t: t["cpu"])
        out[where], out[f"{where}, all"] = again, _ = times[len(times) // 2], times
        each = f", the median of {', '.join(format(t['cpu'], '.2f') for t in times)}" if len(times) > 1 else ""
        say(
            f"{where}: {again['reason']}: {again['cpu']:.2f} CPU s{each} ({again['wall']:.2f} s), of which copies {again['copies_cpu']:.2f}; "
            f"{100 * again['cpu'] / first['cpu']:.1f} % of the CPU time, {100 * again['wall'] / first['wall']:.1f} % of the time, "
            f"{100 * again['bytes'] / first['bytes']:.1f} % of the bytes of the first; peak {again['peak_mb']:.0f} MB"
        )
    out["nothing"] = nothing = measured(home, 3)
    say(f"nothing changed: {nothing['cpu']:.2f} CPU s ({nothing['wall']:.2f} s)")
    if given.json:
        given.json.write_text(json.dumps(out, indent=1) + "\n")
    if not given.home:
        shutil.rmtree(folder)


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
