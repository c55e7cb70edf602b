"""Random tables, workloads and queries: over Strom the answer is that of DuckDB over the rows of a model, whatever lies in the lake, in the log or in the remote directory at the moment.

STROM_QUERIES says how many queries a table gets after each step (60); STROM_SEED another beginning.
"""
import json
import os
import random
import subprocess

import pytest

from harness import STROM, Server, sql

QUERIES = int(os.environ.get("STROM_QUERIES", "60"))
SEED = int(os.environ.get("STROM_SEED", "1"))
COLUMNS = {"id": "BIGINT", "g": "INT", "s": "STRING", "d": "DECIMAL(12, 2)", "f": "DOUBLE", "day": "DATE", "ts": "TIMESTAMP(3)", "b": "BOOLEAN"}
STEPS = 6


def literal(column, value):
    if value is None:
        return "NULL"
    kind = COLUMNS[column]
    if kind in ("BIGINT", "INT", "DOUBLE", "BOOLEAN") or kind.startswith("DECIMAL"):
        return str(value)
    return f"'{value}'" if kind == "STRING" else f"{kind.split('(')[0]} '{value}'"


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def value(self, column):
        r = self.random
        if column not in ("id",) and r.random() < 0.15:
            return None
        return {"id": lambda: r.randrange(400), "g": lambda: r.randrange(-3, 8), "s": lambda: r.choice(["", "a", "ab", "grün", "zz top", "x" * 40]) + str(r.randrange(5)),
                "d": lambda: f"{r.randrange(-100000, 100000) / 100:.2f}", "f": lambda: r.randrange(-50, 50) / 4, "day": lambda: f"20{r.randrange(10, 30)}-0{r.randrange(1, 10)}-{r.randrange(10, 28)}",
                "ts": lambda: f"2025-0{r.randrange(1, 10)}-11 {r.randrange(10, 24)}:00:00.{r.randrange(1000):03}", "b": lambda: r.random() < 0.5}[column]()

    def condition(self, depth=0):
        r = self.random
        if depth < 2 and r.random() < 0.45:
            return f"({self.condition(depth + 1)} {r.choice(['AND', 'OR'])} {'NOT ' if r.random() < 0.2 else ''}({self.condition(depth + 1)}))"
        column = r.choice(list(COLUMNS))
        constant = lambda: literal(column, next(v for v in iter(lambda: self.value(column), object()) if v is not None))  # noqa: E731
        return r.choice([lambda: f"{column} IS {r.choice(['', 'NOT '])}NULL", lambda: f"{column} {r.choice(['=', '<>', '<', '<=', '>', '>='])} {constant()}",
                         lambda: f"{column} BETWEEN {constant()} AND {constant()}", lambda: f"{column} IN ({constant()}, {constant()}, {constant()})",
                         lambda: f"s LIKE '{r.choice(['%', 'a%', '%1', '%ü%', 'z_ %'])}'"])()

    def query(self):
        """A query with {t} in the place of the table; its rows are compared as a multiset."""
        r = self.random
        where = f" WHERE {self.condition()}" if r.random() < 0.8 else ""
        some = ", ".join(r.sample(list(COLUMNS), r.randrange(1, 5)))
        key = r.choice(["g", "s", "b", "day", "g, b", "id % 7"])
        sums = r.choice(["count(*), sum(d), min(ts), max(day)", "count(DISTINCT s), sum(id), count(d)", "max(f), min(s), bool_and(b)", "count(*) FILTER (b), avg(g)::DECIMAL(10, 4)"])
        return r.choice([lambda: f"SELECT {some} FROM {{t}}{where}", lambda: f"SELECT * FROM {{t}}{where}", lambda: f"SELECT count(*) FROM {{t}}{where}", lambda: f"SELECT {sums} FROM {{t}}{where}",
                         lambda: f"SELECT {key}, {sums} FROM {{t}}{where} GROUP BY {key}", lambda: f"SELECT DISTINCT {some} FROM {{t}}{where}",
                         lambda: f"SELECT g, count(*) AS n FROM {{t}}{where} GROUP BY g HAVING count(*) > {r.randrange(20)}",
                         lambda: f"SELECT a.g, count(*), sum(b.d) FROM {{t}} a JOIN {{t}} b ON a.id = b.id AND a.g = b.g GROUP BY a.g",
                         lambda: f"SELECT id, s FROM {{t}}{where} ORDER BY id, s, d, ts, f, day, g, b LIMIT {r.randrange(1, 30)}",
                         lambda: f"SELECT * FROM {{t}} WHERE id = {r.randrange(400)}", lambda: f"SELECT count(*) FROM {{t}} WHERE id NOT IN (SELECT id FROM {{t}}{where})",
                         lambda: f"SELECT id, rank() OVER (PARTITION BY g ORDER BY id, s, d, ts, f, day, b) AS r FROM {{t}}{where}"])()


