"""What this board can be told of its line, and what it must refuse."""

import messages
from encoder import HALF
from flight import LIMIT
from micropython import const

_MAX_GUARD_US = const(60_000_000)
# One channel counts, two tell the direction as well.
_CHANNELS = {messages.WATCHED: 1, messages.TICKS: 2}


def judge(config: tuple, wiring: int, channels: int, can_stop: bool) -> int:
    """Return ACCEPTED, or why a board with this wiring, encoder and output does not take it."""
    _delay, guard_us, _pitch, _debounce, limit, wired = config[:6]
    terms = messages.belt_of(config)
    # The encoder counts in 29 bits, half of which lie behind, and a window must be near enough.
    near = terms is None or terms[1] + terms[2] < HALF // 2
    held = limit <= LIMIT and guard_us <= _MAX_GUARD_US and wired == wiring
    if not (held and near and messages.possible(config)):
        return messages.IMPOSSIBLE
    if terms is not None and channels < _CHANNELS[terms[0]]:
        return messages.NO_ENCODER
    if messages.stops(config) and not can_stop:
        return messages.NO_RUN_OUTPUT
    return messages.ACCEPTED
