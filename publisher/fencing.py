"""What a publish holds while it commits, when it is a step of a run that another scheduler may take over."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

from crawler.errors import JianghuaError

# Held while latest.json is replaced; entering it raises FencedError when this publish must not commit any more. It may give what is
# called with the version when that is done (which never raises), else None.
Fence: TypeAlias = Callable[[], AbstractContextManager[Any]]


class FencedError(JianghuaError):
    """Another scheduler has taken over the run of which this publish is a step; nothing was published."""
