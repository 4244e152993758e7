"""Logs: lines of text for people or lines of JSON for machines, with run, site and step, and without secrets.

A line of JSON has `time` (ISO 8601, UTC), `level`, `logger`, `message`, and where they are known `run`, `site`, `step`, `figures` (numbers
that belong to the message) and `error` (a traceback). Which run and step a process works for stands in its environment (JIANGHUA_RUN,
JIANGHUA_STEP); the site is given with a message: `log.info("…", extra={"site": name})`.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from types import TracebackType
from typing import IO, Any, Literal

from crawler.plain import escaped, plain
from crawler.secrecy import Masker, masker_of

Format = Literal["text", "json"]
RUN, STEP, SITE = "JIANGHUA_RUN", "JIANGHUA_STEP", "JIANGHUA_SITE"
_THREAD = re.compile(r"run (\d+)")
FIELDS = ("run", "site", "step", "figures")
QUIET = (
    "alembic",
    "apscheduler",
    "scrapy",
    "twisted",
    "asyncio",
    "uvicorn.access",
)  # below WARNING they speak of themselves


class SecretFilter(logging.Filter):
    """Takes the secrets out of a record before any handler writes it."""

    def __init__(self, masker: Masker) -> None:
        super().__init__()
        self.masker = masker

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            message = record.getMessage()
        except Exception:  # a message that does not fit its arguments is told as it is
            message = f"{record.msg} {record.args}"
        record.msg, record.args = self.masker(message), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self.masker(record.exc_text)
        if record.stack_info:
            record.stack_info = self.masker(record.stack_info)
        if isinstance(figures := getattr(record, "figures", None), dict):
            record.figures = self.masker.value(figures)
        return True


def context(record: logging.LogRecord) -> dict[str, Any]:
    """Run, site, step and figures of a record, of those that are known."""
    spider = getattr(record, "spider", None)
    of_thread = _THREAD.fullmatch(record.threadName or "")  # the scheduler works on each run in a thread of that name
    known: dict[str, Any] = {
        "run": of_thread[1] if of_thread else os.environ.get(RUN),
        "step": os.environ.get(STEP),
        "site": getattr(spider, "name", None) or os.environ.get(SITE),
    }
    known |= {f: getattr(record, f) for f in FIELDS if getattr(record, f, None) is not None}
    if isinstance(known["run"], str) and known["run"].isdigit():
        known["run"] = int(known["run"])
    return {f: known[f] for f in FIELDS if known.get(f) is not None}


class JsonFormatter(logging.Formatter):
    """One line of JSON a record."""

    def format(self, record: logging.LogRecord) -> str:
        value = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            **context(record),
            "message": record.getMessage(),
        }
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            value["error"] = record.exc_text
        return escaped(json.dumps(value, ensure_ascii=False, default=str))


class TextFormatter(logging.Formatter):
    """A line for people: time, level, message; site and run where the message is about one."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return plain(super().format(record))  # a log is looked at in a terminal, and holds what pages say

    def formatMessage(self, record: logging.LogRecord) -> str:
        line = super().formatMessage(record)
        known = context(record)
        about = [f"{f} {known[f]}" for f in ("run", "site") if f in known and hasattr(record, f)]
        return f"{line} ({', '.join(about)})" if about else line


class Lines(logging.StreamHandler[Any]):
    """Writes to a stream, or to what is standard error at that moment."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        logging.Handler.__init__(self)
        self._given = stream

    @property
    def stream(self) -> Any:
        return self._given or sys.stderr

    @stream.setter
    def stream(self, value: Any) -> None:
        self._given = value


def set_up(
    form: Format = "text",
    *,
    level: int | str = logging.INFO,
    stream: IO[str] | None = None,
    secrets: Iterable[str] = (),
) -> logging.Handler:
    """Send the logs of this process to `stream` (default: standard error) in one form; the handler. What was set up before goes.

    secrets: values that must stand in no line, besides those of the environment.
    """
    handler = Lines(stream)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    handler.addFilter(SecretFilter(masker_of(os.environ, secrets)))
    handler.addFilter(_heeded)
    root = logging.getLogger()
    for old in list(root.handlers):
        if type(old) in (Lines, logging.StreamHandler):  # a handler of somebody else's making stays
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    if form == "json":
        sys.excepthook = _tell_unexpected
    return handler


def _heeded(record: logging.LogRecord) -> bool:
    """Whether a line is for people. Those of QUIET set the levels of their loggers anew when they begin, as Scrapy does."""
    return record.levelno >= logging.WARNING or not f"{record.name}.".startswith(tuple(f"{n}." for n in QUIET))


def _tell_unexpected(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger("jianghua").critical("%s: %s", kind.__name__, error, exc_info=(kind, error, trace))


def set_up_here() -> bool:
    """Whether `set_up` was called in this process."""
    return any(isinstance(f, SecretFilter) for h in logging.getLogger().handlers for f in h.filters)


def structured() -> bool:
    """Whether the logs of this process are lines of JSON, so that nothing else may be written among them."""
    return any(isinstance(h.formatter, JsonFormatter) for h in logging.getLogger().handlers)
