"""Closed segments in the remote directory: copied, read from there by every client, expired, and what a server that lost its own goes on from."""
import asyncio
import json
import random
import shutil
import time

import fluss

from conftest import runner_on
from harness import Raw, Server, compacted_batch, java, key_batch, sql, until, varint

SETTINGS = {"log.segment.file-size": "64kb", "log.flush.offset.checkpoint-interval": "50ms", "remote.log.task-interval-duration": "50ms", "log.retention.check-interval": "100ms"}


def create(server, name, *options, columns="id BIGINT, v STRING, pad STRING"):
    keyed = () if "PRIMARY KEY" in columns else ("'bucket.key' = 'id'",)
    given = "".join(f", {option}" for option in ("'table.log.tiered.local-segments' = '1'", *keyed, *options))
    sql(server, f"CREATE TABLE {name} ({columns}) WITH ('bucket.num' = '2'{given})")
    return Raw(server.port).table_id("fluss", name)


def fill(server, name, count=10_000, first=0, step=400):
    """Rows of which the ids are numbered on, in batches of about `step`, and which do not compress to nothing."""
    row = "i, 'v' || i % 7, md5(i::VARCHAR) || md5((i * 31)::VARCHAR)"
    starts = range(first, first + count, step)
    sql(server, *(f"INSERT INTO {name} SELECT {row} FROM range({start}, {min(start + step, first + count)}) AS r(i)" for start in starts))


def local(tmp_path, table):
    """Base offsets of the local segments, by bucket."""
    folder = next((tmp_path / "data/fluss").glob(f"*-{table}"))
    return {int(path.name.removeprefix("log-")): sorted(int(file.stem) for file in path.glob("*.log")) for path in folder.glob("log-*")}


def manifest(tmp_path, table, bucket=0):
    """The segments of the only manifest of a bucket, or nothing while there is none (or two, for a moment)."""
    found = list((tmp_path / "data/remote/log/fluss").glob(f"*-{table}/{bucket}/metadata/*.manifest"))
    try:
        return json.loads(found[0].read_text())["remote_log_segments"] if len(found) == 1 else []
    except FileNotFoundError:
        return []


def wait_until_remote(server, tmp_path, table):
    """Until each bucket with more than one segment has only the newest here."""
    until(lambda: Raw(server.port).call(1003, b"") is not None and all(len(bases) == 1 for bases in local(tmp_path, table).values()), what="the older segments go")
    assert all(bases[0] > 0 for bases in local(tmp_path, table).values())


