import asyncio
import uuid

import fluss
import pytest

from harness import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("server"), **{"datalake.format": "paimon", "server.shards": "3"})  # requests cross shards
    yield running
    assert running.stop() == 0


@pytest.fixture
def name():
    return "t_" + uuid.uuid4().hex[:12]


@pytest.fixture
def run(server):
    """Runs `async def scenario(connection, admin)` with a fresh connection."""

    def runner(scenario):
        async def inside():
            config = fluss.Config({"bootstrap.servers": server.address})
            async with await fluss.FlussConnection.create(config) as connection:
                return await scenario(connection, connection.get_admin())

        return asyncio.run(inside())

    return runner
