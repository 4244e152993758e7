"""What was asked to be taken down: `takedowns/*.yaml` of the home, a list of entries each, without the texts themselves.

An entry names a page, a speech or, by a fingerprint, a text (docs/takedown.md). It holds for as long as it stands here and is not lifted:
the publisher leaves out what it is for, and a page whose archive was erased is never asked for again.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date as Date
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from crawler.durable import alone, write_bytes
from crawler.errors import JianghuaError, UsageError
from crawler.home import Home
from crawler.mistakes import SHA256
from crawler.site import explain, files_in, load_yaml, require_yaml
from crawler.wording import counted

_REMEDY = "mend the entry; docs/takedown.md shows how one is written"
DEFAULT_FILE = "takedowns"
_ADDRESS = re.compile(r"https?://[^\s/]\S*", re.IGNORECASE)
FATE, WHY = "disallowed", "taken down"  # what state and pages say of a page that is erased
_SHA256 = Field(pattern=SHA256)


class Fingerprint(BaseModel):
    """A text, told without it (publisher/fingerprint.py). grams: its distinct 5-grams, of which one in `step` is kept in
    `sample` (hashes of 32 bits, base64)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text_sha256: str = _SHA256
    simtext_sha256: str = _SHA256
    chars: int = Field(ge=0)
    grams: int = Field(ge=0)
    step: int = Field(ge=1)
    sample: str


