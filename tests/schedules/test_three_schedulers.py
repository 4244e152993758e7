"""Three schedulers started together on one state run each fire time once, also when leaders are killed."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.schedules.house import House, until

FIRES = 20
SPEED = 60  # of the ledger's clock: a minute is a second


@pytest.fixture
def house(url: str, tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, url)
    yield house
    house.end()


@pytest.mark.parametrize("killed", [0, 3])
def test_three_schedulers_on_one_state_run_each_fire_time_once(house: House, killed: int) -> None:
    """killed: how often the leader is killed with -9 meanwhile."""
    epoch = datetime.now(UTC).replace(microsecond=0)
    first = epoch.replace(second=0) + timedelta(minutes=1)
    wanted = [first + timedelta(minutes=n) for n in range(FIRES)]
    house.schedule(cron="* * * * *", missed="all", overlap="queue", steps=["publish"], down=datetime.now(UTC) - epoch)

    def start() -> None:
        house.start(0, EPOCH=epoch.isoformat(), SPEED=str(SPEED), LEASE=str(20 * SPEED), BEAT="0.5")

    for _ in range(3):
        start()
    for n in range(killed):
        until(lambda n=n: house.states().count("done") + house.states().count("caught_up") > 6 * n, 90)  # type: ignore[misc]
        holder = (house.ledger.lease_holder()[0] or ":0").split(":")[1]
        for process in [p for p in house.processes if str(p.pid) == holder]:
            process.kill()
            process.wait()
            start()

    def ended() -> bool:
        runs = {r.scheduled_for: r.state for r in house.ledger.runs()}
        return all(runs.get(t) in ("done", "caught_up") for t in wanted)

    until(ended, 150)
    for process in house.processes:
        process.terminate()
    for process in house.processes:
        process.wait()
    runs = [r for r in house.ledger.runs(oldest_first=True) if r.scheduled_for in wanted]
    assert [r.scheduled_for for r in runs] == wanted
    assert min(r.scheduled_for for r in house.ledger.runs()) == first
    assert not [e for e in house.events() if e[0] == "clash"]
    begun, over = (Counter(int(e[3]) for e in house.events() if e[0] == what) for what in ("begin", "end"))
    for run in runs:
        assert 1 <= over[run.id] <= begun[run.id] <= run.attempts  # killed in between, a step begins again
    assert killed or {r.attempts for r in runs} == {1}
    assert sum(r.attempts for r in runs) <= FIRES + killed
    assert len([p for p in house.processes if p.returncode == -signal.SIGKILL]) == killed
