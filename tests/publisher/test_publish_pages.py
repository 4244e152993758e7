"""Feed, preview and quality page: what people and catalogues look at."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.records import SPEECH_SCHEMA
from publisher.documents.feed import ATOM, MOST, feed
from publisher.documents.quality_page import quality_page
from publisher.documents.svg import histogram
from publisher.manifest import Gone, Manifest, TableEntry
from publisher.preview import CHARS, COLUMNS, ROWS, chosen, preview
from publisher.projections import entry
from publisher.samples import PARTS, few
from publisher.storage import encode
from tests.publisher.documents_made import HOSTILE, Made, made
from tests.publisher.publisher_made import speech


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return made(tmp_path_factory.mktemp("pages"))


# ------------------------------------------------------------------------------------------------ feed


def listed(version: Made, n: int = 3) -> list[dict[str, Any]]:
    m = version.manifest
    return [
        entry(m.model_copy(update={"version": f"2026-11-{i + 1:02}.1", "sequence": i + 1, "published_at": datetime(2026, 11, i % 28 + 1, tzinfo=UTC)}), f"{i:064x}")
        for i in range(n)
    ]  # fmt: skip


def gone(v: dict[str, Any], **columns: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "state": "yanked", "reason": HOSTILE, "at": datetime(2026, 12, 1, tzinfo=UTC), "replaced_by": "2026-11-02.2",
    }  # fmt: skip
    named = {name: v[name] for name in ("version", "sequence", "manifest_sha256")}
    return Gone(**usual | columns | named).model_dump(mode="json")


def strict(data: bytes) -> ET.Element:
    """The feed, held against what RFC 4287 demands (sections 4.1.1, 4.1.2, 4.2) of what is in it."""
    root = ET.fromstring(data)
    assert root.tag == f"{{{ATOM}}}feed"
    ids = set()
    for element in (root, *root.findall(f"{{{ATOM}}}entry")):
        names = [c.tag.removeprefix(f"{{{ATOM}}}") for c in element]
        assert all(names.count(n) == 1 for n in ("id", "title", "updated"))
        assert all(names.count(n) <= 1 for n in ("subtitle", "summary", "published", "content"))
        (identity,) = element.findall(f"{{{ATOM}}}id")
        assert identity.text is not None
        assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", identity.text)
        assert identity.text not in ids
        ids.add(identity.text)
        for name in ("updated", "published"):
            for e in element.findall(f"{{{ATOM}}}{name}"):
                assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", e.text or "")
        links = [(e.get("rel"), e.get("type"), e.get("hreflang")) for e in element.findall(f"{{{ATOM}}}link")]
        alternates = [x for x in links if x[0] == "alternate"]
        assert len(alternates) == len(set(alternates)) > 0  # an entry without content needs one
        assert all(
            e.get("href") and not e.get("href", "").startswith(("/", "http"))
            for e in element.findall(f"{{{ATOM}}}link")
        )
    assert root.find(f"{{{ATOM}}}author/{{{ATOM}}}name") is not None
    assert len([e for e in root.findall(f"{{{ATOM}}}link") if e.get("rel") == "self"]) == 1
    return root


def texts(root: ET.Element, name: str) -> list[str]:
    return [e.text or "" for e in root.iter(f"{{{ATOM}}}{name}")]


def test_the_feed_lists_versions_newest_first(version: Made) -> None:
    root = strict(feed("speeches", listed(version)))
    assert [t.split(":")[0] for t in texts(root, "title")[1:]] == [f"speeches 2026-11-0{n}.1" for n in (3, 2, 1)]
    assert texts(root, "updated")[0] == "2026-11-03T00:00:00Z"
    rows = version.manifest.tables["speeches"]
    assert (
        f"{rows.rows} speeches: {rows.added} added, {rows.changed} changed, {rows.removed} removed"
        in texts(root, "summary")[0]
    )
    for link in root.iter(f"{{{ATOM}}}link"):
        if "/" in link.get("href", ""):
            assert (version.folder / Path(link.get("href", "")).name).exists()


def test_a_version_that_is_gone_keeps_its_id_and_says_why(version: Made) -> None:
    before = listed(version)
    after = [before[0], gone(before[1]), before[2]]
    old, new = strict(feed("speeches", before)), strict(feed("speeches", after))
    assert texts(new, "id") == texts(old, "id")
    assert "speeches 2026-11-02.1 (yanked)" in texts(new, "title")
    (summary,) = [s for s in texts(new, "summary") if s.startswith("Taken down")]
    assert "<script>alert(1)</script>" in summary  # as text
    assert "Use 2026-11-02.2 instead" in summary
    assert texts(new, "updated")[0] == "2026-12-01T00:00:00Z"
    told = strict(feed("speeches", [gone(before[0], reason="taken down: a letter"), *before[1:]]))
    assert any(
        s.startswith("Taken down: a letter.") for s in texts(told, "summary")
    )  # as a takedown words it, not twice
    retired = strict(feed("speeches", [gone(before[0], state="retired", reason="old", replaced_by=None), *before[1:]]))
    assert "Retired: old." in texts(retired, "summary")
    assert texts(retired, "id")[0] == texts(old, "id")[0]


def test_the_feed_is_the_same_for_any_order_and_ends(version: Made) -> None:
    many = listed(version, MOST + 5)
    assert feed("speeches", many) == feed("speeches", many[::-1])
    assert len(texts(strict(feed("speeches", many)), "title")) == MOST + 1
    with pytest.raises(ValueError, match="no version"):
        feed("speeches", [])


@settings(deadline=None)
@given(reason=st.text(max_size=60))
def test_any_reason_makes_a_right_feed(reason: str) -> None:
    one = {
        "version": "2026-01-01.1",
        "sequence": 1,
        "state": "yanked",
        "reason": reason,
        "at": "2026-01-01T00:00:00+08:00",
        "manifest_sha256": "0" * 64,
    }
    assert texts(strict(feed("d", [one])), "updated") == ["2025-12-31T16:00:00Z"] * 2


# ------------------------------------------------------------------------------------------------ preview


def some(counts: dict[tuple[str, str], int], **columns: Any) -> pa.Table:
    rows = [
        speech(site, n, "字" * 1000, doc_type=kind, **columns)
        for (site, kind), many in counts.items()
        for n in range(many)
    ]
    for i, row in enumerate(rows):
        row["speech_id"] = f"{row['site']}:{i}"
    return pa.Table.from_pylist(rows, schema=SPEECH_SCHEMA)


def test_the_preview_shows_every_site_and_kind() -> None:
    speeches = some(
        {("big", "讲话"): 300, ("big", "党课"): 2, ("big", "致辞"): 40, ("small", "讲话"): 3, ("mid", "讲话"): 60}
    )
    found = preview(speeches)
    assert found.num_rows == ROWS
    assert found.schema.names == [*COLUMNS, "text_begin"]
    sites = found["site"].to_pylist()
    assert sites.count("small") == 3
    assert abs(sites.count("big") - sites.count("mid")) <= 1
    assert {k for s, k in zip(sites, found["doc_type"].to_pylist(), strict=True) if s == "big"} == {
        "讲话",
        "党课",
        "致辞",
    }
    assert {len(t) for t in found["text_begin"].to_pylist()} == {CHARS}
    assert found["speech_id"].to_pylist() == sorted(found["speech_id"].to_pylist())


def test_the_preview_does_not_depend_on_order_and_changes_little() -> None:
    speeches = some({("a", "讲话"): 400, ("b", "讲话"): 90})
    backwards = speeches.take(list(range(speeches.num_rows))[::-1])
    assert encode(preview(backwards)) == encode(preview(speeches))
    ids = set(chosen(speeches).to_pylist())
    fewer = set(
        chosen(
            speeches.filter(pa.array([i not in list(ids)[:3] for i in speeches["speech_id"].to_pylist()]))
        ).to_pylist()
    )
    assert len(ids - fewer) == 3
    assert preview(speeches.filter(pa.array([i in ids for i in speeches["speech_id"].to_pylist()]))).equals(
        preview(speeches)
    )


def test_the_parts_that_the_preview_is_from_stay_the_same_when_there_are_more() -> None:
    assert [*few(0)] == []
    for parts in range(1, 2000):
        now, then = [*few(parts)], [*few(parts + 1)]
        assert min(parts, 5) <= len(now) <= PARTS
        assert then[: len(now)] == now or (len(now) == PARTS and then == [*now[::2], parts])
        assert parts - now[-1] <= now[-1] - now[0] if parts > 1 else now == [0]  # none of the newest is too far off


def test_small_and_empty_versions_have_a_preview() -> None:
    assert preview(some({("a", "讲话"): 4})).num_rows == 4
    empty = preview(SPEECH_SCHEMA.empty_table())
    assert (empty.num_rows, empty.schema) == (0, preview(some({("a", "讲话"): 1})).schema)


def test_whole_speeches_come_before_previews_and_no_character_is_cut() -> None:
    cut = some({("a", "讲话"): 120}, is_preview=True)
    whole = some({("a", "讲话"): 100})
    both = pa.concat_tables([cut.set_column(0, cut.schema.field(0), pa.array([f"cut:{i}" for i in range(120)])), whole])
    assert not any(preview(both)["is_preview"].to_pylist())
    odd = some({("a", "讲话"): 1}).set_column(8, SPEECH_SCHEMA.field(8), pa.array(["𠀀" * 400], pa.large_string()))
    assert odd.schema.names[8] == "text"
    assert preview(odd)["text_begin"].to_pylist() == ["𠀀" * CHARS]


# ------------------------------------------------------------------------------------------------ quality page


class Page(HTMLParser):
    """Tags with attributes, words, and whether every tag that needs it is closed."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self._open: list[str] = []
        self.feed(data.decode())
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data + " "