class Pages(BaseModel):
    """Pages of a site, by their keys in its state."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    site: str
    keys: tuple[str, ...]


class Entry(BaseModel):
    """One entry of a takedown file.

    url or speech_id: what it is for; neither: every text like one of `texts`. pages: where it stood when the entry was
    made. copies: also every other speech like one of `texts`. everywhere: published versions are re-issued without it.
    archive: it is erased from the archive, and its pages are not fetched any more.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[A-Za-z0-9._-]{1,60}$")
    url: str | None = None
    speech_id: str | None = None
    pages: tuple[Pages, ...] = ()
    reason: str
    by: str | None = None
    date: Date
    copies: bool = False
    everywhere: bool = False
    archive: bool = False
    texts: tuple[Fingerprint, ...] = ()
    lifted: Date | None = None
    lifted_because: str | None = None

    @field_validator("reason")
    @classmethod
    def _told(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("may not be blank: why is it taken down?")
        return value.strip()

    @model_validator(mode="after")
    def _for_something(self) -> Entry:
        if self.url is not None and self.speech_id is not None:
            raise ValueError("give either url or speech_id")
        if self.url is not None and not _ADDRESS.fullmatch(self.url):
            raise ValueError(f"url '{self.url}' is no address: it begins with http:// or https:// and names a host")
        if self.url is None and self.speech_id is None and not self.texts:
            raise ValueError("does not say what is taken down: give url, speech_id or texts")
        if self.copies and not self.texts:
            raise ValueError("copies can be told by texts only; `jianghua takedown add --copies` writes them")
        if (self.lifted is None) != (self.lifted_because is None):
            raise ValueError("lifted and lifted_because belong together")
        return self


_ENTRIES = TypeAdapter(list[Entry])


@dataclass(frozen=True, slots=True)
class Takedown:
    """An entry and where it stands. where: file and line, for people."""

    entry: Entry
    where: str

    @property
    def id(self) -> str:
        return self.entry.id

    @property
    def active(self) -> bool:
        """Whether it holds: it was not lifted."""
        return self.entry.lifted is None

    @property
    def by_text(self) -> bool:
        """Whether any speech is taken that is like one of its texts."""
        return self.entry.copies or (self.entry.url is None and self.entry.speech_id is None)

    @property
    def subject(self) -> str:
        """What it is for, in short."""
        e = self.entry
        return e.url or e.speech_id or f"text of {counted(e.texts[0].chars, 'character')}"


def takedown_files(home: Home) -> list[Path]:
    """The takedown files of a home, by name."""
    return files_in(home.takedowns)


def read_file(home: Home, path: Path) -> list[Takedown]:
    """The entries of one file, in its order. Raises JianghuaError with file, line and remedy."""
    require_yaml(path, "takedown")
    value, lines = load_yaml(path)
    if value is None:
        return []
    shown = path.relative_to(home.root).as_posix() if path.is_relative_to(home.root) else str(path)
    if not isinstance(value, list):
        raise JianghuaError("a takedown file must hold a list of entries", where=f"{path}:1", remedy=_REMEDY)
    try:
        entries = _ENTRIES.validate_python(value)
    except ValidationError as e:
        known: dict[tuple[str, ...], list[str]] = {(str(i),): list(Entry.model_fields) for i in range(len(value))}
        raise explain(e, path, lines, "the takedown file", known, remedy=_REMEDY) from None
    return [Takedown(e, f"{shown}:{lines[(i,)]}") for i, e in enumerate(entries)]


def load_takedowns(home: Home, lifted: bool = False) -> tuple[Takedown, ...]:
    """The entries that hold, file by file by name, each file in its order. lifted: also those that were lifted.

    Raises JianghuaError for a file with a mistake, and for an id that stands twice.
    """
    found: list[Takedown] = []
    first: dict[str, Takedown] = {}
    for path in takedown_files(home):
        for t in read_file(home, path):
            before = first.setdefault(t.id, t)
            if before is not t:
                raise JianghuaError(
                    f"the id '{t.id}' stands twice (first in {before.where})",
                    where=t.where,
                    remedy="change one of them",
                )
            found.append(t)
    return tuple(t for t in found if lifted or t.active)


def erased_keys(home: Home, site: str) -> frozenset[str]:
    """Keys of the pages of a site that are never to be fetched again."""
    entries = [t.entry for t in load_takedowns(home) if t.entry.archive]
    return frozenset(k for e in entries for p in e.pages if p.site == site for k in p.keys)


def require_new(known: Iterable[Takedown], entry: Mapping[str, Any]) -> None:
    """Raises UsageError when what an entry (fields of Entry) is for is taken down already by one of those known."""
    for t in known:
        e = t.entry
        same = (e.url, e.speech_id) == (entry.get("url"), entry.get("speech_id"))
        if (
            not t.active
            or not same
            or not (e.url or e.speech_id or [x.model_dump() for x in e.texts] == entry.get("texts"))
        ):
            continue
        further = [key for key in ("copies", "everywhere", "archive") if entry.get(key) and not getattr(e, key)]
        raise UsageError(
            f"{t.subject} is taken down already",
            where=t.where,
            remedy=f"for it to reach further, write {' and '.join(f'`{key}: true`' for key in further)} into that entry, then `jianghua takedown apply`"
            if further and (e.texts or "copies" not in further)
            else f"lift it first (jianghua takedown lift {t.id} --reason …), or change the entry in the file",
        )


def add_takedown(home: Home, entry: Mapping[str, Any]) -> Takedown:
    """Append an entry (fields of Entry but for `id`, which is made) to the home's takedown file; what stands there stays as it is.

    Raises JianghuaError when it has a mistake, or when what it is for is taken down already; nothing is written then.
    """
    path = home.takedowns / f"{DEFAULT_FILE}.yaml"
    with alone(path.parent):
        known = load_takedowns(home, lifted=True)
        require_new(known, entry)
        from crawler.corrections.entries import (
            appended,
        )  # brings pyarrow, which a crawl that only reads takedowns can do without

        told = repr((sorted((k, str(v)) for k, v in entry.items()), len(known))).encode()
        given = {"id": f"{entry['date']:%Y%m%d}-{hashlib.sha256(told).hexdigest()[:6]}", **entry}
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        new = appended(old, given).encode()
        _check(home, path, new)
        write_bytes(path, new)
        return read_file(home, path)[-1]


def lift_takedown(home: Home, id: str, reason: str, day: Date) -> Takedown:
    """Lift an entry: it stays in its file, with the day and the reason, and holds no more.

    Raises UsageError for an unknown id and for one that was lifted already.
    """
    with alone(home.takedowns):
        known = load_takedowns(home, lifted=True)
        found = next((t for t in known if t.id == id), None)
        if found is None:
            listed = ", ".join(t.id for t in known if t.active) or "none"
            raise UsageError(f"no takedown has the id '{id}'", remedy=f"use one of: {listed}")
        if not found.active:
            raise UsageError(f"{id} was lifted on {found.entry.lifted}", where=found.where)
        path = next(p for p in takedown_files(home) if any(t.id == id for t in read_file(home, p)))
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        assert isinstance(node, yaml.SequenceNode)
        at = [t.id for t in read_file(home, path)].index(id)
        item = node.value[at]
        if item.flow_style:
            raise JianghuaError("the entry stands in one line", where=found.where, remedy="write each key in a line")
        lines = text.splitlines(keepends=True)
        first_key, last_value = item.value[0][0], item.value[-1][1]
        end = last_value.end_mark.line + (0 if last_value.end_mark.column == 0 else 1)
        added = yaml.safe_dump({"lifted": day, "lifted_because": reason.strip()}, allow_unicode=True, sort_keys=False, width=10**6)  # fmt: skip
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        lines[end:end] = [" " * first_key.start_mark.column + line for line in added.splitlines(keepends=True)]
        new = "".join(lines).encode()
        _check(home, path, new)
        write_bytes(path, new)
        return next(t for t in read_file(home, path) if t.id == id)


def _check(home: Home, path: Path, new: bytes) -> None:
    """Read the file as it would be. Raises JianghuaError naming its place."""
    with tempfile.TemporaryDirectory(prefix="jianghua-") as folder:
        beside = Path(folder) / path.name
        beside.write_bytes(new)
        try:
            read_file(home, beside)
        except JianghuaError as e:
            raise JianghuaError(e.what, where=str(path), remedy=e.remedy) from None
