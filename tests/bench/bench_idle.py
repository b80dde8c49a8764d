"""Memory of the configured agent while no part comes: its process, and that of its video device.

The real driver holds a scripted device of 30 frames/s, in a process of its own as on a board; the
drawn camera keeps 48 MB that no line has. RSS counts mapped files whole in each process. "Together"
counts what both map once: that is what the board lacks. `own` (USS) is what no file stands behind.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

SUPPORT = Path(__file__).parents[1] / "support"
sys.path.insert(0, str(SUPPORT))

import live_line
import psutil
from live_line import RENDERED, ROOT, LiveLine

SETTLE_S = 10.0
CAMERA = """driver = "v4l2"
device = "/dev/video0"
width = 300
height = 300
pixels = "gray"
frame_rate = 30.0
exposure_us = 1500"""
WITH_STAND_IN = """
from agent import drivers
drivers.CAMERAS["v4l2"] = "apart_stand_ins:unwilling"
import linewarden
linewarden.main()
"""


def main() -> None:
    """Start the agent, let it settle and look."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--bundle", type=Path, default=RENDERED)
    options = parser.parse_args()
    live_line.LINEWARDEN[1:] = ["-c", WITH_STAND_IN]
    with tempfile.TemporaryDirectory() as name, LiveLine(Path(name)) as line:
        line.bundle = options.bundle
        line.lead_s = 3600.0
        line.environment = {"PYTHONPATH": os.pathsep.join((str(ROOT), str(SUPPORT)))}
        line.prepare()
        text = line.config.read_text("utf-8").replace('driver = "sim"\ndeck = 16', CAMERA, 1)
        line.config.write_text(text, "utf-8")
        line.start_gate()
        agent = psutil.Process(line.start_agent().pid)
        time.sleep(SETTLE_S)
        report(options.bundle.name, agent)


def report(title: str, agent: psutil.Process) -> None:
    """Print the memory of the agent and of its camera."""
    (camera,) = agent.children()
    whole = {name: one.memory_full_info() for name, one in (("agent", agent), ("camera", camera))}
    print(f"memory of the idle agent, {title}")
    for name, found in whole.items():
        print(f"  {name}: RSS {found.rss / 1e6:.0f} MB, own (USS) {found.uss / 1e6:.0f}")
    print(f"  together: {together_mb([agent, camera]):.0f} MB")


def together_mb(processes: list[psutil.Process]) -> float:
    """Return what processes have in memory, a file that several map counted once, in MB."""
    files: Counter[str] = Counter()
    others = 0
    for process in processes:
        for area in process.memory_maps():
            others += area.anonymous
            mapped = area.rss - area.anonymous
            files[area.path] = max(files[area.path], mapped)
    return (others + files.total()) / 1e6


if __name__ == "__main__":
    main()
