"""strom read, write, lookup, table and db: rows in and out of tables from a shell."""
import json
import subprocess

import pytest

from harness import READERS, STROM, sql, until


def strom(server, *words, code=0, data=None):
    done = subprocess.run([STROM, words[0], "--bootstrap", server.address, *words[1:]], input=data, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


def rows(text):
    return [json.loads(line) for line in text.splitlines()]


def test_rows_go_in_and_come_out(server, name, tmp_path):
    strom(server, "table", "create", f"CREATE TABLE {name} (id BIGINT, s STRING, d DECIMAL(10, 2), a ARRAY<INT>, r ROW<x INT, y STRING>) WITH ('bucket.num' = '2')")
    lines = [{"id": 1, "s": "a\nb", "d": 1.25, "a": [1, None], "r": {"x": 1, "y": "z"}}, {"id": 2, "s": None, "d": None, "a": None, "r": None}, {"id": 3}]
    strom(server, "write", name, data="".join(json.dumps(line) + "\n" for line in lines))
    found = sorted(rows(strom(server, "read", name)), key=lambda row: row["id"])
    assert found == [lines[0], lines[1], lines[1] | {"id": 3}]
    # What is read can be written, in each format.
    (tmp_path / "rows.jsonl").write_text(strom(server, "read", name))
    strom(server, "write", name, str(tmp_path / "rows.jsonl"))
    sql(server, f"COPY (SELECT * FROM {name} WHERE id = 1) TO '{tmp_path}/rows.parquet'")
    strom(server, "write", name, str(tmp_path / "rows.parquet"))
    assert sql(server, f"SELECT id, count(*) AS n FROM {name} GROUP BY id ORDER BY id") == [[{"id": 1, "n": 4}, {"id": 2, "n": 2}, {"id": 3, "n": 2}]]
    sql(server, f"CREATE TABLE {name}_c (id BIGINT, s STRING, day DATE)")
    strom(server, "write", f"fluss.{name}_c", "--format", "csv", data='s,id,day\n"two\nlines, ""quoted""",1,2025-01-02\n,2,\n"",3,2025-01-03\n')
    assert sorted(rows(strom(server, "read", f"{name}_c", "--where", "id > 0", "--columns", "id,s,day")), key=lambda row: row["id"]) == [
        {"id": 1, "s": 'two\nlines, "quoted"', "day": "2025-01-02"}, {"id": 2, "s": None, "day": None}, {"id": 3, "s": "", "day": "2025-01-03"}]
    assert len(rows(strom(server, "read", f"{name}_c", "--limit", "2"))) == 2
    assert strom(server, "read", f"{name}_c", "--from", "latest") == ""


def test_values_are_those_of_the_file_or_refused(server, name, tmp_path):
    sql(server, f"CREATE TABLE {name} (id INT, d DECIMAL(30, 4), s STRING)")
    exact = "12345678901234567890123456.1234"
    strom(server, "write", name, data=f'{{"id": 1, "d": "{exact}"}}\n{{"id": 2, "d": 99999999999.1234}}\n{{"id": 3, "d": 12345678901234567890}}\n')
    strom(server, "write", name, "--format", "csv", data=f"s,d,id\n#no comment,{exact}, 4\n")
    assert sql(server, f"SELECT id, d::VARCHAR AS d, s FROM {name} ORDER BY id") == [[
        {"id": 1, "d": exact, "s": None}, {"id": 2, "d": "99999999999.1234", "s": None}, {"id": 3, "d": "12345678901234567890.0000", "s": None}, {"id": 4, "d": exact, "s": "#no comment"}]]
    assert "write numbers of so many as text" in strom(server, "write", name, code=2, data=f'{{"id": 5, "d": {exact}}}\n')
    sql(server, f"COPY (SELECT 1.0::DOUBLE AS id, 2 AS d, 's' AS s) TO '{tmp_path}/wrong.parquet'", f"COPY (SELECT 6::UTINYINT AS id, 2 AS d, 's' AS s) TO '{tmp_path}/right.parquet'")
    assert "1.0 is no whole number" in strom(server, "write", name, str(tmp_path / "wrong.parquet"), code=2)
    strom(server, "write", name, str(tmp_path / "right.parquet"))
    assert sql(server, f"SELECT max(id) AS id, count(*) AS n FROM {name}") == [[{"id": 6, "n": 5}]]


def test_many_rows_through_a_pipe(server, name):
    sql(server, f"CREATE TABLE {name} (id BIGINT, s STRING) WITH ('bucket.num' = '3')")
    text = "".join(f'{{"id": {i}, "s": "row {i} {"x" * (i % 90)}"}}\n' for i in range(300_000))
    strom(server, "write", name, data=text)
    assert sql(server, f"SELECT count(*) AS n, count(DISTINCT id) AS d, sum(length(s))::BIGINT AS l FROM {name}") == [
        [{"n": 300_000, "d": 300_000, "l": sum(len(f"row {i} ") + i % 90 for i in range(300_000))}]]


def test_rows_that_come_slowly_are_written_as_they_come(server, name):
    sql(server, f"CREATE TABLE {name} (id BIGINT)")
    writer = subprocess.Popen([STROM, "write", "--bootstrap", server.address, name], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for i in range(3):
        writer.stdin.write(f'{{"id": {i}}}\n')
        writer.stdin.flush()
        until(lambda: sql(server, f"SELECT count(*) AS n FROM {name}") == [[{"n": i + 1}]], what="the row is there though the input goes on")  # noqa: B023
    writer.stdin.close()
    assert writer.wait(20) == 0 and "3 rows written" in writer.stderr.read()
    writer.stderr.close()


def test_keys_are_upserted_in_part_deleted_and_looked_up(server, name):
    sql(server, f"CREATE TABLE {name} (g INT, id BIGINT, a STRING, b STRING, PRIMARY KEY (g, id) NOT ENFORCED) WITH ('bucket.num' = '3', 'bucket.key' = 'g')")
    strom(server, "write", name, "--upsert", data="".join(json.dumps({"g": i % 3, "id": i, "a": f"a{i}", "b": f"b{i}"}) + "\n" for i in range(30)))
    strom(server, "write", name, "--partial", "g,id,b", data='{"g": 1, "id": 4, "b": "changed"}\n')
    assert json.loads(strom(server, "lookup", name, "1", "4", "-o", "json")) == [{"g": 1, "id": 4, "a": "a4", "b": "changed"}]
    assert [row["id"] for row in rows(strom(server, "lookup", name, "--prefix", "2", "-o", "ndjson"))] == list(range(2, 30, 3))
    strom(server, "write", name, "--delete", "--format", "csv", data="g,id\n0,0\n0,3\n")
    strom(server, "lookup", name, "0", "3", code=3)
    assert sql(server, f"SELECT count(*) AS n FROM {name}") == [[{"n": 28}]]
    changes = rows(strom(server, "read", name, "--changelog", "--where", "id = 4"))
    assert [change["_change_type"] for change in changes] == ["insert", "update_before", "update_after"]
    binlog = rows(strom(server, "read", name, "--binlog", "--where", "coalesce(after.id, before.id) IN (3, 4)"))
    assert sorted(change["_change_type"] for change in binlog) == ["delete", "insert", "insert", "update"]
    assert "(g, id), 1 values were given" in strom(server, "lookup", name, "1", code=2)


@pytest.mark.parametrize(("words", "data", "code", "text"), [
    (["write", "{}"], '{{"id": 1, "nonsense": 2}}\n', 2, "no column of table"), (["write", "{}"], '{{"id": "x"}}\n', 2, "x is no whole number"),
    (["write", "{}"], '{{"id": 1\n', 2, "this piece of the input"), (["write", "{}"], '{{"id": 1.5}}\n', 2, "column 'id': 1.5 is no whole number"),
    (["write", "{}"], '[{{"id": 1}}]\n', 2, "one JSON object a line"), (["write", "{}"], '{{"id": 1}}\nnull\n', 2, "one JSON object a line"),
    (["write", "{}", "--format", "csv"], "id,s\n1,a\n2.5,b\n", 2, "2.5 is no whole number"), (["write", "{}", "--format", "csv"], "id,s\n1,a\n2\n", 2, "as many values as the line of names"),
    (["write", "{}", "--format", "csv"], "s\nx\n", 2, "lack the column 'id'"), (["write", "{}", "--partial", "id"], "", 2, "needs a table with a primary key"),
    (["write", "{}", "--format", "xml"], "", 2, "none of jsonl"), (["write", "nothing"], "", 3, "does not exist"), (["read", "{}", "--columns", "nope"], None, 2, "no column 'nope'"),
    (["read", "{}", "--from", "yesterday"], None, 2, "is no time"), (["read", "{}", "-f", "--changelog"], None, 2, "leave --changelog"), (["lookup", "{}", "1"], None, 2, "no primary key"),
    (["table", "drop", "{}"], None, 2, "--yes"), (["table", "explode", "{}"], None, 2, "not understood"), (["db", "drop", "nothing", "--yes"], None, 3, "nothing")])
def test_what_is_wrong_is_said_and_nothing_is_written(server, name, words, data, code, text):
    sql(server, f"CREATE TABLE {name} (id BIGINT, s STRING)")
    error = strom(server, *[word.format(name) for word in words], code=code, data=data and data.format())
    assert text in error, error
    assert sql(server, f"SELECT count(*) AS n FROM {name}") == [[{"n": 0}]]


def test_tables_and_databases(server, name):
    strom(server, "db", "create", name)
    assert name in strom(server, "db", "list", "-o", "csv").split()
    strom(server, "table", "create", f"CREATE TABLE {name}.t (id BIGINT COMMENT 'the id', v STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket.num' = '2')")
    assert json.loads(strom(server, "table", "list", "--database", name, "-o", "json")) == [{"table name": "t"}]
    sql(server, f"INSERT INTO {name}.t VALUES (1, 'a'), (2, NULL)")
    assert sum(row["latest"] for row in json.loads(strom(server, "table", "offsets", f"{name}.t", "-o", "json"))) == 2
    assert json.loads(strom(server, "table", "stats", f"{name}.t", "-o", "json")) == [{"row_count": 2}]
    profile = {row["column_name"]: row for row in json.loads(strom(server, "table", "profile", f"{name}.t", "-o", "json"))}
    assert profile["id"]["max"] == "2" and float(profile["v"]["null_percentage"]) == 50
    strom(server, "table", "alter", f"{name}.t", "note=mine")
    assert "'note' = 'mine'" in strom(server, "table", "ddl", f"{name}.t", "-o", "csv")
    strom(server, "table", "alter", f"{name}.t", "note=")
    assert "note" not in strom(server, "table", "ddl", f"{name}.t", "-o", "csv")
    assert "the id" in strom(server, "table", "describe", f"{name}.t")
    assert "still has 1 tables" in strom(server, "db", "drop", name, "--yes", code=6)
    strom(server, "table", "drop", f"{name}.t", "--yes")
    strom(server, "db", "drop", name, "--yes")


def test_shells_complete_verbs_and_names(server, name):
    sql(server, f"CREATE TABLE {name} (id INT)", f"CREATE DATABASE d_{name}", f"CREATE TABLE d_{name}.inner (id INT)")

    def words(*given):
        done = subprocess.run([STROM, "completion", "words", *given], capture_output=True, text=True, timeout=20)
        assert done.returncode == 0 and done.stderr == ""
        return done.stdout.split()

    assert {"server", "sql", "lake", "acl"} <= set(words())
    assert "describe" in words("table") and "verify" in words("lake")
    for verb in (["read"], ["table", "describe"], ["lake", "why"]):
        assert {name, f"d_{name}.inner"} <= set(words(*verb, "--bootstrap", server.address, "-o", "csv"))
    assert words("read", "--bootstrap") == [] and words("read", "--bootstrap", "127.0.0.1:1", "x") == []
    script = f'source <({STROM} completion bash); PATH={STROM.rsplit("/", 1)[0]}:$PATH; COMP_WORDS=(strom table de); COMP_CWORD=2; _strom; echo "${{COMPREPLY[@]}}"'
    assert subprocess.run(["bash", "-c", script], capture_output=True, text=True).stdout.split() == ["describe"]
    assert subprocess.run([STROM, "completion", "tcsh"], capture_output=True).returncode == 2


MAKE_ARROW = """
import sys, datetime, pyarrow as pa, pyarrow.feather
table = pa.table({"id": pa.array(range(5000), pa.int32()), "v": pa.array([f"v{i}" for i in range(5000)]).dictionary_encode(),
                  "t": pa.array([datetime.datetime(2025, 1, 1, 0, 0, i % 60) for i in range(5000)], pa.timestamp("us"))})
folder = sys.argv[1]
with pa.OSFile(folder + "/a.arrow", "wb") as out, pa.ipc.new_file(out, table.schema) as writer:
    writer.write_table(table, max_chunksize=700)
with pa.OSFile(folder + "/stream", "wb") as out, pa.ipc.new_stream(out, table.schema) as writer:
    writer.write_table(table.slice(0, 10))
pa.feather.write_feather(table.slice(0, 3), folder + "/f.feather", compression="zstd")
bad = bytearray(open(folder + "/a.arrow", "rb").read())
bad[len(bad) // 2:] = b"x" * (len(bad) - len(bad) // 2)
open(folder + "/bad.arrow", "wb").write(bad)
"""


def test_arrow_files_and_streams_are_written_and_joined(server, name, tmp_path):
    subprocess.run([READERS, "-c", MAKE_ARROW, str(tmp_path)], check=True)
    sql(server, f"CREATE TABLE {name} (id INT, v STRING, t TIMESTAMP(6), PRIMARY KEY (id) NOT ENFORCED)")
    strom(server, "write", name, str(tmp_path / "a.arrow"))
    total = f"SELECT count(*) AS n, sum(id)::INT AS s, min(v) AS v, max(t)::VARCHAR AS t FROM {name}"
    assert sql(server, total) == [[{"n": 5000, "s": 4999 * 2500, "v": "v0", "t": "2025-01-01 00:00:59"}]]
    sql(server, f"DELETE FROM {name} WHERE id < 100")
    done = subprocess.run([STROM, "write", name, "--format", "arrow", "--bootstrap", server.address], stdin=(tmp_path / "stream").open("rb"), capture_output=True, text=True)
    assert done.returncode == 0 and "10 rows written" in done.stderr, done.stderr
    assert sql(server, f"SELECT count(*) AS n FROM {name} WHERE id < 100") == [[{"n": 10}]]
    joined = f"SELECT count(*) AS n, any_value(typeof(a.v)) AS type FROM '{tmp_path}/a.arrow' a JOIN {name} b ON a.id = b.id AND a.v = b.v"
    assert sql(server, joined)[0][0]["n"] == 4910
    assert sql(server, f"SELECT id FROM '{tmp_path}/f.feather' ORDER BY id DESC") == [[{"id": 2}, {"id": 1}, {"id": 0}]]
    assert sql(server, f"SELECT count(*) AS n FROM 'arrow:{tmp_path}/stream'") == [[{"n": 10}]]
    for file, part in ((tmp_path / "bad.arrow", "bad.arrow"), (tmp_path / "none.arrow", "there is no file"), ("/etc/passwd", "no Arrow file")):
        told = subprocess.run([STROM, "write", name, str(file), "--format", "arrow", "--bootstrap", server.address], capture_output=True, text=True)
        assert told.returncode != 0 and part in told.stderr, told.stderr
    assert sql(server, f"SELECT count(*) AS n FROM {name}") == [[{"n": 4910}]], "bad files leave nothing behind"
