"""Primary key tables as people use them from strom sql."""
import threading

import pytest

from harness import Raw, Server, field, fields, key_batch, signed, sql, varint

ORDERS = """CREATE TABLE {} (order_id BIGINT, customer_id INT, amount DECIMAL(15, 2), note STRING, PRIMARY KEY (order_id) NOT ENFORCED)
            WITH ('bucket.num' = '4')"""


def test_top_ten_customers(server, name):
    """Story 2 over the stream alone: the same numbers."""
    sql(server, ORDERS.format(name),
        f"INSERT INTO {name} SELECT n.n * 12 + c.c, c.c, CAST(c.c * 10 + n.n AS DECIMAL(15, 2)), '20250401' FROM (VALUES (0),(1),(2)) AS n(n), "
        "(VALUES (1),(2),(3),(4),(5),(6),(7),(8),(9),(10),(11),(12)) AS c(c)")
    top = f"SELECT customer_id AS c, SUM(amount) AS total FROM {name} GROUP BY customer_id ORDER BY total DESC, customer_id LIMIT 3"
    board = lambda: [(r["c"], float(r["total"])) for r in sql(server, top)[0]]  # noqa: E731
    assert board() == [(12, 363), (11, 333), (10, 303)]
    sql(server, f"INSERT INTO {name} VALUES (37,1,500.00,'20250402'),(38,2,400.00,'20250402'),(39,12,5.00,'20250402')")
    assert board() == [(1, 533), (2, 463), (12, 368)]
    sql(server, f"DELETE FROM {name} WHERE order_id = 37")
    assert board() == [(2, 463), (12, 368), (11, 333)]


def test_update_changes_only_what_it_names(server, name):
    sql(server, ORDERS.format(name), f"INSERT INTO {name} VALUES (1, 10, 1.50, 'a'), (2, 20, 2.50, 'b'), (3, 30, 3.50, NULL)")
    said = sql(server, f"UPDATE {name} SET amount = amount * 2, note = upper(coalesce(note, 'x, where')) WHERE order_id IN (1, 3)", output="table")
    assert sql(server, f"SELECT * FROM {name} ORDER BY order_id")[0] == [
        {"order_id": 1, "customer_id": 10, "amount": 3.0, "note": "A"}, {"order_id": 2, "customer_id": 20, "amount": 2.5, "note": "b"},
        {"order_id": 3, "customer_id": 30, "amount": 7.0, "note": "X, WHERE"}], said
    sql(server, f"INSERT INTO {name} (order_id, note) VALUES (2, 'only the note'), (4, 'new')")
    assert sql(server, f"SELECT customer_id AS c, note FROM {name} WHERE order_id IN (2, 4) ORDER BY order_id")[0] == [
        {"c": 20, "note": "only the note"}, {"c": None, "note": "new"}]
    sql(server, f"DELETE FROM {name}")
    assert sql(server, f"SELECT count(*) AS n FROM {name}")[0] == [{"n": 0}]


def test_rows_with_not_null_columns_are_written_whole(server, name):
    sql(server, f"CREATE TABLE {name} (a INT, b STRING, v INT NOT NULL, w INT, PRIMARY KEY (a, b) NOT ENFORCED)",
        f"INSERT INTO {name} VALUES (1, 'x', 5, 6), (1, 'y', 7, 8)", f"UPDATE {name} SET w = w + v WHERE b = 'y'")
    assert sql(server, f"SELECT * FROM {name} ORDER BY b")[0] == [{"a": 1, "b": "x", "v": 5, "w": 6}, {"a": 1, "b": "y", "v": 7, "w": 15}]
    refused = sql(server, f"INSERT INTO {name} (a, b, w) VALUES (1, 'x', 9)", ok=False)
    assert "cannot be updated in part: its column 'v' is NOT NULL" in refused.stderr


