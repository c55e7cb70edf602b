"""Garbage, lies and half requests: each gets the protocol's error or a closed connection, and nobody else notices."""
import os
import random
import struct

import pytest

from harness import Raw, compacted_batch, field, fields, key_batch, sql, varint

PRODUCE, FETCH, API_VERSIONS = 1014, 1015, 1000


@pytest.fixture
def table(server, name):
    sql(server, f"CREATE TABLE {name} (n BIGINT) WITH ('table.log.format' = 'COMPACTED', 'bucket.num' = '1')")
    raw = Raw(server.port)
    yield raw, raw.table_id("fluss", name)
    raw.close()


def test_a_good_batch_is_taken(table):
    raw, table_id = table
    assert raw.produce(table_id, 0, compacted_batch([1, 2, 3])) == 0
    assert raw.produce(table_id, 0, compacted_batch([4])) == 3


def spoil(batch, at, value):
    return batch[:at] + value + batch[at + len(value):]


@pytest.mark.parametrize("what, records, code", [
    ("wrong checksum", spoil(compacted_batch([1]), 50, b"\xff"), 14),
    ("length too small", spoil(compacted_batch([1]), 8, struct.pack("<i", 5)), 14),
    ("negative length", spoil(compacted_batch([1]), 8, struct.pack("<i", -1)), 14),
    ("unknown magic", spoil(compacted_batch([1]), 12, b"\x09"), 14),
    ("unknown schema", compacted_batch([1], schema_id=7), 9),
    ("no rows", compacted_batch([]), 14),
    ("sequence out of order", compacted_batch([1], writer=77, sequence=5), 31),
])
def test_bad_batches(table, what, records, code):
    raw, table_id = table
    answer = raw.produce(table_id, 0, records)
    assert answer[0] == code, (what, answer)
    assert raw.produce(table_id, 0, compacted_batch([1])) == 0, "nothing was written"


def test_a_batch_sent_twice_is_written_once(table):
    raw, table_id = table
    batch = compacted_batch([1, 2], writer=123456, sequence=0)
    assert raw.produce(table_id, 0, batch) == 0
    assert raw.produce(table_id, 0, batch) == 0
    assert raw.produce(table_id, 0, compacted_batch([3], writer=123456, sequence=1)) == 2


def kv_row(number, text):
    return b"\0" + varint(number) + varint(len(text)) + text


KEY = varint(5)
GOOD = key_batch([(KEY, kv_row(5, b"v"))])


@pytest.mark.parametrize("what, records, code", [
    ("wrong checksum", spoil(GOOD, 30, b"\xff"), 14),
    ("wrong length", spoil(GOOD, 0, struct.pack("<i", 5)), 14),
    ("unknown magic", spoil(GOOD, 4, b"\x09"), 14),
    ("unknown schema", key_batch([(KEY, kv_row(5, b"v"))], schema_id=7), 9),
    ("a row cut short", key_batch([(KEY, kv_row(5, b"v")[:2])]), 39),
    ("another row's key", key_batch([(varint(6), kv_row(5, b"v"))]), 39),
    ("a null key", key_batch([(KEY, b"\x01" + varint(1) + b"v")]), 39),
    ("a null in a NOT NULL column", key_batch([(KEY, b"\x02" + varint(5))]), 39),
    ("a good row before a bad one", key_batch([(KEY, kv_row(5, b"v")), (varint(6), kv_row(7, b"v"))]), 39),
    ("sequence out of order", key_batch([(KEY, kv_row(5, b"v"))], writer=78, sequence=5), 31),
])
def test_bad_key_batches_leave_nothing_behind(server_without_lake, name, what, records, code):
    sql(server_without_lake, f"CREATE TABLE {name} (id BIGINT, v STRING NOT NULL, PRIMARY KEY (id) NOT ENFORCED)")
    raw = Raw(server_without_lake.port)
    table_id = raw.table_id("fluss", name)
    answer = raw.put(table_id, 0, records)
    assert isinstance(answer, tuple) and answer[0] == code, (what, answer)
    assert raw.lookup(table_id, 0, [KEY]) == [None]
    assert raw.put(table_id, 0, GOOD) == 1, "the log has no trace of it"
    assert raw.put(table_id, 0, key_batch([], writer=79, sequence=0)) == 2, "an empty batch takes an offset"
    raw.close()


