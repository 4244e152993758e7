"""Eight processes, each of which extracts speeches of its own site into a home that others share, and publishes, again and again.

Arguments: home, rounds, sites. One process a site is forked, so that imports cost once; they begin together, and what each of their
publishes said is printed as one JSON object, by site.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from crawler.home import Home
from crawler.shards import SCHEMAS, write_shard
from publisher.release import publish
from tests.publisher.publisher_child import DAY, check_threads, state
from tests.publisher.publisher_made import records, speech

EACH = 3  # new speeches a round


def extract(home: Home, site: str, count: int) -> None:
    """The first `count` speeches of a site as records."""
    empty = {n: s.empty_table() for n, s in SCHEMAS.items()}
    write_shard(home, site, 0, empty | records([speech(site, n) for n in range(count)]), input_digest=str(count))


def one(home: Home, site: str, rounds: int) -> list[dict[str, object]]:
    """What the publishes of a site said."""
    said = []
    for n in range(1, rounds + 1):
        extract(home, site, EACH * n)
        result = publish(home, now=DAY, wait=300)
        said.append({k: v for k, v in asdict(result).items() if k != "gates"})
    return said


def main(home: Home, rounds: int, sites: list[str]) -> None:
    state(0)  # loads what folding needs, once for all children
    check_threads()
    begin, wait = os.pipe()
    pipes = {}
    for site in sites:
        read, write = os.pipe()
        if not os.fork():
            os.close(wait)
            os.read(begin, 1)  # until the parent closes the other end
            with os.fdopen(write, "w") as out:
                json.dump(one(home, site, rounds), out)
            os._exit(0)
        os.close(write)
        pipes[site] = read
    os.close(begin)
    os.close(wait)
    said = {}
    for site, read in pipes.items():
        with os.fdopen(read) as out:
            said[site] = json.loads(out.read())
    assert all(os.wait()[1] == 0 for _ in sites)
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main(Home(Path(sys.argv[1])), int(sys.argv[2]), sys.argv[3:])