def scan(server, name):
    """What the Java client reads: the records of a full and of a projecting scan."""
    lines = java("ScanLog", server.address, name, "2").splitlines()
    assert len(lines) % 2 == 0
    full, projected = lines[:len(lines) // 2], lines[len(lines) // 2:]
    assert sorted(full) == sorted(projected)
    return [tuple(line.split()) for line in full]


def check_ids(records, count):
    """Each id once, offsets without a gap."""
    assert sorted(int(r[3]) for r in records) == list(range(count))
    for bucket in {r[0] for r in records}:
        offsets = [int(r[1]) for r in records if r[0] == bucket]
        assert offsets == list(range(len(offsets)))


def test_every_reader_finds_rows_that_are_only_remote(tmp_path):
    server = Server(tmp_path, **SETTINGS)
    table = create(server, "t")
    fill(server, "t")
    wait_until_remote(server, tmp_path, table)
    for bucket in (0, 1):
        segments = manifest(tmp_path, table, bucket)
        assert segments[0]["start_offset"] == 0 and segments[-1]["end_offset"] == local(tmp_path, table)[bucket][0]
        folder = next((tmp_path / "data/remote/log/fluss").glob(f"t-{table}/{bucket}")) / segments[0]["segment_id"]
        end = segments[0]["end_offset"]
        assert sorted(path.name for path in folder.iterdir()) == sorted(["0" * 20 + suffix for suffix in (".log", ".index", ".timeindex")] + [f"{end:020}.writer_snapshot"])
        assert (folder / ("0" * 20 + ".log")).stat().st_size == segments[0]["size_in_bytes"]
        assert Raw(server.port).list_offset(table, bucket, 0) == 0
    records = scan(server, "t")
    check_ids(records, 10_000)

    async def last_rows(connection, _):
        one = await connection.get_table(fluss.TablePath("fluss", "t"))
        batches = one.new_scan().limit(4000).create_bucket_batch_scanner(fluss.TableBucket(table, 0)).to_arrow()
        return (await batches if asyncio.iscoroutine(batches) or asyncio.isfuture(batches) else batches).column("id").to_pylist()

    in_order = [int(r[3]) for r in sorted((r for r in records if r[0] == "0"), key=lambda r: int(r[1]))]
    assert runner_on(server)(last_rows) == in_order[-4000:], "a limit reaches over the local log into the remote one"
    expected = [{"n": 10_000, "s": sum(range(10_000)), "k": 7}]
    count = "SELECT count(*) AS n, sum(id)::BIGINT AS s, count(DISTINCT v) AS k FROM t"
    assert sql(server, count)[0] == expected
    assert sql(server, "SELECT id, pad = md5(id::VARCHAR) || md5((id * 31)::VARCHAR) AS whole FROM t WHERE id = 17")[0] == [{"id": 17, "whole": True}]
    server.kill()
    server = server.restarted()
    assert sql(server, count)[0] == expected
    fill(server, "t", 2000, first=10_000)
    check_ids(scan(server, "t"), 12_000)
    assert server.stop() == 0
    server = server.restarted()
    check_ids(scan(server, "t"), 12_000)
    sql(server, "DROP TABLE t")
    until(lambda: not (tmp_path / "data/remote/log/fluss").exists(), what="the remote log of a dropped table is removed")
    assert server.stop() == 0


def test_offsets_by_time_are_found_in_the_remote_log(tmp_path):
    server = Server(tmp_path, **{**SETTINGS, "remote.log.task-interval-duration": "0s"})
    table = create(server, "t")
    begin = time.time_ns() // 1_000_000
    fill(server, "t")
    end = time.time_ns() // 1_000_000
    times = [begin + (end - begin) * i // 40 for i in range(41)]
    ask = lambda: [[Raw(server.port).list_offset(table, bucket, 2, t) for t in times] for bucket in (0, 1)]  # noqa: E731
    before = ask()
    assert all(len(set(offsets)) > 5 for offsets in before)
    assert server.stop() == 0
    assert not (tmp_path / "data/remote/log").exists(), "copies are switched off"
    server = Server(tmp_path, server.port, **SETTINGS)
    wait_until_remote(server, tmp_path, table)
    assert ask() == before
    assert server.stop() == 0


def test_changelogs_are_read_from_the_remote_log_too(tmp_path):
    server = Server(tmp_path, **{**SETTINGS, "kv.snapshot.interval": "50ms"})
    table = create(server, "k", columns="id BIGINT, v STRING, pad STRING, PRIMARY KEY (id) NOT ENFORCED")
    fill(server, "k", 6000)
    fill(server, "k", 6000)  # updates of all
    sql(server, "DELETE FROM k WHERE id % 3 = 0")
    wait_until_remote(server, tmp_path, table)
    rows = {}
    for _, _, kind, key in scan(server, "k"):
        assert kind in ("+I", "-U", "+U", "-D")
        if kind in ("+I", "+U"):
            rows[int(key)] = True
        elif kind == "-D":
            del rows[int(key)]
    assert sorted(rows) == [i for i in range(6000) if i % 3]
    server.kill()
    server = server.restarted()
    assert sql(server, "SELECT count(*) AS n FROM k")[0] == [{"n": 4000}]
    # Without the key store, snapshots and the log, both its parts, give the same keys.
    assert server.stop() == 0
    shutil.rmtree(tmp_path / "data/kv-store")
    server = server.restarted()
    assert sql(server, "SELECT count(*) AS n, count(DISTINCT id) AS d FROM k")[0] == [{"n": 4000, "d": 4000}]
    assert server.stop() == 0


def test_a_lake_that_is_switched_on_late_gets_the_remote_rows(tmp_path):
    server = Server(tmp_path, **SETTINGS, **{"datalake.format": "paimon"})
    table = create(server, "t", "'table.datalake.freshness' = '100ms'")
    fill(server, "t")
    wait_until_remote(server, tmp_path, table)
    sql(server, "ALTER TABLE t SET ('table.datalake.enabled' = 'true')")
    until(lambda: sql(server, "SELECT count(*) AS n, count(DISTINCT id) AS d FROM t$lake")[0] == [{"n": 10_000, "d": 10_000}], what="the lake has all rows")
    assert sql(server, "SELECT count(*) AS n FROM t")[0] == [{"n": 10_000}]
    assert server.stop() == 0


def test_expired_rows_leave_the_remote_directory(tmp_path):
    server = Server(tmp_path, **SETTINGS)
    table = create(server, "t", "'table.log.ttl' = '1h'")
    fill(server, "t")
    wait_until_remote(server, tmp_path, table)
    assert len(manifest(tmp_path, table)) > 1
    sql(server, "ALTER TABLE t SET ('table.log.ttl' = '1ms')")
    until(lambda: Raw(server.port).list_offset(table, 0, 0) == Raw(server.port).list_offset(table, 0, 1), what="all rows expire")
    remote = next((tmp_path / "data/remote/log/fluss").glob(f"t-{table}/0"))
    until(lambda: [path.name for path in remote.iterdir()] == ["metadata"], what="their segments are removed")
    sql(server, "ALTER TABLE t SET ('table.log.ttl' = '1h')")
    fill(server, "t", 1000, first=50_000)
    assert sql(server, "SELECT count(*) AS n, min(id) AS first FROM t")[0] == [{"n": 1000, "first": 50_000}]
    assert server.stop() == 0


def test_kills_in_the_middle_of_copies_lose_and_leave_nothing(tmp_path):
    server = Server(tmp_path, **{**SETTINGS, "remote.log.task-interval-duration": "5ms", "log.flush.offset.checkpoint-interval": "10ms"})
    table = create(server, "t")
    rng = random.Random(5)
    for step in range(8):
        fill(server, "t", 1500, first=step * 1500)
        for _ in range(rng.randint(0, 30)):
            Raw(server.port).call(1003, b"")  # a round trip, to wait without sleeping
        server.kill()
        server = server.restarted()
    fill(server, "t", 1500, first=12_000)
    wait_until_remote(server, tmp_path, table)
    check_ids(scan(server, "t"), 13_500)
    for bucket in (0, 1):
        folder = next((tmp_path / "data/remote/log/fluss").glob(f"t-{table}/{bucket}"))
        known = lambda: {s["segment_id"] for s in manifest(tmp_path, table, bucket)} | {"metadata"}  # noqa: B023, E731
        until(lambda: {path.name for path in folder.iterdir()} == known(), what="nothing is left of interrupted copies")  # noqa: B023
    assert server.stop() == 0


def test_a_log_that_lost_its_end_goes_on_where_the_remote_one_ends(tmp_path):
    server = Server(tmp_path, **SETTINGS)
    table = create(server, "w", "'table.log.format' = 'COMPACTED'", columns="id BIGINT")
    raw = Raw(server.port)
    sent = 0
    while not manifest(tmp_path, table) or len(local(tmp_path, table)[0]) > 1 or sent % 50:
        assert raw.produce(table, 0, compacted_batch(range(sent * 100, sent * 100 + 100), 7, sent)) == sent * 100
        sent += 1
    end = manifest(tmp_path, table)[-1]["end_offset"]
    assert server.stop() == 0
    lost = local(tmp_path, table)[0]
    shutil.rmtree(next((tmp_path / "data/fluss").glob(f"w-{table}")) / "log-0")
    server = server.restarted()
    server.wait_for(r"its remote log at .*: it goes on from there")
    assert lost[0] == end
    assert Raw(server.port).list_offset(table, 0, 1) == end
    raw = Raw(server.port)
    last = end // 100 - 1
    assert raw.produce(table, 0, compacted_batch(range(last * 100, last * 100 + 100), 7, last)) == last * 100, "the writer's batches are known still"
    assert raw.produce(table, 0, compacted_batch(range(end, end + 100), 7, last + 1)) == end
    assert sql(server, "SELECT count(*) AS n, sum(id)::BIGINT AS s FROM w")[0] == [{"n": end + 100, "s": sum(range(end + 100))}]
    assert server.stop() == 0


def test_a_remote_file_that_is_gone_is_named(tmp_path):
    server = Server(tmp_path, **SETTINGS)
    table = create(server, "t")
    fill(server, "t")
    wait_until_remote(server, tmp_path, table)
    file = next((tmp_path / "data/remote/log/fluss").glob(f"t-{table}/0/*/{0:020}.log"))
    content = file.read_bytes()
    file.unlink()
    failed = sql(server, "SELECT count(*) FROM t WHERE v = 'v1'", ok=False)
    assert str(file) in failed.stderr and "remote directory" in failed.stderr
    file.write_bytes(content[:200] + bytes([content[200] ^ 1]) + content[201:])
    failed = sql(server, "SELECT count(*) FROM t WHERE v = 'v1'", ok=False)
    assert "CRC" in failed.stderr or "checksum" in failed.stderr, failed.stderr
    file.write_bytes(content)
    assert sql(server, "SELECT count(*) AS n FROM t")[0] == [{"n": 10_000}]
    assert server.stop() == 0


def test_a_key_batch_sent_twice_changes_nothing(tmp_path):
    """The second time it would make other changes, updates in place of inserts, and is known all the same."""
    server = Server(tmp_path)
    sql(server, "CREATE TABLE k (id BIGINT, v BIGINT, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket.num' = '1')")
    raw = Raw(server.port)
    table = raw.table_id("fluss", "k")
    batch = key_batch([(varint(i), b"\0" + varint(i) + varint(5)) for i in range(10)], 3, 0)
    assert raw.put(table, 0, batch) == 10
    assert raw.put(table, 0, batch) == 10
    server.kill()
    server = server.restarted()
    raw = Raw(server.port)
    assert raw.put(table, 0, batch) == 10
    assert raw.put(table, 0, key_batch([(varint(0), None)], 3, 1)) == 11
    assert server.stop() == 0
