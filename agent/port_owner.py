"""Who has a serial port open, as the kernel tells it without opening anything."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def port_owner(name: str) -> str:
    """Return ` by PROGRAM (process N)` for who has the port open, as far as we may see it."""
    target = os.path.realpath(name)
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(os.path.realpath(fd) == target for fd in (process / "fd").iterdir()):
                program = (process / "comm").read_text().strip()
                return f" by {program} (process {process.name})"
    return ""
