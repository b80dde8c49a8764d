"""Forbids this process memory that is written and executed, as systemd does; then runs the model.

Usage: memory_guard.py BUNDLE guarded|free. Prints the scores of ten frames as JSON.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import platform
import sys
from pathlib import Path

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, EQUALS, MASK, ANSWER = 0x20, 0x15, 0x54, 0x06
REFUSE, ALLOW = 0x00050000 | 1, 0x7FFF0000
THIRD_ARGUMENT = 16 + 2 * 8
WRITE_EXEC, EXEC, SHM_EXEC = 6, 4, 0o100000
# mmap, mprotect, pkey_mprotect, shmat: what MemoryDenyWriteExecute= looks at (systemd.exec(5)).
CALLS = {
    "x86_64": ((9, WRITE_EXEC), (10, EXEC), (329, EXEC), (30, SHM_EXEC)),
    "aarch64": ((222, WRITE_EXEC), (226, EXEC), (288, EXEC), (196, SHM_EXEC)),
}


class Instruction(ctypes.Structure):
    """struct sock_filter."""

    _fields_ = (
        ("code", ctypes.c_ushort),
        ("yes", ctypes.c_ubyte),
        ("no", ctypes.c_ubyte),
        ("value", ctypes.c_uint),
    )


class Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.POINTER(Instruction)))


def forbid_write_execute() -> None:
    """Install the filter for this process and all its threads to come."""
    steps = [(LOAD, 0, 0, 0)]
    for number, flags in CALLS[platform.machine()]:
        steps += [
            (EQUALS, 0, 5, number),
            (LOAD, 0, 0, THIRD_ARGUMENT),
            (MASK, 0, 0, flags),
            (EQUALS, 0, 1, flags),
            (ANSWER, 0, 0, REFUSE),
            (LOAD, 0, 0, 0),
        ]
    steps.append((ANSWER, 0, 0, ALLOW))
    array = (Instruction * len(steps))(*[Instruction(*step) for step in steps])
    program = Program(len(steps), array)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program)
    ):
        raise OSError(ctypes.get_errno(), "no seccomp here")


def main() -> None:
    """Judge ten frames, guarded or not."""
    path, mode = sys.argv[1:]
    refused = False
    if mode == "guarded":
        forbid_write_execute()
        try:
            mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        except OSError:
            refused = True
    import numpy as np

    from agent.active_model import open_active
    from agent.clock import SystemClock
    from agent.drivers import open_engine

    model = open_active(Path(path), lambda data: open_engine("litert", data, 2), SystemClock())
    spec = model.manifest.input
    shape = (spec.frame_height, spec.frame_width)
    frames = (np.random.default_rng(n).integers(0, 255, shape) for n in range(10))
    scores = [model.judge(frame.astype(np.uint8)).score for frame in frames]
    model.close()
    sys.stdout.write(json.dumps({"refused": refused, "scores": scores}) + "\n")


if __name__ == "__main__":
    main()
