"""The documents of a version: everything in its folder that derives from the manifest, the tables' schema and a few summaries.

What is in which file stands in publisher/documents/, one module a file. Nothing here reads a disk or a clock: the same manifest
gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from publisher.contract import description, released
from publisher.documents.about import LICENCE_FILE
from publisher.documents.card import licence, readme
from publisher.documents.changelog import changelog
from publisher.documents.citation import citation_file
from publisher.documents.croissant import croissant
from publisher.documents.datapackage import datapackage
from publisher.documents.quality_page import quality_page
from publisher.manifest import Manifest, as_json

__all__ = ["documents", "readme"]


def documents(
    manifest: Manifest,
    quality: Mapping[str, Any] | None = None,
    changes: Mapping[str, Any] | None = None,
    sources: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, bytes]:
    """The files of a version folder that derive from its manifest, by name.

    quality: what quality.json holds; changes: what changes.json holds, with examples (see publisher/documents/changelog.py);
    sources: what publisher.sources.snapshot gives. What is None leaves its page or section out.
    """
    files = {
        "README.md": readme(manifest, quality, sources).encode(),
        LICENCE_FILE: licence(manifest, sources).encode(),
        "CHANGES.md": changelog(manifest, changes),
        "CITATION.cff": citation_file(manifest),
        "croissant.json": croissant(manifest, sources),
        "datapackage.json": datapackage(manifest, sources),
        "schema.json": as_json(released(manifest.schema_version) or description()),
    }
    if quality is not None:
        files["quality.html"] = quality_page(manifest, quality)
    if sources is not None:
        files["sources.json"] = as_json(
            {"dataset": manifest.dataset, "version": manifest.version, "sites": list(sources)}
        )
    return files
