"""A host that passes every part and is made to be killed: `python -m agent.drill.victim CONFIG`.

It says `ready` once the gate is open. A line on its standard input is a part by hand.
"""

from __future__ import annotations

import select
import sys
from pathlib import Path

from agent.clock import SystemClock
from agent.config.document import read_config
from agent.drill.station import Station


def main() -> int:
    """Serve the gate until standard input ends."""
    clock = SystemClock()
    station = Station(read_config(Path(sys.argv[1])), clock, passes=True)
    station.open()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    try:
        while True:
            station.serve()
            if select.select([sys.stdin], [], [], 0)[0]:
                if not sys.stdin.readline():
                    return 0
                station.hand.part(clock.now_ns())
    finally:
        station.close()


if __name__ == "__main__":
    sys.exit(main())
