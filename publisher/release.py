"""Publishing: from records to one more version, or to the reason why there is none.

Order of a publish: lock → recover → build → gates → unchanged? → parts → version folder → latest.json → projections.
Replacing latest.json is the commit. Before it nothing that readers see has changed; a publish that died is undone by the
next one (publisher/locks.py). After it, projections (versions.json, index.json, feed, Delta log, the link `latest`) are made from
what is there, now or by the next publish.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from crawler.corrections.entries import Correction, load_corrections
from crawler.durable import cannot_write, fsync_folder, write_bytes, write_json
from crawler.errors import JianghuaError, UsageError
from crawler.home import Home
from crawler.loading import seldom_collecting
from crawler.takedowns import load_takedowns
from crawler.wording import counted, meant
from publisher import reissue, rowindex
from publisher.build import Build, Parent, Progress, build, state_of
from publisher.cards import documents
from publisher.checks import names
from publisher.contract import check_parent, check_program
from publisher.fencing import Fence
from publisher.gates import RefusedError, WaitingError, Warnings, confirmed, refused, waits
from publisher.history import Entry, Outcome, append, history_path, of_versions
from publisher.history import read as read_history
from publisher.intake import Shards, Source, Tables, sites_with_records
from publisher.locks import building, locked, recover
from publisher.lost import above, above_error
from publisher.manifest import FileEntry, Gate, Latest, Manifest, as_json, latest_of, sha256, to_json
from publisher.memory import keep_freed
from publisher.parts import PartStore
from publisher.places import DATASETS, dataset_folder, memo_folder
from publisher.projections import project
from publisher.quality import document, measures_of
from publisher.recipe import Recipe
from publisher.releaserules import Run, entry, refusal, set_aside
from publisher.samples import examples, previewed
from publisher.settings import publish_settings
from publisher.sources import snapshot
from publisher.storage import checked, encode, link_or_copy, read_file
from publisher.tables import SCHEMA_VERSION
from publisher.versions import JOURNAL, LATEST, read_latest, read_manifest, require_known, taken_names, version_names

__all__ = [
    "DATASETS",
    "NEXT_PUBLISH",
    "PublishResult",
    "PublishedError",
    "dataset_folder",
    "locked",
    "memo_folder",
    "publish",
    "publish_records",
    "recover",
]

# what brings up what is derived from a version, when that failed
NEXT_PUBLISH = (
    "versions.json, index.json, feed.xml, the link `latest` and the Delta logs are brought up by the next publish"
)
KEPT_VERSIONS = 20  # whose quality stands in for a history that is not there
Commit = Callable[[Path, Manifest, Latest], None]
Sources = Callable[[Sequence[str]], list[dict[str, Any]]]


class PublishedError(JianghuaError):
    """What comes after the commit failed: readers get the version, and what is derived from it is behind. version: its name."""

    def __init__(self, version: str, cause: Exception, *, folder: Path, next_: str) -> None:
        """cause: an OSError, or an error for people. folder: of the dataset; next_: what brings up what is behind."""
        self.version = version
        if isinstance(cause, OSError):
            cause = cannot_write(Path(cause.filename) if cause.filename else folder, cause)
        what, where, first = str(cause), str(folder), None
        if isinstance(cause, JianghuaError):
            what, where, first = cause.what, cause.where or where, cause.remedy
        if what.startswith("cannot write"):
            first = "make room on the disk or check the folder's permissions"
        super().__init__(
            f"{version} is published, and readers get it; what is derived from it could not be brought up to date: {what}",
            where=where,
            remedy=f"{first + '; ' if first else ''}nothing of the version is missing, and {next_}",
        )


@dataclass(frozen=True, slots=True)
class PublishResult:
    """What a publish did. version: the one made, None when nothing changed; latest: the one that readers get now.

    added, changed, removed: speeches against the parent. reason: for people. sites: rows, added, changed and removed of each site.
    """

    version: str | None
    latest: str
    sequence: int
    rows: int
    added: int
    changed: int
    removed: int
    reason: str
    gates: tuple[Gate, ...] = ()
    sites: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def publish(
    home: Home,
    dataset: str = "speeches",
    *,
    now: datetime | None = None,
    accept: Mapping[str, str] | None = None,
    warnings: Warnings = "publish",
    confirm: str | None = None,
    wait: float = 60.0,
    folder: Path | None = None,
    commit: Commit | None = None,
    fence: Fence = contextlib.nullcontext,
    taken: Collection[str] = (),
    progress: Progress = lambda *_: None,
) -> PublishResult:
    """Publish the next version of a dataset from the records of every site in the home.

    now: the time of publishing, aware (default: the clock); it names the version. accept: reasons for failed gates, by
    gate. warnings: whether a version with warnings waits for a person; confirm: the reason with which one confirmed them. wait: seconds
    to wait for another publish to end. folder: another place of the dataset than the home's (a mirror of a remote
    one); commit, fence, taken: see `publish_records`.

    Raises PublishedError when it fails after the version was published. Else the latest version stays as it is, whatever is raised:
    RefusedError when a gate refuses, WaitingError when a person has to confirm, JianghuaError when the disk is full or another publish does not end,
    DamagedError when the parent version is damaged, and for a correction file with a mistake.
    """
    target = dataset_folder(home, dataset) if folder is None else folder
    if not sites_with_records(home) and not (target / LATEST).exists():
        raise JianghuaError(
            "there is nothing to publish: no site has records",
            where=str(home.var / "records"),
            remedy="run `jianghua crawl SITE` and `jianghua extract SITE` first, or `jianghua run SITE` for the whole chain",
        )
    memo, settings = memo_folder(home, dataset, folder), publish_settings(home)
    # The records are read under the lock, so that of two publishes the later one has the newer records.
    with locked(target, wait), _scratch(memo) as scratch:
        return publish_records(
            target,
            Shards(home, scratch / "records"),
            now=now,
            accept=accept,
            warnings=warnings,
            confirm=confirm,
            memo=memo,
            recipe=Recipe(load_corrections(home), load_takedowns(home), settings.mask_personal_data),
            sources=lambda sites: snapshot(home, sites),
            commit=commit,
            fence=fence,
            taken=taken,
            carry_refused=settings.refused_sites == "carry",
            progress=progress,
            scratch=scratch,
        )


@contextlib.contextmanager
def _scratch(memo: Path | None) -> Iterator[Path]:
    """A folder for what does not fit into memory; what a killed publish left there goes first."""
    try:
        if memo is None:
            folder = Path(tempfile.mkdtemp(prefix="jianghua-publish-"))
        else:
            folder = memo / "scratch"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
    except OSError as e:
        raise cannot_write(memo or Path("a folder for temporary files"), e) from e
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@seldom_collecting()
def publish_records(
    folder: Path,
    records: Mapping[str, pa.Table] | Source,
    *,
    now: datetime | None = None,
    accept: Mapping[str, str] | None = None,
    warnings: Warnings = "publish",
    confirm: str | None = None,
    memo: Path | None = None,
    corrections: Sequence[Correction] = (),
    recipe: Recipe | None = None,
    sources: Sources | None = None,
    commit: Commit | None = None,
    fence: Fence = contextlib.nullcontext,
    taken: Collection[str] = (),
    carry_refused: bool = False,
    progress: Progress = lambda *_: None,
    scratch: Path | None = None,
) -> PublishResult:
    """Publish the next version of the dataset in `folder`. The caller holds the lock.

    records: where they come from, or the tables speeches, provenance and pages of all sites, rows in any order. memo: folder of what is
    remembered between publishes. recipe: what is done to rows (default: `corrections` alone, which people put right). sources: gives what is known
    of sites (publisher/sources.py). commit: called with the dataset folder, manifest and latest.json of the new version right before
    it becomes visible; an error there undoes the version. fence: held while latest.json is replaced; it raises FencedError when this publish must not
    commit any more. taken: names of versions that there are elsewhere. carry_refused: see `build`.
    Raises as `publish` does.
    """
    if scratch is None:
        with _scratch(memo) as own:
            return publish_records(
                folder, records, now=now, accept=accept, warnings=warnings, confirm=confirm, memo=memo, corrections=corrections,
                recipe=recipe, sources=sources, commit=commit, fence=fence, taken=taken, carry_refused=carry_refused, progress=progress, scratch=own,
            )  # fmt: skip
    if unknown := set(accept or ()) - names():
        wrong = min(unknown)
        raise UsageError(
            f"there is no gate '{wrong}'", remedy=f"{meant(wrong, names())}accept one of: {', '.join(sorted(names()))}"
        )
    check_program()
    keep_freed()
    now = (now or datetime.now(UTC)).astimezone(UTC)
    source: Source = Tables(records) if isinstance(records, Mapping) else records
    recipe = recipe or Recipe(corrections)
    store = PartStore(folder)
    past = history_path(memo.parent, memo.name) if memo else None
    try:
        recover(folder)
        reissue.finish(folder)
        latest = read_latest(folder)
        if latest:
            if newer := above(folder, latest):
                raise above_error(folder, latest, newer)  # a version made upon an old one would stand beside them
            project(folder, latest)  # a publish that died right after its commit left this to us
        parent = _parent(folder, store, latest, memo) if latest else None
        name = next_name(folder, now, taken)
        try:
            made = build(
                source,
                parent,
                store,
                name,
                now,
                accept=accept,
                recipe=recipe,
                history=_history(past, folder),
                scratch=scratch,
                index=memo / "copies" if memo else None,
                carry_refused=carry_refused,
                progress=progress,
            )
            outcome = _outcome(made, parent, warnings, confirm)
            if outcome in ("refused", "waiting"):
                _record_refusal(folder, made, parent, now)
                _remember(past, made, outcome, None, now, confirm)
                if outcome == "refused":
                    alone = () if carry_refused or not made.run else tuple(set_aside(made.run, made.gates))
                    raise RefusedError(made.gates, where=str(folder), alone=alone)
                raise WaitingError(made.gates, where=str(folder), dataset=folder.name)
            if outcome == "unchanged":
                assert parent is not None
                _remember(past, made, outcome, None, now, confirm)
                m = parent.manifest
                return PublishResult(
                    None, m.version, m.sequence, m.tables["speeches"].rows, 0, 0, 0,
                    f"no new version: nothing changed since {m.version}", tuple(made.gates), by_site(m.sites),
                )  # fmt: skip
            progress("writing the version", 0, 1)
            try:
                result = _commit(folder, store, made, parent, name, now, memo, commit, fence, sources, confirm)
            except PublishedError:
                _remember(past, made, outcome, name, now, confirm)
                raise
            _remember(past, made, outcome, name, now, confirm)
            progress("writing the version", 1, 1)
            return result
        except BaseException:
            with contextlib.suppress(Exception):
                store.discard()
                recover(folder)
            raise
    except OSError as e:
        raise cannot_write(Path(e.filename) if e.filename else folder, e) from e


def _outcome(made: Build, parent: Parent | None, warnings: Warnings, confirm: str | None) -> Outcome:
    if refused(made.gates):
        return "refused"
    if parent and not made.changed:
        return "unchanged"
    return "waiting" if waits(made.gates, warnings, confirm) else "published"


def _history(path: Path | None, folder: Path) -> list[Entry]:
    """What earlier publishes found; where nothing is remembered, what the kept versions say."""
    kept = read_history(path) if path else []
    if kept:
        return list(kept)
    known = []
    for name in version_names(folder)[-KEPT_VERSIONS:]:
        manifest, _ = read_manifest(folder, name)
        if quality := quality_of(folder, manifest):
            known.append((manifest, quality))
    return list(of_versions(sorted(known, key=lambda v: v[0].sequence)))


def _remember(
    path: Path | None, made: Build, outcome: Outcome, version: str | None, now: datetime, confirm: str | None
) -> None:
    """The run in the history; a disk that is full must not undo what is published."""
    if path is None:
        return
    run = made.run
    line = entry(run, outcome, version, made.gates, confirm is not None) if run else refusal(now, made.failed)
    try:
        append(path, line)
    except JianghuaError:
        if outcome != "published":
            raise


def quality_of(folder: Path, manifest: Manifest) -> dict[str, Any] | None:
    """quality.json of a version, None where it has none. Raises DamagedError."""
    known = manifest.files.get("quality.json")
    if known is None:
        return None
    path = folder / "versions" / manifest.version / "quality.json"
    found: dict[str, Any] = json.loads(checked(read_file(path), known.sha256, str(path)))
    return found


def _parent(folder: Path, store: PartStore, latest: Latest, memo: Path | None) -> Parent:
    manifest, _ = read_manifest(folder, latest.version, latest.manifest_sha256)
    require_known(manifest, str(folder / latest.manifest))
    check_parent(manifest.schema_version)
    state = rowindex.load(memo, latest.manifest_sha256) if memo else None
    known = quality_of(folder, manifest)
    measures = measures_of(known) if known else None
    return Parent(manifest, latest.reference, state or state_of(store, manifest), measures)


def next_name(folder: Path, now: datetime, taken: Collection[str] = ()) -> str:
    """The name of the next version: the day (UTC) and a number that goes on from the day's last."""
    day = f"{now:%Y-%m-%d}"
    numbers = [int(n.split(".")[1]) for n in (*taken_names(folder), *taken) if n.startswith(day + ".")]
    return f"{day}.{max(numbers, default=0) + 1}"


