"""Names of sites, and site files that say what was proposed."""

from __future__ import annotations

import re
import tempfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.probe.model import Because, Proposal
from crawler.probe.names import name_for
from crawler.probe.sitefile import checked, site_file

WHY = st.text(max_size=80)
PATTERNS = st.lists(
    st.builds(Because, st.text(max_size=20).map(lambda t: "^/" + re.escape(t)).filter(lambda p: p.isprintable()), WHY),
    max_size=3,
)


@st.composite
def proposals(draw: st.DrawFn) -> Proposal:
    host = draw(st.sampled_from(["http://a.test/", "http://127.0.0.1:81/", "https://a.test/x?y=1&z=#"]))
    return Proposal(
        name=Because("a-test", draw(WHY)),
        title=Because(draw(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)), draw(WHY)),
        start=[Because(host, draw(WHY))],
        allowed=draw(st.lists(st.builds(Because, st.sampled_from(["b.test", "c.test:81"]), WHY), max_size=2)),
        platform=Because(draw(st.sampled_from(["generic", "dedecms"])), draw(WHY)),
        recognised=None,
        delay=Because(draw(st.sampled_from([0.0, 0.2, 1.0, 10.0])), draw(WHY)),
        lists=draw(PATTERNS), articles=draw(PATTERNS), pages=draw(PATTERNS), sitemaps=draw(PATTERNS),
        groups=[], readings=[], charset="utf-8",
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(proposals())
def test_a_written_site_file_says_what_was_proposed(proposal: Proposal) -> None:
    text = site_file(proposal, 30, date(2026, 1, 2))
    with tempfile.TemporaryDirectory() as folder:
        site = checked(text, "a-test", Path(folder))
    assert site.title == proposal.title.value
    assert list(site.start) == [b.value for b in proposal.start]
    assert list(site.allowed) == [b.value for b in proposal.allowed]
    assert site.platform == proposal.platform.value
    assert site.politeness.delay == proposal.delay.value
    for key in ("lists", "articles", "pages"):
        # the platform's own stand behind
        mine = [b.value for b in getattr(proposal, key)]
        assert list(getattr(site.follow, key))[: len(mine)] == mine
    assert set(site.follow.sitemaps) == {"auto", *(b.value for b in proposal.sitemaps)}
    assert site.follow.everything


@settings(max_examples=60, deadline=None)
@given(proposals())
def test_every_line_has_its_reason(proposal: Proposal) -> None:
    for b in (proposal.name, proposal.title, *proposal.lists):
        if not b.why.strip():
            return
    lines = site_file(proposal, 30, date(2026, 1, 2)).splitlines()
    assert all("#" in line for line in lines if line.startswith(("name", "title", "follow", "politeness", "language")))


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://www.wanshu.net/", "wanshu-net"),
        ("https://wanshu.net:443/a", "wanshu-net"),
        ("https://wanshu.net:8443/", "wanshu-net-8443"),
        ("http://127.0.0.1:8101/", "local-8101"),
        ("http://localhost/", "local"),
        ("http://10.1.2.3:81/", "10-1-2-3-81"),
        ("http://[2001:db8::1]:81/", "2001-db8-1-81"),
        ("http://" + "a" * 50 + ".b-c.example.test:8080/", ("a" * 50 + "-b-c-exam")[: 63 - 5].strip("-") + "-8080"),
    ],
)
def test_names_come_from_host_and_port(url: str, name: str) -> None:
    found = str(name_for(url).value)
    assert found == name
    assert re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", found)
