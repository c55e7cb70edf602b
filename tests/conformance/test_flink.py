"""What users of Flink do with the unmodified connector: catalog, sinks, sources, lookup joins, union reads, savepoints and the Apache tiering job."""
import subprocess
import time

import pytest

from flink_session import Flink, FlinkError, java_command
from harness import Process, Server, sql, until, wait_for_lake, wait_until_tiered
from test_lake_service import lake
from test_story_lakehouse import DIMENSIONS, ENRICH, MORE, ORDERS, SUM, TABLES

heavy = pytest.mark.heavy


@pytest.fixture(scope="session", params=["1.20", pytest.param("2.2", marks=heavy)])
def flink(request):
    return Flink(request.param)


def lake_settings(folder, lake_format):
    kind = "metastore" if lake_format == "paimon" else "type"
    return {"datalake.format": lake_format, f"datalake.{lake_format}.{kind}": "filesystem" if lake_format == "paimon" else "hadoop",
            f"datalake.{lake_format}.warehouse": str(folder / "lake")}


def started(tmp_path_factory, lake_format, **settings):
    folder = tmp_path_factory.mktemp(lake_format)
    return Server(folder, **{"datalake.enabled": "true", **lake_settings(folder, lake_format), **settings})


@pytest.fixture(scope="module")
def paimon(tmp_path_factory):
    server = started(tmp_path_factory, "paimon", **{"server.shards": "2"})
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module")
def iceberg(tmp_path_factory):
    server = started(tmp_path_factory, "iceberg")
    yield server
    assert server.stop() == 0


@pytest.fixture
def home(flink, paimon, name):
    """A Flink whose current database is an empty one of its own."""
    flink.use(paimon)
    flink.batch(f"CREATE DATABASE {name}", f"USE {name}")
    flink.database = name
    flink.server = paimon
    return flink


def refused(action, *parts):
    with pytest.raises(FlinkError) as error:
        action()
    for part in parts:
        assert part in str(error.value)


def needs_lake_catalog(flink):
    if flink.line == "2.2":
        pytest.skip("$lake is read by the lake's own connector: Paimon's is not on Maven Central for Flink 2, and Iceberg's has not the method that the connector calls")


def statements(script):
    return [one for one in (part.strip() for part in script.split(";\n")) if one and not one.startswith(("CREATE CATALOG", "USE CATALOG", "SET"))]


# A key table of one file a bucket is all that the connector's batch union reads of Iceberg, so its story has a log table there.
STORY = {"paimon": (",\n  PRIMARY KEY (`order_key`) NOT ENFORCED", "fluss_order o"), "iceberg": ("", "(SELECT *, PROCTIME() AS ptime FROM fluss_order) o")}


