"""The first acceptance story: a newcomer builds an enriched orders table and asks the same question of the lake and of everything. No JVM has a part in it but as a judge."""
import atexit
import json
import signal
import subprocess

import pytest

from harness import READERS, STROM, Process, Server, java, sql, until

TABLES = """
CREATE CATALOG shop WITH ('type' = 'fluss', 'bootstrap.servers' = '{address}');
USE CATALOG shop;
CREATE TABLE fluss_order (
  `order_key` BIGINT, `cust_key` INT NOT NULL, `total_price` DECIMAL(15, 2), `order_date` DATE,
  `order_priority` STRING, `clerk` STRING, `ptime` AS PROCTIME(),
  PRIMARY KEY (`order_key`) NOT ENFORCED);
CREATE TABLE fluss_customer (
  `cust_key` INT NOT NULL, `name` STRING, `phone` STRING, `nation_key` INT NOT NULL, `acctbal` DECIMAL(15, 2), `mktsegment` STRING,
  PRIMARY KEY (`cust_key`) NOT ENFORCED);
CREATE TABLE fluss_nation (`nation_key` INT NOT NULL, `name` STRING, PRIMARY KEY (`nation_key`) NOT ENFORCED);
CREATE TABLE datalake_enriched_orders (
  `order_key` BIGINT, `cust_key` INT NOT NULL, `total_price` DECIMAL(15, 2), `order_date` DATE, `order_priority` STRING, `clerk` STRING,
  `cust_name` STRING, `cust_phone` STRING, `cust_acctbal` DECIMAL(15, 2), `cust_mktsegment` STRING, `nation_name` STRING{key}
) WITH ('table.datalake.enabled' = 'true', 'table.datalake.freshness' = '3s');
"""
DIMENSIONS = """
SET 'execution.runtime-mode' = 'batch';
INSERT INTO fluss_nation VALUES (1,'CANADA'),(2,'JORDAN'),(3,'CHINA');
INSERT INTO fluss_customer VALUES
 (1,'Alice','111',1,100.00,'AUTOMOBILE'),(2,'Bob','222',2,200.00,'BUILDING'),(3,'Carol','333',3,300.00,'FURNITURE');
"""
ENRICH = """
SET 'execution.runtime-mode' = 'streaming';
INSERT INTO datalake_enriched_orders
SELECT o.order_key, o.cust_key, o.total_price, o.order_date, o.order_priority, o.clerk,
       c.name, c.phone, c.acctbal, c.mktsegment, n.name
FROM {orders}
LEFT JOIN fluss_customer FOR SYSTEM_TIME AS OF `o`.`ptime` AS `c` ON o.cust_key = c.cust_key
LEFT JOIN fluss_nation  FOR SYSTEM_TIME AS OF `o`.`ptime` AS `n` ON c.nation_key = n.nation_key;
"""
ORDERS = """
SET 'execution.runtime-mode' = 'batch';
INSERT INTO fluss_order (order_key,cust_key,total_price,order_date,order_priority,clerk) VALUES
 (1001,1,150.50,DATE '2025-04-01','high','Clerk1'),(1002,2,250.75,DATE '2025-04-01','low','Clerk2'),
 (1003,3,350.00,DATE '2025-04-02','medium','Clerk3'),(1004,1,100.25,DATE '2025-04-02','high','Clerk1'),
 (1005,2,49.50,DATE '2025-04-03','low','Clerk4'),(1006,3,600.00,DATE '2025-04-03','medium','Clerk2');
"""
MORE = "INSERT INTO fluss_order (order_key,cust_key,total_price,order_date,order_priority,clerk) VALUES (1007,1,75.00,DATE '2025-04-04','low','Clerk1'),(1008,2,10.10,DATE '2025-04-04','low','Clerk1')"
SUM = "SELECT sum(total_price) AS sum_price FROM datalake_enriched_orders{}"


