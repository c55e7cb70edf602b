"""What the unmodified Python client (pyfluss) does with databases and log tables."""
import asyncio
import datetime
import decimal
import time

import fluss
import pyarrow as pa
import pytest

from harness import sql


def descriptor(fields, **options):
    return fluss.TableDescriptor(fluss.Schema(pa.schema(fields)), **options)


async def read_rows(table, buckets, count, **columns):
    """`count` records from the beginning of all buckets, as (bucket, record)."""
    scan = table.new_scan()
    if columns:
        scan = scan.project_by_name(columns["names"])
    scanner = await scan.create_log_scanner()
    scanner.subscribe_buckets({bucket: 0 for bucket in range(buckets)})
    rows = []
    deadline = time.monotonic() + 20
    while len(rows) < count and time.monotonic() < deadline:
        records = await scanner.poll(500)
        for bucket in records.buckets():
            rows += [(bucket.bucket_id, record) for record in records.records(bucket)]
    assert len(rows) == count
    return rows


def test_databases_come_and_go(run, name):
    async def scenario(_, admin):
        await admin.create_database(name, fluss.DatabaseDescriptor(comment="ours", custom_properties={"k": "v"}))
        assert await admin.database_exists(name)
        assert name in await admin.list_databases()
        info = await admin.get_database_info(name)
        assert info.get_database_descriptor().comment == "ours"
        with pytest.raises(fluss.FlussError) as error:
            await admin.create_database(name)
        assert error.value.error_code == 6
        await admin.create_database(name, ignore_if_exists=True)
        await admin.create_table(fluss.TablePath(name, "t"), descriptor([("a", pa.int32())]), False)
        with pytest.raises(fluss.FlussError) as error:
            await admin.drop_database(name, cascade=False)
        assert error.value.error_code == 5
        await admin.drop_database(name, cascade=True)
        assert not await admin.database_exists(name)
        with pytest.raises(fluss.FlussError) as error:
            await admin.drop_database(name)
        assert error.value.error_code == 4

    run(scenario)


def test_tables_come_and_go(run, name):
    async def scenario(_, admin):
        path = fluss.TablePath("fluss", name)
        await admin.create_table(path, descriptor([("id", pa.int64()), ("v", pa.string())], bucket_count=3, comment="c"), False)
        info = await admin.get_table_info(path)
        assert info.num_buckets == 3
        assert await admin.table_exists(path)
        assert name in await admin.list_tables("fluss")
        with pytest.raises(fluss.FlussError) as error:
            await admin.create_table(path, descriptor([("id", pa.int64())]), False)
        assert error.value.error_code == 8
        await admin.drop_table(path)
        assert not await admin.table_exists(path)
        with pytest.raises(fluss.FlussError) as error:
            await admin.get_table_info(path)
        assert error.value.error_code == 7
        await admin.drop_table(path, True)

    run(scenario)


@pytest.mark.parametrize("compression", ["NONE", "LZ4_FRAME", "ZSTD"])
def test_rows_come_back_in_order_with_each_compression(run, name, compression):
    async def scenario(connection, admin):
        path = fluss.TablePath("fluss", name)
        properties = {"table.log.arrow.compression.type": compression}
        fields = [("id", pa.int64()), ("s", pa.string()), ("b", pa.bool_()), ("f", pa.float32()), ("d", pa.float64()),
                  ("dec", pa.decimal128(20, 3)), ("day", pa.date32()), ("ts", pa.timestamp("us")), ("bin", pa.binary()),
                  ("i8", pa.int8()), ("i16", pa.int16()), ("i32", pa.int32())]
        await admin.create_table(path, descriptor(fields, bucket_count=1, properties=properties), False)
        table = await connection.get_table(path)
        writer = table.new_append().create_writer()
        expected = []
        for i in range(500):
            row = {"id": i, "s": None if i % 7 == 0 else "text" * (i % 9), "b": i % 2 == 0, "f": i / 4, "d": i / 8,
                   "dec": decimal.Decimal(i - 250) / 8, "day": datetime.date(2025, 1, 1) + datetime.timedelta(days=i),
                   "ts": datetime.datetime(2025, 1, 1, microsecond=i), "bin": bytes([i % 256, 1]), "i8": i % 100, "i16": i, "i32": -i}
            expected.append(row)
            writer.append(row)
        await writer.flush()
        rows = await read_rows(table, 1, 500)
        assert [record.offset for _, record in rows] == list(range(500))
        for (_, record), row in zip(rows, expected):
            assert {key: record.row[key] for key in ("id", "s", "b", "f", "d", "dec", "day", "bin", "i8", "i16", "i32")} == \
                   {key: row[key] for key in ("id", "s", "b", "f", "d", "dec", "day", "bin", "i8", "i16", "i32")}
            assert record.row["ts"].replace(tzinfo=None) == row["ts"]

    run(scenario)


