"""Requests of operators and tools: of the Java client where it has them, else by their bytes (those of the next release)."""
from harness import Raw, Server, field, fields, java, sql, until

GET_DATABASE, ALTER_DATABASE, HEALTH, REMOTE_MANIFESTS, LIST_SNAPSHOTS, REGISTER = 1035, 1060, 1062, 1063, 1064, 1053


def test_tags_rebalances_and_producer_offsets(tmp_path):
    server = Server(tmp_path)
    sql(server, "CREATE DATABASE ops", "CREATE TABLE ops.t (id INT) WITH ('bucket.num' = '2')")
    assert java("Operators", server.address, "ops").splitlines() == [
        "register: CREATED", "again: ALREADY_EXISTS", "offsets: {0=5, 1=7}", "unknown bucket: UnknownTableOrBucketException", "bad id: InvalidProducerIdException",
        "delete: null", "deleted: null", "delete again: null",
        "no progress: Optional.empty", "no such progress: NoRebalanceInProgressException", "progress: COMPLETED", "cancel: null",
        "cancel another: NoRebalanceInProgressException",
        "tag nobody: ServerNotExistException", "tag: null", "tag again: null", "another tag: ServerTagAlreadyExistException",
        "create: InvalidReplicationFactorException", "rebalance: RebalanceFailureException", "untag other: ServerTagNotExistException", "untag: null",
        "untag again: null", "create: null", "summary: 2", "acls: SecurityDisabledException",
    ]
    assert server.stop() == 0


def test_producer_offsets_outlive_a_crash_and_end_in_time(tmp_path):
    server = Server(tmp_path)
    sql(server, "CREATE TABLE t (id INT)")
    raw = Raw(server.port)
    table = raw.table_id("fluss", "t")

    def register(producer, ttl):
        offset = field(2, 0) + field(3, 42)
        return raw.call(REGISTER, field(1, producer) + field(2, field(1, table) + field(2, offset)) + field(3, ttl))

    assert register("long", 3_600_000) == {1: [0]} and register("short", 0) == {1: [0]}
    server.kill()
    server = server.restarted()
    raw = Raw(server.port)
    assert register("long", 3_600_000) == {1: [1]}, "kept over the crash"
    assert register("short", 1) == {1: [0]}, "expired, so it is new again"
    raw.close()
    assert server.stop() == 0


def test_databases_are_altered(tmp_path):
    server = Server(tmp_path)
    sql(server, "CREATE DATABASE shop")
    raw = Raw(server.port)

    def change(key, value, operation=0):
        return field(3, field(1, key) + (field(2, value) if value else b"") + field(3, operation))

    assert raw.call(ALTER_DATABASE, field(1, "shop") + field(2, 0) + change("owner", "me") + change("tier", "gold") + field(4, "of a test")) == {}
    assert raw.call(ALTER_DATABASE, field(1, "shop") + field(2, 0) + change("tier", None, 1)) == {}
    server.kill()
    server = server.restarted()
    raw = Raw(server.port)
    described = raw.call(GET_DATABASE, field(1, "shop"))[3][0].decode()
    assert '"owner":"me"' in described and "tier" not in described and '"comment":"of a test"' in described
    assert raw.call(ALTER_DATABASE, field(1, "none") + field(2, 0))[0] == 4
    assert raw.call(ALTER_DATABASE, field(1, "none") + field(2, 1)) == {}
    assert raw.call(ALTER_DATABASE, field(1, "shop") + field(2, 0) + change("owner", None))[0] == 16
    raw.close()
    assert server.stop() == 0


def test_health_snapshots_and_remote_logs_are_listed(tmp_path):
    server = Server(tmp_path, **{"kv.snapshot.interval": "100ms", "log.segment.file-size": "2kb", "remote.log.task-interval-duration": "100ms"})
    sql(server, "CREATE TABLE k (id INT, v STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket.num' = '2')", "CREATE TABLE l (id INT, v STRING)")
    raw = Raw(server.port)
    assert raw.call(HEALTH, b"") == {1: [3], 2: [3], 3: [3], 4: [3], 5: [0]}
    keys, log = raw.table_id("fluss", "k"), raw.table_id("fluss", "l")
    sql(server, "INSERT INTO k SELECT i, 'v' FROM range(100) AS r(i)", *(f"INSERT INTO l SELECT i, md5(i::TEXT) || md5((i + 1000)::TEXT) || md5((i + 2000)::TEXT) FROM range({n}, {n + 20}) AS r(i)" for n in range(3)))

    def snapshots():
        answer = raw.call(LIST_SNAPSHOTS, field(1, keys))
        return [fields(one) for one in answer.get(3, [])]

    until(lambda: {one[1][0] for one in snapshots()} == {0, 1}, what="a snapshot of each bucket")
    assert sum(one[3][0] for one in snapshots() if one[2] == [0]) == 100
    entry = until(lambda: [fields(one) for one in raw.call(REMOTE_MANIFESTS, field(1, log)).get(1, [])], what="a remote log")[0]
    assert fields(entry[1][0])[1] == [log] and entry[2][0].startswith(b"/") and entry[3][0] > 0
    for key in (REMOTE_MANIFESTS, LIST_SNAPSHOTS):
        assert raw.call(key, field(1, 999))[0] == 7
        assert raw.call(key, field(1, keys) + field(2, 999))[0] == 36
    raw.close()
    assert server.stop() == 0