def test_the_quality_page_stands_alone_and_shows_text_as_text(version: Made) -> None:
    page = Page((version.folder / "quality.html").read_bytes())
    names = {t for t, _ in page.tags}
    assert not names & {"script", "link", "img", "iframe", "b", "u", "form", "object", "base"}
    for tag, attributes in page.tags:
        assert not [a for a in attributes if a.startswith("on")]
        assert tag != "a" or re.fullmatch(r"[\w.]+", attributes["href"] or "")
    assert "<script>alert(1)</script>" in page.words
    assert "\u202e" not in page.words
    assert "default-src 'none'" in str(page.tags)


def test_the_quality_page_shows_every_figure(version: Made) -> None:
    page = Page((version.folder / "quality.html").read_bytes())
    words = " ".join(page.words.split())
    passed = sum(g.result == "pass" for g in version.manifest.gates)
    rows = version.manifest.tables["speeches"].rows
    for figure in (
        "1 failed", f"{passed} checks passed", "Accepted: it is a test",
        f"previews {100 / rows:.1f} %",  # of all, at the head
        "1 2.4 %",  # of the 41 of alpha
        f"mojibake {100 / rows:.1f} % 1",  # as a flag
        "clusters 1",
    ):  # fmt: skip
        assert figure in words, figure
    nulls = words.split("Missing values")[1].split("Relations")[0]
    empty = version.tables["speeches"]["source"].null_count
    assert f"source {100 * empty / rows:.1f} % {empty} " in nulls
    assert "speech_id" not in nulls  # no null, no line
    drawn = [float(a["height"] or 0) for t, a in page.tags if t == "rect"]
    counts = version.quality["chars"]["counts"]
    assert sum(counts) == rows
    assert max(drawn) > 100
    assert drawn == pytest.approx([max(drawn) * n / max(counts) for n in counts], abs=0.2)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


