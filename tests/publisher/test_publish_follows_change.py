"""What a publish remembers must make no difference but in time: with and without it, the same bytes."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from crawler import shards
from crawler.errors import DamagedError
from crawler.home import Home
from crawler.records import PAGE_SCHEMA, PROVENANCE_SCHEMA, SPEECH_SCHEMA
from crawler.shards import CUT_SCHEMA, READING_SCHEMA, drop_shard, pointer_path, read_pointer, write_shard
from crawler.takedowns import add_takedown
from publisher import looking, taking
from publisher.gates import RefusedError
from publisher.intake import Shards, Unit
from publisher.reader import open_dataset
from publisher.release import publish
from publisher.tables import TABLES
from publisher.verify import verify
from tests.publisher.publisher_made import WHEN, origin, page, speech, text

DAY = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
Page = list[dict[str, Any]]  # the speeches of one page


def bucket(n: int) -> int:
    return n % 4


def extracted(
    home: Home,
    site: str,
    pages: dict[int, Page],
    fates: dict[int, str],
    when: datetime,
    gone: Mapping[int, datetime] | None = None,
    status: Mapping[str, int] | None = None,
) -> None:
    """The records of a site as extraction would write them: pages by number, spread over four buckets. gone: since when pages that are
    kept are not there any more; status: told by a page's row (by its address) or by provenance (by speech_id)."""
    told = status or {}
    since = {page(speech(site, n))["url"]: at for n, at in (gone or {}).items()}
    for b in range(4):
        rows = [r for n, parts in pages.items() if bucket(n) == b for r in parts]
        of_pages = {r["page_url"]: page(r, fetched_at=when, gone_since=since.get(r["page_url"])) for r in rows}
        for url in of_pages.keys() & told.keys():
            of_pages[url]["status"] = told[url]
        for n, fate in fates.items():
            if bucket(n) == b:
                p = page(speech(site, n), fate)
                of_pages[p["url"]] = p
        write_shard(
            home,
            site,
            b,
            {
                "speeches": pa.Table.from_pylist(rows, schema=SPEECH_SCHEMA),
                "provenance": pa.Table.from_pylist(
                    [origin(r) | {"status": told.get(r["speech_id"], 200)} for r in rows], schema=PROVENANCE_SCHEMA
                ),
                "pages": pa.Table.from_pylist(list(of_pages.values()), schema=PAGE_SCHEMA),
                "readings": READING_SCHEMA.empty_table(),
                "cuts": CUT_SCHEMA.empty_table(),
            },
            input_digest=str(when),
        )


def compilation(site: str, n: int, bodies: list[str]) -> Page:
    return [speech(site, n, body, part=i, parts=len(bodies)) for i, body in enumerate(bodies, 1)]


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and p.name not in (".lock",) and "refused" not in p.parts
    }


def changed(rng: random.Random, site: str, pages: dict[int, Page], fates: dict[int, str]) -> None:
    """A day's changes: edits, counters, new pages, pages that go or cannot be read, parts that come, go and change places."""
    for n in sorted(pages):
        what = rng.random()
        if what < 0.08:
            fates[n] = rng.choice(["gone", "error", "off_topic"])
            del pages[n]
        elif what < 0.16 and len(pages[n]) == 1:
            pages[n] = [speech(site, n, text((site, n, rng.random())))]
        elif what < 0.22:
            pages[n] = [r | {"views": rng.randrange(9999)} for r in pages[n]]
        elif what < 0.5 and len(pages[n]) > 1:
            bodies = [r["text"] for r in pages[n]]
            if rng.random() < 0.4:  # only one record changes, and it is most like a text that stays
                bodies[-1] = bodies[0] + "\n" + text((site, n, rng.random()))[:9]
                pages[n] = compilation(site, n, bodies)
                continue
            rng.shuffle(bodies)
            if rng.random() < 0.5:
                bodies.insert(rng.randrange(len(bodies)), text((site, n, rng.random())))
            elif len(bodies) > 2:
                bodies.pop()
            pages[n] = compilation(site, n, bodies)
    for n in sorted(fates):
        if rng.random() < 0.3:
            del fates[n]
            pages[n] = [speech(site, n)]
    for _ in range(2):
        n = rng.randrange(200, 900)
        pages[n] = [speech(site, n, published_at=WHEN + timedelta(days=n))]


