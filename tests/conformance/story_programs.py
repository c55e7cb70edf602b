"""The programs of the stories, each a process of its own with the unmodified Python client; what they do again after a fault changes nothing.

Usage: story_programs.py wide HOST:PORT a|b|c ROUNDS USERS | agent HOST:PORT BUCKET,BUCKET OFFSETS_FILE
"""
import asyncio
import decimal
import json
import os
import pathlib
import sys
import time

import fluss


def connect(address):
    return fluss.FlussConnection.create(fluss.Config({"bootstrap.servers": address}))


WIDE = {
    "a": (["name", "city"], lambda user, k: {"name": f"u{user}", "city": f"c{k}"}),
    "b": (["clicks", "last_click"], lambda user, k: {"clicks": k, "last_click": f"t{k}"}),
    "c": (["spend"], lambda user, k: {"spend": decimal.Decimal(user + k)}),
}


async def wide(address, which, rounds, users):
    """Writes its columns of all users, round after round; tells each round that is acknowledged."""
    columns, values = WIDE[which]
    async with await connect(address) as connection:
        table = await connection.get_table(fluss.TablePath("fluss", "user_wide"))
        writer = table.new_upsert().partial_update_by_name(["user_id", *columns]).create_writer()
        for k in range(1, int(rounds) + 1):
            for user in range(1, int(users) + 1):
                writer.upsert({"user_id": user, **values(user, k)})
            await writer.flush()
            print(k, flush=True)


NEGATIVE_WORDS = {"late", "broken", "rude"}


async def agent(address, buckets, offsets_file):
    """Reads comments, looks customers up and writes coupons; goes on from the offsets of its last flush."""
    offsets_path = pathlib.Path(offsets_file)
    offsets = json.loads(offsets_path.read_text()) if offsets_path.exists() else {bucket: 0 for bucket in buckets.split(",")}
    async with await connect(address) as connection:
        comments, customers, coupons = [await connection.get_table(fluss.TablePath("fluss", name)) for name in ("comments", "customers", "coupons")]
        scanner = await comments.new_scan().create_log_scanner()
        scanner.subscribe_buckets({int(bucket): offset for bucket, offset in offsets.items()})
        who = [customers.new_lookup().create_lookuper() for _ in range(100)]  # each waits a tenth of a second for more to ask, and answers one at a time
        writer = coupons.new_upsert().partial_update_by_name(["comment_id", "user_id", "code", "issued"]).create_writer()
        print("ready", flush=True)
        while True:
            polled = await scanner.poll(200)
            negative = []
            for bucket in polled.buckets():
                for record in polled.records(bucket):
                    offsets[str(bucket.bucket_id)] = record.offset + 1
                    if NEGATIVE_WORDS & set(record.row["txt"].split()):
                        negative.append(record.row)
            found = await asyncio.gather(*(who[i % len(who)].lookup({"user_id": comment["user_id"]}) for i, comment in enumerate(negative)))
            for comment, customer in zip(negative, found):
                if customer and not customer["opted_out"]:
                    writer.upsert({"comment_id": comment["comment_id"], "user_id": comment["user_id"],
                                   "code": f"SORRY-{customer['tier']}-{comment['comment_id']}", "issued": int(time.time() * 1000)})
            await writer.flush()
            part = offsets_path.with_suffix(".part")
            part.write_text(json.dumps(offsets))
            part.replace(offsets_path)


if __name__ == "__main__":
    program, *words = sys.argv[1:]
    asyncio.run({"wide": wide, "agent": agent}[program](*words))
    os._exit(0)  # the client's own threads sometimes abort a process that takes itself down in order
