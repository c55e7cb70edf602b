"""Users, rights and listeners: what unmodified clients may do and are told, through each kind of request."""
import asyncio
import subprocess

import fluss
import pytest

from harness import STROM, Raw, Server, field, fields, java, sql, until

USERS = 'org.apache.fluss.security.auth.sasl.plain.PlainLoginModule required user_root="root-pw" user_dev="dev-pw" user_guest="guest-pw";'


def secured(folder, **settings):
    return Server(folder, **{"bind.listeners": "CLIENT://127.0.0.1:0", "security.protocol.map": "CLIENT:SASL", "security.sasl.plain.jaas.config": USERS,
                             "authorizer.enabled": "true", "super.users": "User:root", "datalake.enabled": "true", "datalake.format": "paimon",
                             "datalake.paimon.warehouse": str(folder / "lake"), **settings})


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = secured(tmp_path_factory.mktemp("secured"), **{"server.shards": "2"})
    yield running
    assert running.stop() == 0


def strom(server, user, *words, stdin=None, code=0):
    environment = {"STROM_PASSWORD": f"{user}-pw", "PATH": "/usr/bin:/bin"}
    done = subprocess.run([STROM, *words, "--bootstrap", server.address, "--user", user], input=stdin, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


def query(server, user, *statements, code=0):
    return strom(server, user, "sql", "-o", "csv", *(word for one in statements for word in ("-c", one)), code=code)


def test_who_does_not_prove_who_he_is_stays_outside(server):
    with pytest.raises(Exception, match="SASL"):
        sql(server, "SHOW DATABASES")
    for user, password in (("root", "dev-pw"), ("nobody", "x"), ("root", "")):
        done = subprocess.run([STROM, "sql", "--bootstrap", server.address, "--user", user, "-c", "SELECT 1"], capture_output=True, text=True,
                              env={"STROM_PASSWORD": password, "PATH": "/usr/bin"})
        assert done.returncode == 5 and "AUTHENTICATE" in done.stderr, done.stderr


def connect(server, user):
    return fluss.FlussConnection.create(fluss.Config({
        "bootstrap.servers": server.address, "security.protocol": "sasl", "security.sasl.mechanism": "PLAIN",
        "security.sasl.username": user, "security.sasl.password": f"{user}-pw"}))


def test_pyfluss_with_a_password_reads_what_it_may(server, name):
    query(server, "root", f"CREATE TABLE {name} (id INT, v STRING)", f"INSERT INTO {name} VALUES (1, 'a'), (2, 'b')")
    strom(server, "root", "acl", "grant", "User:dev", "READ", f"fluss.{name}")

    async def read(user):
        async with await connect(server, user) as connection:
            table = await connection.get_table(fluss.TablePath("fluss", name))
            scanner = await table.new_scan().create_log_scanner()
            scanner.subscribe(bucket_id=0, start_offset=0)
            rows = []
            for _ in range(20):
                rows += [record.row["v"] for record in await scanner.poll(500)]
                if len(rows) >= 2:
                    break
            return rows

    assert asyncio.run(read("dev")) == ["a", "b"]
    with pytest.raises(Exception, match="not found"):
        asyncio.run(read("guest"))
    with pytest.raises(Exception, match="(?i)username or password"):
        asyncio.run(read("stranger"))


def test_the_java_client_gives_and_takes_rights(server, name):
    query(server, "root", f"CREATE TABLE {name} (id INT, v STRING, PRIMARY KEY (id) NOT ENFORCED)", f"INSERT INTO {name} VALUES (1, 'a')")
    assert java("Rights", server.address, name).splitlines() == [
        "guest sees: []",
        "guest info: AuthorizationException",
        "guest upsert: AuthorizationException",
        "guest lookup: AuthorizationException",
        "guest acls: []",
        "guest grants: AuthorizationException",
        f"root acls: [TABLE fluss.{name} User:guest * READ, TABLE fluss.{name} User:guest * WRITE]",
        f"guest sees: [{name}]",
        "guest upsert: done",
        "guest lookup: b",
        "guest drop: AuthorizationException",
        f"dropped: [TABLE fluss.{name} User:guest * WRITE]",
        "guest upsert: AuthorizationException",
        "guest lookup: b",
        "plain: IllegalStateException",  # the client hides the cause, which it logs
    ]


RIGHTS = (  # what a statement or verb needs, and it
    ("DESCRIBE", "{t}", "DESCRIBE {t}"),
    ("READ", "{t}", "SELECT * FROM {t}"),
    ("READ", "{t}", "SELECT * FROM {t} WHERE id = 1"),
    ("WRITE", "{t}", "INSERT INTO {t} VALUES (7, 'x')"),
    ("ALTER", "{t}", "ALTER TABLE {t} SET ('a' = 'b')"),
    ("WRITE", "{p}", "ALTER TABLE {p} ADD PARTITION (dt = '2025')"),
    ("CREATE", "{d}", "CREATE TABLE {d}.fresh (id INT)"),
    ("DROP", "{t}", "DROP TABLE {t}"),
    ("CREATE", "cluster", "CREATE DATABASE {d}_two"),
    ("DROP", "{d}_two", "DROP DATABASE {d}_two"),
)


def test_each_right_is_needed_and_enough(server, name):
    names = {"d": name, "t": f"{name}.t", "p": f"{name}.p"}
    query(server, "root", f"CREATE DATABASE {name}", f"CREATE TABLE {name}.t (id INT, v STRING, PRIMARY KEY (id) NOT ENFORCED)",
          f"CREATE TABLE {name}.p (id INT, dt STRING) PARTITIONED BY (dt)")
    for right, place, statement in RIGHTS:
        statement, place = statement.format(**names), place.format(**names)
        code = 5
        # To look at a table comes before all else that a session does with it.
        if right not in ("DESCRIBE", "CREATE") and "." in place:
            strom(server, "root", "acl", "grant", "User:guest", "DESCRIBE", place)
        told = query(server, "guest", statement, code=code)
        assert f"may not {right}" in told, (right, told)
        strom(server, "root", "acl", "grant", "User:guest", right, place)
        query(server, "guest", statement)
        strom(server, "root", "acl", "revoke", "User:guest", place)


def test_lists_show_what_may_be_seen(server, name):
    query(server, "root", f"CREATE DATABASE {name}", f"CREATE TABLE {name}.open (id INT)", f"CREATE TABLE {name}.closed (id INT)")
    strom(server, "root", "acl", "grant", "User:guest", "READ", f"{name}.open")
    assert query(server, "guest", f"SHOW TABLES FROM {name}").splitlines()[1:] == ["open"]
    assert name not in query(server, "guest", "SHOW DATABASES")
    strom(server, "root", "acl", "grant", "User:guest", "DESCRIBE", name)
    assert query(server, "guest", f"SHOW TABLES FROM {name}").splitlines()[1:] == ["closed", "open"]
    assert name in query(server, "guest", "SHOW DATABASES")
    query(server, "root", f"CREATE TABLE {name}.lake (id INT) WITH ('table.datalake.enabled' = 'true')")
    assert f"{name}.lake" in strom(server, "guest", "lake", "jobs", "-o", "csv")
    assert f"{name}.lake" not in strom(server, "dev", "lake", "jobs", "-o", "csv")


def test_roles_hosts_and_the_clusters_settings(server, name):
    assert "editor" in strom(server, "guest", "acl", "roles")
    query(server, "root", f"CREATE DATABASE {name}")
    strom(server, "root", "acl", "grant", "User:dev", "--role", "editor", name)
    query(server, "dev", f"CREATE TABLE {name}.t (id INT)", f"INSERT INTO {name}.t VALUES (1)", f"SELECT * FROM {name}.t", f"ALTER TABLE {name}.t SET ('a' = 'b')")
    assert "may not ALL" in strom(server, "dev", "acl", "grant", "User:guest", "READ", f"{name}.t", code=5), "rights are given by owners"
    strom(server, "root", "acl", "grant", "User:guest", "READ", f"{name}.t", "--host", "10.1.2.3")
    assert "may not" in query(server, "guest", f"SELECT * FROM {name}.t", code=5)
    strom(server, "root", "acl", "grant", "User:guest", "READ", f"{name}.t", "--host", "127.0.0.1")
    assert query(server, "guest", f"SELECT * FROM {name}.t").split() == ["id", "1"]
    assert "may not ALTER the cluster" in strom(server, "dev", "lake", "disable", code=5)
    assert "may not ALTER the cluster" in strom(server, "dev", "user", "add", "x", stdin="x-pw\n", code=5)
    assert "no right of its own" in strom(server, "root", "acl", "revoke", "User:nobody", code=3)
    for words in (("grant", "User:x", "FLY"), ("grant", "User:x", "--role", "king"), ("grant", "User:x"), ("list", "a", "b"), ("grant", "User:", "READ")):
        assert "INVALID_ARGUMENT" in strom(server, "root", "acl", *words, code=2)


def test_users_come_and_go_at_runtime_and_stay_over_restarts(tmp_path):
    server = secured(tmp_path)
    strom(server, "root", "user", "add", "late", stdin="late-pw\n")
    strom(server, "root", "acl", "grant", "User:late", "--role", "viewer")
    query(server, "root", "CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1)")
    assert query(server, "late", "SELECT * FROM t").split() == ["id", "1"]
    server.kill()
    server = server.restarted()
    assert query(server, "late", "SELECT * FROM t").split() == ["id", "1"], "users and rights are durable"
    strom(server, "root", "user", "passwd", "late", stdin="other\n")
    query(server, "late", "SELECT 1", code=5)
    strom(server, "root", "user", "remove", "late")
    assert "no user 'late'" in strom(server, "root", "user", "remove", "late", code=1)
    assert "password" in strom(server, "root", "user", "add", "x", stdin="a,b\n", code=1)
    assert "late-pw" not in query(server, "root", "SELECT 1") and "dev-pw" not in "\n".join(server.lines)
    assert server.stop() == 0


def test_tiering_goes_on_behind_closed_doors(server, tmp_path, name):
    query(server, "root", f"CREATE TABLE {name} (id INT) WITH ('table.datalake.enabled' = 'true', 'table.datalake.freshness' = '1s')", f"INSERT INTO {name} VALUES (1)")
    until(lambda: query(server, "root", f"SELECT count(*) AS n FROM {name}$lake").split() == ["n", "1"], what="the row in the lake")


AUTHENTICATE, LIST_DATABASES, FETCH = 1038, 1002, 1015
DENIED, NOT_PROVEN = 48, 46


def proven(server, user):
    raw = Raw(server.port)
    assert raw.call(AUTHENTICATE, field(1, "PLAIN") + field(2, b"\0" + user.encode() + b"\0" + user.encode() + b"-pw")) == {1: [b""]}
    return raw


def test_nobody_calls_himself_this_server_or_a_follower_of_it(server, name):
    query(server, "root", f"CREATE TABLE {name} (id INT)", f"INSERT INTO {name} VALUES (1)")
    strom(server, "root", "acl", "grant", "User:guest", "READ", f"fluss.{name}")
    for token in (b"", b"\0__strom\0", b"\0__strom\0x", b"__strom\0__strom\0" + b"0" * 64, b"\0guest\0\xff", b"root\0guest\0guest-pw", b"\0\0\0\0"):
        raw = Raw(server.port)
        assert raw.call(AUTHENTICATE, field(1, "PLAIN") + field(2, token))[0] == NOT_PROVEN
        with pytest.raises(ConnectionError):
            raw.call(LIST_DATABASES, b"")
        raw.close()
    raw = Raw(server.port)
    assert raw.call(LIST_DATABASES, b"")[0] == NOT_PROVEN
    with pytest.raises(ConnectionError):
        raw.call(LIST_DATABASES, b"")
    raw = proven(server, "guest")
    table = raw.table_id("fluss", name)

    def code_of_a_fetch_by(follower):
        bucket = field(2, 0) + field(3, 0) + field(4, 1 << 20)
        answer = raw.call(FETCH, field(1, follower) + field(2, 1 << 20) + field(3, field(1, table) + field(2, 0) + field(4, bucket)))
        return fields(fields(answer[1][0])[2][0]).get(3, [0])[0]

    assert code_of_a_fetch_by((1 << 64) - 1) == 0
    assert code_of_a_fetch_by(5) == DENIED
    raw.close()


LIST_PARTITIONS, LIST_SNAPSHOTS, SNAPSHOT_METADATA, REMOTE_MANIFESTS = 1009, 1064, 1024, 1063
NO_PARTITION, NO_SNAPSHOT = 36, 41


def test_a_partition_is_reached_through_its_own_table_only(tmp_path):
    """Snapshots and remote logs lie by partition: a right on one table must not open a partition of another."""
    server = secured(tmp_path, **{"kv.snapshot.interval": "100ms"})
    for table in ("mine", "theirs"):
        query(server, "root", f"CREATE TABLE {table} (id INT, dt STRING, PRIMARY KEY (id, dt) NOT ENFORCED) PARTITIONED BY (dt)", f"ALTER TABLE {table} ADD PARTITION (dt = 'a')",
              f"INSERT INTO {table} VALUES (1, 'a')")
    root = proven(server, "root")

    def partition_of(table):
        return fields(root.call(LIST_PARTITIONS, field(1, field(1, "fluss") + field(2, table)))[1][0])[1][0]

    table, partitions = root.table_id("fluss", "mine"), [partition_of(name) for name in ("mine", "theirs")]
    theirs = root.table_id("fluss", "theirs")
    until(lambda: len(root.call(LIST_SNAPSHOTS, field(1, theirs) + field(2, partitions[1])).get(3, [])) > 0, what="their snapshot")
    strom(server, "root", "acl", "grant", "User:guest", "DESCRIBE", "fluss.mine")
    guest = proven(server, "guest")
    assert guest.call(LIST_SNAPSHOTS, field(1, table) + field(2, partitions[0])).get(1) == [table]
    assert guest.call(LIST_SNAPSHOTS, field(1, table) + field(2, partitions[1]))[0] == NO_PARTITION
    assert guest.call(REMOTE_MANIFESTS, field(1, table) + field(2, partitions[1]))[0] == NO_PARTITION
    snapshot = fields(root.call(LIST_SNAPSHOTS, field(1, theirs) + field(2, partitions[1]))[3][0])[2][0]
    asked = field(2, partitions[1]) + field(3, 0) + field(4, snapshot)
    assert not isinstance(root.call(SNAPSHOT_METADATA, field(1, theirs) + asked), tuple)
    assert guest.call(SNAPSHOT_METADATA, field(1, table) + asked)[0] == NO_SNAPSHOT
    assert server.stop() == 0


def test_an_internal_listener_asks_for_nothing(tmp_path):
    server = Server(tmp_path, **{"bind.listeners": "INSIDE://127.0.0.1:0,CLIENT://127.0.0.1:0", "security.protocol.map": "CLIENT:SASL",
                                 "internal.listener.name": "INSIDE", "security.sasl.listener.name.CLIENT.plain.jaas.config": USERS, "authorizer.enabled": "true"})
    assert sql(server, "CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1)", "SELECT * FROM t")[-1] == [{"id": 1}], "without rights of anybody"
    assert server.stop() == 0


@pytest.mark.parametrize("setting, part", [
    ({"security.protocol.map": "OTHER:SASL"}, "security.protocol.map"), ({"security.protocol.map": "FLUSS:TLS"}, "security.protocol.map"),
    ({"super.users": "User:"}, "super.users"), ({"security.sasl.enabled.mechanisms": "GSSAPI"}, "PLAIN"),
    ({"security.sasl.plain.jaas.config": "nothing"}, "JAAS"), ({"security.sasl.plain.credentials": "a:b:c"}, "password of 'a'"),
    ({"internal.listener.name": "X"}, "no listener"), ({"authorizer.type": "ranger"}, "authorizer.type"),
    ({"security.sasl.listener.name.X.plain.jaas.config": USERS}, "bound listener")])
def test_settings_that_contradict_themselves_are_refused(tmp_path, setting, part):
    words = [word for key, value in {"bind.listeners": "FLUSS://127.0.0.1:0", "data.dir": str(tmp_path), **setting}.items() for word in ("-X", f"{key}={value}")]
    done = subprocess.run([STROM, "server", *words], capture_output=True, text=True, timeout=30)
    assert done.returncode != 0 and part in done.stderr, done.stderr
    assert "root-pw" not in done.stderr
