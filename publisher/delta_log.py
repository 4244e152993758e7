"""Commits of a Delta log: made by deltalake, or as it makes them, then stamped; read and held against their stamp.

A commit that deltalake writes tells the clock, the place and a random id. Stamping puts the version's own facts there instead
and seals the whole with a digest, so that the same versions give the same bytes, history and time travel by date tell when a
version was published, and one flipped bit is found. Actions and their form stay deltalake's.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from crawler.errors import DamagedError
from publisher.tables import TABLES

LOG = "_delta_log"
STAMP = "jianghua"  # key of our own facts in commitInfo
COMMIT = re.compile(r"\d{20}\.json")
# No engine is to clean up here: the files belong to the versions, and the log is as long as the versions are many.
PROPERTIES: dict[str, str | None] = {
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
}
_KNOWN = "1.6.6"  # the deltalake whose form of commits `following` knows
REMEDY = "delete the folder _delta_log and run `jianghua publish speeches`, which makes it anew from the manifests"


@dataclass(frozen=True, slots=True)
class File:
    """A data file as Delta knows it. bytes: its size; rows: how many it holds."""

    bytes: int
    rows: int


Files = Mapping[str, File]  # by path relative to the table's folder


@dataclass(frozen=True, slots=True)
class Step:
    """What one commit is made from: a version of the dataset and a table's files in it.

    versions: digest of the names of all versions up to this one. schema: as Delta writes it (JSON).
    """

    table: str
    version: str
    sequence: int
    manifest_sha256: str
    versions: str
    published_at: datetime
    schema: str
    files: Files


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit read back. files: those active after it; schema: the one that holds then; created: ms since 1970 of the first."""

    path: Path
    version: str
    sequence: int
    manifest_sha256: str
    versions: str
    schema: str
    created: int
    files: Files


def names_digest(names: Iterable[str]) -> str:
    """Digest of a set of version names."""
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:32]


def commit_name(number: int) -> str:
    """File name of the commit that makes a Delta version."""
    return f"{number:020}.json"


def delta_schema(schema: pa.Schema, table: str) -> str:
    """A table's Arrow schema as Delta writes it.

    Delta knows one time (microseconds, UTC) and one string; the instants and texts stay equal. Every column may be null, so
    that columns can be added later; descriptions become comments.
    """
    from deltalake import Schema

    told = {c.name: c.description for c in TABLES[table].columns} if table in TABLES else {}
    fields = [
        pa.field(f.name, _delta_type(f.type), True, {"comment": told[f.name]} if f.name in told else None)
        for f in schema
    ]
    return str(Schema.from_arrow(pa.schema(fields)).to_json())


