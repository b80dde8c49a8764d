"""Good bytes of every kind, for the fuzz targets to damage."""

from __future__ import annotations

import atexit
import tempfile
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from bundles import write_scripted
from moved_line import TERMS, run

from agent.config.document import known_keys
from agent.ledger.sequence import SEQUENCE_NAME, Marks, write_marks
from agent.sim.belt import Belt
from agent.sim.line_faults import LineFaults
from agent.sim.virtual import VirtualLine

SECOND = 10**9
GOOD_CONFIG = (
    '[station]\nline = "l1"\n[camera]\ndriver = "v4l2"\ndevice = "/dev/video0"\nwidth = 640\n'
    'height = 480\nexposure_us = 2000\n[model]\nbundle = "m.lwb"\n[timing]\ndelay_ms = 400.0\n'
    'guard_ms = 8.0\nmin_pitch_ms = 17.0\nmax_in_flight = 64\n[gate]\ndriver = "controller"\n'
    'port = "/dev/ttyACM0"\n[ledger]\nfolder = "state"\ngroup_ms = 0.0\n[mqtt]\nhost = "b"\n'
    'port = 1883\nkeepalive_s = 10\nwindow = 20\n[metrics]\nport = 0\n'
)  # fmt: skip


class _Tapped(LineFaults):
    """A line that keeps what goes over it."""

    def __init__(self, kept: list[bytes], rates, seed):
        super().__init__(rates, seed)
        self._kept = kept

    def put(self, data, now_ns):
        """Keep and send on."""
        self._kept += [piece + b"\0" for piece in data.split(b"\0") if piece]
        super().put(data, now_ns)


@cache
def traffic() -> tuple[list[bytes], list[bytes]]:
    """Return the frames of some seconds of a line: to the controller, and from it."""
    line = VirtualLine(TERMS, Belt(20.0, jitter=0.2, seed=3, start_ns=3 * SECOND))
    down, up = [], []
    line.down = _Tapped(down, line.down._rates, 1)
    line.up = _Tapped(up, line.up._rates, 2)
    run(line, 6)
    return down[-400:], up[-400:]


@cache
def option_keys() -> list[str]:
    """Return the names of all options as section.key."""
    return known_keys()


@cache
def scratch_folder() -> Path:
    """Return a folder of this process, removed with it."""
    holder = tempfile.TemporaryDirectory(prefix="linewarden-fuzz-")
    atexit.register(holder.cleanup)
    return Path(holder.name)


@cache
def good_marks() -> bytes:
    """Return the ledger's small file."""
    write_marks(scratch_folder(), Marks("a1b2c3d4", 2000, 1500, 1400))
    return (scratch_folder() / SEQUENCE_NAME).read_bytes()


@cache
def good_bundle() -> bytes:
    """Return the bytes of a whole bundle."""
    return write_scripted(scratch_folder() / "m.lwb").read_bytes()


@cache
def good_jpeg() -> bytes:
    """Return a picture of noise."""
    pixels = np.random.default_rng(1).integers(0, 255, (48, 64)).astype(np.uint8)
    return cv2.imencode(".jpg", pixels)[1].tobytes()
