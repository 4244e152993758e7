"""Settings of the alarms: `[alarms]` of jianghua.toml in the home, each key overridden by the variable JIANGHUA_ALARMS_KEY."""

from __future__ import annotations

import json
import re
from datetime import datetime, time, timedelta
from email.utils import parseaddr
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from crawler.errors import JianghuaError
from crawler.home import Home
from publisher.settings import load_section

_QUIET = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")


class AlarmSettings(BaseModel):
    """What is watched and who is told. docs/watching.md explains every key.

    webhook: address that gets a JSON POST; webhook_secret(_file): key of its signature; webhook_timeout: seconds for one try; webhook_tries: how often
    a message is tried at once. smtp_*: the mail server; smtp_timeout: seconds for one answer, and four times that for a
    message; smtp_security: starttls, tls (from the first byte) or none. mail_from, mail_to: addresses.
    quiet: hours in `time_zone` in which only critical alarms are told, e.g. 22:00-07:00. remind_days: days after which an alarm that
    lasts is told again (0: never). every: seconds between two looks of a running scheduler. off: kinds that are not watched. limits:
    by kind other limits than the rule's own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    webhook: SecretStr | None = None
    webhook_secret: SecretStr | None = None
    webhook_secret_file: Path | None = None
    webhook_timeout: float = Field(default=10.0, gt=0, le=300)
    webhook_tries: int = Field(default=3, ge=1, le=10)
    smtp_host: str | None = None
    smtp_port: int | None = Field(default=None, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_password_file: Path | None = None
    smtp_ca_file: Path | None = None
    smtp_timeout: float = Field(default=30.0, gt=0, le=300)
    mail_from: str | None = None
    mail_to: tuple[str, ...] = ()
    quiet: str | None = None
    time_zone: str = "UTC"
    remind_days: float = Field(default=7.0, ge=0)
    every: float = Field(default=60.0, gt=0)
    off: tuple[str, ...] = ()
    limits: dict[str, dict[str, float]] = Field(default_factory=dict)

    @field_validator("mail_to", "off", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return value.replace(",", " ").split() if isinstance(value, str) else value

    @field_validator("limits", mode="before")
    @classmethod
    def _from_json(cls, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value

    @field_validator("webhook")
    @classmethod
    def _address(cls, value: SecretStr | None) -> SecretStr | None:
        parts = urlsplit(value.get_secret_value()) if value else None
        if parts is not None and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError("not an address that begins with http:// or https://")
        if parts is not None:
            _ = parts.port  # raises ValueError for one that is none
        return value

    @field_validator("mail_from", "mail_to")
    @classmethod
    def _addresses(cls, value: Any) -> Any:
        for one in [value] if isinstance(value, str) else value or ():
            if "@" not in parseaddr(one)[1] or any(c in one for c in "\r\n"):
                raise ValueError(f"'{one}' is no mail address")
        return value

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError("not an IANA time zone; write e.g. Asia/Shanghai or UTC") from None
        return value

    @field_validator("quiet")
    @classmethod
    def _hours(cls, value: str | None) -> str | None:
        if value is not None:
            hours(value)
        return value

    @model_validator(mode="after")
    def _together(self) -> AlarmSettings:
        if self.smtp_host and not (self.mail_from and self.mail_to):
            raise ValueError("smtp_host needs mail_from and mail_to")
        if self.mail_to and not self.smtp_host:
            raise ValueError("mail_to needs smtp_host")
        return self

    def port(self) -> int:
        """The port of the mail server."""
        return self.smtp_port or {"starttls": 587, "tls": 465, "none": 25}[self.smtp_security]

    def secret(self, name: Literal["webhook_secret", "smtp_password"]) -> str | None:
        """A secret from the setting, or from the file that is named for it. Raises JianghuaError when the file cannot be read."""
        value: SecretStr | None = getattr(self, name)
        path: Path | None = getattr(self, f"{name}_file")
        if value is not None:
            return value.get_secret_value()
        if path is None:
            return None
        try:
            return path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as e:
            raise JianghuaError(
                f"the file of a secret cannot be read: {getattr(e, 'strerror', None) or type(e).__name__}",
                where=str(path),
                remedy=f"mend [alarms] {name}_file, or the file's permissions",
            ) from None

    def secrets(self) -> list[str]:
        """Everything that must stand in no log; a file that cannot be read holds none."""
        found = [self.webhook.get_secret_value()] if self.webhook else []
        for name in ("webhook_secret", "smtp_password"):
            try:
                found += [s] if (s := self.secret(name)) else []
            except JianghuaError:
                continue
        return found

    def is_quiet(self, now: datetime) -> bool:
        """Whether `now` (aware) lies in the quiet hours."""
        return self.quiet is not None and within(hours(self.quiet), now.astimezone(ZoneInfo(self.time_zone)).time())

    def remind_after(self) -> timedelta | None:
        """After how long an alarm that lasts is told again; None: never."""
        return timedelta(days=self.remind_days) if self.remind_days else None


def hours(text: str) -> tuple[time, time]:
    """`22:00-07:00` as two times of day. Raises ValueError."""
    m = _QUIET.fullmatch(text.strip())
    if not m or int(m[1]) > 23 or int(m[3]) > 23 or int(m[2]) > 59 or int(m[4]) > 59:
        raise ValueError("not of the form 22:00-07:00")
    found = time(int(m[1]), int(m[2])), time(int(m[3]), int(m[4]))
    if found[0] == found[1]:
        raise ValueError("begins when it ends")
    return found


def within(span: tuple[time, time], at: time) -> bool:
    """Whether a time of day lies in a span that may go over midnight; its end does not belong to it."""
    begin, end = span
    return begin <= at < end if begin < end else at >= begin or at < end


def alarm_settings(home: Home) -> AlarmSettings:
    """The settings of a home. Raises JianghuaError naming file and key, or the variable."""
    from watching.rules import RULES

    found = load_section(home, "alarms", AlarmSettings)
    known = {r.kind: r for r in RULES}
    for kind in (*found.off, *found.limits):
        if kind not in known:
            raise JianghuaError(
                f"unknown kind of alarm '{kind}'",
                where=f"{home.settings_file}, [alarms]",
                remedy=f"use some of: {', '.join(sorted(known))}",
            )
    for kind, limits in found.limits.items():
        for name in limits:
            if name not in known[kind].limits:
                raise JianghuaError(
                    f"alarm '{kind}' has no limit '{name}'",
                    where=f"{home.settings_file}, [alarms.limits.{kind}]",
                    remedy=f"use some of: {', '.join(sorted(known[kind].limits)) or 'none'}",
                )
    return found
