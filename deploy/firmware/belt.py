"""What the encoder tells: how far the belt has come, and whether it moves as it should.

`agent/sim/encoder.py` is the model.
"""

import messages
from encoder import HALF, MASK
from micropython import const

SAMPLE_US = const(20_000)
_SAMPLES = const(5)
_FAULTS = {
    messages.BELT_STOP: messages.STOP_FAULT,
    messages.BELT_SPEED: messages.SPEED_FAULT,
    messages.BELT_BACK: messages.BACK_FAULT,
}


class Belt:
    """The belt as its encoder counts it; `encoder` is None where there is none.

    `place` is the furthest that it has come, in 64 bits, of which the interrupt counts 29.
    """

    def __init__(self, encoder) -> None:
        self.encoder = encoder
        self.place = 0
        self._raw = 0
        self._terms = None
        self._speed = messages.NONE
        self._told = False
        self._turned = self._lost = 0
        self._due_us = 0
        self._samples = []

    def channels(self) -> int:
        """Return how many channels the encoder has, 0 without one."""
        return self.encoder.channels if self.encoder else 0

    def trouble(self) -> int:
        """Return the outcome that all parts are bound to have at present; NONE if all is well."""
        if self._terms is None:
            return messages.NONE
        turned = self.encoder.behind or self.encoder.turned != self._turned
        return messages.BELT_BACK if turned else self._speed

    def fault(self) -> int:
        """Return the trouble as the host is told it; what is not known yet is not told."""
        trouble = self.trouble()
        if trouble != messages.BELT_BACK and not self._told:
            return 0
        return _FAULTS.get(trouble, 0)

    def noted(self) -> None:
        """Forget a way back that has been made good; parts in flight are barred for it."""
        if self.encoder:
            self._turned = self.encoder.turned

    def has_lost(self) -> bool:
        """Return whether edges were missed since the last call."""
        if self._terms is None or self.encoder.lost == self._lost:
            return False
        self._lost = self.encoder.lost
        return True

    def due_us(self) -> "int | None":
        """Return when `sample` must be called; None without an encoder to watch."""
        return None if self._terms is None else self._due_us

    def ahead(self, place: int) -> int:
        """Return how many ticks from where the belt is now a place is."""
        return place - self.here()

    def here(self) -> int:
        """Return where the belt is now; after a way back that is less than `place`."""
        return self.place - self.encoder.back()

    def raw(self, place: int) -> int:
        """Return a place as the interrupt counts it."""
        return (self._raw + place - self.place) & MASK

    def begin(self, terms: "tuple | None", now_us: int) -> None:
        """Watch for these terms; where the belt is now counts as the furthest it has come."""
        self._terms = terms
        self._told = False
        watched = terms is not None and terms[0] == messages.WATCHED
        # A speed that must be kept is first to be seen.
        self._speed = messages.BELT_STOP if watched else messages.NONE
        self._due_us = now_us + SAMPLE_US
        self._samples = []
        if self.encoder:
            self.encoder.home(terms[2] // messages.BACK_SHARE if terms else HALF)
            self._raw = self.encoder.peak
            self._turned, self._lost = self.encoder.turned, self.encoder.lost

    def move(self, raw: int) -> None:
        """Take the furthest that the interrupt has counted; what is older changes nothing."""
        ahead = (raw - self._raw) & MASK
        if ahead < HALF:
            self.place += ahead
            self._raw = raw

    def sample(self, now_us: int) -> None:
        """Measure the speed, if it is time."""
        if self._terms is None or self._due_us - SAMPLE_US <= now_us < self._due_us:
            return
        self._due_us = now_us + SAMPLE_US
        samples = self._samples
        if len(samples) == _SAMPLES:
            at_us, place = samples.pop(0)
            self._speed = _judge(self._terms, self.place - place, now_us - at_us)
            self._told = True
        samples.append((now_us, self.place))


def _judge(terms: tuple, ticks: int, span_us: int) -> int:
    """Return what is wrong with a speed; a tick more or less is none."""
    mode, _delay, _guard, _pitch, ticks_per_s, tolerance = terms
    full = ticks_per_s * span_us
    if mode == messages.TICKS:
        return messages.BELT_SPEED if (ticks - 1) * 1_000_000 > full else messages.NONE
    if ticks * 10_000_000 < full:
        return messages.BELT_STOP
    slow = (ticks + 1) * 100_000_000 < full * (100 - tolerance)
    fast = (ticks - 1) * 100_000_000 > full * (100 + tolerance)
    return messages.BELT_SPEED if slow or fast else messages.NONE
