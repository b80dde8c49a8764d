"""A simulated belt with an encoder: who met the eye, who met the gate, wherever it ran; pure.

As `Witness` it knows the controller only from outside. Here parts lie on the belt, not in time.
"""

from __future__ import annotations

from agent.sim.belt import Belt
from agent.sim.firmware import Firmware
from agent.sim.motion import TICK, Motion
from agent.sim.oscillator import Oscillator
from agent.sim.witness import Met

_COVER_NS = 1_000_000


class MovingWitness:
    """Moves belt, encoder and controller forward together, each event at its own exact moment.

    `numbers` tells what the controller called each part of the belt: one that was taken back
    before the photo-eye has several.

    A part has passed once the gate has shut behind it. One that the belt carries back through the
    gate while it is open is before it again, and meets it anew. One that a shut gate had behind it
    is gone, wherever the belt runs then.
    """

    def __init__(self, belt: Belt, motion: Motion, way_ticks: int, clock: Oscillator) -> None:
        self.numbers: dict[int, list[tuple[int, int | None]]] = {}
        self._belt = belt
        self._motion = motion
        self._clock = clock
        self._now_ns = clock.base_ns
        self._way = way_ticks * TICK
        self._length = min(_COVER_NS, belt.pitch_ns // 8) * motion.ticks_per_s
        latest = belt.latest_part(self._now_ns)
        self._first = self._next = self._at_gate = 0 if latest is None else latest + 1
        self._covered = False
        self._arrivals: dict[int, int] = {}
        self._in_gate: list[Met] = []

    @property
    def over(self) -> bool:
        """Whether the belt has ended and is empty."""
        parts = self._belt.parts
        return parts is not None and self._at_gate >= parts and not self._in_gate

    def due_ns(self, firmware: Firmware) -> int | None:
        """Return the moment of the next event; None when nothing will happen any more."""
        motion, now_ns = self._motion, self._now_ns
        deadline_us, ticks = firmware.deadline_us, firmware.ticks_to_go
        due_tick = None if ticks is None else (motion.count(now_ns) + ticks) * TICK
        places = [due_tick, self._eye_place(), self._gate_place(), self._tick_back()]
        dues = [motion.reached_ns(place, now_ns) for place in places if place is not None]
        dues.append(motion.next_step_ns(now_ns))
        if deadline_us is not None:
            dues.append(max(now_ns, self._clock.reached_ns(deadline_us)))
        return min((due for due in dues if due is not None), default=None)

    def run(self, firmware: Firmware, now_ns: int) -> list[Met]:
        """Let everything happen that is due by now; returns the parts that met the gate."""
        met = self._leave_gate(firmware.open_for)  # a message may have shut it
        while (due_ns := self.due_ns(firmware)) is not None and due_ns <= now_ns:
            self._move(firmware, due_ns)
            met += self._leave_gate(firmware.open_for)
            met += self._meet_gate(firmware)
            self._look(firmware)
            met += self._leave_gate(firmware.open_for)
        self._move(firmware, now_ns)
        return met + self._leave_gate(firmware.open_for)

    def abandon(self) -> list[Met]:
        """Let the power go: parts still on the way meet a gate at rest."""
        left = self._leave_gate(None)
        left += [self._met(number, None) for number in range(self._at_gate, self._next)]
        self._at_gate = max(self._at_gate, self._next)
        return left

    def _move(self, firmware: Firmware, now_ns: int) -> None:
        self._now_ns = now_ns
        firmware.belt(self._clock.tick(now_ns), self._motion.count(now_ns))

    def _place_of(self, number: int) -> int:
        """Return where the belt is, in nano-ticks, when a part is at the photo-eye."""
        return (self._belt.arrival_ns(number) - self._belt.start_ns) * self._motion.ticks_per_s

    def _exists(self, number: int) -> bool:
        return self._belt.parts is None or number < self._belt.parts

    def _eye_place(self) -> int | None:
        """Return where the eye's level changes next, in the present direction."""
        forwards = self._motion.speed(self._now_ns) > 0
        if self._covered:
            return self._place_of(self._next - 1) + (self._length if forwards else 0)
        if forwards:
            return self._place_of(self._next) if self._exists(self._next) else None
        before = self._next - 1
        return self._place_of(before) + self._length if before >= self._first else None

    def _gate_place(self) -> int | None:
        if self._at_gate >= self._next:
            return None
        return self._place_of(self._at_gate) + self._way

    def _tick_back(self) -> int | None:
        """Return where the encoder's next edge backwards is, while a part may go back with it."""
        backwards = bool(self._in_gate) and self._motion.speed(self._now_ns) < 0
        return self._motion.count(self._now_ns) * TICK if backwards else None

    def _look(self, firmware: Firmware) -> None:
        """Let the eye see what is there now."""
        place = self._motion.place(self._now_ns)
        covered = self._covered
        if self._exists(self._next) and place >= self._place_of(self._next):
            self._next += 1
        elif self._next > self._first and place < self._place_of(self._next - 1):
            self._next -= 1
            self._covered = False
        before = self._next - 1
        if before >= self._first:
            self._covered = place < self._place_of(before) + self._length
        if self._covered == covered:
            return
        number = firmware.eye(self._clock.tick(self._now_ns), covered=self._covered)
        if self._covered:
            self._arrivals.setdefault(before, self._now_ns)
            if number is not None or before not in self.numbers:
                self.numbers.setdefault(before, []).append((firmware.boot, number))

    def _meet_gate(self, firmware: Firmware) -> list[Met]:
        due = self._gate_place()
        if due is None or self._motion.place(self._now_ns) < due:
            return []
        self._at_gate += 1
        met = self._met(self._at_gate - 1, firmware.open_for)
        if met.passed:
            self._in_gate.append(met)
        return [] if met.passed else [met]

    def _leave_gate(self, open_for: int | None) -> list[Met]:
        """Return the parts that the gate has shut behind; others of them have yet to meet it."""
        if not self._in_gate or open_for == self._in_gate[0].opened_for:
            return []
        place, parts = self._motion.place(self._now_ns), self._in_gate
        self._in_gate = []
        gone = [met for met in parts if place >= self._place_of(met.belt_part) + self._way]
        self._at_gate -= len(parts) - len(gone)
        return gone

    def _met(self, number: int, opened_for: int | None) -> Met:
        boot, part = self.numbers[number][-1]
        arrival_ns = self._arrivals[number]
        passed = opened_for is not None
        return Met(number, arrival_ns, part, boot, self._now_ns, opened_for, passed)
