#!/usr/bin/env python3
"""Measures the server beside the machine's own ceilings in one run and prints a table: CPU-seconds of the server per unit.

Usage: make bench [> bench/RESULTS.md]; bench/run.py [PART ...] for some of logs, lake, iceberg, rounds, service, tpch, keys, busy, many, recovery, restart, curves.
Cores are shared with the load, so rates are not told; CPU and ratios are.
"""
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/conformance"))
from harness import READERS, STROM, Process, Raw, Server, sql, until  # noqa: E402

LOAD = str(ROOT / "build/release/bench_load")
GIB = 1 << 30
CURVE = (1, 2, 4, 8, 16, 32, 64)


def load(*words):
    return json.loads(subprocess.run([LOAD, *map(str, words)], check=True, capture_output=True, text=True, cwd=folder).stdout)


def cpu(server):
    """User and system seconds of the server so far."""
    fields = open(f"/proc/{server.process.pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(server):
    for line in open(f"/proc/{server.process.pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024


def measured(server, *words):
    before = cpu(server)
    result = load(*words)
    result["cpu"] = cpu(server) - before
    return result


def row(what, value, ceiling=""):
    print(f"| {what} | {value} | {ceiling} |", flush=True)


def cost_curves(server):
    """The same 60,000 requests of 10 rows, 64 in flight in all, over more buckets and over more connections."""
    print("\n## Cost of the same load over more buckets and connections\n\nServer CPU us per request of 10 rows of 100 bytes, "
          "64 in flight in all; target: twice as many cost at most 1.2 times as much.\n\n| | " + " | ".join(map(str, CURVE)) + " |")
    print("|---|" + "---|" * len(CURVE))
    options = "'table.log.arrow.compression.type' = 'NONE'"
    for n in CURVE:
        sql(server, f"CREATE TABLE curve_{n} (id BIGINT, s STRING) WITH ('bucket.num' = '{n}', {options})")
    load("append", server.address, "curve_1", 4, 16, 10, 10000)  # what only the first requests cost is nobody's here
    spread = [measured(server, "append", server.address, f"curve_{n}", 4, 16, 10, 60000, n) for n in CURVE]
    wide = [measured(server, "append", server.address, "curve_16", n, 64 // n, 10, 60000, 16) for n in CURVE]
    for name, points in (("buckets, 4 connections", spread), ("connections, 16 buckets", wide)):
        print(f"| {name} | " + " | ".join(f"{r['cpu'] / r['requests'] * 1e6:.1f}" for r in points) + " |", flush=True)


def key_tables(server):
    """Upserts, lookups and prefix lookups of rows of about 100 bytes."""
    sql(server, "CREATE TABLE keyed (id BIGINT, pad STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket.num' = '4')")
    for what, keys, seed, target in (("10 M random keys, new ones", 10_000_000, 1, "target 5 us; bare RocksDB Get + Put about 8"),
                                     ("10 M random keys, a quarter of them there", 10_000_000, 2, "target 5 us"),
                                     ("100 k hot keys", 100_000, 3, "target 3 us")):
        r = measured(server, "upsert", server.address, "keyed", 2, 1000, 3000, keys, seed)
        row(f"upsert, batches of 1,000, {what}", f"{r['cpu'] / r['rows'] * 1e6:.2f} CPU us per row, {resident_mib(server):.0f} MiB resident", target)
    r = load("lookup", server.address, "keyed", 1, 1, 1, 5000, 100_000)
    row("lookup of a hot key, one at a time", f"p50 {r['p50_us']:.0f} us, p99 {r['p99_us']:.0f} us", "target 2 x the echo, 1 ms")
    r = measured(server, "lookup", server.address, "keyed", 4, 16, 100, 8000, 100_000)
    row("lookup, 64 in flight x 100 hot keys", f"{r['cpu'] / r['requests'] / 100 * 1e6:.2f} CPU us per key", "RocksDB's MultiGet 2.9")
    sql(server, "CREATE TABLE grouped (g BIGINT, id BIGINT, pad STRING, PRIMARY KEY (g, id) NOT ENFORCED) WITH ('bucket.num' = '4', 'bucket.key' = 'g')")
    load("upsert", server.address, "grouped", 2, 1000, 1000, 200_000, 5)
    r = measured(server, "prefix", server.address, "grouped", 3000, 2000)
    row("prefix lookup of about 100 rows", f"{r['cpu'] / r['rows'] * 1e6:.2f} CPU us per row", "bare prefix scan 0.27")


def keys_under_load():
    """Lookups while rows are put, and the tiering of what was put; on a server of its own, with nothing left to do for others."""
    (folder / "busy").mkdir()
    server = Server(folder / "busy", **{"datalake.format": "paimon", "server.tiering.enabled": "false"})
    sql(server, "CREATE TABLE busy (id BIGINT, pad STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket.num' = '4', 'table.datalake.freshness' = '60s')")
    load("upsert", server.address, "busy", 2, 1000, 200, 1_000_000, 6)
    writer = subprocess.Popen([LOAD, "upsert", server.address, "busy", "2", "1000", "1000", "1000000", "7", "100000"], stdout=subprocess.PIPE, text=True, cwd=folder)
    r = load("lookup", server.address, "busy", 1, 1, 1, 20_000, 1_000_000)
    written = json.loads(writer.communicate()[0])
    row("lookup of a random key while rows are put", f"p50 {r['p50_us']:.0f} us, p99 {r['p99_us']:.0f} us, at {written['rows'] / written['seconds'] / 1000:.0f} k rows/s", "target p99 5 ms at 100 k rows/s")
    sql(server, "ALTER TABLE busy SET ('table.datalake.enabled' = 'true')")
    lake = server.cwd / "data/lake/fluss.db/busy"
    raw = Raw(server.port)
    table = raw.table_id("fluss", "busy")
    ends = [raw.list_offset(table, bucket) for bucket in range(4)]
    changes = lambda: sum(json.loads(path.read_text()).get("changelogRecordCount", 0) for path in lake.glob("snapshot/snapshot-*"))  # noqa: E731
    spent, memory = tier(server, "busy", lambda _: changes() == sum(ends))
    files = [*sorted(lake.rglob("data-*.parquet")), *sorted(lake.rglob("changelog-*.parquet"))]
    bare = load("parquet", 1 << 40, *files)
    row("tier changes of keys to Paimon with changelog files, worker and server", f"{spent / bare['rows'] * 1e6:.2f} CPU s per million rows of both files, worker {memory:.0f} MiB resident",
        f"Arrow's bare writer {bare['cpu'] / bare['rows'] * 1e6:.2f}: {bare['cpu'] / spent * 100:.0f} % of its rows per CPU-second; target 40 %")
    server.stop()
    shutil.rmtree(folder / "busy")


def recovery():
    """10 M rows in 8 buckets, kill -9 a minute after a snapshot, and the time until every bucket answers a lookup."""
    (folder / "recovery").mkdir()
    server = Server(folder / "recovery", **{"kv.snapshot.interval": "30s"})
    sql(server, "CREATE TABLE lost (id BIGINT, pad STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket.num' = '8')")
    load("upsert", server.address, "lost", 2, 10_000, 1000, 10_000_000, 1)
    load("upsert", server.address, "lost", 2, 1000, 1000, 10_000_000, 2)
    server.kill()
    begun = time.monotonic()
    again = server.restarted()
    load("lookup", again.address, "lost", 1, 1, 64, 1, 10_000_000)
    row("10 M rows put into 8 buckets, kill -9", f"every bucket answers after {time.monotonic() - begun:.1f} s", "target 5 s")
    again.stop()
    shutil.rmtree(folder / "recovery")


def many_key_buckets():
    """10,000 buckets of 100 rows each, and kill -9."""
    (folder / "keys").mkdir()
    server = Server(folder / "keys")
    begun = time.monotonic()
    sql(server, "CREATE TABLE many (id BIGINT, pad STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket.num' = '10000')")
    created = time.monotonic() - begun
    begun = time.monotonic()
    load("upsert", server.address, "many", 2, 10000, 100, 1_000_000_000, 1)
    filled = time.monotonic() - begun
    memory = resident_mib(server)
    server.kill()
    begun = time.monotonic()
    again = server.restarted()
    row("10,000 key buckets of 100 rows", f"{memory:.0f} MiB resident, created in {created:.1f} s, filled in {filled:.0f} s, back {time.monotonic() - begun:.1f} s after kill -9", "target 1 GiB, 10 s, 10 s")
    again.stop()
    shutil.rmtree(folder / "keys")


def restart_after_crash(gib):
    """A server of its own: 1,000 buckets with `gib` GiB in all, kill -9, and the time to the first answer."""
    (folder / "crash").mkdir()
    server = Server(folder / "crash", **{"log.segment.file-size": "64mb"})
    sql(server, "CREATE TABLE full (id BIGINT, s STRING) WITH ('bucket.num' = '1000', 'table.log.arrow.compression.type' = 'NONE')")
    load("append", server.address, "full", 4, 4, 11000, gib * 1000, 1000)
    server.kill()
    begun = time.monotonic()
    again = server.restarted()
    sql(again, "SHOW TABLES")
    row(f"restart after kill -9, {gib} GiB in 1,000 buckets", f"{(time.monotonic() - begun) * 1000:.0f} ms to the first answer of strom sql", "target 2 s at 20 GiB")
    again.stop()
    shutil.rmtree(folder / "crash")


def tier(server, table, done):
    """Lets a worker tier a table until done(rows that arrived): CPU seconds of worker and server, and the worker's MiB."""
    before = cpu(server)
    worker = Process(["tier", "--fluss.bootstrap.servers", server.address], folder)
    arrived = 0
    while not done(arrived):  # its log line of each round that wrote something
        line = worker.wait_for(rf"tiering fluss.{table}: snapshot \d+, (\d+) rows", 120)
        arrived += int(line.group(1))
        worker.lines.remove(line.string)
    spent = cpu(worker) + cpu(server) - before
    memory = resident_mib(worker)
    worker.stop()
    return spent, memory


def logs(server, ceiling):
    sql(server, "CREATE TABLE big (id BIGINT, s STRING) WITH ('bucket.num' = '4', 'table.log.arrow.compression.type' = 'NONE')")
    append_ceiling = ceiling["crc_s_per_gib"] + ceiling["write_s_per_gib"]
    r = measured(server, "append", server.address, "big", 4, 4, 11000, 2000)
    row("append, 1 MiB batches, 4 connections", f"{r['cpu'] / r['bytes'] * GIB:.2f} CPU s per GiB",
        f"CRC + page-cache append {append_ceiling:.2f}, and the frame's way in")
    sql(server, "CREATE TABLE small (id BIGINT, s STRING) WITH ('bucket.num' = '4', 'table.log.arrow.compression.type' = 'NONE')")
    r = measured(server, "append", server.address, "small", 4, 64, 1, 200000)
    row("append, one 100-byte row a request, 4 x 64 in flight", f"{r['cpu'] / r['requests'] * 1e6:.2f} CPU us per request", "target 4 us")
    sql(server, "CREATE TABLE one (id BIGINT, s STRING) WITH ('bucket.num' = '1')")
    r = load("pingpong", server.address, "one", 3000)
    row("append to waiting poll of one row", f"p50 {r['p50_us']:.0f} us, p99 {r['p99_us']:.0f} us", f"echo p50 {ceiling['echo_p50_us']:.0f} us")

    columns = ", ".join(f"c{i} BIGINT" for i in range(20))
    sql(server, f"CREATE TABLE wide ({columns}) WITH ('bucket.num' = '1', 'table.log.arrow.compression.type' = 'NONE')")
    load("append", server.address, "wide", 1, 4, 6000, 1000)
    everything = measured(server, "fetch", server.address, "wide")
    one = measured(server, "fetch", server.address, "wide", 7)
    spent = everything["cpu"] / everything["bytes"] * GIB
    row("fetch, all columns", f"{spent:.2f} CPU s per GiB", f"read + send {ceiling['send_s_per_gib']:.2f}: {spent / ceiling['send_s_per_gib']:.2f} times; target 1.4")
    row("fetch, 1 of 20 columns", f"{one['bytes'] / everything['bytes'] * 100:.1f} % of the bytes, {one['cpu'] / everything['cpu'] * 100:.0f} % of the CPU", "target 7 %, 25 %")


GENERATE = "INSERT INTO {} SELECT id, CAST(id % 100 AS INT), id / 3, 'text ' || (id % 1000) FROM range({}, {}) AS r(id)"
READ = """
import json, sys, time
kind, where, rows = sys.argv[1], sys.argv[2], int(sys.argv[3])
begun = time.monotonic()
if kind == "iceberg":
    from pyiceberg.table import StaticTable
    import pathlib
    newest = max(pathlib.Path(where).glob("metadata/v*.metadata.json"), key=lambda path: int(path.name[1:].split(".")[0]))
    begun = time.monotonic()
    found = StaticTable.from_metadata(str(newest)).scan().to_arrow().num_rows
else:
    from pypaimon import CatalogFactory
    warehouse, database, table = where.rsplit("/", 2)
    begun = time.monotonic()
    builder = CatalogFactory.create({"warehouse": warehouse}).get_table(f"{database.removesuffix('.db')}.{table}").new_read_builder()
    found = builder.new_read().to_arrow(builder.new_scan().plan().splits()).num_rows
assert found == rows, found
print(time.monotonic() - begun)
"""


def iceberg():
    """Rows tiered to Iceberg."""
    (folder / "iceberg").mkdir()
    server = Server(folder / "iceberg", **{"datalake.format": "iceberg", "server.tiering.enabled": "false"})
    lake, rows = server.cwd / "data/lake/fluss", 9_000_000
    sql(server, "CREATE TABLE flat (id BIGINT, k INT, v DOUBLE, s STRING) WITH ('bucket.num' = '2', 'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '60s')",
        GENERATE.format("flat", 0, rows))
    spent, memory = tier(server, "flat", lambda arrived: arrived >= rows)
    bare = load("parquet", rows, *sorted((lake / "flat").rglob("*.parquet")))
    row("tier 9 M rows to Iceberg, worker and server", f"{spent / rows * 1e6:.2f} CPU s per million rows, worker {memory:.0f} MiB resident",
        f"Arrow's bare writer {bare['cpu'] / bare['rows'] * 1e6:.2f}: {bare['cpu'] / bare['rows'] * rows / spent * 100:.0f} % of its rows per CPU-second; target 60 %")
    server.stop()
    shutil.rmtree(folder / "iceberg")


def rounds():
    """An hour of upserts at a freshness of 10 s (360 rounds), as fast as they go: what the rounds cost, and those who read the table then."""
    keys, count = 1_000_000, 360
    for kind, expiry in (("iceberg", "'iceberg.history.expire.max-snapshot-age-ms' = '0', 'iceberg.history.expire.min-snapshots-to-keep' = '10'"), ("paimon", "'paimon.snapshot.time-retained' = '1s'")):
        (folder / kind).mkdir()
        server = Server(folder / kind, **{"datalake.format": kind, "server.tiering.enabled": "false"})
        lake = server.cwd / ("data/lake/fluss" if kind == "iceberg" else "data/lake/fluss.db")
        for name in ("upserted", "fresh"):
            sql(server, f"""CREATE TABLE {name} (id BIGINT, k INT, v DOUBLE, s STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket.num' = '2', 'table.datalake.enabled' = 'true',
                'table.datalake.freshness' = '100ms', 'table.datalake.auto-compaction' = 'true', 'table.datalake.auto-expire-snapshot' = 'true', {expiry})""")
        worker = Process(["tier", "--fluss.bootstrap.servers", server.address], folder)
        commits, metadata = [], []

        def put_and_tier(name, statement):
            worker.lines.clear()  # noqa: B023
            sql(server, statement)  # noqa: B023
            commits.append(int(worker.wait_for(rf"tiering fluss.{name}: snapshot .* (\d+) of them to commit", 60).group(1)))  # noqa: B023

        def metadata_bytes():
            """What the newest commits wrote: everything in the folders of metadata that is younger than it was."""
            where = lake / "upserted" / ("metadata" if kind == "iceberg" else "manifest")  # noqa: B023
            return {path.name: path.stat().st_size for path in where.iterdir()}

        put_and_tier("upserted", GENERATE.format("upserted", 0, keys))
        commits.clear()
        before = cpu(worker)
        for step in range(count):
            known = set(metadata_bytes())
            put_and_tier("upserted", f"INSERT INTO upserted SELECT (id * 7919 + {step} * 104729) % {keys}, {step}, id / 3, 'text ' || (id % 1000) FROM range(10000) AS r(id)")
            metadata.append(sum(size for name, size in metadata_bytes().items() if name not in known))
        spent, made = cpu(worker) - before, sorted(commits)
        if kind == "paimon":
            worker.wait_for("tiering fluss.upserted: at rest", 60)
        sql(server, "ALTER TABLE fresh SET ('table.datalake.enabled' = 'false')", GENERATE.format("fresh", 0, keys))
        put_and_tier("fresh", "ALTER TABLE fresh SET ('table.datalake.enabled' = 'true')")
        until(lambda: sql(server, "SELECT sum(rows_behind) AS n FROM upserted$lake$lag UNION ALL SELECT sum(rows_behind) FROM fresh$lake$lag") == [[{"n": 0}, {"n": 0}]], 60)  # noqa: B023
        worker.stop()

        def read(name):
            return min(float(subprocess.run([READERS, "-W", "ignore", "-c", READ, kind, lake / name, str(keys)], check=True, capture_output=True, text=True).stdout) for _ in range(3))  # noqa: B023

        sizes = [one["bytes"] for one in sql(server, "SELECT bytes FROM upserted$lake$files")[0]]
        many, fresh = read("upserted"), read("fresh")
        reader = "pyiceberg" if kind == "iceberg" else "pypaimon"
        row(f"{count} rounds of 10,000 upserts among 1 M keys of {kind.capitalize()}, compacted: read by {reader}",
            f"{many:.2f} s, {len(sizes)} files of {sum(sizes) / len(sizes) / (1 << 20):.1f} MiB on average; {spent / count:.2f} CPU s of the worker a round",
            f"the same rows freshly written {fresh:.2f} s: {many / fresh:.2f} times; target 1.5")
        row(f"the commit of such a round, {kind.capitalize()}", f"p50 {made[len(made) // 2]} ms, p95 {made[len(made) * 95 // 100]} ms", "target 50 ms")
        row(f"metadata written a round, {kind.capitalize()}", f"{sum(metadata[20:60]) / 40 / 1024:.0f} KiB in rounds 20 to 60, {sum(metadata[-40:]) / 40 / 1024:.0f} KiB in the last 40", "target: no growth")
        server.stop()
        shutil.rmtree(folder / kind)


def service():
    """200 tables, of which one has rows; and a proof that stream and lake are equal."""
    (folder / "service").mkdir()
    server = Server(folder / "service", **{"datalake.format": "paimon"})
    options = "'bucket.num' = '1', 'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '10s'"
    sql(server, *(f"CREATE TABLE empty_{n} (id BIGINT, s STRING) WITH ({options})" for n in range(199)))
    before, begun = cpu(server), time.monotonic()
    until(lambda: time.monotonic() - begun > 10, 20)
    spent = cpu(server) - before
    row("199 enabled tables without rows", f"{spent / (time.monotonic() - begun) * 100:.2f} % of a core", "target 1 %")
    sql(server, f"CREATE TABLE busy (id BIGINT, s STRING) WITH ({options})")
    lags, writer = [], subprocess.Popen([LOAD, "append", server.address, "busy", "1", "1", "5000", "400", "1", "50000"], stdout=subprocess.PIPE, text=True, cwd=folder)
    raw = Raw(server.port)
    table, ends = raw.table_id("fluss", "busy"), []
    while writer.poll() is None:
        ends.append((time.monotonic(), raw.list_offset(table)))
        reached = sql(server, "SELECT lake_offset AS n FROM busy$lake$lag")[0][0]["n"]
        old = [when for when, end in ends if end > reached]  # the oldest moment whose rows the lake lacks
        lags.append(ends[-1][0] - old[0] if old else 0)
    row("one table more with 50 k rows/s, freshness 10 s", f"the lake is behind by {max(lags):.1f} s at most", "target 10 s and a round")
    until(lambda: sql(server, "SELECT sum(rows_behind) AS n FROM busy$lake$lag") == [[{"n": 0}]], 60)
    rows = 10_000_000
    sql(server, "CREATE TABLE proven (id BIGINT, k INT, v DOUBLE, s STRING) WITH ('bucket.num' = '2', 'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '1s')", GENERATE.format("proven", 0, rows))
    until(lambda: sql(server, "SELECT sum(rows_behind) AS n FROM proven$lake$lag") == [[{"n": 0}]], 120)
    before, begun = cpu(server), os.times()
    done = subprocess.run([STROM, "lake", "--bootstrap", server.address, "-o", "json", "verify", "proven"], capture_output=True, text=True, check=True)
    ended = os.times()
    assert all(one["equal"] for one in json.loads(done.stdout))
    spent = ended.children_user + ended.children_system - begun.children_user - begun.children_system + cpu(server) - before
    row("strom lake verify, 10 M rows", f"{rows / spent / 1e6:.1f} M rows per CPU-second of client and server", "target 5 M")
    server.stop()
    shutil.rmtree(folder / "service")


TPCH_TABLES = {
    "lineitem": ("l_orderkey BIGINT, l_partkey BIGINT, l_suppkey BIGINT, l_linenumber INT, l_quantity DECIMAL(15, 2), l_extendedprice DECIMAL(15, 2), l_discount DECIMAL(15, 2), l_tax DECIMAL(15, 2), "
                 "l_returnflag STRING, l_linestatus STRING, l_shipdate DATE, l_commitdate DATE, l_receiptdate DATE, l_shipinstruct STRING, l_shipmode STRING, l_comment STRING", "l_orderkey, l_linenumber", "l_orderkey"),
    "orders": ("o_orderkey BIGINT, o_custkey BIGINT, o_orderstatus STRING, o_totalprice DECIMAL(15, 2), o_orderdate DATE, o_orderpriority STRING, o_clerk STRING, o_shippriority INT, o_comment STRING",
               "o_orderkey", "o_orderkey"),
}
TPCH_QUERIES = {
    1: """SELECT l_returnflag, l_linestatus, sum(l_quantity), sum(l_extendedprice), sum(l_extendedprice * (1 - l_discount)), sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)), avg(l_quantity),
          avg(l_extendedprice), avg(l_discount), count(*) FROM {lineitem} WHERE l_shipdate <= DATE '1998-09-02' GROUP BY ALL ORDER BY ALL""",
    3: """SELECT l_orderkey, sum(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate, o_shippriority FROM {customer}, {orders}, {lineitem} WHERE c_mktsegment = 'BUILDING' AND c_custkey = o_custkey
          AND l_orderkey = o_orderkey AND o_orderdate < DATE '1995-03-15' AND l_shipdate > DATE '1995-03-15' GROUP BY l_orderkey, o_orderdate, o_shippriority ORDER BY revenue DESC, o_orderdate LIMIT 10""",
    6: """SELECT sum(l_extendedprice * l_discount) FROM {lineitem} WHERE l_shipdate >= DATE '1994-01-01' AND l_shipdate < DATE '1995-01-01' AND l_discount BETWEEN 0.05 AND 0.07 AND l_quantity < 24""",
    12: """SELECT l_shipmode, count(*) FILTER (o_orderpriority IN ('1-URGENT', '2-HIGH')), count(*) FILTER (o_orderpriority NOT IN ('1-URGENT', '2-HIGH')) FROM {orders}, {lineitem} WHERE o_orderkey = l_orderkey
           AND l_shipmode IN ('MAIL', 'SHIP') AND l_commitdate < l_receiptdate AND l_shipdate < l_commitdate AND l_receiptdate >= DATE '1994-01-01' AND l_receiptdate < DATE '1995-01-01' GROUP BY ALL ORDER BY ALL""",
    14: """SELECT 100.00 * sum(CASE WHEN p_type LIKE 'PROMO%' THEN l_extendedprice * (1 - l_discount) ELSE 0 END) / sum(l_extendedprice * (1 - l_discount)) FROM {lineitem}, {part} WHERE l_partkey = p_partkey
           AND l_shipdate >= DATE '1995-09-01' AND l_shipdate < DATE '1995-10-01'""",
}


def tpch():
    """TPC-H queries at scale 1, 90 % of the rows in the lake and 10 % in the log, beside DuckDB over Parquet files of its own."""
    (folder / "tpch").mkdir()
    subprocess.run([str(ROOT / ".deps/readers/bin/tpchgen-cli"), "-s", "1", "--format=parquet", "--output-dir", str(folder / "tpch/made")], check=True, capture_output=True)
    server = Server(folder / "tpch", **{"datalake.format": "paimon", "server.tiering.enabled": "false"})
    made = {name: f"'{folder}/tpch/made/{name}.parquet'" for name in ("lineitem", "orders", "customer", "part")}
    own = {name: f"'{folder}/tpch/{name}.parquet'" for name in made}
    sql(server, *(f"COPY (SELECT * FROM {made[name]}) TO {own[name]}" for name in made))
    lake = "'bucket.num' = '2', 'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '1s', 'table.datalake.auto-compaction' = 'true'"
    worker = Process(["tier", "--fluss.bootstrap.servers", server.address], folder)
    names = {"log tables": {}, "tables of keys": {}}
    for name, (columns, key, bucket) in TPCH_TABLES.items():
        names["log tables"][name], names["tables of keys"][name] = name, name + "_k"
        sql(server, f"CREATE TABLE {name} ({columns}) WITH ({lake})", f"CREATE TABLE {name}_k ({columns}, PRIMARY KEY ({key}) NOT ENFORCED) WITH ({lake}, 'bucket.key' = '{bucket}')")
        for table in (name, name + "_k"):
            sql(server, f"INSERT INTO {table} SELECT * FROM {own[name]} WHERE {bucket} % 10 > 0")
    for name in TPCH_TABLES:
        for table in (name, name + "_k"):
            until(lambda: sql(server, f"SELECT sum(rows_behind) AS n FROM {table}$lake$lag") == [[{"n": 0}]], 300)  # noqa: B023
        until(lambda: sql(server, f"SELECT count(*) AS n FROM {name}_k$lake$files") == [[{"n": 2}]], 120)  # noqa: B023  merged at rest
    worker.stop()
    for name, (_, _, bucket) in TPCH_TABLES.items():
        sql(server, *(f"INSERT INTO {table} SELECT * FROM {own[name]} WHERE {bucket} % 10 = 0" for table in (name, name + "_k")))

    def fastest(query):
        times, answer = [], None
        for _ in range(3):
            begun = time.monotonic()
            answer = sql(server, query)
            times.append(time.monotonic() - begun)
        return min(times), answer

    for kind, target in (("log tables", 1.5), ("tables of keys", 2)):
        told = []
        for number, query in TPCH_QUERIES.items():
            ours, here = fastest(query.format(**{**own, **names[kind]}))
            theirs, there = fastest(query.format(**own))
            assert json.dumps(here) == json.dumps(there) or number == 14, (number, here, there)
            told.append(f"Q{number} {ours:.2f} / {theirs:.2f} s = {ours / theirs:.2f}")
        row(f"TPC-H at scale 1, {kind}, 90 % lake and 10 % log", ", ".join(told), f"beside DuckDB over its own Parquet; target {target} times")
    begun = time.monotonic()
    subprocess.run([STROM, "sql", "--bootstrap", server.address, "-c", "SELECT 1"], check=True, capture_output=True)
    row("strom sql -c 'SELECT 1'", f"{(time.monotonic() - begun) * 1000:.0f} ms", "target 60 ms")
    lookups = [f"SELECT o_totalprice FROM orders_k WHERE o_orderkey = {n * 32 + 1}" for n in range(500)]
    spent = []
    for statements in (lookups[:1], lookups):
        begun = time.monotonic()
        sql(server, *statements)
        spent.append(time.monotonic() - begun)
    row("point lookup in SQL over a warm connection", f"{(spent[1] - spent[0]) / 499 * 1000:.2f} ms on average", "target 2 ms")
    server.stop()
    shutil.rmtree(folder / "tpch")


def log_lake(server):
    rows = 10_000_000
    sql(server, "CREATE TABLE flat (id BIGINT, k INT, v DOUBLE, s STRING) WITH ('bucket.num' = '2', 'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '60s')")
    tiered = rows * 9 // 10
    sql(server, GENERATE.format("flat", 0, tiered))
    spent, memory = tier(server, "flat", lambda arrived: arrived >= tiered)
    lake = server.cwd / "data/lake/fluss.db/flat"
    bare = load("parquet", tiered, *sorted(lake.glob("bucket-*/*.parquet")))
    row("tier 9 M rows to Parquet, worker and server", f"{spent / tiered * 1e6:.2f} CPU s per million rows, worker {memory:.0f} MiB resident",
        f"Arrow's bare writer {bare['cpu'] / bare['rows'] * 1e6:.2f}: {bare['cpu'] / bare['rows'] * tiered / spent * 100:.0f} % of its rows per CPU-second; target 60 %, 256 MiB")
    sql(server, GENERATE.format("flat", rows * 9 // 10, rows))
    query = "SELECT k, count(*), sum(v) FROM {} GROUP BY k ORDER BY k"
    started = time.monotonic()
    sql(server, query.format("flat"))
    union = time.monotonic() - started
    files = str(lake / "bucket-0/*.parquet")
    started = time.monotonic()
    sql(server, query.format(f"'{files}'"))
    row("union count/sum/group by, 10 M rows", f"{union:.2f} s wall, process start included", f"DuckDB over the lake's files alone {time.monotonic() - started:.2f} s")


PARTS = ["logs", "lake", "iceberg", "rounds", "service", "tpch", "keys", "busy", "many", "recovery", "restart", "curves"]
wanted = sys.argv[1:] or PARTS
if unknown := [part for part in wanted if part not in PARTS]:
    sys.exit(f"bench: no part {unknown[0]}; there are {', '.join(PARTS)}")
with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    print(f"# Results\n\n`make bench`, {os.cpu_count()} cores of {platform.machine()}, Linux {platform.release()}.\n")
    print("| what | measured | beside it, in the same run |\n|---|---|---|")
    ceiling = load("ceiling", 512)
    row("ceilings", f"memcpy {ceiling['memcpy_s_per_gib']:.3f}, CRC {ceiling['crc_s_per_gib']:.3f}, page-cache append "
        f"{ceiling['write_s_per_gib']:.3f}, read + send {ceiling['send_s_per_gib']:.3f} s per GiB; echo p50 {ceiling['echo_p50_us']:.0f} us")

    begun = time.monotonic()
    server = Server(folder, **{"datalake.format": "paimon", "server.tiering.enabled": "false"})
    ready = server.wait_for(r"ready in (\d+) ms").group(1)
    row("start", f"{ready} ms to ready, {(time.monotonic() - begun) * 1000:.0f} ms from exec as seen outside", "target 100 ms")
    idle = resident_mib(server)
    row("idle resident memory", f"{idle:.1f} MiB", "target 64 MiB")
    sql(server, "CREATE TABLE many (id BIGINT) WITH ('bucket.num' = '1000')")
    row("1,000 empty buckets add", f"{resident_mib(server) - idle:.1f} MiB", "target 20 MiB")
    if "logs" in wanted:
        logs(server, ceiling)
    if "lake" in wanted:
        log_lake(server)
    if "iceberg" in wanted:
        iceberg()
    if "rounds" in wanted:
        rounds()
    if "service" in wanted:
        service()
    if "tpch" in wanted:
        tpch()
    if "keys" in wanted:
        key_tables(server)
    if "busy" in wanted:
        keys_under_load()
    if "many" in wanted:
        many_key_buckets()
    if "recovery" in wanted:
        recovery()
    if "restart" in wanted:
        restart_after_crash(20 if shutil.disk_usage(folder).free > 40 * GIB else 4)
    if "curves" in wanted:
        cost_curves(server)
    server.stop()