@pytest.mark.parametrize("lake_format", ["paimon", pytest.param("iceberg", marks=heavy)])
def test_the_published_lakehouse_quickstart(flink, tmp_path_factory, lake_format):
    needs_lake_catalog(flink)
    server = started(tmp_path_factory, lake_format)
    flink.use(server)
    key, orders = STORY[lake_format]
    for statement in statements(TABLES.format(key=key, address="")):
        if lake_format == "iceberg":
            statement = statement.replace(", `ptime` AS PROCTIME(),\n  PRIMARY KEY (`order_key`) NOT ENFORCED", "")
        flink.batch(statement.rstrip("; \n"))
    table = "datalake_enriched_orders"
    assert flink.batch(f"SELECT snapshot_id FROM {table}$lake$snapshots") == []
    for statement in statements(DIMENSIONS):
        flink.batch(statement.rstrip("; \n"))
    enrichment = flink.start(statements(ENRICH.format(orders=orders))[-1].rstrip("; \n"))
    flink.batch(statements(ORDERS)[-1].rstrip("; \n"))
    wait_until_tiered(server, table, 6)
    assert flink.batch(SUM.format("")) == [["1501.00"]] == flink.batch(SUM.format("$lake"))
    if lake_format == "paimon":
        assert flink.batch(f"SELECT snapshot_id, total_record_count FROM {table}$lake$snapshots")[0][0] == "1"
    else:
        assert {row[0] for row in flink.batch(f"SELECT operation FROM {table}$lake$snapshots")} == {"append"}
    sql(server, f"ALTER TABLE {table} SET ('table.datalake.enabled' = 'false')")  # what follows stays in the log alone
    flink.batch(MORE)
    until(lambda: sql(server, f"SELECT count(*) AS n FROM {table}")[0][0]["n"] == 8, what="the enriched rows")
    sql(server, f"ALTER TABLE {table} SET ('table.datalake.enabled' = 'true')")
    assert flink.batch(SUM.format("")) == [["1586.10"]]
    if lake_format == "paimon":
        # The connector cannot UPDATE a table with a computed column: it counts the column among those of the row.
        flink.batch("INSERT INTO fluss_order (order_key,cust_key,total_price,order_date,order_priority,clerk) VALUES (1001,1,200.50,DATE '2025-04-01','high','Clerk1')")
        flink.batch("DELETE FROM fluss_order WHERE order_key = 1005")
        until(lambda: sql(server, f"SELECT sum(total_price) AS s FROM {table}")[0][0]["s"] in (1586.60, "1586.60"), what="the changes")
        assert flink.batch(f"SELECT count(*), sum(total_price) FROM {table}") == [["7", "1586.60"]]
        assert flink.batch(f"SELECT cust_name, nation_name FROM {table} WHERE order_key = 1003") == [["Carol", "CHINA"]]
    assert enrichment.status() == "RUNNING"
    enrichment.cancel()
    assert server.stop() == 0


def test_databases_tables_and_partitions_through_the_catalog(home):
    assert ["fluss"] in home.batch("SHOW DATABASES") and [home.database] in home.batch("SHOW DATABASES")
    home.batch("CREATE TABLE log (id INT, name STRING) COMMENT 'of a test' WITH ('bucket.num' = '3', 'custom' = 'kept')")
    assert home.batch("SHOW TABLES") == [["log"]]
    shown = home.batch("SHOW CREATE TABLE log")[0][0]
    assert "COMMENT 'of a test'" in shown and "'bucket.num' = '3'" in shown and "'custom' = 'kept'" in shown
    home.batch("ALTER TABLE log SET ('table.log.ttl' = '3d')", "ALTER TABLE log ADD extra STRING COMMENT 'later'", "ALTER TABLE log ADD (x INT, y BIGINT)")
    assert "'table.log.ttl' = '3d'" in home.batch("SHOW CREATE TABLE log")[0][0]
    home.batch("ALTER TABLE log RESET ('table.log.ttl')")
    assert "table.log.ttl" not in home.batch("SHOW CREATE TABLE log")[0][0]
    assert [row[0] for row in home.batch("DESCRIBE log")] == ["id", "name", "extra", "x", "y"]
    refused(lambda: home.batch("ALTER TABLE log DROP x"), "InvalidAlterTableException")
    refused(lambda: home.batch("CREATE TABLE log (id INT)"), "TableAlreadyExist")
    refused(lambda: home.batch("CREATE TABLE bad (id INT) WITH ('table.log.ttl' = 'tomorrow')"), "table.log.ttl")
    refused(lambda: home.batch("CREATE TABLE bad (id INT) WITH ('bucket.num' = '0')"), "bucket")
    home.batch("CREATE TABLE part (id INT, dt STRING) PARTITIONED BY (dt)", "ALTER TABLE part ADD PARTITION (dt = '2025')")
    refused(lambda: home.batch("ALTER TABLE part ADD PARTITION (dt = '2025')"), "PartitionAlreadyExists")
    home.batch("ALTER TABLE part ADD IF NOT EXISTS PARTITION (dt = '2025')")
    assert home.batch("SHOW PARTITIONS part") == [["dt=2025"]]
    home.batch("ALTER TABLE part DROP PARTITION (dt = '2025')")
    assert home.batch("SHOW PARTITIONS part") == []
    home.batch("DROP TABLE log", "DROP TABLE IF EXISTS log", "USE fluss")
    refused(lambda: home.batch(f"DROP DATABASE {home.database}"), "not empty")
    home.batch(f"DROP DATABASE {home.database} CASCADE")
    assert [home.database] not in home.batch("SHOW DATABASES")


