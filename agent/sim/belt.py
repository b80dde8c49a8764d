"""When each part of a simulated belt meets the photo-eye: a pure function of its number.

Camera and gate controller live in different processes; both compute the same belt from the same
few numbers, against CLOCK_MONOTONIC, which processes of one machine share.
"""

from __future__ import annotations

from dataclasses import dataclass

_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Belt:
    """Parts at `rate_per_s`, each shifted at random by at most `jitter` / 2 of the pitch.

    Part 0 is due at `start_ns`; with `parts` the belt is empty after so many.
    """

    rate_per_s: float
    jitter: float = 0.3
    seed: int = 1
    start_ns: int = 0
    parts: int | None = None

    @property
    def pitch_ns(self) -> int:
        """Return the mean time between two parts in nanoseconds."""
        return round(1e9 / self.rate_per_s)

    def arrival_ns(self, part: int) -> int:
        """Return when the part with this number, from 0, meets the photo-eye."""
        shift = (_mix(self.seed, part) / 2.0**64 - 0.5) * self.jitter
        return self.start_ns + round((part + shift) * self.pitch_ns)

    def latest_part(self, now_ns: int) -> int | None:
        """Return the last part that has met the photo-eye by `now_ns`; None before the first."""
        part = (now_ns - self.start_ns) // self.pitch_ns + 1
        if self.parts is not None:
            part = min(part, self.parts - 1)
        while part >= 0 and self.arrival_ns(part) > now_ns:
            part -= 1
        return part if part >= 0 else None


def _mix(seed: int, number: int) -> int:
    """Scramble two numbers into 64 bits (splitmix64, Steele et al. 2014)."""
    z = (seed * 0x9E3779B97F4A7C15 + number * 0xBF58476D1CE4E5B9 + 0x94D049BB133111EB) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)
