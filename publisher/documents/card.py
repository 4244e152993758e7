"""README.md: the card of a version, in the form that the Hugging Face Hub reads; and LICENSE.md, which it points to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from publisher.documents import about
from publisher.documents.markdown import code, escape, number, table
from publisher.documents.snippets import SNIPPETS
from publisher.documents.yamltext import yaml_text
from publisher.manifest import Manifest
from publisher.tables import TABLES, type_name

# Of https://huggingface.co/tasks, those that a corpus of whole texts with labelled facts serves.
TASKS = ("text-generation", "fill-mask", "text-classification", "summarization")
TAGS = ("chinese", "speeches", "讲话稿", "political-language", "web-corpus", "near-duplicates")


def front_matter(manifest: Manifest) -> dict[str, Any]:
    """The YAML metadata. Each table is a config that names its files one by one, so that no pattern can mix versions."""
    return {
        "license": "other",
        "license_name": about.LICENCE_NAME,
        "license_link": about.LICENCE_FILE,
        "language": [about.LANGUAGE],
        "pretty_name": about.title(manifest),
        "size_categories": [about.size_category(manifest.tables["speeches"].rows)],
        "task_categories": list(TASKS),
        "multilinguality": ["monolingual"],
        "language_creators": ["found"],
        "annotations_creators": ["machine-generated"],
        "source_datasets": ["original"],
        "tags": list(TAGS),
        "configs": [
            {
                "config_name": t.name,
                **({"default": True} if t.name == "speeches" else {}),
                "data_files": [
                    {"split": "train", "path": [f"{t.name}/{p.file}" for p in manifest.tables[t.name].parts]}
                ],
            }
            for t, _ in about.tables(manifest)
            if manifest.tables[t.name].rows  # datasets 5 cannot load a file without rows
        ],
    }


def readme(
    manifest: Manifest, quality: Mapping[str, Any] | None = None, sources: Sequence[Mapping[str, Any]] | None = None
) -> str:
    """The card of a version, in Markdown. quality: quality.json; sources: sources.json."""
    m = manifest
    since = (
        f"Its parent is {code(m.parent.version)}; CHANGES.md says what changed."
        if m.parent
        else "It is the first version."
    )
    lines = [
        "---",
        yaml_text(front_matter(m)).rstrip(),
        "---",
        "",
        f"# {escape(about.title(m))} {m.version}",
        "",
        about.SUMMARY,
        "",
        f"Version {code(m.version)}, number {m.sequence}, published {m.published_at:%Y-%m-%d %H:%M} UTC, schema {m.schema_version}. {since}",
        "This folder alone is the whole version; it never changes.",
    ]
    if m.reissue_of:
        lines += ["", f"It takes the place of {code(m.reissue_of)}, without what was taken down."]
    rows = [
        [
            code(name),
            number(e.rows),
            number(e.added),
            number(e.changed),
            number(e.removed),
            TABLES[name].description if name in TABLES else "",
        ]
        for name, e in m.tables.items()
    ]
    lines += ["", *table(["table", "rows", "added", "changed", "removed", "what"], rows, right="lrrrrl")]
    lines += ["", "## Loading", "", "Each reads this folder; the files of one folder are one version. Never read `tables/` of the dataset by a pattern: it holds all versions."]  # fmt: skip
    for s in SNIPPETS:
        filled = s.filled(
            folder=".", dataset="../..", version=m.version, url="https://HOST/DATASET/versions/" + m.version
        )
        lines += ["", f"**{s.title}**", "", f"```{s.language}", filled.rstrip(), "```"]
    lines += ["", "## How it was made", "", about.COLLECTION, "", about.UPKEEP]
    lines += ["", "## Known limits", "", *(f"* {limit}" for limit in about.LIMITS)]
    lines += ["", "## Personal data", "", about.PERSONAL]
    lines += _sites(m, quality, sources)
    lines += _checks(m)
    lines += [
        "",
        "## Licence",
        "",
        about.LICENCE,
        f"The software that made the dataset is under Apache-2.0. See {about.LICENCE_FILE}.",
    ]
    lines += ["", "## How to cite", "", "CITATION.cff has the same for tools. Cite the version: another one has other rows.", "", "```bibtex", about.citation(m), "```"]  # fmt: skip
    lines += ["", "## Files", "", *_files(m)]
    lines += ["", "## Data dictionary", "", *dictionary(m)]
    return "\n".join(lines).rstrip() + "\n"


def licence(manifest: Manifest, sources: Sequence[Mapping[str, Any]] | None = None) -> str:
    """LICENSE.md: who has rights in what, and what to do about a text that should not be here."""
    lines = [
        f"# Licence and sources of {escape(about.title(manifest))}",
        "",
        about.LICENCE,
        "",
        "The software that made the dataset, Jianghua, is under the Apache License 2.0; that licence does not cover the texts.",
        "",
        "`page_url` and `provenance` say of each speech where it was read. sources.json keeps, of each site, robots.txt as it was",
        "fetched and, where it is known, the page with its terms of use.",
    ]
    if sources:
        lines += ["", *table(["site", "title", "address", "terms of use"], [_licence_row(s) for s in sources])]
    lines += ["", "## Personal data and takedown", "", about.PERSONAL]
    return "\n".join(lines) + "\n"


def _licence_row(s: Mapping[str, Any]) -> list[str]:
    terms = s.get("terms") or {}
    return [
        code(s["site"]),
        escape(s["title"]),
        code(s["start"][0] if s["start"] else ""),
        code(terms.get("url") or ""),
    ]


def dictionary(manifest: Manifest) -> list[str]:
    """The lines of the data dictionary: every column of every table, as the version's schema has it."""
    lines: list[str] = []
    for t, columns in about.tables(manifest):
        lines += [
            f"### {t.name}",
            "",
            f"{t.description[0].upper()}{t.description[1:]}. Key: {', '.join(code(k) for k in t.key)}.",
            "",
        ]
        cells = [
            [code(c.name), code(type_name(c.type)), "yes" if c.nullable else "", c.description.replace("|", r"\|")]
            for c in columns
        ]
        lines += [*table(["column", "type", "null", "meaning"], cells), ""]
    return lines


