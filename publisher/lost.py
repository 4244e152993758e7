"""What a dataset folder says of versions that are not as latest.json has them: lost without a tombstone, or above latest.json.

Every version names its parent, and versions.json names them all. So a folder that somebody removed, and a latest.json that came back from
an old copy, are seen by what is still there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from crawler.errors import DamagedError, JianghuaError
from publisher.gone import gone_names
from publisher.manifest import Latest, Manifest, Reference
from publisher.versions import JOURNAL, LATEST, VERSION, order, read_journal, read_manifest, version_names


def lost(folder: Path, manifests: Mapping[str, Manifest]) -> dict[str, Reference]:
    """Versions that parents or versions.json name, and of which there is neither folder nor tombstone, by sequence.

    manifests: of the versions that there are. Of a download, which has some versions of its dataset and no store, parents tell nothing.
    """
    there = {*version_names(folder), *manifests} | gone_names(folder)
    named = {v.version: v for v in map(_reference, _entries(folder)) if v}
    if (folder / "tables").is_dir():
        named |= {m.parent.version: m.parent for m in manifests.values() if m.parent}
    return {n: v for n, v in sorted(named.items(), key=lambda each: each[1].sequence) if n not in there}


def lost_error(folder: Path, version: str) -> DamagedError:
    """The error for a version that is lost."""
    return DamagedError(
        f"version {version} is missing, and no tombstone says why",
        where=str(folder / "versions" / version),
        remedy=lost_remedy(version),
    )


def lost_remedy(version: str) -> str:
    """What to do about a lost version."""
    return f"restore the folder from a copy of the dataset; if there is none, `jianghua doctor --lost {version}` gives it a tombstone"


def above(folder: Path, latest: Latest, published: bool = False) -> list[str]:
    """Versions that lie there with a number above that of latest.json, without those that a publish is about to make, by name.

    published: only those that versions.json lists, so that they once were what latest.json named.
    """
    listed = {str(e["version"]) for e in _entries(folder) if e["sequence"] > latest.sequence}
    names = version_names(folder)
    # only then: a publish writes its journal before it puts a folder into place
    journal = read_journal(folder / JOURNAL)
    names = [n for n in names if journal is None or n != journal["version"]]
    if published:
        return [n for n in names if n in listed]
    after = [n for n in names if n in listed or order(n) > order(latest.version)]
    out = []
    for name in after:
        with suppress(JianghuaError):  # what is damaged is told elsewhere
            if read_manifest(folder, name)[0].sequence > latest.sequence:
                out.append(name)
    return out


def above_error(folder: Path, latest: Latest, found: list[str]) -> DamagedError:
    """The error for a latest.json that is older than versions that lie there. found: as `above` gives them."""
    return DamagedError(
        f"latest.json names {latest.version}, and {found[-1]}, which came after it, lies there too",
        where=str(folder / LATEST),
        remedy="restore latest.json from a copy of the dataset, or let it name the newest version that verifies: `jianghua doctor "
        "--restore-latest`; a folder that never was a version of this dataset is to be moved out of it",
    )


def _entries(folder: Path) -> list[dict[str, Any]]:
    """The versions that versions.json lists, those of its entries that can be understood."""
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        return [
            e
            for e in json.loads((folder / "versions.json").read_bytes())["versions"]
            if isinstance(e.get("sequence"), int) and VERSION.fullmatch(e.get("version"))
        ]
    return []


def _reference(entry: dict[str, Any]) -> Reference | None:
    with suppress(ValueError, KeyError):
        return Reference(**{k: entry[k] for k in ("version", "sequence", "manifest_sha256")})
    return None