def _record_refusal(folder: Path, made: Build, parent: Parent | None, now: datetime) -> None:
    write_json(
        folder / "refused" / f"{now:%Y%m%dT%H%M%SZ}.json",
        {
            "refused_at": now.isoformat(),
            "parent": parent.manifest.version if parent else None,
            "sites": made.sites,
            "gates": [g.model_dump(mode="json") for g in made.gates],
        },
    )


@cache
def _software() -> Mapping[str, str]:
    """The versions of what makes a version, read from the files of what is installed."""
    out = {}
    for name in ("jianghua", "pyarrow", "numpy"):
        with contextlib.suppress(PackageNotFoundError):
            out[name] = installed(name)
    return out


def _commit(
    folder: Path,
    store: PartStore,
    made: Build,
    parent: Parent | None,
    name: str,
    now: datetime,
    memo: Path | None,
    commit: Commit | None,
    fence: Fence,
    sources: Sources | None,
    confirm: str | None,
) -> PublishResult:
    assert made.changes is not None
    assert made.run is not None
    sequence = parent.manifest.sequence + 1 if parent else 1
    head = {"version": name, "sequence": sequence, "parent": parent.manifest.version if parent else None}
    quality = document(
        {"dataset": folder.name, "schema_version": SCHEMA_VERSION, **head}, made.run.now, made.gates, made.relations
    )
    summary = changes_summary(made.changes, made.counts, **head)
    files = {
        "changes.parquet": encode(made.changes),
        "changes.json": as_json(summary),
        "quality.json": as_json(quality),
        "preview.parquet": encode(previewed(folder, store, made, parent.manifest if parent else None)),
    }
    manifest = Manifest(
        dataset=folder.name,
        version=name,
        sequence=sequence,
        schema_version=SCHEMA_VERSION,
        published_at=now.replace(microsecond=0),
        parent=parent.reference if parent else None,
        tables=made.entries,
        sites=made.sites,
        held=made.held,
        carried=made.carried,
        gates=tuple(made.gates),
        confirmed=confirmed(made.gates, confirm),
        files={n: FileEntry(bytes=len(data), sha256=sha256(data)) for n, data in sorted(files.items())},
        schema_change=check_parent(parent.manifest.schema_version) if parent else "none",
        software=dict(_software()),
    )
    told = {**summary, **examples(store, made, summary)}
    files |= documents(manifest, quality, told, sources(list(made.sites)) if sources else None)
    _place(folder, store, name, sequence)
    digest = _write_folder(folder, manifest, files)
    latest = latest_of(manifest, digest)
    if commit:
        commit(folder, manifest, latest)
    try:
        with fence() as made_it:
            _unmoved(folder, parent)
            write_bytes(folder / LATEST, to_json(latest))  # the commit
            if made_it is not None:
                made_it(name)
        (folder / JOURNAL).unlink(missing_ok=True)
        if memo and made.state:
            with contextlib.suppress(JianghuaError, OSError):
                rowindex.save(memo, digest, made.state)
        project(folder, latest)
    except (JianghuaError, OSError) as e:
        if commit:  # readers at the other place have it
            raise PublishedError(name, e, folder=folder, next_=NEXT_PUBLISH) from e
        if _is_latest(folder, latest):
            raise PublishedError(name, e, folder=folder, next_=f"{NEXT_PUBLISH}, or `jianghua doctor` now") from e
        raise
    d = made.counts["speeches"]
    total = made.entries["speeches"].rows
    reason = f"published {name}: {counted(total, 'speech')}, {d['added']} added, {d['changed']} changed, {d['removed']} removed"
    if made.upgraded:
        reason += f"; with the columns of schema {SCHEMA_VERSION} for the first time"
    return PublishResult(
        name, name, sequence, total, d["added"], d["changed"], d["removed"], reason, manifest.gates, by_site(made.sites, made.run)
    )  # fmt: skip