def _delta_type(dtype: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(dtype):
        return pa.timestamp("us", "UTC" if dtype.tz else None)
    if pa.types.is_large_string(dtype):
        return pa.string()
    if pa.types.is_list(dtype) or pa.types.is_large_list(dtype):
        return pa.list_(pa.field("element", _delta_type(dtype.value_type)))
    if pa.types.is_struct(dtype):
        return pa.struct([pa.field(f.name, _delta_type(f.type)) for f in dtype])
    return dtype


def make(name: str, steps: Sequence[Step], scratch: Path, before: Commit | None = None) -> Iterator[bytes]:
    """The content of the commits for these steps, in order, as they follow the commit `before` (None: as the first ones).

    name: `DATASET/TABLE`, from which the table's id is made. scratch: folder for temporary tables.
    """
    files: Files = before.files if before else {}
    schema = before.schema if before else None
    created = before.created if before else _milliseconds(steps[0].published_at)
    # deltalake opens no table below a folder with `%20` in its name: it looks for one with a space
    place = None if "%" in str(scratch.absolute()) else scratch
    with tempfile.TemporaryDirectory(prefix=".delta.", suffix=".tmp", dir=place) as stage:
        idle: bytes | None = None  # what deltalake writes where nothing changed, once for all such steps
        for n, step in enumerate(steps):
            new = {p: f for p, f in step.files.items() if p not in files}
            left = {p: f for p, f in files.items() if p not in step.files}
            quiet = not new and not left and step.schema == schema
            data = idle if quiet and idle else _committed(Path(stage) / str(n), step, new, left, schema)
            idle = data if quiet else idle
            yield _stamped(data, step, name, created)
            files, schema = step.files, step.schema


def _committed(stage: Path, step: Step, new: Files, left: Files, schema: str | None) -> bytes:
    """The commit that deltalake writes for a step: the first one of a table without a schema before, else one that follows.

    It is made on a table of its own that holds just the files that leave: what a commit says of others does not depend on them, and
    its cost follows the change.
    """
    from deltalake import DeltaTable, Schema
    from deltalake.transaction import (
        AddAction,
        PostCommitHookProperties,
        RemoveAction,
        create_table_with_add_actions,
    )

    at = _milliseconds(step.published_at)
    hooks = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)

    def adds(files: Files) -> list[AddAction]:
        stats = [(p, f, json.dumps({"numRecords": f.rows})) for p, f in files.items()]
        return [AddAction(p, f.bytes, {}, at, data_change=True, stats=s) for p, f, s in stats]

    def create(text: str, files: Files, mode: Literal["error", "overwrite"] = "error") -> None:
        create_table_with_add_actions(
            str(stage),
            Schema.from_json(text),
            adds(files),
            mode=mode,
            name=step.table,
            configuration=PROPERTIES,
            post_commithook_properties=hooks,
        )

    stage.mkdir()
    if schema is None:
        create(step.schema, new)
        return (stage / LOG / commit_name(0)).read_bytes()
    create(schema, left)
    if json.loads(step.schema) != json.loads(schema):
        # a transaction ignores a changed schema; replacing the table takes it, and removes what it holds
        create(step.schema, new, "overwrite")
    else:
        table = DeltaTable(str(stage))
        table.create_write_transaction(
            [*adds(new), *(RemoveAction(p, True, at, size=f.bytes) for p, f in left.items())],
            mode="append",
            schema=table.schema(),
            post_commithook_properties=hooks,
        )
    return (stage / LOG / commit_name(1)).read_bytes()


def following(name: str, step: Step, files: Files, created: int) -> bytes | None:
    """The content of a commit that only adds and removes files of a table whose schema stays, as `make` gives it, without asking deltalake,
    which would have to be loaded; None where another one is installed than the one whose form this is.

    files: those before; created: of the log, in ms since 1970.
    """
    if _installed() != _KNOWN:
        return None
    at = _milliseconds(step.published_at)
    kind = {"operation": "WRITE", "operationParameters": {"mode": "Append"}}
    actions: list[dict[str, Any]] = [
        {"commitInfo": {**kind, "clientVersion": f"delta-rs.py-{_KNOWN}", "engineInfo": f"delta-rs:py-{_KNOWN}"}}
    ]
    for path, file in step.files.items():
        if path not in files:
            facts = {
                "path": path,
                "size": file.bytes,
                "partitionValues": {},
                "modificationTime": at,
                "dataChange": True,
            }
            more = dict.fromkeys(("baseRowId", "clusteringProvider", "defaultRowCommitVersion", "tags"))
            actions.append({"add": {**facts, "stats": json.dumps({"numRecords": file.rows}), **more}})
    for path, file in files.items():
        if path not in step.files:
            actions.append(
                {"remove": {"path": path, "size": file.bytes, "dataChange": True, "extendedFileMetadata": False}}
            )
    return _stamped(_lines(actions), step, name, created)


@cache
def _installed() -> str | None:
    with suppress(PackageNotFoundError):
        return version("deltalake")
    return None


def _milliseconds(when: datetime) -> int:
    return int(when.timestamp()) * 1000


