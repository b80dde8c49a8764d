"""systemd is told how the service is."""

import socket

import pytest

from agent.notify import Notifier


@pytest.fixture
def listener(tmp_path):
    """Return a datagram socket where systemd's would be, and its address."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(path)
        channel.settimeout(30)
        yield channel, path


def test_ready_alive_and_stopping_are_sent(listener):
    """Each word reaches the socket, with a line for the technician."""
    channel, path = listener
    notifier = Notifier(path)
    notifier.ready("rejecting")
    notifier.alive("7 parts")
    notifier.stopping()
    assert [channel.recv(200) for _ in range(3)] == [
        b"READY=1\nSTATUS=rejecting",
        b"WATCHDOG=1\nSTATUS=7 parts",
        b"STOPPING=1",
    ]


def test_without_systemd_nothing_happens():
    """No address, no word, no error."""
    Notifier(None).ready("x")


def test_a_vanished_socket_does_not_stop_the_line(tmp_path, caplog):
    """A word that cannot be said is logged and the line runs on."""
    Notifier(str(tmp_path / "gone")).alive("x")
    assert "systemd cannot be told" in caplog.text
