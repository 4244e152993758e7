"""When a schedule fires and what is to become of each fire time. Pure functions over a validated schedule file.

A fire time is a moment in UTC. The cron fields are wall-clock time in the schedule's own zone, and one wall-clock time
runs once: when summer time ends and 02:30 comes twice, the first counts; when summer time begins and 02:30 does not
exist, the moment at which the clocks jump takes its place, as long as that is on the same date. So a daily time fires once
on each date that the zone's calendar has. An interval is counted in elapsed time from a fixed anchor, whoever asks and when.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from crawler.errors import JianghuaError, UsageError
from crawler.home import Home
from crawler.mistakes import NAME
from crawler.site import Duration, HttpUrl, explain, known_keys, load_yaml, require_yaml, site_files, site_groups
from schedules.blackout import Window, blackout_end, leaves_time, window
from schedules.crontab import cron_line, walls
from schedules.wallclock import exists, first_moment

BUILT_IN = Path(__file__).parent
REMEDY = "mend the named keys; docs/scheduling.md lists every key with an example"
MANUAL = "manual"  # the schedule's name in the ledger when a person started the run

# A fire time that is met this late still counts as met: the clock wakes for every one, but a machine may be busy.
GRACE = timedelta(seconds=60)
# From where intervals are counted that name no anchor: a Monday, midnight in the schedule's zone.
ANCHOR = datetime(2024, 1, 1)

Step = Literal["crawl", "learn", "extract", "publish"]
STEPS: tuple[Step, ...] = ("crawl", "learn", "extract", "publish")


# ---------------------------------------------------------------------------------------------- the model


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError("not an IANA time zone; write e.g. Asia/Shanghai or UTC") from None
    return value


@dataclass(frozen=True, slots=True)
class Missed:
    """What happens to fire times that nobody was there for. `within` is set for the policy of that name."""

    policy: Literal["latest", "all", "none", "within"]
    within: timedelta | None = None

    def __str__(self) -> str:
        return self.policy if self.within is None else f"within {span(self.within)}"


_DURATION: TypeAdapter[timedelta] = TypeAdapter(Duration)


def _missed(value: object) -> object:
    if isinstance(value, Missed):
        return value
    if value in ("latest", "all", "none"):
        return Missed(value)
    if isinstance(value, str) and (m := re.fullmatch(r"within[:\s]\s*(\S+)", value.strip())):
        value = {"within": m[1]}
    if isinstance(value, dict) and set(value) == {"within"}:
        try:
            return Missed("within", _DURATION.validate_python(value["within"]))
        except ValidationError:
            raise ValueError("within: not a duration; write 30m, 6h or 1d") from None
    raise ValueError("write latest, all, none or {within: 6h}")


def _at_least(shortest: timedelta) -> AfterValidator:
    def check(value: timedelta) -> timedelta:
        if value < shortest:
            raise ValueError(f"must be at least {span(shortest)}")
        return value

    return AfterValidator(check)


def _anchor(value: object) -> object:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ValueError("not a date or time; write 2026-01-01 or 2026-01-01 03:00") from None
    elif type(value) is date:
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        raise ValueError("not a date or time; write 2026-01-01 or 2026-01-01 03:00")
    if not 1900 <= value.year < 3000:
        raise ValueError("is a date before 1900 or after 2999")
    if value.tzinfo is not None:
        raise ValueError("is wall-clock time in time_zone; write it without Z or +08:00")
    return value


def _window(value: object) -> object:
    if isinstance(value, str):
        return window(value)
    if isinstance(value, Window):
        return value
    raise ValueError('not a time of the day; write it in quotes: "08:00-20:00" or "Sat,Sun 00:00-24:00"')


def _blackout(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _some_time(value: tuple[Window, ...]) -> tuple[Window, ...]:
    if not leaves_time(value):
        raise ValueError("leaves no minute of the week in which a run could begin")
    return value


def _steps(value: tuple[Step, ...]) -> tuple[Step, ...]:
    if list(value) != [s for s in STEPS if s in value]:
        raise ValueError(f"each step once, in this order: {', '.join(STEPS)}")
    return value


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CrawlOptions(_Part):
    """How the crawl step goes: refetch policy, seconds between requests, replicas by site name."""

    refetch: Literal["due", "all", "none"] = "due"
    delay: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    at: dict[str, HttpUrl] = {}


class ExtractOptions(_Part):
    """again: read every page again, changed or not."""

    again: bool = False


class PublishOptions(_Part):
    """dataset: the name of the dataset that is published; warnings: whether a version with warnings is published, or waits for a person."""

    dataset: Annotated[str, Field(pattern=NAME)] = "speeches"
    warnings: Literal["publish", "wait"] = "publish"


class Retries(_Part):
    """How a run that failed is tried again: so many times, after `wait`, then `factor` times as long as before, at most `most`."""

    times: int = Field(default=3, ge=1, le=100)
    wait: Annotated[Duration, _at_least(timedelta(seconds=1))] = timedelta(minutes=5)
    factor: float = Field(default=2.0, ge=1, le=10)
    most: Duration = timedelta(hours=1)

    @model_validator(mode="after")
    def _in_order(self) -> Retries:
        if self.most < self.wait:
            raise ValueError(
                f"the longest wait (most: {span(self.most)}) is shorter than the first (wait: {span(self.wait)})"
            )
        return self

    def pause(self, done: int) -> timedelta:
        """How long to wait after a failure when `done` retries have been made."""
        return timedelta(seconds=min(self.most.total_seconds(), self.wait.total_seconds() * self.factor**done))


class SiteGroups(_Part):
    """The sites whose files name one of these groups."""

    group: Annotated[tuple[str, ...], BeforeValidator(_blackout), Field(min_length=1)]

    def __str__(self) -> str:
        return f"group {', '.join(self.group)}"


def _sites(value: object) -> object:
    if value == "all" or isinstance(value, SiteGroups):
        return value
    if isinstance(value, dict):
        if set(value) != {"group"}:
            raise ValueError("write {group: NAME} or {group: [NAME, NAME]}")
        names = [value["group"]] if isinstance(value["group"], str) else value["group"]
        if not isinstance(names, list | tuple) or not names or not all(isinstance(n, str) for n in names):
            raise ValueError("write {group: NAME} or {group: [NAME, NAME]}")
        return SiteGroups(group=tuple(names))
    if isinstance(value, list | tuple) and all(isinstance(n, str) for n in value):
        return tuple(value)
    raise ValueError("write all, a list of names or {group: NAME}")


class Schedule(_Part):
    """One schedule, as its file says. Exactly one of cron and every is set."""

    name: Annotated[str, Field(pattern=NAME)]
    title: str = ""
    cron: Annotated[str, AfterValidator(cron_line)] | None = None
    every: Annotated[Duration, _at_least(timedelta(minutes=1))] | None = None
    anchor: Annotated[datetime, BeforeValidator(_anchor)] = ANCHOR
    time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    jitter: Duration = timedelta(0)
    missed: Annotated[Missed, BeforeValidator(_missed)] = Missed("latest")
    overlap: Literal["skip", "queue"] = "skip"
    time_limit: Annotated[Duration, _at_least(timedelta(minutes=1))] | None = None
    retries: Retries | None = None
    blackout: Annotated[
        tuple[Annotated[Window, BeforeValidator(_window)], ...], BeforeValidator(_blackout), AfterValidator(_some_time)
    ] = ()
    blackout_stop: bool = False
    sites: Annotated[Literal["all"] | SiteGroups | tuple[str, ...], BeforeValidator(_sites)] = "all"
    steps: Annotated[tuple[Step, ...], AfterValidator(_steps), Field(min_length=1)] = STEPS
    crawl: CrawlOptions = CrawlOptions()
    extract: ExtractOptions = ExtractOptions()
    publish: PublishOptions = PublishOptions()
    enabled: bool = True

    @model_validator(mode="after")
    def _one_timing(self) -> Schedule:
        if (self.cron is None) == (self.every is None):
            raise ValueError("write one of cron and every")
        return self

    @property
    def timing_digest(self) -> str:
        """Digest of what decides the fire times; when it changes, the past is not judged by the new times."""
        timing = self.cron or f"every {self.every} from {self.anchor}"
        return hashlib.sha256(f"{timing} {self.time_zone}".encode()).hexdigest()[:16]

    @property
    def fires(self) -> str:
        """When it fires, for people: its cron line, or `every 6h`."""
        return self.cron if self.cron is not None else f"every {span(self.every or timedelta(0))}"

    @property
    def sites_told(self) -> str:
        """Its sites, for people."""
        return ", ".join(self.sites) if isinstance(self.sites, tuple) else str(self.sites)


# ---------------------------------------------------------------------------------------------- time


def _stands_for(cron: str, wall: datetime, zone: ZoneInfo) -> datetime | None:
    """The moment that takes the place of a wall-clock time over which the clocks jump; None when nothing does.

    It is the jump, where that is on the same date. A date that is left out altogether has no fire time. Where the clocks jump
    from one date into the next, it is the last minute of the date, unless the date has another fire time.
    """
    jump = first_moment(wall, zone)
    if jump.astimezone(zone).date() == wall.date():
        return jump
    before = jump - timedelta(minutes=1)
    if before.astimezone(zone).date() != wall.date():
        return None
    for other in walls(cron, datetime.combine(wall.date(), datetime.min.time())):
        if other.date() != wall.date():
            return before
        if exists(other, zone):
            return None
    return before


def _by_cron(cron: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    last = after
    for wall in walls(cron, after.astimezone(zone).replace(tzinfo=None, fold=0)):
        moment = first_moment(wall, zone) if exists(wall, zone) else _stands_for(cron, wall, zone)
        if moment is not None and moment > last:
            yield moment
            last = moment


def _by_interval(every: timedelta, anchor: datetime, after: datetime) -> Iterator[datetime]:
    count = (after - anchor) // every
    while True:
        count += 1
        yield anchor + count * every


def fire_times(schedule: Schedule, after: datetime, until: datetime | None = None) -> Iterator[datetime]:
    """The fire times t of a schedule with after < t <= until, in UTC, ascending; without `until` there is no end.

    `after` and `until` are aware; ValueError otherwise.
    """
    if after.tzinfo is None or (until is not None and until.tzinfo is None):
        raise ValueError("fire_times needs aware datetimes")
    zone = ZoneInfo(schedule.time_zone)
    if schedule.cron is not None:
        found = _by_cron(schedule.cron, zone, after)
    else:
        assert schedule.every is not None
        found = _by_interval(schedule.every, first_moment(schedule.anchor, zone), after.astimezone(UTC))
    for moment in found:
        if until is not None and moment > until:
            return
        yield moment


def last_fire_time(schedule: Schedule, after: datetime, until: datetime) -> datetime | None:
    """The last fire time t with after < t <= until; looked for from behind, since there may be very many before it."""
    back = timedelta(hours=1)
    while after < until:
        begin = max(after, until - back)
        found = list(fire_times(schedule, begin, until))
        if found:
            return found[-1]
        if begin == after:
            break
        back *= 4
    return None


def dark_until(schedule: Schedule, moment: datetime) -> datetime | None:
    """When the blackout ends in which a moment lies; None when it lies in none."""
    return blackout_end(schedule.blackout, moment, ZoneInfo(schedule.time_zone)) if schedule.blackout else None


def start_after(schedule: Schedule, scheduled_for: datetime) -> datetime:
    """When the run of a fire time may begin: the fire time and its jitter, the same each time it is asked, outside the blackout."""
    digest = hashlib.sha256(f"{schedule.name} {scheduled_for.astimezone(UTC).isoformat()}".encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    delay = timedelta(seconds=int(schedule.jitter.total_seconds() * share))
    begin = scheduled_for + delay
    end = dark_until(schedule, begin)
    if end is None:
        return begin
    # The jitter counts from the end of the blackout, or all that it held back would begin at once.
    return end if dark_until(schedule, end + delay) else end + delay


@dataclass(frozen=True, slots=True)
class Due:
    """What is to become of one fire time: run it, run it late (catch_up), record it as missed, or as skipped; and why."""

    scheduled_for: datetime
    action: Literal["run", "catch_up", "miss", "skip"]
    start_after: datetime
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """A schedule that a person holds back: since when, why and who."""

    since: datetime
    why: str | None = None
    by: str | None = None

    def __str__(self) -> str:
        told = f"paused since {self.since:%Y-%m-%d %H:%M} UTC" + (f" by {self.by}" if self.by else "")
        return f"{told}: {self.why}" if self.why else told


ABSENT = "no scheduler was running at this time, {late} before one came back"


def due_runs(
    schedule: Schedule,
    last: datetime,
    now: datetime,
    grace: timedelta = GRACE,
    *,
    paused: Pause | None = None,
    absent: str = ABSENT,
) -> Iterator[Due]:
    """What becomes of each fire time in (last, now], ascending; exactly one answer for each.

    last: up to here everything has been dealt with. Times that are at most `grace` old are met, and so are those whose run
    is to begin later (jitter, blackout); older ones were missed, and the schedule says what happens to them: `latest` runs
    the last of all fire times and gives up the others, `all` runs every one, `none` gives up every one, `within` runs those
    that are not older than it says. What blackout hours held back is as old as the end of the blackout. paused: fire times
    after its beginning are skipped. absent: why nobody was there, with `{late}` in it.
    """
    judged = now if paused is None else max(last, min(now, paused.since))
    latest = last_fire_time(schedule, last, judged) if schedule.missed.policy == "latest" else None
    for t in fire_times(schedule, last, judged):
        begin = start_after(schedule, t)
        meant = dark_until(schedule, t) or t
        late = now - meant
        if late <= grace or begin > now:
            yield Due(
                t,
                "run",
                begin,
                f"waits for the end of the blackout hours ({schedule.time_zone})" if meant > t else None,
            )
            continue
        gone = f"{absent.format(late=span(late))} (missed: {schedule.missed})"
        match schedule.missed.policy:
            case "all":
                caught = True
            case "none":
                caught = False
            case "within":
                assert schedule.missed.within is not None
                caught = late <= schedule.missed.within
            case "latest":
                caught = t == latest
                if not caught and latest is not None:
                    gone += f"; the run of {latest:%Y-%m-%d %H:%M} UTC stands for it"
        if caught:
            yield Due(
                t,
                "catch_up",
                dark_until(schedule, now) or now,
                f"caught up {span(late)} late (missed: {schedule.missed})",
            )
        else:
            yield Due(t, "miss", t, gone)
    if paused is not None:
        for t in fire_times(schedule, judged, now):
            yield Due(t, "skip", t, str(paused))


PURPOSE = (
    "paused since",
    "cancelled",
    "backfill asked for",
    "waits for the end of the blackout hours",
    "ended when the blackout hours began",
)


def on_purpose(why: str | None) -> bool:
    """Whether a fire time was skipped, or its run waits, because somebody wants it so: nothing is wrong then."""
    return why is not None and why.startswith(PURPOSE)


def span(length: timedelta) -> str:
    """A length of time for people: `45s`, `6h`, `1d 2h`."""
    seconds = round(length.total_seconds())
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"


# ---------------------------------------------------------------------------------------------- files


def parse_schedule(
    path: Path, sites: Iterable[str] | None = None, groups: Callable[[], Mapping[str, object]] | None = None
) -> Schedule:
    """The schedule of a file. `sites`: the names that exist, to check those that the file names; `groups`: gives the groups
    of sites that exist, asked only when the file names one.

    Raises JianghuaError with file, line and remedy.
    """
    require_yaml(path, "schedule")
    value, lines = load_yaml(path)
    if not isinstance(value, dict):
        raise JianghuaError("a schedule file must hold keys and values", where=f"{path}:1", remedy=REMEDY)

    def mistake(what: str, key: tuple[str | int, ...], remedy: str) -> JianghuaError:
        return JianghuaError(what, where=f"{path}:{lines.get(key, lines.get(key[:1], 1))}", remedy=remedy)

    if "cron" in value and "every" in value:
        last = max("cron", "every", key=lambda k: lines.get((k,), 1))
        raise mistake(
            "'cron' and 'every' are both given",
            (last,),
            "keep one: a cron line for times of the day, every for an interval",
        )
    if "cron" not in value and "every" not in value:
        raise mistake("'cron' is missing, and so is 'every'", (), 'write e.g. cron: "30 3 * * *" or every: 6h')
    for key, needs, remedy in (
        ("anchor", "every", "remove it; a cron line says its times itself"),
        ("blackout_stop", "blackout", 'write e.g. blackout: ["08:00-20:00"], or remove it'),
    ):
        if key in value and needs not in value:
            raise mistake(f"'{key}' does nothing without '{needs}'", (key,), remedy)
    try:
        schedule = Schedule.model_validate(value)
    except ValidationError as e:
        error = explain(
            e, path, lines, "the schedule file", known_keys(Schedule) | {("retries",): list(Retries.model_fields)}
        )
        error.remedy = REMEDY
        raise error from None
    if schedule.name != path.stem:
        raise mistake(
            f"'name: {schedule.name}' does not fit the file's name",
            ("name",),
            f"name the file {schedule.name}.yaml or write name: {path.stem}",
        )
    if schedule.name == MANUAL:
        raise mistake("'manual' is the ledger's name for runs started by hand", ("name",), "use another name")
    named = schedule.sites if isinstance(schedule.sites, tuple) else None
    if named == ():
        raise mistake("'sites' names none", ("sites",), "list sites or write sites: all")
    for name in schedule.crawl.at:
        if named is not None and name not in named:
            raise mistake(f"'crawl.at' names '{name}', which is not in 'sites'", ("crawl", "at", name), REMEDY)
    if sites is not None:
        known = sorted(sites)
        asked: list[tuple[str, tuple[str | int, ...]]] = [(n, ("sites", i)) for i, n in enumerate(named or ())]
        asked += [(n, ("crawl", "at", n)) for n in schedule.crawl.at]
        for name, place in asked:
            if name not in known:
                raise mistake(f"unknown site '{name}'", place, f"use some of: {', '.join(known)}")
    if groups is not None and isinstance(schedule.sites, SiteGroups):
        there = sorted(groups())
        for i, group in enumerate(schedule.sites.group):
            if group not in there:
                at: tuple[str | int, ...] = (
                    ("sites", "group", i) if ("sites", "group", i) in lines else ("sites", "group")
                )
                use = f"use one of: {', '.join(there)}" if there else "no site file names a group yet"
                raise mistake(f"no site is in the group '{group}'", at, f"{use}; a site file says groups: [{group}]")
    return schedule


def schedule_files(home: Home) -> dict[str, Path]:
    """Every schedule file of a home by name; the built-in example counts only where the home has none of its own."""
    # NAME.yml is no schedule, and told: whoever wrote it would wait in vain, or be served the examples
    own = [p for end in ("*.yml", "*.yaml") for p in home.own_schedules.glob(end)]
    return dict(sorted((p.stem, p) for p in own or BUILT_IN.glob("*.yaml")))


def load_schedules(home: Home) -> tuple[dict[str, Schedule], dict[str, JianghuaError]]:
    """The schedules of a home by name, and the errors of the files that are broken; one never hides another."""
    good: dict[str, Schedule] = {}
    broken: dict[str, JianghuaError] = {}
    sites = list(site_files(home))
    for name, path in schedule_files(home).items():
        try:
            good[name] = parse_schedule(path, sites, lambda: site_groups(home))
        except JianghuaError as e:
            broken[name] = e
    return good, broken


def load_schedule(name: str, home: Home) -> Schedule:
    """The schedule called `name`. Raises UsageError when there is none, JianghuaError when its file has mistakes."""
    files = schedule_files(home)
    if name not in files:
        raise UsageError(
            f"unknown schedule '{name}'",
            where=f"looked in {home.own_schedules}"
            + ("" if home.own_schedules.is_dir() else " and the built-in example"),
            remedy=f"use one of: {', '.join(files)}; or add {home.own_schedules / (name + '.yaml')}",
        )
    return parse_schedule(files[name], site_files(home), lambda: site_groups(home))


def describe(schedule: Schedule) -> dict[str, Any]:
    """A schedule as plain values, for --json."""
    return schedule.model_dump(mode="json") | {
        "fires": schedule.fires,
        "every": span(schedule.every) if schedule.every else None,
        "missed": str(schedule.missed),
        "jitter": span(schedule.jitter),
        "time_limit": span(schedule.time_limit) if schedule.time_limit else None,
        "retries": schedule.retries
        and {
            "times": schedule.retries.times,
            "wait": span(schedule.retries.wait),
            "factor": schedule.retries.factor,
            "most": span(schedule.retries.most),
        },
        "blackout": [str(w) for w in schedule.blackout],
    }
