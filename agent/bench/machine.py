"""The machine that is measured: name, load, temperature, frequency."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent.bench.throttle import ThrottleWatch, Throttling
from agent.clock import Clock

LOOK_EVERY_NS = 1_000_000_000

# Zones that name no silicon: on a Jetson this one says 100 degrees for ever.
_NO_ZONES = ("PMIC-Die",)


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine that was measured; `load_1min` is how many processes wanted a core before."""

    cpu: str
    cores: int
    system: str
    governor: str | None
    load_1min: float | None


@dataclass(frozen=True, slots=True)
class Temperature:
    """The hottest zone, in degrees Celsius, before, after and at most."""

    zone: str
    before_c: float
    after_c: float
    max_c: float


@dataclass(frozen=True, slots=True)
class Frequency:
    """Clock of the cores in MHz: the lowest and highest seen, and what the machine could do."""

    min_mhz: float
    max_mhz: float
    limit_mhz: float | None


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the board said while it was measured; None is what it does not tell."""

    temperature: Temperature | None
    frequency: Frequency | None
    throttling: Throttling | None


class BoardWatch:
    """Looks at the board's sensors before, at most once a second during, and after the run."""

    def __init__(self, root: Path, clock: Clock, throttle: ThrottleWatch) -> None:
        """Take the first look; `root` is / or a tree like it."""
        self._root = root
        self._clock = clock
        self._throttle = throttle
        self._temperatures: list[tuple[float, str]] = []
        self._frequencies: list[float] = []
        self._looked_ns = clock.now_ns()
        self._look()

    def look(self) -> None:
        """Look again when the last time is a second ago."""
        if self._clock.now_ns() - self._looked_ns >= LOOK_EVERY_NS:
            self._looked_ns = self._clock.now_ns()
            self._look()

    def finish(self) -> Conditions:
        """Take the last look and return what was seen."""
        self._look()
        return Conditions(self._temperature(), self._frequency(), self._throttle.result())

    def _look(self) -> None:
        zones = sorted(read_temperatures(self._root), reverse=True)
        self._temperatures += zones[:1]
        self._frequencies += read_frequencies(self._root, "scaling_cur_freq")
        self._throttle.look()

    def _temperature(self) -> Temperature | None:
        if not self._temperatures:
            return None
        hottest, zone = max(self._temperatures)
        return Temperature(zone, self._temperatures[0][0], self._temperatures[-1][0], hottest)

    def _frequency(self) -> Frequency | None:
        if not self._frequencies:
            return None
        limits = read_frequencies(self._root, "cpuinfo_max_freq")
        return Frequency(min(self._frequencies), max(self._frequencies), max(limits, default=None))


def read_machine(root: Path) -> Machine:
    """Return the name of the processor, the cores this process may use and the system."""
    load = _text(root / "proc/loadavg").split()
    governor = _text(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").strip()
    return Machine(
        cpu=_processor(root),
        cores=len(os.sched_getaffinity(0)),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        governor=governor or None,
        load_1min=float(load[0]) if load else None,
    )


def _processor(root: Path) -> str:
    """Return the board's name from its device tree, else the processor's."""
    board = _text(root / "proc/device-tree/model").strip("\0\n ")
    if board:
        return board
    for line in _text(root / "proc/cpuinfo").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def read_temperatures(root: Path) -> Iterator[tuple[float, str]]:
    """Yield degrees Celsius and name of each thermal zone that answers."""
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*")):
        name = _text(zone / "type").strip() or zone.name
        text = _text(zone / "temp").strip()  # a zone that sleeps answers with an error
        if name not in _NO_ZONES and text.lstrip("-").isdigit():
            yield round(int(text) / 1000, 1), name


def read_frequencies(root: Path, name: str) -> list[float]:
    """Return a figure of every core's cpufreq folder in MHz."""
    folders = sorted((root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq"))
    texts = (_text(folder / name).strip() for folder in folders)
    return [round(int(text) / 1000, 1) for text in texts if text.isdigit()]


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text("utf-8", "replace")
    return ""
