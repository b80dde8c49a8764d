"""What the host tells the controller of the line, and how the line between them is; pure."""

from __future__ import annotations

from dataclasses import dataclass

from agent.config import Timing
from agent.config_gate import ControllerGate
from agent.gates.codes import Wiring
from agent.gates.messages import Config, Ping
from agent.gates.second_eye import EyeTerms
from agent.gates.wire import encode_frame

# Start bit, eight bits, stop bit.
_BITS_PER_BYTE = 10


@dataclass(frozen=True, slots=True)
class Terms:
    """What the controller is told, and how long PING and PONG take on the line together."""

    config: Config
    line_ns: int = 0
    eye: EyeTerms | None = None

    @classmethod
    def of(cls, timing: Timing, section: ControllerGate) -> Terms:
        """Return the terms of a configuration."""
        told = Config(
            delay_us=round(timing.delay_ms * 1000),
            guard_us=round(timing.guard_ms * 1000),
            min_pitch_us=round(timing.min_pitch_ms * 1000),
            debounce_us=round(section.debounce_ms * 1000),
            max_in_flight=timing.max_in_flight,
            wiring=Wiring[section.wiring.upper()],
        )
        frame = len(encode_frame(Ping(0), 0, 0))
        line_ns = 2 * frame * _BITS_PER_BYTE * 1_000_000_000 // section.baud
        return cls(told, line_ns, _eye_terms(timing, section))


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
