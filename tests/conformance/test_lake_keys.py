"""Primary key tables in the lake: every independent reader sees what the keys were, and the changelog is there beside them."""
import json
import random
import subprocess

import fluss
import pytest

from conftest import runner_on
from harness import READERS, Process, Raw, Server, by_key, java, sql, until, wait_for_lake

READ = """
import sys, json
from pypaimon import CatalogFactory
catalog = CatalogFactory.create({"warehouse": sys.argv[1]})
for name in sys.argv[2:]:
    builder = catalog.get_table(name).new_read_builder()
    rows = builder.new_read().to_arrow(builder.new_scan().plan().splits())
    names = [name for name in rows.schema.names if not name.startswith("__")]
    print(json.dumps(rows.select(names).to_pylist(), default=str))
"""


def pypaimon(server, *tables):
    """The rows of each table."""
    words = [READERS, "-W", "ignore", "-c", READ, str(server.cwd / "data/lake"), *("fluss." + table for table in tables)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def java_counts(server, *tables):
    lines = java("ReadPaimon", str(server.cwd / "data/lake"), *("fluss." + table for table in tables)).splitlines()
    return [int(line.split()[1]) for line in lines]


@pytest.fixture(scope="module")
def lake_server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("lake_keys"), **{"datalake.format": "paimon"})
    yield running
    assert running.stop() == 0


def test_every_reader_sees_the_keys_after_each_round(lake_server, name):
    server, generator = lake_server, random.Random(5)
    sql(server, f"""CREATE TABLE {name} (id BIGINT, region STRING, v STRING, n INT, PRIMARY KEY (region, id) NOT ENFORCED)
        WITH ('bucket.num' = '3', 'bucket.key' = 'id', 'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '1s')""")
    model = {}
    for step in range(5):
        for _ in range(3):
            rows = {(generator.choice(["eu", "us", "a very long region name"]), generator.randrange(40)): f"v{step}{generator.random()}" for _ in range(30)}
            model |= rows
            sql(server, f"INSERT INTO {name} VALUES " + ", ".join(f"({i}, '{region}', '{v}', {step})" for (region, i), v in rows.items()))
        gone = generator.randrange(40)
        sql(server, f"DELETE FROM {name} WHERE id = {gone}", f"UPDATE {name} SET n = n + 1 WHERE id < 5")
        model = {key: v for key, v in model.items() if key[1] != gone}
        wait_for_lake(server, name)
        [seen] = pypaimon(server, name)
        assert {(row["region"], row["id"]): row["v"] for row in seen} == model
        assert by_key(seen, "region", "id") == by_key(sql(server, f"SELECT * FROM {name}")[0], "region", "id")
    assert java_counts(server, name) == [len(model)]


def test_files_and_snapshots_are_as_paimon_wants_them(lake_server, name):
    server = lake_server
    sql(server, f"""CREATE TABLE {name} (id INT, v STRING, PRIMARY KEY (id) NOT ENFORCED)
        WITH ('bucket.num' = '1', 'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '1s')""")
    lake = server.cwd / f"data/lake/fluss.db/{name}"
    schema = json.loads((lake / "schema/schema-0").read_text())
    assert schema["primaryKeys"] == ["id"] and schema["options"]["bucket"] == "1" and schema["options"]["changelog-producer"] == "input"
    sql(server, f"INSERT INTO {name} VALUES (3, 'c'), (1, 'a'), (2, 'b'), (3, 'cc')", f"DELETE FROM {name} WHERE id = 1")
    wait_for_lake(server, name)
    newest = max(lake.glob("snapshot/snapshot-*"), key=lambda path: int(path.name.split("-")[1]))
    snapshots = [json.loads(path.read_text()) for path in lake.glob("snapshot/snapshot-*")]
    assert sum(s["changelogRecordCount"] for s in snapshots) == 6, "+I +I +I -U +U -D"
    assert json.loads(newest.read_text())["commitUser"] == "__fluss_lake_tiering"
    columns = lambda kind: "SELECT _KEY_id AS k, _SEQUENCE_NUMBER AS s, _VALUE_KIND AS kind, v FROM read_parquet('{}/bucket-0/{}-*.parquet')".format(lake, kind)  # noqa: E731
    changes = sql(server, columns("changelog") + " ORDER BY s")[0]
    assert [(c["k"], c["kind"]) for c in changes] == [(3, 0), (1, 0), (2, 0), (3, 1), (3, 2), (1, 3)]
    assert sql(server, f"SELECT id, v FROM {name}$lake ORDER BY id") == [[{"id": 2, "v": "b"}, {"id": 3, "v": "cc"}]]
    assert sql(server, f"SELECT total_record_count AS n FROM {name}$lake$snapshots ORDER BY snapshot_id DESC LIMIT 1")[0][0]["n"] >= 2


