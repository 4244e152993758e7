"""Every snippet of the card, run as it stands on a version of two parts a table: the rows are those of the version, and of no other."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from publisher.documents.snippets import BY_TOOL, SNIPPETS, Snippet
from tests.publisher.documents_made import Made, made


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return made(tmp_path_factory.mktemp("loading"))


class Ranges(http.server.SimpleHTTPRequestHandler):
    """Files, whole or in part, as every real web server gives them."""

    def do_GET(self) -> None:
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        path = Path(self.translate_path(self.path))
        if not wanted or not path.is_file():
            super().do_GET()
            return
        data = path.read_bytes()
        first = int(wanted[1]) if wanted[1] else max(0, len(data) - int(wanted[2]))
        last = min(int(wanted[2]), len(data) - 1) if wanted[1] and wanted[2] else len(data) - 1
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        self.wfile.write(data[first : last + 1])

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def url(version: Made) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Ranges, directory=version.dataset))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/versions/{version.manifest.version}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No loader looks for anything outside, and none writes outside of this test's folder."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path))
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()


def run(snippet: Snippet, version: Made, url: str) -> Any:
    """What a Python snippet leaves."""
    code = snippet.filled(
        folder=str(version.folder), url=url, dataset=str(version.dataset), version=version.manifest.version
    )
    names: dict[str, Any] = {}
    exec(compile(code, f"<{snippet.tool}>", "exec"), names)
    return names[snippet.gives]


def rows_of(loaded: Any) -> list[dict[str, Any]]:
    """What a loader gave, as rows."""
    if isinstance(loaded, pa.Table):
        return list(loaded.to_pylist())
    if hasattr(loaded, "to_dicts"):
        return list(loaded.to_dicts())
    if hasattr(loaded, "to_dict") and hasattr(loaded, "iloc"):
        return list(loaded.to_dict("records"))
    if hasattr(loaded, "toPandas"):
        rows = [r.asDict() for r in loaded.collect()]
        loaded.sparkSession.stop()
        return rows
    return [dict(r) for r in loaded]


def digest(rows: list[dict[str, Any]]) -> str:
    """Of ids and texts, in any order."""

    def plain(row: dict[str, Any], column: str) -> str:
        value = row.get(column, row.get(f"speeches/{column}"))
        return value.decode() if isinstance(value, bytes) else str(value)

    lines = sorted(f"{plain(r, 'speech_id')}\0{plain(r, 'text')}" for r in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


WHOLE = [s for s in SNIPPETS if s.language == "python" and s.tool != "jianghua"]
# What comes with the set-up: one of these that cannot be loaded is a fault, and no reason to skip.
LOCKED = set(
    re.findall(r"^([a-z0-9-]+)==", (Path(__file__).parents[2] / "requirements.lock").read_text(), re.MULTILINE)
)


@pytest.mark.parametrize("snippet", WHOLE, ids=lambda s: s.tool)
def test_a_snippet_gives_the_rows_of_the_version(snippet: Snippet, version: Made, url: str) -> None:
    assert snippet.module is not None
    if snippet.module not in LOCKED:
        pytest.importorskip(snippet.module)
    if snippet.tool == "spark" and not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        pytest.skip("Spark needs Java")
    found = rows_of(run(snippet, version, url))
    wanted = version.tables["speeches"]
    assert len(found) == wanted.num_rows
    assert digest(found) == digest(wanted.select(["speech_id", "text"]).to_pylist())


def test_the_snippet_for_r_gives_the_rows_of_the_version(version: Made, tmp_path: Path) -> None:
    if not (rscript := shutil.which("Rscript")):
        pytest.skip("R is not installed")
    if subprocess.run([rscript, "-e", "library(arrow)"], capture_output=True, timeout=120, check=False).returncode:
        pytest.skip("R has no arrow")
    out = tmp_path / "out.arrow"
    code = BY_TOOL["r"].filled(folder=str(version.folder))
    code += f'write_ipc_file(Scanner$create(speeches, c("speech_id", "text"))$ToTable(), "{out}")\n'
    code += "stopifnot(nrow(speeches) == nrow(Scanner$create(speeches)$ToTable()))\n"
    script = tmp_path / "script.R"
    script.write_text(code)
    done = subprocess.run([rscript, str(script)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found = pa.ipc.open_file(out.read_bytes()).read_all()
    assert digest(found.to_pylist()) == digest(version.tables["speeches"].select(["speech_id", "text"]).to_pylist())


def one_of_each(version: Made) -> set[str]:
    copies = {r["speech_id"] for r in version.tables["duplicates"].to_pylist() if not r["is_representative"]}
    assert copies
    return set(version.tables["speeches"]["speech_id"].to_pylist()) - copies


def test_the_sql_gives_one_copy_of_each_speech(version: Made) -> None:
    import duckdb

    code = BY_TOOL["duckdb"].filled(folder=str(version.folder))
    with contextlib.closing(duckdb.connect()) as connection:
        found = connection.sql(code).fetchall()
    assert sorted(r[0] for r in found) == sorted(one_of_each(version))


def test_our_reader_gives_one_copy_of_each_whole_speech(version: Made, url: str) -> None:
    found = {r["speech_id"] for r in rows_of(run(BY_TOOL["jianghua"], version, url))}
    cut = {r["speech_id"] for r in version.tables["speeches"].to_pylist() if r["is_preview"]}
    assert cut
    assert found == one_of_each(version) - cut


@pytest.mark.parametrize("name", ["duplicates", "provenance", "pages", "removed"])
def test_hugging_face_loads_every_table_that_has_rows(version: Made, name: str) -> None:
    import datasets

    found = datasets.load_dataset(str(version.folder), name, split="train")
    assert found.num_rows == version.tables[name].num_rows > 0
    assert found.column_names == version.tables[name].schema.names


def test_hugging_face_takes_the_speeches_by_default(version: Made) -> None:
    import datasets

    found = datasets.load_dataset(str(version.folder), split="train")
    assert found["speech_id"] == version.tables["speeches"]["speech_id"].to_pylist()


def test_the_card_shows_every_snippet_with_its_places_filled(version: Made) -> None:
    text = (version.folder / "README.md").read_text(encoding="utf-8")
    for snippet in SNIPPETS:
        filled = snippet.filled(
            folder=".",
            dataset="../..",
            version=version.manifest.version,
            url=f"https://HOST/DATASET/versions/{version.manifest.version}",
        )
        assert f"```{snippet.language}\n{filled}```" in text
        assert not {"{folder}", "{url}", "{dataset}", "{version}"} & set(filled.split())
    assert len(BY_TOOL) == len(SNIPPETS)


def test_no_snippet_reads_the_parts_of_all_versions() -> None:
    for snippet in SNIPPETS:
        assert "tables/" not in snippet.code
        assert "/*" not in snippet.code.replace("/*.parquet", "")


@pytest.mark.parametrize("place", ['a"b', "a'b", "a\\b", "a\nb"])
def test_a_place_that_would_end_a_string_is_refused(place: str) -> None:
    with pytest.raises(ValueError, match="no place"):
        BY_TOOL["pandas"].filled(folder=place)


@pytest.mark.parametrize("tool", ["pandas", "polars", "pyarrow", "datasets", "mlcroissant"])
def test_snippets_run_where_the_card_lies(version: Made, tool: str) -> None:
    assert tool in LOCKED
    here = Path.cwd()
    os.chdir(version.folder)
    try:
        names: dict[str, Any] = {}
        exec(BY_TOOL[tool].filled(folder="."), names)
    finally:
        os.chdir(here)
    assert len(names["speeches"]) == version.tables["speeches"].num_rows
