"""The schema contract: what a released schema version promises, and the bump that a change of it needs.

`schemas/X.Y.Z.json` holds each schema version as it was released. The present one must equal what tables.py says (so that nobody
changes a column in passing), and a publish is refused when the step from its parent's schema version to the present one is smaller
than what changed:

    patch   a description
    minor   a column or table more; a column that may now be null
    major   a column or table less or renamed, another type, another key, columns in another order, a null no longer allowed

Descriptions are kept in the data dictionary, on the card and in schema.json, not in the Parquet files: as metadata of the fields they
would be bytes of every part, and a word put right in a description would write the whole dataset anew. Readers that want them
beside the rows take `described`.

    python -m publisher.contract        writes schemas/X.Y.Z.json of the present schema version, once
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from crawler.errors import JianghuaError
from publisher.manifest import as_json
from publisher.tables import SCHEMA_VERSION, TABLES, number, type_name

FORMAT = "jianghua-schema-1"
FOLDER = Path(__file__).parent / "schemas"
DESCRIPTION = b"description"

Change = Literal["none", "patch", "minor", "major"]
LEVELS: tuple[Change, ...] = ("none", "patch", "minor", "major")


def description() -> dict[str, Any]:
    """The present schema as plain values: what schema.json holds.

    {format, schema_version, tables: {name: {description, key, columns: [{name, type, nullable, description}]}}}. `type` is
    as in the data dictionary, e.g. list<string>; items and fields of a type are never null.
    """
    return {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "tables": {
            t.name: {
                "description": t.description,
                "key": list(t.key),
                "columns": [
                    {"name": c.name, "type": type_name(c.type), "nullable": c.nullable, "description": c.description}
                    for c in t.columns
                ],
            }
            for t in TABLES.values()
        },
    }


def described(table: str) -> pa.Schema:
    """The Arrow schema of a table with each column's meaning in its field's metadata (key b"description").

    For readers: `rows.cast(described("speeches"))` copies nothing. The files themselves have no metadata (see above).
    """
    return pa.schema([c.field.with_metadata({DESCRIPTION: c.description}) for c in TABLES[table].columns])


def released(schema_version: str) -> dict[str, Any] | None:
    """A schema version as it was released; None for one that this program does not know."""
    path = FOLDER / f"{schema_version}.json"
    if len(number(schema_version)) != 3 or not path.is_file():
        return None
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[Change, str]]:
    """What changed between two schema descriptions (see `description`), each with the bump that it needs."""
    found: list[tuple[Change, str]] = []
    before, after = old["tables"], new["tables"]
    found += [("major", f"table {n} is gone") for n in before if n not in after]
    found += [("minor", f"table {n} is new") for n in after if n not in before]
    for name in (n for n in before if n in after):
        found += _table(name, before[name], after[name])
    return found


def _table(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[Change, str]]:
    found: list[tuple[Change, str]] = []
    if old["description"] != new["description"]:
        found.append(("patch", f"the description of {name}"))
    if list(old["key"]) != list(new["key"]):
        found.append(("major", f"the key of {name}: {', '.join(new['key'])}, not {', '.join(old['key'])}"))
    before, after = ({c["name"]: c for c in t["columns"]} for t in (old, new))
    found += [("major", f"{name}.{n} is gone") for n in before if n not in after]
    found += [("minor", f"{name}.{n} is new") for n in after if n not in before]
    if [n for n in before if n in after] != [n for n in after if n in before]:
        found.append(("major", f"the order of the columns of {name}"))
    for n in (n for n in before if n in after):
        a, b = before[n], after[n]
        if a["type"] != b["type"]:
            found.append(("major", f"{name}.{n} is {b['type']}, not {a['type']}"))
        if a["nullable"] != b["nullable"]:
            found.append(
                ("minor", f"{name}.{n} may be null") if b["nullable"] else ("major", f"{name}.{n} may not be null")
            )
        if a["description"] != b["description"]:
            found.append(("patch", f"the description of {name}.{n}"))
    return found


def classify(old: Mapping[str, Any], new: Mapping[str, Any]) -> Change:
    """The bump that the step from one schema description to another needs: that of its greatest change."""
    return max((c for c, _ in differences(old, new)), key=LEVELS.index, default="none")


def bump(old: str, new: str) -> Change:
    """The bump between two schema versions. Raises ValueError when `new` is older, or one of them is no version."""
    a, b = number(old), number(new)
    if len(a) != 3 or len(b) != 3 or b < a:
        raise ValueError(f"schema version {new} does not follow {old}")
    changed = [n for n in range(3) if a[n] != b[n]]
    return LEVELS[3 - changed[0]] if changed else "none"


def check(
    old_version: str,
    old: Mapping[str, Any] | None,
    new_version: str = SCHEMA_VERSION,
    new: Mapping[str, Any] | None = None,
) -> Change:
    """What changed in the schema since a parent version, which the manifest tells.

    old: the parent's schema description (its schema.json, else `released`); None when nobody knows it, then only the numbers are
    compared. new: the present one (default: of tables.py). Raises JianghuaError when the numbers promise less than what changed,
    and when the new number is the older one.
    """
    new = new or description()
    try:
        promised = bump(old_version, new_version)
    except ValueError as e:
        raise JianghuaError(
            f"{e}: the parent version has a newer schema than this program", remedy="use the Jianghua that wrote it"
        ) from None
    if old is None:
        return promised
    found = differences(old, new)
    needed = classify(old, new)
    if LEVELS.index(needed) > LEVELS.index(promised):
        told = "; ".join(what for level, what in found if level == needed)
        raise JianghuaError(
            f"the schema changed ({needed}: {told}) but its version went only from {old_version} to {new_version}",
            where="publisher/tables.py",
            remedy=f"raise the {needed} number of SCHEMA_VERSION (columns more: list them in ADDED), then "
            "`python -m publisher.contract`",
        )
    return needed


def check_program() -> None:
    """The present schema is what was released under its number. Raises JianghuaError when tables.py changed without a bump."""
    known = released(SCHEMA_VERSION)
    if known is None:
        raise JianghuaError(
            f"schema version {SCHEMA_VERSION} was never released",
            where=str(FOLDER / f"{SCHEMA_VERSION}.json"),
            remedy="`python -m publisher.contract` writes it",
        )
    check(SCHEMA_VERSION, known)


def check_parent(schema_version: str) -> Change:
    """What changed since a parent version of this schema version; for a publish. Raises as `check` and `check_program` do."""
    check_program()
    return check(schema_version, released(schema_version))


def main() -> int:
    """Write the present schema version's file; one that says something else stays, since versions were published with it."""
    path = FOLDER / f"{SCHEMA_VERSION}.json"
    data = as_json(description())
    if path.exists() and path.read_bytes() != data:
        check_program()  # tells what changed
        return 1
    path.write_bytes(data)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except JianghuaError as error:
        sys.exit(str(error))
