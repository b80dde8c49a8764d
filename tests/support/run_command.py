"""Runs a sub-command in a process of its own."""

from __future__ import annotations

import subprocess

from live_line import LINEWARDEN, ROOT


def linewarden(*arguments, code=0):
    """Run one sub-command and return what it printed."""
    done = subprocess.run(
        [*LINEWARDEN, *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr[-2000:]
    return done.stdout
