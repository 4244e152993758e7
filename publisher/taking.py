"""Taking in: the records of a publish, some units at a time, each row compared with what the parent version has of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crawler.textfacts import Facts
from publisher import checks, gates, quality, takedown
from publisher import recipe as recipes
from publisher.identity import reconcile
from publisher.intake import SCHEMAS, Source, Unit
from publisher.layout import Mask, Places, flat, keys
from publisher.looking import RECORDS, Changed, Light, joined
from publisher.manifest import Gate
from publisher.parts import PartStore
from publisher.recipe import Recipe
from publisher.rowindex import page_codes
from publisher.rules import RowCheck
from publisher.stage import SpeechColumns, Stage
from publisher.tables import TABLES, Table
from publisher.upgrade import nothing


def in_order(rows: pa.Table, table: Table) -> pa.Table:
    """Rows in the published types, columns in the published order; the publisher's own columns as zero or null."""
    columns = []
    for c in table.columns:
        if c.name in rows.column_names:
            given = rows[c.name]
            columns.append(given if given.type == c.type else given.cast(c.type))
        elif c.nullable:
            columns.append(pa.chunked_array([pa.nulls(rows.num_rows, c.type)]))
        else:
            columns.append(
                pa.chunked_array(
                    [pa.array([nothing(c.type)], c.type).take(pa.array(np.zeros(rows.num_rows, np.int64)))]
                )
            )
    return pa.Table.from_arrays(columns, schema=table.schema)


