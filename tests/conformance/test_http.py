"""SQL over HTTP, health and metrics: what a program without any client of ours can ask, and what it may not."""
import base64
import concurrent.futures
import http.client
import io
import json
import subprocess

import pytest

from harness import READERS, STROM, Server, sql, until, wait_for_lake


def start(folder, **settings):
    server = Server(folder, **{"server.http.listener": "127.0.0.1:0", "datalake.enabled": "true", "datalake.format": "paimon",
                               "datalake.paimon.warehouse": str(folder / "lake"), **settings})
    server.http_port = int(server.wait_for(r"HTTP at http://127\.0\.0\.1:(\d+)").group(1))
    return server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = start(tmp_path_factory.mktemp("http"), **{"server.http.sql.max-rows": "5000", "server.http.sql.memory-size": "64mb"})
    yield running
    assert running.stop() == 0


def send(server, path, body=None, method=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=60)
    if body is not None:
        headers = {"Content-Type": "application/json", **headers}
        body = body if isinstance(body, (bytes, str)) else json.dumps(body)
    connection.request(method or ("GET" if body is None else "POST"), path, body, headers)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), data


def ask(server, statement, status=200, headers=None, **more):
    got, _, body = send(server, "/v1/sql", {"sql": statement, **more}, **(headers or {}))
    assert got == status, body
    return json.loads(body)


def test_health_and_readiness(server):
    assert send(server, "/health")[::2] == (200, b"alive\n") and send(server, "/ready")[::2] == (200, b"ready\n")
    status, _, body = send(server, "/nowhere")
    assert status == 404 and json.loads(body)["error"]["code"] == "NOT_FOUND"


def test_statements_and_their_answers(server, name):
    assert ask(server, f"CREATE TABLE {name} (id INT, v STRING, d DECIMAL(10, 2), PRIMARY KEY (id) NOT ENFORCED)")["message"].endswith("created")
    assert ask(server, f"INSERT INTO {name} VALUES (1, 'ü\"\\', 1.50), (2, NULL, 2.25)")["rows_changed"] == 2
    answer = ask(server, f"SELECT * FROM {name} ORDER BY id")
    assert answer["columns"] == [{"name": "id", "type": "INTEGER"}, {"name": "v", "type": "VARCHAR"}, {"name": "d", "type": "DECIMAL(10,2)"}]
    assert answer["rows"] == [[1, 'ü"\\', 1.5], [2, None, 2.25]] and answer["row_count"] == 2 and answer["truncated"] is False
    assert answer["scans"][0]["table"] == f"fluss.{name}" and answer["took_ms"] > 0
    assert ask(server, f"UPDATE {name} SET v = 'x' WHERE id = 2")["rows_changed"] == 1
    assert ask(server, f"DELETE FROM {name} WHERE id = 1")["rows_changed"] == 1
    assert ask(server, "SHOW TABLES", database="fluss")["columns"][0]["name"] == "table name"
    assert ask(server, f"SELECT v FROM {name}", database="fluss")["rows"] == [["x"]]
    assert ask(server, "SELECT 1 AS one WHERE false")["rows"] == []
    ask(server, f"DROP TABLE {name}")


def test_stream_and_lake_together(server, name):
    for key in ("", ", PRIMARY KEY (id) NOT ENFORCED"):
        table = name + ("k" if key else "l")
        sql(server, f"CREATE TABLE {table} (id INT, v STRING{key}) WITH ('table.datalake.enabled' = 'true', 'table.datalake.freshness' = '1s')",
            f"INSERT INTO {table} VALUES (1, 'a'), (2, 'b')")
        wait_for_lake(server, table)
        sql(server, f"INSERT INTO {table} VALUES (3, 'c')")
        assert ask(server, f"SELECT count(*), sum(id) FROM {table}")["rows"] == [[3, 6]]
        assert ask(server, f"SELECT count(*) FROM {table}$lake")["rows"][0][0] >= 2
        assert ask(server, f"SELECT snapshot_id FROM {table}$lake$snapshots")["row_count"] >= 1


def test_arrow_out(server, name):
    sql(server, f"CREATE TABLE {name} (id INT, v STRING, t TIMESTAMP(6))", f"INSERT INTO {name} SELECT i, 'v' || i, TIMESTAMP '2025-01-01 00:00:00.000001' FROM range(6000) AS r(i)")
    for statement, rows, truncated in ((f"SELECT * FROM {name} WHERE id < 3000", 3000, "false"), (f"SELECT * FROM {name}", 5000, "true"), (f"SELECT * FROM {name} WHERE id < 0", 0, "false")):
        status, headers, body = send(server, "/v1/sql", {"sql": statement}, Accept="application/vnd.apache.arrow.stream")
        assert status == 200 and headers["Content-Type"] == "application/vnd.apache.arrow.stream"
        assert headers["X-Strom-Row-Count"] == str(rows) and headers["X-Strom-Truncated"] == truncated
        script = "import sys, pyarrow as pa; t = pa.ipc.open_stream(sys.stdin.buffer).read_all(); print(t.num_rows, t.schema.names)"
        read = subprocess.run([READERS, "-c", script], input=body, capture_output=True)
        assert read.stdout.decode().strip() == f"{rows} ['id', 'v', 't']", read.stderr
    status, _, body = send(server, "/v1/sql", {"sql": "SHOW TABLES"}, Accept="application/vnd.apache.arrow.stream")
    assert status == 400 and b"UNSUPPORTED" in body


