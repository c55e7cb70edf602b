"""The lake as a service: switched on and off by its rules, failing and healing, looked at and worked on by `strom lake`."""
import json
import os
import resource
import shutil
import subprocess
import time

import pytest

from harness import STROM, Process, Server, sql, until, wait_for_lake, wait_until_tiered

LAKE = "'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '100ms'"
LOG = f"(id BIGINT, s STRING) WITH ('bucket.num' = '1', 'bucket.key' = 'id', {LAKE})"


def lake(server, *words, code=0):
    """What `strom lake` prints, or its error where one is expected."""
    done = subprocess.run([STROM, "lake", "--bootstrap", server.address, "-o", "json", *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    if code:
        return done.stdout + done.stderr
    return json.loads(done.stdout) if done.stdout else done.stderr


def job(server, table):
    return next(one for one in lake(server, "jobs") if one["table"] == f"fluss.{table}")


@pytest.mark.parametrize("lake_format", ["paimon", "iceberg"])
def test_the_cluster_is_switched_on_after_a_preflight_and_off_when_nobody_uses_it(tmp_path, lake_format):
    server = Server(tmp_path)  # no word of a lake
    sql(server, "CREATE TABLE early (id BIGINT) WITH ('bucket.num' = '1')", "CREATE TABLE early_keys (id BIGINT, PRIMARY KEY (id) NOT ENFORCED)", "INSERT INTO early VALUES (1), (2)")
    assert "this cluster has no lake" in sql(server, f"CREATE TABLE t {LOG}", ok=False).stderr
    assert "datalake.format" in lake(server, "enable", code=6)

    (tmp_path / "taken").write_text("a file where a folder should be")
    settings = ["--datalake.format", lake_format, f"--datalake.{lake_format}.warehouse"]
    assert "taken" in lake(server, "preflight", *settings, str(tmp_path / "taken/lake"), code=1)
    assert "Nothing was changed" in lake(server, "enable", *settings, str(tmp_path / "taken/lake"), code=6)
    assert "this cluster has no lake" in sql(server, f"CREATE TABLE t {LOG}", ok=False).stderr
    assert "only local paths" in lake(server, "enable", *settings[:2], f"--datalake.{lake_format}.warehouse", "s3://bucket/lake", code=6)

    before = sorted(os.listdir(tmp_path))
    assert all(check["ok"] for check in lake(server, "preflight", *settings, str(tmp_path / "lake")))
    assert sorted(os.listdir(tmp_path)) == before, "a preflight leaves nothing behind"
    lake(server, "enable", *settings, str(tmp_path / "lake"))
    sql(server, f"CREATE TABLE t {LOG}", "INSERT INTO t VALUES (1, 'a')", "ALTER TABLE early SET ('table.datalake.enabled' = 'true')")
    wait_until_tiered(server, "t", 1)
    wait_until_tiered(server, "early", 2)  # free in its choice of buckets
    assert "created before the cluster had a lake" in sql(server, "ALTER TABLE early_keys SET ('table.datalake.enabled' = 'true')", ok=False).stderr

    refused = lake(server, "disable", code=6)
    assert "2 tables have still" in refused and "fluss.early" in refused and "fluss.t" in refused
    other = "iceberg" if lake_format == "paimon" else "paimon"
    assert "cannot become" in lake(server, "enable", "--datalake.format", other, code=6)
    server.kill()
    server = server.restarted()  # what was set while it ran is still so
    sql(server, "INSERT INTO t VALUES (2, 'b')")
    wait_until_tiered(server, "t", 2)
    lake(server, "disable", "--tables")
    assert lake(server, "jobs") == []
    assert "the lake of the cluster is off" in json.dumps(lake(server, "why", "t"))
    assert "has no lake" in sql(server, "ALTER TABLE t SET ('table.datalake.enabled' = 'true')", ok=False).stderr
    sql(server, "INSERT INTO t VALUES (3, 'c')")
    lake(server, "enable", "--datalake.format", other)  # nobody is in the way now
    assert f"must be the cluster's datalake.format '{other}'" in sql(server, "ALTER TABLE t SET ('table.datalake.enabled' = 'true')", ok=False).stderr
    lake(server, "enable", *settings, str(tmp_path / "lake"))
    lake(server, "enable", "t")
    wait_until_tiered(server, "t", 3)
    assert server.stop() == 0


def test_a_start_without_the_lake_of_a_table_is_refused(tmp_path):
    server = Server(tmp_path, **{"datalake.format": "paimon"})
    sql(server, f"CREATE TABLE t {LOG}")
    assert server.stop() == 0
    words = [STROM, "server", "-X", f"data.dir={tmp_path}/data", "-X", "bind.listeners=FLUSS://127.0.0.1:0", "-X", "datalake.format=paimon", "-X", "datalake.enabled=false"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "fluss.t" in done.stderr


@pytest.mark.parametrize("lake_format", ["paimon", "iceberg"])
def test_a_warehouse_that_fails_for_a_while_loses_nothing(tmp_path, lake_format):
    server = Server(tmp_path, **{"datalake.format": lake_format})
    sql(server, f"CREATE TABLE t {LOG}", f"CREATE TABLE k (id BIGINT, s STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket.num' = '1', {LAKE})",
        "INSERT INTO t VALUES (0, 'first')", "INSERT INTO k VALUES (0, 'first')")
    wait_until_tiered(server, "t", 1)
    wait_until_tiered(server, "k", 1)
    warehouse, away = tmp_path / "data/lake", tmp_path / "away"
    warehouse.rename(away)
    warehouse.write_text("not a folder")
    sql(server, "INSERT INTO t SELECT i, 'x' FROM range(1, 100) AS r(i)", "INSERT INTO k SELECT i % 10, 'x' || i FROM range(100) AS r(i)")
    failed = until(lambda: (one := job(server, "t"))["failures"] >= 2 and one, what="rounds fail")
    assert "lake" in failed["failure"] and failed["worker"] == "server 0", "the cause and who had it"
    assert "rounds failed" in lake(server, "why", "t")[0]["why"]
    sql(server, "INSERT INTO t VALUES (100, 'writes go on')")
    warehouse.unlink()
    away.rename(warehouse)
    wait_until_tiered(server, "t", 101)
    wait_for_lake(server, "k")
    healed = until(lambda: (one := job(server, "t"))["failures"] == 0 and one, what="the failures are over")
    assert healed["failure"] is None and healed["last_rows"] > 0 and healed["last_bytes"] > 0
    for table in ("t", "k"):
        assert all(row["equal"] for row in lake(server, "verify", f"fluss.{table}"))
    assert lake(server, "why", "t")[0]["why"] == "the lake has all rows"
    assert server.stop() == 0


class Worker(Process):
    """A `strom tier`, of which files may not be longer than `file_limit` bytes: to it, the disk is full."""

    def __init__(self, server, cwd, file_limit=None):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        try:  # inherited; the signal that comes with it is ignored here, and so there
            if file_limit:
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, before[1]))
            super().__init__(["tier", "--fluss.bootstrap.servers", server.address], cwd, restore_signals=False)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("lake_format", ["paimon", "iceberg"])
def test_a_full_disk_leaves_the_lake_as_it_was(tmp_path, lake_format):
    server = Server(tmp_path, **{"datalake.format": lake_format, "server.tiering.enabled": "false"})
    sql(server, f"CREATE TABLE t {LOG}", "INSERT INTO t VALUES (0, 'small')")
    worker = Worker(server, tmp_path, file_limit=200_000)
    wait_until_tiered(server, "t", 1)
    sql(server, "INSERT INTO t SELECT i, md5(i::VARCHAR) || md5((i + 1)::VARCHAR) FROM range(1, 20000) AS r(i)")
    failed = until(lambda: (one := job(server, "t"))["failures"] >= 2 and one, what="rounds fail")
    assert "File too large" in failed["failure"]
    assert sql(server, "SELECT count(*) AS n FROM t$lake") == [[{"n": 1}]]
    files = len(list((tmp_path / "data/lake").rglob("*.parquet")))
    assert files <= 2, "failed rounds clean up behind themselves, but for the one in hand"
    worker.stop()
    healthy = Worker(server, tmp_path)
    wait_until_tiered(server, "t", 20000)
    assert all(row["equal"] for row in lake(server, "verify", "t"))
    healthy.stop()
    assert server.stop() == 0


@pytest.mark.parametrize("lake_format", ["paimon", "iceberg"])
def test_tables_are_held_hurried_compacted_and_cleaned(tmp_path, lake_format):
    slow = LAKE.replace("100ms", "1h")
    server = Server(tmp_path, **{"datalake.format": lake_format})
    sql(server, f"CREATE TABLE t (id BIGINT, s STRING) WITH ('bucket.num' = '1', 'bucket.key' = 'id', {slow})", "INSERT INTO t VALUES (0, 'a')")
    wait_until_tiered(server, "t", 1)
    sql(server, "INSERT INTO t VALUES (1, 'b')")
    waits = until(lambda: (one := lake(server, "why", "t")[0])["state"] == "scheduled" and one, what="a round is due")
    assert waits["rows_behind"] == 1 and "the next round is due in" in waits["why"]
    for rows in range(2, 9):
        lake(server, "tier", "t")
        wait_until_tiered(server, "t", rows)
        sql(server, f"INSERT INTO t VALUES ({rows}, 'c')")
    lake(server, "pause", "t")
    lake(server, "tier", "t")
    assert "it is paused" in json.dumps(lake(server, "why", "t"))
    server.stop()
    server = server.restarted()
    assert "it is paused" in json.dumps(lake(server, "why", "t")), "a restart changes nothing about it"
    files = len(lake(server, "files", "t"))
    compacted = lake(server, "compact", "t")
    assert len(compacted) == 1 and len(lake(server, "files", "t")) < files
    assert lake(server, "compact", "t") == [], "nothing is left to gain"
    assert sql(server, "SELECT count(*) AS n FROM t$lake") == [[{"n": 8}]]
    assert all(row["equal"] for row in lake(server, "verify", "t"))

    # Files that no snapshot has, old ones and young ones.
    data = [one["path"] for one in lake(server, "files", "t")]
    orphan, young = (os.path.join(os.path.dirname(data[0]), f"{name}.parquet") for name in ("data-of-nobody", "data-under-way"))
    for path in (orphan, young):
        shutil.copy(data[0], path)
    os.utime(orphan, (time.time() - 90_000,) * 2)
    assert lake(server, "expire", "t")[0]["orphans_removed"] == 1
    assert not os.path.exists(orphan) and os.path.exists(young)
    assert lake(server, "expire", "t", "--orphans-older-than", "0s")[0]["orphans_removed"] == 1
    for snapshot in lake(server, "snapshots", "t"):
        assert snapshot["snapshot_id"]
    assert sql(server, "SELECT count(*) AS n FROM t$lake") == [[{"n": 8}]]

    lake(server, "resume", "t")
    lake(server, "tier", "t")
    wait_until_tiered(server, "t", 9)
    assert "is not datalake enabled" in [sql(server, "CREATE TABLE off (id BIGINT)"), lake(server, "compact", "off", code=1)][1]
    assert "did you mean 'compact'" in lake(server, "compct", "t", code=2)
    assert "does not exist" in lake(server, "pause", "nothing", code=3)
    assert server.stop() == 0
