"""The unmodified Java client 0.9.1: one program that checks databases and log tables, run as it is."""
import subprocess

from harness import ROOT

SOURCE = ROOT / "tests/conformance/java/LogTables.java"
LIBRARIES = f"{ROOT}/.deps/java/lib/*"


def test_log_tables_through_the_java_client(server, tmp_path):
    compiled = subprocess.run(["javac", "-cp", LIBRARIES, "-d", str(tmp_path), str(SOURCE)], capture_output=True, text=True, timeout=120)
    assert compiled.returncode == 0, compiled.stderr
    words = ["java", "--add-opens=java.base/java.nio=ALL-UNNAMED", "-cp", f"{LIBRARIES}:{tmp_path}", "LogTables", server.address]
    done = subprocess.run(words, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok ") >= 25, done.stdout
