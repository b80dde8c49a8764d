"""What the encoder tells: how far the belt has come, and whether it moves as it should; pure."""

from __future__ import annotations

from collections import deque

from agent.gates.codes import BeltMode, Faults, OutcomeKind
from agent.gates.config_messages import MEASURE_US, Belt

SAMPLE_US = 20_000
_SAMPLES = MEASURE_US // SAMPLE_US
_NONE = OutcomeKind.NONE
_FAULTS = {
    OutcomeKind.BELT_STOP: Faults.BELT_STOP,
    OutcomeKind.BELT_SPEED: Faults.BELT_SPEED,
    OutcomeKind.BELT_BACK: Faults.BELT_BACK,
}


class BeltWatch:
    """The belt as its encoder counts it. `place` is the furthest that it has come: never less.

    A belt that went back is `BELT_BACK` until it is where it had been: only then is a place again
    what it was.
    """

    def __init__(self) -> None:
        self.place = 0
        self._belt: Belt | None = None
        self._count = self._offset = 0
        self._back = False
        self._speed = _NONE
        self._told = False
        self._due_us = 0
        self._samples: deque[tuple[int, int]] = deque(maxlen=_SAMPLES)

    @property
    def here(self) -> int:
        """Return where the belt is now; after a way back that is less than `place`."""
        return self._count + self._offset

    @property
    def trouble(self) -> OutcomeKind:
        """Return the outcome that all parts are bound to have at present; NONE if all is well."""
        if self._belt is None:
            return _NONE
        return OutcomeKind.BELT_BACK if self._back else self._speed

    @property
    def fault(self) -> Faults:
        """Return the trouble as the host is told it; what is not known yet is not told."""
        told = self._back or self._told
        return _FAULTS.get(self.trouble, Faults(0)) if told else Faults(0)

    @property
    def due_us(self) -> int | None:
        """Return when `sample` must be called; None without an encoder to watch."""
        return None if self._belt is None else self._due_us

    def ahead(self, place: int) -> int:
        """Return how many ticks from where the belt is now a place is."""
        return place - self.here

    def begin(self, belt: Belt | None, now_us: int) -> None:
        """Watch for these terms; where the belt is now counts as the furthest it has come."""
        self._belt = belt
        self._offset = self.place - self._count
        self._back = self._told = False
        # A speed that must be kept is first to be seen.
        watched = belt is not None and belt.mode is BeltMode.WATCHED
        self._speed = OutcomeKind.BELT_STOP if watched else _NONE
        self._due_us = now_us + SAMPLE_US
        self._samples.clear()

    def move(self, count: int) -> None:
        """Take the encoder's count, those backwards subtracted."""
        self._count = count
        behind = self.ahead(self.place)
        if behind <= 0:
            self.place -= behind
            self._back = False
        elif self._belt is not None and behind > self._belt.back_ticks:
            self._back = True

    def sample(self, now_us: int) -> None:
        """Measure the speed, if it is time."""
        if self._belt is None or self._due_us - SAMPLE_US <= now_us < self._due_us:
            return
        self._due_us = now_us + SAMPLE_US
        if len(self._samples) == _SAMPLES:
            at_us, place = self._samples[0]
            self._speed = _judge(self._belt, self.place - place, now_us - at_us)
            self._told = True
        self._samples.append((now_us, self.place))


def _judge(belt: Belt, ticks: int, span_us: int) -> OutcomeKind:
    """Return what is wrong with a speed; a tick more or less is none."""
    full = belt.ticks_per_s * span_us
    if belt.mode is BeltMode.TICKS:
        return OutcomeKind.BELT_SPEED if (ticks - 1) * 1_000_000 > full else _NONE
    if ticks * 10_000_000 < full:
        return OutcomeKind.BELT_STOP
    slow = (ticks + 1) * 100_000_000 < full * (100 - belt.tolerance_percent)
    fast = (ticks - 1) * 100_000_000 > full * (100 + belt.tolerance_percent)
    return OutcomeKind.BELT_SPEED if slow or fast else _NONE
