"""Holds the line of a serial port as gate driver `line` does: at rest, or toggling without end.

`modem_line.py PORT rest|pulse`; runs on the emulated board, with the installed package.
"""

from __future__ import annotations

import signal
import sys
import time

from agent.config.gate import LineGate
from agent.gates.line import LineRelay
from agent.gates.relay import Stroke

ENDLESS = Stroke((1,), 3_600_000, 2**62)


def main() -> None:
    """Open the port and serve it until SIGTERM, which closes it in good order."""
    port, what = sys.argv[1:]
    relay = LineRelay(LineGate(driver="line", port=port))
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    relay.open(time.monotonic_ns())
    if what == "pulse":
        relay.pulse(ENDLESS, time.monotonic_ns())
    while not stopped:
        relay.serve(time.monotonic_ns(), None)
        time.sleep(0.005)
    relay.close()


if __name__ == "__main__":
    main()
