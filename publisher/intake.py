"""The records of every site, read together from extraction's shards."""

from __future__ import annotations

import pyarrow as pa

from crawler.errors import DamagedError
from crawler.home import Home
from crawler.records import PAGE_SCHEMA, PROVENANCE_SCHEMA, SPEECH_SCHEMA
from crawler.shards import BUCKETS, Shard, extracted_sites, read_pointer, read_table

SCHEMAS: dict[str, pa.Schema] = {
    "speeches": SPEECH_SCHEMA,
    "provenance": PROVENANCE_SCHEMA,
    "pages": PAGE_SCHEMA,
}


def sites_with_records(home: Home) -> list[str]:
    """Names of the sites that extraction has written records of."""
    return extracted_sites(home)


def read_all(home: Home) -> dict[str, pa.Table]:
    """The tables speeches, provenance and pages of all sites.

    May run beside an extraction: the three tables of one shard always belong together. Raises DamagedError.
    """
    parts: dict[str, list[pa.Table]] = {n: [s.empty_table()] for n, s in SCHEMAS.items()}
    for site in sites_with_records(home):
        for bucket in range(BUCKETS):
            for name, rows in _read_shard(home, site, bucket).items():
                parts[name].append(rows)
    return {n: pa.concat_tables(tables) for n, tables in parts.items()}


def _read_shard(home: Home, site: str, bucket: int, attempts: int = 5) -> dict[str, pa.Table]:
    shard: Shard | None = None
    for attempt in range(attempts):
        before, shard = shard, read_pointer(home, site, bucket)
        if shard is None:
            return {}
        try:
            return {n: read_table(shard, n) for n in SCHEMAS}
        except DamagedError:
            # An extraction may have replaced the shard between its pointer and its files; then there is a new pointer.
            if attempt == attempts - 1 or shard == before:
                raise
    return {}