@pytest.mark.parametrize("statement, text", [
    ("UPDATE {t} SET order_id = 5", "part of the primary key"),
    ("UPDATE {t} SET nothing = 5", "has no column 'nothing'"),
    ("UPDATE {t} SET note = 'a', note = 'b'", "set twice"),
    ("UPDATE {t} SET", "a column name is expected"),
    ("DELETE FROM {t} WHERE", "an expression is expected"),
    ("UPDATE {l} SET a = 1", "needs a table with a primary key"),
    ("DELETE FROM {l}", "needs a table with a primary key"),
])
def test_wrong_changes_are_refused(server, name, statement, text):
    sql(server, ORDERS.format(name), f"CREATE TABLE {name}_l (a INT)")
    assert text in sql(server, statement.format(t=name, l=name + "_l"), ok=False).stderr


def test_columns_added_later_are_null_in_older_rows(server, name):
    sql(server, ORDERS.format(name), f"INSERT INTO {name} VALUES (1, 10, 1.50, 'a')", f"ALTER TABLE {name} ADD COLUMN extra BIGINT",
        f"INSERT INTO {name} VALUES (2, 20, 2.50, 'b', 7)", f"UPDATE {name} SET note = 'c' WHERE order_id = 1")
    assert sql(server, f"SELECT order_id AS o, note, extra FROM {name} ORDER BY o")[0] == [{"o": 1, "note": "c", "extra": None}, {"o": 2, "note": "b", "extra": 7}]


def test_partitions_and_joins(server, name):
    sql(server, f"CREATE TABLE {name} (region STRING, id INT, v STRING, PRIMARY KEY (region, id) NOT ENFORCED) PARTITIONED BY (region) WITH ('bucket.num' = '2')",
        f"CREATE TABLE {name}_clicks (id INT, region STRING, n INT)",
        f"INSERT INTO {name} SELECT r, i, r || i FROM (VALUES ('EU'), ('US')) AS r(r), range(100) AS i(i)",
        f"INSERT INTO {name}_clicks SELECT i % 100, 'EU', 1 FROM range(1000) AS i(i)")
    joined = sql(server, f"SELECT v, sum(n) AS n FROM {name}_clicks AS c JOIN {name} AS d ON c.id = d.id AND c.region = d.region WHERE d.id = 7 GROUP BY v")[0]
    assert joined == [{"v": "EU7", "n": 10}]


