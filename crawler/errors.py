"""Errors for people: what was wrong, where, and what to do about it."""

from __future__ import annotations


class JianghuaError(Exception):
    """An error a user can act on. The command line prints it without a traceback and exits with `exit_code`.

    what: one sentence, what went wrong.
    where: file (and line), URL, version or option it happened at.
    remedy: what the user can do.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str | None = None, remedy: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.remedy:
            lines.append(f"  do: {self.remedy}")
        return "\n".join(lines)


class UsageError(JianghuaError):
    """The command was called with something that does not exist or does not fit."""

    exit_code = 2


class Interrupted(JianghuaError):
    """Ended by Ctrl-C or SIGTERM."""

    exit_code = 130


class DamagedError(JianghuaError):
    """A file that we wrote does not hold any more what we wrote."""