class Intake:
    """Takes the units in, one after the other."""

    def __init__(
        self, source: Source, stages: dict[str, Stage], store: PartStore, recipe: Recipe, version: str, now: datetime
    ) -> None:
        self.version = version
        self.source, self.stages, self.store, self.recipe = source, stages, store, recipe
        self.gates: list[Gate] = []
        self.rules = RowCheck(now)
        self.fresh = quality.Measures()  # of new and changed speeches
        self.notes: dict[str, Any] = {}
        self.dropped: dict[str, str] = {}
        self.brought: Counter[str] = Counter()
        self.fates: dict[tuple[str, str], dict[str, Any]] = {}
        speeches = stages["speeches"]
        self._pages = speeches.index["page"].to_numpy() if speeches.old else np.zeros(0, np.uint64)
        self._by_page: Places | None = None  # their order, once many are asked for
        self._tombs: dict[str, str] = {}

    def tombstones(self, removed: pa.Table) -> None:
        """What the parent says of speeches that are no more: their ids are not given to another text."""
        ids = removed["speech_id"].to_pylist()
        self._tombs = dict(zip(ids, (x or "" for x in removed["text_sha256"].to_pylist()), strict=True))

    def take(self, units: Sequence[Unit], light: Mapping[str, Mapping[str, Light]]) -> bool:
        """Take some units in; False when their tables are not what they should be (see `gates`)."""
        raw = {n: pa.concat_tables([self.source.read(u, n) for u in units]) for n in RECORDS}
        lights = {n: joined([light[u.name][n] for u in units]) for n in RECORDS} if light else {}
        if not self._take(raw, lights, units[0].name):
            return False
        sites = pc.value_counts(raw["speeches"]["site"])
        self.brought.update({v["values"]: v["counts"] for v in sites.to_pylist()})
        return True

    def take_changed(self, looked: Changed) -> bool:
        """Take in what changed in units whose other rows are known to be as the parent has them."""
        for n in RECORDS:
            self.stages[n].same(*looked.same[n])
        self.brought.update(looked.brought)
        return self._take(looked.raw, looked.lights, "changed")

    def nothing(self) -> None:
        """No row had to be read: a version that only loses some says the same of its records as one that was made of all."""
        self._check_schemas({n: SCHEMAS[n].empty_table() for n in RECORDS})

    def _check_schemas(self, raw: Mapping[str, pa.Table]) -> None:
        for n, rows in raw.items():
            table = TABLES[n]
            names = [c.name for c in table.columns if c.name not in (*table.own, *table.made)]
            self.gates.append(gates.schema(table, rows, names))

    def _take(self, raw: Mapping[str, pa.Table], lights: dict[str, Light], name: str) -> bool:
        self._check_schemas(raw)
        if gates.refused(self.gates):
            return False
        given = {n: in_order(rows, TABLES[n]) for n, rows in raw.items()}
        given["speeches"] = _with_gone_since(given["speeches"], given["pages"])
        given["speeches"] = SpeechColumns(self.version, {}).added(given["speeches"])  # as if all were new
        self._identify(given, lights)
        lights = {n: lights[n].of(keys(given[n], TABLES[n].key)) for n in RECORDS}

        def of_rows(n: str, rows: pa.Table) -> Light:
            # what people took down or put right may be gone, or stand elsewhere
            return lights[n] if self.recipe.plain else lights[n].of(keys(rows, TABLES[n].key))

        def facts(n: str, rows: pa.Table) -> Facts | None:
            return of_rows(n, rows).facts

        made = recipes.apply(self.recipe, given["speeches"], given["provenance"], given["pages"], facts)
        self.dropped |= made.dropped
        if made.notes:
            self.notes[name] = made.notes
        for n, rows in (("speeches", made.speeches), ("provenance", made.provenance), ("pages", made.pages)):
            of = of_rows(n, rows)
            assert of.ranks is not None
            known = made.facts if n == "speeches" else None
            new, changed = self.stages[n].take_in(rows, of.at, of.ranks, of.units, of.raw, known, of.keys)
            fresh = new | changed
            some = rows if fresh.all() else rows.filter(pa.array(fresh))
            told = None if known is None else known[fresh]
            self.rules.add(n, some, told)
            if n == "speeches" and self.stages[n].old:
                self.fresh += quality.measure(some, told)
        self.gates = checks.merged(self.gates)
        return True

    def _rows_on(self, pages: npt.NDArray[np.uint64]) -> Places:
        """Rows of the parent that stand on each of these pages."""
        if len(pages) * 8 < len(self._pages):  # a table of the few is made sooner than one of the many
            few, which = np.unique(pages, return_inverse=True)
            at = pc.index_in(pa.array(self._pages), value_set=pa.array(few)).drop_null().to_numpy()
            return np.asarray(np.bincount(at, minlength=len(few))[which], np.int64)
        if self._by_page is None:
            self._by_page = np.argsort(self._pages, kind="stable")
        lo, hi = (np.searchsorted(self._pages, pages, side=s, sorter=self._by_page) for s in ("left", "right"))
        return np.asarray(hi - lo, np.int64)

    def _suspects(self, speeches: pa.Table, light: Light) -> Mask:
        """Which speeches stand on pages whose parts are not what they were; at least two before or now."""
        stage = self.stages["speeches"]
        none = np.zeros(speeches.num_rows, bool)
        if not stage.old or not speeches.num_rows:
            return none
        pages = page_codes(speeches)
        before = self._rows_on(pages)
        _, inverse, count = np.unique(pages, return_inverse=True, return_counts=True)
        now = count[inverse]
        several = np.flatnonzero((before > 0) & ((before > 1) | (now > 1) | (light.at < 0)))
        if not len(several):
            return none
        old = stage.index["text_sha256"].take(pa.array(np.maximum(light.at[several], 0))).to_pylist()
        new = speeches["text_sha256"].take(pa.array(several)).to_pylist()
        bad = [
            int(pages[i])
            for i, a, b in zip(several.tolist(), old, new, strict=True)
            if light.at[i] < 0 or a != b or before[i] != now[i]
        ]
        return np.isin(pages, np.array(bad, np.uint64)) if bad else none

    def _identify(self, given: dict[str, pa.Table], lights: dict[str, Light]) -> None:
        """On pages whose parts are not what they were, ids follow the text (publisher/identity.py)."""
        chosen = self._suspects(given["speeches"], lights["speeches"])
        if not chosen.any():
            return
        pages = np.unique(page_codes(given["speeches"].filter(pa.array(chosen))))
        old_places = np.flatnonzero(np.isin(self._pages, pages))
        columns = [
            "speech_id", "site", "page_url", "part", "title", "part_title", "text", "text_sha256", "simtext_sha256",
        ]  # fmt: skip
        old = self.stages["speeches"].details(self.store, old_places, columns)
        new = given["speeches"].filter(pa.array(chosen)).select(columns)
        taken = {*old["speech_id"].to_pylist(), *self._tombs}
        names = {a: b for a, b in reconcile(old, new, taken, self._tombs).items() if a != b}
        # what was taken down by its id alone, without a fingerprint, would come back under another one
        for i in takedown.known_by_id_alone(self.recipe.takedowns) - {*old["speech_id"].to_pylist()}:
            names.pop(i, None)
        for name in ("speeches", "provenance") if names else ():
            given[name], renamed = _renamed(given[name], names)
            found = keys(given[name], TABLES[name].key)
            at = lights[name].at.copy()
            at[renamed] = self.stages[name].find(found.filter(pa.array(renamed)))
            lights[name] = replace(lights[name], keys=found, at=at)


def _renamed(rows: pa.Table, names: Mapping[str, str]) -> tuple[pa.Table, npt.NDArray[np.bool_]]:
    ids = rows["speech_id"].to_pylist()
    renamed = np.fromiter((i in names for i in ids), bool, len(ids))
    at = rows.schema.get_field_index("speech_id")
    column = pa.array([names.get(i, i) for i in ids], pa.string())
    return rows.set_column(at, rows.schema.field(at), column), renamed


def _with_gone_since(speeches: pa.Table, pages: pa.Table) -> pa.Table:
    at = speeches.schema.get_field_index("gone_since")
    gone = pages.filter(pc.is_valid(pages["gone_since"]))
    where = pc.index_in(speeches["page_url"], value_set=flat(gone["url"]))
    return speeches.set_column(at, speeches.schema.field(at), gone["gone_since"].take(where))
