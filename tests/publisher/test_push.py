"""jianghua push hf, against a Hub on loopback that speaks as the real one does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from huggingface_hub import constants
from typer.testing import CliRunner

from jianghua import DamagedError, JianghuaError, UsageError, download
from publisher.cli_data import app
from publisher.push import push_hf
from publisher.release import publish_records
from tests.publisher.hub_server import TOKEN, Hub, hub_server
from tests.publisher.publisher_made import records, speech

DAY = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
REPO = "someone/speeches"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home") / "datasets" / "speeches"
    rows = [speech("a", n) for n in range(6)]
    publish_records(folder, records(rows), now=DAY)
    publish_records(folder, records([rows[0] | {"title": "另一个"}, *rows[1:]]), now=DAY + timedelta(days=1))
    return folder


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # its server is another one
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    with hub_server() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield server


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_repository_holds_the_version_and_nothing_else_of_ours(hub: Hub, published: Path) -> None:
    first = push_hf(published, REPO, version="2026-11-22.1", private=True)
    folder = published / "versions" / "2026-11-22.1"
    attributes = {".gitattributes": b"*.parquet filter=lfs\n"}
    assert hub.repos[REPO] == tree(folder) | attributes
    assert hub.private[REPO]
    assert set(first.add) == set(tree(folder))
    assert hub.tags[REPO] == {"2026-11-22.1": first.commit}
    # the next version: only what is new is sent, what is no more goes, what is not ours stays
    hub.repos[REPO] |= {"NOTES.md": b"mine", "extra/part-x.parquet": b"mine too"}
    hub.commit(REPO)
    before = len(hub.at)
    sent = len(hub.uploaded)
    second = push_hf(published, REPO)
    newer = published / "versions" / "2026-11-23.1"
    mine = attributes | {"NOTES.md": b"mine", "extra/part-x.parquet": b"mine too"}
    assert hub.repos[REPO] == tree(newer) | mine
    assert len(hub.at) == before + 1  # one commit, so that nobody loads half of it
    assert second.delete
    assert second.unchanged == len(set(tree(newer).items()) & set(tree(folder).items()))
    assert len(hub.uploaded) - sent == len([n for n in second.add if n.endswith(".parquet")])
    assert hub.at[hub.tags[REPO]["2026-11-23.1"]] == tree(newer) | mine
    # again: nothing to do, no commit
    third = push_hf(published, REPO)
    assert (third.add, third.delete, third.commit) == ((), (), second.commit)
    assert len(hub.at) == before + 1


def test_a_dry_run_changes_nothing(hub: Hub, published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    found = push_hf(published, REPO, dry_run=True)
    assert set(found.add) == set(tree(published / "versions" / "2026-11-23.1"))
    assert found.compared
    assert not hub.repos
    assert not [r for r in hub.requests if not r.startswith("GET ")]
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    blind = push_hf(published, REPO, dry_run=True)
    assert (blind.add, blind.compared) == (found.add, False)


def test_what_breaks_off_goes_on(hub: Hub, published: Path) -> None:
    hub.fail["/commit/"] = 500
    with pytest.raises(JianghuaError, match="did not take it") as caught:
        push_hf(published, REPO)
    assert TOKEN not in str(caught.value)  # although the answer held it
    assert len(hub.repos[REPO]) == 1
    sent = len(hub.uploaded)
    assert sent
    assert push_hf(published, REPO).commit
    assert len(hub.uploaded) == sent  # the large files were there


def test_of_two_writers_the_later_is_refused(hub: Hub, published: Path) -> None:
    push_hf(published, REPO, version="2026-11-22.1")
    hub.race = REPO
    with pytest.raises(JianghuaError, match="did not take it"):
        push_hf(published, REPO)
    assert "2026-11-23.1" not in hub.tags[REPO]
    assert push_hf(published, REPO).commit == hub.heads[REPO]
    assert hub.repos[REPO]["theirs.txt"] == b"first"


def test_what_must_not_be_sent_is_not(
    hub: Hub, published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.make(REPO, private=False)
    with pytest.raises(UsageError, match="public"):
        push_hf(published, REPO, private=True)
    for wrong in ("a/b/c", "a/b c", "a/--b", "a/"):  # a dry run does not promise what would be refused
        with pytest.raises(UsageError, match="no name of a repository"):
            push_hf(published, wrong, dry_run=True)
    with pytest.raises(UsageError, match="no name of a repository"):
        push_hf(published, "a/b/c")
    for dry_run in (True, False):
        with pytest.raises(UsageError, match="'speeches' does not say whose repository it is") as refused:
            push_hf(published, "speeches", dry_run=dry_run)
        assert "YOUR-NAME/speeches" in str(refused.value)
    copy = Path(download(published, tmp_path).folder)
    part = next((copy / "pages").iterdir())
    part.write_bytes(part.read_bytes()[:-1] + b"!")
    with pytest.raises(DamagedError, match="missing or damaged"):
        push_hf(copy, REPO)
    shutil.rmtree(copy / "pages")  # one that was downloaded in part
    with pytest.raises(DamagedError):
        push_hf(tmp_path, REPO)
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(JianghuaError, match="did not take it") as caught:
        push_hf(published, REPO)
    assert "hf_wrong" not in str(caught.value)
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(UsageError, match="no token"):
        push_hf(published, REPO)
    assert not hub.uploaded
    assert list(hub.repos[REPO]) == [".gitattributes"]


def test_the_command(hub: Hub, published: Path) -> None:
    home = str(published.parent.parent)
    runner = CliRunner()
    result = runner.invoke(app, ["push", "hf", REPO, "--home", home, "--dry-run"])
    assert "would add" in result.stdout
    assert "+ README.md" in result.stdout
    result = runner.invoke(app, ["push", "hf", REPO, str(published), "--json", "--version", "2026-11-22.1"])
    told = json.loads(result.stdout)
    assert told["commit"] == hub.heads[REPO]
    assert TOKEN not in result.output
