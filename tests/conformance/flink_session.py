"""A real Flink with the unmodified connector: one process that runs SQL for the tests (flink/FlinkSql.java)."""
import atexit
import json
import pathlib
import shutil
import subprocess
import tempfile

from harness import ROOT

# What Flink's own start script passes: it looks into these packages of the JDK.
OPENED = ("java.io", "java.lang", "java.lang.invoke", "java.lang.reflect", "java.net", "java.nio", "java.text", "java.time", "java.util",
          "java.util.concurrent", "java.util.concurrent.atomic", "java.util.concurrent.locks", "sun.nio.ch")


def java_command(line, memory, *words, classes=""):
    """A program on the classes of one line of Flink, as Flink's own start script would run it."""
    opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
    return ["java", f"-Xmx{memory}", *opened, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{ROOT}/.deps/flink-{line}/lib/*:{classes}", *words]


class FlinkError(Exception):
    """What Flink said, from the outermost exception to its root."""

    def __init__(self, causes):
        super().__init__("\n".join(causes))
        self.root = causes[-1]


class Flink:
    def __init__(self, line="1.20"):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="strom-flink-"))
        libraries = f"{ROOT}/.deps/flink-{line}/lib/*"
        source = ROOT / "tests/conformance/flink/FlinkSql.java"
        compiled = subprocess.run(["javac", "-cp", libraries, "-d", str(folder), str(source)], capture_output=True, text=True, timeout=120)
        assert compiled.returncode == 0, compiled.stderr
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                java_command(line, "1500m", f"-Djava.io.tmpdir={folder}", "FlinkSql", classes=folder),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, cwd=folder)
        atexit.register(self.close, folder)
        self.line = line
        self._catalogs = 0

    def close(self, folder):
        self.process.kill()
        self.process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"Flink ended: {self.log.read_text()[-2000:]}"
        answer = json.loads(line)
        if "error" in answer:
            raise FlinkError(answer["error"])
        return answer

    def use(self, server, catalog="lake_stream", **options):
        """Makes a catalog over `server` and its default database the current one."""
        self._catalogs += 1
        name = f"{catalog}_{self._catalogs}"
        pairs = {"type": "fluss", "bootstrap.servers": server.address, **options}
        words = ", ".join(f"'{key}' = '{value}'" for key, value in pairs.items())
        self.ask(sql=f"CREATE CATALOG {name} WITH ({words})")
        self.ask(sql=f"USE CATALOG {name}")
        return name

    def mode(self, mode):
        self.ask(sql=f"SET 'execution.runtime-mode' = '{mode}'")

    def batch(self, *statements, **options):
        """Runs statements in batch mode; the rows of the last, without their kind."""
        self.mode("batch")
        for statement in statements:
            answer = self.ask(sql=statement, **options)
        return [row[1:] for row in answer.get("rows", [])]

    def streaming(self, statement, rows, **options):
        """The first `rows` changes of an endless query, each [KIND, VALUE...]."""
        self.mode("streaming")
        return self.ask(sql=statement, rows=rows, **options)["rows"]

    def start(self, statement, savepoint=None):
        """Starts an INSERT that keeps running, from where the job of a savepoint ended; its job."""
        self.mode("streaming")
        return Job(self, self.ask(sql=statement, **({"from": savepoint} if savepoint else {}))["job"])


class Job:
    def __init__(self, flink, name):
        self.flink, self.name = flink, name

    def status(self):
        return self.flink.ask(job=self.name, do="status")["status"]

    def cancel(self):
        self.flink.ask(job=self.name, do="cancel")

    def stop_with_savepoint(self, folder):
        return self.flink.ask(job=self.name, do="savepoint", path=f"file://{folder}")["path"]
