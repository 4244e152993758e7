"""`jianghua takedown` on a home with records and published versions."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from catalogue.build import build
from crawler.archive import ArchiveWriter
from crawler.console import run_app
from crawler.home import Home
from crawler.shards import read_records
from crawler.takedowns import load_takedowns
from publisher.cli_takedown import app
from publisher.locks import locked
from publisher.reader import open_dataset
from publisher.release import publish
from publisher.verify import verify
from publisher.versions import version_names
from tests.publisher.publisher_made import speech, text
from tests.publisher.test_publish_cli import extracted

WHEN = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
TITLE = "一次不再公开的讲话"
BODY = text("taken")
MEANT = speech("a", 2, BODY, title=TITLE, title_raw=TITLE)
COPY = speech("b", 9, BODY.replace("，", "、"), title="别处的同一篇")


def jianghua(home: Home, *arguments: str) -> tuple[int, Any, str]:
    """Exit code, what --json says, and standard error."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    argv, sys.argv = sys.argv, ["jianghua", *arguments, "--json", "--home", str(home.root)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            run_app(app)
    except SystemExit as e:
        code = int(e.code or 0)
    finally:
        sys.argv = argv
    return code, json.loads(out.getvalue() or "null"), err.getvalue()


def told(home: Home, *arguments: str) -> Any:
    code, value, err = jianghua(home, *arguments)
    assert code == 0, err
    return value


@pytest.fixture
def home(tmp_path: Path) -> Home:
    extracted(tmp_path, "a", [*(speech("a", n) for n in range(5) if n != 2), MEANT])
    extracted(tmp_path, "b", [*(speech("b", n) for n in range(4)), COPY])
    home = Home(tmp_path)
    publish(home, now=WHEN)
    return home


def listed(home: Home) -> set[str]:
    return set(open_dataset(home.datasets / "speeches").arrow()["speech_id"].to_pylist())


def test_add_list_and_lift(home: Home) -> None:
    assert told(home, "list") == []
    dry = told(home, "add", MEANT["speech_id"], "--reason", "来函", "--everywhere", "--dry-run")
    assert [v["old"] for v in dry["versions"]] == ["2026-11-22.1"]
    assert load_takedowns(home) == ()
    made = told(home, "add", MEANT["speech_id"], "--reason", "来函", "--by", "王")
    assert [s["speech_id"] for s in made["speeches"]] == [MEANT["speech_id"]]
    assert made["pages"] == [{"site": "a", "keys": ["/a/2.html"]}]
    assert made["versions"] == []
    (entry,) = told(home, "list")
    assert (entry["id"], entry["speeches"], entry["by"], entry["texts"]) == (made["id"], 1, "王", 1)
    assert BODY[:10] not in (home.takedowns / "takedowns.yaml").read_text()
    told(home, "lift", made["id"], "--reason", "收回")
    assert told(home, "list") == []
    assert told(home, "list", "--all")[0]["lifted_because"] == "收回"


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_what_is_taken_down_already_can_be_made_to_reach_further(home: Home, dry: list[str]) -> None:
    told(home, "add", MEANT["speech_id"], "--reason", "来函")
    again = ["add", MEANT["speech_id"], "--reason", "来函", *dry]
    code, _, err = jianghua(home, *again)
    assert code == 2
    assert "lift it first" in err
    code, _, err = jianghua(home, *again, "--everywhere", "--archive")
    assert code == 2
    assert "write `everywhere: true` and `archive: true` into that entry, then `jianghua takedown apply`" in err
    assert "takedowns.yaml:1" in err
    path = home.takedowns / "takedowns.yaml"
    path.write_text(path.read_text() + "  everywhere: true\n")
    assert [v["old"] for v in told(home, "apply")["versions"]] == ["2026-11-22.1"]
    assert MEANT["speech_id"] not in listed(home)


