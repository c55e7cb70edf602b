"""Two acceptance stories with their exact numbers, and with what may go wrong on the way."""
import asyncio
import pathlib
import subprocess
import sys

import fluss
import pytest

from conftest import runner_on
from harness import Raw, Server, sql, until

PROGRAMS = pathlib.Path(__file__).with_name("story_programs.py")


class Program:
    """A process of story_programs.py that is started again, whenever it ends with an error, until it has done its work."""

    def __init__(self, *words):
        self.words = [sys.executable, str(PROGRAMS), *map(str, words)]
        self.said = []
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def listen(self):
        """The next line it says; nothing when it has ended."""
        line = self.process.stdout.readline().strip()
        if line:
            self.said.append(line)
        return line

    def kill(self):
        self.process.kill()
        self.process.wait(20)

    def finish(self, tries=10):
        for _ in range(tries):
            while self.listen():
                pass
            if self.process.wait(60) == 0:
                return
            self.start()
        raise AssertionError(f"{self.words} did not end well, it said {self.said[-5:]}")


USERS, ROUNDS = 1000, 10


def create_user_wide(server):
    sql(server, """CREATE TABLE user_wide (user_id BIGINT, name STRING, city STRING, clicks BIGINT, last_click STRING, spend DECIMAL(15, 2), PRIMARY KEY (user_id) NOT ENFORCED)
        WITH ('bucket.num' = '4', 'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '1s')""")


def start_writers(server):
    return [Program("wide", server.address, which, ROUNDS, USERS) for which in "abc"]


def check_wide_row(server, table="user_wide"):
    whole = "name = 'u' || user_id AND city = 'c10' AND clicks = 10 AND last_click = 't10' AND spend = user_id + 10"
    return sql(server, f"SELECT count(*) AS n, count(*) FILTER (WHERE {whole}) AS whole, sum(spend) AS s FROM {table}")[0] == [{"n": USERS, "whole": USERS, "s": 510_500}]


def watch_wide_rows(server, seen):
    """A column once set never turns null, and each writer's columns are of one round."""
    counts = sql(server, """SELECT count(name) AS a, count(clicks) AS b, count(spend) AS c, count(*) FILTER (WHERE last_click IS DISTINCT FROM 't' || clicks) AS mixed FROM user_wide""")[0][0]
    assert counts["mixed"] == 0
    assert all(counts[column] >= seen.get(column, 0) for column in "abc"), (seen, counts)
    seen.update(counts)


def test_one_wide_row_three_writers_at_once(tmp_path):
    server = Server(tmp_path, **{"datalake.format": "paimon"})
    create_user_wide(server)
    writers, seen = start_writers(server), {}
    while any(writer.process.poll() is None for writer in writers):
        watch_wide_rows(server, seen)
    for writer in writers:
        writer.finish(tries=1)  # nothing goes wrong here, so what is counted below was written once
    assert check_wide_row(server)
    assert sql(server, "SELECT * FROM user_wide WHERE user_id = 42")[0] == [{"user_id": 42, "name": "u42", "city": "c10", "clicks": 10, "last_click": "t10", "spend": 52}]

    async def changelog(connection, _):
        table = await connection.get_table(fluss.TablePath("fluss", "user_wide"))
        scanner = await table.new_scan().create_log_scanner()
        scanner.subscribe_buckets({bucket: 0 for bucket in range(4)})
        kinds, before, records = {}, {}, 0
        while records < USERS + 2 * (3 * ROUNDS - 1) * USERS:
            polled = await asyncio.wait_for(scanner.poll(5000), 20)
            for bucket in polled.buckets():
                for record in polled.records(bucket):
                    kind, row = record.change_type.short_string(), record.row
                    records += 1
                    kinds[kind] = kinds.get(kind, 0) + 1
                    if kind == "-U":
                        assert before[row["user_id"]] == row
                    else:
                        before[row["user_id"]] = row
        return kinds

    assert runner_on(server)(changelog) == {"+I": 1000, "-U": 29_000, "+U": 29_000}
    raw = Raw(server.port)
    table = raw.table_id("fluss", "user_wide")
    ends = [raw.list_offset(table, bucket) for bucket in range(4)]
    assert sum(ends) == 59_000
    until(lambda: check_wide_row(server, "user_wide$lake"), what="the lake says the same")
    lake = tmp_path / "data/lake/fluss.db/user_wide"
    final = f"""SELECT count(*) AS n, count(*) FILTER (WHERE city = 'c10' AND clicks = 10 AND spend = user_id + 10) AS whole FROM
        (SELECT *, row_number() OVER (PARTITION BY user_id ORDER BY _SEQUENCE_NUMBER DESC) AS newest FROM read_parquet('{lake}/bucket-*/changelog-*.parquet')) WHERE newest = 1"""
    assert sql(server, final)[0] == [{"n": USERS, "whole": USERS}], "the changelog in the lake gives the same final state"

    async def deletes(connection, _):
        table = await connection.get_table(fluss.TablePath("fluss", "user_wide"))
        lookup = table.new_lookup().create_lookuper().lookup

        async def write(columns, delete=None, row=None):
            upsert = table.new_upsert()
            writer = (upsert.partial_update_by_name(["user_id", *columns]) if columns else upsert).create_writer()
            writer.delete({"user_id": delete}) if delete else writer.upsert(row)
            await writer.flush()

        await write(["name", "city"], delete=7)
        assert await lookup({"user_id": 7}) == {"user_id": 7, "name": None, "city": None, "clicks": 10, "last_click": "t10", "spend": 17}
        await write(["clicks", "last_click"], delete=7)
        await write(["spend"], delete=7)
        assert await lookup({"user_id": 7}) is None, "the row goes with its last column"
        await write(None, delete=8)
        assert await lookup({"user_id": 8}) is None
        await write(["clicks", "last_click"], row={"user_id": 8, "clicks": 11, "last_click": "t11"})
        assert await lookup({"user_id": 8}) == {"user_id": 8, "name": None, "city": None, "clicks": 11, "last_click": "t11", "spend": None}

    runner_on(server)(deletes)
    assert server.stop() == 0


