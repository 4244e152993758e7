"""When a schedule fires and what is to become of each fire time. Pure functions over a validated schedule file.

A fire time is a moment in UTC. The cron fields are wall-clock time in the schedule's own zone, and one wall-clock time
runs once: when summer time ends and 02:30 comes twice, the first counts; when summer time begins and 02:30 does not
exist, the moment at which the clocks jump takes its place. Days of the week count as in crontab (0 and 7 are Sunday),
and a restricted day of the month and a restricted day of the week are alternatives, as in crontab too.
"""

from __future__ import annotations

import hashlib
import heapq
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from crawler.errors import JianghuaError, UsageError
from crawler.home import Home
from crawler.site import Duration, HttpUrl, explain, known_keys, load_yaml, site_files

BUILT_IN = Path(__file__).parent
REMEDY = "mend the named keys; docs/scheduling.md lists every key with an example"
MANUAL = "manual"  # the schedule's name in the ledger when a person started the run

# A fire time that is met this late still counts as met: the clock wakes for every one, but a machine may be busy.
GRACE = timedelta(seconds=60)
# The longest a valid cron can be silent: 29 February, around a century that is no leap year.
LONGEST_SILENCE = timedelta(days=366 * 8 + 1)

Step = Literal["crawl", "learn", "extract", "publish"]
STEPS: tuple[Step, ...] = ("crawl", "learn", "extract", "publish")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


# ---------------------------------------------------------------------------------------------- the model


def _weekdays(field: str) -> str:
    """A crontab day-of-week field as names, because APScheduler counts from Monday = 0 and crontab from Sunday = 0."""
    found: list[str] = []
    for part in field.lower().split(","):
        m = re.fullmatch(r"(\*|[0-7]|[a-z]{3})(?:-([0-7]|[a-z]{3}))?(?:/(\d+))?", part)
        if not m or (m[1] == "*" and m[2]):
            raise ValueError(f"'{part}' is not a day of the week")

        def number(text: str) -> int:
            if text.isdigit():
                return int(text)
            if text not in _DAYS:
                raise ValueError(f"'{text}' is not a day of the week")
            return _DAYS.index(text)

        first = 0 if m[1] == "*" else number(m[1])
        last = 6 if m[1] == "*" or (m[3] and not m[2]) else number(m[2]) if m[2] else first
        if last < first:
            last += 7
        step = int(m[3] or 1)
        if step < 1:
            raise ValueError(f"'{part}': a step must be at least 1")
        found += [_DAYS[n % 7] for n in range(first, last + 1, step)]
    return ",".join(dict.fromkeys(found))


@lru_cache(maxsize=256)
def _triggers(cron: str, end: datetime | None = None) -> tuple[CronTrigger, ...]:
    """The APScheduler triggers whose union is the crontab expression, in a zone without jumps, up to `end`."""
    fields = cron.split()
    if len(fields) != 5:
        raise ValueError(f"a cron line has 5 fields (minute hour day month weekday), this one has {len(fields)}")
    minute, hour, day, month, weekday = fields
    by_day = not day.startswith("*")
    by_weekday = not weekday.startswith("*")
    names = _weekdays(weekday)
    base = {"minute": minute, "hour": hour, "month": month.lower(), "timezone": UTC, "end_date": end}
    try:
        if by_day and by_weekday:
            return (CronTrigger(**base, day=day), CronTrigger(**base, day="*", day_of_week=names))
        return (CronTrigger(**base, day=day, day_of_week=names),)
    except ValueError as e:
        raise ValueError(f"not a cron line ({e})") from None


def _walls(cron: str, start: datetime) -> Iterator[datetime]:
    """Wall-clock times of a cron expression from `start` (naive, inclusive), ascending, without end."""

    def one(trigger: CronTrigger) -> Iterator[datetime]:
        at = start.replace(tzinfo=UTC)
        while True:
            found = trigger.get_next_fire_time(None, at)
            if found is None:
                return
            yield found.replace(tzinfo=None)
            at = found + timedelta(seconds=1)

    last = None
    for wall in heapq.merge(*(one(t) for t in _triggers(cron))):
        if wall != last:
            yield wall
        last = wall


