"""Every word of the catalogue is there in English and in Chinese; also what the data says of itself."""

from __future__ import annotations

import json
import re

from catalogue.build import static_files
from publisher.documents import about
from publisher.documents.snippets import SNIPPETS
from publisher.tables import TABLES

SAME = {"Polars", "pandas", "Spark", "R", "Croissant", "Hugging Face datasets"}  # names are names


def translations() -> dict[str, str]:
    text = static_files()["translations.js"].decode().partition("TRANSLATIONS = ")[2]
    found: dict[str, str] = json.loads(re.sub(r",\s*};\s*$", "}", text))
    return found


def words() -> dict[str, tuple[str, str]]:
    source = static_files()["words.js"].decode().partition("const WORDS = {")[2].partition("\n};")[0]
    one_line = re.sub(r"\[\n\s+(.*),\n\s+(.*),\n\s+\]", r"[\1, \2]", source)
    return {name: tuple(json.loads(pair)) for name, pair in re.findall(r"^  (\w+): (\[.*\]),$", one_line, re.MULTILINE)}


def test_what_the_data_says_of_itself_is_translated() -> None:
    """A sentence that is new or changed wants its Chinese in catalogue/static/translations.js, under the English as it is now."""
    there = translations()
    said = {about.SUMMARY, about.LICENCE, about.COLLECTION, *about.LIMITS, about.PERSONAL, about.UPKEEP}
    said |= {s.title for s in SNIPPETS}
    said |= {x for table in TABLES.values() for x in (table.description, *(c.description for c in table.columns))}
    assert said - set(there) == set()
    assert set(there) - said == set()  # and no sentence that nobody says any more
    assert all(re.search("[\u4e00-\u9fff]", v) for v in there.values() if v not in SAME)


def test_words_are_whole() -> None:
    table = words()
    assert len(table) > 150
    scripts = [c.decode() for p, c in static_files().items() if p.endswith(".js") and not p.startswith("vendor/")]
    used = {w for text in scripts for w in re.findall(r'\bt\("(\w+)"', text)}
    assert len(used) > 100
    assert used <= set(table)
    for name, (english, chinese) in table.items():
        assert set(re.findall(r"\{\d\}", english)) == set(re.findall(r"\{\d\}", chinese)), name
