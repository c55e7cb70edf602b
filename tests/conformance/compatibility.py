"""Writes docs/compatibility.md from what a test run showed: a row a test of a client, a column a variant. Nothing is listed that was not run."""
import re

# Whom a file of tests speaks for.
CLIENTS = {
    "test_flink": ("Apache Flink", "connector `fluss-flink` 0.9.1-incubating, with the lakes' own connectors (Paimon 1.3.1, Iceberg 1.10.1) and the Apache tiering job"),
    "test_java_client": ("Java client", "`fluss-client` 0.9.1-incubating: log tables and administration"),
    "test_keys_java": ("Java client: primary key tables", "every merge engine and image, write for write beside a recording of the real server"),
    "test_keys_snapshots": ("Java client: key snapshots", "opened by its own RocksDB"),
    "test_operators": ("Java client and the bytes: operators", "`Admin` of 0.9.1, and requests of the next release"),
    "test_remote_log": ("Java client: remote logs", "segments that the server has given away"),
    "test_python_client": ("pyfluss", "1.0.0: log tables and administration"),
    "test_keys_python": ("pyfluss: primary key tables", "1.0.0"),
    "test_security": ("Users and rights", "Java client, pyfluss and `strom`, by SASL/PLAIN"),
    "test_http": ("HTTP", "any program"),
    "test_lake": ("Readers of Paimon append tables", "pypaimon, Java Paimon 1.3.1, DuckDB"),
    "test_lake_keys": ("Readers of Paimon primary key tables", "pypaimon, Java Paimon 1.3.1"),
    "test_iceberg": ("Readers of Iceberg tables", "pyiceberg, Java Iceberg 1.10.1"),
    "test_iceberg_catalogs": ("Iceberg catalogs", "Iceberg's own REST service, SQLite; pyiceberg through them"),
}

HEAD = """# Compatibility

Made by `make compatibility` from the conformance tests: each row is a test in `tests/conformance`, run against a freshly started server. Nothing is listed that was not run.

"""

TAIL = """## Where the clients stop by themselves

Seen in the tests; the server cannot mend them.

| Client | What it does |
|---|---|
| Flink connector | reads a table in batch mode only with the lake on, or by key, with a limit, or counting |
| | does not UPDATE a table with a computed column; has no partial INSERT into a table without a key; does not rename tables |
| | union of a primary key table in batch mode on Iceberg: fails with a NullPointerException when the lake's part of a bucket is more than one file (`$lake`, streaming reads and `strom sql` are not touched) |
| | on Flink 2: `$lake` needs the lake's own connector; Paimon's is not on Maven Central, and Iceberg's has not the method that is called |
| Java client | does not read a TIMESTAMP before 1970 with a fraction of a millisecond that it wrote in ARROW format |
| | hides a failed login behind an IllegalStateException |
| pyfluss | hashes bucket keys otherwise than the Java client when one of the last bytes is 0x80 or above, in tables without a lake format |
| | knows kv format COMPACTED only; answers one lookup at a time, each within 100 ms |
"""


def words(name):
    return name.removeprefix("test_").replace("_", " ")


class Report:
    def __init__(self):
        self.rows = {}  # (module, test) -> {variant: outcome}

    def add(self, node, outcome, reason):
        match = re.match(r"(?:.*/)?(\w+)\.py::(\w+)(?:\[(.*)\])?$", node)
        if not match or match.group(1) not in CLIENTS:
            return
        module, test, variant = match.groups()
        known = self.rows.setdefault((module, test), {})
        # Of many cases of one test the table has one line, with the worst that was seen.
        variant = variant if variant and re.fullmatch(r"(1\.20|2\.2|paimon|iceberg|parquet|orc)(-(paimon|iceberg))?", variant) else ""
        if known.get(variant, "works").startswith("works") or outcome == "fails":
            known[variant] = outcome + (f": {reason}" if reason else "")

    def text(self):
        out = [HEAD]
        for module, (client, what) in CLIENTS.items():
            rows = {test: variants for (of, test), variants in self.rows.items() if of == module}
            if not rows:
                continue
            out.append(f"## {client}\n\n{what}\n\n| | |\n|---|---|\n")
            for test, variants in rows.items():
                told = "; ".join(f"{variant}: {outcome}" if variant else outcome for variant, outcome in sorted(variants.items()))
                out.append(f"| {words(test)} | {told} |\n")
            out.append("\n")
        return "".join(out) + TAIL
