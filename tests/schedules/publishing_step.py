"""The real `jianghua publish` as a step: `publishing_step.py FOLDER HOME`, which stops where the file FOLDER/pause says.

`before`: when the version is written and all that is left is to commit it; `within`: when it is about to replace latest.json and holds
the fence; `behind`: when it has committed. It stops until FOLDER/go says the same. What it does is told in FOLDER/events, its errors in FOLDER/errors.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from publisher import release
from publisher.manifest import latest_of
from schedules import cli
from schedules.child import die_with_parent


def main() -> None:
    die_with_parent()
    folder, home = Path(sys.argv[1]), sys.argv[2]

    def tell(what: str) -> None:
        with (folder / "events").open("a") as events:
            events.write(f"{what} publish {os.getpid()}\n")

    def pausing(where: str, then: Callable[..., Any]) -> Callable[..., Any]:
        def paused(*args: Any) -> Any:
            pause = folder / "pause"
            if pause.exists() and pause.read_text() == where:
                tell(where)
                while not ((folder / "go").exists() and (folder / "go").read_text() == where):
                    time.sleep(0.02)
            return then(*args)

        return paused

    vars(release)["latest_of"] = pausing("before", latest_of)
    vars(release)["_unmoved"] = pausing("within", release._unmoved)
    vars(release)["project"] = pausing("behind", vars(release)["project"])
    tell("begin")
    sys.argv = ["jianghua", "publish", "--json", "--home", home]
    try:
        cli.app()
    except SystemExit as e:
        tell(f"exit-{e.code or 0}")
        raise
    except Exception as e:
        with (folder / "errors").open("a") as errors:
            errors.write(f"{os.getpid()} {e}\n")
        tell(f"exit-{getattr(e, 'exit_code', 1)}")
        sys.exit(getattr(e, "exit_code", 1))


main()
