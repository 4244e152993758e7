"""How hosts were asked, counted in little memory."""

from __future__ import annotations

from collections import Counter
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.figures import HostCount, middle


def test_a_host_that_was_never_asked_twice() -> None:
    count = HostCount()
    count.asked(None)
    count.answered(0.25, 1000)
    assert count.as_json("a.test") == {
        "host": "a.test", "requests": 1, "bytes": 1000, "delay_shortest": None, "delay_median": None, "answer_median": 0.25,
    }  # fmt: skip


@given(st.lists(st.floats(0, 500), min_size=1, max_size=200))
def test_shortest_and_median(gaps: list[float]) -> None:
    count = HostCount()
    for gap in gaps:
        count.asked(gap)
    told = count.as_json("a.test")
    assert told["delay_shortest"] == pytest.approx(min(gaps), abs=0.001)
    assert told["delay_median"] == pytest.approx(median(gaps), rel=0.01, abs=0.002)
    assert len(count.gaps) <= len(gaps)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60))
def test_the_middle_of_counted_times(times: list[int]) -> None:
    assert middle(Counter(times)) == pytest.approx(median(times) / 1000, abs=0.0006)


def test_a_million_requests_keep_few_numbers() -> None:
    count = HostCount()
    for n in range(100_000):
        count.asked(n / 1000)
    assert len(count.gaps) < 6000
