"""The correction files of a home, `corrections/*.yaml`: a list of entries each, validated against the columns of a speech."""

from __future__ import annotations

import re
import tempfile
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator
from pydantic_core.core_schema import ValidationInfo

from crawler.durable import alone, write_bytes
from crawler.errors import JianghuaError
from crawler.home import Home
from crawler.mistakes import SHA256, SOMETHING, SPEECH_ID
from crawler.records import OUTLINE, SPEECH, TIME_ZONE, Column
from crawler.site import explain, files_in, load_yaml, require_yaml

_REMEDY = "mend the entry; docs/correcting.md shows how one is written"
# What identifies a speech, and what follows from other columns: to correct these, correct what they follow from.
_FOLLOWS = {
    "paragraphs": "text",
    "chars": "text",
    "script": "text",
    "mask_count": "text",
    "masks": "text",
    "text_sha256": "text",
    "simtext_sha256": "text",
    "published_from": "published_at",
}
_FIXED = {"speech_id", "page_url", "site", "part", "parts", "title_raw", "speech_score"}
CORRECTABLE: dict[str, Column] = {c.name: c for c in SPEECH if c.name not in {*_FOLLOWS, *_FIXED}}
# columns with a closed set of values
CLOSED = {
    "doc_type": "讲话 致辞 主持词 党课 发言 演讲 报告 其他".split(),  # noqa: SIM905
    "admin_level": "国家 省 市 县 乡镇 村社区 单位 学校 企业".split(),  # noqa: SIM905
}


@dataclass(frozen=True, slots=True)
class Correction:
    """One reviewed entry.

    speech_id, text_sha256: what it is for (both: the speech, as long as its text as read is that one). field: the column; None with
    `drop`, which says that this is no speech. find, replace: a passage of the text and what stands there instead; else `value` is
    the whole value, in the column's Python type. where: file and line, for people.
    """

    speech_id: str | None
    text_sha256: str | None
    field: str | None
    value: Any
    reason: str
    where: str
    find: str | None = None
    replace: str | None = None
    drop: bool = False
    by: str | None = None
    date: date | None = None

    @property
    def subject(self) -> str:
        """What it is for, in short."""
        return self.speech_id or f"text {str(self.text_sha256)[:16]}…"

    @property
    def what(self) -> str:
        """What it does, in short."""
        if self.drop:
            return "is no speech"
        if self.find is not None:
            return f"{self.field}: {_short(self.find)} → {_short(self.replace or '')}"
        return f"{self.field} = {_short(self.value)}"

    def matches(self, speech_id: str, text_sha256: str) -> bool:
        """Whether it is for the speech with this id and this digest of the text as read."""
        return self.speech_id in (None, speech_id) and self.text_sha256 in (None, text_sha256)


def _short(value: Any) -> str:
    text = str(value).replace("\n", "⏎")
    return text if len(text) <= 40 else text[:39] + "…"


def tidy_text(text: str) -> str:
    """A text as records hold it: NFC, paragraphs joined by one newline, none of them empty or with white space around it."""
    lines = (line.strip() for line in unicodedata.normalize("NFC", text).splitlines())
    return "\n".join(line for line in lines if line)


def value_of(column: Column, given: Any) -> Any:
    """A value from a YAML file as the column holds it. Raises ValueError that says what the column wants."""
    if given is None:
        if not column.nullable:
            raise ValueError(f"may not be empty: {column.name} always has a value")
        return None
    kind = column.type
    value = given
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        value = _string(given)
        if column.name == "text":
            value = tidy_text(value)
        if not value:
            raise ValueError("may not be blank" + ("; write null for no value" if column.nullable else ""))
        if value not in (allowed := CLOSED.get(column.name, [value])):
            raise ValueError(f"must be one of: {' '.join(allowed)}")
    elif pa.types.is_boolean(kind):
        if not isinstance(given, bool):
            raise ValueError("must be true or false")
    elif pa.types.is_integer(kind):
        if not isinstance(given, int) or isinstance(given, bool) or given < 0:
            raise ValueError("must be a whole number from 0 up")
    elif pa.types.is_timestamp(kind):
        value = _time(given)
    elif pa.types.is_date(kind):
        value = _time(given).date()
    elif pa.types.is_list(kind):
        if not isinstance(given, list):
            raise ValueError("must be a list, like [甲, 乙]")
        value = [_point(x) if kind.value_type == OUTLINE else _string(x) for x in given]
        if "" in value:
            raise ValueError("an item may not be blank")
    try:
        pa.array([value], kind)
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as e:
        raise ValueError(f"does not fit the column: {str(e).splitlines()[0]}") from None
    return value