def test_limits_of_rows_time_and_memory(server):
    few = ask(server, "SELECT * FROM range(100)", max_rows=3)
    assert few["rows"] == [[0], [1], [2]] and few["truncated"] is True
    assert ask(server, "SELECT * FROM range(1000000)")["row_count"] == 5000
    slow = ask(server, "SELECT count(*) FROM range(1000000000000) AS a(i) WHERE i % 7 = hash(i)", 504, timeout_ms=200)
    assert slow["error"]["code"] == "REQUEST_TIME_OUT" and "200 ms" in slow["error"]["message"]
    assert ask(server, "SELECT max(len(l)) FROM (SELECT list(i) AS l FROM range(100000000) AS r(i))", 413)["error"]["code"] == "LIMIT_EXCEEDED"
    status, _, body = send(server, "/v1/sql", b"{" + b" " * (2 << 20))
    assert status == 413 and b"too large" in body
    assert ask(server, "SELECT 1")["rows"] == [[1]], "and it goes on"


def test_statements_reach_no_file_of_the_server(server, tmp_path, name):
    secret = tmp_path / "secret.csv"
    secret.write_text("a\nsecret\n")
    sql(server, f"CREATE TABLE {name} (id INT) WITH ('table.datalake.enabled' = 'true', 'table.datalake.freshness' = '1s')", f"INSERT INTO {name} VALUES (1)")
    wait_for_lake(server, name)
    file = next((server.cwd / "lake").glob(f"fluss.db/{name}/bucket-*/data-*.parquet"))
    for statement in (f"SELECT * FROM '{secret}'", f"SELECT * FROM read_csv('{secret}')", f"SELECT * FROM read_text('{secret}')", f"SELECT * FROM read_blob('{secret}')",
                      f"SELECT * FROM glob('{tmp_path}/*')", f"SELECT * FROM '{tmp_path}/x.arrow'", f"SELECT * FROM \"arrow:{secret}\"", f"SELECT * FROM strom_scan('arrow:{secret}')", f"SELECT * FROM read_parquet('{file}')", f"SELECT * FROM parquet_metadata('{file}')", f"SELECT * FROM '{file}'",
                      f"INSERT INTO {name} SELECT length(content) FROM read_text('{secret}')", f"SELECT * FROM read_csv('{server.cwd}/data/sql-spill/../../../etc/passwd')",
                      f"COPY (SELECT 1) TO '{tmp_path}/out.csv'", f"ATTACH '{tmp_path}/x.db'", "LOAD httpfs", "INSTALL httpfs", "SET memory_limit = '100GB'",
                      "PRAGMA memory_limit = '100GB'", f"EXPORT DATABASE '{tmp_path}'", "CREATE TEMP TABLE x (a INT)", "SELECT 1; SELECT 2", "SET 'execution.runtime-mode' = 'streaming'",
                      "CALL pragma_version()", f"EXPLAIN ANALYZE COPY (SELECT 1) TO '{tmp_path}/out.csv'", "RESET memory_limit", "CHECKPOINT"):
        status, _, body = send(server, "/v1/sql", {"sql": statement})
        nothing = status == 200 and json.loads(body)["rows"] == []  # of functions that take a file that is not there for none
        assert status in (400, 403, 404, 500) or nothing, (statement, body)
        assert b"secret" not in body.replace(b"secret.csv", b""), statement
    assert not list(tmp_path.glob("out*")) and not list(tmp_path.glob("x.db*"))
    # What a statement was allowed is forgotten with it: the next one cannot read the files of a table.
    ask(server, f"SELECT * FROM {name}$lake")
    assert send(server, "/v1/sql", {"sql": f"SELECT * FROM read_parquet('{file}')"})[0] != 200
    # Within one statement the files of a table are at hand, which the caller may read anyway.
    assert send(server, "/v1/sql", {"sql": f"SELECT * FROM read_parquet('{tmp_path}/no.parquet'), {name}$lake"})[0] != 200


@pytest.mark.parametrize("body, part", [("", "JSON object"), ("[]", "JSON object"), ("{}", "'sql' is missing"), ('{"sql": 5}', "'sql'"), ('{"sql": "SELECT 1", "rows": 3}', "'rows'"),
                                        ('{"sql": "SELECT 1", "max_rows": 0}', "max_rows"), ('{"sql": "SELECT 1", "max_rows": 1.5}', "max_rows"), ('{"sql": "SELEC 1"}', "SELEC"),
                                        ('{"sql": "SELECT * FROM nowhere"}', "nowhere"), (b'{"sql": "SELECT \xff"}', "JSON object"), ('{"sql": "SELECT 1", "database": "none"}', "none")])
