"""What the controller is told of its line, and how it answers."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar

from agent.gates.codes import BeltMode, ConfigStatus, Wiring
from agent.gates.message import Message

# What a line without encoder needs, and speaks: older controllers know no other.
PLAIN_VERSION = 1
BELT_VERSION = 2
# The belt's run permit, on a line where a disagreement stops the belt.
VERSION = 3
# A belt may go back so much, as a share of the guard, before all parts in flight are barred.
BACK_SHARE = 4
# The speed is measured over a tenth of a second: its bounds must be whole ticks apart.
MEASURE_US = 100_000
_LEAST_TICKS = 2
_STOPS = b"\1"


@dataclass(frozen=True, slots=True)
class Belt:
    """The encoder's part of CONFIG.

    TICKS: windows are places of the belt, and `ticks_per_s` is the fastest that it may run.
    WATCHED: windows are times, but the gate also keeps shut while the part is not where it should
    be; `ticks_per_s` is the belt's speed, which may differ by `tolerance_percent`.
    """

    mode: BeltMode
    delay_ticks: int
    guard_ticks: int
    min_pitch_ticks: int
    ticks_per_s: int
    tolerance_percent: int = 0
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<BIIIIB")

    def payload(self) -> bytes:
        """Return the bytes."""
        fields = (self.delay_ticks, self.guard_ticks, self.min_pitch_ticks, self.ticks_per_s)
        return self.LAYOUT.pack(self.mode, *fields, self.tolerance_percent)

    @classmethod
    def parse(cls, payload: bytes) -> Belt:
        """Return what is in `payload`. Raises struct.error or ValueError."""
        mode, *fields = cls.LAYOUT.unpack(payload)
        return cls(BeltMode(mode), *fields)

    @property
    def back_ticks(self) -> int:
        """How far the belt may go back before nothing in flight is sure any more."""
        return self.guard_ticks // BACK_SHARE

    @property
    def possible(self) -> bool:
        """Whether no part can be in another one's place, and the speed can be told."""
        if not (0 < self.guard_ticks < self.delay_ticks and self.ticks_per_s > 0):
            return False
        if self.mode is BeltMode.TICKS:
            return self.guard_ticks >= BACK_SHARE and self.min_pitch_ticks >= 2 * self.guard_ticks
        least = _LEAST_TICKS * 100 * 1_000_000 // MEASURE_US
        return (
            self.min_pitch_ticks > self.guard_ticks
            and 0 < self.tolerance_percent < 100
            and self.ticks_per_s * self.tolerance_percent >= least
        )


@dataclass(frozen=True, slots=True)
class Config(Message):
    """When a part meets the gate and how far from it the next one must be.

    With a belt in TICKS the times are the shortest ones, those of the fastest belt. Where it
    `stops` the belt, the controller must have an output for that.
    """

    delay_us: int
    guard_us: int
    min_pitch_us: int
    debounce_us: int
    max_in_flight: int
    wiring: Wiring = Wiring.ENERGISE_TO_PASS
    belt: Belt | None = None
    stops: bool = False
    TYPE: ClassVar[int] = 2
    ACKED: ClassVar[bool] = True
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<IIIIHB")

    def payload(self) -> bytes:
        """Return the message's own bytes; what a line does not have takes none."""
        times = (self.delay_us, self.guard_us, self.min_pitch_us, self.debounce_us)
        plain = self.LAYOUT.pack(*times, self.max_in_flight, self.wiring)
        belt = b"" if self.belt is None else self.belt.payload()
        return plain + belt + (_STOPS if self.stops else b"")

    @classmethod
    def parse(cls, payload: bytes) -> Config:
        """Return the message in `payload`. Raises struct.error or ValueError."""
        plain, rest = payload[: cls.LAYOUT.size], payload[cls.LAYOUT.size :]
        delay, guard, pitch, debounce, limit, wiring = cls.LAYOUT.unpack(plain)
        stops = len(rest) in (len(_STOPS), Belt.LAYOUT.size + len(_STOPS))
        if stops and not rest.endswith(_STOPS):
            raise ValueError("a line that does not stop the belt does not say so")
        rest = rest.removesuffix(_STOPS) if stops else rest
        belt = Belt.parse(rest) if rest else None
        return cls(delay, guard, pitch, debounce, limit, Wiring(wiring), belt, stops)

    @property
    def version(self) -> int:
        """Return the version of the protocol that this line needs, the least that has it all."""
        if self.stops:
            return VERSION
        return PLAIN_VERSION if self.belt is None else BELT_VERSION

    @property
    def by_place(self) -> bool:
        """Whether windows are places of the belt rather than times."""
        return self.belt is not None and self.belt.mode is BeltMode.TICKS

    def way_of(self, time_us: int) -> int:
        """Return a time on the way that windows are measured by; in ticks those of the fastest."""
        if self.belt is None or self.belt.mode is not BeltMode.TICKS:
            return time_us
        return time_us * self.belt.ticks_per_s // 1_000_000

    @property
    def possible(self) -> bool:
        """Whether two parts that are far enough apart can never share a window."""
        return (
            0 < self.guard_us < self.delay_us
            and self.min_pitch_us >= max(2 * self.guard_us, self.debounce_us)
            and self.max_in_flight >= 1
            and (self.belt is None or self.belt.possible)
        )


@dataclass(frozen=True, slots=True)
class Configured(Message):
    """The answer to CONFIG: taken or not, and what is now in force."""

    status: ConfigStatus
    config: Config
    TYPE: ClassVar[int] = 3
    ACKED: ClassVar[bool] = True

    def payload(self) -> bytes:
        """Return the message's own bytes."""
        return bytes((self.status,)) + self.config.payload()

    @classmethod
    def parse(cls, payload: bytes) -> Configured:
        """Return the message in `payload`. Raises struct.error or ValueError."""
        return cls(ConfigStatus(payload[0]), Config.parse(payload[1:]))