class Model:
    """A table, and what its rows should be."""

    def __init__(self, server, name, keyed, lake, generator, image="FULL"):
        self.server, self.name, self.keyed, self.generator, self.rows = server, name, keyed, generator, ({} if keyed else [])
        columns = ", ".join(f"{column} {kind}" for column, kind in COLUMNS.items())
        options = ["'bucket.num' = '3'", *(["'table.changelog.image' = 'WAL'"] if keyed and image == 'WAL' else []), *(["'table.datalake.enabled' = 'true'", "'table.datalake.freshness' = '100ms'", "'table.datalake.auto-compaction' = 'true'",
                                             "'table.datalake.auto-expire-snapshot' = 'true'"] if lake else ["'bucket.key' = 'id'"] if not keyed else [])]
        sql(server, f"CREATE TABLE {name} ({columns}{', PRIMARY KEY (id) NOT ENFORCED' if keyed else ''}) WITH ({', '.join(options)})")

    def values(self, rows):
        return ", ".join("(" + ", ".join(literal(column, row[column]) for column in COLUMNS) + ")" for row in rows)

    def change(self):
        r, row = self.generator.random, lambda: {column: self.generator.value(column) for column in COLUMNS}
        statements = []
        for _ in range(r.randrange(1, 4)):
            kind = r.random()
            if not self.keyed or kind < 0.5 or not self.rows:
                rows = [row() for _ in range(r.randrange(1, 120))]
                statements.append(f"INSERT INTO {self.name} VALUES {self.values(rows)}")
                if self.keyed:
                    self.rows.update({one["id"]: one for one in rows})
                else:
                    self.rows += rows
            elif kind < 0.7:
                gone = r.sample(sorted(self.rows), min(len(self.rows), r.randrange(1, 20)))
                statements.append(f"DELETE FROM {self.name} WHERE id IN ({', '.join(map(str, gone))})")
                for key in gone:
                    del self.rows[key]
            else:
                changed = r.sample(sorted(self.rows), min(len(self.rows), r.randrange(1, 20)))
                value = self.generator.value("s")
                statements.append(f"UPDATE {self.name} SET s = {literal('s', value)}, d = NULL WHERE id IN ({', '.join(map(str, changed))})")
                for key in changed:
                    self.rows[key] = self.rows[key] | {"s": value, "d": None}
        sql(self.server, *statements)

    def all_rows(self):
        return list(self.rows.values()) if self.keyed else self.rows


def check(server, model, folder, generator):
    """Runs QUERIES queries over the table and over the model's rows, in one session."""
    path = folder / "model.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in model.all_rows()))
    types = ", ".join(f"'{column}': '{kind.replace('STRING', 'VARCHAR').replace('TIMESTAMP(3)', 'TIMESTAMP')}'" for column, kind in COLUMNS.items())
    script = [f"SET 'sql.keys-from-lake.min-rows' = '{generator.random.choice([0, 1000000])}'",
              f"CREATE TEMP TABLE model AS SELECT * FROM read_json('{path}', format = 'newline_delimited', columns = {{{types}}})"]
    queries = [generator.query() for _ in range(QUERIES)]
    for i, query in enumerate(queries):
        ours, theirs = (f"({query.replace('{t}', table)})" for table in (model.name, "model"))
        script.append(f"SELECT {i} AS query, count(*) AS differences FROM (({ours} EXCEPT ALL {theirs}) UNION ALL ({theirs} EXCEPT ALL {ours}))")
    (folder / "script.sql").write_text(";\n".join(script))
    done = subprocess.run([STROM, "sql", "--bootstrap", server.address, "-o", "ndjson", "-f", str(folder / "script.sql")], capture_output=True, text=True, timeout=300)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, (done.stderr, queries[len(results)])
    wrong = [queries[result["query"]] for result in results if result["differences"]]
    assert len(results) == QUERIES and not wrong, (len(results), wrong[:3])


@pytest.mark.parametrize(("keyed", "lake", "image"), [(False, None, ""), (True, None, "FULL"), (False, "paimon", ""), (True, "paimon", "FULL"), (True, "paimon", "WAL"), (False, "iceberg", ""),
                                                     (True, "iceberg", "FULL")])
def test_queries_answer_as_over_a_model(tmp_path, keyed, lake, image):
    generator = Generator(f"{SEED} {keyed} {lake} {image}")
    settings = {"log.segment.file-size": "16kb", "remote.log.task-interval-duration": "200ms", "log.retention.check-interval": "200ms", "kv.snapshot.interval": "300ms",
                **({"datalake.format": lake} if lake else {})}
    server = Server(tmp_path, **settings)
    model = Model(server, "t", keyed, lake, generator, image)
    for step in range(STEPS):
        model.change()
        check(server, model, tmp_path, generator)
        if step % 2 == 1:
            (server.kill if generator.random.random() < 0.5 else server.stop)()
            server = model.server = server.restarted()
            check(server, model, tmp_path, generator)
    assert server.stop() == 0
