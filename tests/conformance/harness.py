"""Starts and stops the server under test, and speaks its protocol byte by byte where no client would."""
import atexit
import json
import os
import pathlib
import re
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
STROM = os.environ.get("STROM", str(ROOT / "build/release/strom"))
READERS = str(ROOT / ".deps/readers/bin/python")


class Process:
    """A strom process whose log lines can be waited for."""

    def __init__(self, args, cwd, **options):
        self.lines = []
        self.process = subprocess.Popen([STROM, *args], cwd=cwd, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, **options)
        atexit.register(self.process.kill)  # a failed test leaves nothing behind; a process that has ended is not touched
        os.set_blocking(self.process.stderr.fileno(), False)
        self._rest = b""

    def _read(self, seconds):
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stderr, selectors.EVENT_READ)
            if selector.select(seconds):
                self._rest += self.process.stderr.read() or b""
        *whole, self._rest = self._rest.split(b"\n")
        self.lines += [line.decode() for line in whole]

    def wait_for(self, pattern, seconds=20):
        """The match of the first log line that `pattern` is found in."""
        deadline = time.monotonic() + seconds
        seen = 0
        while time.monotonic() < deadline:
            for line in self.lines[seen:]:
                if match := re.search(pattern, line):
                    return match
            seen = len(self.lines)
            if self.process.poll() is not None and not self._rest:
                self._read(0)
                if seen == len(self.lines):
                    break
            self._read(0.5)
        raise AssertionError(f"no line like {pattern!r} in {self.lines[-20:]} (exit code {self.process.poll()})")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)
        self.process.stderr.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        os.set_blocking(self.process.stderr.fileno(), True)
        self.lines += (self._rest + self.process.stderr.read()).decode().splitlines()
        self.process.stderr.close()
        races = [line for line in self.lines if "ThreadSanitizer" in line]
        assert not races, "\n".join(self.lines)
        return code


class Server(Process):
    def __init__(self, cwd, port=0, **settings):
        self.cwd = pathlib.Path(cwd)
        values = {"bind.listeners": f"FLUSS://127.0.0.1:{port}", "data.dir": str(self.cwd / "data")}
        values.update({key.replace("_", "."): value for key, value in settings.items()})
        super().__init__(["server", *(word for key, value in values.items() for word in ("-X", f"{key}={value}"))], cwd)
        self.settings = settings
        self.port = int(self.wait_for(r"ready in .*? \w+://127\.0\.0\.1:(\d+)").group(1))
        self.address = f"127.0.0.1:{self.port}"

    def restarted(self):
        """A new server on the same data and port, after this one ended."""
        return Server(self.cwd, self.port, **self.settings)


def sql(server, *statements, output="json", ok=True):
    """Runs statements with strom sql; the results of those that have one, or the failed process."""
    words = [word for statement in statements for word in ("-c", statement)]
    done = subprocess.run([STROM, "sql", "--bootstrap", server.address, "-o", output, *words], capture_output=True, text=True, timeout=120)
    if not ok:
        assert done.returncode != 0, done.stdout
        return done
    assert done.returncode == 0, done.stderr
    if output != "json":
        return done.stdout
    decoder, text, results = json.JSONDecoder(), done.stdout.strip(), []
    while text:
        value, end = decoder.raw_decode(text)
        results.append(value)
        text = text[end:].strip()
    return results


def _java_command(program, *words):
    """Runs a program of tests/conformance/java; compiled once a run."""
    classes = pathlib.Path(tempfile.gettempdir()) / f"strom-java-{os.getpid()}"
    libraries = f"{ROOT}/.deps/java/lib/*"
    if not (classes / f"{program}.class").exists():
        source = ROOT / f"tests/conformance/java/{program}.java"
        compiled = subprocess.run(["javac", "-cp", libraries, "-d", str(classes), str(source)], capture_output=True, text=True, timeout=120)
        assert compiled.returncode == 0, compiled.stderr
        atexit.register(shutil.rmtree, classes, ignore_errors=True)
    opens = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in ("java.nio", "java.lang")]
    return ["java", *opens, "-cp", f"{libraries}:{classes}", program, *words]


