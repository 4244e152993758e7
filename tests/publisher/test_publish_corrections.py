"""Corrections from the file to the published row: real pages, real extraction, the commands."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from crawler.corrections.cli import app
from crawler.errors import JianghuaError
from crawler.extraction import jobs
from publisher.reader import open_dataset
from publisher.release import PublishResult, publish
from publisher.verify import verify
from tests.crawler.extraction.archived import Archived
from tests.crawler.extraction.pages import OTHER, OTHER_TITLE, SPEECH, TITLE, page, paragraphs

DAY = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


class Chain:
    """A home with an archive of three articles, extracted; `publish` makes a version a day."""

    def __init__(self, root: Path) -> None:
        self.site = Archived(root)
        self.home = self.site.home
        self.day = 0
        for n, (title, lines) in enumerate(
            ((TITLE, SPEECH), (OTHER_TITLE, OTHER), ("村长在村民大会上的讲话", SPEECH[::-1] * 2))
        ):
            self.site.page(f"/{n}", page(paragraphs(lines), title).decode())
        self.extract()

    def extract(self) -> None:
        self.site.commit()
        (report,) = jobs.extract(self.home, [self.site.site], workers=1).sites
        assert report.error is None

    def publish(self) -> PublishResult:
        self.day += 1
        return publish(self.home, now=DAY + timedelta(days=self.day))

    def rows(self, table: str = "speeches") -> dict[str, dict[str, Any]]:
        """Published rows by the path of their page."""
        found = open_dataset(self.home.datasets / "speeches").arrow(table).to_pylist()
        return {r["page_url"].rpartition("/")[2]: r for r in found}

    def write(self, text: str) -> Path:
        path = self.home.own_corrections / "corrections.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def command(self, *args: str) -> tuple[int, Any]:
        """Exit code of `jianghua corrections`, and what it says in JSON, or its error."""
        done = CliRunner().invoke(app, [*args, "--home", str(self.home.root), "--json"])
        if isinstance(done.exception, JianghuaError):
            return done.exception.exit_code, str(done.exception)
        return done.exit_code, json.loads(done.stdout)


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    chain = Chain(tmp_path)
    chain.publish()
    return chain


def test_from_the_command_to_the_row_and_through_every_reextraction(chain: Chain) -> None:
    before = chain.rows()
    ids = {n: r["speech_id"] for n, r in before.items()}
    assert chain.command("add", ids["0"], "region", "青河县", "--reason", "see the minutes", "--by", "李明")[0] == 0
    assert chain.command("add", ids["0"], "text", "三百余次", "--find", "四百余次", "--reason", "misprint")[0] == 0
    assert chain.command("add", ids["1"], "topics", "[教育, 开学]", "--reason", "x", "--file", "topics")[0] == 0
    result = chain.publish()
    assert (result.added, result.changed, result.removed) == (0, 2, 0)
    (gate,) = [g for g in result.gates if g.name == "corrections"]
    assert (gate.result, gate.figures["applied"], gate.figures["corrected"]) == ("pass", 3, 2)
    rows = chain.rows()
    assert rows["0"]["corrected"] == ["text", "region"]
    assert rows["0"]["region"] == "青河县"
    assert rows["0"]["text"] == before["0"]["text"].replace("四百余次", "三百余次")
    assert rows["0"]["text_sha256"] != before["0"]["text_sha256"]
    assert (rows["1"]["topics"], rows["1"]["corrected"]) == (["教育", "开学"], ["topics"])
    assert rows["2"] == before["2"]
    manifest = open_dataset(chain.home.datasets / "speeches").manifest
    assert any(g.name == "corrections" and "3 corrections applied" in g.what for g in manifest.gates)
    card = chain.home.datasets / "speeches" / "latest" / "README.md"
    assert "3 corrections applied: 2 speeches corrected, 0 dropped" in card.read_text(encoding="utf-8")
    verify(chain.home.datasets / "speeches")
    assert chain.publish().version is None
    # read again by another rule (the site file cuts a line): the correction stays, the row changes by the rule alone
    chain.site.file("reading:\n  cut: ['^同志们,青山']\n")
    chain.extract()
    result = chain.publish()
    again = chain.rows()
    assert result.changed >= 1
    assert (again["0"]["region"], again["0"]["corrected"]) == ("青河县", ["text", "region"])
    assert "三百余次" in again["0"]["text"]
    assert "青山就是" not in again["0"]["text"]
    assert chain.command("check") == (0, {"corrections": 3, "problems": []})
    # taken back: the row is as it was read
    chain.site.file()
    chain.extract()
    for path in chain.home.own_corrections.iterdir():
        path.unlink()
    chain.publish()
    for name in before["0"].keys() - {"revision"}:
        assert chain.rows()["0"][name] == before["0"][name], name


def test_a_dropped_speech_leaves_with_a_tombstone_and_comes_back(chain: Chain) -> None:
    digest, speech_id = (chain.rows()["1"][n] for n in ("text_sha256", "speech_id"))
    path = chain.write(f"- text_sha256: {digest}\n  drop: true\n  reason: printed from a novel\n")
    result = chain.publish()
    assert (result.removed, result.rows) == (1, 2)
    assert chain.rows("removed")["1"]["reason"] == "correction"
    assert [g.name for g in result.gates if g.result != "pass"] == ["nothing_new"]  # what people dropped is no loss
    assert chain.publish().version is None
    # told by its id instead: the same
    path.write_text(f"- speech_id: {speech_id}\n  drop: true\n  reason: printed from a novel\n")
    assert chain.publish().version is None
    path.unlink()
    result = chain.publish()
    assert result.added == 1
    assert chain.rows()["1"]["revision"] == 2


def test_a_page_that_cannot_be_read_holds_its_corrected_row_but_not_a_dropped_one(chain: Chain) -> None:
    ids = {n: r["speech_id"] for n, r in chain.rows().items()}
    path = chain.write(f"- speech_id: {ids['0']}\n  field: region\n  value: 青河县\n  reason: x\n")
    chain.publish()
    chain.site.page("/0", fate="unfetched", address=None)
    chain.site.page("/1", fate="unfetched", address=None)
    chain.extract()
    result = chain.publish()
    assert result.version is None
    assert [g.result for g in result.gates if g.name == "corrections"] == ["pass"]  # it waits for its page
    path.write_text(path.read_text() + f"- speech_id: {ids['1']}\n  drop: true\n  reason: x\n")
    assert chain.publish().removed == 1
    assert (chain.rows()["0"]["region"], chain.rows()["0"]["corrected"]) == ("青河县", ["region"])


def test_what_no_longer_matches_is_a_warning_in_publish_and_an_error_in_check(chain: Chain) -> None:
    row = chain.rows()["0"]
    chain.write(
        f"- speech_id: hua:{'0' * 20}\n  field: region\n  value: 甲县\n  reason: x\n"
        f"- speech_id: {row['speech_id']}\n  field: title\n  value: {row['title']}\n  reason: x\n"
        f"- speech_id: {row['speech_id']}\n  field: author\n  value: 王明\n  reason: x\n"
        f"- text_sha256: '{'0' * 64}'\n  drop: true\n  reason: x\n"
    )
    result = chain.publish()
    assert result.changed == 1
    (gate,) = [g for g in result.gates if g.name == "corrections"]
    assert gate.result == "warn"
    assert "corrections/corrections.yaml:1: no speech has this id" in gate.what
    code, told = chain.command("check")
    assert code == 1
    assert [(p["where"].rpartition(":")[2], p["problem"].partition(": ")[2]) for p in told["problems"]] == [
        ("1", "no speech has this id"), ("5", "its value is already so"), ("13", "no speech has this text as read")
    ]  # fmt: skip
    code, listed = chain.command("list")
    assert code == 0
    assert [bool(r["problem"]) for r in listed] == [True, True, False, True]


def test_a_wrong_file_stops_publish_and_check_tells_every_file(chain: Chain) -> None:
    before = {p: p.read_bytes() for p in chain.home.datasets.rglob("*") if p.is_file() and p.name != ".lock"}
    path = chain.write("- speech_id: nonsense\n  field: titel\n  value: 1\n")
    (path.parent / "more.yaml").write_text("- {\n")
    with pytest.raises(JianghuaError, match="mistake") as e:
        chain.publish()
    assert e.value.where == f"{path}:1"
    assert {p: p.read_bytes() for p in chain.home.datasets.rglob("*") if p.is_file() and p.name != ".lock"} == before
    code, told = chain.command("check")
    assert code == 1
    assert [Path(p["where"].rpartition(":")[0]).name for p in told["problems"]] == ["corrections.yaml", "more.yaml"]


def test_add_refuses_slips(chain: Chain) -> None:
    row = chain.rows()["0"]
    for args, told in (
        ((f"hua:{'0' * 20}", "title", "甲", "--reason", "x"), "no speech has the id"),
        ((row["speech_id"], "title", "甲"), "needs a reason"),
        ((row["speech_id"], "--reason", "x"), "say what is wrong"),
        ((row["speech_id"], "title", "--reason", "x"), "what is title to be"),
        ((row["speech_id"], "titel", "甲", "--reason", "x"), "unknown column"),
        ((row["speech_id"], "title", row["title"], "--reason", "x"), "does nothing"),
        ((row["speech_id"], "views", "[", "--reason", "x"), "no value for views"),
        ((row["speech_id"], "published_at", "2023-13-04", "--reason", "x"), "no value for published_at"),
        ((row["speech_id"], "--drop", "--reason", "x", "--file", "../up"), "no name of a file"),
    ):
        code, error = chain.command("add", *args)
        assert code
        assert told in error
    assert not list(chain.home.root.glob("corrections/*"))
    code, made = chain.command("add", row["speech_id"], "--drop", "--reason", "x", "--only-this-text")
    assert (code, made["what"]) == (0, "is no speech")
    assert row["text_sha256"] in (chain.home.own_corrections / "corrections.yaml").read_text()
