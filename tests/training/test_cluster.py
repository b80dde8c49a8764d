"""Machines find one another before TensorFlow waits for them, and a missing one is named."""

import json
import socket
import threading
import time

import pytest

from training.cluster import Cluster, await_workers, read_cluster
from training.errors import OptionError, RunError


def _config(workers=("a:1", "b:2"), index=0, kind="worker"):
    return json.dumps({"cluster": {"worker": workers}, "task": {"type": kind, "index": index}})


def _free_ports(count):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return tuple(("127.0.0.1", port) for port in ports)


def test_tf_config_gives_addresses_and_the_own_place(monkeypatch):
    """The first worker is the chief; the environment is where TensorFlow looks too."""
    monkeypatch.setenv("TF_CONFIG", _config(("10.0.0.1:12345", "node-2:80"), 1))
    cluster = read_cluster()
    assert cluster.addresses == (("10.0.0.1", 12345), ("node-2", 80))
    assert not cluster.is_chief
    assert read_cluster(_config()).is_chief


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "TF_CONFIG"),
        ("{", "TF_CONFIG is wrong"),
        (_config(index=2), "task.index is 2, and there are 2"),
        (_config(("a:1", "a:1")), "address twice"),
        (_config(("a:1", "b")), "'b' is no HOST:PORT"),
        (_config(("a:1", "b:99999")), "no HOST:PORT"),
        (_config(kind="ps"), "task"),
        (_config(()), "cluster"),
    ],
)
def test_a_wrong_tf_config_is_one_sentence(monkeypatch, text, message):
    """It names what is wrong; a missing one is shown how to write."""
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(OptionError, match=message) as caught:
        read_cluster(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("late", [0, 2])
def test_all_go_on_when_the_last_one_has_come(late, wait_until):
    """Whoever comes last, chief or worker, nobody goes on before; strangers do not count."""
    addresses = _free_ports(3)
    clusters = [Cluster(addresses, index) for index in range(3)]
    passed = []

    def wait(index):
        await_workers(clusters[index], lambda _: None, time.monotonic, 60.0)
        passed.append(index)

    threads = [threading.Thread(target=wait, args=(index,)) for index in range(3)]
    for index, thread in enumerate(threads):
        if index != late:
            thread.start()
    if late:
        wait_until(lambda: _knock(addresses[0]))
    assert passed == []
    threads[late].start()
    for thread in threads:
        thread.join(60)
    assert sorted(passed) == [0, 1, 2]


def _knock(address):
    """Call the chief as something that is no worker of ours; tell whether it listened."""
    with socket.socket() as stranger:
        if stranger.connect_ex(address) != 0:
            return False
        stranger.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return True


@pytest.mark.parametrize(("index", "message"), [(0, "worker 1 at 127.0.0.1"), (1, "the chief at")])
def test_who_does_not_come_is_named(index, message):
    """After the deadline it is an error that says whom to look for."""
    said = []
    with pytest.raises(RunError, match=message):
        await_workers(Cluster(_free_ports(2), index), said.append, time.monotonic, 0.0)
    assert message in said[0]


def test_a_port_in_use_is_said():
    """Another program at the chief's address is one line."""
    with socket.create_server(("", 0)) as other:
        port = other.getsockname()[1]
        cluster = Cluster((("127.0.0.1", port), ("127.0.0.1", 1)), 0)
        with pytest.raises(RunError, match=f"cannot listen on port {port}"):
            await_workers(cluster, lambda _: None, time.monotonic, 1.0)


def test_one_worker_waits_for_nobody():
    """A cluster of one is a whole one."""
    await_workers(Cluster((("127.0.0.1", 1),), 0), pytest.fail, time.monotonic)
