"""Which paths are given out: all that the catalogue needs, and nothing else however it is written."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catalogue.build import build, static_files
from catalogue.names import is_dataset
from catalogue.served import FRESH, HEADERS, IMMUTABLE, served
from tests.catalogue.catalogue_made import publish

OUT, DATA = Path("/srv/out"), Path("/srv/data")

_UP = (
    "..",
    "%2e%2e",
    "..%2f",
    "%2e%2e%2f",
    ".%2e",
    "..\\",
    "%5c..",
    "....//",
    "..;",
    "..%00",
    "%252e%252e",
    "．．",
    "%c0%ae%c0%ae",
    "..%c0%af",
)
_BEFORE = (
    "",
    "speeches/",
    "speeches/versions/",
    "catalogue/",
    "catalogue/data/",
    "speeches/tables/speeches/",
    "/",
    "//",
    "./",
    "C:/",
)
_TARGETS = ("etc/passwd", "jianghua.toml", "var/state.db")
PAYLOADS = [
    f"{before}{sep.join([up] * depth)}{sep}{target}"
    for before, up, target in itertools.product(_BEFORE, _UP, _TARGETS)
    for sep, depth in (("/", 3),)
] + [
    "/etc/passwd", "file:///etc/passwd", "speeches/latest.json/../../x", "speeches/versions/2026-11-22.1/../../latest.json", "speeches/.lock",
    "speeches/latest", "speeches/refused/x.json", "speeches/versions/2026-11-22.1/.manifest.json.tmp", ".", "..", "speeches//latest.json",
    "speeches/latest.json\x00.html", "speeches/latest.json\n", "catalogue/app-0123456789ab/../../../x", "catalogue/catalogue.json/",
    "catalogue/latest.json", "catalogue/versions.json", "catalogue/versions/2026-11-22.1/manifest.json", "COM1/latest.json:x", "speeches/versions/latest/manifest.json",
]  # fmt: skip


def test_there_are_enough_payloads() -> None:
    assert len(set(PAYLOADS)) > 200


@pytest.mark.parametrize("chunk", range(8))
def test_no_payload_has_a_file(chunk: int) -> None:
    for payload in PAYLOADS[chunk::8]:
        assert served(payload, OUT, DATA) is None, payload


@given(st.text(alphabet=st.sampled_from("./\\%2ef a1-:_\x00\n"), max_size=40) | st.text(max_size=30))
@example("speeches/latest.json")
@example("catalogue/catalogue.json")
def test_whatever_is_asked_for_stays_inside(path: str) -> None:
    found = served(path, OUT, DATA)
    if found is not None:
        parts = found.path.parts
        assert ".." not in parts
        assert found.path == Path(*parts)
        assert found.path.is_relative_to(OUT) or found.path.is_relative_to(DATA)
        assert not any(p.startswith(".") for p in found.path.relative_to("/srv").parts)


def test_every_file_of_a_catalogue_and_a_version_is_given_out(tmp_path: Path) -> None:
    folder = publish(tmp_path, count=30, versions=1)
    build(tmp_path)
    (version,) = (p for p in (folder / "versions").iterdir() if p.is_dir())
    wanted = [
        tmp_path / "index.html",
        *(p for p in (tmp_path / "catalogue").rglob("*") if p.is_file()),
        *(p for p in version.rglob("*") if p.is_file()),
        folder / "latest.json",
        folder / "versions.json",
        folder / "feed.xml",
        tmp_path / "index.json",
        *(p for p in (folder / "tables").glob("*/part-*") if p.is_file()),
    ]
    assert len(wanted) > 60
    for path in wanted:
        found = served(path.relative_to(tmp_path).as_posix(), tmp_path, tmp_path)
        assert found is not None, path
        assert found.path == path
        assert found.media_type != "application/octet-stream" or path.suffix == ".pack", path


def test_only_what_never_changes_is_kept_for_long() -> None:
    def cache(path: str) -> str:
        found = served(path, OUT, DATA)
        assert found is not None, path
        return found.cache_control

    for path in ("", "index.html", "catalogue/catalogue.json", "speeches/latest.json", "speeches/versions.json", "index.json"):  # fmt: skip
        assert cache(path) == FRESH
    part = f"part-{'0' * 32}.parquet"
    for path in (f"catalogue/data/speeches/cards-{'a' * 24}.pack", f"speeches/tables/speeches/{part}", f"speeches/versions/2026-11-22.1/speeches/{part}", "catalogue/app-0123456789ab/app.js"):  # fmt: skip
        assert cache(path) == IMMUTABLE
    for name in static_files():
        if name != "index.html":
            assert cache(f"catalogue/app-0123456789ab/{name}") == IMMUTABLE


def test_the_policy_of_the_page_is_that_of_the_headers() -> None:
    page = static_files()["index.html"].decode()
    policy = page.partition('Content-Security-Policy" content="')[2].partition('"')[0]
    assert (
        HEADERS["Content-Security-Policy"] == f"{policy}; frame-ancestors 'none'"
    )  # which a page cannot say of itself
    assert "unsafe" not in policy
    assert " style=" not in page
    assert "<style" not in page
    assert all(" src=" in tag for tag in page.split("<script")[1:])


@pytest.mark.parametrize("name", ["speeches", "a.b", "A-1_b"])
def test_names_of_datasets(name: str) -> None:
    assert is_dataset(name)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a..b", ".a", "a.", "catalogue", "讲话", "a b", "x" * 101])
def test_no_names_of_datasets(name: str) -> None:
    assert not is_dataset(name)
