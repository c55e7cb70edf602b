"""Key snapshots: what clients read themselves, what is kept, and what a server is built again from."""
import json
import shutil

import pytest

from harness import Raw, Server, field, fields, java, sql, until

SETTINGS = {"kv.snapshot.interval": "100ms", "log.flush.offset.checkpoint-interval": "50ms", "log.segment.file-size": "64kb", "log.retention.check-interval": "100ms"}


def create(server, name, *options):
    more = "".join(f", {option}" for option in options)
    sql(server, f"CREATE TABLE {name} (id BIGINT, v STRING, pad STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket.num' = '2'{more})")
    return Raw(server.port).table_id("fluss", name)


def latest(server, name):
    """{bucket: (snapshot id, log offset)} of the buckets that have a snapshot."""
    answer = Raw(server.port).call(1023, field(1, field(1, "fluss") + field(2, name)))
    all_buckets = [fields(one) for one in answer[3]]
    return {b[1][0]: (b[2][0], b[3][0]) for b in all_buckets if 2 in b}


def ends(server, table_id):
    raw = Raw(server.port)
    return {b: raw.list_offset(table_id, b) for b in (0, 1)}


def wait_for_snapshots(server, name, table_id):
    """Until a snapshot has everything that is written; returns them."""
    target = ends(server, table_id)
    until(lambda: {b: offset for b, (_, offset) in latest(server, name).items()} == target, what="a snapshot of everything")
    return latest(server, name)


def test_the_java_client_reads_snapshot_and_log(tmp_path):
    server = Server(tmp_path, **SETTINGS)
    table = create(server, "t")
    sql(server, "INSERT INTO t SELECT i, 'v' || i, repeat('p', 100) FROM range(5000) AS r(i)", "DELETE FROM t WHERE id % 10 = 0")
    wait_for_snapshots(server, "t", table)
    sql(server, "UPDATE t SET v = 'new' WHERE id < 100", "DELETE FROM t WHERE id = 1", "INSERT INTO t VALUES (9000, 'late', '')")
    from_snapshots, *rows = java("KeySnapshots", server.address, "t", "2").splitlines()
    assert int(from_snapshots) >= 4500
    expected = {i: "new" if i < 100 else f"v{i}" for i in range(2, 5000) if i % 10} | {9000: "late"}
    assert rows == [f"{i} {v}" for i, v in sorted(expected.items())]
    assert server.stop() == 0


def test_snapshots_share_files_and_old_ones_go(tmp_path):
    server = Server(tmp_path, **SETTINGS)
    table = create(server, "t")
    sql(server, "INSERT INTO t SELECT i, 'v', repeat('p', 200) FROM range(20000) AS r(i)")
    wait_for_snapshots(server, "t", table)
    remote = next((tmp_path / "data/remote/kv/fluss").glob(f"t-{table}"))
    small = {0: 0, 1: 0}
    for step in range(5):
        sql(server, f"UPDATE t SET v = 'step {step}' WHERE id < 50")
        newest = wait_for_snapshots(server, "t", table)
        for bucket in (0, 1):
            snapshots = lambda: sorted(int(path.name.removeprefix("snap-")) for path in (remote / str(bucket)).glob("snap-*"))  # noqa: B023, E731
            until(lambda: len(snapshots()) == min(2, snapshots()[-1] + 1), what="older snapshots are removed")  # noqa: B023
            kept = snapshots()
            assert kept[-1] == newest[bucket][0]
            documents = [json.loads((remote / str(bucket) / f"snap-{i}/_METADATA").read_text()) for i in kept]
            shared = [{f["kv_file_handle"]["path"] for f in d["kv_snapshot_handle"]["shared_file_handles"]} for d in documents]
            until(lambda: {str(path) for path in (remote / str(bucket) / "shared").iterdir()} == set().union(*shared), what="and their files")  # noqa: B023
            if len(kept) == 2 and shared[0] & shared[1]:  # else the files were merged just now, which happens once in a while
                small[bucket] += documents[1]["kv_snapshot_handle"]["snapshot_incremental_size"] < 100_000
    assert min(small.values()) >= 2, "most of the rows did not change"
    assert sum(json.loads((remote / str(b) / f"snap-{newest[b][0]}/_METADATA").read_text())["row_count"] for b in (0, 1)) == 20000
    sql(server, "DROP TABLE t")
    until(lambda: not remote.exists(), what="the snapshots of a dropped table are removed")
    assert server.stop() == 0


