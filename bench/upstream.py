#!/usr/bin/env python3
"""Puts the same load, by the unmodified Java client, on Apache Fluss 0.9.1 and on Strom, one after the other, and prints a table.

Usage: make bench-upstream [> bench/UPSTREAM.md]. Server CPU is user and system time of all its processes; both are warmed up by the same load first.
"""
import json
import os
import pathlib
import platform
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/conformance"))
from harness import Server  # noqa: E402

HERE = ROOT / "bench/upstream"
JARS = ROOT / ".deps/upstream/lib"
OPENS = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in ("java.nio", "java.lang")]
ROWS = 1_000_000
WARM_UP = 4
LOOKUPS = 300_000


def fetch_jars():
    """The real server's, once."""
    if not JARS.exists():
        subprocess.run(["mvn", "-q", "-B", "-f", HERE / "pom.xml", "dependency:copy-dependencies", f"-DoutputDirectory={JARS}.part"], check=True)
        os.rename(f"{JARS}.part", JARS)


def compile_load(folder):
    subprocess.run(["javac", "-cp", f"{ROOT}/.deps/java/lib/*", "-d", folder, HERE / "Load.java"], check=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def process_stat(pid):
    """(CPU seconds, resident MiB) so far."""
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    resident = next(int(line.split()[1]) for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS"))
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), resident / 1024


class Upstream:
    """ZooKeeper, a coordinator and a tablet server, each a JVM of its own, as upstream runs them."""
    name = "Apache Fluss 0.9.1"

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.processes = []
        zookeeper, coordinator, tablet = free_port(), free_port(), free_port()
        self.address = f"127.0.0.1:{coordinator}"
        package = "org.apache.fluss"
        self.start(f"{package}.shaded.zookeeper3.org.apache.zookeeper.server.ZooKeeperServerMain", str(zookeeper), str(self.folder / "zk"))
        self.wait_for_port(zookeeper)
        common = {"zookeeper.address": f"127.0.0.1:{zookeeper}", "remote.data.dir": str(self.folder / "remote"), "data.dir": str(self.folder / "data"),
                  "default.replication.factor": "1"}
        self.start(f"{package}.server.coordinator.CoordinatorServer", "--configDir",
                   self.config("coordinator", {**common, "bind.listeners": f"FLUSS://127.0.0.1:{coordinator}"}))
        self.start(f"{package}.server.tablet.TabletServer", "--configDir",
                   self.config("tablet", {**common, "bind.listeners": f"FLUSS://127.0.0.1:{tablet}", "tablet-server.id": "0"}))
        self.wait_for_port(coordinator)
        self.wait_for_port(tablet)

    def config(self, role, settings):
        (self.folder / role).mkdir()
        (self.folder / role / "server.yaml").write_text("".join(f"{key}: {value}\n" for key, value in settings.items()))
        return str(self.folder / role)

    def start(self, main, *words):
        log = open(self.folder / f"{len(self.processes)}.log", "w")
        self.processes.append(subprocess.Popen(["java", *OPENS, "-Dzookeeper.admin.enableServer=false", "-cp", f"{JARS}/*", main, *words], stdout=log, stderr=log))

    def wait_for_port(self, port):
        deadline = time.monotonic() + 60
        while True:
            if any(process.poll() is not None for process in self.processes) or time.monotonic() > deadline:
                self.stop()
                raise SystemExit("the Apache Fluss server did not start: see the logs in " + str(self.folder))
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            os.sched_yield()

    def pids(self):
        return [process.pid for process in self.processes]

    def stop(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait()


class Strom(Server):
    name = "Strom"

    def __init__(self, folder):
        pathlib.Path(folder).mkdir()
        super().__init__(folder)

    def pids(self):
        return [self.process.pid]


def measure(kind, folder, classes):
    def load(work, count):
        done = subprocess.run(["java", *OPENS, "-cp", f"{ROOT}/.deps/java/lib/*:{classes}", "Load", server.address, work, str(count)],
                              check=True, capture_output=True, text=True, timeout=600)
        return json.loads(done.stdout.strip().splitlines()[-1])

    def stats():
        each = [process_stat(pid) for pid in server.pids()]
        return sum(cpu for cpu, _ in each), sum(resident for _, resident in each)

    begun = time.monotonic()
    server = kind(folder)
    try:
        out = {"start": time.monotonic() - begun, "start_cpu": stats()[0]}
        load("ready", 0)
        out["idle"] = stats()[1]
        for _ in range(WARM_UP):  # until the JVM has compiled what counts
            load("append", ROWS)
        load("scan", ROWS)
        for work in ("append", "scan"):
            before = stats()[0]
            load(work, ROWS)
            out[work] = stats()[0] - before
        out["wake"] = load("wake", 50 if kind is Upstream else 500)
        load("upsert", ROWS)
        for work, count in (("upsert", ROWS), ("lookup", LOOKUPS), ("prefix", LOOKUPS)):
            if work != "upsert":
                load(work, LOOKUPS)
            before = stats()[0]
            load(work, count)
            out[work] = (stats()[0] - before) / count * 1e6
        out["after"] = stats()[1]
    finally:
        server.stop()
    return out


def main():
    with tempfile.TemporaryDirectory() as name:
        fetch_jars()
        compile_load(name)
        theirs = measure(Upstream, f"{name}/upstream", name)
        ours = measure(Strom, f"{name}/strom", name)

    print(f"# Beside Apache Fluss 0.9.1\n\n`make bench-upstream`, {os.cpu_count()} cores of {platform.machine()}, Linux {platform.release()}; "
          "the unmodified Java client puts the same load on both.\n")
    print("| what | Apache Fluss 0.9.1 | Strom | ratio | target |\n|---|---|---|---|---|")

    def row(what, unit, pick, target):
        a, b = pick(theirs), pick(ours)
        ratio = f"1/{a / b:.1f}" if b > 0 else "less than the clock shows"
        print(f"| {what} | {a:.3g} {unit} | {b:.3g} {unit} | {ratio} | {target} |")

    row("start, to the first open port", "s", lambda r: r["start"], "1/20")
    row("idle resident memory", "MiB", lambda r: r["idle"], "1/5")
    row("append of 100-byte rows, server CPU per million", "s", lambda r: r["append"] * 1e6 / ROWS, "1/2.5")
    row("scan of them, server CPU per million", "s", lambda r: r["scan"] * 1e6 / ROWS, "1/3")
    row("one row from append to a waiting poll, p50", "ms", lambda r: r["wake"]["p50_ms"], "at most 3 ms")
    row("the same, p99", "ms", lambda r: r["wake"]["p99_ms"], "")
    row("upsert of 100-byte rows, server CPU per row", "us", lambda r: r["upsert"], "1/3")
    row("lookup, 1,024 in flight, server CPU per key", "us", lambda r: r["lookup"], "1/5")
    row("prefix lookup of 10 rows, server CPU", "us", lambda r: r["prefix"], "1/5")
    row("resident memory after the load", "MiB", lambda r: r["after"], "1/4")


if __name__ == "__main__":
    main()
