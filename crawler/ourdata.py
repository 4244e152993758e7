"""YAML that comes with the program (rules, signs, stock of the sample), as against what people write.

It is read by every process that reads pages, so it is parsed by libyaml where PyYAML has it: the same values in a tenth of the
time. What people write is parsed in Python (crawler/site.py), whose errors are told better.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_ours(path: Path) -> Any:
    """The value of a YAML file of the program's own."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