def test_one_wide_row_whatever_dies(tmp_path):
    server = Server(tmp_path, **{"datalake.format": "paimon"})
    create_user_wide(server)
    writers = start_writers(server)
    for victim in writers:
        while victim.listen() not in ("3", ""):  # its third round is acknowledged
            pass
        victim.kill()
        victim.start()
    while writers[0].listen() not in ("2", ""):
        pass
    server.kill()
    server = server.restarted()
    for writer in writers:
        writer.finish()
    assert check_wide_row(server)
    until(lambda: check_wide_row(server, "user_wide$lake"), what="the lake says the same")
    assert server.stop() == 0


COMMENTS, CUSTOMERS = 20_000, 100_000


@pytest.mark.parametrize("faults", [False, True])
def test_the_agent_that_answers_in_seconds(tmp_path, faults):
    server = Server(tmp_path, **{"datalake.format": "paimon"})
    lake = "'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '1s'"
    sql(server,
        f"CREATE TABLE comments (comment_id BIGINT, user_id BIGINT, txt STRING, ts BIGINT) WITH ('bucket.num' = '4', 'bucket.key' = 'comment_id', {lake})",
        "CREATE TABLE customers (user_id BIGINT, name STRING, tier STRING, opted_out BOOLEAN, PRIMARY KEY (user_id) NOT ENFORCED) WITH ('bucket.num' = '4')",
        f"CREATE TABLE coupons (comment_id BIGINT, user_id BIGINT, code STRING, issued BIGINT, redeemed BIGINT, PRIMARY KEY (comment_id) NOT ENFORCED) WITH ('bucket.num' = '1', {lake})",
        f"INSERT INTO customers SELECT i, 'n' || i, ['gold', 'silver', 'bronze'][i % 3 + 1], i % 10 = 0 FROM range({CUSTOMERS}) AS r(i)")
    agents = [Program("agent", server.address, buckets, tmp_path / f"offsets-{buckets}") for buckets in ("0,1", "2,3")]
    for agent in agents:
        assert agent.listen() == "ready"
    say = """INSERT INTO comments SELECT i, i % 100000, CASE WHEN i % 4 = 0 THEN 'it came late' ELSE 'all is well' END, i FROM range({}, {}) AS r(i)"""
    step = COMMENTS // 10
    for k in range(10):
        sql(server, say.format(k * step + 1, (k + 1) * step + 1))
        if faults and k == 3:
            agents[0].kill()  # and it stays away for a while
        if faults and k == 6:
            server.kill()
            server = server.restarted()
            agents[0].start()
            assert agents[0].listen() == "ready"
        if agents[1].process.poll() is not None:
            agents[1].start()

    def issued():
        for agent in agents:
            if agent.process.poll() is not None:
                agent.start()
        return sql(server, "SELECT count(*) AS n FROM coupons")[0] == [{"n": 4000}]

    until(issued, 60, "4,000 coupons")
    right = "comment_id % 4 = 0 AND user_id % 10 <> 0 AND user_id = comment_id % 100000 AND code = 'SORRY-' || ['gold', 'silver', 'bronze'][user_id % 3 + 1] || '-' || comment_id"
    assert sql(server, f"SELECT count(*) AS n FROM coupons WHERE {right} AND redeemed IS NULL AND issued > 0")[0] == [{"n": 4000}]
    sql(server, "INSERT INTO coupons (comment_id, redeemed) SELECT comment_id, 99 FROM coupons WHERE comment_id < 1000")
    assert sql(server, f"SELECT count(*) AS n FROM coupons WHERE {right} AND redeemed = 99 AND issued > 0")[0] == [{"n": 200}], "code and issued are untouched"
    sql(server, f"INSERT INTO comments VALUES ({COMMENTS + 1}, 42, 'just now', {COMMENTS + 1})")
    history = sql(server, "SELECT txt FROM comments WHERE user_id = 42 ORDER BY ts DESC LIMIT 5")[0]
    assert history == [{"txt": "just now"}, {"txt": "all is well"}]
    for agent in agents:
        agent.kill()
    by_tier = "SELECT split_part(code, '-', 2) AS tier, count(*) AS n, count(redeemed) AS r FROM {} GROUP BY tier ORDER BY tier"
    here = sql(server, by_tier.format("coupons"))
    assert sum(row["n"] for row in here[0]) == 4000
    until(lambda: sql(server, by_tier.format("coupons$lake")) == here, what="the lake counts the same")
    assert server.stop() == 0