def test_every_type_through_a_log_and_a_key_table(home):
    # The client itself cannot read a fraction of a millisecond before 1970 that it wrote in Arrow format, so none is here.
    columns = """a BOOLEAN, b TINYINT, c SMALLINT, d INT, e BIGINT, f FLOAT, g DOUBLE, h CHAR(3), i STRING, j BINARY(2), k BYTES,
        l DECIMAL(20, 4), m DATE, n TIME, o TIMESTAMP(6), p TIMESTAMP_LTZ(3), q MAP<STRING, INT>, r ROW<u INT, v STRING>"""
    full = """true, CAST(-128 AS TINYINT), CAST(-32768 AS SMALLINT), -2147483648, 9223372036854775807, CAST(1.5 AS FLOAT), -2.25, 'abc', 'ü𝄞',
        x'0102', x'030405', CAST('-1234567890123456.4567' AS DECIMAL(20, 4)), DATE '1969-12-31', TIME '23:59:59', TIMESTAMP '2024-02-29 23:59:59.999999',
        CAST(TIMESTAMP '2025-01-01 00:00:00.123' AS TIMESTAMP_LTZ(3)), MAP['a', 1], ROW(1, 'z')"""
    expected = ["true", "-128", "-32768", "-2147483648", "9223372036854775807", "1.5", "-2.25", "abc", "ü𝄞", "0102", "030405",
                "-1234567890123456.4567", "1969-12-31", "23:59:59", "2024-02-29T23:59:59.999999", "2025-01-01T00:00:00.123Z", "{a=1}", "+I[1, z]"]
    home.ask(sql="SET 'table.local-time-zone' = 'UTC'")
    for table, key in (("logged", ""), ("keyed", ", PRIMARY KEY (id) NOT ENFORCED")):
        home.batch(f"CREATE TABLE {table} (id INT, {columns}{key})", f"INSERT INTO {table} VALUES (1, {full})")
        sql(home.server, f"INSERT INTO {home.database}.{table} (id) VALUES (2)")  # the connector knows partial rows of key tables only
        rows = home.streaming(f"SELECT * FROM {table}", 2)
        assert sorted(rows) == [["+I", "1", *expected], ["+I", "2", *[None] * 18]]
    assert home.batch("SELECT * FROM keyed WHERE id = 1") == [["1", *expected]]


def test_upserts_partial_updates_deletes_and_their_changelog(home):
    home.batch("CREATE TABLE kt (id INT, name STRING, n BIGINT, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket.num' = '1')",
               "INSERT INTO kt VALUES (1, 'a', 1), (2, 'b', 2)", "INSERT INTO kt (id, n) VALUES (1, 100)",
               "UPDATE kt SET name = 'z' WHERE id = 1", "DELETE FROM kt WHERE id = 2")
    assert home.batch("SELECT * FROM kt WHERE id = 1") == [["1", "z", "100"]]
    assert home.batch("SELECT * FROM kt WHERE id = 2") == []
    assert home.batch("SELECT * FROM kt LIMIT 5") == [["1", "z", "100"]]
    assert home.batch("SELECT count(*) FROM kt") == [["1"]]
    changes = [["+I", "1", "a", "1"], ["+I", "2", "b", "2"], ["-U", "1", "a", "1"], ["+U", "1", "a", "100"],
               ["-U", "1", "a", "100"], ["+U", "1", "z", "100"], ["-D", "2", "b", "2"]]
    assert home.streaming("SELECT * FROM kt /*+ OPTIONS('scan.startup.mode' = 'earliest') */", 7) == changes
    kinds = {"+I": "insert", "-U": "update_before", "+U": "update_after", "-D": "delete"}
    log = home.streaming("SELECT _change_type, _log_offset, id, name, n FROM kt$changelog", 7)
    assert log == [["+I", kinds[kind], str(offset), *values] for offset, (kind, *values) in enumerate(changes)]
    pairs = home.streaming("SELECT _change_type, `before`.n, `after`.n FROM kt$binlog", 5)
    assert [row[1:] for row in pairs] == [["insert", None, "1"], ["insert", None, "2"], ["update", "1", "100"], ["update", "100", "100"], ["delete", "2", None]]
    refused(lambda: home.batch("INSERT INTO kt (name) VALUES ('no key')"), "does not allow NULLs")


