"""docs/scheduling.md shows every key of a schedule in examples that are right, and says what each means."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from schedules.plan import BUILT_IN, Retries, Schedule, parse_schedule

PAGE = (Path(__file__).parents[2] / "docs" / "scheduling.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n# (\S+\.yaml)\n(.*?)```", PAGE, re.DOTALL)
PARTS = {"crawl", "extract", "publish", "retries"}


def keys(value: object, at: str = "") -> set[str]:
    if not isinstance(value, dict):
        return set()
    return {f"{at}{k}" for k in value} | {x for k, v in value.items() if k in PARTS for x in keys(v, f"{k}.")}


def known() -> set[str]:
    found = set(Schedule.model_fields) | {f"retries.{k}" for k in Retries.model_fields}
    for part in PARTS - {"retries"}:
        model = Schedule.model_fields[part].annotation
        assert model is not None
        found |= {f"{part}.{k}" for k in model.model_fields}
    return found


def test_the_examples_are_right_and_show_every_key(tmp_path: Path) -> None:
    shown: set[str] = set()
    for name, text in EXAMPLES:
        (tmp_path / name).write_text(text, encoding="utf-8")
        parse_schedule(tmp_path / name, ["hualong"], lambda: {"province": ["hualong"]})
        shown |= keys(yaml.safe_load(text))
    assert shown == known()


def test_the_defaults_that_the_examples_name_are_the_defaults() -> None:
    text = dict(EXAMPLES)["nightly.yaml"]
    for key, default in re.findall(r"^(\w+):.*; default (\S+)$", text, re.MULTILINE):
        value = Schedule.model_fields[key].get_default()
        told = {"never": None, "none": None, "0": Schedule(name="s", cron="0 0 * * *").jitter}.get(default, default)
        assert value == told, key


def test_every_key_is_explained() -> None:
    rows = re.findall(r"^\| (`[^|]*`) \|", PAGE[: PAGE.index("## By hand")], re.MULTILINE)
    explained = {k for row in rows for k in re.findall(r"`([^`]+)`", row)}
    assert explained - {"publish.warnings"} == set(Schedule.model_fields)


def test_the_built_in_examples_are_named_by_their_files() -> None:
    for path in BUILT_IN.glob("*.yaml"):
        assert parse_schedule(path).enabled == (path.stem == "daily")
