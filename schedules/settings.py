"""Settings of the scheduler: defaults, then `jianghua.toml` of the home, then environment (`JIANGHUA_…`), then options."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from crawler.config import read_settings
from crawler.errors import JianghuaError
from crawler.home import Home
from crawler.mistakes import said

LONGEST = 7 * 86400.0  # seconds that any of the settings may be


class Settings(BaseSettings):
    """state: SQLAlchemy URL of the ledger (None: SQLite at var/state.db). Times in seconds.

    heartbeat: how often a scheduler says that it lives; lease: how long it is believed without a sign, which is also how
    long a run may be silent before it counts as dead; stop: how long steps get to end by themselves when asked to.
    parallel: how many runs (of schedules that share no site) go at a time.
    """

    model_config = SettingsConfigDict(env_prefix="JIANGHUA_", extra="ignore")

    state: str | None = None
    heartbeat: float = Field(default=5.0, gt=0, le=LONGEST)
    lease: float = Field(default=30.0, gt=0, le=LONGEST)
    stop: float = Field(default=20.0, ge=0, le=LONGEST)
    parallel: int = Field(default=4, ge=1)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    def ledger_url(self, home: Home) -> str | sa.URL:
        """Where the ledger is. A file of the home is no text, in which a `?` would end its path."""
        return self.state or sa.URL.create("sqlite", database=str(home.ledger))

    @property
    def lease_time(self) -> timedelta:
        return timedelta(seconds=max(self.lease, 2 * self.heartbeat))


def load_settings(home: Home, **options: Any) -> Settings:
    """The settings of a home; `options` (None: not given) win. Raises JianghuaError naming the file or the setting."""

    class OfHome(Settings):
        model_config = SettingsConfigDict(env_prefix="JIANGHUA_", extra="ignore", toml_file=home.settings_file)

    read_settings(home)
    try:
        return OfHome(**{k: v for k, v in options.items() if v is not None})
    except ValidationError as e:
        first = e.errors()[0]
        key = ".".join(str(x) for x in first["loc"])
        raise JianghuaError(
            f"setting '{key}': {said(first)}",
            where=f"{home.settings_file} or JIANGHUA_{key.upper()}",
            remedy="mend or remove it; docs/scheduling.md lists the settings",
        ) from None
    except (OSError, ValueError) as e:  # tomllib.TOMLDecodeError is a ValueError
        raise JianghuaError(
            f"cannot read the settings: {e}", where=str(home.settings_file), remedy="mend the file or remove it"
        ) from None
