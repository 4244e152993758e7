"""Publishes one after the other, with everything that can happen between them, drawn at random: with what was remembered and without it, the
same rows in every table. JIANGHUA_SEQUENCES=FROM:TO runs as many sequences as are wanted."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from crawler import shards
from crawler.errors import DamagedError, UsageError
from crawler.home import Home
from crawler.records import PAGE_SCHEMA, PROVENANCE_SCHEMA, SPEECH_SCHEMA
from crawler.shards import CUT_SCHEMA, READING_SCHEMA, drop_shard, pointer_path, read_pointer, write_shard
from crawler.takedowns import add_takedown
from publisher import rowindex
from publisher.build import state_of
from publisher.checks import names
from publisher.gates import RefusedError
from publisher.parts import PartStore
from publisher.places import memo_folder
from publisher.reader import open_dataset
from publisher.release import publish
from publisher.storage import decode
from publisher.tables import TABLES
from publisher.verify import verify
from publisher.versions import read_latest
from tests.publisher.publisher_made import WHEN, aged, origin, page, speech, text

DAY = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
BUCKETS = 3
DAYS = 6
SITES = "abc"
FIRST, LAST = (int(n) for n in os.environ.get("JIANGHUA_SEQUENCES", "0:3").split(":"))
Rows = list[dict[str, Any]]


class Site:
    """What a site shows: pages by number with their speeches, pages that show none and why, those that are gone since; statuses of answers."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.pages: dict[int, Rows] = {n: [speech(name, n)] for n in range(7)}
        self.pages |= {n: self.compilation(n, [text((name, n, i)) for i in range(3)]) for n in (20, 21)}
        self.fates: dict[int, str] = {}
        self.gone: dict[int, datetime] = {}
        self.origins: dict[str, int] = {}
        self.statuses: dict[str, int] = {}

    def compilation(self, n: int, bodies: list[str]) -> Rows:
        return [speech(self.name, n, body, part=i, parts=len(bodies)) for i, body in enumerate(bodies, 1)]

    def change(self, rng: random.Random) -> None:
        """Edits, counters, new pages, pages that go, fail or get another address, parts that come, go and change places."""
        for n in sorted(self.pages):
            rows, what = self.pages[n], rng.random()
            if what < 0.06:
                self.fates[n] = rng.choice(["gone", "error", "off_topic"])
                del self.pages[n]
            elif what < 0.12 and len(rows) == 1:
                told = rng.choice(["", "\n来信请寄a@b.cn", "\n电话１３８12345678"])
                self.pages[n] = [speech(self.name, n, text((self.name, n, rng.random())) + told)]
            elif what < 0.18:
                self.pages[n] = [r | {"views": rng.randrange(9999)} for r in rows]
            elif what < 0.24:  # the same texts under other ids, and sometimes the page that was there beside them
                new = rng.randrange(100, 200)
                self.pages[new] = self.compilation(new, [r["text"] for r in rows])
                if rng.random() < 0.7:
                    del self.pages[n]
            elif what < 0.5 and len(rows) > 1:
                bodies = [r["text"] for r in rows]
                rng.shuffle(bodies)
                if rng.random() < 0.5:
                    bodies.insert(rng.randrange(len(bodies)), text((self.name, n, rng.random())))
                elif len(bodies) > 2:
                    bodies.pop()
                self.pages[n] = self.compilation(n, bodies)
        for n in sorted(self.fates):
            if rng.random() < 0.3:
                del self.fates[n]
                self.pages.setdefault(n, [speech(self.name, n)])
        if rng.random() < 0.8:
            n = rng.randrange(200, 900)
            self.pages[n] = [speech(self.name, n, published_at=WHEN + timedelta(days=n))]
        self.gone = {n: WHEN for n in self.pages if (n in self.gone and rng.random() < 0.9) or rng.random() < 0.06}
        for row in (r for rows in self.pages.values() for r in rows):
            if rng.random() < 0.06:
                self.origins[row["speech_id"]] = rng.randrange(200, 230)
            if rng.random() < 0.05:
                self.statuses[row["page_url"]] = rng.randrange(200, 230)

    def extract(self, home: Home, silent: bool, drops: bool) -> None:
        """Its records, as extraction would write them. silent: it brings no speeches; drops: a shard without rows is taken away."""
        since = {page(speech(self.name, n))["url"]: at for n, at in self.gone.items()}
        for b in range(BUCKETS):
            rows = [r for n, parts in self.pages.items() if n % BUCKETS == b and not silent for r in parts]
            if not rows and drops:
                drop_shard(home, self.name, b)
                continue
            told = {
                r["page_url"]: page(
                    r, gone_since=since.get(r["page_url"]), status=self.statuses.get(r["page_url"], 200)
                )
                for r in rows
            }
            for n, fate in self.fates.items():
                if n % BUCKETS == b:
                    told |= {(p := page(speech(self.name, n), fate))["url"]: p}
            origins = [origin(r) | {"status": self.origins.get(r["speech_id"], 200)} for r in rows]
            origins += [o | {"ordinal": 2} for o in origins if o["status"] % 3 == 1]
            tables = {
                "speeches": pa.Table.from_pylist(rows, schema=SPEECH_SCHEMA),
                "provenance": pa.Table.from_pylist(origins, schema=PROVENANCE_SCHEMA),
                "pages": pa.Table.from_pylist([*told.values()], schema=PAGE_SCHEMA),
                "readings": READING_SCHEMA.empty_table(),
                "cuts": CUT_SCHEMA.empty_table(),
            }
            write_shard(home, self.name, b, tables, input_digest="x")


