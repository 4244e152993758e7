from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.watching.made import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A home with a ledger and a clock of its own."""
    made = House(tmp_path / "home")
    yield made
    made.ledger.close()