def test_key_requests_for_what_has_no_keys(table):
    raw, table_id = table
    assert raw.put(table_id, 0, GOOD)[0] == 20
    assert raw.put(table_id, 7, GOOD)[0] == 21
    answer = fields(raw.call(1017, field(1, table_id) + field(2, field(2, 0) + field(3, KEY)), version=1)[1][0])
    assert answer[3] == [20]


def test_unknown_buckets_tables_and_acks(table):
    raw, table_id = table
    assert raw.produce(table_id, 9, compacted_batch([1]))[0] == 21
    assert raw.produce(1 << 40, 0, compacted_batch([1]))[0] == 21
    assert raw.produce(table_id, 0, compacted_batch([1]), acks=7)[0] == 18


def test_acks_zero_is_answered(table):
    raw, table_id = table
    assert raw.produce(table_id, 0, compacted_batch([1]), acks=0) == 0


def test_unknown_requests_are_answered(server):
    raw = Raw(server.port)
    for key in (0, 999, 1013, 2000, -5):
        assert raw.call(key, b"")[0] == 2
    assert raw.call(API_VERSIONS, field(1, "x") + field(2, "1"), version=9)[0] == 2
    assert isinstance(raw.call(API_VERSIONS, field(1, "x") + field(2, "1")), dict)
    raw.close()


def test_bodies_that_do_not_parse_are_answered(server):
    raw = Raw(server.port)
    for body in (b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x0b", field(1, "only one of two")):
        assert raw.call(API_VERSIONS, body)[0] == 3
    raw.close()


def test_frames_that_are_no_frames_close_the_connection(server):
    for start in (b"\xff\xff\xff\xff", struct.pack(">i", 3) + b"abc", struct.pack(">i", 2_000_000_000), b"GET / HTTP/1.1\r\n\r\n"):
        raw = Raw(server.port)
        raw.socket.sendall(start)
        assert raw.receive()[0] == 2, "the server says why"
        with pytest.raises(ConnectionError):
            raw.receive()
        raw.close()


def test_half_frames_hinder_nobody(server):
    halves = []
    for _ in range(50):
        raw = Raw(server.port)
        raw.socket.sendall(struct.pack(">ihhi", 50_000_000, PRODUCE, 0, 1) + b"x" * 1000)
        halves.append(raw)
    assert sql(server, "SELECT 1 AS one") == [[{"one": 1}]]
    for raw in halves:
        raw.close()


def memory_kib(server):
    for line in open(f"/proc/{server.process.pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1])


def test_random_bytes_do_no_harm(server, table):
    raw, table_id = table
    good = field(1, (1 << 64) - 1) + field(2, 1 << 20) + field(3, field(1, table_id) + field(2, 0) + field(4, field(2, 0) + field(3, 0) + field(4, 100)))
    rng = random.Random(int(os.environ.get("STROM_SEED", "7")))
    before = memory_kib(server)
    for _ in range(3000):
        body = bytearray(good)
        for _ in range(rng.randint(1, 6)):
            body[rng.randrange(len(body))] = rng.randrange(256)
        probe = raw if not raw.socket._closed else Raw(server.port)
        probe.send(FETCH, bytes(body))
        kind, _, _ = probe.receive()
        assert kind in (0, 1)
    assert memory_kib(server) < before + 100_000
    assert sql(server, "SELECT 1 AS one") == [[{"one": 1}]]


def test_text_that_is_no_utf8_is_refused(server, name):
    sql(server, f"CREATE TABLE {name} (n BIGINT)")
    raw = Raw(server.port)
    change = field(1, field(1, "fluss") + field(2, name)) + field(2, 0) + field(3, field(1, "mine") + field(2, b"z\xfcrich") + field(3, 0))
    code, why = raw.call(1044, change)
    assert code == 3 and "UTF-8" in why
    raw.close()
    sql(server, f"ALTER TABLE {name} SET ('mine' = 'zürich')")
    assert "zürich" in sql(server, f"SHOW CREATE TABLE {name}")[0][0]["result"]
    refused = sql(server, b"SELECT 'z\xfcrich'", ok=False)
    assert refused.returncode == 2 and "not UTF-8" in refused.stderr
