"""How warm the board is, and whether heat or a weak supply slows it down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_ZONES = "class/thermal/thermal_zone*"
_COOLERS = "class/thermal/cooling_device*"
_FIRMWARE = "devices/platform/soc/soc:firmware/get_throttled"  # a Raspberry Pi's
# Bits of the firmware that say "now".
_FLAGS = ("under_voltage", "frequency_capped", "throttled", "soft_temperature_limit")
_SLOWS_DOWN = ("cpufreq", "processor")  # coolers that take speed away; a fan is none
_LEAST_C, _MOST_C = -50.0, 200.0  # a sensor that says more is broken or not connected


@dataclass(frozen=True, slots=True)
class Thermal:
    """The hottest zone, None where there is no sensor, and what slows the board down just now."""

    hottest_c: float | None
    slowed_by: tuple[str, ...]

    @property
    def words(self) -> str:
        """Return what slows the board down, for `state`; empty when nothing does."""
        return ", ".join(self.slowed_by)


UNKNOWN = Thermal(None, ())


def read_thermal(root: Path = Path("/sys")) -> Thermal:
    """Ask the kernel and, on a Raspberry Pi, the firmware. What cannot be read is left out."""
    slowed = set(_firmware_flags(root / _FIRMWARE))
    if any(_coolers_at_work(root)):
        slowed.add("throttled")
    return Thermal(max(_temperatures_c(root), default=None), tuple(sorted(slowed)))


def _temperatures_c(root: Path) -> Iterator[float]:
    for zone in root.glob(_ZONES):
        with suppress(OSError, ValueError):
            degrees_c = int((zone / "temp").read_text("ascii")) / 1000
            if _LEAST_C < degrees_c < _MOST_C:
                yield degrees_c


def _coolers_at_work(root: Path) -> Iterator[bool]:
    for cooler in root.glob(_COOLERS):
        with suppress(OSError, ValueError):
            kind = (cooler / "type").read_text("ascii", "replace").lower()
            if any(word in kind for word in _SLOWS_DOWN):
                yield int((cooler / "cur_state").read_text("ascii")) > 0


def _firmware_flags(path: Path) -> Iterator[str]:
    with suppress(OSError, ValueError):
        bits = int(path.read_text("ascii"), 16)
        yield from (name for bit, name in enumerate(_FLAGS) if bits >> bit & 1)
