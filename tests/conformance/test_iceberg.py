"""Tables that are tiered into Iceberg: pyiceberg and the Java library see what the log and the keys have, whatever dies on the way, and may change the tables themselves."""
import json
import random
import subprocess

import pytest

from harness import READERS, STROM, Server, by_key, java, sql, until, wait_for_lake, wait_until_tiered

READ = """
import json, sys
from pyiceberg.table import StaticTable
table = StaticTable.from_metadata(sys.argv[1])
if sys.argv[2] == "history":
    print(json.dumps([sorted(table.scan(snapshot_id=s.snapshot_id, selected_fields=sys.argv[3].split(",")).to_arrow().to_pylist(), key=str) for s in table.metadata.snapshots], default=str))
elif sys.argv[2] == "files":
    print(json.dumps([{"path": f["file_path"], "partition": f["partition"], "rows": f["record_count"]} for f in table.inspect.files().to_pylist()], default=str))
else:
    print(json.dumps(table.scan(row_filter=sys.argv[2]).to_arrow().to_pylist(), default=str))
"""
LAKE = "'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '100ms'"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("iceberg"), **{"datalake.format": "iceberg"})
    yield running
    assert running.stop() == 0


def metadata_of(server, table):
    folder = server.cwd / f"data/lake/fluss/{table}/metadata"
    return folder / f"v{(folder / 'version-hint.text').read_text()}.metadata.json"


