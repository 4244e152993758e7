"""A scheduler that was frozen past its lease and woken publishes nothing, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from crawler.errors import JianghuaError
from crawler.shards import SCHEMAS, write_shard
from publisher.fencing import FencedError
from publisher.release import dataset_folder, publish
from publisher.verify import verify
from publisher.versions import read_latest, read_manifest, version_names
from schedules import committing, store
from schedules.child import FENCE
from schedules.fence import fence_of, from_environment
from schedules.ledger import Lease, LeaseLost, Ledger, Run
from schedules.plan import Schedule, due_runs
from tests.nursery import Forked
from tests.publisher.publisher_made import records, speech
from tests.schedules.house import House, until

LEASE = timedelta(seconds=30)


@pytest.fixture
def house(url: str, tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, url)
    yield house
    house.end()
    for step in pids(house, "begin"):  # one that is still frozen does not see that its scheduler has ended
        with suppress(OSError):
            if str(tmp_path) in str(Path(f"/proc/{step}/fd/1").readlink()):
                os.killpg(step, signal.SIGKILL)


def extracted(house: House, count: int) -> None:
    """The records of a site with so many speeches."""
    empty = {n: s.empty_table() for n, s in SCHEMAS.items()}
    made = empty | records([speech("wanshu", n) for n in range(count)])
    write_shard(house.home, "wanshu", 0, made, input_digest=str(count))


def pids(house: House, what: str) -> list[int]:
    return [int(e[2]) for e in house.events() if e[0] == what]


def frozen(house: House, where: str) -> tuple[int, Run]:
    """A version is published, and of the next the publish is frozen at `where`, with its scheduler. Its process, and the run."""
    extracted(house, 3)
    publish(house.home)
    extracted(house, 5)
    (house.folder / "pause").write_text("before")
    house.schedule(steps=["publish"])
    first = house.start(0, PUBLISHING="1", LEASE="4")
    until(lambda: pids(house, "before"), 60)
    (step,) = pids(house, "before")
    house.start(0, PUBLISHING="1", LEASE="4")
    until(lambda: "waits" in house.log(1), 60)
    if where != "before":
        (house.folder / "pause").write_text(where)
        (house.folder / "go").write_text("before")
        until(lambda: pids(house, where), 60)
    freeze(house, first)
    os.killpg(step, signal.SIGSTOP)
    (house.folder / "pause").unlink()
    (run,) = house.ledger.runs(states=["running"])
    return step, run


def freeze(house: House, process: Forked) -> None:
    """Stop a scheduler, but not in the middle of a heartbeat: others would wait until that is given up (test_ledger.py)."""
    waiting = {"sqlite": "PRAGMA busy_timeout = 200", "postgresql": "SET lock_timeout = '200ms'"}
    engine = house.ledger.engine
    while True:
        process.send_signal(signal.SIGSTOP)
        with engine.connect() as c:
            try:
                c.connection.cursor().execute(waiting[engine.dialect.name])
                c.execute(store.lease.update().values(id=1))
                c.rollback()
                return
            except OperationalError:  # it has just begun to write
                pass
            finally:
                c.invalidate()
        process.send_signal(signal.SIGCONT)


def one_version_more(house: House) -> None:
    """There are two versions, in one chain, and both are whole."""
    folder = dataset_folder(house.home)
    one, two = [read_manifest(folder, v)[0] for v in version_names(folder)]
    latest = read_latest(folder)
    assert latest is not None
    assert (latest.version, latest.sequence) == (two.version, 2)
    assert two.parent is not None
    assert (two.parent.version, two.tables["speeches"].rows) == (one.version, 5)
    assert verify(folder).versions == [one.version, two.version]


def test_a_leader_frozen_past_its_lease_and_woken_publishes_nothing(house: House) -> None:
    step, run = frozen(house, "before")
    first, second = house.processes
    until(lambda: house.run(run.id).owner != run.owner and len(pids(house, "begin")) == 2, 60)

    (house.folder / "go").write_text("before")
    os.killpg(step, signal.SIGCONT)
    until(lambda: pids(house, "exit-1"), 60)
    assert pids(house, "exit-1") == [step]
    (said,) = (house.folder / "errors").read_text().split(f"{step} ")[1:]
    assert "nothing is published" in said
    assert f"(process {second.pid}), took over" in said
    assert f"jianghua runs show {run.id}" in said

    until(
        lambda: house.run(run.id).state in ("done", "caught_up"), 60
    )  # what took over goes on where the first is gone
    first.send_signal(signal.SIGCONT)
    until(lambda: "lost the lease" in house.log(0), 60)
    assert first.poll() is None
    after = house.run(run.id)
    assert (after.attempts, after.version) == (2, version_names(dataset_folder(house.home))[-1])
    assert Counter(e[0] for e in house.events()) == {"begin": 2, "before": 1, "exit-1": 1, "exit-0": 1}
    one_version_more(house)


@pytest.mark.parametrize("then", ["woken", "killed"])
def test_a_leader_frozen_while_it_commits_holds_up_its_own_run_alone(house: House, then: str) -> None:
    """Another scheduler takes the lease and does what else there is; the run is left until its commit has ended, and counts once."""
    step, run = frozen(house, "within")
    first, second = house.processes
    until(lambda: f":{second.pid}:" in (house.ledger.lease_holder()[0] or ""), 100)
    other = house.ledger.add_manual("a:1:1:m", {}, ["hualong"], LEASE)  # the ledger answers
    assert house.ledger.finish(other.id, "a:1:1:m", "done", None)
    renewed = house.ledger.lease_holder()[1]
    assert renewed is not None
    until(lambda: (house.ledger.lease_holder()[1] or renewed) > renewed, 60)

    (commit,) = house.ledger.committing()
    assert (commit.run, commit.pid, commit.host) == (run.id, step, socket.gethostname())
    assert abs(commit.since - datetime.now(UTC)) < timedelta(minutes=5)
    there = house.run(run.id)
    assert (there.owner, there.attempts, there.state) == (run.owner, run.attempts, "running")
    latest = read_latest(dataset_folder(house.home))
    assert latest is not None
    assert latest.sequence == 1

    (house.folder / "go").write_text("within")
    if then == "woken":
        os.killpg(step, signal.SIGCONT)
        until(lambda: read_latest(dataset_folder(house.home)) != latest, 60)
    else:
        os.killpg(step, signal.SIGKILL)
    # its scheduler is frozen still: whoever leads takes it up, and finds nothing new or begins the step again
    until(lambda: house.run(run.id).state in ("done", "caught_up"), 100)
    after = house.run(run.id)
    assert after.owner is not None
    assert f":{second.pid}:" in after.owner
    assert (after.attempts, after.version) == (2, version_names(dataset_folder(house.home))[-1])
    assert house.ledger.committing() == []
    first.send_signal(signal.SIGCONT)
    until(lambda: "lost the lease" in house.log(0), 60)
    one_version_more(house)


def test_a_publish_killed_behind_its_commit_has_its_version_in_the_ledger(house: House) -> None:
    """The step begins again and finds nothing new; that the run made this version nobody could tell any more."""
    extracted(house, 3)
    (house.folder / "pause").write_text("behind")
    house.schedule(steps=["publish"])
    process = house.start(0, once=True, PUBLISHING="1")
    until(lambda: pids(house, "behind"), 60)
    (house.folder / "pause").unlink()
    (version,) = version_names(dataset_folder(house.home))
    (run,) = house.ledger.runs(limit=1)
    assert (run.state, run.version) == ("running", version)
    os.killpg(pids(house, "behind")[0], signal.SIGKILL)
    assert process.wait(60) == 0
    after = house.run(run.id)
    assert (after.state, after.version) == ("caught_up", version)
    assert len(pids(house, "begin")) == 2
    assert version_names(dataset_folder(house.home)) == [version]


def test_what_commits_is_left_alone_and_nothing_else_is(url: str) -> None:
    times = [datetime(2026, 11, 22, 3, 0, 5, tzinfo=UTC)]
    ledger, other = Ledger(url, lambda: times[0]), Ledger(url, lambda: times[0])
    lease, run = begun(ledger, times[0])
    by_hand = ledger.add_manual("c:3:3:m", {}, ["y"], LEASE)
    with (
        ledger.fenced(run.id, "a:1:1:m", 1, lease.token) as made_it,
        ledger.fenced(by_hand.id, "c:3:3:m", 1, None, "another"),
    ):
        found = {(c.run, c.dataset, c.pid) for c in other.committing()}
        assert found == {(run.id, "speeches", os.getpid()), (by_hand.id, "another", os.getpid())}
        times[0] += 2 * LEASE
        taken = other.take_lease("b:2:2:m", LEASE)  # the ledger answers
        assert taken is not None
        assert other.take_up(taken, LEASE) == []
        assert [r.state for r in other.runs()] == ["running", "running"]
        made_it("2026-11-22.1")  # the run is its own still
        assert other.run(run.id).version == "2026-11-22.1"
    assert other.committing() == []
    assert [r.id for r in other.take_up(taken, LEASE)] == [run.id]
    assert other.run(by_hand.id).state == "failed"
    with pytest.raises(LeaseLost), ledger.fenced(run.id, "a:1:1:m", 1, lease.token):
        pytest.fail("not held")
    for one in (ledger, other):
        one.close()


def test_one_run_at_a_time_commits_to_a_dataset(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committing, "WAIT", 0.3)
    ledger = Ledger(url)
    one, two = (ledger.add_manual(f"{x}:1:1:m", {}, [x], LEASE) for x in "ab")
    with ledger.fenced(one.id, "a:1:1:m", 1, None):
        with (
            pytest.raises(
                JianghuaError, match=f"run {one.id} .process {os.getpid()} on .* commits to the dataset speeches"
            ),
            ledger.fenced(two.id, "b:1:1:m", 1, None),
        ):
            pytest.fail("not held")
        assert [c.run for c in ledger.committing()] == [one.id]
    with ledger.fenced(two.id, "b:1:1:m", 1, None):
        pass
    ledger.close()


@pytest.mark.parametrize("name", ["state.db", "state [1]*.db"])
def test_whatever_the_file_is_called_and_by_whatever_link_it_is_opened(tmp_path: Path, name: str) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / name}")
    path = Path(ledger.engine.url.database or "")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "link.db").symlink_to(path)
    other = Ledger(f"sqlite:///{tmp_path / 'elsewhere' / 'link.db'}")
    run = ledger.add_manual("a:1:1:m", {}, ["x"], LEASE)
    with ledger.fenced(run.id, "a:1:1:m", 1, None):
        assert [c.run for c in ledger.committing()] == [c.run for c in other.committing()] == [run.id]
    for one in (ledger, other):
        one.close()


@pytest.mark.parametrize("order", ["taken over first", "committed first"])
def test_taking_over_and_committing_at_once_is_one_of_the_two(url: str, order: str) -> None:
    """Each waits for the other where that is in the middle of it; never do both believe to have the run."""
    times = [datetime(2026, 11, 22, 3, 0, 5, tzinfo=UTC)]
    ledger, other = Ledger(url, lambda: times[0]), Ledger(url, lambda: times[0])
    _, run = begun(ledger, times[0])
    times[0] += 2 * LEASE
    taken = other.take_lease("a:1:1:m", LEASE)  # of the same name: only the row tells them apart
    assert taken is not None
    found: list[str] = []

    def commit() -> None:
        try:
            with ledger.fenced(run.id, "a:1:1:m", 1, None):
                found.append("committed")
        except LeaseLost:
            found.append("lost")

    if order == "taken over first":
        with other._changing(taken) as c:
            assert committing.committing_of(c, [run.id]) == set()
            thread = threading.Thread(target=commit)
            thread.start()
            time.sleep(0.5)
            assert found == []
            c.execute(store.runs.update().where(store.runs.c.id == run.id).values(state="due"))
        thread.join(30)
        assert found == ["lost"]
    else:
        with ledger.fenced(run.id, "a:1:1:m", 1, None):
            assert other.take_up(taken, LEASE) == []
        assert [r.id for r in other.take_up(taken, LEASE)] == [run.id]
    for one in (ledger, other):
        one.close()


def begun(ledger: Ledger, now: datetime) -> tuple[Lease, Run]:
    """A run that is at work, and the lease under which it began."""
    lease = ledger.take_lease("a:1:1:m", LEASE)
    assert lease is not None
    s = Schedule.model_validate({"name": "s", "cron": "0 * * * *"})
    ledger.mark(lease, s, now - timedelta(hours=1))
    ledger.record(lease, s, due_runs(s, now - timedelta(hours=1), now), now)
    run = ledger.claim(lease, 1, {}, ["x"], LEASE)
    assert isinstance(run, Run)
    return lease, run


@pytest.mark.parametrize("lost", ["nothing", "lease", "run", "attempt", "ended"])
def test_the_fence_holds_while_lease_and_run_are_the_same(url: str, lost: str, monkeypatch: pytest.MonkeyPatch) -> None:
    times = [datetime(2026, 11, 22, 3, 0, 5, tzinfo=UTC)]
    ledger = Ledger(url, lambda: times[0])
    lease, run = begun(ledger, times[0])
    times[0] += 2 * LEASE
    if lost == "lease":
        assert ledger.take_lease("b:2:2:m", LEASE)
    elif lost == "run":
        other = ledger.take_lease("b:2:2:m", LEASE)
        assert other is not None
        ledger.take_up(other, LEASE)
        ledger.claim(other, run.id, {}, ["x"], LEASE)
    elif lost == "attempt":
        ledger.take_up(lease, LEASE)
        assert isinstance(ledger.claim(lease, run.id, {}, ["x"], LEASE), Run)
    elif lost == "ended":
        ledger.finish(run.id, run.owner or "", "failed", "as an example")
    monkeypatch.setenv(FENCE, fence_of(ledger, run, lease.token)[FENCE])
    if lost == "nothing":
        with from_environment():
            pass
        assert ledger.run(run.id).version is None
        with from_environment() as made_it:
            made_it("2026-11-22.1")
        assert ledger.beat(run.id, "a:1:1:m")  # the ledger is free again
        assert ledger.run(run.id).version == "2026-11-22.1"
    else:
        with pytest.raises(FencedError, match="nothing is published: run 1"), from_environment():
            pytest.fail("not held")
    ledger.close()


def test_a_run_by_hand_is_fenced_by_its_row_alone(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(url)
    run = ledger.add_manual("a:1:1:m", {}, ["x"], LEASE)
    monkeypatch.setenv(FENCE, fence_of(ledger, run, None)[FENCE])
    ledger.take_lease("b:2:2:m", LEASE)
    with from_environment():
        pass
    ledger.finish(run.id, "a:1:1:m", "failed", "dead")
    with pytest.raises(FencedError), from_environment():
        pytest.fail("not held")
    ledger.close()


def test_a_scheduler_from_before_an_update_names_no_dataset(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its steps are of the new program already; which dataset it is stands in the plan of the run."""
    monkeypatch.setattr(committing, "WAIT", 0.3)
    ledger = Ledger(url)
    one, two = (ledger.add_manual("a:1:1:m", {"dataset": "minutes"}, [x], LEASE) for x in "ab")
    told = json.loads(fence_of(ledger, one, None)[FENCE])
    assert told.pop("dataset") == "minutes"
    monkeypatch.setenv(FENCE, json.dumps(told))
    with from_environment():
        with ledger.fenced(two.id, "a:1:1:m", 1, None, "speeches"):
            pass
        with (
            pytest.raises(JianghuaError, match="dataset minutes"),
            ledger.fenced(two.id, "a:1:1:m", 1, None, "minutes"),
        ):
            pytest.fail("not held")
    ledger.close()