def java(program, *words):
    """What a program of tests/conformance/java prints."""
    done = subprocess.run(_java_command(program, *words), capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def java_process(program, *words):
    """A program of tests/conformance/java that serves until its standard input is closed."""
    process = subprocess.Popen(_java_command(program, *words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    atexit.register(process.kill)
    return process


def until(condition, seconds=30, what="the condition"):
    """Asks again and again until `condition()` is true; each asking is a round trip to the server, which paces it."""
    deadline = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        assert time.monotonic() < deadline, f"{what} did not come true in {seconds} s"


def wait_until_tiered(server, table, rows):
    until(lambda: sql(server, f"SELECT count(*) AS n FROM {table}$lake") == [[{"n": rows}]], what=f"{rows} rows in {table}$lake")


def wait_for_lake(server, name):
    """Until the lake alone says what the table says."""
    everything = "count(*) AS n, sum(hash(*COLUMNS(*))) AS h"
    until(lambda: sql(server, f"SELECT {everything} FROM {name}$lake") == sql(server, f"SELECT {everything} FROM {name}"), what="the lake catches up")


def by_key(rows, *key):
    return sorted(rows, key=lambda row: [row[column] for column in key])


def total_size(folder, pattern):
    """Bytes of the files that match below `folder`; one that is removed meanwhile counts nothing."""
    size = 0
    for path in pathlib.Path(folder).rglob(pattern):
        try:
            size += path.stat().st_size
        except FileNotFoundError:
            pass
    return size


# --- the protocol by hand ------------------------------------------------------------------------------------------


def varint(value):
    value &= (1 << 64) - 1
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    """A protobuf field: int, or bytes/str for everything with a length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def fields(data):
    """The fields of a message, as {number: [values]}."""
    out, at = {}, 0

    def read():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        tag = read()
        if tag & 7 == 0:
            value = read()
        else:
            size = read()
            value, at = data[at:at + size], at + size
        out.setdefault(tag >> 3, []).append(value)
    return out


def crc32c(data, _table=[]):
    if not _table:
        for i in range(256):
            for _ in range(8):
                i = i >> 1 ^ 0x82F63B78 if i & 1 else i >> 1
            _table.append(i)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def compacted_batch(numbers, writer=-1, sequence=-1, schema_id=1):
    """A log batch of COMPACTED rows with one BIGINT column."""
    records = b""
    for number in numbers:
        row = b"\0" + varint(number)
        records += struct.pack("<iB", len(row) + 1, 0) + row
    tail = struct.pack("<hbiqii", schema_id, 1, max(len(numbers) - 1, 0), writer, sequence, len(numbers)) + records
    return struct.pack("<qibqI", 0, 36 + len(records), 0, 0, crc32c(tail)) + tail


def key_batch(changes, writer=-1, sequence=-1, schema_id=1):
    """A key batch of (key, row) pairs; a row of None deletes."""
    records = b""
    for key, row in changes:
        body = varint(len(key)) + key + (row or b"")
        records += struct.pack("<i", len(body)) + body
    tail = struct.pack("<hbqii", schema_id, 0, writer, sequence, len(changes)) + records
    return struct.pack("<ibI", 5 + len(tail), 0, crc32c(tail)) + tail


class Raw:
    """One connection, one request at a time."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.next_id = 0

    def close(self):
        self.socket.close()

    def send(self, key, body, version=0):
        self.next_id += 1
        self.socket.sendall(struct.pack(">ihhi", 8 + len(body), key, version, self.next_id) + body)
        return self.next_id

    def receive(self):
        """(type, request id, body) of the next answer; raises ConnectionError at the end of the connection."""
        size = struct.unpack(">i", self._exactly(4))[0]
        frame = self._exactly(size)
        if frame[0] == 2:
            return 2, None, frame[1:]
        return frame[0], struct.unpack(">i", frame[1:5])[0], frame[5:]

    def call(self, key, body, version=0):
        """The fields of the answer; (code, message) instead when it is an error."""
        self.send(key, body, version)
        kind, _, answer = self.receive()
        parsed = fields(answer)
        if kind == 0:
            return parsed
        return signed(parsed[1][0]), parsed.get(2, [b""])[0].decode()

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise ConnectionError("closed")
            data += part
        return data

    def table_id(self, database, table):
        return self.call(1007, field(1, field(1, database) + field(2, table)))[1][0]

    def list_offset(self, table_id, bucket=0, kind=1, timestamp=None):
        """The earliest (kind 0), the latest (1), or the offset of a timestamp (2) of a bucket."""
        body = field(1, (1 << 64) - 1) + field(2, kind) + field(3, table_id) + field(5, bucket)
        answer = fields(self.call(1021, body + (field(6, timestamp) if timestamp is not None else b""))[1][0])
        assert 2 not in answer, answer
        return answer[4][0]

    def put(self, table_id, bucket, records, acks=-1):
        """The log's end offset, or (code, message)."""
        part = field(2, bucket) + field(3, records)
        answer = self.call(1016, field(1, acks) + field(2, table_id) + field(3, 30000) + field(5, part), version=1)
        return self._offset_in(answer)

    @staticmethod
    def _offset_in(answer):
        """What a write to one bucket was answered."""
        if isinstance(answer, tuple):
            return answer
        bucket_answer = fields(answer[1][0])
        if bucket_answer.get(3, [0])[0]:
            return signed(bucket_answer[3][0]), bucket_answer[4][0].decode()
        return bucket_answer[5][0]

    def lookup(self, table_id, bucket, keys):
        """The stored value of each key, None where there is none."""
        part = field(2, bucket) + b"".join(field(3, key) for key in keys)
        answer = fields(self.call(1017, field(1, table_id) + field(2, part), version=1)[1][0])
        assert 3 not in answer, answer
        return [fields(value).get(1, [None])[0] for value in answer[5]]

    def produce(self, table_id, bucket, records, acks=-1):
        """The base offset, or (code, message)."""
        part = field(2, bucket) + field(3, records)
        answer = self.call(1014, field(1, acks) + field(2, table_id) + field(3, 30000) + field(4, part))
        return self._offset_in(answer)


def signed(value):
    return value - (1 << 64) if value >> 63 else value
