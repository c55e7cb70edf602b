"""kill -9 at any moment: every acknowledged row is there afterwards, once, and the server comes back by itself."""
import json
import os
import random
import struct
import threading

from harness import Raw, Server, compacted_batch, field, fields, key_batch, sql, varint

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


class KeyWriter(Writer):
    """Adds to random keys of one bucket, and deletes some: what is lost or applied twice shows in the sums."""

    KEYS = 400

    def __init__(self, *args):
        super().__init__(*args)
        self.model = {}

    def run(self):
        raw = None
        while self.running or self.pending:
            try:
                raw = raw or Raw(self.port)
                self.pending = self.pending or [(self.rng.randrange(self.KEYS), self.rng.choice([None, 1, 7, 1 << 33])) for _ in range(self.rng.randint(1, 30))]
                changes = [(varint(key), number and self.row(key, number)) for key, number in self.pending]
                answer = raw.put(self.table_id, self.bucket, key_batch(changes, self.writer_id, self.sequence))
            except OSError:  # the server was killed
                raw = None
                continue
            if isinstance(answer, tuple):
                self.faults.append((self.sequence, answer))
                return
            for key, number in self.pending:
                if number is None:
                    self.model.pop(key, None)
                else:
                    self.model[key] = self.model.get(key, 0) + number
            self.acknowledged += len(self.pending)
            self.sequence += 1
            self.pending = None

    @staticmethod
    def row(key, number):
        pad = b"x" * 4000  # so that the store, too, writes files
        return b"\0" + varint(key) + varint(number) + varint(len(pad)) + pad


def tear_tails(server, rng):
    """What a lost power may leave behind: half a batch at the end of a log, an index with rubbish, a half-written checkpoint."""
    for bucket in (server.cwd / "data/fluss").rglob("log-*"):
        newest = max(bucket.glob("*.log"), default=None)
        if newest and rng.random() < 0.3:
            with open(newest, "ab") as file:
                file.write(compacted_batch([1, 2, 3])[:rng.randint(1, 60)])
        for index in bucket.glob(f"{newest.stem}.*index" if newest else "none"):
            if rng.random() < 0.2:
                with open(index, "ab") as file:
                    file.write(bytes(rng.randint(1, 40)))
    (server.cwd / "data/.recovery-point-offset-checkpoint.xyz.tmp").write_bytes(b"0\n9\n1 0")


def kill_again_and_again(server, writers, times):
    """Kills the server while `writers` go on, tears its files, and starts it again; the last one, with its writers at rest."""
    for writer in writers:
        writer.start()
    rng = random.Random(1)
    for _ in range(times):
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
    return server


def test_acknowledged_rows_survive_kill_nine(tmp_path):
    settings = {"log.segment.file-size": "64kb", "log.flush.offset.checkpoint-interval": "50ms"}
    server = Server(tmp_path, **settings)
    sql(server, f"CREATE TABLE t (n BIGINT) WITH ('table.log.format' = 'COMPACTED', 'bucket.num' = '{WRITERS}')")
    table_id = Raw(server.port).table_id("fluss", "t")
    writers = [Writer(server.port, table_id, bucket, 1000 + bucket) for bucket in range(WRITERS)]
    server = kill_again_and_again(server, writers, KILLS)
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


def test_keys_survive_kill_nine(tmp_path):
    settings = {"log.segment.file-size": "256kb", "log.flush.offset.checkpoint-interval": "50ms", "server.kv.memory-size": "16mb"}
    server = Server(tmp_path, **settings)
    types = [("id", {"type": "BIGINT", "nullable": False}, {}), ("n", {"type": "BIGINT"}, {"agg_function": {"type": "sum"}}), ("pad", {"type": "STRING"}, {})]
    columns = [{"name": name, "data_type": kind, "id": i, **more} for i, (name, kind, more) in enumerate(types)]
    table = {"version": 1, "schema": {"version": 1, "columns": columns, "primary_key": ["id"], "highest_field_id": 2}, "partition_key": [], "bucket_key": ["id"],
             "bucket_count": WRITERS, "custom_properties": {},
             "properties": {"table.merge-engine": "aggregation", "table.delete.behavior": "ALLOW", "table.log.format": "COMPACTED"}}
    raw = Raw(server.port)
    assert raw.call(1005, field(1, field(1, "fluss") + field(2, "t")) + field(2, json.dumps(table)) + field(3, 0)) == {}
    table_id = raw.table_id("fluss", "t")
    writers = [KeyWriter(server.port, table_id, bucket, 1000 + bucket) for bucket in range(WRITERS)]
    server = kill_again_and_again(server, writers, KILLS // 2)
    assert list((tmp_path / "data/kv-store").glob("*.sst")), "the store was brought to the disk on the way"
    raw = Raw(server.port)
    for writer in writers:
        values = raw.lookup(table_id, writer.bucket, [varint(key) for key in range(KeyWriter.KEYS)])
        seen = {key: value[2:] for key, value in enumerate(values) if value is not None}
        assert seen == {key: KeyWriter.row(key, number) for key, number in writer.model.items()}
        stats = fields(raw.call(1059, field(1, table_id) + field(2, field(2, writer.bucket)))[1][0])
        assert stats[5][0] == len(writer.model)
    assert sum(writer.sequence for writer in writers) > KILLS
    assert server.stop() == 0
