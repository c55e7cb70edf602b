"""Primary key tables through the unmodified Python client (pyfluss): upserts, changelog, lookups, against a model."""
import asyncio
import random

import fluss
import pyarrow as pa
import pytest

from harness import sql


class Keys:
    """A primary key table of one test: the table, its writer, and its changelog."""

    @classmethod
    async def create(cls, connection, admin, name, fields, key, buckets=2, **options):
        self = cls()
        self.path = fluss.TablePath("fluss", name)
        schema = fluss.Schema(pa.schema(fields), primary_keys=key)
        await admin.create_table(self.path, fluss.TableDescriptor(schema, bucket_count=buckets, **options), False)
        self.table = await connection.get_table(self.path)
        self.buckets = buckets
        self.key = key
        return self

    async def write(self, *changes, columns=None):
        """Each change: a row as a dict, or ("delete", row)."""
        upsert = self.table.new_upsert()
        writer = (upsert.partial_update_by_name(columns) if columns else upsert).create_writer()
        for change in changes:
            if isinstance(change, tuple):
                writer.delete({column: change[1][column] for column in self.key})
            else:
                writer.upsert(change)
        await writer.flush()

    async def lookup(self, **key):
        return await self.table.new_lookup().create_lookuper().lookup(key)

    async def changelog(self, count):
        """(bucket, kind, row) of the first `count` records of all buckets together."""
        scanner = await self.table.new_scan().create_log_scanner()
        scanner.subscribe_buckets({bucket: 0 for bucket in range(self.buckets)})
        records = []
        while len(records) < count:
            polled = await asyncio.wait_for(scanner.poll(5000), 20)
            for bucket in polled.buckets():
                records += [(bucket.bucket_id, r.change_type.short_string(), r.row) for r in polled.records(bucket)]
        assert len(records) == count, records
        return records


FIELDS = [("id", pa.int64()), ("name", pa.string()), ("n", pa.int32())]


def row(i, name="x", n=0):
    return {"id": i, "name": name, "n": n}


def test_upsert_lookup_delete(run, name):
    async def scenario(connection, admin):
        keys = await Keys.create(connection, admin, name, FIELDS, ["id"])
        await keys.write(*(row(i, f"n{i}", i) for i in range(100)))
        assert await keys.lookup(id=42) == row(42, "n42", 42)
        assert await keys.lookup(id=1000) is None
        await keys.write(row(42, "again", 7), ("delete", row(43)), ("delete", row(5000)))
        assert await keys.lookup(id=42) == row(42, "again", 7)
        assert await keys.lookup(id=43) is None
        kinds = [(kind, r) for _, kind, r in await keys.changelog(103)]
        assert kinds.count(("-U", row(42, "n42", 42))) == 1
        assert kinds.count(("+U", row(42, "again", 7))) == 1
        assert kinds.count(("-D", row(43, "n43", 43))) == 1
        assert sum(kind == "+I" for kind, _ in kinds) == 100

    run(scenario)


def test_identical_values_are_logged_again(run, name):
    async def scenario(connection, admin):
        keys = await Keys.create(connection, admin, name, FIELDS, ["id"], buckets=1)
        await keys.write(row(1))
        await keys.write(row(1))
        assert [kind for _, kind, _ in await keys.changelog(3)] == ["+I", "-U", "+U"]

    run(scenario)


def test_wal_image_logs_new_rows_only(run, name):
    async def scenario(connection, admin):
        keys = await Keys.create(connection, admin, name, FIELDS, ["id"], buckets=1, properties={"table.changelog.image": "WAL"})
        await keys.write(row(1, "a"))
        await keys.write(row(1, "b"))
        await keys.write(("delete", row(1)))
        assert [(kind, r["name"]) for _, kind, r in await keys.changelog(3)] == [("+U", "a"), ("+U", "b"), ("-D", "b")]

    run(scenario)


def test_first_row_keeps_the_first(run, name):
    async def scenario(connection, admin):
        keys = await Keys.create(connection, admin, name, FIELDS, ["id"], buckets=1, properties={"table.merge-engine": "first_row"})
        await keys.write(row(1, "a"))
        await keys.write(row(1, "b"), ("delete", row(1)), row(2, "c"))
        assert (await keys.lookup(id=1))["name"] == "a"
        assert [(kind, r["name"]) for _, kind, r in await keys.changelog(2)] == [("+I", "a"), ("+I", "c")]

    run(scenario)