def _sites(m: Manifest, quality: Mapping[str, Any] | None, sources: Sequence[Mapping[str, Any]] | None) -> list[str]:
    measured = (quality or {}).get("sites") or {}
    named = {s["site"]: s for s in sources or ()}
    rows = []
    for site, count in m.sites.items():
        s, q = named.get(site, {}), measured.get(site) or {}
        previews = q.get("previews") if isinstance(q, Mapping) else None
        robots = (s.get("robots") or [{}])[0]
        state = (
            "ignored by order"
            if s.get("robots_policy") == "ignore"
            else f"fetched {robots['fetched_at'][:10]}"
            if robots.get("fetched_at")
            else ""
        )
        carried = f"as of {m.carried[site].as_of:%Y-%m-%d}" if site in m.carried else ""
        rows.append(
            [code(site), escape(s.get("title", "")), number(count), f"{previews:,}" if isinstance(previews, int) else "",
             code((s.get("start") or [""])[0]), state, carried]
        )  # fmt: skip
    head = ["site", "title", "speeches", "previews", "address", "robots.txt", "carried over"]
    lines = ["", "## Sites", "", *table(head, rows, right="llrrlll")]
    if sources:
        lines += ["", "sources.json keeps robots.txt and terms of use of each site as they were when it was crawled."]
    return lines


def _checks(m: Manifest) -> list[str]:
    told = [g for g in m.gates if g.result != "pass" or g.name == "corrections"]
    if not told:
        return []
    lines = ["", "## Remarks of the checks", ""]
    for g in told:
        lines.append(
            f"* {code(g.name)}: {escape(g.what, 500)}"
            + (f" (accepted: {escape(g.accepted, 500)})" if g.accepted else "")
        )
    if m.confirmed:
        lines += ["", f"Confirmed: {escape(m.confirmed, 500)}"]
    return lines


def _files(m: Manifest) -> list[str]:
    lines = [
        "* `manifest.json` lists every file of the tables with rows, bytes and digests; `sha256sum -c SHA256SUMS` checks the folder",
        "* `changes.parquet` has every changed row against the parent, `changes.json` and CHANGES.md sum it up",
        "* `croissant.json` (Croissant 1.1) and `datapackage.json` (Data Package v2) describe the same files for tools",
    ]
    for name, what in (
        ("quality.json", "figures of quality, shown by quality.html"),
        ("preview.parquet", "a sample of up to 100 speeches with the beginning of each text"),
    ):
        if name in m.files:
            lines.append(f"* `{name}`: {what}")
    return lines
