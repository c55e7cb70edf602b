"""kill -9 at any moment: every acknowledged row is there afterwards, once, and the server comes back by itself."""
import os
import random
import struct
import threading

from harness import Raw, Server, compacted_batch, field, fields, sql

KILLS = int(os.environ.get("STROM_KILLS", "100"))
WRITERS = 3


class Writer(threading.Thread):
    """Sends numbered rows to one bucket, one batch at a time, and repeats a batch whose answer never came."""

    def __init__(self, port, table_id, bucket, writer_id):
        super().__init__(daemon=True)
        self.port, self.table_id, self.bucket, self.writer_id = port, table_id, bucket, writer_id
        self.acknowledged = 0  # rows 0 .. acknowledged-1 of this bucket
        self.sequence = 0
        self.rng = random.Random(bucket)
        self.pending = None
        self.running = True
        self.faults = []

    def run(self):
        raw = None
        while self.running:
            try:
                raw = raw or Raw(self.port)
                self.pending = self.pending or self.rng.randint(1, 40)
                numbers = range(self.acknowledged, self.acknowledged + self.pending)
                answer = raw.produce(self.table_id, self.bucket, compacted_batch(numbers, self.writer_id, self.sequence))
            except OSError:  # the server was killed
                raw = None
                continue
            if answer != self.acknowledged:
                self.faults.append((self.acknowledged, self.sequence, answer))
                return
            self.acknowledged += self.pending
            self.sequence += 1
            self.pending = None


def read_all(port, table_id, bucket):
    """The numbers of a bucket in order."""
    raw, numbers, offset = Raw(port), [], 0
    while True:
        request = field(2, bucket) + field(3, offset) + field(4, 1 << 20)
        answer = raw.call(1015, field(1, (1 << 64) - 1) + field(2, 1 << 24) + field(3, field(1, table_id) + field(2, 0) + field(4, request)))
        bucket_answer = fields(fields(answer[1][0])[2][0])
        records = bucket_answer.get(8, [b""])[0]
        if not records:
            return numbers
        at = 0
        while at < len(records):
            base, length = struct.unpack_from("<qi", records, at)
            count = struct.unpack_from("<i", records, at + 44)[0]
            assert base == offset, "batches follow each other without a gap"
            position = at + 48
            for _ in range(count):
                size = struct.unpack_from("<i", records, position)[0]
                value = shift = 0
                for byte in records[position + 6:position + 4 + size]:
                    value |= (byte & 0x7F) << shift
                    shift += 7
                numbers.append(value)
                position += 4 + size
            offset = base + count
            at += 12 + length


def tear_tails(server, rng):
    """What a lost power may leave behind: half a batch at the end of a log, an index with rubbish, a half-written checkpoint."""
    for log in (server.cwd / "data/fluss").rglob("*.log"):
        if rng.random() < 0.3:
            with open(log, "ab") as file:
                file.write(compacted_batch([1, 2, 3])[:rng.randint(1, 60)])
    for index in (server.cwd / "data/fluss").rglob("*index"):
        if rng.random() < 0.2:
            with open(index, "ab") as file:
                file.write(bytes(rng.randint(1, 40)))
    (server.cwd / "data/.recovery-point-offset-checkpoint.xyz.tmp").write_bytes(b"0\n9\n1 0")


def test_acknowledged_rows_survive_kill_nine(tmp_path):
    settings = {"log.segment.file-size": "64kb", "log.flush.offset.checkpoint-interval": "50ms"}
    server = Server(tmp_path, **settings)
    sql(server, f"CREATE TABLE t (n BIGINT) WITH ('table.log.format' = 'COMPACTED', 'bucket.num' = '{WRITERS}')")
    table_id = Raw(server.port).table_id("fluss", "t")
    writers = [Writer(server.port, table_id, bucket, 1000 + bucket) for bucket in range(WRITERS)]
    for writer in writers:
        writer.start()
    rng = random.Random(1)
    for _ in range(KILLS):
        target = [writer.acknowledged + rng.randint(0, 200) for writer in writers]
        while any(w.acknowledged < t for w, t in zip(writers, target)) and not any(w.faults for w in writers):
            pass_on = Raw(server.port)  # a round trip, to wait without sleeping
            pass_on.call(1003, b"")
            pass_on.close()
        server.kill()
        tear_tails(server, rng)
        server = server.restarted()
    for writer in writers:
        writer.running = False
    for writer in writers:
        writer.join(30)
        assert not writer.faults, writer.faults
    for writer in writers:
        numbers = read_all(server.port, table_id, writer.bucket)
        assert numbers[:writer.acknowledged] == list(range(writer.acknowledged))
        assert len(numbers) <= writer.acknowledged + 40, "at most the batch that was never answered is there beyond"
        assert numbers == list(range(len(numbers))), "each row once"
    assert server.stop() == 0


def test_a_clean_stop_needs_no_recovery(tmp_path):
    server = Server(tmp_path)
    sql(server, "CREATE TABLE t (n BIGINT)", "INSERT INTO t SELECT * FROM range(1000)")
    assert server.stop() == 0
    assert (tmp_path / "data/.fluss_cleanshutdown").exists()
    server = server.restarted()
    assert not (tmp_path / "data/.fluss_cleanshutdown").exists()
    assert sql(server, "SELECT count(*) AS n, sum(n) AS s FROM t") == [[{"n": 1000, "s": 499500}]]
    sql(server, "INSERT INTO t VALUES (7)")
    assert sql(server, "SELECT count(*) AS n FROM t") == [[{"n": 1001}]]
    assert server.stop() == 0
