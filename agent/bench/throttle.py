"""A Raspberry Pi's throttling flags: what its firmware says of power and heat."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ReadFlags = Callable[[], int | None]

_FILE = "sys/devices/platform/soc/soc:firmware/get_throttled"

# Bit n says "now", bit n + 16 "has happened since the start, or since the file was last read".
_FLAGS = {
    0: ("under_voltage", "the supply is too weak: use the board's own power supply and cable"),
    1: ("frequency_capped", "the firmware holds the clock down"),
    2: ("throttled", "the firmware slows the processor"),
    3: ("soft_temperature_limit", "the processor is warm: give it a heat sink or a fan"),
}


@dataclass(frozen=True, slots=True)
class Throttling:
    """Flags before and after the run, and the names of what happened during it."""

    before_hex: str
    after_hex: str
    before: tuple[str, ...]
    during: tuple[str, ...]


class ThrottleWatch:
    """Reads the flags again and again and tells what is new from what is old."""

    def __init__(self, read: ReadFlags) -> None:
        """Take the function that reads the flags; it returns None where there are none."""
        self._read = read
        self._seen: list[int] = []

    def look(self) -> None:
        """Read the flags."""
        flags = self._read()
        if flags is not None:
            self._seen.append(flags)

    def result(self) -> Throttling | None:
        """Return what was seen, None when this machine has no such flags."""
        if not self._seen:
            return None
        during = 0
        for before, flags in zip(self._seen, self._seen[1:], strict=False):
            during |= flags & 0xF
            # vcgencmd keeps what once happened; reading the file clears it. So what has
            # happened is new where the look before did not have it.
            during |= (flags & ~before) >> 16 & 0xF
        return Throttling(
            before_hex=f"0x{self._seen[0]:x}",
            after_hex=f"0x{self._seen[-1]:x}",
            before=flag_names(self._seen[0] & 0xF | self._seen[0] >> 16 & 0xF),
            during=flag_names(during),
        )


def flag_names(bits: int) -> tuple[str, ...]:
    """Return the names of the set bits 0 to 3."""
    return tuple(name for bit, (name, _) in _FLAGS.items() if bits >> bit & 1)


def flag_advice(name: str) -> str:
    """Return what a flag means for a technician."""
    return next(advice for flag, advice in _FLAGS.values() if flag == name)


def read_flags(root: Path) -> int | None:
    """Return the flags from the firmware's file, else from vcgencmd, else None."""
    with suppress(OSError, ValueError):
        return int((root / _FILE).read_text("ascii").strip(), 16)
    program = shutil.which("vcgencmd")
    return None if program is None else _ask(program)


def parse_vcgencmd(text: str) -> int | None:
    """Return the flags from `throttled=0x50005`."""
    name, _, value = text.strip().partition("=")
    with suppress(ValueError):
        return int(value, 16) if name == "throttled" else None
    return None


def _ask(program: str) -> int | None:
    with suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            [program, "get_throttled"], capture_output=True, text=True, timeout=2, check=False
        )
        return parse_vcgencmd(done.stdout)
    return None
