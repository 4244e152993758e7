"""Eight publishers at once on one disk."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from itertools import pairwise
from pathlib import Path

from crawler.home import Home
from publisher.doctor import examine
from publisher.manifest import sha256
from publisher.reader import open_dataset
from publisher.release import dataset_folder, publish
from publisher.verify import verify
from publisher.versions import read_manifest, version_names
from tests.children import environment, program
from tests.publisher.publisher_child import DAY
from tests.publisher.publisher_disturbed import EVERY_STEP
from tests.publisher.publishing_child import EACH, extract

SITES = [f"s{n}" for n in range(8)]
ROUNDS = 3 if EVERY_STEP else 2


def test_eight_publishers_at_once_make_one_line_of_versions_and_lose_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path)
    extract(home, "base", 20)
    publish(home, now=DAY)
    done = subprocess.run(
        program("tests.publisher.publishing_child", home.root, ROUNDS, *SITES),
        stdout=subprocess.PIPE,
        check=True,
        env=environment(),
    )
    answers = json.loads(done.stdout)
    said = [answer for site in SITES for answer in answers[site]]

    folder = dataset_folder(home)
    verify(folder)
    names = version_names(folder)
    manifests = [read_manifest(folder, n) for n in names]
    assert names == [f"2026-11-22.{n}" for n in range(1, len(names) + 1)]
    assert [m.sequence for m, _ in manifests] == list(range(1, len(names) + 1))
    for (before, data), (after, _) in pairwise(manifests):
        assert after.parent
        assert (after.parent.version, after.parent.manifest_sha256) == (before.version, sha256(data))
    # each version is one that a publisher said it made, and each publisher's rows are in what it said was the latest then
    assert sorted(s["version"] for s in said if s["version"]) == sorted(names[1:])
    assert len(said) == len(SITES) * ROUNDS
    for site in SITES:
        for k, answer in enumerate(answers[site], 1):
            version = open_dataset(folder, answer["latest"]).arrow("speeches", columns=["site"])
            assert Counter(version["site"].to_pylist())[site] >= EACH * k
    assert (
        len(names) >= ROUNDS + 1
    )  # who is quick enough finds the records of all others, but one's own of a round come after the round before
    now = open_dataset(folder).arrow()
    assert Counter(now["site"].to_pylist()) == {"base": 20} | dict.fromkeys(SITES, EACH * ROUNDS)
    assert len(set(now["speech_id"].to_pylist())) == now.num_rows
    assert sum(m.tables["speeches"].added for m, _ in manifests) == now.num_rows
    assert examine(home).findings == []
