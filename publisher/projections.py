"""What is derived from the manifests for convenience: versions.json, feed.xml, datasets/index.json,
the link `latest`, the Delta logs.

Each can be made again at any time; nothing is read back from them but by people and simple tools.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crawler.durable import write_bytes
from crawler.errors import JianghuaError
from publisher import delta
from publisher.delta_log import LOG
from publisher.documents.feed import feed
from publisher.gone import gone_versions, read_gone
from publisher.manifest import Gone, Latest, Manifest, as_json, parse_manifest, sha256
from publisher.versions import read_manifest, version_names


def project(folder: Path, latest: Latest) -> None:
    """Bring every projection of a dataset up to date; does nothing where it is. The caller holds the dataset's lock."""
    for path, data in _contents(folder, latest, _listed(folder, latest)).items():
        _write(path, data)
    _link(folder, latest.version)
    delta.project(folder, latest)


def stale(folder: Path, latest: Latest) -> list[Path]:
    """The projections that do not hold what the manifests say: missing, left behind by a publish that died, damaged.

    Unlike `project` this takes nothing over from what is there. The caller holds the dataset's lock. Raises DamagedError for a manifest.
    """
    manifests = _manifests(folder)
    out = [p for p, data in _true(folder, latest, manifests).items() if not p.is_file() or p.read_bytes() != data]
    link = folder / "latest"
    if link.is_symlink() and str(link.readlink()) != f"versions/{latest.version}":
        out.append(link)
    if copied_latest(folder) not in (None, latest.version):
        out.append(link)
    return out + [t / LOG for t in delta.stale(folder, latest, manifests)]


def project_anew(folder: Path, latest: Latest) -> None:
    """Bring every projection up to date, whatever is in its place. The caller holds the dataset's lock."""
    manifests = _manifests(folder)
    for path, data in _true(folder, latest, manifests).items():
        _write(path, data)
    delta.put_aside(delta.stale(folder, latest, manifests))
    project(folder, latest)


def _manifests(folder: Path) -> dict[str, tuple[Manifest, str]]:
    read = {n: read_manifest(folder, n) for n in version_names(folder)}
    return {n: (m, sha256(data)) for n, (m, data) in read.items()}


def _true(folder: Path, latest: Latest, manifests: Mapping[str, tuple[Manifest, str]]) -> dict[Path, bytes]:
    listed = [entry(m, digest) for m, digest in manifests.values() if m.sequence <= latest.sequence]
    return _contents(folder, latest, sorted(listed, key=lambda v: int(v["sequence"])))


def _contents(folder: Path, latest: Latest, listed: list[dict[str, Any]]) -> dict[Path, bytes]:
    """What the files among the projections are to hold."""
    gone = [gone_entry(g) for g in gone_versions(folder)]
    return {
        folder / "versions.json": as_json(versions_document(latest.dataset, listed, gone)),
        folder / "feed.xml": feed(latest.dataset, [*listed, *gone]),
        folder.parent / "index.json": as_json({"datasets": _index(folder, latest, listed)}),
    }


def entry(manifest: Manifest, manifest_sha256: str) -> dict[str, Any]:
    """What versions.json says of a version."""
    speeches = manifest.tables["speeches"]
    return {
        "version": manifest.version,
        "sequence": manifest.sequence,
        "parent": manifest.parent.version if manifest.parent else None,
        "published_at": manifest.model_dump(mode="json")["published_at"],
        "schema_version": manifest.schema_version,
        "manifest": f"versions/{manifest.version}/manifest.json",
        "manifest_sha256": manifest_sha256,
        "rows": speeches.rows,
        "added": speeches.added,
        "changed": speeches.changed,
        "removed": speeches.removed,
        "bytes": sum(p.bytes for t in manifest.tables.values() for p in t.parts),
    }


def gone_entry(gone: Gone) -> dict[str, Any]:
    """What versions.json says of a version that is no more."""
    return gone.model_dump(mode="json", exclude_none=True)