def aged_home(home: Home, schema_version: str) -> None:
    """Make all versions of the dataset, and what is remembered of the last one, what a program of an older schema would have left."""
    folder, memo = home.datasets / "speeches", memo_folder(home)
    latest = read_latest(folder)
    assert latest
    state = rowindex.load(memo, latest.manifest_sha256)
    manifest, digest = aged(folder, schema_version)
    if state is not None:
        then = state_of(PartStore(folder), manifest)
        for name, index in then.tables.items():
            for column in ("unit", "held", "r0", "r1"):
                at = index.schema.get_field_index(column)
                index = index.set_column(at, index.schema.field(at), state.tables[name][column])
            state.tables[name] = index
        state.segments = then.segments
        state.measures = {}
        rowindex.save(memo, digest, state)


class KilledError(BaseException):
    """As kill -9: nothing that follows is done any more."""


@contextmanager
def killed(at: int) -> Iterator[None]:
    """Every change of the file system from the `at`-th on fails, as those of a process that is no more."""
    steps = count()

    def step(plain: Callable[..., Any], *args: Any, **more: Any) -> Any:
        if next(steps) >= at:
            raise KilledError
        return plain(*args, **more)

    with pytest.MonkeyPatch.context() as patch:
        for name in ("rename", "replace", "link", "unlink", "mkdir", "fsync", "rmdir"):
            patch.setattr(os, name, partial(step, getattr(os, name)))
        yield