def _cron(value: str) -> str:
    value = " ".join(value.split())
    start = datetime(2026, 1, 1, tzinfo=UTC)
    if not any(t.get_next_fire_time(None, start) for t in _triggers(value, start + LONGEST_SILENCE)):
        raise ValueError("this cron line never fires")
    return value


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


def _steps(value: tuple[Step, ...]) -> tuple[Step, ...]:
    if list(value) != [s for s in STEPS if s in value]:
        raise ValueError(f"each step once, in this order: {', '.join(STEPS)}")
    return value


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CrawlOptions(_Part):
    """How the crawl step goes: refetch policy, seconds between requests, replicas by site name."""

    refetch: Literal["due", "all", "none"] = "due"
    delay: float | None = Field(default=None, ge=0)
    at: dict[str, HttpUrl] = {}


class ExtractOptions(_Part):
    """again: read every page again, changed or not."""

    again: bool = False


class PublishOptions(_Part):
    """dataset: the name of the dataset that is published; warnings: whether a version with warnings is published, or waits for a person."""

    dataset: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")] = "speeches"
    warnings: Literal["publish", "wait"] = "publish"


class Schedule(_Part):
    """One schedule, as its file says."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
    title: str = ""
    cron: Annotated[str, AfterValidator(_cron)]
    time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    jitter: Duration = timedelta(0)
    missed: Annotated[Missed, BeforeValidator(_missed)] = Missed("latest")
    overlap: Literal["skip", "queue"] = "skip"
    sites: Literal["all"] | tuple[str, ...] = "all"
    steps: Annotated[tuple[Step, ...], AfterValidator(_steps), Field(min_length=1)] = STEPS
    crawl: CrawlOptions = CrawlOptions()
    extract: ExtractOptions = ExtractOptions()
    publish: PublishOptions = PublishOptions()
    enabled: bool = True

    @property
    def timing_digest(self) -> str:
        """Digest of what decides the fire times; when it changes, the past is not judged by the new times."""
        return hashlib.sha256(f"{self.cron} {self.time_zone}".encode()).hexdigest()[:16]


# ---------------------------------------------------------------------------------------------- time


def _moment(wall: datetime, zone: ZoneInfo) -> datetime:
    """The one moment (UTC) of a wall-clock time: the first where there are two, the jump where there is none."""
    first = wall.replace(tzinfo=zone, fold=0)
    before, after = first.utcoffset(), first.replace(fold=1).utcoffset()
    assert before is not None
    assert after is not None
    moment = (wall - before).replace(tzinfo=UTC)
    if after <= before:
        return moment
    # The clocks jump forward over this wall-clock time. The jump lies between these two moments.
    low, high = (wall - after).replace(tzinfo=UTC), moment
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def fire_times(schedule: Schedule, after: datetime, until: datetime | None = None) -> Iterator[datetime]:
    """The fire times t of a schedule with after < t <= until, in UTC, ascending; without `until` there is no end.

    `after` and `until` are aware; ValueError otherwise.
    """
    if after.tzinfo is None or (until is not None and until.tzinfo is None):
        raise ValueError("fire_times needs aware datetimes")
    zone = ZoneInfo(schedule.time_zone)
    last = after
    for wall in _walls(schedule.cron, after.astimezone(zone).replace(tzinfo=None, fold=0)):
        moment = _moment(wall, zone)
        if until is not None and moment > until:
            return
        if moment > last:
            yield moment
            last = moment


def start_after(schedule: Schedule, scheduled_for: datetime) -> datetime:
    """When the run of a fire time may begin: the fire time and its jitter, the same each time it is asked."""
    digest = hashlib.sha256(f"{schedule.name} {scheduled_for.astimezone(UTC).isoformat()}".encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    return scheduled_for + timedelta(seconds=int(schedule.jitter.total_seconds() * share))


@dataclass(frozen=True, slots=True)
class Due:
    """What is to become of one fire time: run it, run it late (catch_up), or record it as missed; and why."""

    scheduled_for: datetime
    action: Literal["run", "catch_up", "miss"]
    start_after: datetime
    why: str | None = None


def due_runs(schedule: Schedule, last: datetime, now: datetime, grace: timedelta = GRACE) -> Iterator[Due]:
    """What becomes of each fire time in (last, now], ascending; exactly one answer for each.

    last: up to here everything has been dealt with. Times that are at most `grace` old are met; older ones were missed,
    and the schedule says what happens to them: `latest` runs the last of all fire times and gives up the others, `all`
    runs every one, `none` gives up every one, `within` runs those that are not older than it says.
    """
    latest: datetime | None = None
    if schedule.missed.policy == "latest":
        for latest in fire_times(schedule, last, now):  # noqa: B007  (we want the last one)
            pass
    for t in fire_times(schedule, last, now):
        late = now - t
        if late <= grace:
            yield Due(t, "run", start_after(schedule, t))
            continue
        gone = f"no scheduler was running at this time, {span(late)} before one came back (missed: {schedule.missed})"
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
            yield Due(t, "catch_up", now, f"caught up {span(late)} late (missed: {schedule.missed})")
        else:
            yield Due(t, "miss", t, gone)


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


def parse_schedule(path: Path, sites: Iterable[str] | None = None) -> Schedule:
    """The schedule of a file. `sites`: the names that exist, to check those that the file names.

    Raises JianghuaError with file, line and remedy.
    """
    value, lines = load_yaml(path)
    if not isinstance(value, dict):
        raise JianghuaError("a schedule file must hold keys and values", where=f"{path}:1", remedy=REMEDY)
    try:
        schedule = Schedule.model_validate(value)
    except ValidationError as e:
        error = explain(e, path, lines, "the schedule file", known_keys(Schedule))
        error.remedy = REMEDY
        raise error from None

    def mistake(what: str, key: tuple[str | int, ...], remedy: str) -> JianghuaError:
        return JianghuaError(what, where=f"{path}:{lines.get(key, lines.get(key[:1], 1))}", remedy=remedy)

    if schedule.name != path.stem:
        raise mistake(
            f"'name: {schedule.name}' does not fit the file's name",
            ("name",),
            f"name the file {schedule.name}.yaml or write name: {path.stem}",
        )
    if schedule.name == MANUAL:
        raise mistake("'manual' is the ledger's name for runs started by hand", ("name",), "use another name")
    if schedule.sites != "all":
        if not schedule.sites:
            raise mistake("'sites' names none", ("sites",), "list sites or write sites: all")
        for name in schedule.crawl.at:
            if name not in schedule.sites:
                raise mistake(f"'crawl.at' names '{name}', which is not in 'sites'", ("crawl", "at", name), REMEDY)
    if sites is not None:
        known = sorted(sites)
        named: list[tuple[str, tuple[str | int, ...]]] = [(n, ("crawl", "at", n)) for n in schedule.crawl.at]
        if schedule.sites != "all":
            named = [(n, ("sites", i)) for i, n in enumerate(schedule.sites)] + named
        for name, key in named:
            if name not in known:
                raise mistake(f"unknown site '{name}'", key, f"use some of: {', '.join(known)}")
    return schedule


def schedule_files(home: Home) -> dict[str, Path]:
    """Every schedule file of a home by name; the built-in example counts only where the home has none of its own."""
    own = sorted(home.own_schedules.glob("*.yaml")) if home.own_schedules.is_dir() else []
    return {p.stem: p for p in own or sorted(BUILT_IN.glob("*.yaml"))}


def load_schedules(home: Home) -> tuple[dict[str, Schedule], dict[str, JianghuaError]]:
    """The schedules of a home by name, and the errors of the files that are broken; one never hides another."""
    good: dict[str, Schedule] = {}
    broken: dict[str, JianghuaError] = {}
    sites = list(site_files(home))
    for name, path in schedule_files(home).items():
        try:
            good[name] = parse_schedule(path, sites)
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
    return parse_schedule(files[name], site_files(home))


def describe(schedule: Schedule) -> dict[str, Any]:
    """A schedule as plain values, for --json."""
    return schedule.model_dump(mode="json") | {
        "missed": str(schedule.missed),
        "jitter": span(schedule.jitter),
    }
