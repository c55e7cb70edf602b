"""The unmodified Java client 0.9.1: one program that checks databases and log tables, run as it is."""
from harness import java


def test_log_tables_through_the_java_client(server):
    assert java("LogTables", server.address).count("ok ") >= 25
