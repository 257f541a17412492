"""What looks on really sees: else the other tests here would prove less than they say."""

import os
import socket
import subprocess
import sys

import pytest
from fuzz import watch


@pytest.mark.parametrize(
    "does",
    [
        lambda path: path.write_text("a"),
        lambda path: path.open("r+b"),
        lambda path: os.open(path, os.O_WRONLY),
        lambda path: path.mkdir(),
        lambda path: path.unlink(),
        lambda _: socket.create_connection(("127.0.0.1", 1)),
        lambda _: socket.getaddrinfo("sis.example", 443),
        lambda _: subprocess.run([sys.executable, "--version"], check=False),
    ],
    ids=["write", "change", "open", "folder", "delete", "connect", "look up", "run"],
)
def test_what_no_reader_may_do_is_seen(tmp_path, does):
    with pytest.raises(watch.Forbidden), watch.reading("nobody"):
        does(tmp_path / "new")

    assert list(tmp_path.iterdir()) == []


def test_a_file_may_be_read_and_all_may_be_done_when_nobody_reads(tmp_path):
    (tmp_path / "new").write_text("a")

    with watch.reading("nobody"):
        assert (tmp_path / "new").read_text() == "a"
