"""Dates as pages write them; never a guess."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.extraction.dates import SHANGHAI, find_dates, parse_stamp


def shown(text: str, *, labelled: bool = False) -> str | None:
    dates = find_dates(text, labelled=labelled)
    return dates[0].moment.strftime("%Y-%m-%d %H:%M:%S") if dates else None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2022-12-18 18:45:04", "2022-12-18 18:45:04"),
        ("2008/5/27 11:28:55", "2008-05-27 11:28:55"),
        ("2024年05月03日", "2024-05-03 00:00:00"),
        ("2024 年 5 月 3 日 08:12", "2024-05-03 08:12:00"),
        ("2024.5.3", "2024-05-03 00:00:00"),
        ("2021-10-0723:33:08", "2021-10-07 23:33:08"),
        ("2021-10-07来源", "2021-10-07 00:00:00"),
        ("2005年3月21日08:12 某某网", "2005-03-21 08:12:00"),
        ("2024年5月3日(星期五) 下午 3:20", "2024-05-03 15:20:00"),
        ("2024年5月3日 上午9时30分", "2024-05-03 09:30:00"),
        ("民國113年5月3日", "2024-05-03 00:00:00"),
        ("June 5, 2023", "2023-06-05 00:00:00"),
        ("5 Jun 2023 10:11 PM", "2023-06-05 22:11:00"),
        ("2024-05-03 25:99", "2024-05-03 00:00:00"),
    ],
)
def test_full_dates(text: str, moment: str) -> None:
    assert shown(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "10-28",
        "2024-05",
        "5月4日",
        "2024年",
        "2024-13-40",
        "2023-02-30",
        "192.168.2020.1",
        "1.2024.5.3",
        "12:30",
        "1889-01-01",
        "113-05-03",
        "20240503",
        "",
    ],
)
def test_no_full_date_is_no_date(text: str) -> None:
    assert shown(text) is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("113-05-03", "2024-05-03 00:00:00"),
        ("113/5/3 14:05", "2024-05-03 14:05:00"),
        ("20240503", "2024-05-03 00:00:00"),
        ("20240503103000", "2024-05-03 10:30:00"),
        ("二〇二四年五月三十一日", "2024-05-31 00:00:00"),
        ("二○二四年十二月十日", "2024-12-10 00:00:00"),
        ("9/17/2004 5:54:13 AM", "2004-09-17 05:54:13"),
        ("17/9/2004", "2004-09-17 00:00:00"),
        ("7/5/2005", None),
        ("10-28", None),
        ("22-04-05 10:11", "2022-04-05 10:11:00"),
        ("98-08-09", "2009-08-09 00:00:00"),
    ],
)
def test_weak_forms_count_behind_a_label(text: str, moment: str | None) -> None:
    assert shown(text, labelled=True) == moment


def test_stamps_honour_their_zone() -> None:
    assert parse_stamp("2024-05-03T00:30:00Z") == datetime(2024, 5, 3, 8, 30, tzinfo=SHANGHAI)
    assert parse_stamp("2024-05-03T10:30:00+08:00") == datetime(2024, 5, 3, 10, 30, tzinfo=SHANGHAI)
    assert parse_stamp("2024-05-03T23:30:00.123-0500") == datetime(2024, 5, 4, 12, 30, tzinfo=SHANGHAI)
    assert parse_stamp("2024-05-03") == datetime(2024, 5, 3, tzinfo=SHANGHAI)
    assert parse_stamp("yesterday") is None


@given(
    st.dates(date(1990, 1, 1), date(2035, 12, 31)),
    st.times(),
    st.sampled_from(
        [
            "%Y-%m-%d %H:%M:%S",
            "%Y/%m/%d %H:%M:%S",
            "%Y年%m月%d日 %H:%M:%S",
            "%Y.%m.%d %H:%M:%S",
            "%Y年%m月%d日%H时%M分%S",
        ]
    ),
    st.sampled_from(["", "时间:", "某某网 ", "(", "\u7b2c"]),
    st.sampled_from(["", " 来源:网络", ")", " 223"]),
)
def test_every_form_gives_its_moment(day: date, clock: time, form: str, before: str, behind: str) -> None:
    moment = datetime.combine(day, clock.replace(microsecond=0, fold=0), SHANGHAI)
    found = find_dates(
        before + f"{day.year:04}" + moment.strftime(form)[moment.strftime(form).index(str(day.year)) + 4 :] + behind
    )
    assert len(found) == 1
    assert found[0].moment == moment
    assert found[0].moment.utcoffset() in (timedelta(hours=8), timedelta(hours=9))  # summer time until 1991


@given(st.text(max_size=60))
def test_any_text_is_survived(text: str) -> None:
    for found in find_dates(text, labelled=True):
        assert 0 <= found.start < found.end <= len(text)
