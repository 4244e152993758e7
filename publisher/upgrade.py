"""Rows of a parent version of an older schema, as if they had been published with today's columns.

A column that is new says nothing of whether a speech changed. So each row of the parent gets in its new columns what the new row
of the same key has there: nothing differs in them, no revision grows, and changes.parquet tells only what really changed. A row
without a new one (its page cannot be read now) gets what its text gives, else null or nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from crawler.extraction.fold import script_of
from crawler.extraction.masks import masks
from crawler.extraction.plain import plain
from publisher.layout import keys
from publisher.tables import Table

# What a new column of speeches is where only the text is at hand.
_OF_TEXT: dict[str, Callable[[str], Any]] = {"script": script_of, "masks": lambda text: masks(plain(text))}


def nothing(dtype: pa.DataType) -> Any:
    """The value that says nothing in a column that may not be null."""
    return "" if pa.types.is_string(dtype) or pa.types.is_large_string(dtype) else [] if pa.types.is_list(dtype) else 0


def missing_columns(table: Table, schema_version: str) -> list[str]:
    """The columns of today that the table has not in an older schema version."""
    then = table.schema_in(schema_version).names
    return [n for n in table.schema.names if n not in then]


def filled(rows: pa.Table, new: pa.Table, table: Table, missing: list[str]) -> pa.Table:
    """`rows` (of an older schema, without the columns `missing`) with every column of today. new: new rows of the same keys."""
    if not missing:
        return rows
    at = pc.index_in(keys(rows, table.key), value_set=keys(new, table.key))
    alone = pc.is_null(at)
    columns = []
    for field in table.schema:
        if field.name not in missing:
            columns.append(rows[field.name])
            continue
        values = new[field.name].take(at)
        if not field.nullable or field.name in _OF_TEXT:
            listed = values.to_pylist()
            for i in pc.indices_nonzero(alone).to_pylist():
                of_text = _OF_TEXT.get(field.name)
                listed[i] = of_text(rows["text"][i].as_py()) if of_text else nothing(field.type)
            values = pa.chunked_array([pa.array(listed, field.type)])
        columns.append(values)
    return pa.Table.from_arrays(columns, schema=table.schema)
