"""Metrics for Prometheus, made from the ledger when they are asked for. No state, so any process can give them.

Counters count the runs that were removed from the ledger too (schedules/totals.py): one that fell would be a restart to Prometheus, and
what it shows then an increase.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from crawler.config import VERSION
from crawler.errors import JianghuaError
from crawler.home import Home
from publisher.places import DATASETS, dataset_folder
from publisher.versions import read_latest, read_manifest, version_names
from schedules.ledger import OPEN, Ledger, State
from schedules.owner import surely_dead
from schedules.plan import load_schedules
from schedules.report import RunReport
from schedules.store import alarms as alarms_table
from schedules.store import runs, state_told
from schedules.totals import CHANGES, PAGES, all_totals
from watching.facts import disk_of, last_reports, lease_of, visits_of
from watching.rules import RULES
from watching.store import reading

log = logging.getLogger("jianghua.alarms")
CONTENT_TYPE = CONTENT_TYPE_LATEST


def metrics(home: Home, ledger: Ledger) -> bytes:
    """The metrics of a home in Prometheus' text format. What cannot be read is left out, and `jianghua_up` is 0 then. Never raises for
    a ledger that does not answer."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(LedgerCollector(home, ledger))
    return generate_latest(registry)


class LedgerCollector(Collector):
    """Gives the metrics of one home, read at each scrape."""

    def __init__(self, home: Home, ledger: Ledger) -> None:
        self.home, self.ledger = home, ledger
        self._read: list[RunReport] | None = None

    def _reports(self) -> list[RunReport]:
        """The last ended runs, read once a scrape."""
        if self._read is None:
            self._read = last_reports(self.ledger, 100)
        return self._read

    def describe(self) -> Iterable[Metric]:
        """Nothing is read when the collector is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("jianghua_build", "Version of Jianghua.", {"version": VERSION})
        up = GaugeMetricFamily("jianghua_up", "Whether the ledger and the datasets can be read (1 or 0).")
        good = 1.0
        for part in (
            self._runs,
            self._last_runs,
            self._sites,
            self._alarms,
            self._scheduler,
            self._datasets,
            self._disk,
        ):
            try:
                yield from list(part())
            except Exception as e:  # a monitor that gets no figures at all cannot tell what is wrong
                good = 0.0
                if not isinstance(e, JianghuaError | OSError):
                    log.exception("figures of %s are left out", part.__name__)
        up.add_metric([], good)
        yield up

    # ------------------------------------------------------------------------------------------ runs

    def _runs(self) -> Iterator[Metric]:
        ended = CounterMetricFamily(
            "jianghua_runs", "Runs that have ended, by schedule and state.", labels=["schedule", "state"]
        )
        active = GaugeMetricFamily(
            "jianghua_active_runs", "Runs that are due or running.", labels=["schedule", "state"]
        )
        queue = GaugeMetricFamily("jianghua_queue_length", "Runs that are due and have not begun.")
        query = sa.select(runs.c.schedule, runs.c.state, sa.func.count().label("n")).group_by(
            runs.c.schedule, runs.c.state
        )
        with reading(self.ledger) as c:
            counts = {(r.schedule, r.state): r.n for r in c.execute(query)}
            kept = all_totals(c)
        for schedule, total in kept.items():
            for state, n in total.removed.items():
                counts[schedule, state] = counts.get((schedule, state), 0) + n
        for schedule in sorted({s for s, _ in counts}):
            for state in get_args(State):
                family = active if state in OPEN else ended
                family.add_metric([schedule, state], counts.get((schedule, state), 0))
        queue.add_metric([], sum(n for (_, state), n in counts.items() if state == "due"))
        yield from (ended, active, queue)
        yield from self._sums({schedule: total.sums for schedule, total in kept.items()})

    def _sums(self, found: Mapping[str, Mapping[str, float]]) -> Iterator[Metric]:
        """What all runs of each schedule brought together."""
        requests = CounterMetricFamily("jianghua_requests", "Requests made to sites.", labels=["schedule"])
        received = CounterMetricFamily(
            "jianghua_received_bytes",
            "Bytes received from sites, after decompression.",
            labels=["schedule"],
            unit="bytes",
        )
        pages = CounterMetricFamily(
            "jianghua_pages", "Pages by what became of them in a crawl.", labels=["schedule", "result"]
        )
        read = CounterMetricFamily(
            "jianghua_speeches_read", "Speeches found in new and changed articles.", labels=["schedule"]
        )
        changes = CounterMetricFamily(
            "jianghua_row_changes", "Speeches added, changed and removed by versions.", labels=["schedule", "change"]
        )
        for schedule, sums in sorted(found.items()):
            requests.add_metric([schedule], sums.get("requests", 0))
            received.add_metric([schedule], sums.get("bytes", 0))
            read.add_metric([schedule], sums.get("speeches", 0))
            for name in PAGES:
                pages.add_metric([schedule, name], sums.get(name, 0))
            for name in CHANGES:
                changes.add_metric([schedule, name], sums.get(f"rows_{name}", 0))
        yield from (requests, received, pages, read, changes)

    def _last_runs(self) -> Iterator[Metric]:
        now = self.ledger.now()
        age = GaugeMetricFamily(
            "jianghua_last_success_age_seconds",
            "Time since the last run of a schedule that ended well.",
            labels=["schedule"],
            unit="seconds",
        )
        at = GaugeMetricFamily(
            "jianghua_last_success_timestamp_seconds", "When that was (Unix time).", labels=["schedule"], unit="seconds"
        )
        took = GaugeMetricFamily(
            "jianghua_last_run_step_seconds",
            "Time that each step of the last ended run took.",
            labels=["schedule", "step"],
            unit="seconds",
        )
        good = (
            sa.select(runs.c.schedule, sa.func.max(runs.c.finished).label("at"))
            .where(state_told.in_(("done", "caught_up")))
            .group_by(runs.c.schedule)
            .order_by(runs.c.schedule)
        )
        with reading(self.ledger) as c:
            for row in c.execute(good):
                if row.at is not None:
                    age.add_metric([row.schedule], max(0.0, (now - row.at).total_seconds()))
                    at.add_metric([row.schedule], row.at.timestamp())
        for report in {r.schedule: r for r in self._reports()}.values():
            for stage in report.stages:
                took.add_metric([report.schedule, stage.step], stage.seconds)
        yield from (age, at, took)

    # ------------------------------------------------------------------------------------------ sites

    def _sites(self) -> Iterator[Metric]:
        pages = GaugeMetricFamily(
            "jianghua_site_last_run_pages",
            "Pages by what became of them in the last run of a site.",
            labels=["site", "result"],
        )
        up = GaugeMetricFamily(
            "jianghua_site_up", "Whether the last run could crawl and read the site (1 or 0).", labels=["site"]
        )
        speeches = GaugeMetricFamily("jianghua_site_speeches", "Speeches in the records of a site.", labels=["site"])
        previews = GaugeMetricFamily(
            "jianghua_site_previews", "Pages of a site that show only the beginning of a speech.", labels=["site"]
        )
        rejects = GaugeMetricFamily(
            "jianghua_site_rejects", "Pages of a site that give no speech, by what they are.", labels=["site", "reason"]
        )
        delay = GaugeMetricFamily(
            "jianghua_host_request_interval_seconds",
            "Median time between two requests to a host in the last run.",
            labels=["site", "host"],
            unit="seconds",
        )
        answer = GaugeMetricFamily(
            "jianghua_host_answer_seconds",
            "Median time until a host answered in the last run.",
            labels=["site", "host"],
            unit="seconds",
        )
        for site, visits in sorted(visits_of(self._reports()).items()):
            last = visits[-1].figures
            up.add_metric([site], 0.0 if last.error else 1.0)
            if last.crawl is not None:
                for name in PAGES:
                    pages.add_metric([site, name], getattr(last.crawl, name))
                for host in last.crawl.hosts:
                    if host.delay_median is not None:
                        delay.add_metric([site, host.host], host.delay_median)
                    if host.answer_median is not None:
                        answer.add_metric([site, host.host], host.answer_median)
            extract = next((v.figures.extract for v in reversed(visits) if v.figures.extract), None)
            if extract is not None:
                speeches.add_metric([site], extract.speeches)
                previews.add_metric([site], extract.previews)
                for reason, n in sorted(extract.rejects.items()):
                    rejects.add_metric([site, reason], n)
        yield from (pages, up, speeches, previews, rejects, delay, answer)

    # ------------------------------------------------------------------------------------------ the rest

    def _alarms(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "jianghua_alarms_open", "Open alarms, by kind and severity.", labels=["kind", "severity"]
        )
        query = (
            sa.select(alarms_table.c.kind, alarms_table.c.severity, sa.func.count().label("n"))
            .where(alarms_table.c.closed_at.is_(None))
            .group_by(alarms_table.c.kind, alarms_table.c.severity)
        )
        with reading(self.ledger) as c:
            counts = {(r.kind, r.severity): r.n for r in c.execute(query)}
        # every kind is there from the first scrape on: an alert on a series that is not there never fires
        known = {(r.kind, r.severity) for r in RULES} | counts.keys()
        for kind, severity in sorted(known):
            family.add_metric([kind, severity], counts.get((kind, severity), 0))
        yield family

    def _scheduler(self) -> Iterator[Metric]:
        alive = GaugeMetricFamily("jianghua_scheduler_alive", "Whether a scheduler is at work (1 or 0).")
        token = CounterMetricFamily("jianghua_scheduler_leases", "How often a scheduler took the lease.")
        broken = GaugeMetricFamily("jianghua_schedules_broken", "Schedule files with mistakes.")
        enabled = GaugeMetricFamily("jianghua_schedules_enabled", "Schedules that are enabled, paused ones included.")
        paused = GaugeMetricFamily(
            "jianghua_schedule_paused", "Whether a schedule is paused (1 or 0).", labels=["schedule"]
        )
        owner, expires, number = lease_of(self.ledger)
        held = owner is not None and expires is not None and expires > self.ledger.now() and not surely_dead(owner)
        alive.add_metric([], 1.0 if held else 0.0)
        token.add_metric([], number)
        good, bad = load_schedules(self.home)
        broken.add_metric([], len(bad))
        enabled.add_metric([], sum(s.enabled for s in good.values()))
        pauses = self.ledger.pauses()
        for name, schedule in sorted(good.items()):
            if schedule.enabled:
                paused.add_metric([name], float(name in pauses))
        yield from (alive, token, broken, enabled, paused)

    def _datasets(self) -> Iterator[Metric]:
        versions = GaugeMetricFamily(
            "jianghua_dataset_versions", "Versions of a dataset that there are.", labels=["dataset"]
        )
        rows = GaugeMetricFamily("jianghua_dataset_rows", "Rows of the latest version.", labels=["dataset", "table"])
        size = GaugeMetricFamily(
            "jianghua_dataset_size_bytes", "Size of the latest version's tables.", labels=["dataset"], unit="bytes"
        )
        at = GaugeMetricFamily(
            "jianghua_dataset_published_timestamp_seconds",
            "When the latest version was published (Unix time).",
            labels=["dataset"],
            unit="seconds",
        )
        for name in DATASETS:
            folder = dataset_folder(self.home, name)
            latest = read_latest(folder)
            if latest is None:
                continue
            manifest, _ = read_manifest(folder, latest.version)
            versions.add_metric([name], len(version_names(folder)))
            at.add_metric([name], manifest.published_at.timestamp())
            size.add_metric([name], sum(p.bytes for t in manifest.tables.values() for p in t.parts))
            for table, entry in sorted(manifest.tables.items()):
                rows.add_metric([name, table], entry.rows)
        yield from (versions, rows, size, at)

    def _disk(self) -> Iterator[Metric]:
        free = GaugeMetricFamily("jianghua_disk_free_bytes", "Free space on the disk of the home.", unit="bytes")
        total = GaugeMetricFamily("jianghua_disk_size_bytes", "Size of that disk.", unit="bytes")
        found: Any = disk_of(self.home)
        if found is not None:
            free.add_metric([], found.free)
            total.add_metric([], found.total)
        yield from (free, total)