def test_compaction_keeps_files_few_and_every_reader_right(lake_server, name):
    server, generator = lake_server, random.Random(11)
    sql(server, f"""CREATE TABLE {name} (dt STRING, id BIGINT, v STRING, a ARRAY<INT>, PRIMARY KEY (dt, id) NOT ENFORCED) PARTITIONED BY (dt)
        WITH ('bucket.num' = '2', 'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '100ms', 'table.datalake.auto-compaction' = 'true',
              'table.datalake.auto-expire-snapshot' = 'true', 'paimon.snapshot.num-retained.min' = '2', 'paimon.snapshot.num-retained.max' = '3', 'paimon.target-file-size' = '4kb')""")
    lake = server.cwd / f"data/lake/fluss.db/{name}"
    for step in range(12):
        more = ""
        if step >= 6:
            more = f", {step}"
            if step == 6:
                sql(server, f"ALTER TABLE {name} ADD COLUMN later INT")
        factor = generator.randrange(1, 999)
        sql(server, f"INSERT INTO {name} SELECT 'd' || i % 2, (i * {factor}) % 1000, 'v{step}' || i, [i, NULL]{more} FROM range(400) AS r(i)", f"DELETE FROM {name} WHERE id % 7 = {step % 7}")
        wait_for_lake(server, name)
        if step % 3 == 2:
            here = by_key(sql(server, f"SELECT * FROM {name}")[0], "dt", "id")
            assert by_key(pypaimon(server, name)[0], "dt", "id") == here
            assert java_counts(server, name) == [len(here)]
    snapshots = sorted(int(path.name.split("-")[1]) for path in lake.glob("snapshot/snapshot-*"))
    assert len(snapshots) <= 4 and (lake / "snapshot/EARLIEST").read_text() == str(snapshots[0])
    assert len(list(lake.rglob("changelog-*"))) <= 4 * len(snapshots), "those of expired snapshots are gone"
    assert len(list(lake.rglob("data-*"))) < 200
    sql(server, f"DELETE FROM {name} WHERE true")
    wait_for_lake(server, name)
    assert pypaimon(server, name) == [[]]


def test_a_changelog_that_was_cut_is_made_good_by_the_keys(tmp_path):
    server = Server(tmp_path, **{"datalake.format": "paimon", "log.segment.file-size": "16kb", "log.flush.offset.checkpoint-interval": "50ms", "kv.snapshot.interval": "50ms",
                                 "log.retention.check-interval": "50ms", "remote.log.task-interval-duration": "0s"})
    sql(server, """CREATE TABLE t (id BIGINT, v STRING, pad STRING, PRIMARY KEY (id) NOT ENFORCED)
        WITH ('bucket.num' = '2', 'table.log.ttl' = '1ms', 'table.datalake.freshness' = '100ms')""")
    insert = "INSERT INTO t SELECT i, 'v{0}', md5(i::VARCHAR) FROM range({1}, {2}) AS r(i)"
    sql(server, *(insert.format(step, step * 300, step * 300 + 600) for step in range(10)), "DELETE FROM t WHERE id % 5 = 0")
    raw = Raw(server.port)
    table = raw.table_id("fluss", "t")
    starts = lambda: [raw.list_offset(table, b, 0) for b in (0, 1)]  # noqa: E731
    until(lambda: min(starts()) > 0, what="the changelog is cut")
    sql(server, "ALTER TABLE t SET ('table.datalake.enabled' = 'true', 'table.log.ttl' = '1h')")
    wait_for_lake(server, "t")
    sql(server, "UPDATE t SET v = 'later' WHERE id < 50", "DELETE FROM t WHERE id % 7 = 0", insert.format("new", 9000, 9010))
    wait_for_lake(server, "t")
    here = by_key(sql(server, "SELECT * FROM t")[0], "id")
    assert by_key(pypaimon(server, "t")[0], "id") == here
    assert java_counts(server, "t") == [len(here)]
    files = server.cwd / "data/lake/fluss.db/t"
    offsets = sql(server, f"SELECT min(__offset) AS low, count(*) AS n FROM read_parquet('{files}/bucket-*/data-*.parquet') WHERE __offset = -1")[0]
    assert offsets[0]["low"] == -1 and offsets[0]["n"] > 1000, "those of the first round"
    # Off, cut beyond what the lake has, and on again: what was deleted in between goes, too.
    sql(server, "ALTER TABLE t SET ('table.datalake.enabled' = 'false', 'table.log.ttl' = '1ms')", "DELETE FROM t WHERE id % 3 = 0")
    ends = [raw.list_offset(table, b) for b in (0, 1)]
    sql(server, *(insert.format(f"off{step}", 200, 800) for step in range(10)))

    def cut():
        sql(server, "UPDATE t SET v = 'and more' WHERE id % 100 = 1")  # else the last but one snapshot may hold on to it
        return all(now > then for now, then in zip(starts(), ends, strict=True))

    until(cut, what="the changelog is cut again")
    sql(server, "ALTER TABLE t SET ('table.datalake.enabled' = 'true', 'table.log.ttl' = '1h')", "UPDATE t SET v = 'last' WHERE id < 20")
    wait_for_lake(server, "t")
    here = by_key(sql(server, "SELECT * FROM t")[0], "id")
    assert by_key(pypaimon(server, "t")[0], "id") == here
    assert java_counts(server, "t") == [len(here)]
    kinds = {json.loads(path.read_text())["commitKind"] for path in files.glob("snapshot/snapshot-*")}
    assert kinds == {"APPEND", "OVERWRITE"}
    assert server.stop() == 0