def versions_document(dataset: str, listed: list[dict[str, Any]], gone: list[dict[str, Any]]) -> dict[str, Any]:
    """What versions.json holds, given the entries of all versions and of those that are gone, by sequence.

    The latter stand apart, so that whoever reads `versions` finds only what can be read.
    """
    return {"dataset": dataset, "latest": listed[-1]["version"], "versions": listed, "gone": gone}


def index_entry(dataset: str, listed: list[dict[str, Any]]) -> dict[str, Any]:
    """What index.json says of a dataset."""
    last = listed[-1]
    return {
        "dataset": dataset,
        "latest": f"{dataset}/latest.json",
        "version": last["version"],
        "versions": len(listed),
        "rows": last["rows"],
        "published_at": last["published_at"],
    }


def _listed(folder: Path, latest: Latest) -> list[dict[str, Any]]:
    """Every version, by sequence. Entries of the versions.json at hand are taken over, so that one publish reads one manifest."""
    known: dict[str, dict[str, Any]] = {}
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        known = {v["version"]: v for v in json.loads((folder / "versions.json").read_bytes())["versions"]}
    out = []
    for name in version_names(folder):
        if name == latest.version or not _complete(known.get(name)):
            manifest, data = read_manifest(folder, name)
            known[name] = entry(manifest, sha256(data))
        out.append(known[name])
    return sorted((v for v in out if v["sequence"] <= latest.sequence), key=lambda v: int(v["sequence"]))


def _complete(value: Any) -> bool:
    return isinstance(value, dict) and {"version", "sequence", "manifest_sha256", "rows", "bytes"} <= set(value)


def _index(folder: Path, latest: Latest, listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    others: list[dict[str, Any]] = []
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        others = [
            d
            for d in json.loads((folder.parent / "index.json").read_bytes())["datasets"]
            if d["dataset"] != latest.dataset and (folder.parent / d["dataset"] / "latest.json").exists()
        ]
    mine = index_entry(latest.dataset, listed)
    return sorted([*others, mine], key=lambda d: str(d["dataset"]))


def _write(path: Path, data: bytes) -> None:
    with contextlib.suppress(OSError):
        if path.read_bytes() == data:
            return
    write_bytes(path, data)


def copied_latest(folder: Path) -> str | None:
    """The version of which `latest` is a copy, None where it is a link, not there, or a folder that is no copy of a version of this dataset.

    Tools that follow links (`cp -rL`, `rsync -L`, most that pack and unpack) make a folder of it, which stays behind when the dataset goes on.
    """
    copy = folder / "latest"
    if copy.is_symlink():
        return None
    with contextlib.suppress(OSError, JianghuaError):
        data = (copy / "manifest.json").read_bytes()
        name = parse_manifest(data, str(copy)).version
        if (gone := read_gone(folder, name)) is not None:
            return name if gone.manifest_sha256 == sha256(data) else None
        return name if (folder / "versions" / name / "manifest.json").read_bytes() == data else None
    return None


def _link(folder: Path, version: str) -> None:
    """`latest` -> versions/VERSION, moved in one step; left out where the file system has no symbolic links.

    A copy of an older version in its place goes, also where no link can follow it: readers of `latest` would get that version for ever, and
    with it what was taken down since.
    """
    link, target = folder / "latest", f"versions/{version}"
    with contextlib.suppress(OSError):
        if link.is_symlink() and str(link.readlink()) == target:
            return
        if (copied := copied_latest(folder)) == version:
            return
        aside = folder / ".latest.old.tmp"
        if copied is not None:
            if aside.exists():
                shutil.rmtree(aside)
            link.rename(aside)
        beside = folder / ".latest.tmp"
        try:
            beside.unlink(missing_ok=True)
            beside.symlink_to(target, target_is_directory=True)
            beside.replace(link)
        finally:
            beside.unlink(missing_ok=True)
            if copied is not None:
                shutil.rmtree(aside)
