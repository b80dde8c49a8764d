"""Who else has what a configuration names, which is no fault while the line runs."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from agent.config.document import Config
from agent.config.gate import ControllerGate, SimGate
from agent.errors import LineError
from agent.ledger.disk import lock_holder
from agent.line.files import agent_runs
from agent.port_owner import port_owner


def is_running(config: Config) -> bool:
    """Whether an agent has the ledger of this configuration."""
    with suppress(LineError):  # a folder that cannot be read is a fault, and said as one
        return agent_runs(Path(config.ledger.folder))
    return False


def find_notes(config: Config) -> list[str]:
    """Return who has the ledger and who has the gate's port, as far as we may see it.

    Of a controller nothing can be asked here: that would mean to open its port.
    """
    notes, holder = [], ""
    if isinstance(config.gate, ControllerGate) and config.gate.stops:
        notes.append(
            'gate.on_disagreement "stop": a controller without RUN_PIN in its settings.py cannot '
            "stop the belt, and the agent refuses it when it opens the port"
        )
    if is_running(config):
        folder = Path(config.ledger.folder)
        holder = lock_holder(folder)
        notes.append(
            f"an agent{holder} runs on the ledger in {folder}: what is written here is for its "
            "next start"
        )
    if not isinstance(config.gate, SimGate):
        owner = port_owner(config.gate.port)
        if owner and not (holder and owner.endswith(holder)):
            notes.append(
                f"gate.port: {config.gate.port} is taken{owner}: an agent that starts now would "
                "not get it"
            )
    return notes
