"""Fixtures of the tests of the ledger and the scheduler."""

from tests.schedules.postgres_server import postgres as postgres
from tests.schedules.postgres_server import url as url