def test_everywhere_at_once_and_again_by_apply(home: Home) -> None:
    mirror = home.var / "publish" / "mirror" / "x" / "speeches" / "versions" / "2026-11-22.1"
    mirror.mkdir(parents=True)
    (mirror / "manifest.json").write_text(TITLE)
    done = told(home, "add", MEANT["page_url"], "--reason", "来函", "--everywhere")
    assert [(v["old"], v["new"], v["speeches"]) for v in done["versions"]] == [("2026-11-22.1", "2026-11-22.2", 1)]
    assert done["latest"] == "2026-11-22.2"
    assert not mirror.exists()
    assert MEANT["speech_id"] not in listed(home)
    assert COPY["speech_id"] in listed(home)
    verify(home.datasets / "speeches")
    assert told(home, "apply")["versions"] == []


def test_mirrors_go_whole_and_not_from_under_a_publish(home: Home) -> None:
    place = home.var / "publish" / "mirror" / "x" / "speeches"
    (place / "tables" / "speeches").mkdir(parents=True)  # a takedown was killed when it had removed the versions
    (place / "tables" / "speeches" / "part-1.parquet").write_text(TITLE)
    shutil.rmtree(home.datasets)  # the home publishes to object storage alone
    with locked(place.parent, 0):
        code, _, err = jianghua(home, "add", MEANT["page_url"], "--reason", "来函", "--everywhere", "--wait", "0")
        assert code
        assert "another publish is running" in err
    assert (place / "tables").exists()
    assert told(home, "apply")["mirrors_removed"] == [str(place)]
    assert [p.name for p in place.iterdir()] == [".lock"]
    assert told(home, "apply")["mirrors_removed"] == []


def test_the_catalogue_holds_no_title_of_it_any_more(home: Home) -> None:
    def words() -> str:
        said = []
        for path in sorted((home.datasets / "catalogue" / "data").rglob("*")):
            if path.is_file():
                data = path.read_bytes()
                if path.suffix == ".pack":  # frames one behind the other
                    data = pa.CompressedInputStream(pa.BufferReader(data), "zstd").read()
                said.append(data.decode("utf-8", "replace"))
        return "\n".join(said)

    build(home.datasets, data="elsewhere/")
    assert TITLE in words()
    assert told(home, "add", MEANT["speech_id"], "--reason", "来函")["catalogue_renewed"] is False
    assert TITLE in words()  # it is still in the version of which the catalogue tells
    (entry,) = told(home, "list")
    told(home, "lift", entry["id"], "--reason", "收回")
    done = told(home, "add", MEANT["speech_id"], "--reason", "来函", "--everywhere")
    assert done["catalogue_renewed"] is True
    assert TITLE not in words()
    assert json.loads((home.datasets / "catalogue" / "catalogue.json").read_bytes())["data"] == "elsewhere/"
    assert told(home, "apply")["catalogue_renewed"] is False


def test_copies_that_stay_are_told(home: Home) -> None:
    assert told(home, "add", MEANT["page_url"], "--reason", "来函", "--dry-run")["copies_left"] == [COPY["speech_id"]]
    assert told(home, "add", MEANT["page_url"], "--reason", "来函", "--copies", "--dry-run")["copies_left"] == []


def test_copies_go_with_it(home: Home) -> None:
    done = told(home, "add", MEANT["page_url"], "--reason", "来函", "--copies", "--everywhere")
    assert {s["speech_id"] for s in done["speeches"]} == {MEANT["speech_id"], COPY["speech_id"]}
    assert not {MEANT["speech_id"], COPY["speech_id"]} & listed(home)


def test_by_a_text_in_a_file(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_text(BODY)
    done = told(home, "add", "--text-like", str(file), "--reason", "来函", "--everywhere")
    assert {s["speech_id"] for s in done["speeches"]} == {MEANT["speech_id"], COPY["speech_id"]}
    assert not {MEANT["speech_id"], COPY["speech_id"]} & listed(home)
    code, _, err = jianghua(home, "add", "--text-like", str(file), "--reason", "again")
    assert code == 2
    assert "already" in err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("讲", "it has 1 character and 0 different groups of 5 Chinese characters"),
        ("同志们,大家好!", "it has 8 characters and 2 different groups of 5"),
        ("同志们好" * 50, "it has 200 characters and 4 different groups of 5"),
        ("A speech in another script. " * 20, "and 0 different groups of 5"),
        (" \n", "the file holds no text"),
    ],
)
def test_a_text_that_is_too_short_to_be_told_is_refused(home: Home, tmp_path: Path, given: str, said: str) -> None:
    """It would stand in other speeches by chance, or be in none."""
    file = tmp_path / "text.txt"
    file.write_text(given)
    code, value, err = jianghua(home, "add", "--text-like", str(file), "--reason", "来函")
    assert (code, value) == (2, None)
    assert said in err
    assert "do:" in err
    assert load_takedowns(home) == ()