def test_versioned_keeps_the_highest(run, name):
    async def scenario(connection, admin):
        options = {"table.merge-engine": "versioned", "table.merge-engine.versioned.ver-column": "n"}
        keys = await Keys.create(connection, admin, name, FIELDS, ["id"], buckets=1, properties=options)
        for text, version in (("a", 5), ("older", 4), ("same", 5), ("newer", 6)):
            await keys.write(row(1, text, version))
        assert (await keys.lookup(id=1))["name"] == "newer"
        assert [(kind, r["name"]) for _, kind, r in await keys.changelog(5)] == [
            ("+I", "a"), ("-U", "a"), ("+U", "same"), ("-U", "same"), ("+U", "newer")]

    run(scenario)


def test_partial_updates_of_several_writers_do_not_lose_columns(server, run, name):
    """Story 5: three writers, each with columns of its own and a connection of its own (they clash on one)."""
    fields = [("user_id", pa.int64()), ("name", pa.string()), ("city", pa.string()), ("clicks", pa.int64()), ("last_click", pa.string()), ("spend", pa.int64())]
    users, rounds = 50, 10

    async def scenario(connection, admin):
        keys = await Keys.create(connection, admin, name, fields, ["user_id"], buckets=3)

        async def writer(columns, values):
            async with await fluss.FlussConnection.create(fluss.Config({"bootstrap.servers": server.address})) as own:
                table = await own.get_table(keys.path)
                upsert = table.new_upsert().partial_update_by_name(["user_id", *columns]).create_writer()
                for k in range(1, rounds + 1):
                    for user in range(users):
                        upsert.upsert({"user_id": user, **values(user, k)})
                    await upsert.flush()

        await asyncio.gather(
            writer(["name", "city"], lambda u, k: {"name": f"u{u}", "city": f"c{k}"}),
            writer(["clicks", "last_click"], lambda u, k: {"clicks": k, "last_click": f"t{k}"}),
            writer(["spend"], lambda u, k: {"spend": u + k}))
        for user in (0, 17, users - 1):
            assert await keys.lookup(user_id=user) == {"user_id": user, "name": f"u{user}", "city": "c10", "clicks": 10, "last_click": "t10", "spend": user + 10}
        log = await keys.changelog(users + 2 * users * (3 * rounds - 1))
        before = {}
        for _, kind, r in log:
            key = r["user_id"]
            if kind in ("-U", "+I"):
                assert before.get(key) == (r if kind == "-U" else None)
            if kind in ("+U", "+I"):
                before[key] = r
        await keys.write(("delete", {"user_id": 1}), columns=["user_id", "name", "city"])
        assert await keys.lookup(user_id=1) == {"user_id": 1, "name": None, "city": None, "clicks": 10, "last_click": "t10", "spend": 11}
        await keys.write(("delete", {"user_id": 1}), columns=["user_id", "clicks", "last_click", "spend"])
        assert await keys.lookup(user_id=1) is None

    run(scenario)


@pytest.mark.parametrize("lake", ["paimon", None])  # decides how keys are encoded
@pytest.mark.parametrize("key", [["a"], ["a", "b"], ["b", "c"]])
def test_random_changes_equal_a_model(run, run_without_lake, name, lake, key):
    fields = [("a", pa.int32()), ("b", pa.string()), ("c", pa.int64()), ("v", pa.string()), ("w", pa.float64())]
    generator = random.Random(f"{lake} {key}")

    def some_row():
        return {"a": generator.randrange(6), "b": generator.choice(["", "x", "y" * 20]), "c": generator.choice([-5, 0, 1 << 40]),
                "v": generator.choice([None, "v", "w" * 50]), "w": generator.choice([None, 0.5])}

    async def scenario(connection, admin):
        keys = await Keys.create(connection, admin, name, fields, key)
        model, log = {}, []
        for _ in range(20):
            changes = []
            for _ in range(generator.randrange(1, 30)):
                r = some_row()
                k = tuple(r[column] for column in key)
                old = model.get(k)
                if generator.random() < 0.3:
                    changes.append(("delete", r))
                    if old is not None:
                        log.append(("-D", old))
                        del model[k]
                else:
                    changes.append(r)
                    log += [("+I", r)] if old is None else [("-U", old), ("+U", r)]
                    model[k] = r
            await keys.write(*changes)
        lookuper = keys.table.new_lookup().create_lookuper()
        for a in range(6):  # the client holds each lookup back for 0.1 s, so several go together
            rows = [{"a": a, "b": b, "c": c} for b in ("", "x", "y" * 20) for c in (-5, 0, 1 << 40)]
            found = await asyncio.gather(*(lookuper.lookup({column: r[column] for column in key}) for r in rows))
            assert found == [model.get(tuple(r[column] for column in key)) for r in rows]
        seen = [(kind, r) for _, kind, r in await keys.changelog(len(log))]
        by_key = lambda records: sorted(((tuple(r[c] for c in key), i) for i, (_, r) in enumerate(records)))  # noqa: E731
        ordered = lambda records: [records[i] for _, i in by_key(records)]  # noqa: E731
        assert ordered(seen) == ordered(log)

    (run if lake else run_without_lake)(scenario)


