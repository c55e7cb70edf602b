"""Whoever writes a key, it lies in the bucket where the others look for it."""
import fluss
import pytest

from harness import java, sql


def buckets(server, name):
    """{key: bucket} by the changelog."""
    lines = java("ScanLog", server.address, name, "4").splitlines()
    return {int(key): int(bucket) for bucket, _, _, key in (line.split() for line in lines)}


async def looked_up(connection, name, keys):
    table = await connection.get_table(fluss.TablePath("fluss", name))
    lookup = table.new_lookup().create_lookuper().lookup
    return [key for key in keys if await lookup({"id": key})]


@pytest.mark.parametrize("lake", [True, False])
def test_strom_and_java_agree_on_every_key(server, server_without_lake, name, lake):
    here = server if lake else server_without_lake
    for table in (f"{name}_s", f"{name}_j"):
        sql(here, f"CREATE TABLE {table} (id BIGINT, v STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket.num' = '4')")
    sql(here, f"INSERT INTO {name}_s SELECT i, 'v' FROM range(-150, 400) AS r(i)")
    java("PutKeys", here.address, f"{name}_j", "-150", "400")
    assert buckets(here, f"{name}_s") == buckets(here, f"{name}_j")


def test_pyfluss_looks_for_short_keys_with_high_bytes_elsewhere(server, server_without_lake, run, run_without_lake, name):
    """A fault of pyfluss 1.0.0: the last bytes of a key that fill no word are signed for Java, unsigned there. Keys of lake formats are words."""
    keys = [5, 127, 128, 132, 140]
    found = {}
    for here, runner in ((server, run), (server_without_lake, run_without_lake)):
        sql(here, f"CREATE TABLE {name} (id BIGINT, v STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket.num' = '4')")
        java("PutKeys", here.address, name, "0", "150")
        found[here] = runner(lambda connection, _: looked_up(connection, name, keys))
    assert found[server] == keys
    assert found[server_without_lake] == [5, 127]