def test_files_of_an_interrupted_snapshot_are_removed(tmp_path):
    server = Server(tmp_path, **SETTINGS)
    table = create(server, "t")
    sql(server, "INSERT INTO t SELECT i, 'v', 'p' FROM range(100) AS r(i)")
    wait_for_snapshots(server, "t", table)
    server.kill()
    remote = next((tmp_path / "data/remote/kv/fluss").glob(f"t-{table}")) / "0"
    left = [remote / "snap-9999", remote / "shared/left-behind"]
    left[0].mkdir()
    for path in (left[0] / "CURRENT", left[1]):
        path.write_text("half")
    server = server.restarted()
    sql(server, "UPDATE t SET v = 'w' WHERE id < 50")
    wait_for_snapshots(server, "t", table)
    until(lambda: not any(path.exists() for path in left), what="they are removed")
    server.kill()
    shutil.rmtree(tmp_path / "data/kv-store")
    server = server.restarted()
    assert sql(server, "SELECT count(*) AS n FROM t WHERE v = 'w'")[0] == [{"n": 50}]
    assert server.stop() == 0


def lease_request(lease, table, snapshots, millis=3_600_000):
    of_buckets = b"".join(field(2, field(2, bucket) + field(3, snapshot)) for bucket, snapshot in snapshots.items())
    return field(1, lease) + field(2, millis) + field(3, field(1, table) + of_buckets)


def test_a_lease_keeps_a_snapshot_over_a_restart(tmp_path):
    server = Server(tmp_path, **SETTINGS)
    table = create(server, "t")
    sql(server, "INSERT INTO t SELECT i, 'v', 'p' FROM range(100) AS r(i)")
    leased = {bucket: snapshot for bucket, (snapshot, _) in wait_for_snapshots(server, "t", table).items()}
    assert Raw(server.port).call(1056, lease_request("reader", table, leased)) == {}
    server.kill()
    server = server.restarted()
    for step in range(4):
        sql(server, f"UPDATE t SET v = 'step {step}'")
        wait_for_snapshots(server, "t", table)
    folders = [next((tmp_path / "data/remote/kv/fluss").glob(f"t-{table}")) / str(b) / f"snap-{leased[b]}" for b in (0, 1)]
    assert all((folder / "_METADATA").exists() for folder in folders)
    raw = Raw(server.port)
    assert raw.call(1057, field(1, "reader") + field(2, field(1, table) + field(3, 1))) == {}
    assert raw.call(1058, field(1, "another")) == {}
    sql(server, "UPDATE t SET v = 'released'")
    wait_for_snapshots(server, "t", table)
    until(lambda: not folders[1].exists(), what="a released snapshot goes")
    assert folders[0].exists()
    assert raw.call(1058, field(1, "reader")) == {}
    sql(server, "UPDATE t SET v = 'dropped'")
    wait_for_snapshots(server, "t", table)
    until(lambda: not folders[0].exists(), what="a dropped lease holds nothing")
    assert "lease id" in raw.call(1056, lease_request("../x", table, {}))[1]
    assert not list((tmp_path / "data/remote/lease/kv-snapshot").iterdir())
    assert server.stop() == 0


@pytest.mark.parametrize("damage", [False, True])
def test_keys_are_built_again_from_snapshot_and_log(tmp_path, damage):
    server = Server(tmp_path, **SETTINGS)
    table = create(server, "t", "'table.log.ttl' = '1ms'", "'table.log.arrow.compression.type' = 'NONE'")
    sql(server, "INSERT INTO t SELECT i, 'v' || i, repeat('p', 300) FROM range(5000) AS r(i)")
    wait_for_snapshots(server, "t", table)
    sql(server, "UPDATE t SET v = 'new' WHERE id % 2 = 0", "DELETE FROM t WHERE id = 7")
    newest = wait_for_snapshots(server, "t", table)
    before = sql(server, "SELECT count(*) AS n, sum(hash(id, v, pad)) AS h FROM t")
    if not damage:  # the changelog before the older snapshot goes
        earliest = lambda b: Raw(server.port).list_offset(table, b, 0)  # noqa: E731
        until(lambda: all(earliest(b) > 0 for b in (0, 1)), what="retention")
    assert server.stop() == 0
    shutil.rmtree(tmp_path / "data/kv-store")
    if damage:
        for bucket, (snapshot, _) in newest.items():
            document = tmp_path / f"data/remote/kv/fluss/t-{table}/{bucket}/snap-{snapshot}/_METADATA"
            document.write_text("{}")
    server = server.restarted()
    assert sql(server, "SELECT count(*) AS n, sum(hash(id, v, pad)) AS h FROM t") == before
    sql(server, "INSERT INTO t VALUES (7, 'back', '')")
    assert sql(server, "SELECT v FROM t WHERE id = 7") == [[{"v": "back"}]]
    assert server.stop() == 0


def test_wrong_snapshot_requests(server, name):
    table = create(server, name)
    raw = Raw(server.port)
    assert raw.call(1024, field(1, table) + field(3, 0) + field(4, 99))[0] == 41
    unavailable = fields(raw.call(1056, lease_request("l", table, {0: 99}))[1][0])
    assert unavailable[1] == [table], "a snapshot that is not there cannot be leased"
    sql(server, f"CREATE TABLE {name}_l (a INT)")
    assert raw.call(1023, field(1, field(1, "fluss") + field(2, name + "_l")))[0] == 20
    assert raw.call(1025, b"")[1] == [b"file"]
