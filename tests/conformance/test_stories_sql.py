"""Two acceptance stories in SQL alone: the board of customers over fresh and historical data, and back-tracking, then live."""
import json
import subprocess
import threading

import pytest

from harness import STROM, Server, sql, total_size, until

BOARD = "SELECT customer_id, SUM(amount) AS total FROM {} GROUP BY customer_id ORDER BY total DESC, customer_id LIMIT 10"
HISTORY = {12: 363, 11: 333, 10: 303, 9: 273, 8: 243, 7: 213, 6: 183, 5: 153, 4: 123, 3: 93}
FRESH = {1: 533, 2: 463, 12: 368, 11: 333, 10: 303, 9: 273, 8: 243, 7: 213, 6: 183, 5: 153}
LATER = {2: 463, 12: 368, 11: 333, 10: 303, 9: 273, 8: 243, 7: 213, 6: 183, 5: 153, 4: 123}


def board(server, table="user_orders", where=""):
    return {row["customer_id"]: row["total"] for row in sql(server, BOARD.format(table + where))[0]}


@pytest.mark.parametrize("from_lake", [False, True])
def test_the_board_over_fresh_and_historical_data(tmp_path, from_lake):
    """Whether the keys are read from the server, or from the lake with the changes since over them."""
    server = Server(tmp_path, **{"datalake.format": "paimon"})
    sql(server, """CREATE TABLE user_orders (order_id BIGINT, customer_id INT, amount DECIMAL(15, 2), order_time STRING, PRIMARY KEY (order_id) NOT ENFORCED)
        WITH ('bucket.num' = '4', 'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '1h')""",
        """INSERT INTO user_orders SELECT n.n * 12 + c.c, c.c, CAST(c.c * 10 + n.n AS DECIMAL(15, 2)), '20250401'
        FROM (VALUES (0),(1),(2)) AS n(n), (VALUES (1),(2),(3),(4),(5),(6),(7),(8),(9),(10),(11),(12)) AS c(c)""")

    # Once: another round would take what comes later along.
    subprocess.run([STROM, "lake", "--bootstrap", server.address, "tier", "user_orders"], check=True)
    until(lambda: sql(server, "SELECT count(*) AS n FROM user_orders$lake") == [[{"n": 36}]], what="history in the lake")
    ask = lambda where="": {row["customer_id"]: row["total"] for row in sql(server, *([f"SET 'sql.keys-from-lake.min-rows' = '{0 if from_lake else 1000}'"]), BOARD.format("user_orders" + where))[-1]}  # noqa: E731
    assert ask() == HISTORY and list(ask()) == list(HISTORY)
    sql(server, "INSERT INTO user_orders VALUES (37,1,500.00,'20250402'),(38,2,400.00,'20250402'),(39,12,5.00,'20250402')")
    assert ask() == FRESH and list(ask()) == list(FRESH), "at once"
    assert board(server, "user_orders$lake") == HISTORY, "the lake alone is as it was"
    sql(server, "DELETE FROM user_orders WHERE order_id = 37")
    assert ask() == LATER
    assert ask(" WHERE order_time > '20250401'") == {2: 400, 12: 5}
    assert server.stop() == 0


def test_no_total_goes_down_without_a_delete(tmp_path):
    """The board across rounds, a crash and a restart: a gap or a double at the seam of lake and stream would show."""
    server = Server(tmp_path, **{"datalake.format": "paimon"})
    sql(server, """CREATE TABLE user_orders (order_id BIGINT, customer_id INT, amount DECIMAL(15, 2), PRIMARY KEY (order_id) NOT ENFORCED)
        WITH ('bucket.num' = '4', 'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '50ms', 'table.datalake.auto-compaction' = 'true')""")
    totals = {}
    for step in range(20):
        sql(server, f"INSERT INTO user_orders SELECT i, i % 7, 1 FROM range({step * 70}, {step * 70 + 70}) AS r(i)")
        if step == 12:
            server.kill()
            server = server.restarted()
        for rows in (0, 10**9):
            now = {row["customer_id"]: row["total"] for row in sql(server, f"SET 'sql.keys-from-lake.min-rows' = '{rows}'", BOARD.format("user_orders"))[-1]}
            assert now == dict.fromkeys(range(7), (step + 1) * 10), (step, rows)
            assert all(now[customer] >= total for customer, total in totals.items())
            totals = now
    assert server.stop() == 0


def test_back_tracking_then_live(tmp_path):
    """A job sees all history, from the lake, although the log no longer has it, and then stays live: no gap, nothing twice."""
    server = Server(tmp_path, **{"datalake.format": "paimon", "log.retention.check-interval": "100ms"})
    sql(server, """CREATE TABLE events (id BIGINT, dt STRING, kind STRING, amount DECIMAL(15, 2), payload STRING)
        WITH ('bucket.num' = '4', 'bucket.key' = 'id', 'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '1s', 'table.log.ttl' = '500ms')""",
        """INSERT INTO events SELECT id, CONCAT('d', LPAD(CAST(id / 1000 AS STRING), 2, '0')), 'k', CAST(id AS DECIMAL(15,2)), REPEAT('x', 200)
        FROM generate_series(0, 9999) AS gen(id)""")
    until(lambda: sql(server, "SELECT count(*) AS n FROM events$lake") == [[{"n": 10000}]], what="all rows in the lake")
    until(lambda: total_size(tmp_path / "data/fluss", "*.log") == 0, what="the hot log expired")
    offsets = json.loads(subprocess.run([STROM, "table", "--bootstrap", server.address, "-o", "json", "offsets", "events"], capture_output=True, text=True, check=True).stdout)
    assert len(offsets) == 4 and all(row["earliest"] > 0 for row in offsets)
    job = subprocess.Popen([STROM, "read", "--bootstrap", server.address, "events", "--from", "full", "-f", "--columns", "id", "--limit", "11000", "-o", "ndjson"],
                           stdout=subprocess.PIPE, text=True)
    seen = []
    reader = threading.Thread(target=lambda: seen.extend(json.loads(line)["id"] for line in job.stdout), daemon=True)
    reader.start()
    until(lambda: sql(server, "SELECT 1") and len(seen) == 10000, what="history is read")
    for step in range(10):
        sql(server, f"INSERT INTO events SELECT id, 'd10', 'k', id, '' FROM range({10000 + step * 100}, {10100 + step * 100}) AS r(id)")
        until(lambda: sql(server, "SELECT 1") and len(seen) == 10100 + step * 100, what="live rows arrive")  # noqa: B023
    assert job.wait(20) == 0
    reader.join()
    assert sorted(seen) == list(range(11000))
    assert sql(server, "SELECT COUNT(*) AS n, SUM(id) AS s FROM events WHERE dt = 'd07'") == [[{"n": 1000, "s": 7499500}]]
    latest = subprocess.run([STROM, "read", "--bootstrap", server.address, "events", "--from", "latest"], capture_output=True, text=True, check=True).stdout
    assert latest == "", "only rows that come after"
    assert server.stop() == 0
