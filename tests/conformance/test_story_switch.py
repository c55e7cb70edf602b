"""The third acceptance story by its command line: the owner switches the lake on, enables a table, watches it, and is kept from switching it off too early."""
import json
import subprocess

from harness import READERS, STROM, Server, until

USERS = 'org.apache.fluss.security.auth.sasl.plain.PlainLoginModule required user_owner="owner-pw" user_dev="dev-pw";'


class Person:
    def __init__(self, server, name):
        self.server, self.name = server, name

    def run(self, *words, code=0):
        done = subprocess.run([STROM, *words, "--bootstrap", self.server.address, "--user", self.name], capture_output=True, text=True, timeout=60,
                              env={"STROM_PASSWORD": f"{self.name}-pw", "PATH": "/usr/bin:/bin"})
        assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
        return done

    def lake(self, *words, code=0):
        done = self.run("lake", *words, "-o", "json", code=code)
        return done.stderr if code else json.loads(done.stdout or "[]")

    def sql(self, *statements, code=0):
        done = self.run("sql", "-o", "ndjson", *(word for one in statements for word in ("-c", one)), code=code)
        return done.stderr if code else [json.loads(line) for line in done.stdout.splitlines()]


def test_switching_the_lake_on_watching_it_and_not_off_too_early(tmp_path):
    lake = tmp_path / "lake"
    server = Server(tmp_path, **{"security.protocol.map": "FLUSS:SASL", "security.sasl.plain.jaas.config": USERS, "authorizer.enabled": "true", "super.users": "User:owner",
                                 "datalake.enabled": "false", "datalake.format": "paimon", "datalake.paimon.metastore": "filesystem", "datalake.paimon.warehouse": str(lake)})
    owner, dev = Person(server, "owner"), Person(server, "dev")
    for right in ("READ", "WRITE", "CREATE"):
        owner.run("acl", "grant", "User:dev", right, "fluss")

    # 1: only the owner may; the developer is told which right is missing
    assert "may not ALTER the cluster" in dev.lake("enable", code=5)
    # 2, 3: the preflight, first with a warehouse that cannot be written
    lake.write_text("in the way")
    checks = {check["check"]: check for check in json.loads(owner.run("lake", "preflight", "-o", "json", code=1).stdout)}
    assert any(not check["ok"] and str(lake) in check["detail"] for check in checks.values())
    assert "Nothing was changed" in owner.lake("enable", code=6) and owner.lake("jobs") == []
    lake.unlink()
    assert all(check["ok"] for check in owner.lake("preflight"))
    # 4: on
    owner.lake("enable")
    # 5: the seed's statement as it is, with its catalog
    dev.sql(f"CREATE CATALOG `my-catalog` WITH ('type' = 'fluss', 'bootstrap.servers' = '{server.address}')", "USE CATALOG `my-catalog`",
            "CREATE TABLE `my-catalog`.`fluss`.`datalake_orders` ( shop_id BIGINT, user_id BIGINT, num_orders INT, total_amount INT, PRIMARY KEY (shop_id, user_id) NOT ENFORCED )"
            " WITH ('bucket.num'='4','table.datalake.enabled'='true','table.datalake.freshness'='30min');")
    assert (lake / "fluss.db/datalake_orders/schema/schema-0").exists()
    job = next(one for one in owner.lake("jobs") if one["table"] == "fluss.datalake_orders")
    assert job["state"] == "idle" and job["freshness_ms"] == 30 * 60 * 1000
    # 6: a table without
    dev.sql("CREATE TABLE plain (id INT, v STRING, PRIMARY KEY (id) NOT ENFORCED)", "INSERT INTO plain VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    status = {row["table"]: row["lake"] for row in owner.lake("status")}
    assert status["plain"] == "off" and status["datalake_orders"] == "on" and not (lake / "fluss.db/plain").exists()
    # 7: switched on later; the developer has no ALTER
    assert "may not ALTER" in dev.lake("enable", "plain", code=5)
    owner.lake("enable", "plain")
    assert next(one for one in owner.lake("jobs") if one["table"] == "fluss.plain")["freshness_ms"] == 180_000, "3min, the default"
    until(lambda: owner.sql("SELECT count(*) AS n FROM plain$lake") == [{"n": 3}], what="three rows in the lake")
    # 8, 9: what is refused
    assert "freshness" in owner.sql("ALTER TABLE datalake_orders SET ('table.datalake.freshness' = '5min')", code=6)
    assert "paimon.deletion-vectors.enabled" in dev.sql("CREATE TABLE dv (id INT, PRIMARY KEY (id) NOT ENFORCED) WITH ('table.datalake.enabled'='true','paimon.deletion-vectors.enabled'='true')", code=1)
    # 10: another file format
    dev.sql("CREATE TABLE o (id INT) WITH ('table.datalake.enabled'='true','table.datalake.freshness'='1s','paimon.file.format'='orc')", "INSERT INTO o SELECT i FROM range(10) AS r(i)")
    until(lambda: owner.sql("SELECT count(*) AS n FROM o$lake") == [{"n": 10}], what="ten rows in the lake")
    assert list(lake.glob("fluss.db/o/bucket-*/data-*.orc")) and not list(lake.glob("fluss.db/o/bucket-*/*.parquet"))
    # 11: a foreign table of the name is left alone
    make = """import sys, pyarrow as pa
from pypaimon import CatalogFactory, Schema
CatalogFactory.create({"warehouse": sys.argv[1]}).create_table("fluss.taken", Schema.from_pyarrow_schema(pa.schema([("a", pa.int32())])), False)"""
    assert subprocess.run([READERS, "-c", make, str(lake)], capture_output=True).returncode == 0
    told = dev.sql("CREATE TABLE taken (a BIGINT) WITH ('table.datalake.enabled' = 'true')", code=4)
    assert "LAKE_TABLE_ALREADY_EXIST" in told and "INT" in told and "BIGINT" in told
    assert "taken" not in str(owner.sql("SHOW TABLES")) and len(list((lake / "fluss.db/taken/schema").iterdir())) == 1
    # 12: the warehouse goes away for a while
    away = tmp_path / "away"
    lake.rename(away)
    lake.write_text("not a folder")
    dev.sql("INSERT INTO o VALUES (100)")
    failed = until(lambda: next((one for one in owner.lake("jobs") if one["table"] == "fluss.o" and one["failures"] >= 1), None), what="a round that fails")
    assert failed["failure"] and "tried again in" in json.dumps(owner.lake("why", "o"))
    dev.sql("INSERT INTO o VALUES (101)")
    assert dev.sql("SELECT v FROM plain WHERE id = 2") == [{"v": "b"}], "hot reads go on"
    lake.unlink()
    away.rename(lake)
    until(lambda: owner.sql("SELECT count(*) AS n FROM o$lake") == [{"n": 12}], what="the rows that waited")
    # 13, 14: off only when nobody uses it
    refused = owner.lake("disable", code=6)
    assert all(f"fluss.{table}" in refused for table in ("datalake_orders", "plain", "o")) and "3 tables" in refused
    for table in ("plain", "o"):
        owner.lake("disable", table)
    owner.sql("ALTER TABLE datalake_orders SET ('table.datalake.enabled' = 'false')")
    owner.lake("disable")
    assert owner.lake("jobs") == []
    # 15: what was dropped is still in the lake
    owner.sql("DROP TABLE plain")
    assert "plain" not in str(owner.sql("SHOW TABLES"))
    read = """import sys
from pypaimon import CatalogFactory
builder = CatalogFactory.create({"warehouse": sys.argv[1]}).get_table("fluss.plain").new_read_builder()
print(sorted(builder.new_read().to_arrow(builder.new_scan().plan().splits()).column("v").to_pylist()))"""
    assert subprocess.run([READERS, "-c", read, str(lake)], capture_output=True, text=True).stdout == "['a', 'b', 'c']\n"
    # 17: on again, from where it was
    owner.lake("enable")
    owner.lake("enable", "datalake_orders")
    dev.sql("INSERT INTO datalake_orders VALUES (1, 1, 1, 100), (1, 2, 2, 200)")
    owner.lake("tier", "datalake_orders")
    until(lambda: owner.sql("SELECT count(*) AS n, sum(total_amount)::INT AS s FROM datalake_orders$lake") == [{"n": 2, "s": 300}], what="the lake equals its source")
    assert server.stop() == 0
