"""How to load a version, tool by tool: the code that card and catalogue show, and that the tests run as it stands here.

Each reads one version folder. `tables/` of the dataset holds the parts of all versions and must never be globbed.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Snippet:
    """One way to load a version.

    tool: short name, unique; title: for people; language: of the code, as Markdown names it. module: what must be installed for
    it in Python, None where it is no Python. In code `{folder}` stands for the version folder, `{url}` for the folder's
    web address, `{dataset}` for the folder or web address of the dataset, `{version}` for the version's name. A Python snippet leaves what it loaded in `gives`.
    """

    tool: str
    title: str
    language: str
    code: str
    module: str | None = None
    gives: str = "speeches"

    def filled(self, **places: str) -> str:
        """The code with its places filled in. Raises ValueError for a value that would end a string literal."""
        code = self.code
        for name, value in places.items():
            if any(c in value for c in "\"'\\\n\r"):
                raise ValueError(f"no place for a snippet: {value!r}")
            code = code.replace(f"{{{name}}}", value)
        return code


SNIPPETS: tuple[Snippet, ...] = (
    Snippet(
        "jianghua",
        "Jianghua's reader: verified, any version, one copy of each speech",
        "python",
        """\
import jianghua

speeches = jianghua.open_dataset("{dataset}", version="{version}", dedupe=True, previews=False).arrow()
""",
        "jianghua",
    ),
    Snippet(
        "pandas",
        "pandas",
        "python",
        """\
import pandas

speeches = pandas.read_parquet("{folder}/speeches")
""",
        "pandas",
    ),
    Snippet(
        "polars",
        "Polars",
        "python",
        """\
import polars

speeches = polars.scan_parquet("{folder}/speeches/*.parquet").collect()
""",
        "polars",
    ),
    Snippet(
        "duckdb",
        "DuckDB: one copy of each speech",
        "sql",
        """\
SELECT s.speech_id, s.title, s.region, s.published_at, s.chars
FROM read_parquet('{folder}/speeches/*.parquet') AS s
LEFT JOIN read_parquet('{folder}/duplicates/*.parquet') AS d USING (speech_id)
WHERE d.speech_id IS NULL OR d.is_representative;
""",
    ),
    Snippet(
        "pyarrow",
        "Arrow: every page checked",
        "python",
        """\
import pyarrow.parquet

speeches = pyarrow.parquet.read_table("{folder}/speeches", page_checksum_verification=True)
""",
        "pyarrow",
    ),
    Snippet(
        "datasets",
        "Hugging Face datasets",
        "python",
        """\
import os

import datasets

speeches = datasets.load_dataset(os.path.abspath("{folder}"), "speeches", split="train")
""",
        "datasets",
    ),
    Snippet(
        "mlcroissant",
        "Croissant",
        "python",
        """\
import mlcroissant

croissant = mlcroissant.Dataset("{folder}/croissant.json")
speeches = list(croissant.records("speeches"))
""",
        "mlcroissant",
    ),
    Snippet(
        "http-pandas",
        "pandas over HTTP: the parts that the manifest names",
        "python",
        """\
import json
import urllib.request

import pandas

with urllib.request.urlopen("{url}/manifest.json") as answer:
    manifest = json.load(answer)
parts = ["{url}/speeches/" + part["file"] for part in manifest["tables"]["speeches"]["parts"]]
speeches = pandas.concat(map(pandas.read_parquet, parts), ignore_index=True)
""",
        "pandas",
    ),
    Snippet(
        "http-polars",
        "Polars over HTTP, from a server that gives ranges: only the columns that are used travel",
        "python",
        """\
import json
import urllib.request

import polars

with urllib.request.urlopen("{url}/manifest.json") as answer:
    manifest = json.load(answer)
parts = ["{url}/speeches/" + part["file"] for part in manifest["tables"]["speeches"]["parts"]]
speeches = polars.scan_parquet(parts).collect()
""",
        "polars",
    ),
    Snippet(
        "spark",
        "Spark",
        "python",
        """\
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
speeches = spark.read.parquet("{folder}/speeches")
""",
        "pyspark",
    ),
    Snippet(
        "r",
        "R",
        "r",
        """\
library(arrow)

speeches <- open_dataset("{folder}/speeches")
""",
    ),
)
BY_TOOL: dict[str, Snippet] = {s.tool: s for s in SNIPPETS}