@pytest.mark.parametrize("seed", [1, 3])
def test_what_is_remembered_changes_no_byte(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)
    home = Home(tmp_path / "home")
    other = Home(tmp_path / "other")
    sites: dict[str, tuple[dict[int, Page], dict[int, str]]] = {}
    for site in ("a", "b"):
        single = {n: [speech(site, n)] for n in range(14)}
        several = {n: compilation(site, n, [text((site, n, i)) for i in range(4)]) for n in range(20, 25)}
        sites[site] = single | several, {}
    gone: dict[str, dict[int, datetime]] = {"a": {}, "b": {}}
    looked: list[int] = []
    plain = taking.Intake.take_changed

    def noted(self: taking.Intake, found: looking.Changed) -> Any:
        looked.append(len(found.told))
        return plain(self, found)

    monkeypatch.setattr(taking.Intake, "take_changed", noted)
    monkeypatch.setattr(shards, "FEW", 1)  # what a shard has anew is kept also where that is nearly all of it
    kept = 0
    for day in range(7):
        if day == 4:  # what is dropped is in no version, so that a shard of which rows are does not tell them by itself
            url = speech("b", min(sites["b"][0]))["page_url"]
            add_takedown(home, {"reason": "a request", "date": date(2026, 11, 22), "url": url})
            shutil.copytree(home.takedowns, other.takedowns)
        for site, (pages, fates) in sites.items():
            for _ in range((0, 1, 1, 2, 1, 1, 1)[day]):  # of two extractions only the later is kept as a change
                changed(rng, site, pages, fates)
                gone[site] = {n: WHEN for n in pages if n in gone[site] or rng.random() < 0.1}
                extracted(home, site, pages, fates, WHEN + timedelta(days=day), gone[site])
            if not day:
                extracted(home, site, pages, fates, WHEN)
        kept += len([*(home.var / "fresh").rglob("*.arrows")])
        # nothing is remembered there but what earlier publishes found
        for folder in (other.var / "records", other.var / "publish" / "speeches"):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(home.var / "records", other.var / "records")
        accept = dict.fromkeys(("rows_lost", "rows_gone", "carried_sites"), "a test")
        now = DAY + timedelta(days=day)
        one = publish(home, now=now, accept=accept)
        two = publish(other, now=now, accept=accept)
        assert (one.version, one.added, one.changed, one.removed) == (two.version, two.added, two.changed, two.removed)
        a, b = tree(home.datasets), tree(other.datasets)
        assert a.keys() == b.keys()
        different = [n for n in a if a[n] != b[n]]
        assert different == []
    assert len(looked) == 5  # from the second day on only what changed was read, but for the new takedown
    told = [n for i, n in enumerate(looked) if i != 2]
    assert all(told)
    assert looked[2] == 0  # two extractions
    assert any(n < 8 for n in told)  # where that is not enough, by the marks
    assert kept
    verify(home.datasets / "speeches")
    rows = open_dataset(home.datasets / "speeches").arrow().to_pylist()
    there = {r["text"] for pages, _ in sites.values() for parts in pages.values() for r in parts}
    taken = {r["text"] for parts in sites["b"][0].values() for r in parts} - {r["text"] for r in rows}
    assert there - taken == {r["text"] for r in rows} & there
    assert len(taken) <= 1
    for r in rows:
        n = int(r["page_url"].rsplit("/", 1)[1].removesuffix(".html"))
        if r["text"] in there:
            assert (r["gone_since"] is not None) == (n in gone[r["site"]]), r
    failed = {speech(s, n)["page_url"] for s, (_, fates) in sites.items() for n, f in fates.items() if f == "error"}
    assert {r["page_url"] for r in rows if r["text"] not in there} <= failed


def test_ids_follow_the_texts_of_a_page_also_where_only_that_page_is_read(tmp_path: Path) -> None:
    home = Home(tmp_path)
    bodies = [text(("x", i)) for i in range(4)]
    pages = {1: compilation("a", 1, bodies)} | {n: [speech("a", n)] for n in range(5, 9)}
    extracted(home, "a", pages, {}, WHEN)
    publish(home, now=DAY)
    before = {r["text"]: r["speech_id"] for r in open_dataset(home.datasets / "speeches").arrow().to_pylist()}
    new = text("new")
    extracted(home, "a", pages | {1: compilation("a", 1, [new, *bodies])}, {}, WHEN)
    result = publish(home, now=DAY + timedelta(days=1))
    assert (result.added, result.removed) == (1, 0)
    after = {r["text"]: r["speech_id"] for r in open_dataset(home.datasets / "speeches").arrow().to_pylist()}
    assert after == before | {new: after[new]}
    assert publish(home, now=DAY + timedelta(days=2)).version is None
    extracted(home, "a", pages | {1: compilation("a", 1, bodies[::-1])}, {}, WHEN)
    publish(home, now=DAY + timedelta(days=3))
    last = {r["text"]: r["speech_id"] for r in open_dataset(home.datasets / "speeches").arrow().to_pylist()}
    assert last == before


