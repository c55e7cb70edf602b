"""Iceberg tables in catalogs that are services or databases: Iceberg's own REST service, and the SQLite catalog that Java and pyiceberg share."""
import json
import subprocess
import urllib.request

import pytest

from harness import READERS, Server, by_key, java_process, sql, until, wait_for_lake, wait_until_tiered

LAKE = "'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '100ms'"
READ = """
import json, sys
from pyiceberg.catalog import load_catalog
table = load_catalog("lake", **json.loads(sys.argv[1])).load_table(sys.argv[2])
if len(sys.argv) > 3:
    table.append(__import__("pyarrow").table({"id": [int(sys.argv[3])], "v": ["foreign"], "__bucket": [0], "__offset": [-1], "__timestamp": [0]}).cast(table.schema().as_arrow()))
print(json.dumps({"rows": table.scan().to_arrow().to_pylist(), "snapshots": len(table.metadata.snapshots)}, default=str))
"""


class Rest:
    """The REST service, and how to speak to it."""

    def __init__(self, folder):
        self.process = java_process("RestCatalog", str(folder))
        self.port = int(self.process.stdout.readline())
        self.uri = f"http://127.0.0.1:{self.port}"
        self.settings = {"datalake.iceberg.type": "rest", "datalake.iceberg.uri": self.uri, "datalake.iceberg.credential": "strom:secret", "datalake.iceberg.warehouse": "w"}
        self.python = {"type": "rest", "uri": self.uri, "token": "reader"}

    def fault(self, kind, times=1):
        urllib.request.urlopen(urllib.request.Request(f"{self.uri}/faults/{kind}/{times}", method="POST")).close()

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(30) == 0


class Sql:
    def __init__(self, folder):
        self.settings = {"datalake.iceberg.type": "jdbc", "datalake.iceberg.uri": f"jdbc:sqlite:{folder}/catalog.db", "datalake.iceberg.warehouse": f"{folder}/warehouse", "datalake.iceberg.name": "lake"}
        self.python = {"type": "sql", "uri": f"sqlite:///{folder}/catalog.db", "warehouse": f"{folder}/warehouse"}

    def close(self):
        pass


@pytest.fixture(params=[Rest, Sql])
def catalog(request, tmp_path):
    (tmp_path / "lake").mkdir()
    opened = request.param(tmp_path / "lake")
    yield opened
    opened.close()


@pytest.fixture
def rest(tmp_path):
    (tmp_path / "lake").mkdir()
    opened = Rest(tmp_path / "lake")
    yield opened
    opened.close()


def lake_server(tmp_path, catalog, **more):
    return Server(tmp_path, **{"datalake.format": "iceberg", **catalog.settings, **more})