class Disturbed:
    """A home in which things are remembered, and what may happen to these."""

    def __init__(self, home: Home, rng: random.Random) -> None:
        self.home, self.rng = home, rng
        self.memo = memo_folder(home)
        self.before: dict[str, bytes] = {}
        self.undo: list[tuple[Path, bytes]] = []

    def something(self) -> str:
        """Lose, damage or turn back what is remembered between publishes; gives what it was."""
        rng, files = self.rng, sorted(p for p in self.memo.rglob("*") if p.is_file())
        what = rng.choice(["none"] * 5 + ["lost", "torn", "back", "all back", "format", "polars", "fresh", "gone"])
        if what == "gone":
            shutil.rmtree(self.memo, ignore_errors=True)
        elif what == "fresh":
            shutil.rmtree(self.home.var / "fresh" / rng.choice(SITES), ignore_errors=True)
        elif what in ("format", "polars") and (self.memo / "state.json").is_file():
            path = self.memo / "state.json"
            kept = json.loads(path.read_bytes())
            kept[what] = 5 if what == "format" else "0.1.0"
            kept.pop("sha256")
            path.write_bytes(rowindex._sealed(json.dumps(kept, ensure_ascii=False).encode()[:-1]))
        elif what in ("lost", "torn") and files:
            for path in rng.sample(files, min(len(files), rng.choice([1, 1, 3]))):
                if what == "lost":
                    path.unlink()
                else:
                    data = path.read_bytes()
                    cut = rng.randrange(len(data) + 1)
                    path.write_bytes(data[:cut] if rng.random() < 0.5 else data[:cut] + b"x" + data[cut + 1 :])
        elif what == "back" and self.before:
            name = rng.choice(sorted(self.before))
            (self.memo / name).parent.mkdir(parents=True, exist_ok=True)
            (self.memo / name).write_bytes(self.before[name])
        elif what == "all back" and self.before:
            shutil.rmtree(self.memo, ignore_errors=True)
            for name, data in self.before.items():
                (self.memo / name).parent.mkdir(parents=True, exist_ok=True)
                (self.memo / name).write_bytes(data)
        return what

    def remember(self) -> None:
        """What is there now may come back later."""
        if self.rng.random() < 0.7:
            self.before = {str(p.relative_to(self.memo)): p.read_bytes() for p in self.memo.rglob("*") if p.is_file()}

    def other_columns(self, site: str) -> None:
        """The records of a site are still those of the program before."""
        for b in range(BUCKETS):
            with suppress(OSError):
                path = pointer_path(self.home, site, b)
                path.write_text(json.dumps(json.loads(path.read_text()) | {"columns": "others"}))

    def damaged_records(self, site: str) -> bool:
        """Damage a file that is read with and without what is remembered: what nobody reads, nobody finds damaged."""
        b = self.rng.randrange(BUCKETS)
        state = None
        if latest := read_latest(self.home.datasets / "speeches"):
            state = rowindex.load(self.memo, latest.manifest_sha256)
        with suppress(DamagedError):
            shard = read_pointer(self.home, site, b)
            if shard is not None and (state is None or state.units.get(f"{site}/{b:02x}") != shard.folder.name):
                path = shard.folder / shards.MARKS
                self.undo.append((path, path.read_bytes()))
                path.write_bytes(path.read_bytes()[:-9] + b"123456789")
                shards.fresh_path(self.home, shard).unlink(missing_ok=True)
                return True
        return False

    def mended_records(self) -> None:
        while self.undo:
            path, data = self.undo.pop()
            if path.exists():
                path.write_bytes(data)


def mirror(home: Home, other: Home) -> None:
    """The same records, settings and requests in another home, and nothing that is remembered but what earlier publishes found."""
    if home.settings_file.is_file():
        shutil.copy(home.settings_file, other.settings_file)
    for folder in (home.var / "records", home.takedowns, home.own_corrections):
        there = other.root / folder.relative_to(home.root)
        shutil.rmtree(there, ignore_errors=True)
        if folder.is_dir():
            shutil.copytree(folder, there)
    shutil.rmtree(memo_folder(other), ignore_errors=True)


@contextmanager
def instead_of(home: Home, other: Home) -> Iterator[None]:
    """The other home in the place of the first, since a version may name paths."""
    aside = home.root.with_name("aside")
    home.root.rename(aside)
    other.root.rename(home.root)
    try:
        yield
    finally:
        home.root.rename(other.root)
        aside.rename(home.root)


def published(home: Home, now: datetime) -> tuple[Any, ...]:
    """How a publish ends without and with all gates accepted."""
    try:
        publish(home, now=now)
        first = ""
    except RefusedError as e:
        first = str(sorted(g.name for g in e.gates if g.result == "fail"))
    except DamagedError:
        return ("damaged",)
    result = publish(home, now=now, accept=dict.fromkeys(names(), "a test"))
    return first, result.latest, result.added, result.changed, result.removed


def rows(home: Home) -> dict[str, Any]:
    """Every row of every table of the newest version, and what it says has changed, in order."""
    ds = open_dataset(home.datasets / "speeches")
    out: dict[str, Any] = {n: ds.arrow(n).to_pylist() for n in TABLES}
    m = ds.manifest
    changes = home.datasets / "speeches" / "versions" / m.version / "changes.parquet"
    out["changes"] = decode(changes.read_bytes(), str(changes)).to_pylist()
    out["manifest"] = (m.version, m.sites, m.held, m.carried, [(g.name, g.result, g.what, g.figures) for g in m.gates])
    out["parts"] = {n: [p.content_sha256 for p in e.parts] for n, e in m.tables.items()}
    return out