def test_the_shortest_text_that_is_taken(home: Home, tmp_path: Path) -> None:
    """64 ideographs have 60 groups of five, which the message of the shorter one asks for."""
    letters = "".join(chr(0x4E00 + n) for n in range(64))
    file = tmp_path / "text.txt"
    file.write_text(letters[:-1])
    code, _, err = jianghua(home, "add", "--text-like", str(file), "--reason", "来函")
    assert code == 2
    assert "59 different groups" in err
    assert "60 such groups are needed (a text of 64 Chinese characters" in err
    file.write_text(letters)
    assert told(home, "add", "--text-like", str(file), "--reason", "来函")["speeches"] == []


def test_a_speech_that_only_an_older_version_has(home: Home) -> None:
    extracted(home.root, "a", [speech("a", n) for n in range(5) if n != 2])
    told(home, "add", MEANT["speech_id"], "--reason", "来函", "--everywhere")
    assert version_names(home.datasets / "speeches") == ["2026-11-22.2"]


def test_archive_and_records_are_erased(home: Home) -> None:
    writer = ArchiveWriter(home, "a", "tests")
    for row in (MEANT, speech("a", 1)):
        writer.response(row["page_url"], 200, "OK", [], row["text"].encode(), WHEN)
    writer.close()
    dry = told(home, "add", MEANT["speech_id"], "--reason", "来函", "--archive", "--dry-run")
    done = told(home, "add", MEANT["speech_id"], "--reason", "来函", "--archive")
    assert dry["erased"] == done["erased"]
    assert [(e["records"], e["speeches"]) for e in done["erased"]] == [(1, 1)]
    assert MEANT["speech_id"] not in read_records(home, "a", "speeches")["speech_id"].to_pylist()
    page = next(r for r in read_records(home, "a", "pages").to_pylist() if r["key"] == "/a/2.html")
    assert (page["fate"], page["title"]) == ("disallowed", None)
    assert told(home, "apply")["erased"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add", "a:nothing", "--reason", "x"], "no speech has the id"),
        (["add", "a:nothing"], "needs a reason"),
        *(
            (["add", u, "--reason", "x"], "is no address")
            for u in ("http://", "ftp://a/x", "http://[x", "a.example/a/2.html", "//a/x")
        ),
        (["add", "--reason", "x"], "what is to be taken down"),
        (["add", "a:b", "--text-like", "f", "--reason", "x"], "what is to be taken down"),
        (["add", "--text-like", "/nowhere", "--reason", "x"], "cannot read the text"),
        (["add", "http://x.example/1.html", "--copies", "--reason", "x"], "text is not known here"),
        (["lift", "nothing", "--reason", "x"], "no takedown has the id"),
        (["lift", "nothing"], "needs a reason"),
    ],
)
def test_mistakes_are_told(home: Home, arguments: list[str], said: str) -> None:
    code, value, err = jianghua(home, *arguments)
    assert (code, value) == (2, None)
    assert said in err
    assert "do:" in err
    assert load_takedowns(home) == ()


def test_space_around_an_address_is_none_of_it(home: Home) -> None:
    dry = told(home, "add", f" {MEANT['page_url']}\n", "--reason", "来函", "--dry-run")
    assert [s["speech_id"] for s in dry["speeches"]] == [MEANT["speech_id"]]


def test_an_address_that_nothing_has_yet(home: Home) -> None:
    done = told(home, "add", "http://a.example/later.html", "--reason", "来函")
    assert done["speeches"] == []
    assert load_takedowns(home)[0].subject == "http://a.example/later.html"
