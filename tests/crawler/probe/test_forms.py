"""Forms of addresses: what is one form, and patterns that fit all addresses of it."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from crawler.probe.forms import forms_of
from crawler.urls import clean_url

WORDS = st.text("abcdefghijklmnop-_", min_size=1, max_size=9)
SEGMENTS = st.one_of(WORDS, st.integers(0, 99_999).map(str), st.builds("{}_{}".format, WORDS, st.integers(0, 99)))
QUERIES = st.lists(st.tuples(st.sampled_from(["id", "page", "mod", "a.b"]), st.one_of(WORDS, st.integers(0, 99).map(str), st.just("")))
                   , max_size=3).map(lambda q: "&".join(f"{k}={v}" if v else k for k, v in q))  # fmt: skip
KEYS = st.builds(
    lambda path, end, query: "/" + "/".join(path) + end + (f"?{query}" if query else ""),
    st.lists(SEGMENTS, max_size=4),
    st.sampled_from(["", "/", ".html", ".php"]),
    QUERIES,
)


def shown(*keys: str) -> dict[str, str]:
    return {k: str(f) for k, f in forms_of(keys).items()}


def test_numbers_count_and_words_name() -> None:
    assert shown("/a/2021/7.html", "/a/list_3.html", "/a/", "/") == {
        "/a/2021/7.html": "/a/{n}/{n}.html", "/a/list_3.html": "/a/list_{n}.html", "/a/": "/a/", "/": "/",
    }  # fmt: skip


def test_many_folders_are_one_form_and_few_are_not() -> None:
    many = [f"/{folder}/{n}.html" for folder in ("jianghua", "lianghui", "dangke", "zhici") for n in (1, 2)]
    assert set(shown(*many).values()) == {"/{}/{n}.html"}
    assert set(shown(*many[:4]).values()) == {"/jianghua/{n}.html", "/lianghui/{n}.html"}


def test_pages_of_a_list_stay_apart_from_articles_of_its_folder() -> None:
    keys = (
        [f"/x/{n}.html" for n in range(9)]
        + [f"/x/list_{n}.html" for n in range(9)]
        + [f"/x/{w}.html" for w in ("about", "index", "links", "map")]
    )
    assert set(shown(*keys).values()) == {"/x/{n}.html", "/x/list_{n}.html", "/x/{}.html"}  # fmt: skip


def test_a_query_belongs_to_the_form_with_what_it_names() -> None:
    keys = ["/forum.php?mod=viewthread&tid=1", "/forum.php?tid=2&mod=viewthread", "/forum.php?mod=forumdisplay&fid=2"]
    assert list(shown(*keys).values()).count("/forum.php?mod=viewthread&tid={n}") == 2


@given(st.lists(KEYS, max_size=25))
def test_the_pattern_of_a_form_fits_each_of_its_addresses(keys: list[str]) -> None:
    # two slashes in front name a host in a key
    clean = [u.removeprefix("http://a.test") for k in keys if k[:2] != "//" and (u := clean_url("http://a.test" + k))]
    for key, form in forms_of(clean).items():
        assert re.search(form.pattern, key), (key, str(form), form.pattern)


@given(st.lists(KEYS, max_size=25), st.randoms())
def test_forms_depend_on_the_addresses_and_not_on_their_order(keys: list[str], random: object) -> None:
    other = list(keys)
    random.shuffle(other)  # type: ignore[attr-defined]
    assert forms_of(keys) == forms_of(other)


@given(st.text(max_size=60))
def test_any_address_has_a_form_whose_pattern_fits_it(text: str) -> None:
    url = clean_url("http://a.test/" + text)
    if url is not None and url.startswith("http://a.test/"):
        key = "/" + url.removeprefix("http://a.test").lstrip("/")
        assert re.search(forms_of([key])[key].pattern, key)