def pyiceberg(server, table, *words):
    """The rows of a table that `words` filters, or what READ says otherwise."""
    done = subprocess.run([READERS, "-W", "ignore", "-c", READ, str(metadata_of(server, table)), *(words or ["true"])], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def java_rows(server, *tables):
    lines = java("IcebergLake", "read", str(server.cwd / "data/lake"), *("fluss." + table for table in tables)).splitlines()
    return [int(line.split()[1]) for line in lines]


def java_history(server, table):
    return [int(line.split()[1]) for line in java("IcebergLake", "history", str(server.cwd / "data/lake"), "fluss." + table).splitlines()]


@pytest.mark.parametrize("options", ["'bucket.num' = '3'", "'bucket.num' = '3', 'bucket.key' = 'id'"])
def test_the_lake_holds_what_the_log_holds(server, name, options):
    sql(server, f"CREATE TABLE {name} (id BIGINT, s STRING) WITH ({options}, {LAKE})")
    for step in range(3):
        sql(server, f"INSERT INTO {name} SELECT id, CASE WHEN id % 5 = 0 THEN NULL ELSE 'row ' || id END FROM range({step * 500}, {step * 500 + 500}) AS g(id)")
        wait_until_tiered(server, name, step * 500 + 500)
    rows = pyiceberg(server, name)
    assert sorted(row["id"] for row in rows) == list(range(1500))
    assert all(row["s"] == (None if row["id"] % 5 == 0 else f"row {row['id']}") for row in rows)
    for bucket in range(3):
        offsets = sorted(row["__offset"] for row in rows if row["__bucket"] == bucket)
        assert offsets == list(range(len(offsets))), "every offset of a bucket once"
    assert all(row["__timestamp"].startswith("20") for row in rows)
    assert [row["id"] for row in pyiceberg(server, name, "id = 77")] == [77], "bounds and buckets do not hide it"
    assert java_rows(server, name) == [1500]
    assert sql(server, f"SELECT count(*) AS n, sum(id) AS s FROM {name}") == [[{"n": 1500, "s": 1124250}]]


TYPES = """bo BOOLEAN, ti TINYINT, si SMALLINT, i INT, bi BIGINT, f FLOAT, d DOUBLE, c CHAR(3), s STRING, d5 DECIMAL(5, 2), d15 DECIMAL(15, 2), d38 DECIMAL(38, 10), day DATE,
    t TIME(3), ts0 TIMESTAMP(0), ts3 TIMESTAMP(3), ts6 TIMESTAMP(6), z3 TIMESTAMP_LTZ(3), z6 TIMESTAMP_LTZ(6), bin BINARY(2), by BYTES, a ARRAY<INT>, m MAP<STRING, INT>,
    r ROW<x INT, y ROW<z ARRAY<STRING>>>"""
VALUES = """(true, 127, -32768, 2147483647, -9223372036854775808, 1.5, -2.25, 'abc', 'grüße', 123.45, -1234567890123.45, 1234567890123456789012345678.0123456789, DATE '0001-01-01',
    TIME '23:59:59.999', TIMESTAMP '1969-12-31 23:59:59', TIMESTAMP '2025-01-01 01:02:03.456', TIMESTAMP '1900-01-01 00:00:00.000001', TIMESTAMPTZ '2025-06-01 12:00:00+00',
    TIMESTAMPTZ '2025-06-01 12:00:00.123456+00', 'ab'::BLOB, '\\x00\\xFF'::BLOB, [1, NULL, 3], MAP {'k': 1}, {'x': 7, 'y': {'z': ['p', NULL]}})"""


@pytest.mark.parametrize("keyed", [False, True])
def test_every_type_reaches_the_lake(server, name, keyed):
    key = "id INT, " if keyed else ""
    sql(server, f"CREATE TABLE {name} ({key}{TYPES}{', PRIMARY KEY (id) NOT ENFORCED' if keyed else ''}) WITH ('bucket.num' = '1', {LAKE})")
    first, second = (("(1, " + VALUES[1:], "(2, ") if keyed else (VALUES, "("))
    sql(server, f"INSERT INTO {name} VALUES {first}, {second}" + ", ".join(["NULL"] * 24) + ")")
    wait_until_tiered(server, name, 2)
    order = " ORDER BY i NULLS LAST"
    assert sql(server, f"SELECT * FROM {name}$lake{order}") == sql(server, f"SELECT * FROM {name}{order}"), "stream and lake agree, column for column"
    rows = pyiceberg(server, name)
    full = next(row for row in rows if row["bo"])
    assert full["s"] == "grüße" and full["bi"] == -9223372036854775808 and full["d5"] == "123.45" and full["ti"] == 127
    assert full["d38"] == "1234567890123456789012345678.0123456789" and full["t"] == "23:59:59.999000"
    assert full["ts3"] == "2025-01-01 01:02:03.456000" and full["day"] == "0001-01-01" and full["r"] == {"x": 7, "y": {"z": ["p", None]}}
    empty = next(row for row in rows if not row["bo"])
    assert all(value is None for column, value in empty.items() if not column.startswith("__") and column != "id")
    assert java_rows(server, name) == [2]


def test_nanoseconds_are_cut_towards_the_past(server, name):
    sql(server, f"CREATE TABLE {name} (id INT, moment TIMESTAMP(9)) WITH ('bucket.num' = '1', {LAKE})",
        f"INSERT INTO {name} VALUES (1, TIMESTAMP_NS '1969-12-31 23:59:59.123456789'), (2, NULL)")
    wait_until_tiered(server, name, 2)
    assert {row["id"]: row["moment"] for row in pyiceberg(server, name)} == {1: "1969-12-31 23:59:59.123456", 2: None}
    assert sql(server, f"SELECT moment FROM {name}$lake WHERE id = 1") == [[{"moment": "1969-12-31 23:59:59.123456"}]]


def test_partitions_and_buckets_are_those_of_iceberg(server, name):
    sql(server, f"CREATE TABLE {name} (id BIGINT, dt STRING, region STRING) PARTITIONED BY (dt, region) WITH ('bucket.num' = '4', 'bucket.key' = 'id', {LAKE})",
        f"INSERT INTO {name} SELECT id, 'd-' || (id % 3), CASE WHEN id % 2 = 0 THEN 'e_u' ELSE 'us' END FROM range(300) AS g(id)")
    wait_until_tiered(server, name, 300)
    rows = pyiceberg(server, name)
    assert sorted(row["id"] for row in rows) == list(range(300))
    assert [row["id"] for row in pyiceberg(server, name, "dt = 'd-1' and id = 7")] == [7], "partitions and buckets prune right"
    folders = {file["path"].split("/data/")[-1].rsplit("/", 1)[0] for file in pyiceberg(server, name, "files")}
    assert folders <= {f"dt=d-{d}/region={r}/id_bucket={b}" for d in range(3) for r in ("e_u", "us") for b in range(4)}
    assert java_rows(server, name) == [300]


BUCKETS = """
import datetime, decimal, json, sys
from pyiceberg.transforms import BucketTransform
from pyiceberg.table import StaticTable
table = StaticTable.from_metadata(sys.argv[1])
field = table.spec().fields[-1]
kind = table.schema().find_field(field.source_id)
bucket = field.transform.transform(kind.field_type)
rows = table.scan().to_arrow().to_pylist()
print(json.dumps([row["__bucket"] == bucket(row[kind.name]) for row in rows]))
"""


@pytest.mark.parametrize(("kind", "value"), [("INT", "i - 500"), ("BIGINT", "i * 123456789"), ("STRING", "'key-ü' || i"), ("DATE", "DATE '1990-01-01' + i::INT"), ("DECIMAL(20, 3)", "i / 8.0"),
                                             ("TIMESTAMP(6)", "TIMESTAMP '2025-01-01' + to_microseconds(i)"), ("BYTES", "encode('b' || i)")])
def test_the_bucket_of_a_key_is_the_one_iceberg_computes(server, name, kind, value):
    sql(server, f"CREATE TABLE {name} (k {kind}, v INT) WITH ('bucket.num' = '5', 'bucket.key' = 'k', {LAKE})", f"INSERT INTO {name} SELECT {value}, i FROM range(500) AS r(i)")
    wait_until_tiered(server, name, 500)
    done = subprocess.run([READERS, "-W", "ignore", "-c", BUCKETS, str(metadata_of(server, name))], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    same = json.loads(done.stdout)
    assert len(same) == 500 and all(same)


def test_every_snapshot_of_keys_is_what_the_keys_were(server, name):
    generator = random.Random(7)
    sql(server, f"""CREATE TABLE {name} (id BIGINT, region STRING, v STRING, PRIMARY KEY (region, id) NOT ENFORCED)
        WITH ('bucket.num' = '3', 'bucket.key' = 'id', {LAKE}, 'table.datalake.auto-compaction' = 'true')""")
    model, seen = {}, []
    for step in range(12):
        rows = {(generator.choice(["eu", "us"]), generator.randrange(60)): f"v{step}-{generator.random()}" for _ in range(40)}
        model |= rows
        gone = generator.randrange(60)
        sql(server, f"INSERT INTO {name} VALUES " + ", ".join(f"({i}, '{region}', '{v}')" for (region, i), v in rows.items()), f"DELETE FROM {name} WHERE id = {gone}")
        model = {key: v for key, v in model.items() if key[1] != gone}
        wait_for_lake(server, name)
        seen.append(dict(model))
    now = {(row["region"], row["id"]): row["v"] for row in pyiceberg(server, name)}
    assert now == model
    history = [{(row["region"], row["id"]): row["v"] for row in rows} for rows in pyiceberg(server, name, "history", "region,id,v")]
    positions = [history.index(state) for state in seen]
    assert positions == sorted(positions), "each state that the table had is a snapshot, in order"
    assert java_history(server, name) == [len(state) for state in history]
    snapshots = sql(server, f"SELECT operation, summary['commit-user'] AS u, parent_id FROM {name}$lake$snapshots ORDER BY committed_at")[0]
    assert {s["u"] for s in snapshots} == {"__fluss_lake_tiering"} and "replace" in {s["operation"] for s in snapshots}
    assert snapshots[0]["parent_id"] is None
    live = len([f for f in pyiceberg(server, name, "files")])
    assert live <= 3 * 8, "compaction keeps files few"


def test_columns_added_later_are_null_in_older_rows(server, name):
    sql(server, f"CREATE TABLE {name} (id BIGINT, v STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket.num' = '1', {LAKE}, 'table.datalake.auto-compaction' = 'true')",
        f"INSERT INTO {name} VALUES (1, 'a'), (2, 'b')")
    wait_for_lake(server, name)
    sql(server, f"ALTER TABLE {name} ADD COLUMN extra ROW<x INT, y STRING>", f"INSERT INTO {name} VALUES (2, 'c', {{'x': 1, 'y': 'z'}})")
    everything = [{"id": 1, "v": "a", "extra": None}, {"id": 2, "v": "c", "extra": {"x": 1, "y": "z"}}]
    wait_for_lake(server, name)
    assert sql(server, f"SELECT * FROM {name}$lake ORDER BY id") == [everything]
    read = lambda: [{column: row[column] for column in ("id", "v", "extra")} for row in by_key(pyiceberg(server, name), "id")]  # noqa: E731
    assert read() == everything
    for step in range(8):
        sql(server, f"INSERT INTO {name} VALUES (3, 'v{step}', NULL)")
        wait_for_lake(server, name)
    assert read() == [*everything, {"id": 3, "v": "v7", "extra": None}]
    assert java_rows(server, name) == [3]


def test_java_rewrites_and_expires_and_we_go_on(server, name):
    warehouse = str(server.cwd / "data/lake")
    sql(server, f"CREATE TABLE {name} (id BIGINT, v STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket.num' = '2', {LAKE})")
    for step in range(4):
        sql(server, f"INSERT INTO {name} SELECT i, 'v{step}' FROM range({step * 10}, 100) AS r(i)", f"DELETE FROM {name} WHERE id = {step}")
        wait_for_lake(server, name)
    assert int(java("IcebergLake", "rewrite", warehouse, "fluss." + name)) > 2
    assert int(java("IcebergLake", "expire", warehouse, "fluss." + name)) == 2
    sql(server, f"INSERT INTO {name} SELECT i, 'after' FROM range(50, 60) AS r(i)", f"DELETE FROM {name} WHERE id = 99")
    wait_for_lake(server, name)
    assert java_rows(server, name) == [95]
    assert by_key([{"id": row["id"], "v": row["v"]} for row in pyiceberg(server, name)], "id") == sql(server, f"SELECT id, v FROM {name} ORDER BY id")[0]


def test_deletes_by_equality_of_others_are_understood(server, name):
    """As the Apache tiering job writes them: they hit the rows before them and not those after."""
    warehouse = str(server.cwd / "data/lake")
    sql(server, f"CREATE TABLE {name} (id BIGINT, v STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket.num' = '1', {LAKE}, 'table.datalake.auto-compaction' = 'true')")
    sql(server, f"INSERT INTO {name} SELECT i, 'old' FROM range(10) AS r(i)")
    wait_for_lake(server, name)
    for gone in (3, 4):
        java("IcebergLake", "delete", warehouse, "fluss." + name, str(gone), "0")
    assert java_rows(server, name) == [8]
    sql(server, f"UPDATE {name} SET v = 'new' WHERE id IN (4, 5)")  # a snapshot of ours after theirs
    without = [{"id": i, "v": "new" if i in (4, 5) else "old"} for i in range(10) if i != 3]
    until(lambda: sql(server, f"SELECT * FROM {name}$lake ORDER BY id") == [without], what="the lake has what is left and what came after")
    assert java_rows(server, name) == [9]
    for step in range(6):  # no compaction touches what it does not understand
        sql(server, f"UPDATE {name} SET v = 's{step}' WHERE id = 3")
        until(lambda: sql(server, f"SELECT v FROM {name}$lake WHERE id = 3") == [[{"v": f"s{step}"}]], what="the round")  # noqa: B023
    assert java_rows(server, name) == [10]


def test_old_snapshots_and_their_files_go(server, name):
    sql(server, f"""CREATE TABLE {name} (id BIGINT, v STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket.num' = '1', {LAKE}, 'table.datalake.auto-compaction' = 'true',
        'table.datalake.auto-expire-snapshot' = 'true', 'iceberg.history.expire.max-snapshot-age-ms' = '0', 'iceberg.history.expire.min-snapshots-to-keep' = '3')""")
    for step in range(12):
        sql(server, f"INSERT INTO {name} SELECT i, 'v{step}' FROM range(100) AS r(i)")
        wait_for_lake(server, name)
    until(lambda: len(sql(server, f"SELECT snapshot_id FROM {name}$lake$snapshots")[0]) <= 4, what="few snapshots are left")
    assert all(len(rows) == 100 for rows in pyiceberg(server, name, "history", "id,v"))
    assert len(list((server.cwd / f"data/lake/fluss/{name}/data").rglob("*.parquet"))) <= 20
    assert java_rows(server, name) == [100]


def test_foreign_tables_are_left_alone(tmp_path):
    server = Server(tmp_path, **{"datalake.format": "iceberg"})
    sql(server, f"CREATE TABLE t (id BIGINT, v STRING) WITH ('bucket.num' = '1', {LAKE})", "INSERT INTO t VALUES (1, 'a')")
    wait_until_tiered(server, "t", 1)
    before = metadata_of(server, "t").read_text()
    sql(server, "DROP TABLE t")
    assert "with rows exists" in sql(server, f"CREATE TABLE t (id BIGINT, v STRING) WITH ('bucket.num' = '1', {LAKE})", ok=False).stderr
    assert "v is string there, int here" in sql(server, f"CREATE TABLE t (id BIGINT, v INT) WITH ('bucket.num' = '1', {LAKE})", ok=False).stderr
    assert metadata_of(server, "t").read_text() == before
    assert sql(server, "SHOW TABLES")[0] == []
    for bad, text in {"(a INT, b INT, PRIMARY KEY (a, b) NOT ENFORCED) WITH ({})": "one bucket key at most", "(a FLOAT, PRIMARY KEY (a) NOT ENFORCED) WITH ({})": "",
                      "(a INT, b INT) PARTITIONED BY (b) WITH ({})": "partitioned by text", "(a INT) WITH ({}, 'iceberg.write.merge.mode' = 'copy-on-write')": "set by the system",
                      "(a INT) WITH ({}, 'iceberg.write.format.default' = 'orc')": "is not supported"}.items():
        assert text in sql(server, "CREATE TABLE bad " + bad.format(LAKE), ok=False).stderr
    assert not (tmp_path / "data/lake/fluss/bad").exists()
    assert server.stop() == 0


def test_a_changelog_that_was_cut_while_the_lake_was_off_is_made_good(tmp_path):
    server = Server(tmp_path, **{"datalake.format": "iceberg", "log.segment.file-size": "16kb", "log.flush.offset.checkpoint-interval": "50ms", "kv.snapshot.interval": "50ms",
                                 "log.retention.check-interval": "50ms", "remote.log.task-interval-duration": "0s"})
    sql(server, f"""CREATE TABLE t (id BIGINT, dt STRING, v STRING, pad STRING, PRIMARY KEY (dt, id) NOT ENFORCED) PARTITIONED BY (dt)
        WITH ('bucket.num' = '1', 'table.log.ttl' = '1h', {LAKE})""")
    insert = "INSERT INTO t SELECT i, 'd' || i % 2, 'v{0}', md5(i::VARCHAR) FROM range({1}, {2}) AS r(i)"
    sql(server, insert.format("a", 0, 1000))
    wait_for_lake(server, "t")
    sql(server, "ALTER TABLE t SET ('table.datalake.enabled' = 'false', 'table.log.ttl' = '1ms')", "DELETE FROM t WHERE dt = 'd1'", "DELETE FROM t WHERE id % 3 = 0",
        *(insert.replace("i % 2", "0").format(f"b{step}", 0, 600) for step in range(10)))
    folder = tmp_path / "data/fluss"

    def cut():
        sql(server, "INSERT INTO t VALUES (1, 'd0', 'more', ''), (1, 'd1', 'more', '')", "DELETE FROM t WHERE dt = 'd1'")  # else the last but one snapshot may hold on to it
        return all(min((int(f.stem) for f in log.glob("*.log")), default=0) > 500 for log in folder.glob("t-*/*/log-0"))

    until(cut, what="the changelogs are cut")
    sql(server, "ALTER TABLE t SET ('table.datalake.enabled' = 'true', 'table.log.ttl' = '1h')", "UPDATE t SET v = 'last' WHERE id < 20")
    wait_for_lake(server, "t")
    rows = [{column: row[column] for column in ("id", "dt", "v", "pad")} for row in pyiceberg(server, "t")]
    assert by_key(rows, "dt", "id") == by_key(sql(server, "SELECT * FROM t")[0], "dt", "id")
    assert not any(row["dt"] == "d1" for row in rows), "a partition without rows is empty"
    assert java_rows(server, "t") == [len(rows)]
    assert server.stop() == 0


def strom_lake(server, *words, code=0):
    done = subprocess.run([STROM, "lake", "--bootstrap", server.address, "-o", "json", *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout) if done.stdout else done.stderr


@pytest.mark.parametrize("lake_format", ["iceberg", "paimon"])
def test_strom_lake_tells_what_the_lake_has_and_that_it_is_all(tmp_path, lake_format):
    server = Server(tmp_path, **{"datalake.format": lake_format})
    sql(server, f"CREATE TABLE l (id BIGINT, s STRING, f DOUBLE, day DATE) WITH ('bucket.num' = '2', {LAKE})", "CREATE TABLE off (id BIGINT)",
        f"CREATE TABLE k (id BIGINT, dt STRING, a ARRAY<INT>, PRIMARY KEY (id, dt) NOT ENFORCED) PARTITIONED BY (dt) WITH ('bucket.num' = '2', 'bucket.key' = 'id', {LAKE})")
    for step in range(3):
        sql(server, "INSERT INTO l SELECT i, 's' || i, i / 3, DATE '2025-01-01' + i::INT FROM range(1000) AS r(i)",
            f"INSERT INTO k SELECT i, 'd' || i % 3, [i, {step}] FROM range({step * 100}, 600) AS r(i)", f"DELETE FROM k WHERE id % 7 = {step}")
    wait_until_tiered(server, "l", 3000)
    wait_for_lake(server, "k")
    assert strom_lake(server, "status") == [{"table": "k", "lake": "on", "rows_behind": 0}, {"table": "l", "lake": "on", "rows_behind": 0}, {"table": "off", "lake": "off", "rows_behind": None}]
    found = strom_lake(server, "verify", "l")
    assert all(row["equal"] for row in found) and sum(row["lake_rows"] for row in found) == sum(row["stream_rows"] for row in found) == 3000
    found = strom_lake(server, "verify", "k")
    assert len(found) == 6 and all(row["equal"] for row in found)
    assert sum(row["lake_rows"] for row in found) == sql(server, "SELECT count(*) AS n FROM k")[0][0]["n"]
    # With the worker off, the lake stays behind, and what it has is still right.
    strom_lake(server, "disable", "l")
    assert "not datalake enabled" in strom_lake(server, "verify", "l", code=1)
    sql(server, "INSERT INTO l VALUES (1, 'late', 0, NULL)")
    strom_lake(server, "enable", "l")
    wait_until_tiered(server, "l", 3001)
    assert sum(row["log_end_offset"] for row in strom_lake(server, "lag", "l")) == 3001
    assert sum(row["rows"] for row in strom_lake(server, "files", "l")) == 3001
    assert len(strom_lake(server, "snapshots", "l")) >= 2
    # A data file that somebody changed is found out, and in which bucket.
    file = max(strom_lake(server, "files", "l"), key=lambda one: one["rows"])
    changed = f"SELECT * REPLACE (CASE WHEN id = 500 THEN 'other' ELSE s END AS s) FROM read_parquet('{file['path']}')"
    keep = ", field_ids {id: 1, s: 2, f: 3, day: 4, __bucket: 5, __offset: 6, __timestamp: 7}" if lake_format == "iceberg" else ""
    sql(server, f"COPY ({changed}) TO '{tmp_path}/changed.parquet' (FORMAT parquet{keep})")
    (tmp_path / "changed.parquet").replace(file["path"])
    done = subprocess.run([STROM, "lake", "--bootstrap", server.address, "-o", "json", "verify", "l"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "differ" in done.stderr
    assert [row["equal"] for row in json.loads(done.stdout)].count(False) == 1
    assert "unknown verb" in strom_lake(server, "explode", code=2) and "wants one table" in strom_lake(server, "verify", code=2)
    assert server.stop() == 0


def test_nothing_is_lost_or_doubled_by_crashes(tmp_path):
    """kill -9 at any moment of writes and rounds; the lake is readable at every moment and ends as the keys are."""
    options = {"datalake.format": "iceberg"}
    server, generator = Server(tmp_path, **options), random.Random(3)
    sql(server, f"CREATE TABLE l (id BIGINT) WITH ('bucket.num' = '2', {LAKE})",
        f"CREATE TABLE k (id BIGINT, v STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket.num' = '2', {LAKE}, 'table.datalake.auto-compaction' = 'true')")
    rows = 0
    for step in range(12):
        sql(server, f"INSERT INTO l SELECT i FROM range({rows}, {rows + 100}) AS r(i)", f"INSERT INTO k SELECT i, 'v{step}' FROM range({step * 10}, 200) AS r(i)", f"DELETE FROM k WHERE id = {step}")
        rows += 100
        version = metadata_of(server, "k")
        if generator.random() < 0.7:  # somewhere in the next round
            until(lambda: metadata_of(server, "k") != version, what="a round commits")  # noqa: B023
        server.kill()
        assert {row["id"] for row in pyiceberg(server, "l")} <= set(range(rows)), "readable at every moment"
        server = Server(tmp_path, **options)
    wait_until_tiered(server, "l", rows)
    wait_for_lake(server, "k")
    assert sorted(row["id"] for row in pyiceberg(server, "l")) == list(range(rows))
    assert by_key([{"id": row["id"], "v": row["v"]} for row in pyiceberg(server, "k")], "id") == sql(server, "SELECT * FROM k ORDER BY id")[0]
    assert java_rows(server, "l", "k") == [rows, len(sql(server, "SELECT id FROM k")[0])]
    assert server.stop() == 0
