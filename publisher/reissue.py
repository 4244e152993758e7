"""Re-issuing: kept versions that hold what was taken down are replaced by versions without it, openly.

A version that holds it gets a successor of the same day, sequence and time of publishing, with `reissue_of`; the old folder goes and
leaves its tombstone (publisher/gone.py), and parts that no version needs any more leave the store at once. Versions that hold nothing of it
stay as they are; their parent reference is then to a tombstone, which says what replaced it.

Order: the new folders beside their places → journal (the commit: from here on a kill is finished, not undone) → parts and folders into
place → latest.json → tombstones and removal → parts → projections. `finish` does what a kill left, or clears it away.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from crawler.durable import cannot_write, fsync_folder, write_bytes
from crawler.errors import JianghuaError
from publisher import quality, scrub, takedown
from publisher.cards import documents
from publisher.changes import Changes
from publisher.compare import differences, read_columns
from publisher.gone import finish as finish_gone
from publisher.gone import gone_names, read_gone, remove_version, tombstone
from publisher.locks import recover
from publisher.manifest import (
    FileEntry,
    Gate,
    Gone,
    Latest,
    Manifest,
    Part,
    Reference,
    TableEntry,
    as_json,
    latest_of,
    sha256,
    to_json,
)
from publisher.projections import project
from publisher.quality import Measures
from publisher.storage import checked, content_digest, decode, encode, link_or_copy, part_name, read_file
from publisher.tables import TABLES
from publisher.takedown import Entries, Taken
from publisher.versions import (
    LATEST,
    conform,
    day_of,
    live_versions,
    order,
    part_path,
    read_latest,
    read_manifest,
    read_part,
    taken_names,
)

JOURNAL = ".reissuing.json"
BESIDE = ".reissue-"
Progress = Callable[[str], None]


class Replacement(BaseModel):
    """A version and what takes its place. takedowns: ids of the entries; speeches: how many it had of what was taken down."""

    model_config = ConfigDict(frozen=True)

    old: str
    new: str
    sequence: int
    takedowns: tuple[str, ...]
    speeches: int


class Reissued(BaseModel):
    """What a re-issue did. dropped: parts that left the store, as TABLE/FILE. latest: the version that readers get now."""

    model_config = ConfigDict(frozen=True)

    versions: tuple[Replacement, ...] = ()
    dropped: tuple[str, ...] = ()
    latest: str | None = None


class _Journal(BaseModel):
    versions: tuple[Replacement, ...]
    gone: tuple[Gone, ...]
    latest: Latest | None
    dropped: tuple[str, ...]


@dataclass(slots=True)
class _Held:
    """What one version holds of what was taken down. rows: of its speeches, without the text; scrubs: whether a title stands elsewhere."""

    manifest: Manifest
    digest: str
    taken: dict[str, Taken] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    scrubs: bool = False

    @property
    def affected(self) -> bool:
        return bool(self.taken) or self.scrubs


def survey(folder: Path, entries: Entries, progress: Progress = lambda _: None) -> list[_Held]:
    """What each kept version holds of what the entries are for, by sequence. Every part is read once. Raises DamagedError."""
    latest = read_latest(folder)
    if latest is None or not entries:
        return []
    out = [_Held(m, digest) for m, digest in live_versions(folder, latest)]
    found: dict[str, tuple[dict[str, Taken], list[dict[str, Any]]]] = {}
    for held in out:
        progress(held.manifest.version)
        for part in held.manifest.tables["speeches"].parts:
            if part.sha256 not in found:
                found[part.sha256] = _of_part(
                    read_part(folder, "speeches", part, held.manifest.schema_version), entries
                )
            taken, rows = found[part.sha256]
            held.taken |= taken
            held.rows += rows
    ids, urls = _everything(out)
    scrubbed: dict[str, bool] = {}
    for held in out:
        progress(held.manifest.version)
        for table in ("pages", "removed"):
            for part in held.manifest.tables[table].parts:
                if part.sha256 not in scrubbed:
                    rows = read_part(folder, table, part, held.manifest.schema_version)
                    scrubbed[part.sha256] = _scrubbed(table, rows, entries, ids, urls) is not rows
                held.scrubs |= scrubbed[part.sha256]
    return out


def _everything(held: Iterable[_Held]) -> tuple[set[str], set[str]]:
    rows = [r for h in held for r in h.rows]
    return {r["speech_id"] for r in rows}, {r["page_url"] for r in rows}


def _of_part(rows: pa.Table, entries: Entries) -> tuple[dict[str, Taken], list[dict[str, Any]]]:
    found = takedown.match(rows, entries)
    if not found:
        return {}, []
    taken = {t.speech_id: t for t in found.values()}
    few = rows.take(pa.array(sorted(found))).drop_columns(["text"])
    return taken, few.to_pylist()


def _scrubbed(table: str, rows: pa.Table, entries: Entries, ids: Collection[str], urls: Collection[str]) -> pa.Table:
    if table == "pages":
        return takedown.scrub_pages(rows, entries, urls)
    return takedown.scrub_removed(rows, entries, ids)


def reissue(
    folder: Path,
    entries: Entries,
    *,
    now: datetime | None = None,
    reserved: Collection[str] = (),
    dry_run: bool = False,
    progress: Progress = lambda _: None,
) -> Reissued:
    """Re-issue every kept version of a dataset folder that holds what the entries are for. The caller holds the dataset's lock.

    reserved: names that no new version may have. dry_run: only tell which versions would be. Nothing held: nothing is done. Raises DamagedError, and JianghuaError when the disk is full or a
    version has a schema that this program does not know; nothing has changed then.
    """
    now = (now or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
    try:
        if not dry_run:
            recover(
                folder
            )  # else the parts of a publish that died might be used again here, and removed by who undoes it later
            finish(folder)
        held = survey(folder, entries, progress)
        affected = [h for h in held if h.affected]
        latest = read_latest(folder)
        if not affected or latest is None:
            return Reissued(latest=latest.version if latest else None)
        work = _Work(folder, entries, now, _names(folder, affected, reserved), held)
        if dry_run:
            return Reissued(versions=tuple(work.replacement(h) for h in affected), latest=latest.version)
        try:
            made = []
            for h in affected:
                progress(work.names[h.manifest.version])
                made.append(work.make(h))
            _scrub_refusals(folder, scrub.words_of([r for h in held for r in h.rows]))
            journal = work.journal(made, latest)
            write_bytes(folder / JOURNAL, to_json(journal))  # the commit
        except BaseException:
            if not (folder / JOURNAL).exists():
                _clear(folder)
            raise
        finish(folder)
        after = read_latest(folder)
        return Reissued(versions=journal.versions, dropped=journal.dropped, latest=after.version if after else None)
    except OSError as e:
        raise cannot_write(Path(e.filename) if e.filename else folder, e) from e


def _names(folder: Path, affected: Sequence[_Held], reserved: Collection[str]) -> dict[str, str]:
    """A name for each version that is replaced: of the same day, the next number that no version ever had."""
    taken = [order(n) for n in (*taken_names(folder), *reserved)]
    out = {}
    for h in affected:
        day, _ = order(h.manifest.version)
        number = max(n for d, n in taken if d == day) + 1
        taken.append((day, number))
        out[h.manifest.version] = f"{day}.{number}"
    return out


@dataclass(slots=True)
class _Made:
    held: _Held
    manifest: Manifest
    digest: str


@dataclass(slots=True)
class _Work:
    """A re-issue under way. made: by old name; written: paths of new parts by table and file; known: parts of the store as they become,
    by digest and what is taken of them; measures: of parts of the speeches, by digest."""

    folder: Path
    entries: Entries
    now: datetime
    names: dict[str, str]
    held: list[_Held]
    made: dict[str, _Made] = field(default_factory=dict)
    written: dict[tuple[str, str], Path] = field(default_factory=dict)
    known: dict[tuple[str, frozenset[str]], tuple[Part, ...]] = field(default_factory=dict)
    measures: dict[str, Measures] = field(default_factory=dict)
    ids: set[str] = field(init=False)
    urls: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.ids, self.urls = _everything(self.held)

    # -- one version

    def make(self, h: _Held) -> _Made:
        """Write the folder of a version's successor beside its place."""
        old, name = h.manifest, self.names[h.manifest.version]
        beside = self.beside(name)
        beside.mkdir(parents=True)
        tables = {t: self._table(h, beside, t) for t in old.tables if t not in ("duplicates", "contained")}
        tables |= self._relations(h, beside)
        sites = dict(old.sites)
        carried = {s: c.rows for s, c in old.carried.items()}  # all rows of a site are, or none
        for row in h.rows:
            sites[row["site"]] -= 1
            if row["site"] in carried:
                carried[row["site"]] -= 1
        words = scrub.words_of([r for x in self.held for r in x.rows])
        manifest = old.model_copy(
            update={
                "version": name,
                "parent": self._parent(old.parent),
                "tables": {t: tables[t] for t in old.tables},
                "sites": {s: n for s, n in sites.items() if n or old.sites[s] == 0},
                "carried": {s: c.model_copy(update={"rows": carried[s]}) for s, c in old.carried.items() if carried[s]},
                "gates": tuple(
                    Gate.model_validate(scrub.document(g.model_dump(mode="json"), words)) for g in old.gates
                ),
                "reissue_of": old.version,
            }
        )
        files, manifest, told = self._files(h, manifest, words)
        manifest = manifest.model_copy(
            update={"files": {n: FileEntry(bytes=len(d), sha256=sha256(d)) for n, d in sorted(files.items())}}
        )
        every = {**documents(manifest, *told), **files, "manifest.json": to_json(manifest)}
        sums = {f"{t}/{p.file}": p.sha256 for t, e in manifest.tables.items() for p in e.parts}
        sums |= {n: sha256(d) for n, d in every.items()}
        every["SHA256SUMS"] = "".join(f"{digest}  {n}\n" for n, digest in sorted(sums.items())).encode()
        for file, data in every.items():
            write_bytes(beside / file, data)
        for table, entry in manifest.tables.items():
            (beside / table).mkdir(exist_ok=True)
            for part in entry.parts:
                target = beside / table / part.file
                if not target.exists():
                    link_or_copy(self.where(table, part), target)
            fsync_folder(beside / table)
        fsync_folder(beside)
        done = self.made[old.version] = _Made(h, manifest, sha256(every["manifest.json"]))
        return done

    def beside(self, name: str) -> Path:
        return self.folder / "versions" / f"{BESIDE}{name}"

    def where(self, table: str, part: Part) -> Path:
        """Where a part can be read now."""
        return self.written.get((table, part.file), part_path(self.folder, table, part))

    def _parent(self, parent: Reference | None) -> Reference | None:
        """The parent as it stands now: what replaced it, where it was replaced, however often; itself where that is no more either."""
        if parent is None:
            return None
        name = parent.version
        while name not in self.made and (gone := read_gone(self.folder, name)):
            if gone.replaced_by is None:
                return parent
            name = gone.replaced_by
        if done := self.made.get(name):
            return Reference(
                version=done.manifest.version, sequence=done.manifest.sequence, manifest_sha256=done.digest
            )
        if name == parent.version:
            return parent
        manifest, data = read_manifest(self.folder, name)
        return Reference(version=manifest.version, sequence=manifest.sequence, manifest_sha256=sha256(data))

    # -- tables

    def _write(self, beside: Path, table: str, rows: pa.Table) -> Part:
        data = encode(rows)
        digest = sha256(data)
        part = Part(
            file=part_name(digest),
            rows=rows.num_rows,
            bytes=len(data),
            sha256=digest,
            content_sha256=content_digest(rows),
        )
        stored = part_path(self.folder, table, part)
        if not stored.exists() and (table, part.file) not in self.written:
            (beside / table).mkdir(exist_ok=True)
            path = beside / table / part.file
            write_bytes(path, data)
            self.written[table, part.file] = path
        return part

    def _entry(self, table: str, parts: Sequence[Part], beside: Path, schema_version: str) -> TableEntry:
        if not parts:  # a table always has a file, so that its folder can always be read
            parts = [self._write(beside, table, TABLES[table].schema_in(schema_version).empty_table())]
        elif len(parts) > 1 and any(p.rows for p in parts):
            parts = [p for p in parts if p.rows]
        return TableEntry(rows=sum(p.rows for p in parts), parts=tuple(parts))

    def _table(self, h: _Held, beside: Path, table: str) -> TableEntry:
        gone = frozenset(h.taken) if table in ("speeches", "provenance") else frozenset()
        parts: list[Part] = []
        for part in h.manifest.tables[table].parts:
            key = (part.sha256, gone)
            if key not in self.known:
                rows = read_part(self.folder, table, part, h.manifest.schema_version)
                if table in ("pages", "removed"):
                    new = _scrubbed(table, rows, self.entries, self.ids, self.urls)
                else:
                    new = scrub.without_ids(rows, "speech_id", gone) if table in ("speeches", "provenance") else rows
                self.known[key] = (part,) if new is rows else (self._write(beside, table, new),) if new.num_rows else ()
            parts += self.known[key]
        if table == "removed" and h.taken:
            parts.append(self._write(beside, table, self._tombstones(h)))
        return self._entry(table, parts, beside, h.manifest.schema_version)

    def _tombstones(self, h: _Held) -> pa.Table:
        """One for each speech that the version had; the same in every version that had it."""
        holders: dict[str, list[str]] = {}
        last: dict[str, dict[str, Any]] = {}
        for x in self.held:
            for row in x.rows:
                holders.setdefault(row["speech_id"], []).append(x.manifest.version)
                last[row["speech_id"]] = row
        rows = [
            {
                **{n: last[i][n] for n in ("speech_id", "page_url", "site", "part", "first_version", "revision")},
                "title": takedown.TITLE,
                "reason": takedown.REASON,
                "removed_in": self.names[holders[i][0]],
                "last_version": holders[i][-1],
                "removed_at": day_of(self.names[holders[i][0]]),
            }
            for i in sorted(h.taken)
        ]
        return pa.Table.from_pylist(rows, schema=TABLES["removed"].schema_in(h.manifest.schema_version))

    def _relations(self, h: _Held, beside: Path) -> dict[str, TableEntry]:
        m = h.manifest
        before = {t: [read_part(self.folder, t, p, m.schema_version) for p in m.tables[t].parts] for t in ("duplicates", "contained")}  # fmt: skip
        old = {t: pa.concat_tables(before[t]) for t in before}
        near = scrub.neighbours(old["duplicates"], old["contained"], list(h.taken))
        containers = _containers(old["contained"], near)
        made = scrub.relations(old["duplicates"], old["contained"], list(h.taken), self._speeches(m, near | containers))
        out = {}
        for table, new in zip(("duplicates", "contained"), made, strict=True):
            if new.equals(old[table]):
                out[table] = m.tables[table]
                continue
            dealt = scrub.parts_of(new, before[table], TABLES[table].key)
            out[table] = self._entry(table, [self._write(beside, table, rows) for rows in dealt], beside, m.schema_version)  # fmt: skip
        return out

    def _speeches(self, m: Manifest, ids: Collection[str]) -> pa.Table:
        """The rows of some speeches of a version."""
        wanted = pa.array(sorted(ids), pa.string())
        found = [TABLES["speeches"].schema_in(m.schema_version).empty_table()]
        for part in m.tables["speeches"].parts if ids else ():
            rows = read_part(self.folder, "speeches", part, m.schema_version)
            found.append(rows.filter(pc.is_in(rows["speech_id"], value_set=wanted)))
        return pa.concat_tables(found)

    # -- documents

    def _files(
        self, h: _Held, manifest: Manifest, words: Collection[str]
    ) -> tuple[dict[str, bytes], Manifest, tuple[Any, Any, Any]]:
        """Files that do not derive from the manifest, the manifest with the counts of changes, and what the documents are made of."""
        place = self.folder / "versions" / h.manifest.version
        said = _json(place / "changes.json") or {}
        changes = self._changes(h, manifest)
        tables = {t: e.model_copy(update=changes.summary["tables"].get(t, {})) for t, e in manifest.tables.items()}
        manifest = manifest.model_copy(update={"tables": tables})
        summary = scrub.document({k: v for k, v in said.items() if k not in changes.summary}, words)
        summary |= changes.summary | {
            "version": manifest.version,
            "sequence": manifest.sequence,
            "parent": manifest.parent.version if manifest.parent else None,
            "takedowns": self._told(h),
        }
        files = {"changes.parquet": encode(changes.rows), "changes.json": as_json(summary)}
        counted = self._quality(_json(place / "quality.json"), manifest, words)
        if counted is not None:
            files["quality.json"] = as_json(counted)
        if (place / "preview.parquet").exists():
            known = h.manifest.files.get("preview.parquet")
            data = read_file(place / "preview.parquet")
            where = str(place / "preview.parquet")
            rows = decode(checked(data, known.sha256, where) if known else data, where)
            files["preview.parquet"] = encode(scrub.without_ids(rows, "speech_id", list(h.taken)))
        sources = _json(place / "sources.json")
        return files, manifest, (counted, summary, sources.get("sites") if sources else None)

    def _quality(
        self, said: dict[str, Any] | None, manifest: Manifest, words: Collection[str]
    ) -> dict[str, Any] | None:
        """quality.json, counted anew from the rows as they are now; what the checks said then stays, without what was taken."""
        if said is None:
            return None
        clean: dict[str, Any] = scrub.document(said, words)
        if said.get("format") != quality.FORMAT:
            return clean | ({"version": manifest.version} if "version" in clean else {})
        facts = {
            "dataset": manifest.dataset,
            "schema_version": manifest.schema_version,
            "version": manifest.version,
            "sequence": manifest.sequence,
            "parent": manifest.parent.version if manifest.parent else None,
        }
        clusters = pa.concat_tables(self._read(manifest, "duplicates"))["cluster_id"]
        relations = {t: manifest.tables[t].rows for t in ("duplicates", "contained", "removed")}
        relations["clusters"] = len(pc.unique(clusters))
        measures = quality.summed(self._measured(manifest, part) for part in manifest.tables["speeches"].parts)
        return clean | {k: v for k, v in quality.document(facts, measures, (), relations).items() if k != "gates"}

    def _measured(self, manifest: Manifest, part: Part) -> Measures:
        """What there is in a part of the speeches; each is read once."""
        if part.sha256 not in self.measures:
            (rows,) = self._read(manifest, "speeches", [part])
            if "personal_data" not in rows.column_names:  # of an older schema
                none = pa.array([[]] * rows.num_rows, pa.list_(pa.string()))
                rows = rows.append_column("personal_data", none)
            self.measures[part.sha256] = quality.measure(rows)
        return self.measures[part.sha256]

    def _read(self, manifest: Manifest, table: str, parts: Sequence[Part] | None = None) -> Iterator[pa.Table]:
        """The rows of parts of a version, of all by default, in the store already or not yet; verified."""
        for part in manifest.tables[table].parts if parts is None else parts:
            path = self.where(table, part)
            rows = decode(checked(read_file(path), part.sha256, str(path)), str(path))
            yield conform(rows, table, part, str(path), manifest.schema_version)

    def _changes(self, h: _Held, manifest: Manifest) -> Changes:
        """What changed from the parent as it stands now; where that is no more, what was said without what was taken."""
        parent = manifest.parent
        base: Manifest | None = None
        if parent is not None:
            done = next((m for m in self.made.values() if m.manifest.version == parent.version), None)
            if done is None and parent.version in gone_names(self.folder):
                place = self.folder / "versions" / h.manifest.version / "changes.parquet"
                rows = scrub.filtered_changes(decode(read_file(place), str(place)), self.ids)
                counts = {t: {"added": e.added, "changed": e.changed, "removed": e.removed} for t, e in h.manifest.tables.items()}  # fmt: skip
                for table in counts:
                    here = rows.filter(pc.equal(rows["table"], table))["op"].to_pylist()
                    if here or table in ("speeches", "duplicates", "contained"):
                        counts[table] = {op: here.count(op) for op in ("added", "changed", "removed")}
                ids = {op: rows.filter(pc.and_(pc.equal(rows["table"], "speeches"), pc.equal(rows["op"], op)))["id"].to_pylist() for op in ("added", "changed", "removed")}  # fmt: skip
                return Changes(rows, {"tables": counts, "speeches": ids})
            base = done.manifest if done else read_manifest(self.folder, parent.version)[0]

        def read(m: Manifest, table: str, part: Part, columns: Sequence[str]) -> pa.Table:
            return read_columns(self.where(table, part), m, table, part, columns)

        return differences(base, manifest, read)

    def _told(self, h: _Held) -> list[dict[str, Any]]:
        reasons = {t.id: t.entry.reason for t in self.entries}
        counts: dict[str, int] = {}
        for t in h.taken.values():
            counts[t.takedown] = counts.get(t.takedown, 0) + 1
        return [{"reason": reasons[i], "speeches": n} for i, n in sorted(counts.items())]

    # -- all together

    def replacement(self, h: _Held) -> Replacement:
        ids = sorted({t.takedown for t in h.taken.values()})
        return Replacement(
            old=h.manifest.version,
            new=self.names[h.manifest.version],
            sequence=h.manifest.sequence,
            takedowns=tuple(ids),
            speeches=len(h.taken),
        )

    def journal(self, made: Sequence[_Made], latest: Latest) -> _Journal:
        old = {m.held.manifest.version for m in made}
        kept = [h.manifest for h in self.held if h.manifest.version not in old] + [m.manifest for m in made]
        needed = {(t, p.file) for m in kept for t, e in m.tables.items() for p in e.parts}
        parts = {(t, p.file) for m in made for t, e in m.held.manifest.tables.items() for p in e.parts}
        last = next((m for m in made if m.held.manifest.version == latest.version), None)
        reasons = {t.id: t.entry.reason for t in self.entries}
        gone = []
        for m in made:
            ids = sorted({t.takedown for t in m.held.taken.values()}) or [t.id for t in self.entries]
            why = "; ".join(dict.fromkeys(reasons[i] for i in ids))
            gone.append(
                tombstone(m.held.manifest, m.held.digest, "yanked", f"taken down: {why}", self.now, m.manifest.version)
            )
        return _Journal(
            versions=tuple(self.replacement(m.held) for m in made),
            gone=tuple(gone),
            latest=latest_of(last.manifest, last.digest) if last else None,
            dropped=tuple(sorted(f"{t}/{f}" for t, f in parts - needed)),
        )


