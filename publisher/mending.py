"""Files of versions that are not as they were written, put right from copies of the same content.

A part lies in the store and in the folder of each version that has it, as hard links of one file; where the file system has none, where
a copy of the dataset lost them, or where a version was synced, they are files of their own. Then one that rots is mended from another.
Mirrors of object storage (var/publish/mirror) are copies as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crawler.durable import cannot_write, fsync_folder, write_bytes
from publisher.manifest import Manifest
from publisher.storage import link_or_copy


@dataclass(slots=True)
class Kept:
    """One content that the versions need. name: for people; places: where it is to lie in the dataset; copies: where it may lie besides."""

    name: str
    sha256: str
    places: list[Path] = field(default_factory=list)
    copies: list[Path] = field(default_factory=list)


def parts_of(folder: Path, manifests: Mapping[str, Manifest], mirrors: Sequence[Path]) -> list[Kept]:
    """Every part of the versions of a dataset. manifests: by version; mirrors: folders of the same layout."""
    parts: dict[str, Kept] = {}
    for version, manifest in manifests.items():
        for table, entry in manifest.tables.items():
            for part in entry.parts:
                name = f"{table}/{part.file}"
                if name not in parts:
                    copies = [p for m in mirrors for p in (m / "tables" / name, *m.glob(f"versions/*/{name}"))]
                    parts[name] = Kept(name, part.sha256, [folder / "tables" / name], copies)
                parts[name].places.append(folder / "versions" / version / name)
    return list(parts.values())


def documents_of(folder: Path, sums: Mapping[str, Mapping[str, str]], mirrors: Sequence[Path]) -> list[Kept]:
    """Every other file of the versions. sums: what SHA256SUMS of each version lists."""
    return [
        Kept(name := f"versions/{version}/{file}", digest, [folder / name], [m / name for m in mirrors])
        for version, listed in sums.items()
        for file, digest in listed.items()
        if "/" not in file
    ]


class Digests:
    """SHA-256 of files, each read once however many hard links it has. A symbolic link is none: what it leads to may go any day."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], str] = {}

    def of(self, path: Path) -> str | None:
        """The digest of a file, None when it cannot be read."""
        try:
            if path.is_symlink():
                return None
            with path.open("rb") as file:
                stat = path.stat()
                at = stat.st_dev, stat.st_ino
                if at not in self._known:
                    self._known[at] = hashlib.file_digest(file, "sha256").hexdigest()
                return self._known[at]
        except OSError:
            return None


def bad_and_good(kept: Kept, digests: Digests) -> tuple[list[Path], Path | None]:
    """The places of a content where it does not lie as it was written, and, if there are any, a copy that is whole."""
    found = {p: digests.of(p) == kept.sha256 for p in kept.places}
    bad = [p for p, whole in found.items() if not whole]
    if not bad:
        return [], None
    good = [p for p, whole in found.items() if whole]
    led_to = [p.resolve() for p in bad if p.is_symlink()]
    return bad, next((p for p in (*good, *kept.copies, *led_to) if digests.of(p) == kept.sha256), None)


def mend(place: Path, good: Path, link: bool) -> None:
    """Put the content of `good` in a place, whole or not at all. link: as one more link of the same file, where there are hard links.

    Raises JianghuaError when the disk is full.
    """
    try:
        if not link:
            write_bytes(place, good.read_bytes())
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = place.with_name(f".{place.name}.tmp")
        beside.unlink(missing_ok=True)
        link_or_copy(good, beside)
        beside.replace(place)
        fsync_folder(place.parent)
    except OSError as e:
        raise cannot_write(place, e) from e
