"""Tables that are tiered into Paimon: independent readers see what the log has, row for row, whatever dies on the way."""
import json
import random
import re
import subprocess

import pytest

from harness import READERS, STROM, Process, Server, java, sql, until, wait_until_tiered

READ = """
import json, sys
from pypaimon import CatalogFactory
catalog = CatalogFactory.create({"warehouse": sys.argv[1]})
builder = catalog.get_table(sys.argv[2]).new_read_builder()
rows = builder.new_read().to_arrow(builder.new_scan().plan().splits())
print(json.dumps(rows.to_pylist(), default=str))
"""


def pypaimon(server, table):
    """All rows of a lake table, as pypaimon reads them."""
    done = subprocess.run([READERS, "-c", READ, str(server.cwd / "data/lake"), table], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def java_paimon(server, table):
    """(rows, sum of their offsets) of a lake table, every field read by the Java library."""
    name, rows, offsets = java("ReadPaimon", str(server.cwd / "data/lake"), table).split()
    assert name == table
    return int(rows), int(offsets)


LAKE = "'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '1s'"


@pytest.mark.parametrize("options", ["'bucket.num' = '3'", "'bucket.num' = '3', 'bucket.key' = 'id'"])
@pytest.mark.parametrize("file_format", ["parquet", "orc"])
def test_the_lake_holds_what_the_log_holds(server, name, options, file_format):
    sql(server, f"""CREATE TABLE {name} (id BIGINT, s STRING, d DECIMAL(20, 3), day DATE, ts TIMESTAMP(6), b BOOLEAN, f DOUBLE, i TINYINT)
                    WITH ({options}, {LAKE}, 'paimon.file.format' = '{file_format}')""")
    sql(server, f"""INSERT INTO {name} SELECT id, CASE WHEN id % 5 = 0 THEN NULL ELSE 'row ' || id END, id / 8.0, DATE '2025-01-01' + CAST(id % 100 AS INT),
                    TIMESTAMP '2025-01-01 00:00:00' + to_microseconds(id), id % 2 = 0, id / 4.0, id % 100 FROM generate_series(0, 999) AS g(id)""")
    wait_until_tiered(server, name, 1000)
    rows = pypaimon(server, "fluss." + name)
    assert sorted(row["id"] for row in rows) == list(range(1000))
    for row in rows:
        i = row["id"]
        assert row["s"] == (None if i % 5 == 0 else f"row {i}")
        assert float(row["d"]) == pytest.approx(i / 8, abs=0.001)
        assert row["b"] == (i % 2 == 0) and row["f"] == i / 4 and row["i"] == i % 100
        assert row["ts"].startswith("2025-01-01 00:00:00")
    for bucket in range(3):
        offsets = sorted(row["__offset"] for row in rows if row["__bucket"] == bucket)
        assert offsets == list(range(len(offsets))), "every offset of a bucket once"
    assert sql(server, f"SELECT count(*) AS n, sum(id) AS s FROM {name}") == [[{"n": 1000, "s": 499500}]]
    assert java_paimon(server, "fluss." + name) == (1000, sum(row["__offset"] for row in rows))


def test_every_type_reaches_the_lake(server, name):
    sql(server, f"""CREATE TABLE {name} (bo BOOLEAN, ti TINYINT, si SMALLINT, i INT, bi BIGINT, f FLOAT, d DOUBLE, c CHAR(3), s STRING,
        d5 DECIMAL(5, 2), d15 DECIMAL(15, 2), d38 DECIMAL(38, 10), day DATE, t TIME(3), ts0 TIMESTAMP(0), ts3 TIMESTAMP(3), ts6 TIMESTAMP(6),
        z3 TIMESTAMP_LTZ(3), z6 TIMESTAMP_LTZ(6), bin BINARY(2), by BYTES, a ARRAY<INT>, m MAP<STRING, INT>, r ROW<x INT, y STRING>)
        WITH ('bucket.num' = '1', {LAKE})""")
    values = """(true, 127, -32768, 2147483647, -9223372036854775808, 1.5, -2.25, 'abc', 'grüße', 123.45, -1234567890123.45,
        1234567890123456789012345678.0123456789, DATE '0001-01-01', TIME '23:59:59.999', TIMESTAMP '1969-12-31 23:59:59', TIMESTAMP '2025-01-01 01:02:03.456',
        TIMESTAMP '1900-01-01 00:00:00.000001', TIMESTAMPTZ '2025-06-01 12:00:00+00', TIMESTAMPTZ '2025-06-01 12:00:00.123456+00', 'ab'::BLOB, '\\x00\\xFF'::BLOB,
        [1, NULL, 3], MAP {'k': 1}, {'x': 7, 'y': 'z'})"""
    nulls = "(" + ", ".join(["NULL"] * 24) + ")"
    sql(server, f"INSERT INTO {name} VALUES {values}, {nulls}")
    from_log = sql(server, f"SELECT * FROM {name}")[0]
    wait_until_tiered(server, name, 2)
    from_lake = sql(server, f"SELECT * FROM {name}$lake")[0]
    assert from_lake == from_log, "stream and lake agree, column for column"
    rows = pypaimon(server, "fluss." + name)
    full = next(row for row in rows if row["bo"])
    assert full["s"] == "grüße" and full["bi"] == -9223372036854775808 and full["d5"] == "123.45"
    assert full["d38"] == "1234567890123456789012345678.0123456789"
    assert full["ts3"] == "2025-01-01 01:02:03.456000" and full["day"] == "0001-01-01"
    empty = next(row for row in rows if not row["bo"])
    assert all(value is None for key, value in empty.items() if not key.startswith("__"))
    assert java_paimon(server, "fluss." + name) == (2, 1)


def test_nanoseconds_are_kept_on_both_sides(server, name):
    sql(server, f"CREATE TABLE {name} (id INT, at TIMESTAMP(9), coarse TIMESTAMP(3)) WITH ('bucket.num' = '1', {LAKE})",
        f"INSERT INTO {name} VALUES (1, TIMESTAMP_NS '1969-12-31 23:59:59.123456789', TIMESTAMP '2025-01-01 00:00:00.001'), (2, NULL, NULL)")
    wait_until_tiered(server, name, 2)
    expected = [[{"id": 1, "at": "1969-12-31 23:59:59.123456789", "coarse": "2025-01-01 00:00:00.001"}, {"id": 2, "at": None, "coarse": None}]]
    assert sql(server, f"SELECT * FROM {name}$lake ORDER BY id") == expected
    assert sql(server, f"SELECT * FROM {name} ORDER BY id") == expected
    assert java_paimon(server, "fluss." + name) == (2, 1)


def test_partitioned_tables_keep_their_partitions(server, name):
    sql(server, f"CREATE TABLE {name} (id BIGINT, dt STRING, n INT) PARTITIONED BY (dt, n) WITH ('bucket.num' = '2', {LAKE})",
        f"INSERT INTO {name} SELECT id, 'd' || (id % 3), id % 2 FROM generate_series(0, 299) AS g(id)")
    wait_until_tiered(server, name, 300)
    rows = pypaimon(server, "fluss." + name)
    assert sorted(row["id"] for row in rows) == list(range(300))
    assert (server.cwd / f"data/lake/fluss.db/{name}/dt=d1/n=1/bucket-0").is_dir()
    assert sql(server, f"SELECT count(*) AS n FROM {name} WHERE dt = 'd1' AND n = 1") == [[{"n": 50}]]
    assert java_paimon(server, "fluss." + name)[0] == 300
    assert len(sql(server, f"SHOW PARTITIONS {name}")[0]) == 6


def test_columns_added_later_are_null_in_older_rows(server, name):
    sql(server, f"CREATE TABLE {name} (id BIGINT) WITH ('bucket.num' = '1', {LAKE})", f"INSERT INTO {name} VALUES (1)")
    wait_until_tiered(server, name, 1)
    sql(server, f"INSERT INTO {name} VALUES (2)", f"ALTER TABLE {name} ADD COLUMN extra STRING", f"INSERT INTO {name} VALUES (3, 'new')")
    everything = [{"id": 1, "extra": None}, {"id": 2, "extra": None}, {"id": 3, "extra": "new"}]
    assert sql(server, f"SELECT * FROM {name} ORDER BY id") == [everything]
    wait_until_tiered(server, name, 3)
    assert sql(server, f"SELECT * FROM {name}$lake ORDER BY id") == [everything]
    assert sorted((row["id"], row["extra"]) for row in pypaimon(server, "fluss." + name)) == [(1, None), (2, None), (3, "new")]


@pytest.mark.parametrize("options", ["'bucket.num' = '2'", "'bucket.num' = '2', 'bucket.key' = 'id'"])
@pytest.mark.parametrize("file_format", ["parquet", "orc"])
def test_small_files_are_joined_and_old_snapshots_go(server, name, options, file_format):
    """Row for row what the log has, in every type, after files of two schemas were rewritten."""
    sql(server, f"""CREATE TABLE {name} (id BIGINT, bo BOOLEAN, ti TINYINT, f FLOAT, s STRING, d15 DECIMAL(15, 2), d38 DECIMAL(38, 10), day DATE, t TIME(3), ts3 TIMESTAMP(3),
        ts6 TIMESTAMP(6), z3 TIMESTAMP_LTZ(3), z6 TIMESTAMP_LTZ(6), by BYTES, a ARRAY<INT>, m MAP<STRING, INT>, r ROW<x INT, y STRING>)
        WITH ({options}, 'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '100ms', 'paimon.file.format' = '{file_format}', 'table.datalake.auto-compaction' = 'true',
              'table.datalake.auto-expire-snapshot' = 'true', 'paimon.snapshot.num-retained.min' = '2', 'paimon.snapshot.num-retained.max' = '3')""")
    values = """{0}, {0} % 2 = 0, {0} % 100, {0} / 4.0, 'row {0}', {0} / 8.0, 1234567890123456789012345678.0123456789, DATE '2025-01-01' + {0}, TIME '23:59:59.999', TIMESTAMP '2025-01-01 01:02:03.456',
        TIMESTAMP '{early}-01-01 00:00:00.000001', TIMESTAMPTZ '2025-06-01 12:00:00+00', TIMESTAMPTZ '2025-06-01 12:00:00.123456+00', '\\x00\\xFF'::BLOB, [{0}, NULL, 3], MAP {{'k': {0}}}, {{'x': {0}, 'y': 'z'}}"""
    values = values.replace("{early}", "1900" if file_format == "parquet" else "1970")  # Java cannot read what Arrow writes to ORC before 1970
    rounds, rows = 12, 0
    for step in range(rounds):
        if step == rounds // 2:
            sql(server, f"ALTER TABLE {name} ADD COLUMN later INT")
        later = ", 5" if step >= rounds // 2 else ""
        sql(server, f"INSERT INTO {name} VALUES " + ", ".join(f"({values.format(rows + i)}{later})" for i in range(3)) + f", ({rows + 3}" + ", NULL" * 16 + (", NULL" if later else "") + ")")
        rows += 4
        wait_until_tiered(server, name, rows)
    lake = server.cwd / f"data/lake/fluss.db/{name}"
    newest = lambda: [json.loads((lake / f"snapshot/snapshot-{(lake / 'snapshot/LATEST').read_text()}").read_text())]  # noqa: E731
    assert newest()[0]["totalRecordCount"] == rows
    assert len(list(lake.glob("snapshot/snapshot-*"))) <= 4
    assert (lake / "snapshot/EARLIEST").read_text() == str(min(int(path.name.split("-")[1]) for path in lake.glob("snapshot/snapshot-*")))
    assert len(list(lake.rglob(f"data-*.{file_format}"))) < rounds
    order = "ORDER BY id"
    assert sql(server, f"SELECT * FROM {name}$lake {order}") == sql(server, f"SELECT * FROM {name} {order}")
    seen = sorted(pypaimon(server, "fluss." + name), key=lambda row: row["id"])
    assert [row["id"] for row in seen] == list(range(rows))
    assert [row["r"] for row in seen] == [None if i % 4 == 3 else {"x": i, "y": "z"} for i in range(rows)]
    assert [row["later"] for row in seen] == [5 if i >= rows // 2 and i % 4 != 3 else None for i in range(rows)]
    for bucket in range(2):
        offsets = sorted(row["__offset"] for row in seen if row["__bucket"] == bucket)
        assert offsets == list(range(len(offsets)))
    assert java_paimon(server, "fluss." + name)[0] == rows


def test_explain_counts_the_row_groups_that_filters_leave_out(server, name):
    sql(server, f"CREATE TABLE {name} (id BIGINT, v STRING, d DECIMAL(10, 2), dt DATE) WITH ('bucket.num' = '1', 'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '100ms')")
    for step in range(4):
        rows = f"range({step * 100}, {step * 100 + 100}) AS r(i)"
        sql(server, f"INSERT INTO {name} SELECT i, 'v' || (i // 100), i / 10, DATE '2025-01-01' + (i // 100)::INT FROM {rows}")
        wait_until_tiered(server, name, step * 100 + 100)
    for condition, skipped in (("id = 250", 3), ("id >= 200", 2), ("v = 'v3'", 3), ("v = 'nothing'", 4), ("d > 15.5", 1), ("dt < DATE '2025-01-02'", 3), ("id IN (5, 305)", 2), ("true", 0)):
        for kind in ("EXPLAIN", "EXPLAIN ANALYZE"):
            words = [STROM, "sql", "--bootstrap", server.address, "-c", f"{kind} SELECT * FROM {name} WHERE {condition}"]
            told = subprocess.run(words, capture_output=True, text=True, timeout=60).stderr
            assert f"{skipped} of 4 files and {skipped} of 4 row groups skipped" in told, (condition, told)

    def bytes_told(query):
        words = [STROM, "sql", "--bootstrap", server.address, "-c", f"EXPLAIN ANALYZE {query}"]
        told = subprocess.run(words, capture_output=True, text=True, timeout=60).stderr
        return [int(number) for number in re.search(r"(\d+) bytes to read, (\d+) skipped", told).groups()], "stream" in told.split("; lake:")[1]

    (all_of_it, none), streamed = bytes_told(f"SELECT * FROM {name}")
    assert none == 0 and not streamed
    (one, rest), _ = bytes_told(f"SELECT * FROM {name} WHERE id < 100")
    assert 0 < one < all_of_it and one + rest == all_of_it
    (column, _), _ = bytes_told(f"SELECT id FROM {name}")
    assert 0 < column < all_of_it, "the columns that are wanted"
    sql(server, f"ALTER TABLE {name} SET ('table.datalake.enabled' = 'false')", f"INSERT INTO {name} VALUES (1000, 'late', 1, NULL)")
    words = [STROM, "sql", "--bootstrap", server.address, "-c", f"EXPLAIN ANALYZE SELECT * FROM {name}"]
    assert re.search(r"stream: \d+ bytes read", subprocess.run(words, capture_output=True, text=True, timeout=60).stderr)


def test_before_the_first_commit_the_lake_is_empty_and_not_an_error(server, name):
    sql(server, f"CREATE TABLE {name} (id BIGINT) WITH ({LAKE})")
    assert sql(server, f"SELECT snapshot_id, total_record_count FROM {name}$lake$snapshots") == [[]]
    assert sql(server, f"SELECT count(*) AS n FROM {name}$lake") == [[{"n": 0}]]
    assert (server.cwd / f"data/lake/fluss.db/{name}/schema/schema-0").is_file(), "the lake table is there with the table"


def test_a_foreign_lake_table_is_left_alone(server, name):
    make = """
import sys, pyarrow as pa
from pypaimon import CatalogFactory, Schema
catalog = CatalogFactory.create({"warehouse": sys.argv[1]})
catalog.create_database("fluss", True)
catalog.create_table(sys.argv[2], Schema.from_pyarrow_schema(pa.schema([("a", pa.int32())])), False)
"""
    done = subprocess.run([READERS, "-c", make, str(server.cwd / "data/lake"), "fluss." + name], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    failed = sql(server, f"CREATE TABLE {name} (a BIGINT) WITH ({LAKE})", ok=False)
    assert failed.returncode == 4 and "a is INT there, BIGINT here" in failed.stderr, failed.stderr
    assert {"table name": name} not in sql(server, "SHOW TABLES")[0]
    assert pypaimon(server, "fluss." + name) == []


def test_switched_off_and_on_again_it_goes_on_where_it_was(server, name):
    sql(server, f"CREATE TABLE {name} (id BIGINT) WITH ('bucket.num' = '2', {LAKE})", f"INSERT INTO {name} SELECT * FROM range(100)")
    wait_until_tiered(server, name, 100)
    sql(server, f"ALTER TABLE {name} SET ('table.datalake.enabled' = 'false')", f"INSERT INTO {name} SELECT * FROM range(100, 150)")
    assert "not datalake enabled" in sql(server, f"SELECT * FROM {name}$lake", ok=False).stderr
    sql(server, f"ALTER TABLE {name} SET ('table.datalake.enabled' = 'true')")
    wait_until_tiered(server, name, 150)
    assert sorted(row["id"] for row in pypaimon(server, "fluss." + name)) == list(range(150))


def test_a_killed_tiering_worker_neither_loses_nor_doubles(tmp_path):
    server = Server(tmp_path, **{"datalake.format": "paimon", "server.tiering.enabled": "false"})
    sql(server, f"CREATE TABLE t (id BIGINT, v STRING) WITH ('bucket.num' = '4', {LAKE.replace('1s', '100ms')})")
    rng = random.Random(3)
    rows = 0
    for _ in range(25):
        more = rng.randint(200, 2000)
        sql(server, f"INSERT INTO t SELECT id, repeat('x', 50) FROM range({rows}, {rows + more}) AS r(id)")
        rows += more
        worker = Process(["tier", "--fluss.bootstrap.servers", server.address, "--datalake.format", "paimon"], tmp_path)
        worker.wait_for("tiering worker runs")
        for _ in range(rng.randint(0, 3)):  # round trips: the kill comes at another moment each time
            sql(server, "SHOW DATABASES")
        worker.kill()
        # The killed worker held its table; the next one gets it when the server has noticed, or at once after a restart.
        server.kill()
        server = server.restarted()
    worker = Process(["tier", "--fluss.bootstrap.servers", server.address], tmp_path)
    wait_until_tiered(server, "t", rows)
    assert worker.stop() == 0
    ids = [row["id"] for row in pypaimon(server, "fluss.t")]
    assert len(ids) == rows and set(ids) == set(range(rows))
    assert server.stop() == 0
