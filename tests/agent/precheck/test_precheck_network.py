"""What broker and metrics cannot be is said before the line starts; nobody is connected to."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from agent.config.document import Mqtt
from agent.config.metrics import Metrics
from agent.precheck.network import broker_faults, broker_notes, metrics_faults, metrics_notes


def test_without_broker_and_metrics_there_is_nothing_to_say():
    """Both are off by default."""
    assert broker_faults(Mqtt()) == broker_notes(Mqtt()) == []
    assert metrics_faults(Metrics(), running=False) == metrics_notes(Metrics()) == []


def test_a_file_that_holds_no_certificate_is_refused_with_its_key(tmp_path):
    """It can be read, and still TLS could never begin."""
    (tmp_path / "ca.pem").write_text("no certificate\n")
    (fault,) = broker_faults(Mqtt(host="b", ca_file=str(tmp_path / "ca.pem")))
    assert fault.startswith(f"mqtt.ca_file {tmp_path}/ca.pem cannot be used")


def test_all_files_that_are_missing_are_named(tmp_path):
    """Not only the first."""
    names = ("password_file", "ca_file", "cert_file", "key_file")
    files = {name: str(tmp_path / name) for name in names}
    faults = broker_faults(Mqtt(host="b", username="u", **files))
    assert faults == [f"mqtt.{name}: {tmp_path}/{name} cannot be read" for name in names]


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"host": "b", "password_file": "p"}, "in the clear"),
        ({"host": "b", "port": 8883}, "8883 is that of TLS"),
        ({"host": "b", "ca_file": "c"}, "8883 may be meant"),
        ({"username": "u"}, "nobody logs in with mqtt.username"),
    ],
)
def test_what_is_likely_a_mistake_is_a_note(keys, says):
    """A trusted network may want it so."""
    (note,) = broker_notes(Mqtt(**keys))
    assert says in note


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_a_password_for_this_computer_itself_is_no_matter(host):
    """It goes over no network."""
    assert broker_notes(Mqtt(host=host, password_file="p")) == []


def test_a_metrics_port_that_is_taken_is_a_fault_unless_it_is_our_own(tmp_path):
    """A running agent holds it itself."""
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        metrics = Metrics(port=other.getsockname()[1])
        (fault,) = metrics_faults(metrics, running=False)
        assert "cannot be opened: Address already in use" in fault
        assert metrics_faults(metrics, running=True) == []
    assert metrics_faults(metrics, running=False) == []


def test_an_address_of_another_computer_is_a_fault():
    """One of the addresses that are for documents only."""
    (fault,) = metrics_faults(Metrics(port=9464, address="192.0.2.1"), running=False)
    assert fault.startswith("metrics.port 9464 on 192.0.2.1 cannot be opened")


def test_a_port_that_only_root_may_open_is_a_note():
    """`check-config` may run as root, the service never does."""
    (note,) = metrics_notes(Metrics(port=80))
    assert "below 1024" in note