def test_startup_modes_and_limits_of_a_log_table(home):
    home.batch("CREATE TABLE log (id INT, v STRING) WITH ('bucket.num' = '1')", "INSERT INTO log VALUES (1, 'a'), (2, 'b')")
    between = int(sql(home.server, f"SELECT max(epoch_ms(_commit_timestamp)) + 1 AS t FROM {home.database}.log$changelog")[0][0]["t"])
    until(lambda: time.time() * 1000 > between, what="the next millisecond")
    home.batch("INSERT INTO log VALUES (3, 'c')")

    def read(rows, mode, more=""):
        return [row[1] for row in home.streaming(f"SELECT * FROM log /*+ OPTIONS('scan.startup.mode' = '{mode}'{more}) */", rows)]

    assert read(3, "full") == read(3, "earliest") == ["1", "2", "3"]
    assert read(1, "timestamp", f", 'scan.startup.timestamp' = '{between}'") == ["3"]
    home.batch("CREATE TABLE seen (id INT, PRIMARY KEY (id) NOT ENFORCED)")
    job = home.start("INSERT INTO seen SELECT id FROM log /*+ OPTIONS('scan.startup.mode' = 'latest') */")
    # The job looks up its start when it runs, so rows are sent until one is seen.
    sent = []

    def is_seen():
        sent.append(len(sent) + 10)
        sql(home.server, f"INSERT INTO {home.database}.log VALUES ({sent[-1]}, 'late')")
        return sql(home.server, f"SELECT count(*) AS n FROM {home.database}.seen")[0][0]["n"]

    until(is_seen, what="a row that came after the job")
    job.cancel()
    assert sql(home.server, f"SELECT min(id) AS first FROM {home.database}.seen")[0][0]["first"] >= 10
    assert home.batch("SELECT count(*) FROM log") == [[str(3 + len(sent))]]
    assert len(home.batch("SELECT * FROM log LIMIT 2")) == 2
    refused(lambda: home.batch("SELECT * FROM log"), "datalake enabled")


def test_lookup_and_prefix_lookup_joins(home):
    home.batch("CREATE TABLE dim (a INT, b STRING, c BIGINT, v STRING, PRIMARY KEY (a, b, c) NOT ENFORCED) WITH ('bucket.num' = '2', 'bucket.key' = 'a,b')",
               "CREATE TABLE parts (a INT, dt STRING, v STRING, PRIMARY KEY (a, dt) NOT ENFORCED) PARTITIONED BY (dt)",
               "CREATE TABLE probe (a INT, b STRING, c BIGINT, pt AS PROCTIME())",
               "INSERT INTO dim VALUES (1, 'x', 1, 'v1'), (1, 'x', 2, 'v2'), (2, 'y', 1, 'w1')",
               "INSERT INTO parts VALUES (1, 'x', 'px'), (2, 'y', 'py')",
               "INSERT INTO probe VALUES (1, 'x', 1), (2, 'y', 1), (3, 'z', 9)")
    one = "p.a = d.a AND p.b = d.b AND p.c = d.c"
    many = "p.a = d.a AND p.b = d.b"
    for hint in ("", "/*+ OPTIONS('lookup.async' = 'false') */", "/*+ OPTIONS('lookup.cache' = 'PARTIAL', 'lookup.partial-cache.max-rows' = '10') */"):
        join = f"SELECT p.a, d.c, d.v FROM probe p LEFT JOIN dim {hint} FOR SYSTEM_TIME AS OF p.pt AS d ON "
        assert sorted(row[1:] for row in home.streaming(join + one, 3)) == [["1", "1", "v1"], ["2", "1", "w1"], ["3", None, None]]
        assert sorted(map(str, home.streaming(join + many, 4))) == sorted(map(str, [["+I", "1", "1", "v1"], ["+I", "1", "2", "v2"], ["+I", "2", "1", "w1"], ["+I", "3", None, None]]))
    rows = home.streaming("SELECT p.a, d.v FROM probe p LEFT JOIN parts FOR SYSTEM_TIME AS OF p.pt AS d ON p.a = d.a AND p.b = d.dt", 3)
    assert sorted(row[1:] for row in rows) == [["1", "px"], ["2", "py"], ["3", None]]


