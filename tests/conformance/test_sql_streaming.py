"""SELECT in streaming mode: the history first, from the lake as far as it goes, then every change as it comes, each once."""
import atexit
import json
import queue
import random
import signal
import subprocess
import threading

import pytest

from harness import STROM, Server, sql, until, wait_until_tiered

LAKE = "'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '100ms'"


class Follower:
    """A `strom sql` that follows a query; its rows come as they are printed."""

    def __init__(self, server, query):
        words = [STROM, "sql", "--bootstrap", server.address, "-o", "ndjson", "-c", "SET 'execution.runtime-mode' = 'streaming'", "-c", query]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)
        self.rows = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.rows.put(json.loads(line))

    def take(self, count, seconds=30):
        return [self.rows.get(timeout=seconds) for _ in range(count)]

    def stop(self):
        """Interrupts it; whatever else it had printed."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(20) == 130
        assert self.rows.empty()

    def error(self):
        code = self.process.wait(20)
        return code, self.process.stderr.read()


def test_history_then_live(server, name):
    sql(server, f"CREATE TABLE {name} (id BIGINT, v STRING) WITH ('bucket.num' = '3', {LAKE})", f"INSERT INTO {name} SELECT i, 'old' FROM range(1000) AS r(i)")
    wait_until_tiered(server, name, 1000)
    sql(server, f"INSERT INTO {name} VALUES (1000, 'not tiered yet')")
    follower = Follower(server, f"SELECT id, v FROM {name} WHERE id % 2 = 0")
    rows = follower.take(501)
    assert {row["id"] for row in rows} == set(range(0, 1001, 2)) and all(row["op"] == "+I" for row in rows)
    for i in range(2000, 2010):
        sql(server, f"INSERT INTO {name} VALUES ({i}, 'live')")
        if i % 2 == 0:
            assert follower.take(1) == [{"op": "+I", "id": i, "v": "live"}]
    follower.stop()


def test_changes_of_keys_carry_their_kind(server, name):
    sql(server, f"CREATE TABLE {name} (id BIGINT, v STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket.num' = '2')", f"INSERT INTO {name} VALUES (1, 'a'), (2, 'b')")
    follower = Follower(server, f"SELECT * FROM {name}")
    assert sorted(row["id"] for row in follower.take(2)) == [1, 2]
    sql(server, f"UPDATE {name} SET v = 'c' WHERE id = 1")
    assert follower.take(2) == [{"op": "-U", "id": 1, "v": "a"}, {"op": "+U", "id": 1, "v": "c"}]
    sql(server, f"DELETE FROM {name} WHERE id = 2")
    assert follower.take(1) == [{"op": "-D", "id": 2, "v": "b"}]
    follower.stop()


def test_starts_limits_and_new_partitions(server, name):
    sql(server, f"CREATE TABLE {name} (id BIGINT, dt STRING) PARTITIONED BY (dt) WITH ('bucket.num' = '1')", f"INSERT INTO {name} VALUES (1, 'a'), (2, 'a')")
    limited = Follower(server, f"SELECT id FROM {name} LIMIT 2")
    assert len(limited.take(2)) == 2 and limited.process.wait(20) == 0
    latest = Follower(server, f"SELECT id, dt FROM {name} /*+ OPTIONS('scan.startup.mode' = 'latest') */")
    earliest = Follower(server, f"SELECT id, dt FROM {name} /*+ OPTIONS('scan.startup.mode' = 'earliest') */ AS x WHERE x.id > 1")
    assert earliest.take(1) == [{"op": "+I", "id": 2, "dt": "a"}]
    sql(server, f"INSERT INTO {name} VALUES (3, 'b')")  # a partition that nobody knew
    assert earliest.take(1) == [{"op": "+I", "id": 3, "dt": "b"}]
    assert latest.take(1)[0]["id"] == 3
    latest.stop()
    earliest.stop()


def test_each_order_sees_its_customer_as_he_is_then(server, name):
    sql(server, f"CREATE TABLE {name}_o (k BIGINT, c INT, PRIMARY KEY (k) NOT ENFORCED)", f"CREATE TABLE {name}_c (c INT, n STRING, PRIMARY KEY (c) NOT ENFORCED)",
        f"INSERT INTO {name}_c VALUES (1, 'Alice')")
    follower = Follower(server, f"""SELECT o.k, c.n FROM (SELECT *, PROCTIME() AS ptime FROM {name}_o) o
        LEFT JOIN {name}_c FOR SYSTEM_TIME AS OF o.ptime AS c ON o.c = c.c""")
    sql(server, f"INSERT INTO {name}_o VALUES (1, 1)")
    assert follower.take(1) == [{"op": "+I", "k": 1, "n": "Alice"}]
    sql(server, f"UPDATE {name}_c SET n = 'Anna' WHERE c = 1", f"INSERT INTO {name}_o VALUES (2, 1), (3, 7)")
    assert sorted(follower.take(2), key=lambda row: row["k"]) == [{"op": "+I", "k": 2, "n": "Anna"}, {"op": "+I", "k": 3, "n": None}]
    follower.stop()


@pytest.mark.parametrize(("query", "text"), [("SELECT count(*) FROM {}", "that is for Flink"), ("SELECT v, sum(id) FROM {} GROUP BY v", "GROUP BY"), ("SELECT * FROM {} ORDER BY id", "ORDER BY"),
                                             ("SELECT DISTINCT v FROM {}", "DISTINCT"), ("SELECT * FROM {0} a JOIN {0} b ON a.id = b.id", "two streams"), ("SELECT 1", "no table"),
                                             ("SELECT row_number() OVER () FROM {}", "that is for Flink"), ("SELECT nothing FROM {}", "nothing"), ("SELECT * FROM {0} a WHERE EXISTS (SELECT 1 FROM {0} b WHERE b.id > a.id)", "a subquery over a stream"), ("SELECT * FROM {} LIMIT -1", "below 0"), ("SELECT * FROM {} UNION ALL SELECT * FROM {}", "UNION")])
def test_work_over_more_than_the_row_at_hand_is_refused(server, name, query, text):
    sql(server, f"CREATE TABLE {name} (id BIGINT, v STRING)")
    code, error = Follower(server, query.format(name, name)).error()
    assert code in (1, 2) and text in error, error


def test_a_follower_that_nobody_reads_ends(server, name):
    sql(server, f"CREATE TABLE {name} (id BIGINT)", f"INSERT INTO {name} SELECT i FROM range(100000) AS r(i)")
    words = [STROM, "sql", "--bootstrap", server.address, "-o", "csv", "-c", "SET 'execution.runtime-mode' = 'streaming'", "-c", f"SELECT id FROM {name}"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    process.wait(20)


def test_no_row_is_lost_or_doubled_where_lake_and_log_meet(tmp_path):
    """Followers begin at any moment, between rounds and while rows come; each sees every row once."""
    server, generator = Server(tmp_path, **{"datalake.format": "paimon", "log.segment.file-size": "8kb", "remote.log.task-interval-duration": "100ms"}), random.Random(5)
    sql(server, f"CREATE TABLE l (id BIGINT, pad STRING) WITH ('bucket.num' = '2', {LAKE}, 'table.log.tiered.local-segments' = '1')")
    followers, rows = [], 0
    for _ in range(12):
        for _ in range(generator.randrange(1, 4)):
            sql(server, f"INSERT INTO l SELECT i, md5(i::VARCHAR) FROM range({rows}, {rows + 100}) AS r(i)")
            rows += 100
        followers.append(Follower(server, "SELECT id FROM l"))
    for follower in followers:
        assert sorted(row["id"] for row in follower.take(rows)) == list(range(rows))
        follower.stop()
    until(lambda: sql(server, "SELECT count(*) AS n FROM l$lake") == [[{"n": rows}]], what="everything is tiered")
    assert server.stop() == 0
