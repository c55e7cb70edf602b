"""Every request of the protocol with whatever fits its shape: the server answers, and goes on. STROM_REQUESTS says how many (6000); STROM_SEED others."""
import os
import pathlib
import random
import struct

from harness import Raw, Server, compacted_batch, field, fields, key_batch, sql

MESSAGES = pathlib.Path(__file__).resolve().parents[2] / "tools/tables/messages.txt"
NEVER = {"CONTROLLED_SHUTDOWN"}  # it may do what it says
NUMBERS = [0, 1, 2, 3, 7, 100, 1 << 20, (1 << 31) - 1, (1 << 31), (1 << 32) - 1, (1 << 63) - 1, (1 << 64) - 1]
COLUMNS = '{"name":"id","data_type":{"type":"BIGINT"},"id":0},{"name":"p","data_type":{"type":"STRING"},"id":1}'
DESCRIPTOR = ('{"version":1,"schema":{"version":1,"columns":[%s],"primary_key":%s,"highest_field_id":1},"partition_key":%s,"bucket_key":["id"],"bucket_count":%s,"properties":%s,'
              '"custom_properties":{}}')


def shapes():
    apis, messages, current = {}, {}, None
    for line in MESSAGES.read_text().splitlines():
        words = line.split("#")[0].split()
        if words[:1] == ["api"]:
            apis[words[2]] = (int(words[1]), words[3] + "Request")
        elif words[:1] == ["message"]:
            current = messages.setdefault(words[1], [])
        elif words and words[0].isdigit():
            current.append((int(words[0]), words[1], words[2], words[3]))
    return apis, messages


class Guess:
    """Messages that are well formed, and mostly wrong."""

    def __init__(self, rng, messages, tables):
        self.rng, self.messages, self.tables = rng, messages, tables

    def text(self, name):
        rng = self.rng
        if rng.random() < 0.1:
            return rng.choice(["", "a" * 300, "ünïcode", "../../etc", "$", "a.b", "\0", "%s%n", "-1", "9" * 40, "\ud7ff", "__reserved"])
        if "database" in name:
            return rng.choice(["fluss", "fluss", "fluss", "other"])
        if "table" in name and rng.random() < 0.9:
            return rng.choice(["log", "keys", "parted", "parted", "nothing"])
        if "key" in name or "name" in name:
            return rng.choice(["id", "p", "datalake.enabled", "datalake.format", "table.datalake.enabled", "table.datalake.freshness", "table.log.ttl", "mine", "x"])
        return rng.choice(["true", "false", "paimon", "iceberg", "1s", "1 h", "2025", "x", "7", "ascending", '{"a":1}'])

    def bytes(self, name):
        rng = self.rng
        if "json" in name and rng.random() < 0.9:
            return (DESCRIPTOR % (rng.choice([COLUMNS, COLUMNS, "", COLUMNS + "," + COLUMNS]), rng.choice(["[]", '["id"]', '["id","p"]', '["no"]']), rng.choice(["[]", '["p"]', '["id"]']),
                                  rng.choice(["1", "3", "0", "-1", "null", "99999999"]), rng.choice(["{}", '{"table.datalake.enabled":"true"}', '{"table.replication.factor":"9"}', "[]"]))).encode()
        return rng.choice([b"", b"\0", b"{}", b"[1]", rng.randbytes(40), compacted_batch([1, 2]), key_batch([(b"\x05", b"\0\x05\x01v")]), b"\xff" * 9])

    def message(self, name, depth=0):
        body = b""
        for number, label, kind, rule in self.messages[name]:
            count = 1 if rule == "required" else self.rng.choice([0, 1]) if rule == "optional" else self.rng.choice([0, 1, 1, 2])
            if depth > 6 and rule != "required":
                count = 0
            for _ in range(count):
                body += self.value(number, label, kind, depth)
        return body

    def value(self, number, label, kind, depth):
        rng = self.rng
        if kind in self.messages:
            return field(number, self.message(kind, depth + 1))
        if kind == "string":
            return field(number, self.text(label).encode(errors="surrogatepass"))
        if kind == "bytes":
            return field(number, self.bytes(label))
        if kind == "bool":
            return field(number, rng.choice([0, 1]))
        if kind in ("double", "float"):
            return struct.pack("<B", number << 3 | (1 if kind == "double" else 5)) + struct.pack("<d" if kind == "double" else "<f", rng.choice([0, -1, 1e300 if kind == "double" else 1e30]))
        if "table_id" in label and rng.random() < 0.9:
            return field(number, rng.choice(self.tables))
        if "timeout" in label or "wait" in label:
            return field(number, rng.choice([0, 1, 50]))
        return field(number, rng.choice(NUMBERS[:4] if rng.random() < 0.6 else NUMBERS))


def test_no_request_harms_the_server(tmp_path):
    rng = random.Random(int(os.environ.get("STROM_SEED", "11")))
    server = Server(tmp_path, **{"datalake.format": "paimon", "datalake.paimon.metastore": "filesystem", "datalake.paimon.warehouse": str(tmp_path / "lake")})
    sql(server, "CREATE TABLE log (id BIGINT, p STRING) WITH ('table.log.format' = 'COMPACTED')", "CREATE TABLE keys (id BIGINT, p STRING, PRIMARY KEY (id) NOT ENFORCED)",
        "CREATE TABLE parted (id BIGINT, p STRING) PARTITIONED BY (p)", "ALTER TABLE parted ADD PARTITION (p = 'x')")
    apis, messages = shapes()
    raw = Raw(server.port)
    tables = [raw.table_id("fluss", table) for table in ("log", "keys", "parted")]
    guess = Guess(rng, messages, tables)
    answered = {}
    for turn in range(int(os.environ.get("STROM_REQUESTS", "6000"))):
        name = rng.choice([name for name in apis if name not in NEVER])
        key, request = apis[name]
        body = bytearray(guess.message(request))
        if body and rng.random() < 0.1:
            body[rng.randrange(len(body))] = rng.randrange(256)
        raw.socket.settimeout(1)
        try:
            raw.send(key, bytes(body))
            kind, _, answer = raw.receive()
            assert kind in (0, 1), (name, kind)
            fields(answer)
            answered[name] = answered.get(name, 0) + (kind == 0)
        except (ConnectionError, TimeoutError) as fault:
            print(turn, name, fault, body.hex())
            raw.close()
            try:
                raw = Raw(server.port)
            except OSError:
                server.process.wait(20)
                raise AssertionError(f"turn {turn}: {name} {body.hex()} ended the server: {server.process.stderr.read()[-2000:]}") from None
    assert sum(1 for count in answered.values() if count) > 20, f"most requests are served now and then: {answered}"
    assert sql(server, "SELECT 1 AS one") == [[{"one": 1}]]
    raw.close()
    assert server.stop() == 0