def _string(given: Any) -> str:
    if not isinstance(given, str):
        raise ValueError(f"must be text; put {given!r} in quotes if it is meant as text")
    return unicodedata.normalize("NFC", given).strip()


def _time(given: Any) -> datetime:
    """A time as YAML or ISO 8601 gives it; without an offset it is Chinese time, without a time of day midnight."""
    if isinstance(given, str):
        try:
            given = datetime.fromisoformat(given.strip())
        except ValueError:
            raise ValueError("must be a date or time, like 2023-05-04 or 2023-05-04 09:30") from None
    if isinstance(given, date) and not isinstance(given, datetime):
        given = datetime.combine(given, time())
    if not isinstance(given, datetime):
        raise ValueError("must be a date or time, like 2023-05-04 or 2023-05-04 09:30")
    zone = ZoneInfo(TIME_ZONE)
    return (given.replace(tzinfo=zone) if given.tzinfo is None else given.astimezone(zone)).replace(microsecond=0)


def _point(given: Any) -> dict[str, Any]:
    names = [f.name for f in OUTLINE]
    if not isinstance(given, dict) or sorted(given) != sorted(names):
        raise ValueError(f"each item must have just these keys: {', '.join(names)}")
    return {n: given[n] for n in names}


class Entry(BaseModel):
    """An entry as the file has it; see Correction."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    speech_id: Annotated[str, Field(pattern=SPEECH_ID)] | None = None
    text_sha256: Annotated[str, Field(pattern=SHA256)] | None = None
    field: str | None = None
    find: Annotated[str, Field(min_length=1)] | None = None
    replace: str | None = None
    value: Any = None
    drop: bool = False
    reason: Annotated[str, Field(pattern=SOMETHING)]
    by: str | None = None
    date: Any = None

    @field_validator("field")
    @classmethod
    def _known(cls, field: str | None) -> str | None:
        if field is None or field in CORRECTABLE:
            return field
        if field in _FOLLOWS:
            raise ValueError(f"{field} follows from {_FOLLOWS[field]}; correct that")
        if field in _FIXED:
            raise ValueError(f"{field} says what was read and cannot be corrected")
        raise ValueError(f"unknown column '{field}' (known: {', '.join(CORRECTABLE)})")

    @field_validator("value")
    @classmethod
    def _fits(cls, value: Any, info: ValidationInfo) -> Any:
        field = info.data.get("field")
        return value if field is None else value_of(CORRECTABLE[field], value)

    @field_validator("date")
    @classmethod
    def _day(cls, value: Any) -> date | None:
        return None if value is None else _time(value).date()

    @model_validator(mode="after")
    def _whole(self) -> Entry:
        given = self.model_fields_set
        if self.speech_id is None and self.text_sha256 is None:
            raise ValueError("says not which speech it is for; give speech_id or text_sha256")
        if self.drop:
            if given & {"field", "value", "find", "replace"}:
                raise ValueError(
                    "with `drop: true` there is nothing to correct; leave out field, value, find and replace"
                )
        elif self.field is None:
            raise ValueError("says not what is wrong; give a field and its value, or `drop: true`")
        elif (self.find is None) != (self.replace is None):
            raise ValueError("find and replace belong together")
        elif self.find is not None and "value" in given:
            raise ValueError("give either value or find and replace")
        elif self.find is not None and self.field != "text":
            raise ValueError("find and replace are for the field text; give the whole value of others")
        elif self.find is None and "value" not in given:
            raise ValueError("has no value; write `value: null` where the column is to be empty")
        return self


_ENTRIES = TypeAdapter(list[Entry])


def correction_files(home: Home) -> list[Path]:
    """The correction files of a home, by name."""
    return files_in(home.own_corrections)


def read_file(home: Home, path: Path) -> list[Correction]:
    """The corrections of one file, in its order. Raises JianghuaError with file, line and remedy."""
    require_yaml(path, "correction")
    value, lines = load_yaml(path)
    if value is None:
        return []
    shown = path.relative_to(home.root).as_posix() if path.is_relative_to(home.root) else str(path)
    if not isinstance(value, list):
        raise JianghuaError("a correction file must hold a list of entries", where=f"{path}:1", remedy=_REMEDY)
    try:
        entries = _ENTRIES.validate_python(value)
    except ValidationError as e:
        known: Mapping[tuple[str, ...], list[str]] = {(str(i),): list(Entry.model_fields) for i in range(len(value))}
        raise explain(e, path, lines, "the correction file", known, remedy=_REMEDY) from None
    return [
        Correction(
            speech_id=e.speech_id,
            text_sha256=e.text_sha256,
            field=e.field,
            value=e.value,
            reason=e.reason.strip(),
            where=f"{shown}:{lines[(i,)]}",
            find=None if e.find is None else unicodedata.normalize("NFC", e.find),
            replace=None if e.replace is None else unicodedata.normalize("NFC", e.replace),
            drop=e.drop,
            by=e.by,
            date=e.date,
        )
        for i, e in enumerate(entries)
    ]


def load_corrections(home: Home) -> tuple[Correction, ...]:
    """Every correction of a home, file by file by name, each file in its order.

    Raises JianghuaError for a file with a mistake, and where two entries give the same column of the same speech a value.
    """
    found: list[Correction] = []
    first: dict[tuple[Any, ...], Correction] = {}
    for path in correction_files(home):
        for c in read_file(home, path):
            found.append(c)
            if c.find is not None:
                continue
            before = first.setdefault((c.speech_id, c.text_sha256, c.field), c)
            if before is not c:
                told = "is dropped" if c.drop else f"has its {c.field} corrected"
                raise JianghuaError(
                    f"{c.subject} {told} twice (first in {before.where})", where=c.where, remedy="keep one of the two"
                )
    return tuple(found)


def corrections_for(home: Home, speech_id: str, text_sha256: str) -> list[Correction]:
    """The corrections of a home that are for the speech with this id, whose text as read has this digest; in order."""
    return [c for c in load_corrections(home) if c.matches(speech_id, text_sha256)]


def add_entry(
    home: Home, path: Path, entry: Mapping[str, Any], check: Callable[[Correction], None] = lambda _: None
) -> Correction:
    """Append an entry to a correction file, whose comments and layout stay; made where it is not there yet.

    check: may refuse it by raising. The file is replaced whole or not at all. Raises JianghuaError when the entry or the file has a mistake, and writes nothing then.
    """
    with alone(path.parent):
        old = ""
        if path.exists():
            read_file(home, path)
            old = path.read_text(encoding="utf-8")
        new = appended(old, entry).encode()
        with tempfile.TemporaryDirectory(prefix="jianghua-") as folder:
            beside = Path(folder) / path.name
            beside.write_bytes(new)
            try:
                made = read_file(home, beside)
            except JianghuaError as e:
                what = e.what.replace("the correction file has", "the entry has")
                raise JianghuaError(what, where=str(path), remedy=e.remedy) from None
        check(made[-1])
        own = [] if not old else read_file(home, path)  # as it stands in the home, for its place
        others = [c for p in correction_files(home) if p != path for c in read_file(home, p)]
        _refuse_second(made[-1], [*others, *own])
        write_bytes(path, new)
        return read_file(home, path)[-1]


def _refuse_second(new: Correction, known: Iterable[Correction]) -> None:
    for c in known:
        same = (c.speech_id, c.text_sha256, c.field, c.find) == (new.speech_id, new.text_sha256, new.field, new.find)
        if same:
            raise JianghuaError(
                f"there is a correction of that already: {c.what}", where=c.where, remedy="change or remove that entry"
            )


def appended(text: str, entry: Mapping[str, Any]) -> str:
    """A correction file with one entry more; the entry is indented as those before it."""
    dumped = yaml.safe_dump([dict(entry)], allow_unicode=True, sort_keys=False, width=10**6)
    node = yaml.compose(text, Loader=yaml.SafeLoader) if text else None
    indent = ""
    if isinstance(node, yaml.SequenceNode) and node.flow_style:
        raise JianghuaError("the file holds its entries in one line", remedy="write each entry as `- speech_id: …`")
    if node is not None:
        indent = re.match(r" *", text.splitlines()[node.start_mark.line])[0]  # type: ignore[index]
    dumped = "".join(indent + line for line in dumped.splitlines(keepends=True))
    return text + ("" if not text or text.endswith("\n") else "\n") + dumped
