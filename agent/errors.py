"""What can go wrong on the device; every message is a sentence for a technician."""

from __future__ import annotations

from collections.abc import Sequence


class AgentError(Exception):
    """The agent cannot do what it was asked to."""


class ConfigError(AgentError, ValueError):
    """The configuration is wrong; the message names key, value and bound.

    `others` are the faults beside it, a line each: a line's state has room for one.
    """

    def __init__(self, message: str = "", others: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.others = tuple(others)


class CameraError(AgentError):
    """The camera cannot be opened or gave up."""


class EngineError(AgentError):
    """The model cannot be loaded or failed on a picture."""


class GateError(AgentError):
    """The gate cannot be opened or does not obey."""


class WireError(GateError, ValueError):
    """Bytes from the serial line are no valid frame of the protocol."""


class LineError(AgentError):
    """What was asked of the line is not done."""


class LedgerError(AgentError):
    """The ledger cannot be read or written."""


class BrokerError(AgentError):
    """The MQTT broker refused us or cannot be used as configured."""


class ModelError(AgentError):
    """The model may not judge parts on this device."""


class DrillError(AgentError):
    """The gate cannot be tested, or its drill is not signed off."""


class DemoError(AgentError):
    """The demonstration cannot run."""
