"""The real engines, one of each per test process."""

import os
import sys
import threading
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pooler
import pytest
from databases import VAULT, DatabaseServer, database_server_running, fresh_database, valkey_running
from hypothesis import HealthCheck, settings
from once import done_once

from erasmus_app.store.database import Database, open_database
from erasmus_app.telemetry import logs, traces
from sandbox.authority import Authority

SANDBOX = {"login.code_issued", "terminator.backend_down"}  # what it logs, beside us in tests

# How long an example takes says how busy the machine is, and nothing of ours.
settings.register_profile("ours", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ours")


if pooler.BEHIND:
    pooler.open_with_the_way_past()


@pytest.fixture(scope="session", autouse=True)
def _once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with done_once(tmp_path_factory.mktemp("machine")):
        yield


@pytest.fixture(scope="session")
def database_server() -> Iterator[DatabaseServer]:
    with database_server_running() as server:
        if not pooler.BEHIND:
            yield server
            return
        with pooler.pooler_running(server.dsn) as dsn:
            yield DatabaseServer(server.dsn, dsn)


@pytest.fixture
async def dsn(database_server: DatabaseServer) -> AsyncIterator[str]:
    """A database of its own, with all tables and nobody in it."""
    async with fresh_database(database_server) as dsn:
        yield dsn


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    async with open_database(dsn, VAULT, direct=pooler.past(dsn)) as database:
        yield database


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    with valkey_running() as url:
        yield url


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.open(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session", autouse=True)
def _lines() -> None:
    """Log as processes do, so that what may not stand in a line is found out here."""
    logs.configure(keep=False)


@pytest.fixture(autouse=True)
def _no_strange_fields() -> Iterator[None]:
    """Fail the test that logs a field which is not on the list."""
    hooks = sys.excepthook, sys.unraisablehook, threading.excepthook
    yield
    sys.excepthook, sys.unraisablehook, threading.excepthook = hooks  # which a command takes over
    found = [each for each in (*logs.dropped, *traces.dropped) if each[0] not in SANDBOX]
    logs.dropped.clear()
    traces.dropped.clear()
    assert found == [], "fields that are not on the lists in telemetry/"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "own"


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Use one process more than xdist finds cores: each waits for a quarter of its time."""
    found = yield
    return found if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else found + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, a part of it in each process: none ends with it alone.

    xdist gives each process a part of the row, and lets it begin at the front.
    """
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long = [each for each in items if each.get_closest_marker("long")]
    others = [each for each in items if not each.get_closest_marker("long")]
    row: list[pytest.Item] = []
    for number in range(processes):
        row += long[number::processes]
        enough = len(items) * (number + 1) // processes - len(row)
        row += others[:enough]
        del others[:enough]
    items[:] = row


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much of the authorisation matrix was looked at."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "matrix":
                terminalreporter.write_line(f"authorisation: {value}")