def pyiceberg(catalog, table, *words):
    done = subprocess.run([READERS, "-W", "ignore", "-c", READ, json.dumps(catalog.python), "fluss." + table, *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_tables_live_in_the_catalog(tmp_path, catalog):
    server = lake_server(tmp_path, catalog)
    sql(server, f"CREATE TABLE l (id BIGINT, v STRING) WITH ('bucket.num' = '2', {LAKE})",
        f"""CREATE TABLE k (id BIGINT, v STRING, r ROW<a INT, b ARRAY<STRING>>, PRIMARY KEY (id) NOT ENFORCED)
        WITH ('bucket.num' = '2', {LAKE}, 'table.datalake.auto-compaction' = 'true', 'table.datalake.auto-expire-snapshot' = 'true',
        'iceberg.history.expire.max-snapshot-age-ms' = '0', 'iceberg.history.expire.min-snapshots-to-keep' = '2')""")
    for step in range(5):
        sql(server, f"INSERT INTO l SELECT i, 'v{step}' FROM range({step * 100}, {step * 100 + 100}) AS r(i)",
            f"INSERT INTO k SELECT i, 'v{step}', {{'a': i, 'b': ['x']}} FROM range({step * 10}, 100) AS r(i)", f"DELETE FROM k WHERE id = {step}")
        wait_until_tiered(server, "l", step * 100 + 100)
        wait_for_lake(server, "k")
    assert sorted(row["id"] for row in pyiceberg(catalog, "l")["rows"]) == list(range(500))
    # Columns added here are there, and rows of others are kept by rounds that come after them.
    sql(server, "ALTER TABLE l ADD (more INT)", "INSERT INTO l VALUES (1000, 'after', 7)")
    wait_until_tiered(server, "l", 501)
    rows = pyiceberg(catalog, "l")["rows"]
    assert [row["more"] for row in rows if row["id"] in (0, 1000)] in ([None, 7], [7, None])
    until(lambda: pyiceberg(catalog, "k")["snapshots"] <= 3, what="snapshots of the keys expire")
    rows = [{"id": row["id"], "v": row["v"], "r": row["r"]} for row in pyiceberg(catalog, "k")["rows"]]
    assert by_key(rows, "id") == by_key(sql(server, "SELECT * FROM k")[0], "id")
    assert all(row["equal"] for row in sql(server, 'SELECT * FROM "l$lake$verify"')[0])
    # A table of the same name that is not ours is left alone.
    sql(server, "DROP TABLE l")
    assert "with rows exists" in sql(server, f"CREATE TABLE l (id BIGINT, v STRING, more INT) WITH ('bucket.num' = '2', {LAKE})", ok=False).stderr
    assert server.stop() == 0


def test_others_commit_beside_us(tmp_path, catalog):
    server = lake_server(tmp_path, catalog)
    sql(server, f"CREATE TABLE l (id BIGINT, v STRING) WITH ('bucket.num' = '1', {LAKE})")
    for step in range(4):
        sql(server, f"INSERT INTO l VALUES ({step}, 'ours')")
        wait_until_tiered(server, "l", 2 * step + 1)
        pyiceberg(catalog, "l", str(1000 + step))
    assert sorted(row["id"] for row in pyiceberg(catalog, "l")["rows"]) == [0, 1, 2, 3, 1000, 1001, 1002, 1003]
    assert server.stop() == 0


def test_the_service_answers_late_not_at_all_or_otherwise(tmp_path, rest):
    """Commits whose answer is lost, that are refused or come too late, tokens that end: each row is there once."""
    server = lake_server(tmp_path, rest)
    sql(server, f"CREATE TABLE l (id BIGINT, v STRING) WITH ('bucket.num' = '1', {LAKE})",
        f"CREATE TABLE k (id BIGINT, v STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket.num' = '1', {LAKE}, 'table.datalake.auto-compaction' = 'true')")
    for step, kind in enumerate(["lost", "conflict", "refused", "expired", "lost", "conflict", "refused", "expired"]):
        rest.fault(kind, 1 if kind == "expired" else 2)
        sql(server, f"INSERT INTO l SELECT i, '{kind}' FROM range({step * 10}, {step * 10 + 10}) AS r(i)", f"INSERT INTO k SELECT i, 'v{step}' FROM range(50) AS r(i)")
        wait_until_tiered(server, "l", step * 10 + 10)
        wait_for_lake(server, "k")
    assert sorted(row["id"] for row in pyiceberg(rest, "l")["rows"]) == list(range(80))
    assert sorted((row["id"], row["v"]) for row in pyiceberg(rest, "k")["rows"]) == [(i, "v7") for i in range(50)]
    assert server.stop() == 0


def test_a_catalog_that_cannot_be_reached_is_named(tmp_path, rest):
    server = lake_server(tmp_path, rest, **{"datalake.iceberg.uri": "http://127.0.0.1:1"})
    failed = sql(server, f"CREATE TABLE l (id BIGINT) WITH ({LAKE})", ok=False)
    assert "127.0.0.1:1/v1/" in failed.stderr and failed.returncode == 7, failed.stderr
    assert sql(server, "SHOW TABLES") == [[]]
    assert server.stop() == 0
