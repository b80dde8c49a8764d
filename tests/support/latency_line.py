"""A line over an adapter that holds bytes back, in virtual time, and when its gate fires."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.config.document import Timing
from agent.config.gate import ControllerGate
from agent.gates.terms import Terms
from agent.records import GateNotice, PassOrder, Trigger
from agent.schedule import Timing as Pace
from agent.sim.belt import Belt
from agent.sim.firmware import Firmware
from agent.sim.held_line import HeldLine
from agent.sim.oscillator import Oscillator
from agent.sim.virtual import VirtualLine

MS, SECOND = 1_000_000, 1_000_000_000
BAUD = 115_200
# An FTDI chip's timer as it comes, and as our udev rule sets it; towards the chip USB's own frame.
FACTORY_NS, SET_NS, FRAME_NS = 16 * MS, 1 * MS, 1 * MS
# The board's timer looks at the window every half millisecond (deploy/firmware/pins.py).
LOOK_US = 500
WARM_UP_NS = 4 * SECOND


class WatchedFirmware(Firmware):
    """The controller's model; keeps the tick at which the gate opened for each part, and shut."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.opened, self.shut, self._seen = {}, {}, None

    def advance(self, now_us):
        """Look at the gate after each moment at which something was due."""
        super().advance(now_us)
        if self.open_for != self._seen:
            if self._seen is not None:
                self.shut[self._seen] = now_us
            if self.open_for is not None:
                self.opened[self.open_for] = now_us
            self._seen = self.open_for


@dataclass
class Figures:
    """What became of a run, times in microseconds."""

    parts: int = 0
    ordered: int = 0
    passed: int = 0
    wrong: int = 0
    by_tick: list[int] = field(default_factory=list)  # fire against the window, controller's clock
    by_place: list[float] = field(default_factory=list)  # fire against the part's true place
    told: list[float] = field(default_factory=list)  # the host's time of a part against the truth
    notices: list[str] = field(default_factory=list)


def p99(values):
    """Return the value that one in a hundred exceeds, without its sign."""
    ordered = sorted(map(abs, values))
    return ordered[max(0, -(-len(ordered) * 99 // 100) - 1)]


def terms_of(guard_ms, pitch_ms):
    """Return a line's times: 400 ms from photo-eye to gate."""
    timing = Timing(guard_ms=guard_ms, min_pitch_ms=pitch_ms)
    section = ControllerGate(driver="controller", port="x", baud=BAUD)
    return Terms.of(timing, section), timing


def measure(
    parts, *, guard_ms=50.0, rate_per_s=6.0, hold_ns=FACTORY_NS, from_first=False, ppm=100, seed=1
):
    """Let parts go by whose verdicts are all PASS, each a millisecond before its cut-off."""
    terms, timing = terms_of(guard_ms, 2 * guard_ms)
    verdict_ns = Pace.from_config(timing).cutoff_ns(0) - MS
    belt = Belt(rate_per_s, 0.3, seed, SECOND + WARM_UP_NS, parts)
    oscillator = Oscillator(SECOND, offset_us=123_456_789, ppm=ppm)
    line = VirtualLine(terms, belt, oscillator=oscillator, seed=seed)
    line.firmware = WatchedFirmware(line.firmware.boot, oscillator.tick(line.clock.now_ns()))
    line.down = HeldLine(BAUD, FRAME_NS)
    line.up = HeldLine(BAUD, hold_ns, from_first=from_first)
    figures, waiting = Figures(), []
    expiry_ns = round((timing.delay_ms - timing.guard_ms) * MS)
    heard = {}
    while not line.witness.over:
        now_ns = line.clock.now_ns()
        for event in line.step():
            if isinstance(event, GateNotice):
                figures.notices.append(event.kind)
                continue
            line.session.record(event)
            if isinstance(event, Trigger):
                heard[event.part] = event.at_ns
                order = PassOrder(event.boot, event.part, event.at_ns + expiry_ns)
                waiting.append((event.at_ns + verdict_ns, order))
        while waiting and waiting[0][0] <= now_ns:
            figures.ordered += line.session.allow(waiting.pop(0)[1], now_ns)
    _judge(line, terms, figures, heard)
    return figures


def _judge(line, terms, figures, heard):
    """Set each fire beside the window that the controller gave it, and beside the part itself."""
    tick_of, delay_us, guard_us = line.oscillator.tick, terms.config.delay_us, terms.config.guard_us
    figures.parts = len(line.met)
    for met in line.met:
        figures.passed += met.opened_for == met.part
        figures.wrong += met.opened_for not in (None, met.part)
        told_ns = heard.get(met.part)
        if told_ns is not None:
            figures.told.append((told_ns - met.arrival_ns) / 1000)
        opened = line.firmware.opened.get(met.part)
        if opened is None:
            continue
        fired = -(-opened // LOOK_US) * LOOK_US
        figures.by_tick.append(fired - (tick_of(met.arrival_ns) + delay_us - guard_us))
        true_ns = met.arrival_ns + (delay_us - guard_us) * 1000
        figures.by_place.append((line.oscillator.reached_ns(fired) - true_ns) / 1000)
