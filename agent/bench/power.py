"""Energy per part, on machines that can tell: Intel's RAPL counters, a Jetson's INA3221."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent.clock import Clock

MEASURE_NS = 2_000_000_000
IDLE_STEP_S = 0.05
SAMPLE_EVERY_NS = 20_000_000  # a reading over I2C takes up to a millisecond

# What a Jetson calls the rail that feeds all others.
_INPUT_RAILS = ("VDD_IN", "POM_5V_IN", "SYS5V", "VIN_SYS_5V0")


@dataclass(frozen=True, slots=True)
class Energy:
    """What judging part after part takes; the machine's whole power, idle power included."""

    meter: str
    millijoules_per_part: float
    watts: float
    idle_watts: float


class Meter(Protocol):
    """A source of energy readings."""

    name: str

    def start(self, now_ns: int) -> None:
        """Begin to count from zero."""
        ...

    def sample(self, now_ns: int) -> None:
        """Read the sensor when it is time to."""
        ...

    def joules(self, now_ns: int) -> float:
        """Return the energy since `start`."""
        ...


class RaplMeter:
    """The energy counters of Intel and AMD processors: the sum of all packages."""

    name = "rapl"

    def __init__(self, packages: list[Path]) -> None:
        """Take the folders of the packages."""
        self._packages = packages
        self._ranges = [int((one / "max_energy_range_uj").read_text("ascii")) for one in packages]
        self._last = self._read()
        self._total_uj = 0

    def start(self, now_ns: int) -> None:
        """Begin to count from zero."""
        del now_ns
        self._last, self._total_uj = self._read(), 0

    def sample(self, now_ns: int) -> None:
        """Add what was used since the last reading; a counter that wrapped has begun at zero."""
        del now_ns
        readings = self._read()
        for now, before, limit in zip(readings, self._last, self._ranges, strict=True):
            self._total_uj += now - before if now >= before else now - before + limit
        self._last = readings

    def joules(self, now_ns: int) -> float:
        """Return the energy since `start`."""
        self.sample(now_ns)
        return self._total_uj / 1e6

    def _read(self) -> list[int]:
        return [int((one / "energy_uj").read_text("ascii")) for one in self._packages]


class Ina3221Meter:
    """A Jetson's power monitor: volts and amperes of its rails, summed up over time."""

    name = "ina3221"

    def __init__(self, rails: list[tuple[Path, Path]]) -> None:
        """Take the files of millivolts and milliamperes of the rails that make the whole."""
        self._rails = rails
        self._last_ns, self._last_w, self._total_j = 0, self._watts(), 0.0

    def start(self, now_ns: int) -> None:
        """Begin to count from zero."""
        self._last_ns, self._last_w, self._total_j = now_ns, self._watts(), 0.0

    def sample(self, now_ns: int) -> None:
        """Add the mean of this reading and the last one over the time between them."""
        if now_ns - self._last_ns >= SAMPLE_EVERY_NS:
            self._add(now_ns)

    def joules(self, now_ns: int) -> float:
        """Return the energy since `start`."""
        self._add(now_ns)
        return self._total_j

    def _add(self, now_ns: int) -> None:
        watts = self._watts()
        self._total_j += (watts + self._last_w) / 2 * (now_ns - self._last_ns) / 1e9
        self._last_ns, self._last_w = now_ns, watts

    def _watts(self) -> float:
        products = (
            int(volts.read_text("ascii")) * int(amperes.read_text("ascii"))
            for volts, amperes in self._rails
        )
        return sum(products) / 1e6


def find_meter(root: Path) -> Meter | None:
    """Return the machine's meter, None when there is none that we may read; `root` is /."""
    makers = (
        lambda: RaplMeter(_packages(root)) if _packages(root) else None,
        lambda: Ina3221Meter(_rails(root)) if _rails(root) else None,
    )
    for make in makers:
        try:
            meter = make()
        except (OSError, ValueError):  # RAPL is for root alone on most systems
            continue
        if meter is not None:
            return meter
    return None


def measure_energy(meter: Meter, clock: Clock, judge: Callable[[], object]) -> Energy | None:
    """Wait for two seconds, then judge parts for two seconds; None when the sensor gives out.

    The bundles cannot be told apart by a sensor that is slower than a part, so each is measured
    alone here, not in turn with the others.
    """
    try:
        idle_w, _ = _watts_while(meter, clock, lambda: clock.sleep(IDLE_STEP_S))
        watts, part_s = _watts_while(meter, clock, judge)
    except (OSError, ValueError):
        return None
    return Energy(meter.name, round(watts * part_s * 1000, 3), round(watts, 3), round(idle_w, 3))


def _watts_while(meter: Meter, clock: Clock, step: Callable[[], object]) -> tuple[float, float]:
    """Repeat a step for two seconds; returns the mean power and the seconds of a step."""
    start_ns = clock.now_ns()
    meter.start(start_ns)
    steps = 0
    while clock.now_ns() - start_ns < MEASURE_NS:
        step()
        steps += 1
        meter.sample(clock.now_ns())
    end_ns = clock.now_ns()
    seconds = (end_ns - start_ns) / 1e9
    return meter.joules(end_ns) / seconds, seconds / steps


def _packages(root: Path) -> list[Path]:
    """Return the folders of whole packages; their parts, as the cores, are counted in them."""
    folders = (root / "sys/class/powercap").glob("intel-rapl:*")
    return sorted(
        folder for folder in folders if (folder / "name").read_text("ascii").startswith("package")
    )


def _rails(root: Path) -> list[tuple[Path, Path]]:
    """Return the input rail of an INA3221, or all its rails where none is the input."""
    rails: dict[str, tuple[Path, Path]] = {}
    for folder in sorted((root / "sys/class/hwmon").glob("hwmon*")):
        if (folder / "name").read_text("ascii").strip() != "ina3221":
            continue
        for label in sorted(folder.glob("in[1-3]_label")):
            number = label.name[2]
            files = (folder / f"in{number}_input", folder / f"curr{number}_input")
            if all(file.exists() for file in files):
                rails[label.read_text("ascii").strip()] = files
    inputs = [rails[name] for name in _INPUT_RAILS if name in rails]
    return inputs[:1] or list(rails.values())
