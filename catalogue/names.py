"""The names that may become a path: of datasets, versions, tables and files. Everything else is no name and never touches the disk."""

from __future__ import annotations

import re

DATASET = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?=[A-Za-z0-9]))*", re.ASCII)
LONGEST = 100  # characters of a dataset's name
OWN = "catalogue"  # the folder of the catalogue beside the datasets; no dataset is called so


def is_dataset(name: str) -> bool:
    """Whether a dataset may have this name."""
    return len(name) <= LONGEST and name != OWN and DATASET.fullmatch(name) is not None
