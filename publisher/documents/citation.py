"""CITATION.cff: how to cite a version, in the Citation File Format 1.2.0."""

from __future__ import annotations

from publisher.documents.about import CREATOR, KEYWORDS, SUMMARY, title
from publisher.documents.yamltext import yaml_text
from publisher.manifest import Manifest, sha256, to_json


def citation_file(manifest: Manifest) -> bytes:
    """CITATION.cff. The digest of the manifest names the version for good: a version of this name without that digest is another one."""
    m = manifest
    value = {
        "cff-version": "1.2.0",
        "message": "If you use this dataset, please cite the version that you used.",
        "type": "dataset",
        "title": title(m),
        "authors": [{"name": CREATOR}],
        "version": m.version,
        "date-released": f"{m.published_at:%Y-%m-%d}",
        "abstract": SUMMARY,
        "keywords": list(KEYWORDS),
        "identifiers": [
            {
                "type": "other",
                "value": f"sha256:{sha256(to_json(m))}",
                "description": f"SHA-256 of manifest.json of {m.dataset} {m.version}, which names every file with its digest",
            }
        ],
    }
    return yaml_text(value).encode()