def differences(one: dict[str, Any], two: dict[str, Any]) -> list[Any]:
    """Where two versions differ, shortly."""
    out: list[Any] = []
    for name in one:
        a, b = one[name], two[name]
        if a == b:
            continue
        if name not in TABLES or len(a) != len(b):
            out.append((name, str(a)[:1500], str(b)[:1500]) if name not in TABLES else (name, len(a), len(b)))
            continue
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            if x != y:
                key = [str(x[k]) for k in TABLES[name].key]
                out.append((name, i, key, {c: (str(x[c])[:99], str(y[c])[:99]) for c in x if x[c] != y[c]}))
    return out[:6]


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # what a killed process would not have cleaned up
@pytest.mark.parametrize("seed", range(FIRST, LAST))
def test_what_is_remembered_makes_no_difference(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)
    monkeypatch.setattr(shards, "FEW", rng.choice([1, 3, 8]))
    home, other = Home(tmp_path / "one" / "home"), Home(tmp_path / "two" / "home")
    for h in (home, other):
        h.root.mkdir(parents=True)
    sites = {name: Site(name) for name in SITES}
    disturbed = Disturbed(home, rng)
    ages = rng.choice([None, *range(DAYS - 1)])
    log: list[Any] = []
    kept: Rows = []  # corrections
    untouched = True
    for day in range(DAYS):
        now = DAY + timedelta(days=day)
        upgraded = ages is not None and day == ages + 1
        for name, site in sites.items():
            for _ in range(rng.choice([0, 1, 1, 1, 2, 3]) if day else 1):
                if day:
                    site.change(rng)
                site.extract(home, silent=bool(day) and rng.random() < 0.06, drops=rng.random() < 0.3)
                if upgraded and rng.random() < 0.3:
                    break
            else:
                if upgraded and rng.random() < 0.3:
                    disturbed.other_columns(name)
                    log.append((day, name, "other columns"))
                elif day and rng.random() < 0.08:
                    log.append((day, name, "damaged", disturbed.damaged_records(name)))
        if day and rng.random() < 0.35:
            site = sites[rng.choice(SITES)]
            row = rng.choice(rng.choice(list(site.pages.values())))
            how = rng.choice([{"url": row["page_url"]}, {"speech_id": row["speech_id"]}])
            with suppress(UsageError):
                add_takedown(home, {"reason": "a request", "date": date(2026, 11, 22)} | how)
                log.append((day, "takedown", how))
        if day and rng.random() < 0.2:
            kept = [] if rng.random() < 0.4 else kept
            site = sites[rng.choice(SITES)]
            row = rng.choice(rng.choice(list(site.pages.values())))
            what: dict[str, Any] = rng.choice([{"drop": True}, {"field": "title", "value": f"第{day}题"}])
            kept = [
                *(k for k in kept if k["speech_id"] != row["speech_id"]),
                {"speech_id": row["speech_id"], "reason": "wrong"} | what,
            ]
            home.own_corrections.mkdir(exist_ok=True)
            (home.own_corrections / "corrections.yaml").write_text(json.dumps(kept, ensure_ascii=False))
            log.append((day, "corrections", kept))
        if rng.random() < 0.2:
            masks = rng.choice(["true", "false"])
            home.settings_file.write_text(f"[publish]\nmask_personal_data = {masks}\n")
            log.append((day, "masks", masks))
        log.append((day, disturbed.something()))
        mirror(home, other)
        if day and rng.random() < 0.25:
            at = rng.randrange(120)
            log.append((day, "killed", at))
            with suppress(KilledError, RefusedError, DamagedError), killed(at):
                publish(home, now=now, accept=dict.fromkeys(names(), "a test"))
            untouched = False
        one = published(home, now)
        with instead_of(home, other):
            two = published(home, now)
        if one == two == ("damaged",):
            disturbed.mended_records()
            mirror(home, other)
            one = published(home, now)
            with instead_of(home, other):
                two = published(home, now)
        # a killed one may have made the version already
        assert one[1:2] == two[1:2], (one, two, log)
        assert one == two or not untouched, (one, two, log)
        assert not (found := differences(rows(home), rows(other))), (found, log)
        disturbed.mended_records()
        if ages == day:
            schema_version = rng.choice(["1.0.0", "1.1.0"])
            log.append((day, "is of", schema_version))
            for h in (home, other):
                aged_home(h, schema_version)
        disturbed.remember()
        untouched = True
    if ages is None:  # what was made older tells changes of columns that it has no more
        verify(home.datasets / "speeches")