def test_procedures_of_operators_behind_a_password(flink, tmp_path):
    users = 'org.apache.fluss.security.auth.sasl.plain.PlainLoginModule required user_root="root-pw" user_guest="guest-pw";'
    server = Server(tmp_path, **{"security.protocol.map": "FLUSS:SASL", "security.sasl.plain.jaas.config": users, "authorizer.enabled": "true",
                                 "super.users": "User:root", "datalake.format": "paimon"})

    def come_as(user):
        flink.use(server, user, **{"client.security.protocol": "SASL", "client.security.sasl.mechanism": "PLAIN",
                                   "client.security.sasl.username": user, "client.security.sasl.password": f"{user}-pw"})

    come_as("guest")
    refused(lambda: flink.batch("CREATE TABLE t (id INT)"), "AuthorizationException")
    refused(lambda: flink.batch("CALL sys.add_acl('cluster.fluss', 'ALLOW', 'User:guest', 'ALL')"), "AuthorizationException")
    come_as("root")
    success = [["success"]]
    flink.batch("CREATE TABLE t (id INT)")
    assert flink.batch("CALL sys.add_acl('cluster.fluss.t', 'ALLOW', 'User:guest', 'READ', '*')") == success
    right = 'resource="cluster.fluss.t";permission="ALLOW";principal="User:guest";operation="READ";host="*"'
    assert flink.batch("CALL sys.list_acl('ANY')") == [[right]]
    rebalance = flink.batch("CALL sys.rebalance('REPLICA_DISTRIBUTION')")[0][0]
    assert flink.batch("CALL sys.list_rebalance()")[0][:2] == [rebalance, "COMPLETED"]
    assert flink.batch("CALL sys.cancel_rebalance()") == success
    assert flink.batch("CALL sys.add_server_tag('0', 'TEMPORARY_OFFLINE')") == success
    refused(lambda: flink.batch("CREATE TABLE u (id INT)"), "going offline")
    assert flink.batch("CALL sys.remove_server_tag('0', 'TEMPORARY_OFFLINE')") == success
    assert "Successfully set" in flink.batch("CALL sys.set_cluster_configs('datalake.enabled', 'false')")[0][0]
    assert flink.batch("CALL sys.get_cluster_configs('datalake.enabled')") == [["datalake.enabled", "false", "DYNAMIC_SERVER_CONFIG"]]
    assert "Successfully deleted" in flink.batch("CALL sys.reset_cluster_configs('datalake.enabled')")[0][0]
    assert flink.batch("CALL sys.drop_kv_snapshot_lease('nobody')") == success
    come_as("guest")
    assert flink.batch("SHOW TABLES") == [["t"]]
    assert flink.batch("SELECT count(*) FROM t") == [["0"]]
    refused(lambda: flink.batch("DROP TABLE t"), "AuthorizationException")
    assert server.stop() == 0


