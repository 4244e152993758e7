"""Retention of versions: which stay by rule, what goes, and when the parts that no version names any more are swept.

Mark and sweep over the manifests. A version that goes leaves its tombstone (publisher/gone.py); its parts stay in the store for a
grace time, counted from the run that first found no version naming them, so that running readers and downloads end well.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ByteSize, ConfigDict, Field

from crawler.durable import cannot_write, write_json, writing_told
from crawler.home import Home
from crawler.site import Duration
from crawler.wording import counted, plural
from publisher import reissue
from publisher.gone import gone_versions, remove_version, tombstone
from publisher.locks import locked, recover
from publisher.manifest import Manifest, sha256
from publisher.projections import project
from publisher.settings import load_section
from publisher.versions import none_yet, read_latest, read_manifest, unknown_version, version_names

UNREFERENCED = ".unreferenced.json"  # in the dataset's folder: since when no version names a part
_PART = re.compile(r"part-[0-9a-f]{32}\.parquet")


def _names(value: object) -> object:
    """Names given as a list, or as one text with commas between."""
    return [n.strip() for n in value.split(",") if n.strip()] if isinstance(value, str) else value


class RetentionSettings(BaseModel):
    """`[retention]` of jianghua.toml.

    A version stays that is younger than keep_days, one of the newest keep_last, named in keep, or, with monthly, the last of its month
    (UTC; of the last keep_months months, None: of all). The latest and the one before it always stay. grace: how long a part stays that
    no version names. archive_older_than, archive_max_bytes: see publisher/retention_archive.py. runs_keep_days, runs_most: age and
    number from which old runs go from the ledger (schedules/old_runs.py).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    keep_days: float = Field(default=30, ge=0, allow_inf_nan=False)
    keep_last: int = Field(default=2, ge=2)
    monthly: bool = True
    keep_months: int | None = Field(default=None, ge=1)
    keep: Annotated[tuple[str, ...], BeforeValidator(_names)] = ()
    grace: Duration = timedelta(days=1)
    archive_older_than: Duration | None = None
    archive_max_bytes: ByteSize | None = None
    runs_keep_days: float = Field(default=730, ge=1)  # inf: for ever
    runs_most: int = Field(default=100_000, ge=1000)


def retention_settings(home: Home) -> RetentionSettings:
    """The rules of a home. Raises JianghuaError naming file and key, or the variable."""
    return load_section(home, "retention", RetentionSettings)


@dataclass(frozen=True, slots=True)
class Dated:
    """A version as the rules see it."""

    version: str
    sequence: int
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """A version that stays, and why."""

    version: str
    why: str


@dataclass(frozen=True, slots=True)
class Retired:
    """A version that goes. reason: as its tombstone says; bytes: that its folder alone holds, parts in the store not counted."""

    version: str
    sequence: int
    reason: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Swept:
    """A part that no version names. until: the end of its grace time, None when it is over (then the part goes)."""

    part: str
    bytes: int
    until: str | None = None


@dataclass(slots=True)
class RetentionReport:
    """What retention did, or would do. bytes: that are free then; later_bytes: when the grace times of `waiting` are over."""

    dry_run: bool
    kept: list[Kept] = field(default_factory=list)
    retired: list[Retired] = field(default_factory=list)
    swept: list[Swept] = field(default_factory=list)
    waiting: list[Swept] = field(default_factory=list)
    bytes: int = 0
    later_bytes: int = 0


def decide(versions: Sequence[Dated], rules: RetentionSettings, now: datetime) -> tuple[list[Kept], dict[str, str]]:
    """The versions that stay, with the reason, and those that go, with the reason, by the rules alone. versions: by sequence."""
    last_of_month = {f"{v.published_at.astimezone(UTC):%Y-%m}": v for v in versions}
    kept: list[Kept] = []
    gone: dict[str, str] = {}
    for i, v in enumerate(versions):
        month = f"{v.published_at.astimezone(UTC):%Y-%m}"
        age = now - v.published_at
        in_months = rules.keep_months is None or _months(v.published_at, now) < rules.keep_months
        if i == len(versions) - 1:
            kept.append(Kept(v.version, "latest"))
        elif v.version in rules.keep:
            kept.append(Kept(v.version, "named in keep"))
        elif len(versions) - i <= rules.keep_last:
            kept.append(Kept(v.version, f"one of the last {rules.keep_last}"))
        elif age < timedelta(days=rules.keep_days):
            kept.append(Kept(v.version, f"younger than {_days(rules.keep_days)}"))
        elif rules.monthly and in_months and last_of_month[month].version == v.version:
            kept.append(Kept(v.version, f"the last of {month}"))
        else:
            reason = f"retention: older than {_days(rules.keep_days)}"
            if rules.monthly and in_months:
                reason += f"; of {month} the last, {last_of_month[month].version}, is kept"
            elif rules.monthly:
                reason += f" and than {counted(rules.keep_months or 0, 'month')}"
            gone[v.version] = reason
    return kept, gone


def _days(n: float) -> str:
    return f"{n:g} {plural(1 if n == 1 else 2, 'day')}"


def _months(then: datetime, now: datetime) -> int:
    then, now = then.astimezone(UTC), now.astimezone(UTC)
    return (now.year - then.year) * 12 + now.month - then.month


