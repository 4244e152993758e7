"""Near duplicates: a first build and an increment of ours against datasketch, on the same synthetic texts, in one run.

    python benchmarks/duplicates.py --speeches 200000
    python benchmarks/duplicates.py --speeches 20000 --json result.json

Ours counts everything: folding, shingling, signing, the index on disk, looking for pairs, comparing their true sets of
5-grams, containment, and both tables. It does not count reading the texts from Parquet, which is measured apart. datasketch
makes a MinHash of 128 permutations of the character 5-grams of each text and inserts it into a MinHashLSH, then asks for each;
nothing is folded, compared or written. It is measured on a sample of the texts: its rate does not grow with their number; once before
our first build and once behind it.
Each phase runs in a process of its own; rates are texts a second of CPU time.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import synthetic
from crawler.extraction.foldmany import fold_many
from publisher.duplicates import Relations, relate
from publisher.memory import ARROW

PART = 2500  # rows of a Parquet part
THRESHOLD = 0.55
out = Console(highlight=False)


class Reader:
    """Gives texts out of Parquet parts, and counts the CPU seconds that this takes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seconds = 0.0
        self.asked = 0

    def __call__(self, rows: np.ndarray[Any, np.dtype[np.int64]]) -> Iterator[tuple[int, str]]:
        begun = time.process_time()
        self.asked += len(rows)
        parts: dict[int, list[int]] = {}
        for row in np.sort(rows).tolist():
            parts.setdefault(row // PART, []).append(row)
        for part, some in sorted(parts.items()):
            column = pq.read_table(self.folder / f"{part:05}.parquet", columns=["text"])["text"]
            texts = column.take(pa.array([r % PART for r in some])).to_pylist()
            self.seconds += time.process_time() - begun
            yield from zip(some, texts, strict=True)
            begun = time.process_time()
        self.seconds += time.process_time() - begun


def write_texts(folder: Path, speeches: int, new: int) -> dict[str, float]:
    """Parquet parts of the texts, and facts.parquet. The last `new` texts are the increment."""
    facts = []
    made = synthetic.made(speeches + new, 1)
    for part in range((speeches + new + PART - 1) // PART):
        rows = list(islice(made, PART))
        texts = [m.text for m in rows]
        folded = [b""] * len(texts)
        for group in fold_many(texts):
            begins = [0, *(group.ends[:-1] + 1).tolist()]
            for k, a, b in zip(group.places.tolist(), begins, group.ends.tolist(), strict=True):
                folded[k] = group.codes[a:b].astype("<u4").tobytes().decode("utf-32-le").encode()
        pq.write_table(pa.table({"text": texts}), folder / f"{part:05}.parquet", compression="zstd")
        first = part * PART
        facts.append(
            pa.table(
                {
                    "speech_id": [f"s{first + k:07}" for k in range(len(rows))],
                    "text_sha256": [hashlib.sha256(t.encode()).hexdigest() for t in texts],
                    "simtext_sha256": [hashlib.sha256(f).hexdigest() for f in folded],
                    "is_preview": [m.kind == "preview" for m in rows],
                    "chars": pa.array([len(t) for t in texts], pa.int32()),
                    "published_at": pa.array([(first + k) * 1000 for k in range(len(rows))], pa.timestamp("ms", "UTC")),
                }
            )
        )
    pq.write_table(pa.concat_tables(facts), folder / "facts.parquet")
    return {}


def ours(folder: Path, rows: int, parent: int, touched: int) -> dict[str, float]:
    """Relate the first `rows` speeches. parent: how many of them the parent has (0: none); touched: how many of these changed."""
    facts = pq.read_table(folder / "facts.parquet").slice(0, rows)
    old, ids = None, None
    if parent:
        old = Relations(*(pq.read_table(folder / f"{n}.parquet") for n in ("duplicates", "contained")))
        every = facts["speech_id"].to_pylist()
        ids = {*every[parent:], *random.Random(1).sample(every[:parent], touched)}
    reader = Reader(folder)
    wall, cpu = time.perf_counter(), time.process_time()
    made = relate(facts, reader, old=old, touched=ids, index=folder / "index")
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    if not parent:
        pq.write_table(made.duplicates, folder / "duplicates.parquet")
        pq.write_table(made.contained, folder / "contained.parquet")
    return {
        "cpu": cpu - reader.seconds,
        "reading": reader.seconds,
        "wall": wall,
        "texts read": reader.asked,
        "duplicates": made.duplicates.num_rows,
        "contained": made.contained.num_rows,
        "index MB": sum(f.stat().st_size for f in (folder / "index").iterdir()) / 1e6,
        "peak MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def theirs(sample: int, fast: bool) -> dict[str, float]:
    """datasketch on the first texts. fast: with xxhash in place of its default, SHA-1."""
    import xxhash
    from datasketch import MinHash, MinHashLSH

    texts = list(synthetic.texts(sample, 1))
    options: dict[str, Any] = {"hashfunc": xxhash.xxh32_intdigest} if fast else {}
    cpu = time.process_time()
    grams = ({t[i : i + 5].encode() for i in range(len(t) - 4)} for t in texts)
    minhashes = MinHash.bulk(grams, num_perm=128, **options)
    lsh = MinHashLSH(threshold=THRESHOLD, num_perm=128)
    with lsh.insertion_session() as session:
        for i, m in enumerate(minhashes):
            session.insert(i, m, check_duplication=False)
    found = sum(len(lsh.query(m)) for m in minhashes)
    return {"cpu": time.process_time() - cpu, "found": found}


def family(folder: Path, size: int) -> dict[str, float]:
    """A family of near copies of one text, first all at once, then one more."""
    texts = list(synthetic.family(size + 1))
    facts = pa.table(
        {
            "speech_id": [f"s{k:07}" for k in range(len(texts))],
            "text_sha256": [hashlib.sha256(t.encode()).hexdigest() for t in texts],
            "simtext_sha256": [hashlib.sha256(t.encode()).hexdigest() for t in texts],
            "is_preview": [False] * len(texts),
            "chars": pa.array([len(t) for t in texts], pa.int32()),
            "published_at": pa.array(range(len(texts)), pa.timestamp("ms", "UTC")),
        }
    )

    def read(rows: np.ndarray[Any, np.dtype[np.int64]]) -> Iterator[tuple[int, str]]:
        return ((r, texts[r]) for r in rows.tolist())

    cpu = time.process_time()
    old = relate(facts.slice(0, size), read, index=folder / "family")
    first, cpu = time.process_time() - cpu, time.process_time()
    relate(facts, read, old=old, touched={f"s{size:07}"}, index=folder / "family")
    clusters = len(np.unique(old.duplicates["cluster_id"].to_numpy(zero_copy_only=False)))
    return {
        "cpu": first,
        "one more": time.process_time() - cpu,
        "clusters": clusters,
        "in them": old.duplicates.num_rows,
    }


def apart(work: Callable[..., dict[str, float]], *args: Any, **kwargs: Any) -> dict[str, float]:
    """The result of some work done in a fresh process."""
    settings = ARROW | dict(os.environ) if work is ours else {}  # as `jianghua publish` begins
    with (
        patch.dict(os.environ, settings),
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        return pool.submit(work, *args, **kwargs).result()


def main() -> None:
    """Run, print, and keep if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speeches", type=int, default=20_000, help="texts of the first build")
    parser.add_argument("--change", type=float, default=0.002, help="share of the increment: half new, half edited")
    parser.add_argument("--sample", type=int, default=2000, help="texts that datasketch gets")
    parser.add_argument("--family", type=int, default=3000, help="near copies of one text, examined apart; 0 for none")
    parser.add_argument("--json", type=Path, help="keep all figures in this file")
    given = parser.parse_args()
    new = max(1, round(given.speeches * given.change / 2))
    folder = Path(tempfile.mkdtemp(prefix="jianghua-duplicates-"))
    try:
        figures = measure(given, new, folder)
    finally:
        shutil.rmtree(folder)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n")


def measure(given: argparse.Namespace, new: int, folder: Path) -> dict[str, dict[str, float]]:
    """All phases, printed as they come."""
    apart(write_texts, folder, given.speeches, new)
    kinds = {"datasketch": False, "datasketch, xxhash": True}
    before = {name: apart(theirs, given.sample, fast=fast) for name, fast in kinds.items()}
    first = apart(ours, folder, given.speeches, 0, 0)
    behind = {name: apart(theirs, given.sample, fast=fast) for name, fast in kinds.items()}
    figures = {
        **{name: before[name] | {"cpu": (before[name]["cpu"] + behind[name]["cpu"]) / 2} for name in kinds},
        "first build": first,
        "increment": apart(ours, folder, given.speeches + new, given.speeches, new),
    }
    for name, count in (
        ("datasketch", given.sample),
        ("datasketch, xxhash", given.sample),
        ("first build", given.speeches),
    ):
        figures[name]["rate"] = count / figures[name]["cpu"]
        out.print(f"{name:20} {count:8,} texts {figures[name]['rate']:8,.0f} texts a CPU second")
    out.print(f"{'increment':20} {2 * new:8,} texts {figures['increment']['cpu']:8.3f} CPU s")
    rate = figures["first build"]["rate"]
    out.print(f"\nfirst build against datasketch: {rate / figures['datasketch']['rate']:.1f} times its rate")
    out.print(f"… against datasketch with xxhash for SHA-1: {rate / figures['datasketch, xxhash']['rate']:.1f}")
    share = figures["increment"]["cpu"] / figures["first build"]["cpu"]
    out.print(f"increment of {given.change:.2%} against the first build: {share:.2%} of its CPU time")
    if given.family:
        figures["family"] = apart(family, folder, given.family)
    for name in ("first build", "increment", "family"):
        out.print(f"{name}: " + ", ".join(f"{k} {v:,.2f}" for k, v in figures.get(name, {}).items()))
    return figures


if __name__ == "__main__":
    main()