@pytest.mark.parametrize("compaction", ["true", "false"])
def test_each_snapshot_and_the_changelog_are_the_logs(lake_server, name, compaction):
    """What the Java library reads of every snapshot is what the changelog makes up to the offsets it names; streamed, it is the changelog itself."""
    server, generator, offsets = lake_server, random.Random(9), {}
    sql(server, f"""CREATE TABLE {name} (id BIGINT, v STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket.num' = '2', 'table.datalake.enabled' = 'true',
        'table.datalake.freshness' = '100ms', 'table.datalake.auto-compaction' = '{compaction}', 'paimon.num-sorted-run.compaction-trigger' = '3')""")
    for step in range(8):
        ids = sorted({generator.randrange(60) for _ in range(25)})
        sql(server, f"INSERT INTO {name} VALUES " + ", ".join(f"({i}, 'v{step}')" for i in ids), f"DELETE FROM {name} WHERE id = {ids[0]}", f"UPDATE {name} SET v = 'u{step}' WHERE id = {ids[-1]}")
        wait_for_lake(server, name)
        for path in (server.cwd / "data/remote/lake/fluss").glob(f"{name}-*/metadata/*.offsets"):  # only the newest ones are kept
            offsets[str(path)] = json.loads(path.read_text())["bucket_offsets"]

    async def changelog(connection, _):
        table = await connection.get_table(fluss.TablePath("fluss", name))
        raw = Raw(server.port)
        table_id = raw.table_id("fluss", name)
        total = sum(raw.list_offset(table_id, b) for b in (0, 1))
        scanner = await table.new_scan().create_log_scanner()
        scanner.subscribe_buckets({0: 0, 1: 0})
        changes = []
        while len(changes) < total:
            polled = await scanner.poll(5000)
            for bucket in polled.buckets():
                changes += [(bucket.bucket_id, r.offset, r.change_type.short_string(), r.row["id"], r.row["v"]) for r in polled.records(bucket)]
        return changes

    changes = runner_on(server)(changelog)
    by_id = lambda some: {i: [(kind, v) for kind, k, v in some if k == i] for i in range(60)}  # noqa: E731
    streamed, rows = [], {}
    for line in java("StreamPaimon", str(server.cwd / "data/lake"), f"fluss.{name}").splitlines():
        what, *words = line.split()
        if what == "change":
            streamed.append((words[0], int(words[1]), words[2]))
        else:
            rows.setdefault(int(words[0]), {})[int(words[1])] = words[2]
    assert by_id(streamed) == by_id([(kind, i, v) for _, _, kind, i, v in changes])
    snapshots = sorted((server.cwd / f"data/lake/fluss.db/{name}/snapshot").glob("snapshot-*"), key=lambda path: int(path.name.split("-")[1]))
    kinds, compared = set(), 0
    for path in snapshots:
        snapshot = json.loads(path.read_text())
        kinds.add(snapshot["commitKind"])
        reached = offsets.get(snapshot["properties"]["fluss-offsets"])
        if reached is None:
            continue
        compared += 1
        model = {}
        for bucket, offset, kind, i, v in changes:
            if offset < reached[bucket] and kind in ("+I", "+U"):
                model[i] = v
            elif offset < reached[bucket] and kind == "-D":
                del model[i]
        assert rows.get(snapshot["id"], {}) == model, snapshot["id"]
    assert compared >= 8
    assert kinds == ({"APPEND", "COMPACT"} if compaction == "true" else {"APPEND"})