def by_site(sites: Mapping[str, int], run: Run | None = None) -> dict[str, dict[str, int]]:
    """Speeches of each site in a version, and what changed of them. sites: how many there are; run: what the publish found, None where nothing
    changed."""
    out = {site: {"rows": n, "added": 0, "changed": 0, "removed": 0} for site, n in sites.items()}
    if run is None:
        return out
    removed = Counter(site for site, _ in run.lost)
    for site in {*sites, *removed}:
        own = out.setdefault(site, {"rows": 0, "added": 0, "changed": 0, "removed": 0})
        new = run.new.sites.get(site)
        own["added"] = run.added_by.get(site, 0)
        own["changed"] = max(0, (new.rows if new else 0) - own["added"])
        own["removed"] = removed[site]
    return dict(sorted(out.items()))


def _is_latest(folder: Path, latest: Latest) -> bool:
    """Whether readers get this version: replacing latest.json may have failed before it took its place, or behind."""
    try:
        return read_latest(folder) == latest
    except (JianghuaError, OSError):
        return False


def _unmoved(folder: Path, parent: Parent | None) -> None:
    """Raises JianghuaError when readers get another version than the one built upon: the lock was not held all the time, as may happen
    on a file system that machines share."""
    there = (folder / LATEST).exists()
    latest = read_latest(folder) if there else None
    if there != (parent is not None) or (latest and parent and latest.reference != parent.reference):
        raise JianghuaError(
            "another version was published meanwhile",
            where=str(folder / LATEST),
            remedy="run the same command again: it builds upon that version",
        )