MANIFEST = Manifest(
    dataset="speeches", version="2026-11-22.1", sequence=1, schema_version="1.1.0", published_at=datetime(2026, 11, 22, tzinfo=UTC),
    parent=None, tables={"speeches": TableEntry(rows=0, parts=())}, sites={},
)  # fmt: skip


_COLUMNS = st.dictionaries(st.text(max_size=4), st.fixed_dictionaries({}, optional={"nulls": _JSON}), max_size=3)
_CHARS = st.fixed_dictionaries(
    {}, optional={"edges": st.lists(_JSON, max_size=3), "counts": st.lists(st.integers(-1, 99), max_size=3)}
)
_QUALITY = {
    **dict.fromkeys(("gates", "sites", "totals", "flags", "personal_data", "relations", "median_length", "<x>"), _JSON),
    "columns": _JSON | _COLUMNS,
    "chars": _JSON | _CHARS,
}


@settings(deadline=None)
@given(st.fixed_dictionaries({}, optional=_QUALITY))
def test_no_document_breaks_the_quality_page(quality: dict[str, Any]) -> None:
    Page(quality_page(MANIFEST, quality))


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**9), max_size=40))
def test_no_bar_leaves_the_chart(counts: list[int]) -> None:
    root = ET.fromstring(
        re.sub(r"=([\w-]+)(?=[ >/])", r'="\1"', histogram([(str(i), n) for i, n in enumerate(counts)]))
    )
    for bar in root.iter("rect"):
        assert 0 <= float(bar.get("y", "-1")) <= 260
        assert float(bar.get("height", "-1")) >= 0
        assert float(bar.get("x", "0")) + float(bar.get("width", "0")) <= 900
