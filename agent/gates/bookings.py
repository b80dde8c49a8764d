"""Parts on their way to a gate without a clock of its own, and the pulses due for them; pure.

All decisions about which part a pulse is for are made here, from times that are passed in.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.config.document import Timing
from agent.config.gate import RelaySection
from agent.errors import ConfigError
from agent.gates.relay import Stroke
from agent.records import GateOutcome, OutcomeCode, PassOrder, Trigger

_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Pace:
    """The times of a part's way to a gate that the host times, in nanoseconds."""

    delay_ns: int
    guard_ns: int
    lead_ns: int
    pulse_ns: int
    step_ns: int
    release_ns: int
    min_pitch_ns: int
    max_in_flight: int
    pulse_passes: bool

    @classmethod
    def of(cls, timing: Timing, section: RelaySection) -> Pace:
        """Return the times of a configuration. Raises ConfigError where they contradict."""
        clash = section.clash(
            delay_ms=timing.delay_ms,
            guard_ms=timing.guard_ms,
            command_ms=timing.command_ms,
            min_pitch_ms=timing.min_pitch_ms,
        )
        if clash:
            raise ConfigError(clash)
        return cls(
            delay_ns=round(timing.delay_ms * _NS_PER_MS),
            guard_ns=round(timing.guard_ms * _NS_PER_MS),
            lead_ns=round(section.lead_ms * _NS_PER_MS),
            pulse_ns=section.pulse_ms * _NS_PER_MS,
            step_ns=section.step_ms * _NS_PER_MS,
            release_ns=round(section.release_ms * _NS_PER_MS),
            min_pitch_ns=round(timing.min_pitch_ms * _NS_PER_MS),
            max_in_flight=timing.max_in_flight,
            pulse_passes=section.pulse_passes,
        )

    def fire_ns(self, at_ns: int) -> int:
        """Return when the command for a part goes out."""
        return at_ns + self.delay_ns - self.guard_ns - self.lead_ns

    def last_ns(self, at_ns: int) -> int:
        """Return the last moment at which the command may go out.

        A pulse that passes may come a guard time late: it still meets its part. One that diverts
        is better late than never, as long as its part can still be there.
        """
        return self.sure_ns(at_ns) if self.pulse_passes else self.over_ns(at_ns)

    def sure_ns(self, at_ns: int) -> int:
        """Return until when a command is sure to work on its part."""
        return self.fire_ns(at_ns) + self.guard_ns

    def over_ns(self, at_ns: int) -> int:
        """Return when a part's window is over."""
        return at_ns + self.delay_ns + self.guard_ns

    def whole_ns(self, length_ns: int) -> int:
        """Return a length in the steps that the relay counts in, rounded up."""
        return -(-length_ns // self.step_ns) * self.step_ns

    def taken_ns(self, length_ns: int) -> int:
        """Return how long after its command a pulse may still work at the gate."""
        return self.lead_ns + length_ns + self.release_ns


@dataclass(slots=True)
class Booking:
    """One part on its way. `code` is its outcome, once that is decided."""

    trigger: Trigger
    allowed: bool = False
    barred: OutcomeCode | None = None
    fired: bool = False
    in_time: bool = True
    code: OutcomeCode | None = None


class Bookings:
    """The parts between camera and gate. It numbers them, from 1 on, under one boot number."""

    def __init__(self, pace: Pace, boot: int) -> None:
        self._pace = pace
        self._boot = boot
        self._count = 0
        self._parts: dict[int, Booking] = {}
        self._refused: list[int] = []
        self._busy_ns = (0, 0)
        self.overfull = False
        self.missed = 0  # parts that no pulse could divert, and that may have gone through

    def __len__(self) -> int:
        return len(self._parts)

    @property
    def next_ns(self) -> int | None:
        """When the next thing is to be decided or reported; None when nothing is."""
        waits = (self._due_ns(booking) for booking in self._parts.values())
        return min((due for due in waits if due is not None), default=None)

    @property
    def next_fire_ns(self) -> int | None:
        """When the next command may have to go out; None when no part is on its way."""
        for booking in self._parts.values():
            if not booking.fired and booking.code is None:
                return self._pace.fire_ns(booking.trigger.at_ns)
        return None

    def add(self, at_ns: int) -> tuple[Trigger, bool]:
        """Take in a part; returns its trigger, and whether a pulse in progress must be cut.

        Two parts closer than the smallest pitch would share a pulse: neither is passed. More parts
        than agreed: nothing is passed until there are fewer.
        """
        self._count += 1
        trigger = Trigger(self._boot, self._count, at_ns)
        if len(self._parts) >= 2 * self._pace.max_in_flight:
            self._refused.append(self._count)
            return trigger, self._shares_pulse(at_ns)
        booking = Booking(trigger)
        for other in self._parts.values():
            if abs(other.trigger.at_ns - at_ns) < self._pace.min_pitch_ns:
                self._bar(other, OutcomeCode.TOO_CLOSE)
                self._bar(booking, OutcomeCode.TOO_CLOSE)
        cut = self._shares_pulse(at_ns)
        if cut:
            self._bar(booking, OutcomeCode.TOO_CLOSE)
        self._parts[self._count] = booking
        self._check_room(booking)
        return trigger, cut

    def allow(self, order: PassOrder, now_ns: int) -> bool:
        """Note the permission for a part; False when it cannot be passed any more."""
        booking = self._parts.get(order.part) if order.boot == self._boot else None
        if booking is None or booking.barred or booking.fired or booking.code:
            return False
        if now_ns >= min(order.expiry_ns, self._pace.fire_ns(booking.trigger.at_ns)):
            return False
        booking.allowed = True
        return True

    def stroke(self, now_ns: int, *, able: bool) -> Stroke | None:
        """Decide all parts whose time has come; returns the pulse to give now, if any.

        `able` is whether the relay can be used at all. Call it again until it returns None.
        """
        for number, booking in self._parts.items():
            if booking.fired or booking.code is not None:
                continue
            at_ns = booking.trigger.at_ns
            if now_ns < self._pace.fire_ns(at_ns):
                continue
            wanted = booking.allowed and not booking.barred
            if wanted is not self._pace.pulse_passes:
                resting = OutcomeCode.PASSED if wanted else OutcomeCode.REJECTED
                booking.code = booking.barred or resting
            elif not able or now_ns > self._pace.last_ns(at_ns):
                booking.code = self._unfired(booking, able=able)
            else:
                return self._fire(number, now_ns)
        return None

    def settle(self, parts: tuple[int, ...], *, done: bool | None) -> None:
        """Note what became of a pulse: given, not given, or (None) nobody knows."""
        for booking in filter(None, map(self._parts.get, parts)):
            if done and booking.in_time:
                given = OutcomeCode.PASSED if self._pace.pulse_passes else OutcomeCode.REJECTED
                booking.code = booking.barred or given
            elif done is None:
                booking.code = OutcomeCode.UNKNOWN  # whether it was obeyed
            else:
                booking.code = self._unfired(booking, able=False)

    def finished(self, now_ns: int) -> list[GateOutcome]:
        """Return the outcomes of the parts whose window is over, and forget them."""
        over = [
            number
            for number, booking in self._parts.items()
            if booking.code is not None and self._pace.over_ns(booking.trigger.at_ns) <= now_ns
        ]
        outcomes = []
        for number in over:
            code = self._parts.pop(number).code or OutcomeCode.UNKNOWN
            outcomes.append(GateOutcome(self._boot, number, code, now_ns))
        for number in self._refused:
            self.missed += not self._pace.pulse_passes
            code = OutcomeCode.REJECTED if self._pace.pulse_passes else OutcomeCode.FAULT
            outcomes.append(GateOutcome(self._boot, number, code, now_ns))
        self._refused.clear()
        self.overfull = self.overfull and len(self._parts) > self._pace.max_in_flight // 2
        return outcomes

    def _fire(self, number: int, now_ns: int) -> Stroke:
        """Begin a pulse. One that diverts takes along the parts that it would meet anyway."""
        pace = self._pace
        length_ns = pace.pulse_ns
        parts = [number]
        for other, booking in self._parts.items():
            start_ns = pace.fire_ns(booking.trigger.at_ns) + pace.lead_ns
            met = now_ns - 2 * pace.guard_ns <= start_ns < now_ns + pace.taken_ns(length_ns)
            if pace.pulse_passes or other == number or not met:
                continue
            if booking.fired or booking.code is not None:
                continue
            if booking.allowed:
                self._bar(booking, OutcomeCode.TOO_CLOSE)
            length_ns = max(length_ns, pace.whole_ns(start_ns - now_ns + pace.pulse_ns))
            parts.append(other)
        for booking in map(self._parts.__getitem__, parts):
            booking.fired = True
            booking.in_time = now_ns <= pace.sure_ns(booking.trigger.at_ns)
        self._busy_ns = (now_ns, now_ns + pace.taken_ns(length_ns))
        until_ns = pace.last_ns(self._parts[number].trigger.at_ns)
        return Stroke(tuple(parts), length_ns // _NS_PER_MS, until_ns)

    def _shares_pulse(self, at_ns: int) -> bool:
        """Whether a pulse that passes is still on when this part, which is new, is at the gate."""
        begin_ns, end_ns = self._busy_ns
        start_ns = self._pace.fire_ns(at_ns) + self._pace.lead_ns
        shares = start_ns < end_ns and self._pace.over_ns(at_ns) > begin_ns
        return self._pace.pulse_passes and shares

    def _unfired(self, booking: Booking, *, able: bool) -> OutcomeCode:
        """Return the outcome of a part that should have had a pulse, and had none."""
        if not self._pace.pulse_passes:
            self.missed += 1
            return OutcomeCode.FAULT
        return OutcomeCode.LATE_REFUSED if able else booking.barred or OutcomeCode.FAULT

    def _bar(self, booking: Booking, code: OutcomeCode) -> None:
        """Let a part not be passed any more, also where its permission, or its pulse, is out."""
        booking.barred = booking.barred or code
        if booking.code is OutcomeCode.PASSED:
            booking.code = code

    def _check_room(self, booking: Booking) -> None:
        if not self.overfull and len(self._parts) > self._pace.max_in_flight:
            self.overfull = True
            for other in self._parts.values():
                if not other.fired:
                    self._bar(other, OutcomeCode.REJECTED)
        elif self.overfull:
            self._bar(booking, OutcomeCode.REJECTED)

    def _due_ns(self, booking: Booking) -> int | None:
        at_ns = booking.trigger.at_ns
        if booking.code is not None:
            return self._pace.over_ns(at_ns)
        return None if booking.fired else self._pace.fire_ns(at_ns)
