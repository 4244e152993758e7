"""The scheduler for a long time in fast time: does it grow, and does it keep its fire times?

A real scheduler on a real ledger (SQLite on disk) with real steps, each a process, but the clock is wound: from one fire time
to the next. A daily schedule in each of 20 time zones (and one every six hours) goes through years, or through as much as the
minutes allow. Memory, threads, open files and children of the scheduler's process are read from /proc as it goes on, and at
its end the ledger is asked whether each zone has exactly one run on each date of its calendar. Prints figures; exit code 1
when something grew or a date has not exactly one run.

    python benchmarks/soak.py --minutes 60
    python benchmarks/soak.py --years 2 --json soak.json
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).parents[1]))

from crawler.home import Home
from schedules.clock import Scheduler
from schedules.jobs import Plan
from schedules.ledger import Ledger
from schedules.plan import Schedule, Step, fire_times, load_schedules
from schedules.settings import load_settings

ZONES = (
    "UTC", "Asia/Shanghai", "Asia/Urumqi", "Asia/Tokyo", "Asia/Kathmandu", "Asia/Beirut", "Asia/Gaza", "Africa/Cairo",
    "Africa/Casablanca", "Europe/London", "Europe/Berlin", "America/New_York", "America/Havana", "America/Santiago",
    "America/Scoresbysund", "America/Nuuk", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Pacific/Chatham",
)  # fmt: skip
START = datetime(2025, 1, 1, tzinfo=UTC)
GROWTH_MIB = 5.0  # that memory may grow after the first tenth, when all is loaded


@dataclass(frozen=True, slots=True)
class Sample:
    """The scheduler's process at one moment. seconds: since the beginning; days: of the clock that is wound; runs: so far."""

    seconds: float
    days: float
    runs: int
    rss_mib: float
    threads: int
    files: int
    children: int


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def look(seconds: float, days: float, runs: int) -> Sample:
    """The process as /proc shows it."""
    gc.collect()
    facts = dict(x.split(":", 1) for x in Path("/proc/self/status").read_text().splitlines() if ":" in x)
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return Sample(
        round(seconds, 1),
        round(days, 1),
        runs,
        round(int(facts["VmRSS"].split()[0]) / 1024, 1),
        int(facts["Threads"]),
        len(list(Path("/proc/self/fd").iterdir())) - 1,  # without the one that lists them
        len(children),
    )


def prepare(home: Home) -> None:
    """A schedule a zone, each with a site of its own, and one every six hours."""
    home.own_schedules.mkdir(parents=True)
    home.own_sites.mkdir(parents=True)
    timings: dict[str, dict[str, str]] = {
        zone.lower().replace("/", "-"): {"cron": "15 2 * * *", "time_zone": zone} for zone in ZONES
    }
    for name, timing in ({"often": {"every": "6h"}} | timings).items():
        site = {"name": name, "title": name, "start": ["http://127.0.0.1:1/"]}
        (home.own_sites / f"{name}.yaml").write_text(json.dumps(site))
        facts = {"name": name, "sites": [name], "steps": ["crawl", "publish"], "overlap": "queue", **timing}
        (home.own_schedules / f"{name}.yaml").write_text(json.dumps(facts))


def step(step: Step, plan: Plan, home: Home) -> list[str]:
    """A process that reports something and ends."""
    return ["/bin/sh", "-c", f'echo \'{{"step": "{step}", "pages": 3}}\'; echo one line for the log >&2']