def test_projection_is_cut_by_the_server(run, name):
    async def scenario(connection, admin):
        path = fluss.TablePath("fluss", name)
        fields = [(f"c{i}", pa.string() if i % 2 else pa.int64()) for i in range(20)]
        await admin.create_table(path, descriptor(fields, bucket_count=1), False)
        table = await connection.get_table(path)
        writer = table.new_append().create_writer()
        columns = [pa.array([f"{i}-{r}" for r in range(1000)]) if i % 2 else pa.array(range(1000), pa.int64()) for i in range(20)]
        writer.write_arrow_batch(pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields)))
        await writer.flush()
        rows = await read_rows(table, 1, 1000, names=["c7", "c2"])
        assert rows[5][1].row == {"c7": "7-5", "c2": 5}

    run(scenario)


def test_scans_start_at_any_offset_and_time(run, name):
    async def scenario(connection, admin):
        path = fluss.TablePath("fluss", name)
        await admin.create_table(path, descriptor([("id", pa.int64())], bucket_count=1), False)
        table = await connection.get_table(path)
        writer = table.new_append().create_writer()
        writer.append({"id": 1})
        await writer.flush()
        first = (await read_rows(table, 1, 1))[0][1].timestamp
        while int(time.time() * 1000) <= first + 1:
            await asyncio.sleep(0)
        writer.append({"id": 2})
        await writer.flush()
        assert await admin.list_offsets(path, [0], fluss.OffsetSpec.earliest()) == {0: 0}
        assert await admin.list_offsets(path, [0], fluss.OffsetSpec.latest()) == {0: 2}
        assert await admin.list_offsets(path, [0], fluss.OffsetSpec.timestamp(first)) == {0: 0}
        assert await admin.list_offsets(path, [0], fluss.OffsetSpec.timestamp(first + 1)) == {0: 1}
        with pytest.raises(fluss.FlussError) as error:
            await admin.list_offsets(path, [0], fluss.OffsetSpec.timestamp(int(time.time() * 1000) + 100_000))
        assert error.value.error_code == 38
        scanner = await table.new_scan().create_log_scanner()
        scanner.subscribe(0, 1)
        records = await scanner.poll(5000)
        assert [record.row["id"] for record in records] == [2]

    run(scenario)


def test_a_waiting_poll_wakes_up_when_a_row_arrives(run, name):
    async def scenario(connection, admin):
        path = fluss.TablePath("fluss", name)
        await admin.create_table(path, descriptor([("id", pa.int64())], bucket_count=1), False)
        table = await connection.get_table(path)
        scanner = await table.new_scan().create_log_scanner()
        scanner.subscribe(0, 0)
        await scanner.poll(1)
        writer = table.new_append().create_writer()
        polling = asyncio.ensure_future(scanner.poll(20_000))
        writer.append({"id": 1})
        await writer.flush()
        records = await polling
        assert [record.row["id"] for record in records] == [1]

    run(scenario)


