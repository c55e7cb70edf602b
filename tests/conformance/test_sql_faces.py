"""What a table can be asked beside its rows: its changes, its past, parts of its stream; and statements as Flink's documents spell them."""
import subprocess
import time

from harness import STROM, sql, until, wait_for_lake, wait_until_tiered

LAKE = "'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '100ms'"


def test_changes_of_keys_and_the_rows_before_and_after(server, name):
    sql(server, f"CREATE TABLE {name} (id BIGINT, v STRING, n INT, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket.num' = '3')",
        f"INSERT INTO {name} VALUES (1, 'a', 10), (2, 'b', 20)", f"UPDATE {name} SET v = 'c' WHERE id = 1", f"DELETE FROM {name} WHERE id = 2")
    changes, = sql(server, f"SELECT id, _change_type, v, n FROM {name}$changelog ORDER BY id, _log_offset")
    assert changes == [{"id": 1, "_change_type": "insert", "v": "a", "n": 10}, {"id": 1, "_change_type": "update_before", "v": "a", "n": 10},
                       {"id": 1, "_change_type": "update_after", "v": "c", "n": 10}, {"id": 2, "_change_type": "insert", "v": "b", "n": 20},
                       {"id": 2, "_change_type": "delete", "v": "b", "n": 20}]
    columns, = sql(server, f"DESCRIBE {name}$changelog")
    assert [(c["column_name"], c["column_type"]) for c in columns][:3] == [("_change_type", "VARCHAR"), ("_log_offset", "BIGINT"), ("_commit_timestamp", "TIMESTAMP WITH TIME ZONE")]
    binlog, = sql(server, f"SELECT _change_type AS t, before, after FROM {name}$binlog ORDER BY coalesce(after.id, before.id), _log_offset")
    row = lambda i, v, n: {"id": i, "v": v, "n": n}  # noqa: E731
    assert binlog == [{"t": "insert", "before": None, "after": row(1, "a", 10)}, {"t": "update", "before": row(1, "a", 10), "after": row(1, "c", 10)},
                      {"t": "insert", "before": None, "after": row(2, "b", 20)}, {"t": "delete", "before": row(2, "b", 20), "after": None}]
    assert sql(server, f"SELECT count(*) AS n FROM {name}$changelog WHERE _change_type = 'insert'") == [[{"n": 2}]]
    assert "no primary key" in sql(server, f"CREATE TABLE {name}_log (id INT)", f"SELECT * FROM {name}_log$binlog", ok=False).stderr


def test_parts_of_a_stream(server, name):
    sql(server, f"CREATE TABLE {name} (id BIGINT) WITH ('bucket.num' = '2')", f"INSERT INTO {name} SELECT i FROM range(100) AS r(i)")
    middle = sql(server, f"SELECT max(_commit_timestamp)::VARCHAR AS t FROM {name}$changelog")[0][0]["t"]
    millis = sql(server, f"SELECT epoch_ms(max(_commit_timestamp)) AS t FROM {name}$changelog")[0][0]["t"]
    until(lambda: time.time() * 1000 > millis + 1)  # the next row is not of the same millisecond
    sql(server, f"INSERT INTO {name} VALUES (1000)")
    assert sql(server, f"SELECT count(*) AS n FROM {name} /*+ OPTIONS('scan.startup.mode' = 'earliest') */") == [[{"n": 101}]]
    assert sql(server, f"SELECT count(*) AS n FROM {name} /*+ OPTIONS('scan.startup.mode' = 'latest') */ AS x WHERE x.id > 0") == [[{"n": 0}]]
    assert sql(server, f"SELECT {name}.id FROM {name} /*+ OPTIONS('scan.startup.mode'='timestamp', 'scan.startup.timestamp' = '{millis + 1}') */") == [[{"id": 1000}]]
    later = middle.split("+")[0][:23]
    assert sql(server, f"SELECT max(id) AS m FROM {name}$changelog /*+ OPTIONS('scan.startup.mode'='timestamp', 'scan.startup.timestamp' = '{later}') */") == [[{"m": 1000}]]
    for hint, text in {"OPTIONS('scan.startup.mode' = 'sideways')": "there are full, earliest", "OPTIONS('scan.nonsense' = '1')": "scan.nonsense", "OPTIONS(x)": "is not understood",
                       "OPTIONS('scan.startup.mode' = 'timestamp')": "needs scan.startup.timestamp"}.items():
        assert text in sql(server, f"SELECT * FROM {name} /*+ {hint} */", ok=False).stderr
    assert sql(server, f"SELECT /*+ LOOKUP('table'='x') */ count(*) AS n FROM {name} /*+ OPTIONS('client.scanner.log.max-poll-records' = '1') */") == [[{"n": 101}]], "how, not what"


