"""What a gate's belt and encoder are: windows in ticks, or times with the belt's speed watched."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from agent.config.base import Section

# The firmware measures the speed over this time.
_MEASURED_S = 0.1
# A quarter of the guard is how far a belt may go back: no less than a tick.
_LEAST_GUARD = 4
_TICKS = ("delay_ticks", "guard_ticks", "min_pitch_ticks", "max_ticks_per_s")
_TIMES = ("delay_ms", "guard_ms", "min_pitch_ms")
_KEYS = (*_TICKS, "ticks_per_s", "speed_tolerance")


class EncodedGate(Section):
    """A gate whose controller has an encoder on the belt, if any of this is given."""

    delay_ticks: int | None = Field(
        None,
        ge=8,
        le=100_000_000,
        description="From photo-eye to gate in encoder ticks, instead of timing.delay_ms: the "
        "belt may stop and change its speed.",
    )
    guard_ticks: int | None = Field(
        None, ge=_LEAST_GUARD, le=50_000_000, description="As timing.guard_ms, in ticks."
    )
    min_pitch_ticks: int | None = Field(
        None, ge=8, le=100_000_000, description="As timing.min_pitch_ms, in ticks."
    )
    max_ticks_per_s: int | None = Field(
        None,
        ge=10,
        le=1_000_000,
        description="The fastest that the belt runs: a verdict must be in time for that, and a "
        "faster belt is a fault.",
    )
    ticks_per_s: int | None = Field(
        None,
        ge=10,
        le=1_000_000,
        description="The belt's speed where windows are times: a belt that stands or runs "
        "otherwise diverts everything.",
    )
    speed_tolerance: float = Field(
        0.1, ge=0.01, le=0.5, description="The belt's speed may differ by this share."
    )

    @property
    def by_place(self) -> bool:
        """Whether windows are places of the belt."""
        return self.delay_ticks is not None

    @model_validator(mode="after")
    def _one_way(self) -> EncodedGate:
        given = [name for name in _TICKS if getattr(self, name) is not None]
        if given and len(given) < len(_TICKS):
            missing = next(name for name in _TICKS if name not in given)
            raise ValueError(f"{missing} is missing: {', '.join(_TICKS)} go together")
        if given and self.ticks_per_s is not None:
            raise ValueError(
                "ticks_per_s is for windows in milliseconds; with delay_ticks the belt may run as "
                "it likes, up to max_ticks_per_s: give one of the two"
            )
        if self.delay_ticks and self.guard_ticks and self.min_pitch_ticks:
            self._check_ticks(self.delay_ticks, self.guard_ticks, self.min_pitch_ticks)
        return self

    def _check_ticks(self, delay: int, guard: int, pitch: int) -> None:
        if pitch < 2 * guard:
            raise ValueError(
                f"min_pitch_ticks {pitch} is shorter than twice guard_ticks {guard}: two parts "
                "could meet in one gate window"
            )
        if guard >= delay:
            raise ValueError(f"guard_ticks {guard} is not below delay_ticks {delay}")

    def speed_clash(self, *, guard_ms: float) -> str:
        """Return why the encoder is too coarse to watch a speed by; empty when it is not."""
        if self.ticks_per_s is None:
            return ""
        told = self.ticks_per_s * self.speed_tolerance * _MEASURED_S
        if told < 2:
            return (
                f"gate.ticks_per_s {self.ticks_per_s} with gate.speed_tolerance "
                f"{self.speed_tolerance:g} is {told:.1f} ticks in the 100 ms that the speed is "
                "measured over, and 2 are needed: a finer encoder or a greater tolerance"
            )
        in_guard = self.ticks_per_s * guard_ms / 1000
        if in_guard < 2:
            return (
                f"gate.ticks_per_s {self.ticks_per_s} is {in_guard:.1f} ticks in timing.guard_ms "
                f"{guard_ms:g}, and 2 are needed: a finer encoder or a longer guard"
            )
        return ""


def with_shortest_times(data: Any, defaults: dict[str, float]) -> Any:
    """Return raw configuration with the times that ticks come to on the fastest belt.

    The host knows no place: it holds its cut-offs to those times, and the controller alone says
    when a part is at the gate. `defaults` are those of section [timing]. Raises ValueError.
    """
    gate = data.get("gate") if isinstance(data, dict) else None
    if not isinstance(gate, dict):
        return data
    used = [name for name in _KEYS if gate.get(name) is not None]
    if used and gate.get("driver") in {"sim", "modbus", "lcus", "line"}:
        raise ValueError(f"gate.{used[0]} needs gate.driver controller: no other has an encoder")
    ticks = [n for n in map(gate.get, _TICKS) if type(n) is int and n > 0]
    timing = data.get("timing", {})
    if len(ticks) < len(_TICKS) or not isinstance(timing, dict):
        return data  # the section itself says what is wrong, if anything
    *lengths, fastest = ticks
    if lengths[1] < _LEAST_GUARD or lengths[2] < 2 * lengths[1]:
        return data
    times = dict(zip(_TIMES, (length * 1000 / fastest for length in lengths), strict=True))
    for name, time_ms in times.items():
        if timing.get(name, time_ms) != time_ms:
            raise ValueError(
                f"timing.{name} and gate.delay_ticks: give one of the two; with ticks it is the "
                "belt that says when a part is at the gate"
            )
    clash = _times_clash(times, {**defaults, **timing}, fastest)
    if clash:
        raise ValueError(clash)
    return {**data, "timing": {**timing, **times}}


def _times_clash(times: dict[str, float], timing: dict[str, Any], fastest: int) -> str:
    """Return why a verdict cannot be in time on the fastest belt; empty when it can."""
    delay_ms, guard_ms, pitch_ms = times.values()
    fast = f"at gate.max_ticks_per_s {fastest}"
    if guard_ms < 1:
        return f"gate.guard_ticks are {guard_ms:.2g} ms {fast}, and a gate needs at least 1 ms"
    command_ms, within_ms = timing["command_ms"], timing["frame_within_ms"]
    if not all(type(one) in {int, float} for one in (command_ms, within_ms)):
        return ""
    left_ms = delay_ms - 2 * guard_ms - command_ms
    if left_ms <= within_ms:
        return (
            f"gate.delay_ticks are {delay_ms:g} ms {fast}, which leaves {left_ms:g} ms for frame "
            f"and verdict (less twice the guard and timing.command_ms), and frame_within_ms alone "
            f"is {within_ms:g}: move the gate further away or let the belt run more slowly"
        )
    if pitch_ms < within_ms:
        return (
            f"gate.min_pitch_ticks are {pitch_ms:g} ms {fast}, shorter than timing.frame_within_ms "
            f"{within_ms:g}: a frame could show the next part"
        )
    return ""