def _containers(contained: pa.Table, ids: Collection[str]) -> set[str]:
    hit = pc.is_in(contained["speech_id"], value_set=pa.array(list(ids), pa.string()))
    return set(contained.filter(hit)["container_id"].to_pylist())


def _json(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    value = json.loads(read_file(path))
    return value if isinstance(value, dict) else None


def _scrub_refusals(folder: Path, words: Collection[str]) -> None:
    """What refused publishes have told may name what was taken down."""
    for path in (folder / "refused").glob("*.json"):
        told = _json(path)
        if told is not None and (clean := scrub.document(told, words)) != told:
            write_bytes(path, as_json(clean))


# -- what a kill left


def finish(folder: Path) -> bool:
    """Finish a re-issue that was killed after its commit, clear away one that was killed before; whether there was one to finish.

    Safe at any time under the dataset's lock. Raises JianghuaError when the disk is full.
    """
    path = folder / JOURNAL
    if not path.exists():
        _clear(folder)
        finish_gone(folder)
        return False
    journal = _Journal.model_validate_json(read_file(path))
    try:
        for v in journal.versions:
            _place(folder, v.new)
        latest = read_latest(folder)
        if journal.latest is not None and latest != journal.latest and (latest is None or latest.sequence <= journal.latest.sequence):  # fmt: skip
            write_bytes(folder / LATEST, to_json(journal.latest))
            latest = journal.latest
        for gone in journal.gone:
            remove_version(folder, gone)
        for name in journal.dropped:
            (folder / "tables" / name).unlink(missing_ok=True)
        for table in {n.split("/")[0] for n in journal.dropped}:
            fsync_folder(folder / "tables" / table)
        if latest is not None:
            project(folder, latest)
        path.unlink()
        fsync_folder(folder)
        _clear(folder)
    except OSError as e:
        raise _unfinished(cannot_write(Path(e.filename) if e.filename else folder, e)) from e
    except JianghuaError as e:
        if isinstance(e.__cause__, OSError):
            raise _unfinished(e) from e
        raise
    return True


def _unfinished(error: JianghuaError) -> JianghuaError:
    """What is told when a re-issue is decided, and a full disk or the like keeps it from its end."""
    return JianghuaError(
        f"the versions without what was taken down are made, but not all of them are in their places: {error.what}",
        where=error.where,
        remedy="make room on the disk or check the folder's permissions, then run `jianghua doctor`, or publish: either brings it to its "
        "end. Until then old versions may still hold what was taken down",
    )


def _place(folder: Path, name: str) -> None:
    """Bring a new version's parts into the store and its folder into place."""
    beside, target = folder / "versions" / f"{BESIDE}{name}", folder / "versions" / name
    if not beside.exists():
        return
    for file in beside.glob("*/part-*.parquet"):
        stored = folder / "tables" / file.parent.name / file.name
        if not stored.exists():
            temporary = stored.with_name(f".{stored.name}.tmp")
            temporary.unlink(missing_ok=True)
            link_or_copy(file, temporary)
            temporary.replace(stored)
    for place in {f.parent.name for f in beside.glob("*/part-*.parquet")}:
        fsync_folder(folder / "tables" / place)
    beside.rename(target)
    fsync_folder(folder / "versions")


def _clear(folder: Path) -> None:
    for left in (folder / "versions").glob(f"{BESIDE}*"):
        shutil.rmtree(left)
