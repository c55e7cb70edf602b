"""strom sql and strom server as people use them."""
import subprocess

import pytest

from harness import STROM, Process, Server, sql, until


def strom(*words):
    return subprocess.run([STROM, *words], capture_output=True, text=True, timeout=60)


def test_union_reads_have_no_gap_and_no_double_while_rounds_run(tmp_path):
    server = Server(tmp_path, **{"datalake.format": "paimon"})
    sql(server, "CREATE TABLE t (id BIGINT) WITH ('bucket.num' = '3', 'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '20ms')")
    rows = 0
    for _ in range(25):
        sql(server, f"INSERT INTO t SELECT * FROM range({rows}, {rows + 100})")
        rows += 100
        for _ in range(2):
            assert sql(server, "SELECT count(*) AS n, count(DISTINCT id) AS d, max(id) AS m FROM t") == [[{"n": rows, "d": rows, "m": rows - 1}]]
    assert len(sql(server, "SELECT * FROM t$lake$snapshots")[0]) > 3, "several rounds ran meanwhile"
    assert server.stop() == 0


def test_results_in_each_output(server):
    query = "SELECT * FROM (VALUES (1, 'a,b', NULL), (2, '', 1.50)) AS v(i, s, d)"
    assert sql(server, query) == [[{"i": 1, "s": "a,b", "d": None}, {"i": 2, "s": "", "d": 1.5}]]
    assert sql(server, query, output="csv") == 'i,s,d\n1,"a,b",\n2,"",1.50\n'
    assert sql(server, query, output="ndjson") == '{"i": 1, "s": "a,b", "d": null}\n{"i": 2, "s": "", "d": 1.50}\n'
    assert "| i | s   | d    |" in sql(server, query, output="table")


@pytest.mark.parametrize("log_format", ["ARROW", "INDEXED", "COMPACTED"])
def test_rows_come_back_from_each_log_format(server, name, log_format):
    """pyfluss scans ARROW tables only, so the row formats are written and read by our own client."""
    sql(server, f"""CREATE TABLE {name} (id BIGINT, s STRING, d DECIMAL(20, 3), t TIMESTAMP(9), b BYTES, a ARRAY<STRING>, m MAP<INT, STRING>, r ROW<x INT>)
                    WITH ('table.log.format' = '{log_format}', 'bucket.num' = '2')""",
        f"""INSERT INTO {name} SELECT id, CASE WHEN id % 3 > 0 THEN 's' || id END, id / 8.0, TIMESTAMP_NS '2025-01-01 00:00:00.123456789', 'x'::BLOB,
            ['a', NULL, 'long enough to lie outside'], MAP {{1: 'one'}}, {{'x': id}} FROM range(300) AS g(id)""")
    row = sql(server, f"SELECT * FROM {name} WHERE id = 10")[0][0]
    assert row == {"id": 10, "s": "s10", "d": 1.25, "t": "2025-01-01 00:00:00.123456789", "b": "x",
                   "a": ["a", None, "long enough to lie outside"], "m": {"1": "one"}, "r": {"x": 10}}
    assert sql(server, f"SELECT count(*) AS n, count(s) AS s, sum(id) AS i FROM {name}") == [[{"n": 300, "s": 200, "i": 44850}]]


def test_flink_spelled_statements(server, name):
    sql(server, f"""CREATE TABLE `fluss`.`{name}` (
          `k` BIGINT NOT NULL COMMENT 'the key', `ptime` AS PROCTIME(), `v` ROW<`a` INT, `b` ARRAY<STRING>>
        ) COMMENT 'it''s ours' WITH ('bucket.num' = '2', 'mine' = 'x')""")
    described = sql(server, f"DESCRIBE {name}")[0]
    assert [row["name"] for row in described] == ["k", "v"], "a computed column is not stored"
    assert described[0]["null"] == "FALSE" and described[0]["comment"] == "the key"
    created = sql(server, f"SHOW CREATE TABLE {name}")[0][0]["result"]
    sql(server, f"DROP TABLE {name}", created)
    assert sql(server, f"SHOW CREATE TABLE {name}")[0][0]["result"] == created, "SHOW CREATE TABLE can be run"
    sql(server, f"ALTER TABLE {name} SET ('mine' = 'y', 'table.log.ttl' = '1d')", f"ALTER TABLE {name} RESET ('mine')")
    assert "'mine'" not in sql(server, f"SHOW CREATE TABLE {name}")[0][0]["result"]


@pytest.mark.parametrize("statement, exit_code, text", [
    ("SELEKT 1", 2, "syntax error"),
    ("SELECT * FROM no_such_table", 3, "table fluss.no_such_table does not exist"),
    ("DROP TABLE no_such_table", 3, "does not exist"),
    ("CREATE TABLE x (a VARCHAR2)", 2, "no data type"),
    ("CREATE TABLE x (a INT) WITH ('table.datalake.enable' = 'true')", 1, "did you mean 'table.datalake.enabled'"),
    ("INSERT OVERWRITE x VALUES (1)", 1, "INSERT OVERWRITE"),
    ("SET 'execution.runtime-mode' = 'sideways'", 2, "sideways"),
    ("SELECT CAST('x' AS INT)", 2, "'x'"),
    ("SELECT * FROM 'no_such_file.csv'", 3, "no_such_file.csv"),
    ("SELECT * FROM x$lake$nothing", 2, "a table has no $lake$nothing; there are $lake$snapshots"),
    ("ALTER TABLE x RENAME TO y", 1, "SET, RESET, ADD"),
])
def test_errors_name_the_cause_and_have_their_exit_code(server, statement, exit_code, text):
    failed = sql(server, statement, ok=False)
    assert failed.returncode == exit_code, failed.stderr
    assert failed.stderr.startswith("error[") and text in failed.stderr
    assert failed.stdout == ""