def soak(
    folder: Path, years: float, minutes: float | None, every: float
) -> tuple[list[Sample], Ledger, Home, datetime]:
    """Wind the clock from fire time to fire time; what the process looked like on the way."""
    home = Home.find(folder)
    prepare(home)
    wall, passed = [START], [0.0]
    ledger = Ledger(f"sqlite:///{home.ledger}", lambda: wall[0])
    settings = load_settings(home, heartbeat=5, lease=30, parallel=25)
    scheduler = Scheduler(home, ledger, settings, build=step, monotonic=lambda: passed[0])
    schedules = list(load_schedules(home)[0].values())
    scheduler._alarm.start(paused=True)
    scheduler.tick()
    coming = {s.name: fire_times(s, START) for s in schedules}
    following = {name: next(times) for name, times in coming.items()}
    end = START + timedelta(days=365 * years)
    began = time.monotonic()
    samples: list[Sample] = []
    runs, told = 0, -every
    try:
        while True:
            at = min(following.values())
            if at > end or (minutes is not None and time.monotonic() - began > minutes * 60):
                break
            passed[0] += (at - wall[0]).total_seconds()
            wall[0] = at
            for name, t in following.items():
                if t == at:
                    following[name] = next(coming[name])
                    runs += 1
            scheduler.tick()
            while scheduler.workers:
                for worker in list(scheduler.workers.values()):
                    if worker.thread is not None:
                        worker.thread.join()
                scheduler.tick()
            if time.monotonic() - began - told >= every:
                told = time.monotonic() - began
                samples.append(look(told, (wall[0] - START) / timedelta(days=1), runs))
                s = samples[-1]
                say(
                    f"{s.seconds:8.0f} s {s.days:8.1f} days {s.runs:7d} runs {s.rss_mib:7.1f} MiB {s.threads:3d} threads "
                    f"{s.files:3d} files {s.children:2d} children"
                )
        samples.append(look(time.monotonic() - began, (wall[0] - START) / timedelta(days=1), runs))
    finally:
        scheduler._alarm.shutdown(wait=False)
    return samples, ledger, home, wall[0]


def dates(zone: ZoneInfo, start: datetime, end: datetime) -> set[date]:
    """Every date that clocks of the zone show between two moments."""
    hours = int((end - start) / timedelta(hours=1)) + 1
    return {(start + timedelta(hours=n)).astimezone(zone).date() for n in range(hours)}


def wrong_dates(ledger: Ledger, schedules: list[Schedule], until: datetime) -> dict[str, list[str]]:
    """By schedule the dates that have not exactly one run that is done."""
    found: dict[str, list[str]] = {}
    for schedule in schedules:
        if schedule.cron is None:
            continue
        zone = ZoneInfo(schedule.time_zone)
        done = [r.scheduled_for for r in ledger.runs(schedule=schedule.name, states=["done"])]
        count = Counter(t.astimezone(zone).date() for t in done)
        # the first and the last date are there in part, so their fire time may lie outside
        inner = dates(zone, START, until) - {START.astimezone(zone).date(), until.astimezone(zone).date()}
        wrong = [str(d) for d in sorted({*inner, *count}) if count[d] > 1 or (d in inner and not count[d])]
        if wrong:
            found[schedule.name] = wrong
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--years", type=float, default=2.0, help="how far the clock is wound at most")
    parser.add_argument("--minutes", type=float, help="stop after so many minutes")
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two looks at the process")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        samples, ledger, home, until = soak(Path(folder), options.years, options.minutes, options.every)
        wrong = wrong_dates(ledger, list(load_schedules(home)[0].values()), until)
        states = Counter(r.state for r in ledger.runs())
        size = home.ledger.stat().st_size / 2**20
        ledger.close()
    warm = samples[min(len(samples) - 1, max(1, len(samples) // 10))]
    last = samples[-1]
    grew = {
        "memory": last.rss_mib - warm.rss_mib > GROWTH_MIB,
        "threads": last.threads > warm.threads,
        "files": last.files > warm.files,
        "children": last.children > warm.children,
    }
    say(
        f"{last.runs} runs, {2 * last.runs} processes, {last.days:.0f} days of {len(ZONES)} zones in {last.seconds:.0f} s"
    )
    say(f"{'':10}{'after ' + format(warm.runs, ',') + ' runs':>20}{'at the end':>14}{'most':>10}")
    for name, key in (("MiB", "rss_mib"), ("threads", "threads"), ("files", "files"), ("children", "children")):
        values = [getattr(s, key) for s in samples]
        say(f"{name:10}{getattr(warm, key):>20}{values[-1]:>14}{max(values):>10}")
    say(f"ledger: {size:.1f} MiB; states: {dict(states)}")
    say(f"dates without exactly one run: {wrong or 'none'}")
    grown = [name for name, more in grew.items() if more]
    say(f"grew: {', '.join(grown) or 'nothing'}")
    if options.json:
        options.json.write_text(json.dumps({"samples": [asdict(s) for s in samples], "wrong": wrong, "states": states}))
    return 1 if grown or wrong or set(states) != {"done"} else 0


if __name__ == "__main__":
    sys.exit(main())
