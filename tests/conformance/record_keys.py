#!/usr/bin/env python3
"""Writes tests/data/keys.txt anew: what the real Apache Fluss 0.9.1 server makes of the writes of java/KeyTables.java.

Usage: .deps/venv/bin/python tests/conformance/record_keys.py. Fetches that server the first time; test_keys_java.py compares with the file.
"""
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))
from upstream import Upstream, fetch_jars  # noqa: E402
from harness import java  # noqa: E402

fetch_jars()
with tempfile.TemporaryDirectory() as folder:
    server = Upstream(pathlib.Path(folder) / "server")
    try:
        (ROOT / "tests/data/keys.txt").write_text(java("KeyTables", server.address))
    finally:
        server.stop()