@heavy
def test_new_partitions_are_found_and_a_savepoint_is_gone_on_from(home, tmp_path):
    home.batch("CREATE TABLE part (id INT, dt STRING) PARTITIONED BY (dt) WITH ('bucket.num' = '1', 'scan.partition.discovery.interval' = '1s')",
               "INSERT INTO part VALUES (1, 'p1')", "CREATE TABLE seen (id INT, dt STRING, times BIGINT)")
    statement = "INSERT INTO seen SELECT id, dt, 1 FROM part"

    def seen():
        return sorted((row["id"], row["dt"]) for row in sql(home.server, f"SELECT id, dt FROM {home.database}.seen")[0])

    job = home.start(statement)
    home.batch("INSERT INTO part VALUES (2, 'p2')", "INSERT INTO part VALUES (3, 'p3')")
    until(lambda: len(seen()) == 3, what="rows of all partitions")
    savepoint = job.stop_with_savepoint(tmp_path)
    home.batch("INSERT INTO part VALUES (4, 'p1')", "INSERT INTO part VALUES (5, 'p4')")
    again = home.start(statement, savepoint)
    until(lambda: len(seen()) >= 5, what="the later rows")
    assert seen() == [(1, "p1"), (2, "p2"), (3, "p3"), (4, "p1"), (5, "p4")], "each once"
    again.cancel()


def lake_tables(flink):
    flink.batch("CREATE TABLE ev (id BIGINT, v STRING) WITH ('bucket.num' = '2', 'bucket.key' = 'id', 'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '1s')",
                "CREATE TABLE kp (id BIGINT, dt STRING, v STRING, PRIMARY KEY (id, dt) NOT ENFORCED) PARTITIONED BY (dt)"
                " WITH ('bucket.num' = '1', 'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '1s')",
                "INSERT INTO ev VALUES (1, 'a'), (2, 'b'), (3, 'c')", "INSERT INTO kp VALUES (1, 'd1', 'a'), (2, 'd1', 'b'), (3, 'd2', 'c')")


@heavy
@pytest.mark.parametrize("lake_format", ["paimon", "iceberg"])
def test_union_reads_in_batch_and_streaming(flink, request, name, lake_format):
    server = request.getfixturevalue(lake_format)
    flink.use(server)
    flink.batch(f"CREATE DATABASE {name}", f"USE {name}")
    lake_tables(flink)
    for table in ("ev", "kp"):
        wait_for_lake(server, f"{name}.{table}")
        sql(server, f"ALTER TABLE {name}.{table} SET ('table.datalake.enabled' = 'false')")
    flink.batch("INSERT INTO ev VALUES (4, 'd')", "INSERT INTO kp VALUES (1, 'd1', 'A'), (5, 'd3', 'n')", "DELETE FROM kp WHERE id = 2 AND dt = 'd1'")
    for table in ("ev", "kp"):
        sql(server, f"ALTER TABLE {name}.{table} SET ('table.datalake.enabled' = 'true')")
    events = [["1", "a"], ["2", "b"], ["3", "c"], ["4", "d"]]
    assert sorted(flink.batch("SELECT * FROM ev")) == events
    assert flink.batch("SELECT v FROM ev WHERE id = 2") == [["b"]]
    assert sorted(flink.streaming("SELECT * FROM ev", 4)) == [["+I", *row] for row in events]
    keyed = [["1", "d1", "A"], ["3", "d2", "c"], ["5", "d3", "n"]]
    assert sorted(flink.batch("SELECT * FROM kp")) == keyed
    assert flink.batch("SELECT count(*) FROM kp WHERE dt = 'd1'") == [["1"]]
    state = {}
    for kind, *row in flink.streaming("SELECT * FROM kp", 100, seconds=5):
        if kind in ("+I", "+U"):
            state[row[0]] = row
        else:
            state.pop(row[0], None)
    assert sorted(state.values()) == keyed


@heavy
@pytest.mark.parametrize("lake_format", ["paimon", "iceberg"])
def test_the_lake_alone_and_its_snapshots(flink, request, name, lake_format):
    needs_lake_catalog(flink)
    server = request.getfixturevalue(lake_format)
    flink.use(server)
    flink.batch(f"CREATE DATABASE {name}", f"USE {name}")
    lake_tables(flink)
    wait_for_lake(server, f"{name}.ev")
    wait_for_lake(server, f"{name}.kp")
    assert sorted(row[:2] for row in flink.batch("SELECT * FROM ev$lake")) == [["1", "a"], ["2", "b"], ["3", "c"]]
    assert sorted(row[:3] for row in flink.batch("SELECT * FROM kp$lake")) == [["1", "d1", "a"], ["2", "d1", "b"], ["3", "d2", "c"]]
    assert len(flink.batch("SELECT * FROM ev$lake$snapshots")) >= 1
    assert len(flink.batch("SELECT * FROM ev$lake$files")) >= 2, "a file a bucket at least"


