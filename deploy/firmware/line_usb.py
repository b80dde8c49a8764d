"""The line to the host over the Pico's own USB port."""

import select
import sys

import micropython
from micropython import const

# One turn of the loop takes no more than this, so that a flood of bytes cannot hold it up.
_READ_BYTES = const(128)
# USB's own packet: what is written while there is room waits for nobody.
_WRITE_BYTES = const(64)


class UsbLine:
    """Bytes both ways without ever waiting."""

    def __init__(self) -> None:
        # Byte 3 is Ctrl-C to a console; here it is a byte like any other.
        micropython.kbd_intr(-1)
        self._in = sys.stdin.buffer
        self._out = sys.stdout.buffer
        self._reads, self._writes = select.poll(), select.poll()
        self._reads.register(sys.stdin, select.POLLIN)
        self._writes.register(sys.stdout, select.POLLOUT)
        self._byte = bytearray(1)
        self._buffer = bytearray(_READ_BYTES)
        self._waiting = False

    def any(self) -> bool:
        """Return whether there is something to read, or room for what had none before."""
        return _ready(self._reads) or (self._waiting and _ready(self._writes))

    def read(self) -> bytes:
        """Return what has come, which may be nothing."""
        length = 0
        while length < _READ_BYTES and _ready(self._reads):
            self._in.readinto(self._byte)
            self._buffer[length] = self._byte[0]
            length += 1
        return bytes(self._buffer[:length])

    def write(self, data: memoryview) -> int:
        """Send bytes as far as there is room; returns how many went."""
        went = 0
        while went < len(data) and _ready(self._writes):
            went += self._out.write(data[went : went + _WRITE_BYTES]) or 0
        self._waiting = went < len(data)
        return went


def _ready(poll) -> bool:
    for _ in poll.ipoll(0):
        return True
    return False
