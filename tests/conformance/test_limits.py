"""What a server holds on to does not grow with what it has."""
import os

from harness import Raw, Server, compacted_batch, sql, until


def test_idle_buckets_hold_no_files_open(tmp_path):
    server = Server(tmp_path, **{"log.flush.offset.checkpoint-interval": "50ms"})
    sql(server, "CREATE TABLE t (id BIGINT) WITH ('bucket.num' = '600', 'table.log.format' = 'COMPACTED')")
    raw = Raw(server.port)
    table = raw.table_id("fluss", "t")
    for bucket in range(600):
        assert raw.produce(table, bucket, compacted_batch([bucket])) == 0
    descriptors = lambda: len(os.listdir(f"/proc/{server.process.pid}/fd"))  # noqa: E731
    until(lambda: raw.call(1003, b"") is not None and descriptors() < 100, what="files that are not used are closed")
    for bucket in range(0, 600, 7):
        assert raw.produce(table, bucket, compacted_batch([1])) == 1, "and opened again"
    assert sql(server, "SELECT count(*) AS n, max(id) AS m FROM t")[0] == [{"n": 686, "m": 599}]
    server.kill()
    server = server.restarted()
    assert sql(server, "SELECT count(*) AS n FROM t")[0] == [{"n": 686}]
    assert server.stop() == 0