def test_the_past_of_a_lake_table(server, name):
    sql(server, f"CREATE TABLE {name} (id BIGINT, v STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket.num' = '2', {LAKE})")
    seen = []
    for step in range(3):
        sql(server, f"INSERT INTO {name} SELECT i, 'v{step}' FROM range({10 * (step + 1)}) AS r(i)")
        wait_for_lake(server, name)
        seen.append(sql(server, f"SELECT max(snapshot_id) AS id, max(commit_time)::VARCHAR AS t FROM {name}$lake$snapshots")[0][0])
    for step, snapshot in enumerate(seen):
        query = f"SELECT count(*) AS n, max(v) AS v FROM {name}$lake FOR SYSTEM_VERSION AS OF {snapshot['id']}"
        assert sql(server, query) == [[{"n": 10 * (step + 1), "v": f"v{step}"}]]
    first = seen[0]["t"]
    moment = f"{first[:-3]}{int(first[-3:]) + 1:03}" if "." in first and first[-3:].isdigit() and first[-3:] != "999" else first
    assert sql(server, f"SELECT count(*) AS n FROM {name}$lake FOR SYSTEM_TIME AS OF TIMESTAMP '{moment}' AS t WHERE t.id >= 0") == [[{"n": 10}]]
    assert sql(server, f"SELECT count(*) AS n FROM {name}$lake FOR SYSTEM_TIME AS OF TIMESTAMP '2001-01-01 00:00:00'") == [[{"n": 0}]]
    assert "no snapshot 999999" in sql(server, f"SELECT * FROM {name}$lake FOR SYSTEM_VERSION AS OF 999999", ok=False).stderr
    assert "the past is kept in the lake" in sql(server, f"SELECT * FROM {name} FOR SYSTEM_TIME AS OF TIMESTAMP '2025-01-01 00:00:00'", ok=False).stderr
    assert sql(server, f"SELECT sum(record_count) >= 30 AS ok FROM {name}$lake$partitions") == [[{"ok": True}]]


def test_joins_of_the_documents(server, name):
    """The enrichment of the published quickstart, in batch: each order sees its customer as he is now."""
    sql(server, f"CREATE TABLE {name}_order (`order_key` BIGINT, `cust_key` INT NOT NULL, `ptime` AS PROCTIME(), PRIMARY KEY (`order_key`) NOT ENFORCED)",
        f"CREATE TABLE {name}_customer (`cust_key` INT NOT NULL, `name` STRING, PRIMARY KEY (`cust_key`) NOT ENFORCED)",
        f"INSERT INTO {name}_order VALUES (1, 1), (2, 2), (3, 9)", f"INSERT INTO {name}_customer VALUES (1, 'Alice'), (2, 'Bob')")
    query = f"""SELECT o.order_key, c.name FROM {name}_order o
        LEFT JOIN {name}_customer FOR SYSTEM_TIME AS OF `o`.`ptime` AS `c` ON o.cust_key = c.cust_key ORDER BY 1"""
    assert sql(server, query) == [[{"order_key": 1, "name": "Alice"}, {"order_key": 2, "name": "Bob"}, {"order_key": 3, "name": None}]]
    wrapped = f"""SELECT count(c.name) AS n FROM (SELECT *, PROCTIME() AS ptime FROM {name}_order) o
        JOIN {name}_customer FOR SYSTEM_TIME AS OF o.ptime AS c ON o.cust_key = c.cust_key"""
    assert sql(server, wrapped) == [[{"n": 2}]]
    assert sql(server, "SELECT LPAD(CAST(7123 / 1000 AS STRING), 2, '0') AS p") == [[{"p": "07"}]], "whole numbers divide as in Flink"


def test_large_key_tables_are_read_from_the_lake_with_the_changes_over_them(server, name):
    rows = 600_000
    sql(server, f"CREATE TABLE {name} (id BIGINT, v STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket.num' = '2', {LAKE.replace('100ms', '1h')})",
        f"INSERT INTO {name} SELECT i, 'v' || i % 10 FROM range({rows}) AS r(i)")
    count = f"SELECT count(*) AS n FROM {name}$lake"
    until(lambda: (subprocess.run([STROM, "lake", "--bootstrap", server.address, "tier", name], check=True), sql(server, count) == [[{"n": rows}]])[1], 60, "the lake has all rows")
    total = f"SELECT count(*) AS n, sum(id)::BIGINT AS s, count(*) FILTER (v = 'new') AS new FROM {name}"
    explained = lambda query: sql(server, "EXPLAIN " + query, output="table")  # noqa: E731
    assert "READ_PARQUET" in explained(total).upper().replace(" ", "_") or "PARQUET" in explained(total).upper()
    assert sql(server, total) == [[{"n": rows, "s": rows * (rows - 1) // 2, "new": 0}]]
    sql(server, f"DELETE FROM {name} WHERE id < 10", f"UPDATE {name} SET v = 'new' WHERE id >= {rows - 5}", f"INSERT INTO {name} VALUES ({rows}, 'new')",
        f"UPDATE {name} SET v = 'newer' WHERE id = {rows}", f"INSERT INTO {name} VALUES (3, 'new'), (4, 'x')", f"DELETE FROM {name} WHERE id = 4")
    assert sql(server, total) == [[{"n": rows - 10 + 1 + 1, "s": rows * (rows - 1) // 2 - 45 + rows + 3, "new": 6}]]
    assert "PARQUET" in explained(total).upper() and "PARQUET" not in explained(f"SELECT v FROM {name} WHERE id = 7").upper(), "a lookup is for the server"
    assert sql(server, f"SELECT v FROM {name} WHERE id = {rows}") == [[{"v": "newer"}]]
    assert sql(server, f"SELECT count(*) AS n FROM {name} WHERE id = 4 OR id = 5") == [[{"n": 0}]]
    assert sql(server, f"SELECT count(*) AS n FROM {name} a JOIN {name} b ON a.id = b.id") == [[{"n": rows - 8}]]
