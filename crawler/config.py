"""Settings of the crawler: defaults, then `jianghua.toml` in the home, then the environment (JIANGHUA_…), then options."""

from __future__ import annotations

import difflib
import tomllib
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from crawler.errors import JianghuaError
from crawler.extraction import SPEECH_THRESHOLD
from crawler.home import Home
from crawler.mistakes import said

VERSION = "0.1"
# What others read from jianghua.toml: schedules/settings.py, and the sections of publisher, watching and service.
OF_SCHEDULES = ("state", "heartbeat", "lease", "stop", "parallel")
SECTIONS = ("publish", "retention", "alarms", "service")


class Settings(BaseSettings):
    """contact: an address or page where site owners reach whoever runs this crawl. timeout: seconds to wait for an answer.
    max_size: bytes of a response, after decompression, beyond which it is given up. speech_threshold: score from which a document
    counts as a speech (docs/extracting.md); another one means reading again. log_format: lines of text, or JSON for machines. log_keep_days,
    log_keep_bytes: age and size of all logs of runs (var/logs) from which old ones go; log_file_bytes: of one log."""

    model_config = SettingsConfigDict(env_prefix="JIANGHUA_", extra="ignore", frozen=True)

    contact: str = "https://github.com/jianghua-dataset/jianghua"
    timeout: float = Field(default=30.0, gt=0)
    max_size: int = Field(default=10 * 1024 * 1024, ge=1024)
    # the best score that there is is 5, the worst above -15
    speech_threshold: float = Field(default=SPEECH_THRESHOLD, ge=-15, le=5, allow_inf_nan=False)
    log_format: Literal["text", "json"] = "text"
    log_keep_days: float = Field(default=90.0, gt=0)
    log_keep_bytes: int = Field(default=2_000_000_000, ge=0)
    log_file_bytes: int = Field(default=64_000_000, ge=65_536)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # what the file says comes in as arguments: the environment wins over it
        return env_settings, init_settings

    def user_agent(self, contact: str | None = None) -> str:
        """The user agent: the project and a contact. contact: of the site file, if it names its own."""
        return f"Jianghua/{VERSION} (+{contact or self.contact})"


def read_settings(home: Home) -> dict[str, Any]:
    """What jianghua.toml of a home says; nothing where there is none. Raises JianghuaError when it is no TOML, or has a name that
    nobody reads: a misspelt setting would change nothing and say nothing."""
    path = home.settings_file
    if not path.exists():
        return {}
    try:
        value = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        raise JianghuaError(
            f"the settings cannot be read: {(isinstance(e, OSError) and e.strerror) or e}",
            where=str(path),
            remedy="mend the file; it is TOML",
        ) from None
    known = [*Settings.model_fields, *OF_SCHEDULES, *SECTIONS]
    for name, given in value.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            told = [f"[{n}]" if n in SECTIONS else n for n in near or sorted(known)]
            raise JianghuaError(
                f"unknown {'section' if isinstance(given, dict) else 'setting'} '{name}'",
                where=str(path),
                remedy=f"did you mean {told[0]}?" if near else f"remove it, or use one of: {', '.join(told)}",
            )
    return value


def load_settings(home: Home) -> Settings:
    """The settings of a home. Raises JianghuaError when jianghua.toml or the environment holds a wrong value."""
    value = read_settings(home)
    try:
        return Settings(**value)
    except ValidationError as e:
        first = e.errors()[0]
        name = ".".join(str(x) for x in first["loc"])
        raise JianghuaError(
            f"setting '{name}': {said(first)}",
            where=f"{home.settings_file} or JIANGHUA_{name.upper()}",
            remedy="mend the value",
        ) from None
