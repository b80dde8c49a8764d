"""The host's session, the firmware and a belt, joined by a cable in memory, under a moved clock.

For rehearsals and tests: what the gate does in a day can be seen in minutes.
"""

from __future__ import annotations

from agent.clock import ManualClock
from agent.gates.belt_run import BeltRun
from agent.gates.partbook import PartBook
from agent.gates.session import Session
from agent.gates.terms import Terms
from agent.ports import GateEvent
from agent.records import GateNotice
from agent.sim.belt import Belt
from agent.sim.firmware import Firmware
from agent.sim.line_faults import FaultRates, LineFaults
from agent.sim.motion import Motion
from agent.sim.moving_witness import MovingWitness
from agent.sim.oscillator import Oscillator
from agent.sim.witness import SOUND, BehindGate, Met, Witness

STEP_NS = 1_000_000
REOPEN_NS = 200_000_000


class VirtualLine:
    """A whole line in one thread. `met` is the belt's own record, `events` what the host heard."""

    def __init__(
        self,
        terms: Terms,
        belt: Belt,
        *,
        rates: FaultRates | None = None,
        seed: int = 1,
        clock: ManualClock | None = None,
        oscillator: Oscillator | None = None,
        behind: BehindGate = SOUND,
        motion: Motion | None = None,
    ) -> None:
        self.clock = clock or ManualClock(1_000_000_000)
        self.oscillator = oscillator or Oscillator(self.clock.now_ns(), offset_us=seed << 20)
        now_ns = self.clock.now_ns()
        self.book, self.run = PartBook(), BeltRun()
        self.terms = terms
        self.firmware = Firmware(seed << 8 | 1, self.oscillator.tick(now_ns))
        self.witness: Witness | MovingWitness
        if motion is not None and terms.config.belt is not None:
            way_ticks = terms.config.belt.delay_ticks
            self.witness = MovingWitness(belt, motion, way_ticks, self.oscillator)
        else:
            delay_ns = terms.config.delay_us * 1000
            self.witness = Witness(belt, delay_ns, self.oscillator, now_ns, behind)
        self.down, self.up = (LineFaults(rates or FaultRates(), seed + way) for way in (0, 1))
        self.met: list[Met] = []
        self.events: list[GateEvent] = []
        self.host_asleep = False
        self._hosts = seed << 16
        self._reopen_ns = 0
        self.session = self._new_session()

    def run_until(self, until_ns: int) -> list[GateEvent]:
        """Let time pass; returns what the host heard meanwhile."""
        heard: list[GateEvent] = []
        while self.clock.now_ns() < until_ns:
            heard += self.step()
        return heard

    def step(self) -> list[GateEvent]:
        """Let one millisecond pass."""
        self.clock.advance(STEP_NS)
        now_ns = self.clock.now_ns()
        self.met += self.witness.run(self.firmware, now_ns)
        self.firmware.receive(self.down.take(now_ns), self.oscillator.tick(now_ns))
        self.up.put(self.firmware.output(self.oscillator.tick(now_ns)), now_ns)
        heard = [] if self.host_asleep else self._step_host(now_ns)
        self.events += heard
        return heard

    def restart_controller(self) -> None:
        """Let the controller lose its power and come back with nothing but another boot."""
        now_us = self.oscillator.tick(self.clock.now_ns())
        self.firmware = Firmware(self.firmware.boot + 1, now_us)
        self.up.clear()

    def restart_host(self) -> None:
        """Let the host's process die and another begin: it knows of no part."""
        self.book, self.run = PartBook(), BeltRun()
        self.session = self._new_session()
        self.down.clear()

    def _new_session(self) -> Session:
        self._hosts += 1
        return Session(self.terms, self._hosts, self.book, self.clock.now_ns(), self.run)

    def _step_host(self, now_ns: int) -> list[GateEvent]:
        data = self.up.take(now_ns)
        if now_ns < self._reopen_ns:
            return []
        self.session.receive(data, now_ns)
        if now_ns >= self.session.due_ns:
            self.session.advance(now_ns)
        self.down.put(self.session.output(now_ns), now_ns)
        heard = self.session.take_events()
        if self.session.lost:
            heard.append(GateNotice("gate_lost", self.session.lost))
            self.session = self._new_session()
            self._reopen_ns = now_ns + REOPEN_NS
        return heard