def test_prefix_lookup(run, name):
    fields = [("a", pa.int32()), ("b", pa.string()), ("c", pa.int64()), ("v", pa.string())]

    async def scenario(connection, admin):
        keys = await Keys.create(connection, admin, name, fields, ["a", "b", "c"], buckets=3, bucket_keys=["a", "b"])
        rows = [{"a": a, "b": b, "c": c, "v": f"{a}{b}{c}"} for a in range(4) for b in ("x", "xy", "") for c in range(5)]
        await keys.write(*rows)
        await keys.write(("delete", rows[0]))
        lookuper = keys.table.new_lookup().lookup_by(["a", "b"]).create_lookuper()
        for a in range(4):
            for b in ("x", "xy", "", "none"):
                found = await lookuper.lookup({"a": a, "b": b})
                expected = [r for r in rows[1:] if (r["a"], r["b"]) == (a, b)]
                assert sorted(found, key=lambda r: r["c"]) == expected

    run(scenario)


def test_partitioned_key_table(run, name):
    fields = [("region", pa.string()), ("id", pa.int64()), ("v", pa.string())]

    async def scenario(connection, admin):
        keys = await Keys.create(connection, admin, name, fields, ["region", "id"], partition_keys=["region"])
        for region in ("EU", "US"):
            await admin.create_partition(keys.path, {"region": region})
        await keys.write(*({"region": region, "id": i, "v": f"{region}{i}"} for region in ("EU", "US") for i in range(10)))
        assert (await keys.lookup(region="EU", id=3))["v"] == "EU3"
        assert (await keys.lookup(region="US", id=3))["v"] == "US3"
        assert await keys.lookup(region="EU", id=30) is None
        await admin.drop_partition(keys.path, {"region": "EU"})
        assert (await keys.lookup(region="US", id=4))["v"] == "US4"

    run(scenario)


def test_limit_scan_of_keys(run, name):
    async def scenario(connection, admin):
        keys = await Keys.create(connection, admin, name, FIELDS, ["id"], buckets=1)
        await keys.write(*(row(i, f"n{i}", i) for i in range(50)))
        info = await admin.get_table_info(keys.path)
        scanner = keys.table.new_scan().limit(10).create_bucket_batch_scanner(fluss.TableBucket(info.table_id, 0))
        found = (await scanner.to_arrow()).to_pylist()
        assert len(found) == 10 and all(r == row(r["id"], f"n{r['id']}", r["id"]) for r in found)

    run(scenario)


@pytest.mark.parametrize("behavior, code", [("IGNORE", None), ("DISABLE", 57)])
def test_delete_behavior(run, name, behavior, code):
    async def scenario(connection, admin):
        keys = await Keys.create(connection, admin, name, FIELDS, ["id"], buckets=1, properties={"table.delete.behavior": behavior})
        await keys.write(row(1, "a"))
        if code is None:
            await keys.write(("delete", row(1)))
        else:
            with pytest.raises(fluss.FlussError) as error:
                writer = keys.table.new_upsert().create_writer()
                await writer.delete({"id": 1}).wait()
            assert error.value.error_code == code
        assert (await keys.lookup(id=1))["name"] == "a"

    run(scenario)
