"""The simulated controller's process with the firmware under MicroPython inside: belt, cable, pty.

`python tests/support/firmware_process.py OPTIONS` is `python -m agent.sim.process OPTIONS`.
"""

from __future__ import annotations

import subprocess
import sys

from firmware_board import BoardFirmware, Interpreter
from gate_process import CLOCK, SECOND, GateProcess

from agent.sim import process


class BoardProcess(GateProcess):
    """What `GateProcess` is, with the board's firmware."""

    def __enter__(self) -> BoardProcess:
        start = subprocess.Popen

        def with_board(arguments, **options):
            assert arguments[1:3] == ["-m", "agent.sim.process"]
            return start([arguments[0], __file__, *arguments[3:]], **options)

        subprocess.Popen = with_board
        try:
            return super().__enter__()
        finally:
            subprocess.Popen = start


def main() -> int:
    """Run the process with the board's firmware."""
    with Interpreter() as interpreter:
        # A belt that began while a busy machine was still loading all this would be half over.
        ready_ns = CLOCK.now_ns() + 3 * SECOND
        arguments = [_not_before(argument, ready_ns) for argument in sys.argv[1:]]
        BoardFirmware.interpreter = interpreter
        process.Firmware = BoardFirmware
        return process.main(arguments)


def _not_before(argument: str, ready_ns: int) -> str:
    name, _, value = argument.partition("=")
    return f"{name}={max(int(value), ready_ns)}" if name == "--start-ns" else argument


if __name__ == "__main__":
    sys.exit(main())