def test_keyed_rows_lie_in_the_bucket_that_the_lake_would_choose(run, name):
    async def scenario(connection, admin):
        path = fluss.TablePath("fluss", name)
        fields = [("id", pa.int64()), ("v", pa.string())]
        await admin.create_table(path, descriptor(fields, bucket_count=4, bucket_keys=["id"]), False)
        table = await connection.get_table(path)
        writer = table.new_append().create_writer()
        for i in range(200):
            writer.append({"id": i, "v": str(i)})
        await writer.flush()
        return {record.row["id"]: bucket for bucket, record in await read_rows(table, 4, 200)}

    by_client = run(scenario)
    assert set(by_client.values()) == {0, 1, 2, 3}
    run(lambda _, admin: admin.drop_table(fluss.TablePath("fluss", name)))

    async def ours(connection, _):
        table = await connection.get_table(fluss.TablePath("fluss", name + "_sql"))
        return {record.row["id"]: bucket for bucket, record in await read_rows(table, 4, 200)}

    # Our own writer must agree with theirs row for row.
    server = pytest.shared_server
    sql(server, f"CREATE TABLE {name}_sql (id BIGINT, v STRING) WITH ('bucket.num' = '4', 'bucket.key' = 'id')",
        f"INSERT INTO {name}_sql SELECT id, CAST(id AS STRING) FROM generate_series(0, 199) AS g(id)")
    assert run(ours) == by_client


@pytest.fixture(autouse=True)
def _share_server(server):
    pytest.shared_server = server


def test_partitions_by_hand_and_by_writing(run, name):
    async def scenario(connection, admin):
        path = fluss.TablePath("fluss", name)
        fields = [("id", pa.int64()), ("region", pa.string())]
        await admin.create_table(path, descriptor(fields, partition_keys=["region"], bucket_count=2), False)
        await admin.create_partition(path, {"region": "EU"})
        with pytest.raises(fluss.FlussError) as error:
            await admin.create_partition(path, {"region": "EU"})
        assert error.value.error_code == 42
        with pytest.raises(fluss.FlussError) as error:
            await admin.create_partition(path, {"region": "a/b"})
        assert error.value.error_code == 43
        await admin.create_partition(path, {"region": "US"})
        infos = {info.partition_name: info.partition_id for info in await admin.list_partition_infos(path)}
        assert set(infos) == {"EU", "US"}
        table = await connection.get_table(path)
        writer = table.new_append().create_writer()
        for i in range(20):
            writer.append({"id": i, "region": "EU" if i % 2 else "US"})
        await writer.flush()
        offsets = await admin.list_partition_offsets(path, "EU", [0, 1], fluss.OffsetSpec.latest())
        assert sum(offsets.values()) == 10
        scanner = await table.new_scan().create_log_scanner()
        for bucket in (0, 1):
            scanner.subscribe_partition(infos["US"], bucket, 0)
        ids = []
        while len(ids) < 10:
            ids += [record.row["id"] for record in await scanner.poll(5000)]
        assert sorted(ids) == list(range(0, 20, 2))
        await admin.drop_partition(path, {"region": "EU"})
        with pytest.raises(fluss.FlussError) as error:
            await admin.drop_partition(path, {"region": "EU"})
        assert error.value.error_code == 36

    run(scenario)


@pytest.mark.parametrize("options, code", [
    ({"properties": {"table.nonsense": "1"}}, 39),
    ({"properties": {"table.log.format": "AVRO"}}, 39),
    ({"properties": {"table.replication.factor": "3"}}, 17),
    ({"bucket_count": 1_000_000}, 49),
])
def test_bad_tables_are_refused_with_the_published_code(run, name, options, code):
    async def scenario(_, admin):
        with pytest.raises(fluss.FlussError) as error:
            await admin.create_table(fluss.TablePath("fluss", name), descriptor([("id", pa.int64())], **options), False)
        assert error.value.error_code == code

    run(scenario)


def test_a_limit_scan_gives_the_last_rows(run, name):
    async def scenario(connection, admin):
        path = fluss.TablePath("fluss", name)
        await admin.create_table(path, descriptor([("id", pa.int64())], bucket_count=1), False)
        table = await connection.get_table(path)
        writer = table.new_append().create_writer()
        for i in range(100):
            writer.append({"id": i})
        await writer.flush()
        info = await admin.get_table_info(path)
        scanner = table.new_scan().limit(5).create_bucket_batch_scanner(fluss.TableBucket(info.table_id, 0))
        batches = scanner.to_arrow()
        rows = await batches if asyncio.iscoroutine(batches) or asyncio.isfuture(batches) else batches
        assert rows.column("id").to_pylist() == [95, 96, 97, 98, 99]

    run(scenario)