def changes_summary(rows: pa.Table, counts: Mapping[str, Mapping[str, int]], **head: Any) -> dict[str, Any]:
    """changes.json: counts a table, ids of speeches by what happened to them. head: what it begins with (version, parent …)."""
    ids: dict[str, list[str]] = {"added": [], "changed": [], "removed": []}
    speeches = rows.filter(pc.equal(rows["table"], "speeches"))
    for op, of in ids.items():
        of += speeches["id"].filter(pc.equal(speeches["op"], op)).to_pylist()
    return {**head, "tables": {n: dict(c) for n, c in counts.items()}, "speeches": ids}


def _place(folder: Path, store: PartStore, version: str, sequence: int) -> None:
    """Move the new parts to their places, journal first."""
    targets = [(beside, folder / "tables" / table / file) for (table, file), beside in store.waiting.items()]
    created = [f"{t.parent.name}/{t.name}" for _, t in targets if not t.exists()]
    write_json(folder / JOURNAL, {"version": version, "sequence": sequence, "created": created})
    for beside, target in targets:
        beside.replace(target)
    store.waiting.clear()
    for place in (*sorted({t.parent for _, t in targets}), folder / "tables", folder):
        fsync_folder(place)


def _write_folder(folder: Path, manifest: Manifest, files: Mapping[str, bytes]) -> str:
    """Make the version folder beside its place and move it there; gives the manifest's digest."""
    beside = building(folder, manifest.version)
    beside.mkdir(parents=True)
    sums: dict[str, str] = {}
    for name, table in manifest.tables.items():
        (beside / name).mkdir()
        store, here = f"{folder}/tables/{name}", f"{beside}/{name}"  # joining paths takes longer than linking does
        for part in table.parts:
            link_or_copy(f"{store}/{part.file}", f"{here}/{part.file}")
            sums[f"{name}/{part.file}"] = part.sha256
        fsync_folder(beside / name)
    data = to_json(manifest)
    every = {"manifest.json": data, **files}
    sums |= {name: sha256(content) for name, content in every.items()}
    every["SHA256SUMS"] = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())).encode()
    for name, content in every.items():
        write_bytes(beside / name, content)
    beside.rename(folder / "versions" / manifest.version)
    fsync_folder(folder / "versions")
    return sha256(data)
