"""What the service stands on: the ledger with its folder, and the broker if there is one."""

from __future__ import annotations

import pytest

from agent.broker.publisher import MqttPublisher
from agent.clock import ManualClock
from agent.config.document import parse_config
from agent.errors import LedgerError
from agent.openings import open_ledger_folder, open_publisher
from agent.plant.reporter import Reporter
from agent.tally import Tally

CLOCK = ManualClock()
CONFIG = """
[station]
device = "board-7"
[camera]
driver = "sim"
[model]
bundle = "m.lwb"
[gate]
driver = "sim"
[ledger]
folder = "ledger"
"""


def test_the_ledgers_folder_is_made_where_there_is_none(tmp_path):
    """A fresh card has none yet."""
    ledger = open_ledger_folder(tmp_path / "var" / "ledger", CLOCK)
    assert ledger.balance().triggers == 0
    ledger.close()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    """A file in its way is named; nothing is taken away."""
    (tmp_path / "var").write_text("in the way")
    with pytest.raises(LedgerError, match=r"cannot make the ledger's folder .*: Not a directory"):
        open_ledger_folder(tmp_path / "var" / "ledger", CLOCK)
    assert (tmp_path / "var").read_text() == "in the way"


@pytest.mark.parametrize("host", ["", "127.0.0.1"])
def test_only_a_broker_that_is_configured_is_spoken_to(tmp_path, mosquitto, wait_until, host):
    """It knows the station by its device; without a host nobody is called."""
    broker = f'[mqtt]\nhost = "{host}"\nport = {mosquitto.port}\n' if host else ""
    config = parse_config(CONFIG + broker, folder=tmp_path)
    ledger = open_ledger_folder(tmp_path / "ledger", CLOCK)
    publisher = open_publisher(config, Reporter(config, ledger, Tally(), CLOCK))
    try:
        assert isinstance(publisher, MqttPublisher) is bool(host)
        if publisher is not None:
            publisher.start()
            log = mosquitto.folder / "mosquitto.log"

            def heard():
                publisher.publish("linewarden/hello", b"{}", token=None)  # it connects by itself
                return "linewarden-board-7" in log.read_text("utf-8", "replace")

            wait_until(heard)
    finally:
        if publisher is not None:
            publisher.stop()
        ledger.close()