def test_bad_requests_are_told_so(server, body, part):
    status, headers, answer = send(server, "/v1/sql", body)
    error = json.loads(answer)["error"]
    assert status in (400, 404) and part in error["message"] and error["request_id"] == headers["X-Request-Id"]


def test_only_json_by_post(server):
    assert send(server, "/v1/sql")[0] == 405
    assert send(server, "/v1/sql", '{"sql": "SELECT 1"}', **{"Content-Type": "text/plain"})[0] == 400, "what a page of another site could send"


def test_rights_hold_over_http(tmp_path):
    users = 'org.apache.fluss.security.auth.sasl.plain.PlainLoginModule required user_root="root-pw" user_guest="guest-pw";'
    server = start(tmp_path, **{"security.protocol.map": "FLUSS:SASL", "security.sasl.plain.jaas.config": users, "authorizer.enabled": "true", "super.users": "User:root"})

    def run(user, statement, status=200):
        credentials = base64.b64encode(f"{user}:{user}-pw".encode()).decode()
        return ask(server, statement, status, {"Authorization": f"Basic {credentials}"})

    assert ask(server, "SHOW TABLES", 401)["error"]["code"] == "AUTHENTICATE"
    run("nobody", "SHOW TABLES", 401)
    run("root", "CREATE TABLE t (id INT) WITH ('table.datalake.enabled' = 'true', 'table.datalake.freshness' = '1s')")
    run("root", "INSERT INTO t VALUES (1)")
    until(lambda: run("root", "SELECT count(*) FROM t$lake")["rows"] == [[1]], what="the row in the lake")
    assert run("guest", "SELECT * FROM t", 403)["error"]["code"] == "AUTHORIZATION"
    words = [STROM, "acl", "grant", "User:guest", "DESCRIBE", "fluss.t", "--bootstrap", server.address, "--user", "root"]
    subprocess.run(words, check=True, env={"STROM_PASSWORD": "root-pw"})
    for face in ("t", "t$lake"):
        assert "may not READ" in run("guest", f"SELECT * FROM {face}", 403)["error"]["message"], "the server's own right to the files is not the guest's"
    words[4] = "READ"
    subprocess.run(words, check=True, env={"STROM_PASSWORD": "root-pw"})
    for face in ("t", "t$lake"):
        assert run("guest", f"SELECT count(*) FROM {face}")["rows"] == [[1]]
    run("guest", "INSERT INTO t VALUES (2)", 403)
    assert server.stop() == 0


def metric(server, name):
    """`name` with its labels."""
    text = send(server, "/metrics")[2].decode()
    return next((float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name + " ")), None)


def test_metrics_as_prometheus_reads_them(server, name):
    sql(server, f"CREATE TABLE {name} (id INT) WITH ('bucket.num' = '3', 'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '1s')", f"INSERT INTO {name} SELECT i FROM range(1000) AS r(i)")
    wait_for_lake(server, name)
    status, headers, text = send(server, "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    seen = set()
    for line in text.decode().splitlines():
        if line.startswith("# TYPE "):
            kind = line.split()
            assert kind[2] not in seen and kind[3] in ("gauge", "counter"), line
            seen.add(kind[2])
        else:
            assert line.split("{")[0].split(" ")[0] in seen and float(line.rsplit(" ", 1)[1]) >= 0, line
    table = f'database="fluss",table="{name}"'
    assert metric(server, f"fluss_coordinator_table_bucketCount{{{table}}}") == 3
    assert metric(server, "fluss_coordinator_activeTabletServerCount") == 1 and metric(server, "fluss_tabletserver_leaderCount") >= 3
    assert metric(server, 'strom_requests_total{request="PRODUCE_LOG"}') >= 1
    lines = text.decode()
    assert f"strom_table_log_bytes{{{table}}}" in lines and "fluss_coordinator_lakeTiering_table_recordCount" in lines
    sql(server, f"INSERT INTO {name} SELECT i FROM range(1000) AS r(i)")
    assert metric(server, f"fluss_tabletserver_table_messagesInPerSecond{{{table}}}") > 0
    assert metric(server, "fluss_tabletserver_bytesInPerSecond") > 0
    assert metric(server, "process_resident_memory_bytes") > 1 << 20


def test_many_at_once(server, name):
    sql(server, f"CREATE TABLE {name} (id INT)", f"INSERT INTO {name} SELECT i FROM range(1000) AS r(i)")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert all(answer["rows"] == [[1000, 499500]] for answer in pool.map(lambda _: ask(server, f"SELECT count(*), sum(id) FROM {name}"), range(64)))


def test_a_taken_port_is_an_error_only_when_it_was_asked_for(tmp_path, server):
    words = [STROM, "server", "-X", f"data.dir={tmp_path}", "-X", "bind.listeners=FLUSS://127.0.0.1:0", "-X", f"server.http.listener=127.0.0.1:{server.http_port}"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    assert done.returncode != 0 and f"cannot serve HTTP at 127.0.0.1:{server.http_port}" in done.stderr
    (tmp_path / "off").mkdir()
    other = Server(tmp_path / "off", **{"server.http.listener": "off"})
    assert other.stop() == 0 and "HTTP" not in "\n".join(other.lines)
