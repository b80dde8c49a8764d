"""The one line that systemd, and so a technician, is shown of the running agent."""

from __future__ import annotations

from agent.line.desk import mode_text
from agent.line.mode import Mode
from agent.tally import Snapshot


def status_line(mode: Mode, gate_lost: str, model: str, snapshot: Snapshot) -> str:
    """Return how the line is doing; `gate_lost` says why there is no gate, `model` is its title."""
    counts = ", ".join(f"{kind.value} {n}" for kind, n in snapshot.verdicts.items())
    line = mode_text(mode) or model or "no model: rejecting"
    gate = f"no gate: {gate_lost}; " if gate_lost else ""
    return f"{gate}{line}; {snapshot.triggers} parts: {counts}"
