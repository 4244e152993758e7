"""The log of a step of a run: in the form that the home's settings ask for, with run and step, without secrets."""

from __future__ import annotations

import sys

from crawler import logs
from crawler.config import load_settings
from crawler.errors import JianghuaError
from crawler.home import Home


def set_up_step() -> None:
    """Set the log of this process up. Settings with mistakes are told by the step itself."""
    home = sys.argv[sys.argv.index("--home") + 1] if "--home" in sys.argv[:-1] else None
    try:
        form = load_settings(Home.find(home)).log_format
    except JianghuaError:
        form = "text"
    logs.set_up(form)
