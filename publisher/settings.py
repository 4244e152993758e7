"""Settings of publishing: defaults, then `[publish]` of jianghua.toml in the home, then the environment (JIANGHUA_PUBLISH_…)."""

from __future__ import annotations

import os
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from crawler.errors import JianghuaError
from crawler.home import Home
from crawler.mistakes import said

Section = TypeVar("Section", bound=BaseModel)


class PublishSettings(BaseModel):
    """mask_personal_data: whether personal data is masked in the release (docs/personal-data.md). It is flagged either way.
    remotes: addresses of copies of the datasets (s3://…), from which a takedown with --everywhere takes the text too; in the
    environment separated by spaces. refused_sites: what becomes of a version that gates refuse because of single sites: `refuse`, or `carry`, which
    publishes it with the last good rows of these (docs/gates.md#sites-that-are-refused)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # What was published once cannot be called back everywhere; what was masked can be shown by the next version.
    mask_personal_data: bool = True
    remotes: tuple[str, ...] = ()
    refused_sites: Literal["refuse", "carry"] = "refuse"  # whoever carries sites has to look at what is told of them

    @field_validator("remotes", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return value.split() if isinstance(value, str) else value


def publish_settings(home: Home) -> PublishSettings:
    """The settings of publishing in a home. Raises JianghuaError naming file and key, or the variable."""
    return load_section(home, "publish", PublishSettings)


def load_section(home: Home, name: str, model: type[Section]) -> Section:
    """A section of jianghua.toml as a model, each key overridden by the variable JIANGHUA_SECTION_KEY.

    Raises JianghuaError for an unknown key, a wrong value, and a file that is no TOML.
    """
    given = _section(home, name)
    prefix = f"JIANGHUA_{name.upper()}_"
    from_environment = {k: v for k in model.model_fields if (v := os.environ.get(prefix + k.upper())) is not None}
    try:
        return model.model_validate(given | from_environment)
    except ValidationError as e:
        first = e.errors()[0]
        key = ".".join(str(x) for x in first["loc"])
        where = prefix + key.upper() if key in from_environment else f"{home.settings_file}, [{name}]"
        known = ", ".join(model.model_fields)
        if first["type"] == "extra_forbidden":
            raise JianghuaError(
                f"unknown setting '{key}' in [{name}]", where=where, remedy=f"remove it, or use one of: {known}"
            ) from None
        raise JianghuaError(f"setting '{key}': {said(first)}", where=where, remedy="mend the value") from None


def _section(home: Home, name: str) -> dict[str, Any]:
    from crawler.config import read_settings  # brings pydantic-settings, which nothing else here needs

    value = read_settings(home).get(name, {})
    if not isinstance(value, dict):
        raise JianghuaError(
            f"'{name}' is no section", where=str(home.settings_file), remedy=f"write [{name}] and its keys below"
        )
    return value