def _stamped(data: bytes, step: Step, name: str, created: int) -> bytes:
    """A commit of deltalake with the version's facts in place of the clock's, sealed."""
    at = _milliseconds(step.published_at)
    info: dict[str, Any] = {}
    rest: list[dict[str, Any]] = []
    for line in data.splitlines():
        ((kind, action),) = json.loads(line).items()
        if kind == "commitInfo":
            mode = action.get("operationParameters", {}).get("mode", "")
            info = {**action, "timestamp": at, "operationParameters": {"mode": mode}}
            continue
        if kind == "metaData":
            action |= {"id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"jianghua:{name}")), "createdTime": created}
        elif kind == "remove":
            action["deletionTimestamp"] = at
        rest.append({kind: action})
    order = {"protocol": 0, "metaData": 1, "remove": 2, "add": 3}
    rest.sort(key=lambda a: (order.get(next(iter(a)), 4), str(next(iter(a.values())).get("path", ""))))
    info["userMetadata"] = step.version
    info[STAMP] = {
        "version": step.version,
        "sequence": step.sequence,
        "manifest_sha256": step.manifest_sha256,
        "versions": step.versions,
    }
    lines = _lines(rest)
    info[STAMP]["sha256"] = _seal(info, lines)
    return _lines([{"commitInfo": info}]) + lines


def _lines(actions: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(
        json.dumps(a, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n" for a in actions
    )


def _seal(info: dict[str, Any], rest: bytes) -> str:
    bare = {**info, STAMP: {k: v for k, v in info[STAMP].items() if k != "sha256"}}
    return hashlib.sha256(_lines([{"commitInfo": bare}]) + rest).hexdigest()


def read_log(table: Path) -> list[Commit]:
    """The commits of a table's log, by number; empty when it has none.

    Raises DamagedError naming the file that is missing, not ours, or not as it was written.
    """
    folder = table / LOG
    if not folder.is_dir():
        return []
    out: list[Commit] = []
    names = sorted(p.name for p in folder.iterdir())
    for number, found in enumerate(names):
        path = folder / commit_name(number)
        if found != path.name:
            what = "a commit is missing" if COMMIT.fullmatch(found) else "the file is none of the log as we write it"
            raise _damaged(what, path if COMMIT.fullmatch(found) else folder / found)
        out.append(read_commit(path, out[-1] if out else None))
    return out


def read_commit(path: Path, before: Commit | None = None) -> Commit:
    """A commit, as it follows the one before. Raises DamagedError when it is not as it was written."""
    try:
        info, rest = _sealed(path)
        stamp, actions = info[STAMP], [json.loads(line) for line in rest.splitlines()]
        files = dict(before.files) if before else {}
        schema, created = (before.schema, before.created) if before else ("", 0)
        for action in actions:
            ((kind, value),) = action.items()
            if kind == "metaData":
                schema, created = value["schemaString"], value["createdTime"]
            elif kind == "remove":
                del files[value["path"]]
            elif kind == "add":
                files[value["path"]] = File(value["size"], json.loads(value["stats"])["numRecords"])
        return Commit(
            path,
            stamp["version"],
            stamp["sequence"],
            stamp["manifest_sha256"],
            stamp["versions"],
            schema,
            created,
            files,
        )
    except OSError as e:
        raise _damaged(f"cannot read: {e.strerror or e}", path) from e
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as e:
        raise _damaged("the commit cannot be understood", path) from e


def last_stamp(table: Path) -> dict[str, Any] | None:
    """Our facts in the last commit of a log that looks whole, read without the rest; None when it does not."""
    try:
        names = sorted(p.name for p in (table / LOG).iterdir())
        if not names or names[-1] != commit_name(len(names) - 1):
            return None
        with (table / LOG / names[-1]).open("rb") as f:
            stamp: dict[str, Any] = json.loads(f.readline())["commitInfo"][STAMP]
            return {**stamp, "number": len(names) - 1}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def begun(table: Path) -> int:
    """When the first version of a log was published, in ms since 1970. Raises DamagedError."""
    path = table / LOG / commit_name(0)
    try:
        _, rest = _sealed(path)
        first = next(line for line in rest.splitlines() if line.startswith(b'{"metaData":'))
        return int(json.loads(first)["metaData"]["createdTime"])
    except OSError as e:
        raise _damaged(f"cannot read: {e.strerror or e}", path) from e
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, StopIteration) as e:
        raise _damaged("the commit cannot be understood", path) from e


def _sealed(path: Path) -> tuple[dict[str, Any], bytes]:
    """The commitInfo of a commit and the lines of its actions, as they were written. Raises DamagedError when they are not, and what reading
    JSON that is none of ours raises."""
    head, _, rest = path.read_bytes().partition(b"\n")
    info: dict[str, Any] = json.loads(head)["commitInfo"]
    seal = info[STAMP]["sha256"]
    if _lines([{"commitInfo": info}]) != head + b"\n" or _seal(info, rest) != seal:
        raise _damaged("the commit is not as it was written", path)
    return info, rest


def _damaged(what: str, path: Path) -> DamagedError:
    return DamagedError(f"damaged Delta log: {what}", where=str(path), remedy=REMEDY)