@heavy
@pytest.mark.parametrize("lake_format", ["paimon", "iceberg"])
def test_a_new_job_sees_all_history_then_lives_on(flink, tmp_path_factory, tmp_path, lake_format):
    """The fourth acceptance story: the log has expired, so that history comes from the lake; then live rows, no gap, nothing twice, also over savepoints."""
    server = started(tmp_path_factory, lake_format, **{"log.retention.check-interval": "200ms", "log.flush.offset.checkpoint-interval": "100ms"})
    flink.use(server)
    flink.batch("CREATE TABLE events (id BIGINT, dt STRING, kind STRING, amount DECIMAL(15, 2), payload STRING) WITH ('bucket.num' = '4', 'bucket.key' = 'id',"
                " 'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '1s', 'table.log.ttl' = '500ms')",
                "CREATE TABLE seen (id BIGINT, PRIMARY KEY (id) NOT ENFORCED)")
    row = "SELECT id, 'd' || lpad((id // 1000)::VARCHAR, 2, '0'), 'k', id, repeat('x', 200) FROM range({}, {}) AS r(id)"
    sql(server, "INSERT INTO events " + row.format(0, 10_000))
    wait_until_tiered(server, "events", 10_000)
    until(lambda: all(one["earliest"] > 0 for one in sql(server, "SELECT earliest FROM events$offsets")[0]), what="the log expires")

    def seen():
        return sql(server, "SELECT count(*) AS n, coalesce(sum(id), 0)::BIGINT AS s FROM seen")[0][0]

    statement = "INSERT INTO seen SELECT id FROM events"
    job = flink.start(statement)
    until(lambda: seen()["n"] > 0, 60, what="rows of the lake")
    savepoint = job.stop_with_savepoint(tmp_path)  # somewhere in history, or behind it
    job = flink.start(statement, savepoint)
    for step in range(10):
        first = 10_000 + step * 100
        sql(server, "INSERT INTO events " + row.format(first, first + 100))
    until(lambda: seen()["n"] == 11_000, 60, what="history and live rows")
    savepoint = job.stop_with_savepoint(tmp_path)
    sql(server, "INSERT INTO events " + row.format(11_000, 11_010))
    job = flink.start(statement, savepoint)
    until(lambda: seen()["n"] == 11_010, 60, what="what came while no job ran")
    assert seen()["s"] == 11_009 * 11_010 // 2
    job.cancel()
    assert flink.batch("SELECT count(*), sum(id) FROM events WHERE dt = 'd07'") == [["1000", "7499500"]]
    assert server.stop() == 0


def apache_tiering(server, lake_format):
    """The tiering job of upstream, in a Flink of its own."""
    words = ["--fluss.bootstrap.servers", server.address]
    for key, value in lake_settings(server.cwd, lake_format).items():
        words += [f"--{key}", value]
    return words, lambda: subprocess.Popen(
        java_command("1.20", "1g", "org.apache.fluss.flink.tiering.FlussLakeTieringEntrypoint", *words),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=server.cwd)


