"""A process that publishes to object storage: forks a publisher for each line it reads, so that imports cost once.

Each line is JSON: url, mirrors, site and rows (its own speeches, beside those that the remote has), kill_at (SIGKILL itself
before the n-th request that writes) or nothing. At an empty line it waits for those begun, and answers for each with the exit
code (negative: signal) and a message: of one that published, how many requests that write it made.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

import publisher.release as release
from crawler.errors import JianghuaError
from publisher.duplicates import relation
from publisher.reader import open_dataset
from publisher.release import Commit
from publisher.upload import publish_to
from publisher.versions import LATEST
from tests.publisher.publisher_made import records, speech

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
WRITES = ("put", "copy", "delete")


def publish_hooked(
    folder: Path,
    rows: list[dict[str, Any]],
    commit: Commit | None,
    taken: frozenset[str] = frozenset(),
    now: datetime = NOW,
) -> release.PublishResult:
    """Publish these speeches beside what the folder's version has, under a name that is not taken."""
    with release.locked(folder, 60):
        return release.publish_records(folder, with_parent(folder, rows), now=now, commit=commit, taken=taken)


def with_parent(folder: Path, rows: list[dict[str, Any]]) -> dict[str, pa.Table]:
    """Records: these rows beside what the mirror's version has, as if this publisher had crawled all of it."""
    made = records(rows)
    if not (folder / LATEST).exists():
        return made
    parent = open_dataset(folder)
    out = {}
    for name, mine in made.items():
        old = parent.arrow(name, mine.column_names).cast(mine.schema)
        key = "url" if name == "pages" else "speech_id"
        out[name] = pa.concat_tables([old.filter(pc.invert(pc.is_in(old[key], mine[key].combine_chunks()))), mine])
    return out


made = 0


def kill_before(n: int | None) -> None:
    """Count this process's requests that write to object storage, and SIGKILL it before the n-th."""
    from publisher.buckets import BucketStore

    def counted(do: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            global made
            if made == n:
                os.kill(os.getpid(), signal.SIGKILL)
            made += 1
            return do(*given, **named)

        return call

    for name in WRITES:
        setattr(BucketStore, name, counted(getattr(BucketStore, name)))


def run(job: dict[str, Any]) -> str:
    os.environ.update(job["environment"])
    kill_before(job.get("kill_at"))
    rows = [speech(job["site"], n) for n in job["rows"]]
    publish_to(
        job["url"],
        Path(job["mirrors"]),
        lambda folder, commit, taken: publish_hooked(folder, rows, commit, taken),
    )
    return str(made)


def main() -> None:
    records([speech("a", 1)])
    relation(speech("a", 1, "學習。"), speech("a", 1, "学习") | {"text_sha256": ""})
    children: list[tuple[int, int]] = []
    for line in sys.stdin:
        if line.strip():
            read, write = os.pipe()
            if not (child := os.fork()):
                code, message = 3, ""
                try:
                    message = run(json.loads(line))
                    code = 0
                except JianghuaError as e:
                    code, message = e.exit_code, str(e)
                except BaseException as e:
                    message = repr(e)
                os.write(write, message.encode()[:4000])
                os._exit(code)
            os.close(write)
            children.append((child, read))
            continue
        # An empty line: those begun since the last one have to end.
        for child, read in children:
            told = b""
            while piece := os.read(read, 4096):
                told += piece
            os.close(read)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            sys.stdout.write(json.dumps([code, told.decode()]) + "\n")
        children.clear()
        sys.stdout.flush()


if __name__ == "__main__":
    main()
