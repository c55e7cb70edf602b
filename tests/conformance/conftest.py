import asyncio
import os
import pathlib
import uuid

import fluss
import pytest

from compatibility import Report
from harness import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("server"), **{"datalake.format": "paimon", "server.shards": "3"})  # requests cross shards
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def server_without_lake(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("server"))
    yield running
    assert running.stop() == 0


@pytest.fixture
def name():
    return "t_" + uuid.uuid4().hex[:12]


def runner_on(server):
    def runner(scenario):
        async def inside():
            config = fluss.Config({"bootstrap.servers": server.address})
            async with await fluss.FlussConnection.create(config) as connection:
                return await scenario(connection, connection.get_admin())

        return asyncio.run(inside())

    return runner


@pytest.fixture
def run(server):
    """Runs `async def scenario(connection, admin)` with a fresh connection."""
    return runner_on(server)


@pytest.fixture
def run_without_lake(server_without_lake):
    return runner_on(server_without_lake)


REPORT = Report()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    result = (yield).get_result()
    if result.when == "call" or result.outcome != "passed":
        reason = str(result.longrepr[2]).removeprefix("Skipped: ") if result.skipped and isinstance(result.longrepr, tuple) else ""
        REPORT.add(result.nodeid, {"passed": "works", "failed": "fails", "skipped": "not run"}[result.outcome], reason)


def pytest_sessionfinish():
    if target := os.environ.get("STROM_COMPATIBILITY"):
        pathlib.Path(target).write_text(REPORT.text())