def test_values_that_do_not_fit_are_refused_whole(server, name):
    sql(server, f"CREATE TABLE {name} (a TINYINT, b STRING NOT NULL)")
    assert sql(server, f"INSERT INTO {name} VALUES (1, 'x'), (300, 'y')", ok=False).returncode != 0
    assert "NOT NULL" in sql(server, f"INSERT INTO {name} VALUES (1, NULL)", ok=False).stderr
    assert sql(server, f"SELECT count(*) AS n FROM {name}") == [[{"n": 0}]]


def test_files_can_be_inserted_and_joined(server, name, tmp_path):
    (tmp_path / "a.csv").write_text("id,v\n1,one\n2,two\n")
    sql(server, f"CREATE TABLE {name} (id BIGINT, v STRING)", f"INSERT INTO {name} SELECT * FROM '{tmp_path}/a.csv'")
    joined = sql(server, f"SELECT t.v, f.v AS w FROM {name} t JOIN '{tmp_path}/a.csv' f USING (id) ORDER BY id")
    assert joined == [[{"v": "one", "w": "one"}, {"v": "two", "w": "two"}]]


def test_wrong_usage_of_the_command(tmp_path):
    for words in (["nonsense"], ["server", "--confg", "x"], ["sql", "stray"], ["sql", "-o", "xml", "-c", "SELECT 1"], ["tier"]):
        done = strom(*words)
        assert done.returncode == 2 and done.stdout == "" and done.stderr.startswith("error["), (words, done)
    assert "did you mean --config" in strom("server", "--confg", "x").stderr
    assert strom("sql", "--bootstrap", "127.0.0.1:1", "-c", "SELECT 1").returncode == 7, "nobody there: may be tried again"
    for verb in ("server", "sql", "tier"):
        assert strom(verb, "--help").returncode == 0


def test_settings_are_checked_before_anything_starts(tmp_path):
    config = tmp_path / "server.yaml"
    for text, expected in [("data.dirr: /x", "did you mean 'data.dir'"), ("remote.data.dirs: /a,/b", "not supported"),
                           ("log.segment.file-size: 10 parsecs", "log.segment.file-size"), ("bind.listeners: nowhere", "NAME://host:port"),
                           ("a: [1, 2", "server.yaml"), ("data:\n  dir: /x", "written in full")]:
        config.write_text(text)
        done = strom("server", "--config", str(config))
        assert done.returncode != 0 and expected in done.stderr, (text, done.stderr)


def test_jvm_settings_are_noted_and_ignored(tmp_path):
    (tmp_path / "server.yaml").write_text("netty.server.num-worker-threads: 8\nbind.listeners: FLUSS://127.0.0.1:0\ndata.dir: ./d\n")
    process = Process(["server", "--config", "server.yaml"], tmp_path)
    process.wait_for("netty.server.num-worker-threads.* has no effect")
    process.wait_for("ready in")
    assert process.stop() == 0


def test_two_servers_on_one_directory_are_one_too_many(tmp_path):
    server = Server(tmp_path)
    second = Process(["server", "-X", "bind.listeners=FLUSS://127.0.0.1:0", "-X", f"data.dir={tmp_path}/data"], tmp_path)
    second.wait_for("another strom server uses the data directory")
    assert server.stop() == 0


def test_a_port_that_is_taken_is_named(server, tmp_path):
    second = Process(["server", "-X", f"bind.listeners=FLUSS://127.0.0.1:{server.port}", "-X", f"data.dir={tmp_path}/data"], tmp_path)
    second.wait_for(f"cannot listen on 127.0.0.1:{server.port}: Address already in use")
    assert second.process.wait(20) == 1


def test_partitions_are_looked_after_as_often_as_the_setting_says(tmp_path):
    server = Server(tmp_path, **{"auto-partition.check.interval": "50ms"})
    sql(server, "CREATE TABLE t (id BIGINT, day STRING) PARTITIONED BY (day) WITH ('table.auto-partition.enabled' = 'true', 'table.auto-partition.time-unit' = 'year', "
        "'table.auto-partition.num-precreate' = '2')")
    partitions = lambda: sorted(r["partition name"] for r in sql(server, "SHOW PARTITIONS t")[0])  # noqa: E731
    before = partitions()
    assert len(before) == 2
    sql(server, f"ALTER TABLE t DROP PARTITION (day = '{before[1][4:]}')")  # day=2027
    until(lambda: partitions() == before, what="the partition that was dropped is made again")
    assert server.stop() == 0


def test_an_idle_server_is_small_and_starts_in_a_blink(tmp_path):
    server = Server(tmp_path)
    ready = int(server.wait_for(r"ready in (\d+) ms").group(1))
    status = open(f"/proc/{server.process.pid}/status").read()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    assert ready <= 100 and resident <= 64 * 1024, (ready, resident)
    assert server.stop() == 0
