"""Opens what the service stands on: the ledger and the broker's connection."""

from __future__ import annotations

from pathlib import Path

from agent.broker.publisher import MqttPublisher
from agent.clock import Clock
from agent.config.document import Config
from agent.errors import LedgerError
from agent.ledger.store import Ledger, open_ledger
from agent.plant.reporter import Reporter
from agent.ports import Publisher


def open_publisher(config: Config, reporter: Reporter) -> Publisher | None:
    """Return the connection to the plant's broker; None when none is configured."""
    if not config.mqtt.host:
        return None
    return MqttPublisher(
        config.mqtt,
        reporter.topics.status,
        f"linewarden-{config.station.device}",
        online=reporter.online,
        offline=reporter.stopped,
        lost=reporter.lost,
    )


def open_ledger_folder(folder: Path, clock: Clock) -> Ledger:
    """Open the ledger, making its folder where there is none. Raises LedgerError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerError(f"cannot make the ledger's folder {folder}: {error.strerror}") from error
    return open_ledger(folder, clock)
