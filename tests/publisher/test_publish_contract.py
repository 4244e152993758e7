"""The schema contract: released schema versions, what a change needs, and a publish that is refused without it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from crawler.errors import JianghuaError
from publisher import contract
from publisher.contract import LEVELS, Change, bump, check, check_parent, classify, described, description, released
from publisher.tables import ADDED, SCHEMA_VERSION, TABLES, number, type_name
from publisher.taking import in_order
from tests.publisher.publisher_made import records, speech

RELEASED = ("1.0.0", "1.1.0", "1.2.0")
Schema = dict[str, Any]


def column(schema: Schema, table: str, name: str) -> dict[str, Any]:
    return next(c for c in schema["tables"][table]["columns"] if c["name"] == name)


def test_tables_py_says_what_was_released_under_its_number() -> None:
    assert released(SCHEMA_VERSION) == description(), (
        "tables.py changed: raise SCHEMA_VERSION and run `python -m publisher.contract` (delete the file first when no "
        "version was ever published with this number)"
    )
    assert {p.stem for p in contract.FOLDER.glob("*.json")} == set(RELEASED)
    assert set(ADDED) == set(RELEASED[1:])


@pytest.mark.parametrize("version", RELEASED)
def test_what_was_released_is_what_readers_of_old_versions_get(version: str) -> None:
    schema = released(version)
    assert schema
    assert schema["schema_version"] == version
    for name, table in schema["tables"].items():
        fields = [(f.name, type_name(f.type), f.nullable) for f in TABLES[name].schema_in(version)]
        assert fields == [(c["name"], c["type"], c["nullable"]) for c in table["columns"]]


@pytest.mark.parametrize(("old", "new"), [*pairwise(RELEASED)])
def test_each_release_had_the_bump_that_it_needed(old: str, new: str) -> None:
    assert check(old, released(old), new, released(new)) == "minor"
    assert number(old) < number(new)


def test_an_unknown_schema_version_is_not_looked_up_as_a_path() -> None:
    assert released("../1.0.0") is None
    assert released("9.9.9") is None


def rename(s: Schema) -> None:
    column(s, "speeches", "title")["name"] = "headline"


def swap(s: Schema) -> None:
    columns = s["tables"]["pages"]["columns"]
    columns[0], columns[1] = columns[1], columns[0]


CHANGES: list[tuple[str, Callable[[Schema], Any], Change]] = [
    ("nothing", lambda s: None, "none"),
    ("a column's description", lambda s: column(s, "speeches", "title").update(description="x"), "patch"),
    ("a table's description", lambda s: s["tables"]["pages"].update(description="x"), "patch"),
    (
        "a new column",
        lambda s: s["tables"]["pages"]["columns"].insert(
            2, {"name": "new", "type": "string", "nullable": True, "description": ""}
        ),
        "minor",
    ),
    ("a new table", lambda s: s["tables"].update(new=copy.deepcopy(s["tables"]["pages"])), "minor"),
    ("a null allowed", lambda s: column(s, "speeches", "title").update(nullable=True), "minor"),
    ("a null forbidden", lambda s: column(s, "speeches", "source").update(nullable=False), "major"),
    ("another type", lambda s: column(s, "speeches", "part").update(type="int32"), "major"),
    ("a column less", lambda s: s["tables"]["pages"]["columns"].pop(), "major"),
    ("a table less", lambda s: s["tables"].pop("contained"), "major"),
    ("a column renamed", rename, "major"),
    ("another order", swap, "major"),
    ("another key", lambda s: s["tables"]["provenance"].update(key=["speech_id"]), "major"),
]


@pytest.mark.parametrize(("name", "change", "needs"), CHANGES, ids=[c[0] for c in CHANGES])
@pytest.mark.parametrize("to", ["1.2.0", "1.2.1", "1.3.0", "2.0.0"])
def test_a_change_is_refused_without_the_bump_it_needs(
    name: str, change: Callable[[Schema], Any], needs: Change, to: str
) -> None:
    old = description()
    new = copy.deepcopy(old)
    change(new)
    assert classify(old, new) == needs
    enough = LEVELS.index(bump("1.2.0", to)) >= LEVELS.index(needs)
    if enough:
        assert check("1.2.0", old, to, new) == needs
    else:
        with pytest.raises(JianghuaError, match=f"schema changed .{needs}: .*from 1.2.0 to {to}"):
            check("1.2.0", old, to, new)


def test_the_greatest_change_counts_and_is_told() -> None:
    old = description()
    new = copy.deepcopy(old)
    column(new, "speeches", "title")["description"] = "x"
    new["tables"]["pages"]["columns"].pop()
    assert classify(old, new) == "major"
    with pytest.raises(JianghuaError, match=r"pages\.gone_since is gone"):
        check("1.2.0", old, "1.3.0", new)


def test_bumps() -> None:
    pairs = {
        ("1.2.0", "1.2.0"): "none",
        ("1.2.0", "1.2.1"): "patch",
        ("1.9.9", "1.10.0"): "minor",
        ("1.2.3", "2.0.0"): "major",
    }
    assert {k: bump(*k) for k in pairs} == pairs
    for old, new in (("1.2.0", "1.1.9"), ("1.2", "1.2.0"), ("x", "1.0.0")):
        with pytest.raises(ValueError, match="does not follow"):
            bump(old, new)


def test_a_parent_that_nobody_knows_is_judged_by_its_number_and_a_newer_one_is_refused() -> None:
    assert check("1.1.7", None) == "minor"
    with pytest.raises(JianghuaError, match="newer schema"):
        check("1.9.0", None)


def test_a_program_that_changed_its_tables_in_passing_does_not_publish(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_parent("1.0.0") == "minor"
    assert check_parent(SCHEMA_VERSION) == "none"
    changed = description()
    column(changed, "removed", "reason")["type"] = "int32"
    monkeypatch.setattr(contract, "description", lambda: changed)
    with pytest.raises(JianghuaError, match=r"removed\.reason is int32, not string"):
        check_parent("1.0.0")


def test_descriptions_are_for_readers() -> None:
    rows = in_order(records([speech("a", 1)])["speeches"], TABLES["speeches"])
    told = rows.cast(described("speeches"))
    assert told.schema.field("chars").metadata[b"description"] == b"number of characters in text without white space"
    assert told.equals(rows)