def test_a_large_table_is_scanned_in_parts_while_it_changes(server, name):
    """Each scan sees each key once, with the value that it had when its bucket was opened."""
    sql(server, f"CREATE TABLE {name} (id BIGINT, v BIGINT, pad STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket.num' = '2')",
        f"INSERT INTO {name} SELECT i, 0, repeat('x', 200) FROM range(60000) AS r(i)")
    stop = threading.Event()

    def change():
        while not stop.is_set():
            sql(server, f"UPDATE {name} SET v = v + 1 WHERE id % 1000 = 0")

    changer = threading.Thread(target=change)
    changer.start()
    try:
        for _ in range(5):
            assert sql(server, f"SELECT count(*) AS n, count(DISTINCT id) AS d, sum(id) AS s, max(length(pad)) AS l FROM {name}")[0] == [
                {"n": 60000, "d": 60000, "s": 60000 * 59999 // 2, "l": 200}]
    finally:
        stop.set()
        changer.join()


def test_writers_wait_for_memory(tmp_path):
    """Far more rows than memory: slower, not broken."""
    server = Server(tmp_path, **{"server.kv.memory-size": "16mb"})
    sql(server, "CREATE TABLE t (id BIGINT, pad STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket.num' = '3')",
        "INSERT INTO t SELECT i, repeat('x', 500) FROM range(150000) AS r(i)", "INSERT INTO t SELECT i, repeat('y', 500) FROM range(0, 150000, 3) AS r(i)")
    assert sql(server, "SELECT count(*) AS n, sum(length(pad)) AS l, count(*) FILTER (pad LIKE 'y%') AS y FROM t")[0] == [{"n": 150000, "l": 75000000, "y": 50000}]
    resident = next(int(line.split()[1]) for line in open(f"/proc/{server.process.pid}/status") if line.startswith("VmRSS")) // 1024
    assert resident < 200, f"{resident} MiB for a budget of 16"
    assert server.stop() == 0


def scan(raw, **request):
    """One SCAN_KV: the fields of its answer, or its error code."""
    numbers = {"scanner": 1, "bucket": 2, "call": 3, "bytes": 4, "close": 5}
    answer = raw.call(1061, b"".join(field(numbers[key], value) for key, value in request.items()))
    return answer if 1 not in answer else signed(answer[1][0])


def test_a_whole_key_is_looked_up_not_scanned(server_without_lake, name):
    server, raw = server_without_lake, Raw(server_without_lake.port)
    sql(server, f"CREATE TABLE {name} (region STRING, a INT, b STRING, v STRING, PRIMARY KEY (region, a, b) NOT ENFORCED) PARTITIONED BY (region)",
        f"INSERT INTO {name} SELECT 'EU', i, 'b' || i % 3, 'v' || i FROM range(300) AS r(i)")
    table = raw.table_id("fluss", name)
    partition = fields(raw.call(1009, field(1, field(1, "fluss") + field(2, name)))[1][0])[1][0]
    opened = [scan(raw, bucket=field(1, table) + field(2, partition) + field(3, 0), call=0, bytes=1) for _ in range(8)]  # no scan beside these
    assert "scans of table" in sql(server, f"SELECT count(*) FROM {name}", ok=False).stderr
    query = f"SELECT v FROM {name} WHERE a = {{}} AND b = '{{}}' AND region = '{{}}'"
    assert sql(server, query.format(7, "b1", "EU")) == [[{"v": "v7"}]]
    assert sql(server, query.format(7, "b1", "EU") + " AND v = 'other'") == [[]]
    for key in ((7, "b2", "EU"), (7, "b1", "US")):
        assert sql(server, query.format(*key)) == [[]]
    for one in opened:
        scan(raw, scanner=one[3][0], close=1)
    assert sql(server, f"SELECT count(*) AS n FROM {name} WHERE a = 7 OR b = 'b0'") == [[{"n": 101}]]


def test_scan_sessions(server_without_lake):
    raw = Raw(server_without_lake.port)
    sql(server_without_lake, "CREATE TABLE scans (id BIGINT, v STRING, PRIMARY KEY (id) NOT ENFORCED)")
    table = raw.table_id("fluss", "scans")
    row = lambda i: b"\0" + varint(i) + varint(100) + b"v" * 100  # noqa: E731
    assert raw.put(table, 0, key_batch([(varint(i), row(i)) for i in range(100)])) == 100
    bucket = field(1, table) + field(3, 0)
    opened = scan(raw, bucket=bucket, call=0, bytes=1000)
    assert opened[6] == [100] and opened[4] == [1]
    raw.put(table, 0, key_batch([(varint(i), None) for i in range(100)]))  # the scan goes on with what was there
    seen, answer, call = [], opened, 0
    while True:
        batch = answer[5][0]
        count = int.from_bytes(batch[5:9], "little")
        seen.append(count)
        if not answer[4][0]:
            break
        call += 1
        answer = scan(raw, scanner=opened[3][0], call=call, bytes=1000)
    assert sum(seen) == 100 and max(seen) < 20
    assert scan(raw, scanner=opened[3][0], call=call + 1, bytes=1000) == 67, "it ended with its last batch"
    raw.put(table, 0, key_batch([(varint(i), row(i)) for i in range(100)]))
    again = scan(raw, bucket=bucket, call=0, bytes=1)
    assert int.from_bytes(again[5][0][5:9], "little") == 1, "at least one row"
    assert scan(raw, scanner=again[3][0], call=5, bytes=1000) == 68
    for bad in ({"bytes": 5}, {"bucket": bucket, "scanner": b"x" * 12, "bytes": 5}, {"bucket": bucket, "bytes": 0}):
        assert scan(raw, **bad) == 68
    assert scan(raw, scanner=b"\xff" * 12, call=1, bytes=10) == 67
    ids = [scan(raw, bucket=bucket, call=0, bytes=1)[3][0] for _ in range(8)]
    assert scan(raw, bucket=bucket, call=0, bytes=1) == 69
    for one in ids:
        assert scan(raw, scanner=one, close=1) == {4: [0]}
    limited = scan(raw, bucket=bucket + field(4, 7), call=0, bytes=100000)
    assert int.from_bytes(limited[5][0][5:9], "little") == 7 and limited[4] == [0]