def retain(
    folder: Path, rules: RetentionSettings, *, now: datetime, dry_run: bool = False, wait: float = 60.0
) -> RetentionReport:
    """Let versions of a dataset go by the rules and sweep parts that no version names any more.

    folder: of the dataset; now: aware; wait: seconds to wait for a publish to end. dry_run: change nothing and tell what would go.
    Killed at any point, the next run (or publish) does the rest. Raises UsageError when there is no version or `keep` names one that
    never was, DamagedError for a manifest that cannot be read (nothing goes then), JianghuaError when the folder cannot be changed.
    """
    if not version_names(folder):
        raise none_yet(str(folder))
    with locked(folder, wait, to_look=dry_run), writing_told(folder):
        if not dry_run:
            recover(folder)
            reissue.finish(
                folder
            )  # of a version and the one that takes its place there must be one, when they are counted
        report, manifests, since = _plan(folder, rules, now, dry_run)
        if not dry_run:
            _carry_out(folder, report, manifests, since, now)
        return report


def _plan(
    folder: Path, rules: RetentionSettings, now: datetime, dry_run: bool
) -> tuple[RetentionReport, dict[str, tuple[Manifest, str]], dict[str, str]]:
    """What goes; the manifests by version with their SHA-256; since when each part is named by none."""
    latest = read_latest(folder)
    assert latest is not None  # there are versions
    manifests: dict[str, tuple[Manifest, str]] = {}
    for name in version_names(folder):
        manifest, data = read_manifest(folder, name, latest.manifest_sha256 if name == latest.version else None)
        manifests[name] = manifest, sha256(data)
    rules = rules.model_copy(update={"keep": _pinned(folder, rules.keep, manifests)})
    # what a publish that died has left is no version, but its parts are left alone until it is undone
    published = sorted((m for m, _ in manifests.values() if m.sequence <= latest.sequence), key=lambda m: m.sequence)
    kept, gone = decide([Dated(m.version, m.sequence, m.published_at) for m in published], rules, now)
    report = RetentionReport(dry_run, kept)

    named = {
        f"{t}/{p.file}"
        for n, (m, _) in manifests.items()
        if n not in gone
        for t, e in m.tables.items()
        for p in e.parts
    }
    before = _read_since(folder)
    since = {}
    for path in sorted(folder.glob("tables/*/part-*.parquet")):
        part = f"{path.parent.name}/{path.name}"
        if not _PART.fullmatch(path.name) or part in named:
            continue
        # a clock that was ahead when a part was first found unnamed does not keep it for as long
        since[part] = min(before.get(part, now), now).astimezone(UTC).isoformat()
        until = datetime.fromisoformat(since[part]) + rules.grace
        size = path.stat().st_size
        if until <= now:
            report.swept.append(Swept(part, size))
        else:
            report.waiting.append(Swept(part, size, until.astimezone(UTC).isoformat()))

    alone = _Links()
    for name, reason in gone.items():
        size = alone.remove(folder / "versions" / name)
        report.retired.append(Retired(name, manifests[name][0].sequence, reason, size))
    for left in _left(folder):
        alone.remove(left)
    for over in report.swept:
        alone.remove(folder / "tables" / over.part)
    report.bytes = alone.freed
    for later in report.waiting:
        alone.remove(folder / "tables" / later.part)
    report.later_bytes = alone.freed - report.bytes
    return report, manifests, since


def _pinned(folder: Path, keep: Sequence[str], manifests: Mapping[str, object]) -> tuple[str, ...]:
    """The names to keep, those of versions that were re-issued followed to what replaces them. A name that never was is a mistake."""
    replaced = {g.version: g.replaced_by for g in gone_versions(folder)}
    out = []
    for name in keep:
        found: str | None = name
        while found in replaced:
            found = replaced[found]
        if found is None:
            continue  # it is gone already
        if found not in manifests:
            raise unknown_version(name, list(manifests), f"{folder}, `keep`")
        out.append(found)
    return tuple(out)


def _left(folder: Path) -> Iterator[Path]:
    """Folders of versions that are gone, which a kill has left."""
    yield from (folder / "versions").glob(".gone-*")
    for gone in gone_versions(folder):
        if (folder / "versions" / gone.version).is_dir():
            yield folder / "versions" / gone.version


class _Links:
    """Adds up what removing files frees: a file is free when its last hard link goes."""

    def __init__(self) -> None:
        self.freed = 0
        self._removed: Counter[tuple[int, int]] = Counter()

    def remove(self, path: Path) -> int:
        """The bytes that removing a file, or a folder with all in it, frees after what was removed before."""
        before = self.freed
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and not file.is_symlink():
                stat = file.stat()
                self._removed[stat.st_dev, stat.st_ino] += 1
                if self._removed[stat.st_dev, stat.st_ino] == stat.st_nlink:
                    self.freed += stat.st_size
        return self.freed - before


def _carry_out(
    folder: Path,
    report: RetentionReport,
    manifests: Mapping[str, tuple[Manifest, str]],
    since: dict[str, str],
    now: datetime,
) -> None:
    """Do what the report says. Parts go last: until the projections are right, an old Delta log still reads."""
    for retired in report.retired:
        manifest, digest = manifests[retired.version]
        remove_version(folder, tombstone(manifest, digest, "retired", retired.reason, now))
    latest = read_latest(folder)
    assert latest is not None
    project(folder, latest)
    _write_since(folder, since)
    for swept in report.swept:
        path = folder / "tables" / swept.part
        try:
            path.unlink(missing_ok=True)
        except OSError as e:
            raise cannot_write(path, e) from e
    over = {s.part for s in report.swept}
    _write_since(folder, {p: s for p, s in since.items() if p not in over})


def _read_since(folder: Path) -> dict[str, datetime]:
    try:
        found = json.loads((folder / UNREFERENCED).read_bytes())
        return {str(p): datetime.fromisoformat(s).astimezone(UTC) for p, s in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # lost or damaged: the grace time begins anew


def _write_since(folder: Path, since: Mapping[str, str]) -> None:
    if {p: datetime.fromisoformat(s) for p, s in since.items()} != _read_since(folder):
        write_json(folder / UNREFERENCED, since)
