"""Settings of the service: defaults, then `[service]` in `jianghua.toml`, then environment (`JIANGHUA_…`), then options."""

from __future__ import annotations

import ipaddress
import json
import re
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from crawler.config import read_settings
from crawler.errors import JianghuaError
from crawler.home import Home
from crawler.mistakes import said


class _Section(TomlConfigSettingsSource):
    """`[service]` of the file. A file without it (with settings of others) says nothing of the service."""

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        try:
            super().__init__(settings_cls)
        except KeyError:
            super().__init__(settings_cls, toml_file=None)
        except (AttributeError, TypeError):  # service = 1
            raise ValueError("`service` is no section") from None


class ServiceSettings(BaseSettings):
    """host, port: where the pages are (port 0: a free one). hosts: further names under which people reach them, e.g. behind a proxy.

    public: datasets and catalogue are for everybody, without token and from any origin. time_zone: in which the pages show times
    (None: the zone of this machine). token: the secret of the pages (None: made at the first start, var/token).
    """

    model_config = SettingsConfigDict(env_prefix="JIANGHUA_", extra="forbid")

    host: str = "127.0.0.1"
    port: int = Field(default=8640, ge=0, le=65535)
    hosts: Annotated[tuple[str, ...], NoDecode] = ()
    public: bool = False
    time_zone: str | None = None
    token: str | None = Field(default=None, repr=False)

    @field_validator("hosts", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """One name, or several with commas or spaces between them (a variable has no lists); a JSON list too."""
        if isinstance(value, str):
            return json.loads(value) if value.lstrip().startswith("[") else value.replace(",", " ").split()
        return value

    @field_validator("hosts")
    @classmethod
    def _names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not re.fullmatch(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+", name):
                raise ValueError(f"'{name}' is no host name; write e.g. data.example, without http:// and port")
        return value

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ZoneInfo(value)
            except (KeyError, ValueError, OSError):
                raise ValueError("not an IANA time zone; write e.g. Asia/Shanghai or UTC") from None
        return value

    @field_validator("token")
    @classmethod
    def _long(cls, value: str | None) -> str | None:
        if value is not None and (len(value) < 16 or not value.isascii() or not value.isprintable()):
            raise ValueError("a token has at least 16 printable ASCII characters")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _Section(settings_cls)

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the pages."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether an address or host name is this machine's own. Other names are not resolved: they count as foreign."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def load_service_settings(home: Home, **options: Any) -> ServiceSettings:
    """The settings of a home; `options` (None: not given) win. Raises JianghuaError naming the setting."""

    class OfHome(ServiceSettings):
        model_config = SettingsConfigDict(
            env_prefix="JIANGHUA_", extra="forbid", toml_file=home.settings_file, toml_table_header=("service",)
        )

    read_settings(home)
    try:
        return OfHome(**{k: v for k, v in options.items() if v is not None})
    except ValidationError as e:
        first = e.errors(include_input=False)[0]  # the value may be a token
        key = str(first["loc"][0]) if first["loc"] else "service"
        if first["type"] == "extra_forbidden":
            raise JianghuaError(
                f"unknown setting '{key}'",
                where=f"[service] of {home.settings_file}",
                remedy=f"use some of: {', '.join(ServiceSettings.model_fields)}",
            ) from None
        raise JianghuaError(
            f"setting '{key}': {said(first)}",
            where=f"[service] of {home.settings_file}, JIANGHUA_{key.upper()}{f' or --{key}' if key in ('host', 'port') else ''}",
            remedy="mend or remove it; docs/service.md lists the settings",
        ) from None
    except (OSError, ValueError) as e:
        raise JianghuaError(
            f"cannot read the settings: {e}", where=str(home.settings_file), remedy="mend the file or remove it"
        ) from None
