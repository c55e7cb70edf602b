"""`strom sql` on a terminal: what fingers do there."""
import os
import pty
import select
import time

import pytest
from harness import STROM, Server, sql


class Terminal:
    def __init__(self, server, home):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(STROM, [STROM, "sql", "--bootstrap", server.address, "-o", "csv"], {**os.environ, "HOME": str(home), "TERM": "xterm", "LC_ALL": "C.UTF-8"})
        self.text = ""
        self.until("fluss> ")

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def until(self, text, seconds=20):
        """What it shows up to this text."""
        end = time.monotonic() + seconds
        while text not in self.text:
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            assert ready, f"no {text!r} in {self.text!r}"
            self.text += os.read(self.fd, 65536).decode(errors="replace")
        at = self.text.index(text) + len(text)
        shown, self.text = self.text[:at], self.text[at:]
        return shown

    def leave(self):
        self.type("\\q\r")
        while True:  # until it closes its end
            try:
                if not os.read(self.fd, 65536):
                    break
            except OSError:
                break
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("shell"))
    sql(server, "CREATE TABLE customers (id BIGINT, name STRING)", "INSERT INTO customers VALUES (1, 'a')")
    yield server
    server.stop()


def test_names_and_words_are_completed(server, tmp_path):
    terminal = Terminal(server, tmp_path)
    terminal.type("sel\tcount(*) + 4000 AS n fro\tcust\twhe\tid > 0;\r")
    terminal.until("4001")
    terminal.type("SELECT 'offset ' || latest AS n FROM customers$of\t;\r")
    terminal.until("offset 1")
    sql(server, "CREATE TABLE new_here (id BIGINT)")
    terminal.type("\\d new_h\t\r")  # tables that were made meanwhile, too
    terminal.until("BIGINT")
    assert terminal.leave() == 0
    assert "customers" in (tmp_path / ".strom_history").read_text()


def test_watch_repeats_until_an_interrupt(server, tmp_path):
    terminal = Terminal(server, tmp_path)
    terminal.type("\\watch 1\r")
    terminal.until("no statement was run yet")
    terminal.type("SELECT count(*) + 4000 AS n FROM customers;\r")
    terminal.until("4001")
    terminal.type("\\watch 0.05\r")
    terminal.until("4001")
    terminal.until("4001")
    sql(server, "INSERT INTO customers VALUES (2, 'b')")
    terminal.until("4002")
    terminal.type("\x03")
    terminal.until("fluss> ")
    terminal.type("\\watch soon\r")
    terminal.until("wants seconds")
    sql(server, "DROP TABLE customers", "CREATE TABLE customers (id BIGINT, name STRING)", "INSERT INTO customers VALUES (1, 'a')")
    assert terminal.leave() == 0


def test_an_interrupt_drops_what_is_not_finished_and_no_more(server, tmp_path):
    terminal = Terminal(server, tmp_path)
    terminal.type("SELECT nothing\r")
    terminal.until("...> ")
    terminal.type("\x03")
    terminal.until("fluss> ")
    terminal.type("SELECT 40 + 2 AS n;\r")
    terminal.until("42")
    terminal.until("fluss> ")
    terminal.type("SELECT upper('zürich') || length('€𝄞') AS n;\r")
    terminal.until("ZÜRICH2")
    terminal.type("\\o nothing\r")
    terminal.until("nothing")
    terminal.type("\\?\r")
    terminal.until("\\watch [S]")
    assert terminal.leave() == 0