KEYS = [
    ("INT", ["-5", "7"]), ("BIGINT", ["-1", "9999999999"]), ("STRING", ["''", "'a longer text than eight'"]), ("DATE", ["DATE '1969-12-31'", "DATE '2025-04-01'"]),
    ("DECIMAL(20, 3)", ["-12345678901234567.891", "0.001"]), ("TIMESTAMP(3)", ["TIMESTAMP '1969-01-01 00:00:00.123'", "TIMESTAMP '2025-04-01 10:00:00'"]),
    ("TIMESTAMP(6)", ["TIMESTAMP '2025-04-01 10:00:00.123456'", "TIMESTAMP '2025-04-01 10:00:00.123457'"]), ("BOOLEAN", ["true", "false"]), ("SMALLINT", ["-300", "300"]),
    ("DOUBLE", ["-1.5", "2.5"]),
]


def test_every_kind_of_key(lake_server, name):
    """The Java library finds the row of the second round in the bucket of the first."""
    server, tables = lake_server, {f"{name}_{i}": key for i, key in enumerate(KEYS)}
    for table, (kind, values) in tables.items():
        sql(server, f"CREATE TABLE {table} (k {kind}, v INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket.num' = '2', 'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '1s')",
            f"INSERT INTO {table} VALUES ({values[0]}, 1), ({values[1]}, 2)")
    for table in tables:
        wait_for_lake(server, table)
    for table, (kind, values) in tables.items():
        sql(server, f"INSERT INTO {table} VALUES ({values[0]}, 3)")
    for table in tables:
        wait_for_lake(server, table)
    assert [sorted(row["v"] for row in rows) for rows in pypaimon(server, *tables)] == [[2, 3]] * len(tables)
    assert java_counts(server, *tables) == [2] * len(tables)


def test_partitions_columns_added_later_and_refusals(lake_server, name):
    server = lake_server
    sql(server, f"""CREATE TABLE {name} (dt STRING, id INT, v STRING, PRIMARY KEY (dt, id) NOT ENFORCED) PARTITIONED BY (dt)
        WITH ('table.datalake.enabled' = 'true', 'table.datalake.freshness' = '1s')""", f"INSERT INTO {name} SELECT 'd' || i % 2, i, 'v' FROM range(20) AS r(i)")
    wait_for_lake(server, name)
    sql(server, f"ALTER TABLE {name} ADD COLUMN w INT", f"INSERT INTO {name} SELECT 'd' || i % 2, i, 'new', i FROM range(5) AS r(i)")
    wait_for_lake(server, name)
    assert by_key(pypaimon(server, name)[0], "dt", "id") == by_key(sql(server, f"SELECT * FROM {name}")[0], "dt", "id")
    assert sorted(path.name for path in (server.cwd / f"data/lake/fluss.db/{name}").glob("dt=*")) == ["dt=d0", "dt=d1"]
    for option, text in (("'paimon.file.format' = 'orc'", "not supported for primary key tables"), ("'paimon.changelog-producer' = 'lookup'", "changelog-producer 'lookup' is not supported")):
        refused = sql(server, f"CREATE TABLE {name}_x (id INT, PRIMARY KEY (id) NOT ENFORCED) WITH ('table.datalake.enabled' = 'true', {option})", ok=False)
        assert text in refused.stderr


@pytest.mark.parametrize("compaction", ["true", "false"])
def test_a_killed_worker_neither_loses_nor_doubles_changes(tmp_path, compaction):
    server = Server(tmp_path, **{"datalake.format": "paimon", "server.tiering.enabled": "false"})
    sql(server, f"""CREATE TABLE t (id INT, n BIGINT, PRIMARY KEY (id) NOT ENFORCED)
        WITH ('bucket.num' = '2', 'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '1s', 'table.datalake.auto-compaction' = '{compaction}',
              'paimon.num-sorted-run.compaction-trigger' = '2')""")
    generator = random.Random(3)
    for _ in range(15):
        worker = Process(["tier", "--fluss.bootstrap.servers", server.address], tmp_path)
        sql(server, f"INSERT INTO t SELECT i % 500, i + {generator.randrange(1000)} FROM range({generator.randrange(1, 3000)}) AS r(i)", "DELETE FROM t WHERE id = 0")
        worker.kill()
        server.kill()  # after a restart the next worker gets the table at once
        server = server.restarted()
    worker = Process(["tier", "--fluss.bootstrap.servers", server.address], tmp_path)
    wait_for_lake(server, "t")
    worker.stop()
    assert by_key(pypaimon(server, "t")[0], "id") == by_key(sql(server, "SELECT * FROM t")[0], "id")
    raw = Raw(server.port)
    table = raw.table_id("fluss", "t")
    changes = sum(raw.list_offset(table, b) for b in (0, 1))
    snapshots = [json.loads(path.read_text()) for path in (tmp_path / "data/lake/fluss.db/t/snapshot").glob("snapshot-*")]
    assert sum(snapshot.get("changelogRecordCount", 0) for snapshot in snapshots) == changes, "each change once"
    assert server.stop() == 0