def run(server, script):
    done = subprocess.run([STROM, "sql", "--bootstrap", server.address, "-o", "ndjson"], input=script, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


class Enrichment:
    """The statement that keeps running."""

    def __init__(self, server, orders):
        self.process = subprocess.Popen([STROM, "sql", "--bootstrap", server.address], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)
        self.process.stdin.write(ENRICH.format(orders=orders))
        self.process.stdin.close()

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(20) == 130, self.process.stderr.read()
        self.process.stderr.close()


def price(server, face=""):
    value = sql(server, SUM.format(face))[0][0]["sum_price"]
    return None if value is None else f"{float(value):.2f}"


def pypaimon(folder):
    script = """
import json, sys
from pypaimon import CatalogFactory
builder = CatalogFactory.create({"warehouse": sys.argv[1]}).get_table("fluss.datalake_enriched_orders").new_read_builder()
print(json.dumps(builder.new_read().to_arrow(builder.new_scan().plan().splits()).to_pylist(), default=str))
"""
    done = subprocess.run([READERS, "-W", "ignore", "-c", script, str(folder)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("faults", [False, True])
def test_the_quickstart_lakehouse(tmp_path, faults):
    options = {"datalake.format": "paimon", "datalake.paimon.metastore": "filesystem", "datalake.paimon.warehouse": str(tmp_path / "lake"), "server.tiering.enabled": str(not faults).lower()}
    server = Server(tmp_path, **options)
    run(server, TABLES.format(address=server.address, key=",\n  PRIMARY KEY (`order_key`) NOT ENFORCED"))
    lake = tmp_path / "lake/fluss.db/datalake_enriched_orders"
    assert (lake / "schema/schema-0").exists(), "the lake table is there before any row"
    assert run(server, "SELECT snapshot_id, total_record_count FROM datalake_enriched_orders$lake$snapshots;") == []
    run(server, DIMENSIONS)
    subprocess.run([STROM, "lake", "--bootstrap", server.address, "pause", "datalake_enriched_orders"], check=True)
    enrichment = Enrichment(server, "fluss_order o")
    worker = Process(["tier", "--fluss.bootstrap.servers", server.address], tmp_path) if faults else None

    def disturb():
        nonlocal worker
        if not faults:
            return
        worker.kill()
        worker = Process(["tier", "--fluss.bootstrap.servers", server.address], tmp_path)

    run(server, ORDERS)
    until(lambda: price(server) == "1501.00", what="the union is fresh")
    assert price(server, "$lake") is None, "the first round is held back"
    subprocess.run([STROM, "lake", "--bootstrap", server.address, "resume", "datalake_enriched_orders"], check=True)
    disturb()
    until(lambda: price(server, "$lake") == "1501.00", what="the lake has caught up")
    assert run(server, "SELECT snapshot_id, total_record_count FROM datalake_enriched_orders$lake$snapshots;")[0] == {"snapshot_id": 1, "total_record_count": 6}
    sql(server, MORE)
    until(lambda: price(server) == "1586.10", what="the union is fresh again")
    assert price(server, "$lake") in ("1501.00", "1586.10")
    disturb()
    until(lambda: price(server, "$lake") == "1586.10", what="the lake has caught up again")
    if faults:  # the server, too: whoever feeds the table waits for it
        server.kill()
        server = server.restarted()
    sql(server, "UPDATE fluss_order SET total_price = 200.50 WHERE order_key = 1001", "DELETE FROM fluss_order WHERE order_key = 1005")
    both = "SELECT count(*) AS n, sum(total_price) AS s FROM datalake_enriched_orders{}"
    until(lambda: sql(server, both.format("")) == [[{"n": 7, "s": 1586.6}]], what="changes and deletions follow")
    disturb()
    until(lambda: sql(server, both.format("$lake")) == [[{"n": 7, "s": 1586.6}]], what="in the lake as well")
    assert sql(server, "SELECT cust_name, nation_name FROM datalake_enriched_orders WHERE order_key = 1003") == [[{"cust_name": "Carol", "nation_name": "CHINA"}]]

    bucket = [path.name for path in (lake / "bucket-0").iterdir()]
    assert any(name.startswith("data-") for name in bucket) and any(name.startswith("changelog-") for name in bucket)
    assert {path.name.split("-")[0] for path in (lake / "manifest").iterdir()} == {"manifest"} and (lake / "snapshot/LATEST").exists() and (lake / "snapshot/EARLIEST").exists()
    newest = json.loads((lake / f"snapshot/snapshot-{(lake / 'snapshot/LATEST').read_text()}").read_text())
    assert newest["commitUser"] == "__fluss_lake_tiering" and "fluss-offsets" in newest["properties"]
    rows = pypaimon(tmp_path / "lake")
    assert len(rows) == 7 and sum(round(float(row["total_price"]) * 100) for row in rows) == 158660
    assert java("ReadPaimon", str(tmp_path / "lake"), "fluss.datalake_enriched_orders").split()[1] == "7"
    enrichment.stop()
    if worker:
        worker.stop()
    assert server.stop() == 0


def test_the_same_with_iceberg(tmp_path):
    server = Server(tmp_path, **{"datalake.format": "iceberg", "datalake.iceberg.type": "hadoop", "datalake.iceberg.warehouse": str(tmp_path / "lake")})
    run(server, TABLES.format(address=server.address, key=""))
    run(server, DIMENSIONS + ORDERS)
    enrichment = Enrichment(server, "(SELECT *, PROCTIME() AS ptime FROM fluss_order) o")
    until(lambda: price(server) == "1501.00", what="the union is fresh")
    until(lambda: price(server, "$lake") == "1501.00", what="the lake has caught up")
    assert {row["operation"] for row in run(server, "SELECT snapshot_id, operation FROM datalake_enriched_orders$lake$snapshots;")} == {"append"}
    folder = tmp_path / "lake/fluss/datalake_enriched_orders"
    assert list(folder.glob("data/**/*.parquet")) and (folder / "metadata/v1.metadata.json").exists() and list(folder.glob("metadata/snap-*.avro"))
    # A log takes no changes of rows: the statement ends and says so.
    sql(server, "UPDATE fluss_order SET total_price = 0 WHERE order_key = 1001")
    assert enrichment.process.wait(20) == 1 and "is a log" in enrichment.process.stderr.read()
    enrichment.process.stderr.close()
    assert server.stop() == 0
