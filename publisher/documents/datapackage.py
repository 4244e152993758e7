"""datapackage.json: the version as a Data Package v2 (https://datapackage.org/standard/data-package/), one resource a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from crawler.records import Column
from publisher.changes import SCHEMA as CHANGES
from publisher.documents.about import CREATOR, KEYWORDS, LICENCE, LICENCE_FILE, SUMMARY, semver, tables, title
from publisher.manifest import FileEntry, Manifest, as_json
from publisher.tables import Table

PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
MEDIA_TYPE = "application/vnd.apache.parquet"
# Columns that name a row of another table, by table: what `jianghua verify` checks (publisher/verify.py).
FOREIGN: dict[str, tuple[str, ...]] = {
    "duplicates": ("speech_id",),
    "contained": ("speech_id", "container_id"),
    "provenance": ("speech_id",),
}


def datapackage(manifest: Manifest, sources: Sequence[Mapping[str, Any]] | None = None) -> bytes:
    """datapackage.json. A table of several parts has the digest of each in `parts`: the standard knows one hash a resource."""
    value: dict[str, Any] = {
        "$schema": PROFILE,
        "name": f"jianghua-{manifest.dataset}",
        "title": title(manifest),
        "description": SUMMARY,
        "version": semver(manifest.version),
        "created": manifest.published_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "keywords": list(KEYWORDS),
        "contributors": [{"title": CREATOR, "roles": ["creator", "publisher"]}],
        "licenses": [{"path": LICENCE_FILE, "title": LICENCE}],
        "resources": [
            _resource(manifest, table, columns)
            for table, columns in tables(manifest)
            if manifest.tables[table.name].parts
        ],
    }
    if sources:
        value["sources"] = [{"title": s["title"], "path": s["start"][0]} for s in sources if s["start"]]
    for name, entry in manifest.files.items():
        if name == "changes.parquet":
            value["resources"].append(_changes(name, entry))
    return as_json(value)


def _resource(manifest: Manifest, table: Table, columns: Sequence[Column]) -> dict[str, Any]:
    entry = manifest.tables[table.name]
    paths = [f"{table.name}/{p.file}" for p in entry.parts]
    resource: dict[str, Any] = {
        "name": table.name,
        "type": "table",
        "description": f"{table.description[0].upper()}{table.description[1:]}.",
        "path": paths if len(paths) > 1 else paths[0],
        "format": "parquet",
        "mediatype": MEDIA_TYPE,
        "bytes": sum(p.bytes for p in entry.parts),
        "rows": entry.rows,
        "schema": _schema([(c.name, c.type, c.nullable, c.description) for c in columns], table),
    }
    if len(paths) == 1:
        resource["hash"] = f"sha256:{entry.parts[0].sha256}"
    else:
        resource["parts"] = [
            {"path": path, "bytes": p.bytes, "hash": f"sha256:{p.sha256}", "rows": p.rows}
            for path, p in zip(paths, entry.parts, strict=True)
        ]
    return resource


def _changes(name: str, entry: FileEntry) -> dict[str, Any]:
    return {
        "name": "changes",
        "type": "table",
        "description": "What changed against the parent version: one row a changed row.",
        "path": name,
        "format": "parquet",
        "mediatype": MEDIA_TYPE,
        "bytes": entry.bytes,
        "hash": f"sha256:{entry.sha256}",
        "schema": _schema([(f.name, f.type, f.nullable, "") for f in CHANGES]),
    }


def _schema(columns: Sequence[tuple[str, pa.DataType, bool, str]], table: Table | None = None) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "fields": [_field(*c, unique=table is not None and table.key == (c[0],)) for c in columns]
    }
    if table is not None:
        schema["primaryKey"] = list(table.key)
        if table.name in FOREIGN:
            schema["foreignKeys"] = [
                {"fields": [c], "reference": {"resource": "speeches", "fields": ["speech_id"]}}
                for c in FOREIGN[table.name]
            ]
    return schema


def _field(name: str, dtype: pa.DataType, nullable: bool, description: str, unique: bool) -> dict[str, Any]:
    field: dict[str, Any] = {"name": name, "type": _type(dtype)}
    if description:
        field["description"] = description
    constraints: dict[str, Any] = {}
    if not nullable:
        constraints["required"] = True
    if unique:
        constraints["unique"] = True
    if pa.types.is_list(dtype):
        # Beside the constraints and not, as the standard has it, among them: frictionless refuses the whole package for one that it
        # does not know, and it knows this one nowhere.
        field["jsonSchema"] = _json_schema(dtype)
    return field | ({"constraints": constraints} if constraints else {})


def _type(dtype: pa.DataType) -> str:
    if pa.types.is_list(dtype):
        return "array"  # the standard's `list` is missing in its own profile 2.0, and knows no items of several fields
    for fits, name in (
        (pa.types.is_boolean, "boolean"),
        (pa.types.is_integer, "integer"),
        (pa.types.is_floating, "number"),
        (pa.types.is_date, "date"),
        (pa.types.is_timestamp, "datetime"),
    ):
        if fits(dtype):
            return name
    return "string"


def _json_schema(dtype: pa.DataType) -> dict[str, Any]:
    """The JSON Schema of the values of a list column."""
    if pa.types.is_list(dtype):
        return {"type": "array", "items": _json_schema(dtype.value_type)}
    if pa.types.is_struct(dtype):
        return {
            "type": "object",
            "required": [f.name for f in dtype],
            "properties": {f.name: _json_schema(f.type) for f in dtype},
        }
    return {"type": _type(dtype)}
