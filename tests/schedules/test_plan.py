"""Fire times and what becomes of missed ones: pure functions, looked at from outside with real time zones."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from crawler.errors import JianghuaError, UsageError
from crawler.home import Home
from schedules.jobs import Plan, command, plan_of
from schedules.plan import (
    Due,
    Missed,
    Pause,
    Schedule,
    dark_until,
    due_runs,
    fire_times,
    load_schedule,
    load_schedules,
    parse_schedule,
    schedule_files,
    span,
    start_after,
)

# north and south, half hours, a day that was left out (Apia 2011), summer time at midnight (Santiago, Beirut)
ZONES = (
    "Asia/Shanghai",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Asia/Beirut",
    "Pacific/Apia",
    "UTC",
)
moments = st.datetimes(datetime(2005, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)).map(
    lambda t: t.replace(microsecond=0)
)


def schedule(cron: str | None, **more: object) -> Schedule:
    return Schedule.model_validate({"name": "s", "cron": cron, **more})


@given(zone=st.sampled_from(ZONES), start=moments, hour=st.integers(0, 23), minute=st.integers(0, 59))
@settings(max_examples=60, deadline=None)
def test_a_daily_schedule_fires_once_each_local_day(zone: str, start: datetime, hour: int, minute: int) -> None:
    daily = schedule(f"{minute} {hour} * * *", time_zone=zone)
    found = list(fire_times(daily, start, start + timedelta(days=370)))
    assert found == sorted(set(found))
    local = [t.astimezone(ZoneInfo(zone)) for t in found]
    days = [t.date() for t in local]
    assert len(days) == len(set(days))
    wanted = {days[0] + timedelta(days=i) for i in range((days[-1] - days[0]).days + 1)}
    assert wanted - set(days) == {
        d for d in wanted if zone == "Pacific/Apia" and d == date(2011, 12, 30)
    }  # no such day
    for t in local:
        wall = t.replace(tzinfo=None)
        if (wall.hour, wall.minute) != (hour, minute):  # only where that wall-clock time does not exist
            asked = datetime(wall.year, wall.month, wall.day, hour, minute, tzinfo=ZoneInfo(zone))
            assert asked.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) != asked.replace(tzinfo=None)
        assert t.fold == 0


def test_the_day_that_summer_time_begins_and_ends() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    s = schedule("30 2 * * *", time_zone="Europe/Berlin")
    spring = list(fire_times(s, datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 3, 30, 12, tzinfo=UTC)))
    assert [t.astimezone(berlin).isoformat() for t in spring] == [
        "2026-03-29T03:00:00+02:00",
        "2026-03-30T02:30:00+02:00",
    ]
    autumn = list(fire_times(s, datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 26, 12, tzinfo=UTC)))
    assert [t.astimezone(berlin).isoformat() for t in autumn] == [
        "2026-10-25T02:30:00+02:00",
        "2026-10-26T02:30:00+01:00",
    ]


@given(zone=st.sampled_from(ZONES), start=moments, cuts=st.lists(st.integers(0, 5 * 86400), max_size=6))
@settings(max_examples=40, deadline=None)
def test_asking_in_pieces_gives_the_same_times(zone: str, start: datetime, cuts: list[int]) -> None:
    s = schedule("*/20 1-3 * * *", time_zone=zone)
    end = start + timedelta(days=5)
    edges = [start, *sorted(start + timedelta(seconds=c) for c in cuts), end]
    pieces = [t for a, b in itertools.pairwise(edges) for t in fire_times(s, a, b)]
    assert pieces == list(fire_times(s, start, end))


@pytest.mark.parametrize(
    ("cron", "days"),
    [
        ("0 0 * * 0", ["Sun 01", "Sun 08"]),
        ("0 0 * * 7", ["Sun 01", "Sun 08"]),
        ("0 0 * * 1", ["Mon 02", "Mon 09"]),
        ("0 0 * * sat-mon", ["Sun 01", "Mon 02", "Sat 07"]),
        ("0 0 * * 5-7", ["Sun 01", "Fri 06", "Sat 07"]),
        ("0 0 13 * 5", ["Fri 06", "Fri 13", "Fri 20"]),  # alternatives, as in crontab
        ("0 0 */10 * *", ["Sun 01", "Wed 11", "Sat 21"]),
        ("0 0 1 * *", ["Sun 01", "Tue 01"]),
    ],
)
def test_weekdays_count_as_in_crontab(cron: str, days: list[str]) -> None:
    found = fire_times(schedule(cron), datetime(2026, 10, 31, 12, tzinfo=UTC))
    assert [next(found).strftime("%a %d") for _ in days] == days


@pytest.mark.parametrize(
    "cron", ["* * * *", "60 * * * *", "0 24 * * *", "0 0 30 2 *", "0 0 * * 8", "x * * * *", "*/0 * * * *", ""]
)
def test_bad_cron_lines(cron: str) -> None:
    with pytest.raises(ValidationError):
        schedule(cron)


HOUR = timedelta(hours=1)
policies = st.sampled_from(
    [Missed("latest"), Missed("all"), Missed("none"), Missed("within", 6 * HOUR), Missed("within", timedelta(0))]
)


@given(missed=policies, last=moments, down=st.integers(0, 3 * 86400), zone=st.sampled_from(ZONES))
@settings(max_examples=60, deadline=None)
def test_after_downtime_every_fire_time_gets_one_answer(missed: Missed, last: datetime, down: int, zone: str) -> None:
    s = schedule("10 */2 * * *", time_zone=zone, missed=missed)
    now = last + timedelta(seconds=down)
    times = list(fire_times(s, last, now))
    answers = list(due_runs(s, last, now))
    assert [d.scheduled_for for d in answers] == times
    met = {t for t in times if now - t <= timedelta(seconds=60)}
    caught = {
        "latest": set(times[-1:]) - met,
        "all": set(times) - met,
        "none": set(),
        "within": {t for t in times if now - t <= (missed.within or timedelta(0))} - met,
    }[missed.policy]
    assert {d.scheduled_for for d in answers if d.action == "run"} == met
    assert {d.scheduled_for for d in answers if d.action == "catch_up"} == caught
    assert all(d.why for d in answers if d.action != "run")
    assert all(d.start_after == now for d in answers if d.action == "catch_up")


def test_latest_says_which_run_stands_for_the_missed_ones() -> None:
    s = schedule("0 3 * * *")
    now = datetime(2026, 11, 22, 4, tzinfo=UTC)
    answers = list(due_runs(s, datetime(2026, 11, 19, 4, tzinfo=UTC), now))
    assert [d.action for d in answers] == ["miss", "miss", "catch_up"]
    assert "2026-11-22 03:00" in (answers[0].why or "")
    assert isinstance(answers[0], Due)


@given(t=moments, minutes=st.integers(0, 600))
def test_jitter_is_within_its_bounds_and_the_same_each_time(t: datetime, minutes: int) -> None:
    s = schedule("* * * * *", jitter=f"{minutes}m")
    assert t <= start_after(s, t) <= t + timedelta(minutes=minutes)
    assert start_after(s, t) == start_after(s, t.astimezone(ZoneInfo("Asia/Shanghai")))


def test_naive_times_are_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        next(fire_times(schedule("* * * * *"), datetime(2026, 1, 1)))


def test_spans_for_people() -> None:
    assert [span(timedelta(seconds=s)) for s in (0, 45, 3600, 93_784)] == ["0s", "45s", "1h", "1d 2h"]


every = st.integers(1, 10_000).map(lambda m: timedelta(minutes=m))


@given(every=every, zone=st.sampled_from(ZONES), start=moments, later=st.integers(0, 40 * 86400))
def test_an_interval_is_counted_from_its_anchor_whoever_asks_and_when(
    every: timedelta, zone: str, start: datetime, later: int
) -> None:
    s = Schedule(name="s", every=every, time_zone=zone, anchor="2026-03-01 03:00")  # type: ignore[arg-type]
    anchor = datetime(2026, 3, 1, 3, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    found = list(itertools.islice(fire_times(s, start), 20))
    assert found[0] > start >= found[0] - every
    assert {b - a for a, b in itertools.pairwise(found)} == {every}
    assert not (found[0] - anchor) % every
    again = start + timedelta(seconds=later)  # as after a restart
    assert next(fire_times(s, again)) == next(t for t in fire_times(s, start) if t > again)


def test_an_interval_without_anchor_begins_on_a_monday_at_midnight_of_its_zone() -> None:
    s = schedule(None, every="1w", time_zone="Asia/Shanghai")
    local = next(fire_times(s, datetime(2026, 11, 27, tzinfo=UTC))).astimezone(ZoneInfo("Asia/Shanghai"))
    assert local.strftime("%a %H:%M") == "Mon 00:00"
    assert schedule(None, every="6h").timing_digest != schedule(None, every="5h").timing_digest
    assert schedule("0 5 * * *").fires == "0 5 * * *"
    assert schedule(None, every="6h").fires == "every 6h"


@given(
    times=st.integers(1, 100),
    wait=st.integers(1, 7200),
    factor=st.floats(1, 10),
    more=st.integers(0, 86400),
    done=st.integers(0, 99),
)
def test_waits_between_retries_grow_up_to_the_longest(
    times: int, wait: int, factor: float, more: int, done: int
) -> None:
    s = schedule("0 5 * * *", retries={"times": times, "wait": f"{wait}s", "factor": factor, "most": f"{wait + more}s"})
    assert s.retries is not None
    pauses = [s.retries.pause(n) for n in range(done + 1)]
    assert pauses[0] == timedelta(seconds=wait)
    assert pauses == sorted(pauses)
    assert max(pauses) <= s.retries.most
    for a, b in itertools.pairwise(pauses):
        assert b == s.retries.most or abs(b / a - factor) < 0.001


def test_the_waits_of_the_example() -> None:
    s = schedule("0 5 * * *", retries={"times": 6})
    assert s.retries is not None
    assert [span(s.retries.pause(n)) for n in range(6)] == ["5m", "10m", "20m", "40m", "1h", "1h"]


NIGHT = {"time_zone": "Asia/Shanghai", "blackout": ["08:00-20:00"]}


def test_what_fires_in_the_blackout_begins_when_it_ends() -> None:
    s = schedule("0 */4 * * *", **NIGHT)
    times = list(fire_times(s, datetime(2026, 11, 21, 16, 30, tzinfo=UTC), datetime(2026, 11, 22, 16, 30, tzinfo=UTC)))
    begins = [
        (f"{t.astimezone(ZoneInfo(s.time_zone)):%H}", f"{start_after(s, t).astimezone(ZoneInfo(s.time_zone)):%H:%M}")
        for t in times
    ]
    assert begins == [
        ("04", "04:00"),
        ("08", "20:00"),
        ("12", "20:00"),
        ("16", "20:00"),
        ("20", "20:00"),
        ("00", "00:00"),
    ]


@given(t=moments, minutes=st.integers(0, 600), zone=st.sampled_from(ZONES))
def test_nothing_begins_in_the_blackout_whatever_the_jitter(t: datetime, minutes: int, zone: str) -> None:
    s = schedule("* * * * *", jitter=f"{minutes}m", time_zone=zone, blackout=["08:00-20:00", "Sat 00:00-24:00"])
    begin = start_after(s, t)
    assert begin >= t
    assert dark_until(s, begin) is None
    without = start_after(s.model_copy(update={"blackout": ()}), t)
    assert begin == without or dark_until(s, without) is not None


def test_who_comes_back_in_the_blackout_has_missed_nothing_that_it_held_back() -> None:
    s = schedule("0 */2 * * *", missed={"within": "1h"}, **NIGHT)
    last = datetime(2026, 11, 22, 3, tzinfo=UTC) - timedelta(hours=6)  # 05:00 in Shanghai
    noon = list(due_runs(s, last, datetime(2026, 11, 22, 4, 30, tzinfo=UTC)))  # 12:30
    assert [d.action for d in noon] == ["miss", "run", "run", "run"]
    assert "blackout" in (noon[1].why or "")
    evening = list(
        due_runs(s, last, datetime(2026, 11, 22, 12, 30, tzinfo=UTC))
    )  # 20:30: half an hour late for all of them
    assert [d.action for d in evening] == ["miss", *["catch_up"] * 7]
    assert evening[1].start_after == datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
    night = list(due_runs(s, last, datetime(2026, 11, 22, 13, 30, tzinfo=UTC)))  # 21:30
    assert {d.action for d in night} == {"miss"}


def test_what_fires_while_paused_is_skipped_and_what_was_missed_before_is_judged_as_ever() -> None:
    s = schedule("0 * * * *", missed="latest")
    last, now = datetime(2026, 11, 22, 0, 30, tzinfo=UTC), datetime(2026, 11, 22, 6, 30, tzinfo=UTC)
    pause = Pause(datetime(2026, 11, 22, 3, 30, tzinfo=UTC), "moving house", "wang")
    answers = list(due_runs(s, last, now, paused=pause))
    assert [d.action for d in answers] == ["miss", "miss", "catch_up", "skip", "skip", "skip"]
    assert answers[-1].why == "paused since 2026-11-22 03:30 UTC by wang: moving house"
    assert [d.action for d in due_runs(s, last, now, paused=Pause(last - HOUR))] == ["skip"] * 6


def test_why_nobody_was_there_is_told() -> None:
    s = schedule("0 * * * *", missed="none")
    now = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)
    told = next(due_runs(s, now - 2 * HOUR, now, absent="the clock jumped, {late} on")).why
    assert told == "the clock jumped, 1h 30m on (missed: none)"


# ---------------------------------------------------------------------------------------------- files


def write(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_built_in_example_is_right_and_own_schedules_replace_it(tmp_path: Path) -> None:
    home = Home.find(tmp_path)
    good, broken = load_schedules(home)
    assert [n for n, s in good.items() if s.enabled] == ["daily"]
    assert list(good) == ["daily", "nights", "weekly"]
    assert not broken
    steps = good["daily"].steps
    assert steps.index("crawl") < steps.index("learn") < steps.index("extract")
    write(home.own_schedules, "weekly", "name: weekly\ncron: 0 4 * * 1\n")
    assert list(schedule_files(home)) == ["weekly"]


LAUGHS = "".join(f"  {b}: &{b} [{', '.join([f'*{a}'] * 8)}]\n" for a, b in itertools.pairwise("abcdefg"))


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("name: a\ncron: 0 25 * * *\n", 2, "cron"),
        ("name: a\ncron: 0 5 * * *\ntime_zone: Asia/Peking\n", 3, "IANA"),
        ("name: a\ncron: 0 5 * * *\nmised: all\n", 3, "unknown key 'mised'"),
        ("name: a\ncron: 0 5 * * *\nmissed: some\n", 3, "latest, all, none"),
        ("name: a\ncron: 0 5 * * *\nmissed: {within: soon}\n", 3, "duration"),
        ("name: a\ncron: 0 5 * * *\noverlap: twice\n", 3, "overlap"),
        ("name: a\ncron: 0 5 * * *\nsteps: [publish, crawl]\n", 3, "order"),
        ("name: a\ncron: 0 5 * * *\nsites:\n  - hualong\n  - nowhere\n", 5, "nowhere"),
        ("name: a\ncron: 0 5 * * *\ncrawl:\n  dealy: 1\n", 4, "crawl.dealy"),
        ("name: a\ncron: 0 5 * * *\ncrawl:\n  at: {hualong: 'ftp://x'}\n", 4, "http"),
        ("name: b\ncron: 0 5 * * *\n", 1, "file's name"),
        ("name: a\n", 1, "'cron' is missing"),
        ("name: a\ncron: 0 5 * * *\nevery: 6h\n", 3, "both given"),
        ("name: a\nevery: 10s\n", 2, "at least 1m"),
        ("name: a\nevery: 6\n", 2, "duration"),
        ("name: a\nevery: 6h\nanchor: tomorrow\n", 3, "not a date"),
        ("name: a\nevery: 6h\nanchor: 2026-01-01T00:00:00Z\n", 3, "wall-clock"),
        ("name: a\ncron: 0 5 * * *\nanchor: 2026-01-01\n", 3, "without 'every'"),
        ("name: a\nevery: 6h\ntime_limit: 5s\n", 3, "at least 1m"),
        ("name: a\nevery: 6h\nretries: {times: 0}\n", 3, "retries.times"),
        ("name: a\nevery: 6h\nretries:\n  time: 3\n", 4, "known here: factor, most, times, wait"),
        ("name: a\nevery: 6h\nretries: {wait: 2h}\n", 3, "shorter than the first"),
        ("name: a\nevery: 6h\nretries: 3\n", 3, "retries"),
        ('name: a\nevery: 6h\nblackout:\n  - "08:00-20:00"\n  - "Son 00:00-24:00"\n', 5, "day of the week"),
        ('name: a\nevery: 6h\nblackout: ["08:00-24:30"]\n', 3, "from 00:00 to 24:00"),
        ('name: a\nevery: 6h\nblackout: ["08:00"]\n', 3, "no time of the day"),
        ('name: a\nevery: 6h\nblackout: ["08:00-08:00"]\n', 3, "00:00-24:00"),
        ('name: a\nevery: 6h\nblackout: ["08:00-20:00", "19:00-08:00"]\n', 3, "no minute of the week"),
        ("name: a\nevery: 6h\nblackout_stop: true\n", 3, "without 'blackout'"),
        ("name: a\nevery: 6h\nsites: {group: nowhere}\n", 3, "use one of: north"),
        ("name: a\nevery: 6h\nsites:\n  group:\n    - north\n    - south\n", 6, "group 'south'"),
        ("name: a\nevery: 6h\nsites: {groups: north}\n", 3, "{group: NAME}"),
        ("name: a\nevery: 6h\nsites: 5\n", 3, "a list of names"),
        ("name: a\ncron: 0 5 * * *\ncron: 0 6 * * *\n", 3, "twice"),
        ("name: a\n  cron: 0\n", 2, "YAML"),
        ("- a\n", 1, "keys and values"),
        ("name: a\nevery: 99999999999d\n", 2, "a thousand years"),
        ("name: a\nevery: 6h\njitter: 9999999d\n", 3, "a thousand years"),
        ("name: a\nevery: 6h\nanchor: 9999-12-31 23:59\ntime_zone: America/New_York\n", 3, "after 2999"),
        ("name: a\nevery: 6h\nanchor: 0001-01-01\ntime_zone: Asia/Shanghai\n", 3, "before 1900"),
        ("name: a\nevery: 6h\ncrawl: {delay: .inf}\n", 3, "crawl.delay"),
        ("&a\nname: a\nevery: 6h\ncrawl: *a\n", 2, "holds itself"),
        ("name: a\nevery: 6h\nsites: &s [*s]\n", 3, "holds itself"),
        ("name: a\nevery: 6h\nx:\n  a: &a [1, 2, 3, 4, 5, 6, 7, 8]\n" + LAUGHS, 4, "200,000 values"),
        ("name: a\nevery: 6h\n? [a, b]\n: 2\n", 3, "a key must be a word"),
        ('name: a\nevery: 6h\nenabled: !!bool "abc"\n', 3, "does not fit !!bool"),
        ('name: a\nevery: !!timestamp "abc"\n', 2, "does not fit !!timestamp"),
        ("name: a\nevery: 6h\ntitle: \x01\n", 3, "special characters"),
    ],
)
def test_mistakes_are_told_with_file_and_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    path = write(tmp_path, "a", text)
    with pytest.raises(JianghuaError) as e:
        parse_schedule(path, ["hualong", "wengao"], lambda: {"north": ["hualong"]})
    assert e.value.where == f"{path}:{line}"
    assert said in str(e.value)
    assert e.value.remedy


def test_files_that_are_no_yaml_at_all_are_told(tmp_path: Path) -> None:
    for data, where in ((b"name: a\ntitle: \xe9\n", ":2"), (b"name: a\n" + b"[" * 2000 + b"]" * 2000, ":2")):
        (tmp_path / "a.yaml").write_bytes(data)
        with pytest.raises(JianghuaError) as e:
            parse_schedule(tmp_path / "a.yaml")
        assert e.value.where == f"{tmp_path / 'a.yaml'}{where}"


def test_anchors_and_merged_keys_are_read(tmp_path: Path) -> None:
    path = write(
        tmp_path, "a", "name: a\nevery: 6h\nretries: &r {times: 2, wait: 1m}\ncrawl:\n  <<: {delay: 3}\n  delay: 2\n"
    )
    assert parse_schedule(path).crawl.delay == 2


def test_a_file_with_the_other_ending_is_told_and_the_examples_stay_away(tmp_path: Path) -> None:
    home = Home.find(tmp_path)
    write(home.own_schedules, "x", "").with_suffix(".yml").write_text("name: nightly\nevery: 6h\n")
    (home.own_schedules / "x.yaml").unlink()
    good, broken = load_schedules(home)
    assert not good
    assert "ends in .yaml" in str(broken["x"])


def test_a_broken_file_hides_no_other(tmp_path: Path) -> None:
    home = Home.find(tmp_path)
    write(home.own_schedules, "bad", "name: bad\ncron: never\n")
    write(home.own_schedules, "good", "name: good\ncron: 0 4 * * 1\nmissed: {within: 6h}\n")
    good, broken = load_schedules(home)
    assert good["good"].missed == Missed("within", 6 * HOUR)
    assert list(broken) == ["bad"]
    with pytest.raises(JianghuaError):
        load_schedule("bad", home)
    with pytest.raises(UsageError):
        load_schedule("nothing", home)


def test_a_schedule_says_whether_warnings_wait_and_the_publish_step_is_told(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for options, told in (({}, []), ({"warnings": "publish"}, []), ({"warnings": "wait"}, ["--warnings", "wait"])):
        made = schedule(
            "0 3 * * *", publish=options, sites=["hualong"], crawl={"at": {"hualong": "http://127.0.0.1:1"}}
        )
        plan = plan_of(made, home)
        assert Plan.from_json(json.loads(json.dumps(plan.as_json()))) == plan
        argv = command("publish", plan, home)
        assert argv[argv.index("publish") + 1 : argv.index("--json")] == ["speeches", *told]
    with pytest.raises(ValidationError):
        schedule("0 3 * * *", publish={"warnings": "ask"})
    old = plan_of(
        schedule("0 3 * * *", sites=["hualong"], crawl={"at": {"hualong": "http://127.0.0.1:1"}}), home
    ).as_json()
    del old["warnings"]  # a run that was due when the program was upgraded
    assert Plan.from_json(old).warnings == "publish"


def test_sites_by_group(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.own_sites.mkdir(parents=True)
    for name, groups in (("a", "[north, big]"), ("b", "[north]"), ("c", "[south]"), ("d", "[]")):
        text = f"name: {name}\ntitle: {name}\nstart: ['http://{name}.example/']\ngroups: {groups}\n"
        (home.own_sites / f"{name}.yaml").write_text(text)
    write(home.own_schedules, "s", "name: s\ncron: 0 4 * * 1\nsites: {group: north}\n")
    write(home.own_schedules, "t", "name: t\nevery: 6h\nsites:\n  group: [big, south]\n")
    good, broken = load_schedules(home)
    assert not broken
    assert plan_of(good["s"], home).sites == ("a", "b")
    assert plan_of(good["t"], home).sites == ("a", "c")
    assert (good["s"].sites_told, good["t"].sites_told) == ("group north", "group big, south")
    (home.own_sites / "b.yaml").write_text("name: b\nstart: nowhere\ngroups: [north]\n")
    plan = plan_of(good["s"], home)  # a site of the group with a broken file is not left out without a word
    assert plan.sites == ("a",)
    assert list(plan.broken) == ["b"]
    for name in ("a", "b"):
        (home.own_sites / f"{name}.yaml").unlink()
    with pytest.raises(UsageError, match="group north"):
        plan_of(good["s"], home)
    assert "no site is in the group 'north'" in str(load_schedules(home)[1]["s"])
