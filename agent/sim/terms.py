"""What the simulated controller can be told of its line, and what it must refuse; pure."""

from __future__ import annotations

from agent.gates.codes import BeltMode, ConfigStatus
from agent.gates.messages import Config
from agent.sim.tracker import LIMIT

# One channel counts, two tell the direction as well.
_CHANNELS = {BeltMode.WATCHED: 1, BeltMode.TICKS: 2}


def judge(config: Config, channels: int, *, can_stop: bool) -> ConfigStatus:
    """Return ACCEPTED, or why a controller with this encoder and output does not take it."""
    if not config.possible or config.max_in_flight > LIMIT:
        return ConfigStatus.IMPOSSIBLE
    if config.belt is not None and channels < _CHANNELS[config.belt.mode]:
        return ConfigStatus.NO_ENCODER
    if config.stops and not can_stop:
        return ConfigStatus.NO_RUN_OUTPUT
    return ConfigStatus.ACCEPTED