@heavy
@pytest.mark.parametrize("lake_format", ["paimon", "iceberg"])
def test_the_apache_tiering_job_and_ours_take_turns(tmp_path_factory, lake_format):
    server = started(tmp_path_factory, lake_format, **{"server.tiering.enabled": "false"})
    tables = ("ev", "k", "kp")
    enabled = "'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '1s'"
    sql(server, f"CREATE TABLE ev (id BIGINT, v STRING) WITH ('bucket.num' = '2', 'bucket.key' = 'id', {enabled})",
        f"CREATE TABLE k (id BIGINT, v STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket.num' = '2', {enabled})",
        f"CREATE TABLE kp (id BIGINT, dt STRING, v STRING, PRIMARY KEY (id, dt) NOT ENFORCED) PARTITIONED BY (dt) WITH ('bucket.num' = '2', {enabled})")
    words, start_theirs = apache_tiering(server, lake_format)
    for turn in range(3):
        first = 10 * turn
        sql(server, f"INSERT INTO ev VALUES ({first}, 'a'), ({first + 1}, 'b'), ({first + 2}, NULL)",
            f"INSERT INTO k VALUES (0, 'turn {turn}'), ({first + 1}, 'b'), ({first + 2}, 'gone')", f"DELETE FROM k WHERE id = {first + 2}",
            f"INSERT INTO kp VALUES (0, 'd0', 'turn {turn}'), ({first + 1}, 'd{turn}', 'b')")
        worker = Process(["tier", *words], server.cwd) if turn == 1 else start_theirs()
        for table in tables:
            wait_for_lake(server, table)
        # Ended between two rounds: a round that is cut off keeps its table for the two minutes until its worker is given up.
        until(lambda: all(job["state"] != "tiering" for job in lake(server, "jobs")), what="the end of the rounds")
        if turn == 1:
            assert worker.stop() == 0
        else:
            worker.terminate()
            worker.wait(60)
        for table in tables:
            assert all(row["equal"] for row in lake(server, "verify", f"fluss.{table}")), (turn, table)
    assert sql(server, "SELECT id, v FROM k$lake ORDER BY id")[0] == [{"id": 0, "v": "turn 2"}, {"id": 1, "v": "b"}, {"id": 11, "v": "b"}, {"id": 21, "v": "b"}]
    assert server.stop() == 0


@heavy
def test_one_wide_row_of_three_writers_at_once(home):
    home.batch("CREATE TABLE user_wide (user_id BIGINT, name STRING, city STRING, clicks BIGINT, last_click STRING, spend DECIMAL(15, 2),"
               " PRIMARY KEY (user_id) NOT ENFORCED) WITH ('bucket.num' = '4', 'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '3s')")
    for writer in "abc":
        home.ask(sql=f"CREATE TEMPORARY TABLE seq_{writer} (i BIGINT) WITH ('connector' = 'datagen', 'fields.i.kind' = 'sequence', 'fields.i.start' = '0', 'fields.i.end' = '9999')")
    home.ask(sql="SET 'parallelism.default' = '1'")
    home.ask(sql="SET 'table.exec.resource.default-parallelism' = '1'")
    writers = [home.start(f"INSERT INTO user_wide ({columns}) SELECT MOD(i, 1000) + 1, {values} FROM seq_{writer}") for writer, columns, values in (
        ("a", "user_id, name, city", "CONCAT('u', CAST(MOD(i, 1000) + 1 AS STRING)), CONCAT('c', CAST(i / 1000 + 1 AS STRING))"),
        ("b", "user_id, clicks, last_click", "i / 1000 + 1, CONCAT('t', CAST(i / 1000 + 1 AS STRING))"),
        ("c", "user_id, spend", "CAST(MOD(i, 1000) + 1 + i / 1000 + 1 AS DECIMAL(15, 2))"))]
    for writer in writers:
        home.ask(job=writer.name, do="wait", seconds=120)
    home.ask(sql="SET 'parallelism.default' = '2'")
    home.ask(sql="SET 'table.exec.resource.default-parallelism' = '2'")
    table = f"{home.database}.user_wide"
    complete = "name = CONCAT('u', CAST(user_id AS STRING)) AND city = 'c10' AND clicks = 10 AND last_click = 't10' AND spend = user_id + 10"
    wait_for_lake(home.server, table)
    for read in (lambda query: [list(row.values()) for row in sql(home.server, query)[0]], lambda query: [[int(row[0])] for row in home.batch(query)]):
        assert read(f"SELECT count(*) FROM {table}") == [[1000]]
        assert read(f"SELECT count(*) FROM {table} WHERE {complete}") == [[1000]]
    assert home.batch(f"SELECT * FROM {table} WHERE user_id = 42") == [["42", "u42", "c10", "10", "t10", "52.00"]]
    assert home.batch(f"SELECT sum(spend) FROM {table}") == [["510500.00"]]