@pytest.mark.parametrize("file", ["speeches.arrow", "marks.arrow"])
def test_damaged_records_of_one_site_are_carried_and_the_others_published(tmp_path: Path, file: str) -> None:
    home = Home(tmp_path)
    for site in ("a", "b"):
        extracted(home, site, {n: [speech(site, n)] for n in range(8)}, {}, WHEN)
    publish(home, now=DAY)
    for site in ("a", "b"):
        extracted(home, site, {n: [speech(site, n)] for n in range(9)} | {0: [speech(site, 0, text("e"))]}, {}, WHEN)
    shard = read_pointer(home, "b", 0)
    assert shard
    data = bytearray((shard.folder / file).read_bytes())
    data[len(data) // 2] ^= 0xFF
    (shard.folder / file).write_bytes(data)
    result = publish(home, now=DAY + timedelta(days=1))
    assert (result.added, result.changed) == (1, 1)
    manifest = open_dataset(home.datasets / "speeches").manifest
    assert manifest.carried["b"].rows == 8
    assert manifest.sites == {"a": 9, "b": 8}
    assert len(of_site(home, "pages", "b")) == 8
    assert (
        shard.folder.name in manifest.carried["b"].why or pointer_path(home, "b", 0).name in manifest.carried["b"].why
    )


def of_site(home: Home, table: str, site: str) -> list[dict[str, Any]]:
    """The rows of a site in the latest version; of provenance by their ids."""
    rows = open_dataset(home.datasets / "speeches").arrow(table).to_pylist()
    return [r for r in rows if r.get("site", r.get("speech_id", "").partition(":")[0]) == site]


@pytest.fixture
def carrying(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sites that a gate refuses are carried forward."""
    monkeypatch.setenv("JIANGHUA_PUBLISH_REFUSED_SITES", "carry")


def test_one_site_refuses_the_version_of_all_unless_it_is_to_be_carried(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for site in ("a", "b"):
        extracted(home, site, {n: [speech(site, n)] for n in range(24)}, {}, WHEN)
    publish(home, now=DAY)
    extracted(home, "a", {n: [speech("a", n)] for n in range(25)}, {}, WHEN)
    extracted(home, "b", {n: [speech("b", n)] for n in range(4)}, {}, WHEN)
    with pytest.raises(RefusedError, match="rows_lost") as caught:
        publish(home, now=DAY + timedelta(days=1))
    assert caught.value.remedy
    assert 'keep the last good rows of b and publish all else: refused_sites = "carry"' in caught.value.remedy
    home.settings_file.write_text('[publish]\nrefused_sites = "carry"\n')
    assert publish(home, now=DAY + timedelta(days=1)).version
    assert open_dataset(home.datasets / "speeches").manifest.sites == {"a": 25, "b": 24}
    extracted(home, "a", {n: [speech("a", n)] for n in range(4)}, {}, WHEN)  # more than half of the sites
    home.settings_file.write_text("")
    with pytest.raises(RefusedError, match="rows_lost") as caught:
        publish(home, now=DAY + timedelta(days=2))
    assert "refused_sites" not in str(caught.value)


@pytest.mark.usefixtures("carrying")
@pytest.mark.parametrize("bad", ["lost", "gone", "damaged characters"])
def test_what_a_gate_refuses_of_one_site_stays_as_it_was_and_the_others_are_published(tmp_path: Path, bad: str) -> None:
    home = Home(tmp_path / "home")
    pages = {s: {n: [speech(s, n)] for n in range(24)} for s in ("a", "b", "c")}
    for site in pages:
        extracted(home, site, pages[site], {}, WHEN)
    publish(home, now=DAY)
    kept = {t: of_site(home, t, "b") for t in ("speeches", "pages", "provenance")}
    gate = {"lost": "rows_lost", "gone": "rows_gone"}.get(bad, "mojibake")
    if bad == "damaged characters":
        now = {n: [speech("b", n, quality_flags=["mojibake"])] for n in range(26)}
        extracted(home, "b", now, {}, WHEN)
    else:
        now = {n: pages["b"][n] for n in range(4)} | {25: [speech("b", 25)]}
        extracted(home, "b", now, dict.fromkeys(range(4, 24), "gone") if bad == "gone" else {}, WHEN)
    extracted(home, "a", pages["a"] | {30: [speech("a", 30)]}, {}, WHEN)
    as_without_what_is_remembered(home, 1)
    manifest = open_dataset(home.datasets / "speeches").manifest
    assert manifest.sites == {"a": 25, "b": 24, "c": 24}
    told = manifest.carried["b"]
    assert (told.rows, told.as_of, told.since) == (24, DAY, "2026-11-22.1")
    assert told.why.startswith(f"{gate}: ")
    assert {t: of_site(home, t, "b") for t in kept} == kept
    assert [g.name for g in manifest.gates if g.result == "fail"] == []
    verify(home.datasets / "speeches")

    again = publish(home, now=DAY + timedelta(days=2))
    assert again.version is None
    assert "carried_sites" in {g.name for g in again.gates if g.result == "warn"}
    as_without_what_is_remembered(home, 3, {gate: "it is so"})
    manifest = open_dataset(home.datasets / "speeches").manifest
    assert (manifest.sites["b"], manifest.carried) == (len(now), {})
    assert {r["text"] for r in of_site(home, "speeches", "b")} == {r["text"] for parts in now.values() for r in parts}
    verify(home.datasets / "speeches")


@pytest.mark.usefixtures("carrying")
def test_a_site_of_which_a_gate_refused_what_it_brings_is_taken_in_again_when_it_is_well(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    pages = {s: {n: [speech(s, n)] for n in range(24)} for s in ("a", "b")}
    for site in pages:
        extracted(home, site, pages[site], {}, WHEN)
    publish(home, now=DAY)
    extracted(home, "b", {n: pages["b"][n] for n in range(4)}, {}, WHEN)
    extracted(home, "a", pages["a"] | {30: [speech("a", 30)]}, {}, WHEN)
    as_without_what_is_remembered(home, 1)
    # what is taken down goes all the same
    of = of_site(home, "speeches", "b")[7]["speech_id"]
    add_takedown(home, {"reason": "a letter", "date": DAY.date(), "speech_id": of})
    as_without_what_is_remembered(home, 2)
    assert open_dataset(home.datasets / "speeches").manifest.sites == {"a": 25, "b": 23}
    extracted(home, "b", pages["b"] | {24: [speech("b", 24)]}, {}, WHEN)
    as_without_what_is_remembered(home, 3)
    manifest = open_dataset(home.datasets / "speeches").manifest
    assert (manifest.sites, manifest.carried) == ({"a": 25, "b": 24}, {})
    verify(home.datasets / "speeches")


@pytest.mark.usefixtures("carrying")
def test_a_version_is_refused_where_gates_refuse_more_than_half_of_the_sites(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for site in ("a", "b", "c"):
        extracted(home, site, {n: [speech(site, n)] for n in range(24)}, {}, WHEN)
    publish(home, now=DAY)
    before = tree(home.datasets / "speeches" / "tables")
    for site in ("b", "c"):
        extracted(home, site, {n: [speech(site, n)] for n in range(4)}, {}, WHEN)
    extracted(home, "a", {n: [speech("a", n)] for n in range(25)}, {}, WHEN)
    with pytest.raises(RefusedError, match=r"rows_lost.* b 20 of 24, c 20 of 24"):
        publish(home, now=DAY + timedelta(days=1))
    assert tree(home.datasets / "speeches" / "tables") == before
    extracted(home, "c", {}, {}, WHEN)  # one silent, one refused
    with pytest.raises(RefusedError, match=r"rows_lost.* b 20 of 24"):
        publish(home, now=DAY + timedelta(days=1))


@pytest.mark.usefixtures("carrying")
def test_a_site_that_fails_too_long_is_accepted_once(tmp_path: Path) -> None:
    """Until it is back, also through publishes that make no version; the next time it fails it is asked again."""
    home = Home(tmp_path)
    for site in ("a", "b"):
        extracted(home, site, {n: [speech(site, n)] for n in range(24)}, {}, WHEN)
    publish(home, now=DAY)

    def day(n: int, more: int, *, site_b: int = 4, accept: Mapping[str, str] | None = None) -> str | None:
        extracted(home, "a", {n: [speech("a", n)] for n in range(24 + more)}, {}, WHEN)
        extracted(home, "b", {n: [speech("b", n)] for n in range(site_b)}, {}, WHEN)
        return publish(home, now=DAY + timedelta(days=n), accept=accept).version

    assert day(1, 1)
    for n in (40, 41):
        with pytest.raises(RefusedError, match=r"failed for more than 30 days: b; .*rows_lost") as caught:
            day(n, 2)
        assert "--accept silent_sites" in str(caught.value)
    assert day(42, 1, accept={"carried_sites": "it comes back"}) is None
    assert day(43, 2)
    assert day(80, 3)
    assert day(81, 3, site_b=24) is None
    assert day(82, 4)
    with pytest.raises(RefusedError, match="failed for more than 30 days"):
        day(130, 5)


def test_who_lets_a_closed_site_go_accepts_nothing_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    pages = {s: {n: [speech(s, n)] for n in range(24)} for s in ("a", "b", "c")}
    for site in pages:
        extracted(home, site, pages[site], {}, WHEN)
    publish(home, now=DAY)
    let_go = {"silent_sites": "it closed"}
    extracted(home, "c", {}, dict.fromkeys(range(24), "error"), WHEN)
    extracted(home, "b", {n: pages["b"][n] for n in range(4)}, {}, WHEN)
    with pytest.raises(RefusedError, match="page is not gone: b 20 of 24\n"):
        publish(home, now=DAY + timedelta(days=1), accept=let_go)
    monkeypatch.setenv("JIANGHUA_PUBLISH_REFUSED_SITES", "carry")
    as_without_what_is_remembered(home, 1, let_go)
    manifest = open_dataset(home.datasets / "speeches").manifest
    assert manifest.sites == {"a": 24, "b": 24}
    assert [*manifest.carried] == ["b"]
    assert len(of_site(home, "removed", "c")) == 24
    verify(home.datasets / "speeches")


def test_damaged_records_of_a_new_site_are_left_out_until_they_are_well(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    extracted(home, "a", {n: [speech("a", n)] for n in range(8)}, {}, WHEN)
    publish(home, now=DAY)
    extracted(home, "a", {n: [speech("a", n)] for n in range(9)}, {}, WHEN)
    extracted(home, "new", {n: [speech("new", n)] for n in range(8)}, {}, WHEN)
    shard = read_pointer(home, "new", 1)
    assert shard
    good = (shard.folder / "speeches.arrow").read_bytes()
    (shard.folder / "speeches.arrow").write_bytes(good[:-1] + b"x")
    as_without_what_is_remembered(home, 1)
    manifest = open_dataset(home.datasets / "speeches").manifest
    assert manifest.sites == {"a": 9}
    told = next(g for g in manifest.gates if g.name == "unread_sites")
    assert (told.result, told.figures) == ("warn", {"sites": ["new"]})
    assert "`jianghua extract new`" in told.what
    (shard.folder / "speeches.arrow").write_bytes(good)  # the same shard, which nobody has taken in yet
    as_without_what_is_remembered(home, 2)
    assert open_dataset(home.datasets / "speeches").manifest.sites == {"a": 9, "new": 8}
    verify(home.datasets / "speeches")


def test_a_first_version_of_damaged_records_alone_names_them(tmp_path: Path) -> None:
    home = Home(tmp_path)
    extracted(home, "a", {n: [speech("a", n)] for n in range(8)}, {}, WHEN)
    shard = read_pointer(home, "a", 1)
    assert shard
    (shard.folder / "speeches.arrow").write_bytes(b"")
    with pytest.raises(DamagedError, match=r"the records of 'a' cannot be read(.|\n)*jianghua extract a"):
        publish(home, now=DAY)
    assert not (home.datasets / "speeches" / "versions").exists()


@pytest.mark.parametrize("old", [range(4), (0, 2)])
def test_shards_without_marks_are_read_whole(tmp_path: Path, old: Sequence[int]) -> None:
    """Records of before there were marks, in all buckets or in some; in every bucket a speech is new."""
    import json

    home = Home(tmp_path)
    extracted(home, "a", {n: [speech("a", n)] for n in range(8)}, {}, WHEN)
    publish(home, now=DAY)
    extracted(home, "a", {n: [speech("a", n)] for n in range(12)} | {2: [speech("a", 2, text("e"))]}, {}, WHEN)
    for b in old:
        path = pointer_path(home, "a", b)
        value = json.loads(path.read_text())
        shard = read_pointer(home, "a", b)
        assert shard
        (shard.folder / "marks.arrow").unlink()
        del value["marks"]
        path.write_text(json.dumps(value))
    result = publish(home, now=DAY + timedelta(days=1))
    assert (result.added, result.changed, result.removed) == (4, 1, 0)
    rows = open_dataset(home.datasets / "speeches").arrow().to_pylist()
    assert {r["text"] for r in rows} == {r["text"] for n in range(12) if n != 2 for r in [speech("a", n)]} | {text("e")}
    assert set(TABLES) == set(open_dataset(home.datasets / "speeches").tables)


def test_what_a_shard_has_anew_is_read_alone_and_the_whole_shard_where_that_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = {n: [speech("a", n)] for n in range(60)}
    whole: list[str] = []
    plain = Shards.read

    def read(self: Shards, unit: Unit, table: str, columns: Sequence[str] | None = None) -> pa.Table:
        if columns is None and table == "speeches":
            whole.append(unit.name)
        return plain(self, unit, table, columns)

    monkeypatch.setattr(Shards, "read", read)
    for name, spoil in (("kept", None), ("gone", Path.unlink), ("damaged", lambda p: p.write_bytes(b"x" * 40))):
        home = Home(tmp_path / name)
        extracted(home, "a", pages, {}, WHEN)
        publish(home, now=DAY)
        whole.clear()
        extracted(home, "a", pages | {4: [speech("a", 4, text("edited"))]}, {}, WHEN)
        (fresh,) = (home.var / "fresh" / "a").glob("*.arrows")
        if spoil:
            spoil(fresh)
        assert publish(home, now=DAY + timedelta(days=1)).changed == 1
        assert whole == ([] if spoil is None else ["a/00"])
    assert len({str(sorted(tree(tmp_path / n / "datasets").items())) for n in ("kept", "gone", "damaged")}) == 1


@pytest.mark.parametrize("kept", [True, False])
def test_a_speech_that_changes_on_a_page_that_is_gone_still_says_since_when(tmp_path: Path, kept: bool) -> None:
    """Only the speech changed, as where the rules of reading did; its page's row stays as it was."""
    home = Home(tmp_path)
    pages = {n: [speech("a", n)] for n in range(60)}
    gone = {4: WHEN}
    extracted(home, "a", pages, {}, WHEN, gone)
    publish(home, now=DAY)
    extracted(home, "a", pages | {4: [speech("a", 4, text("edited"))]}, {}, WHEN, gone)
    if not kept:
        shutil.rmtree(home.var / "fresh")
    assert publish(home, now=DAY + timedelta(days=1)).changed == 1
    (row,) = [r for r in open_dataset(home.datasets / "speeches").arrow().to_pylist() if r["text"] == text("edited")]
    assert row["gone_since"] == WHEN


def test_a_shard_that_is_replaced_while_it_is_published_is_taken_in_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a unit that was not read, or of which only the change was, another file may be looked into later, for what became of a page; what
    is remembered to have been taken in is what was."""
    home = Home(tmp_path)
    pages = {n: [speech("a", n)] for n in range(60)}
    extracted(home, "a", pages, {}, WHEN)
    publish(home, now=DAY)
    later = pages | {n: [speech("a", n, text(("later", n)))] for n in (1, 4)}
    plain = Shards.read

    def read(self: Shards, unit: Unit, table: str, columns: Sequence[str] | None = None) -> pa.Table:
        if table == "pages":
            extracted(home, "a", {n: later[n] for n in later if n != 8}, {}, WHEN)
        return plain(self, unit, table, columns)

    monkeypatch.setattr(Shards, "read", read)
    extracted(home, "a", {n: pages[n] for n in pages if n != 8}, {}, WHEN)  # so one speech is missing
    result = publish(home, now=DAY + timedelta(days=1))
    assert (result.changed, result.removed) == (0, 1)
    monkeypatch.undo()
    assert publish(home, now=DAY + timedelta(days=2)).changed == 2


def as_without_what_is_remembered(home: Home, day: int, accept: Mapping[str, str] | None = None) -> str:
    """Publish, and again from the same parent without what is remembered: the same bytes. Gives what was said of it."""
    before = home.root.parent / "before"
    shutil.copytree(home.root, before, symlinks=True)
    result = publish(home, now=DAY + timedelta(days=day), accept=accept)
    quick = home.root.rename(home.root.parent / "quick")
    before.rename(home.root)
    shutil.rmtree(home.var / "publish" / "speeches")
    shutil.rmtree(home.var / "fresh", ignore_errors=True)
    publish(home, now=DAY + timedelta(days=day), accept=accept)
    a, b = tree(home.datasets), tree(quick / "datasets")
    different = sorted(n for n in a.keys() | b.keys() if a.get(n) != b.get(n))
    assert different == []
    shutil.rmtree(home.root)
    quick.rename(home.root)
    return result.reason


def counted(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Of each publish that follows the names of the units of which only what changed was read."""
    found: list[list[str]] = []
    plain = taking.Intake.take_changed

    def noted(self: taking.Intake, changed: looking.Changed) -> Any:
        found.append(sorted(changed.told))
        return plain(self, changed)

    monkeypatch.setattr(taking.Intake, "take_changed", noted)
    return found


def test_the_title_of_a_page_that_was_taken_down_does_not_come_back_with_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The speech that was taken down is in the records, in no version, and did not change; only its page's row did."""
    home = Home(tmp_path / "home")
    pages = {n: [speech("a", n)] for n in range(80)}
    url, of = pages[4][0]["page_url"], pages[4][0]["speech_id"]
    extracted(home, "a", pages, {}, WHEN)
    publish(home, now=DAY)
    add_takedown(home, {"reason": "a request", "date": date(2026, 11, 22), "speech_id": of})
    as_without_what_is_remembered(home, 1)
    told = counted(monkeypatch)
    extracted(home, "a", pages | {1: [speech("a", 1, text("edited"))]}, {}, WHEN, status={url: 203})
    as_without_what_is_remembered(home, 2)
    assert told[0] == ["a/01"]
    (row,) = [r for r in open_dataset(home.datasets / "speeches").arrow("pages").to_pylist() if r["url"] == url]
    assert (row["status"], row["title"]) == (203, None)


def test_provenance_that_changes_alone_stays_with_its_speech(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts of a page changed places before, so that their published ids are not those of their records."""
    home = Home(tmp_path / "home")
    bodies = [text(("x", i)) for i in range(3)]
    pages = {n: [speech("a", n)] for n in range(80)}
    extracted(home, "a", pages | {100: compilation("a", 100, bodies)}, {}, WHEN)
    publish(home, now=DAY)
    turned = compilation("a", 100, bodies[::-1])
    extracted(home, "a", pages | {100: turned}, {}, WHEN)
    publish(home, now=DAY + timedelta(days=1))
    told = counted(monkeypatch)
    later = pages | {100: turned, 1: [speech("a", 1, text("edited"))]}
    extracted(home, "a", later, {}, WHEN, status={turned[0]["speech_id"]: 203})
    as_without_what_is_remembered(home, 2)
    assert told[0] == ["a/01"]
    dataset = open_dataset(home.datasets / "speeches")
    (of,) = [r["speech_id"] for r in dataset.arrow("provenance").to_pylist() if r["status"] == 203]
    assert [r["text"] for r in dataset.arrow().to_pylist() if r["speech_id"] == of] == [turned[0]["text"]]


def test_of_a_site_with_damaged_records_nothing_is_taken_in_and_it_comes_back_whole(tmp_path: Path) -> None:
    """Two shards changed: of one the change was kept, of the other it was not, and its marks are damaged."""
    home = Home(tmp_path / "home")
    pages = {n: [speech("b", n)] for n in range(80)}
    new = pages | {n: [speech("b", n, text(("edited", n)))] for n in (0, 1)}
    for site in ("a", "b"):
        extracted(home, site, {n: [speech(site, n)] for n in range(80)}, {}, WHEN)
    publish(home, now=DAY)
    extracted(home, "b", new, {}, WHEN)
    extracted(home, "a", {n: [speech("a", n)] for n in range(81)}, {}, WHEN)
    next((home.var / "fresh" / "b").glob("00-*")).unlink()
    shard = read_pointer(home, "b", 0)
    assert shard
    marks = (shard.folder / "marks.arrow").read_bytes()
    (shard.folder / "marks.arrow").write_bytes(marks[:-1] + b"x")
    as_without_what_is_remembered(home, 1)
    dataset = open_dataset(home.datasets / "speeches")
    assert dataset.manifest.carried["b"].rows == 80
    texts = {r["text"] for r in dataset.arrow().to_pylist() if r["site"] == "b"}
    assert texts == {r["text"] for parts in pages.values() for r in parts}
    (shard.folder / "marks.arrow").write_bytes(marks)
    as_without_what_is_remembered(home, 2)
    dataset = open_dataset(home.datasets / "speeches")
    assert not dataset.manifest.carried
    texts = {r["text"] for r in dataset.arrow().to_pylist() if r["site"] == "b"}
    assert texts == {r["text"] for parts in new.values() for r in parts}


def test_what_was_carried_leaves_when_its_site_is_back_without_it(tmp_path: Path) -> None:
    """A site was silent, and then brings the speeches of one shard; the others are as they were when it was silent."""
    home = Home(tmp_path / "home")
    pages = {n: [speech("b", n)] for n in range(8)}
    extracted(home, "a", {n: [speech("a", n)] for n in range(8)}, {}, WHEN)
    extracted(home, "b", pages, {}, WHEN)
    publish(home, now=DAY)
    accept = dict.fromkeys(("rows_lost", "rows_gone"), "a test")
    extracted(home, "a", {n: [speech("a", n)] for n in range(9)}, {}, WHEN)
    extracted(home, "b", {}, {}, WHEN)
    as_without_what_is_remembered(home, 1, accept)
    assert open_dataset(home.datasets / "speeches").manifest.sites == {"a": 9, "b": 8}
    extracted(home, "b", {n: pages[n] for n in (0, 4)}, {}, WHEN)
    as_without_what_is_remembered(home, 2, accept)
    manifest = open_dataset(home.datasets / "speeches").manifest
    assert (manifest.sites, manifest.carried) == ({"a": 9, "b": 2}, {})


@pytest.mark.parametrize("forgets", [False, True])
def test_what_was_carried_is_looked_at_anew_when_its_site_is_back(tmp_path: Path, forgets: bool) -> None:
    """Its rows are those of the version before, whatever the program or the settings would make of the records by now."""
    home = Home(tmp_path)
    home.settings_file.write_text("[publish]\nmask_personal_data = false\n")
    pages = {n: [speech("a", n, text(("a", n)) + "\n来信请寄a@b.cn")] for n in range(8)}
    for site, shown in (("a", pages), ("b", {n: [speech("b", n)] for n in range(8)})):
        extracted(home, site, shown, {}, WHEN)
    publish(home, now=DAY)
    home.settings_file.write_text("")
    path = pointer_path(home, "a", 1)
    before = path.read_bytes()
    path.write_text("{")
    extracted(home, "b", {n: [speech("b", n)] for n in range(9)}, {}, WHEN)
    publish(home, now=DAY + timedelta(days=2))
    path.write_bytes(before)
    if forgets:
        shutil.rmtree(home.var / "publish")
    result = publish(home, now=DAY + timedelta(days=3))
    assert (result.added, result.changed, result.removed) == (0, 8, 0)
    found = [r["text"] for r in open_dataset(home.datasets / "speeches").arrow().to_pylist() if r["site"] == "a"]
    assert len(found) == 8
    assert not [x for x in found if "@b.cn" in x]


@pytest.mark.parametrize("forgets", [False, True])
def test_a_correction_of_a_site_that_fails_is_not_told_to_do_nothing(tmp_path: Path, forgets: bool) -> None:
    home = Home(tmp_path)
    for site in ("a", "b"):
        extracted(home, site, {n: [speech(site, n)] for n in range(8)}, {}, WHEN)
    home.own_corrections.mkdir()
    kept = [{"speech_id": speech("b", n)["speech_id"], "drop": True, "reason": "no speech"} for n in (1, 2)]
    (home.own_corrections / "corrections.yaml").write_text(json.dumps(kept))
    publish(home, now=DAY)
    extracted(home, "b", {n: [speech("b", n)] for n in (*range(8), 9)}, {}, WHEN)
    shard = read_pointer(home, "b", 1)
    assert shard is not None
    (shard.folder / "marks.arrow").write_bytes(b"x")
    extracted(home, "a", {n: [speech("a", n)] for n in range(9)}, {}, WHEN)
    if forgets:
        shutil.rmtree(home.var / "publish")
    result = publish(home, now=DAY + timedelta(days=1))
    assert result.version is not None
    manifest = open_dataset(home.datasets / "speeches").manifest
    assert [*manifest.carried] == ["b"]
    gate = next(g for g in manifest.gates if g.name == "corrections")
    assert (gate.result, gate.figures["applied"], gate.figures["idle"]) == ("pass", 0, [])


@pytest.mark.parametrize("forgets", [False, True])
def test_a_version_that_only_loses_rows_says_the_same_of_its_records(tmp_path: Path, forgets: bool) -> None:
    home = Home(tmp_path)
    for site in ("a", "b"):
        extracted(home, site, {n: [speech(site, n)] for n in range(8)}, {}, WHEN)
    publish(home, now=DAY)
    drop_shard(home, "b", 1)
    if forgets:
        shutil.rmtree(home.var / "publish")
    accept = dict.fromkeys(("rows_lost", "carried_sites"), "a test")
    assert publish(home, now=DAY + timedelta(days=1), accept=accept).removed == 2
    told = [g for g in open_dataset(home.datasets / "speeches").manifest.gates if g.name == "schema"]
    assert [g.figures["table"] for g in told] == ["speeches", "provenance", "pages"]


def test_a_takedown_is_published_also_where_the_records_of_its_site_are_damaged(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    for site in ("a", "b"):
        extracted(home, site, {n: [speech(site, n)] for n in range(8)}, {}, WHEN)
    publish(home, now=DAY)
    shard = read_pointer(home, "b", 1)
    assert shard
    for name in ("marks.arrow", "pages.arrow"):
        (shard.folder / name).write_bytes(b"damaged")
    of = speech("b", 0)["speech_id"]
    add_takedown(home, {"reason": "a request", "date": date(2026, 11, 22), "speech_id": of})
    assert publish(home, now=DAY + timedelta(days=1)).removed == 1
    dataset = open_dataset(home.datasets / "speeches")
    assert of not in dataset.arrow()["speech_id"].to_pylist()
    assert dataset.manifest.carried["b"].rows == 7


def test_a_part_that_was_taken_down_by_its_id_alone_stays_away(tmp_path: Path) -> None:
    """An entry without a fingerprint, as one written by hand; later all records are read again."""
    home = Home(tmp_path / "home")
    parts = compilation("a", 100, [text(("x", i)) for i in range(3)])
    extracted(home, "a", {n: [speech("a", n)] for n in range(8)} | {100: parts}, {}, WHEN)
    publish(home, now=DAY)
    for day, of in ((1, parts[1]["speech_id"]), (2, speech("a", 0)["speech_id"])):
        add_takedown(home, {"reason": "a request", "date": date(2026, 11, 22), "speech_id": of})
        as_without_what_is_remembered(home, day)
        texts = open_dataset(home.datasets / "speeches").arrow()["text"].to_pylist()
        assert parts[1]["text"] not in texts
        assert {parts[0]["text"], parts[2]["text"]} <= {*texts}
