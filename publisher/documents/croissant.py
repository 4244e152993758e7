"""croissant.json: the version in Croissant 1.1 (http://mlcommons.org/croissant/1.1), with every file by name, size and digest.

Written for mlcroissant, the reference reader, whose `@context` is the one below. Every part is a FileObject. A table of several parts
has a FileSet beside them that names each file: mlcroissant reads Parquet only from a FileObject or from a FileSet that lies beside
croissant.json, and of a FileSet it checks no digests (SHA256SUMS does).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from crawler.records import Column
from crawler.wording import counted
from publisher.documents.about import (
    COLLECTION,
    CREATOR,
    KEYWORDS,
    LANGUAGE,
    LICENCE,
    LICENCE_FILE,
    LIMITS,
    PERSONAL,
    SUMMARY,
    UPKEEP,
    citation,
    semver,
    tables,
    title,
)
from publisher.manifest import Manifest, as_json
from publisher.tables import Table

VERSION = "http://mlcommons.org/croissant/1.1"
RAI = "http://mlcommons.org/croissant/RAI/1.0"
PARQUET = "application/x-parquet"  # the name that mlcroissant knows

# Appendix 1 of the specification, and the two keys that mlcroissant 1.1 asks for over it (description and name by language).
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "annotation": "cr:annotation",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "excludes": "cr:excludes",
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "readLines": "cr:readLines",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "sdVersion": "cr:sdVersion",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
    "unArchive": "cr:unArchive",
    "value": "cr:value",
}
_TYPES: tuple[tuple[Any, str], ...] = (
    (pa.types.is_boolean, "sc:Boolean"),
    (pa.types.is_integer, "sc:Integer"),
    (pa.types.is_floating, "sc:Float"),
    (pa.types.is_date, "sc:Date"),
    (pa.types.is_timestamp, "sc:DateTime"),
    (lambda t: pa.types.is_string(t) or pa.types.is_large_string(t), "sc:Text"),
)


def croissant(manifest: Manifest, sources: Sequence[Mapping[str, Any]] | None = None, url: str | None = None) -> bytes:
    """croissant.json. url: the web address of the version folder; without one the addresses in it are relative to the file."""
    known = list(tables(manifest))
    creator = {"@type": "sc:Organization", "name": CREATOR}
    value: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [VERSION, RAI],
        "name": f"jianghua-{manifest.dataset}",
        "alternateName": title(manifest),
        "description": SUMMARY,
        "url": f"{url.rstrip('/')}/" if url else "./",
        "version": semver(manifest.version),
        "datePublished": manifest.published_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "isLiveDataset": False,  # a version folder never changes; the dataset goes on with another version
        "inLanguage": LANGUAGE,
        "keywords": list(KEYWORDS),
        "creator": creator,
        "publisher": creator,
        "license": {"@type": "sc:CreativeWork", "name": LICENCE, "url": LICENCE_FILE},
        "usageInfo": {"@type": "sc:CreativeWork", "name": "Licence, sources and personal data", "url": LICENCE_FILE},
        "citeAs": citation(manifest),
        "rai:dataCollection": COLLECTION,
        "rai:dataCollectionType": ["Web Scraping"],
        "rai:dataLimitations": list(LIMITS),
        "rai:personalSensitiveInformation": [PERSONAL],
        "rai:dataReleaseMaintenancePlan": UPKEEP,
        "distribution": [d for table, _ in known for d in _files(manifest, table, url)],
        "recordSet": [
            _records(manifest, table, columns) for table, columns in known if manifest.tables[table.name].parts
        ],
    }
    derived = [{"@id": u} for s in sources or () for u in s["start"][:1]]
    if derived:
        value["prov:wasDerivedFrom"] = derived
    return as_json(value)


def _files(manifest: Manifest, table: Table, url: str | None) -> list[dict[str, Any]]:
    parts = [(f"{table.name}/{p.file}", p) for p in manifest.tables[table.name].parts]
    files: list[dict[str, Any]] = [
        {
            "@type": "cr:FileObject",
            "@id": path,
            "name": part.file,
            "description": f"{counted(part.rows, 'row')} of {table.name}",
            "contentUrl": f"{url.rstrip('/')}/{path}" if url else path,
            "contentSize": f"{part.bytes} B",
            "encodingFormat": PARQUET,
            "sha256": part.sha256,
        }
        for path, part in parts
    ]
    if len(parts) > 1:
        files.append(
            {
                "@type": "cr:FileSet",
                "@id": _set(table),
                "name": _set(table),
                "description": f"The {len(parts)} parts of {table.name}.",
                "encodingFormat": PARQUET,
                "includes": [path for path, _ in parts],
            }
        )
    return files


def _set(table: Table) -> str:
    return f"{table.name}-parts"


def _records(manifest: Manifest, table: Table, columns: Sequence[Column]) -> dict[str, Any]:
    parts = manifest.tables[table.name].parts
    place = (
        {"fileSet": {"@id": _set(table)}}
        if len(parts) > 1
        else {"fileObject": {"@id": f"{table.name}/{parts[0].file}"}}
    )
    return {
        "@type": "cr:RecordSet",
        "@id": table.name,
        "name": table.name,
        "description": f"{table.description[0].upper()}{table.description[1:]}. {counted(manifest.tables[table.name].rows, 'row')}.",
        "key": [{"@id": f"{table.name}/{k}"} for k in table.key],
        "field": [
            _field(table.name, c.name, c.type, c.description, {**place, "extract": {"column": c.name}}) for c in columns
        ],
    }


def _field(parent: str, name: str, dtype: pa.DataType, description: str, source: Mapping[str, Any]) -> dict[str, Any]:
    field: dict[str, Any] = {"@type": "cr:Field", "@id": f"{parent}/{name}", "name": name, "description": description}
    if pa.types.is_list(dtype):
        field |= {"isArray": True, "arrayShape": "-1"}
        dtype = dtype.value_type
    if pa.types.is_struct(dtype):
        field["subField"] = [
            _field(field["@id"], f.name, f.type, f"{f.name} of {name}", {**source, "transform": {"jsonPath": f.name}})
            for f in dtype
        ]
        return field
    return field | {"dataType": next(name for fits, name in _TYPES if fits(dtype)), "source": dict(source)}
