"""What the host tells the controller of the line, and how the line between them is; pure."""

from __future__ import annotations

from dataclasses import dataclass

from agent.config.document import Timing
from agent.config.gate import ControllerGate
from agent.gates.codes import BeltMode, RunPermit, Wiring
from agent.gates.messages import Belt, Config, Ping
from agent.gates.second_eye import EyeTerms
from agent.gates.wire import encode_frame

# Start bit, eight bits, stop bit.
_BITS_PER_BYTE = 10
# Where windows are times, a part's place at the gate may be so much of the guard off: more than
# the window itself, and less than the smallest pitch, so that no other part can ever be there.
_PLACE_SHARE = 1.5


@dataclass(frozen=True, slots=True)
class Terms:
    """What the controller is told, and how long PING and PONG take on the line together.

    `running` is what the belt is told where it may run and the line is one that stops it.
    """

    config: Config
    line_ns: int = 0
    eye: EyeTerms | None = None
    running: RunPermit = RunPermit.ON

    @classmethod
    def of(cls, timing: Timing, section: ControllerGate) -> Terms:
        """Return the terms of a configuration."""
        belt = _belt_terms(timing, section)
        told = Config(
            *_times_us(timing, belt),
            debounce_us=round(section.debounce_ms * 1000),
            max_in_flight=timing.max_in_flight,
            wiring=Wiring[section.wiring.upper()],
            belt=belt,
            stops=section.stops,
        )
        frame = len(encode_frame(Ping(0), 0, 0))
        line_ns = 2 * frame * _BITS_PER_BYTE * 1_000_000_000 // section.baud
        running = RunPermit.WHILE_HEARD if section.stop_unheard else RunPermit.ON
        return cls(told, line_ns, _eye_terms(timing, section), running)


def _times_us(timing: Timing, belt: Belt | None) -> tuple[int, int, int]:
    """Return delay, guard and smallest pitch; with a belt in ticks those of the fastest."""
    if belt is None or belt.mode is not BeltMode.TICKS:
        times_ms = (timing.delay_ms, timing.guard_ms, timing.min_pitch_ms)
        delay_us, guard_us, pitch_us = (round(time_ms * 1000) for time_ms in times_ms)
        return delay_us, guard_us, pitch_us
    ticks = (belt.delay_ticks, belt.guard_ticks, belt.min_pitch_ticks)
    delay_us, guard_us, pitch_us = (one * 1_000_000 // belt.ticks_per_s for one in ticks)
    return delay_us, guard_us, pitch_us


def _belt_terms(timing: Timing, section: ControllerGate) -> Belt | None:
    if section.ticks_per_s is not None:
        per_ms = section.ticks_per_s / 1000
        return Belt(
            BeltMode.WATCHED,
            delay_ticks=round(timing.delay_ms * per_ms),
            guard_ticks=round(timing.guard_ms * _PLACE_SHARE * per_ms),
            min_pitch_ticks=int(timing.min_pitch_ms * per_ms),
            ticks_per_s=section.ticks_per_s,
            tolerance_percent=round(section.speed_tolerance * 100),
        )
    if (
        section.delay_ticks is None
        or section.guard_ticks is None
        or section.min_pitch_ticks is None
        or section.max_ticks_per_s is None
    ):
        return None
    ticks = (section.delay_ticks, section.guard_ticks, section.min_pitch_ticks)
    return Belt(BeltMode.TICKS, *ticks, ticks_per_s=section.max_ticks_per_s)


def _eye_terms(timing: Timing, section: ControllerGate) -> EyeTerms | None:
    if section.second_eye == "none":
        return None
    after_ms = timing.delay_ms + section.second_eye_ms
    guard_us = round(section.second_eye_guard_ms * 1000)
    return EyeTerms(section.second_eye, round(after_ms * 1000), guard_us)


@dataclass(frozen=True, slots=True)
class LineCounts:
    """How the line is, for `state` and for the technician."""

    refused_here: int
    refused_there: int
    repeats: int
    pass_refused: int
    round_trip_ns: int
    clock_error_ns: int | None

    def __add__(self, later: LineCounts) -> LineCounts:
        return LineCounts(
            refused_here=self.refused_here + later.refused_here,
            refused_there=later.refused_there,
            repeats=self.repeats + later.repeats,
            pass_refused=self.pass_refused + later.pass_refused,
            round_trip_ns=later.round_trip_ns,
            clock_error_ns=later.clock_error_ns,
        )
