"""Stand-ins for cameras: a scripted video device and commands that write frames."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from agent.errors import CameraError

FOURCC = {name: float(int.from_bytes(name.encode(), "little")) for name in ("MJPG", "YUYV", "GREY")}

# Writes NUMBER frames of WIDTH x HEIGHT gray pixels, RATE a second; frame n holds n everywhere,
# but for some noise. Further words: what it does besides.
WRITER = """
import os, signal, sys, time
width, height, rate, number = (int(word) for word in sys.argv[1:5])
besides = sys.argv[5:]
out = sys.stdout.buffer
if "stubborn" in besides:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "parent" in besides and os.fork() == 0:
    time.sleep(600)
start = time.monotonic()
for n in range(number):
    time.sleep(max(0.0, start + n / rate - time.monotonic()))
    out.write(bytes([n % 200]) * (width * height - 16) + os.urandom(16))
    out.flush()
if "half" in besides:
    out.write(bytes(width * height // 2))
    out.flush()
if "complain" in besides:
    print("first line\\nno such sensor: imx477", file=sys.stderr, flush=True)
if "stay" in besides:
    time.sleep(600)
sys.exit(7)
"""


def writer(width=64, height=48, rate=100, number=100_000, *besides):
    """Return the command that runs WRITER."""
    return [sys.executable, "-c", WRITER, *map(str, (width, height, rate, number)), *besides]


def alive(pid):
    """Return whether a process of this group runs (a zombie does not)."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == pid and fields[0] != "Z":
            return True
    return False


def jpeg(number=0, width=64, height=48):
    """Return a JPEG picture whose tone tells its number."""
    pixels = np.full((height, width), (number * 10) % 250, np.uint8)
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


class ScriptedDevice:
    """A free-running video device in the injected clock's time.

    Like a real one it keeps the OLDEST frames when nobody takes them. `sticks` changes what a
    setting becomes, `stamps` how frame times look, `content` what a frame holds; `gone` unplugs
    it, `silent` hangs it.
    """

    def __init__(self, clock, period_ns=10_000_000, width=64, height=48):
        self.clock, self.period_ns = clock, period_ns
        self.width, self.height = width, height
        self.values, self.sticks, self.asked = {}, {}, []
        self.gone = self.silent = self.released = False
        self.stamps = lambda taken_ns: taken_ns
        self.content = self.gray
        self._queue, self._start_ns, self._next = [], clock.now_ns(), 0
        self._stamp_ns = 0

    def gray(self, number):
        """Return the raw bytes of a gray frame that tells its number."""
        raw = np.full(self.width * self.height, number % 251, np.uint8)
        raw[:8] = np.random.default_rng(number).integers(0, 255, 8)
        return raw

    def set(self, prop, value):
        """Take a value, or what the test makes of it."""
        self.asked.append(prop)
        self.values[prop] = self.sticks.get(prop, value)
        return prop not in self.sticks

    def get(self, prop):
        """Return a value, or the grabbed frame's time in milliseconds."""
        if prop == cv2.CAP_PROP_POS_MSEC:
            return self._stamp_ns / 1e6
        return self.values.get(prop, -1.0)

    def wait(self, timeout_s):
        """Wait in the clock's time for the next frame."""
        if self.gone:
            raise CameraError("the camera /dev/video0 gives no frames any more")
        if self.silent:
            return False
        self._fill()
        if not self._queue:
            due_ns = self._start_ns + self._next * self.period_ns
            wait_ns = due_ns - self.clock.now_ns()
            if wait_ns > timeout_s * 1e9:
                self.clock.advance(round(timeout_s * 1e9))
                return False
            self.clock.advance(max(wait_ns, 0))
            self._fill()
        self._stamp_ns = self.stamps(self._queue[0][0])
        return True

    def take(self):
        """Hand out the oldest frame."""
        self._fill()
        return self.content(self._queue.pop(0)[1])

    def release(self):
        """Note that it was let go of."""
        self.released = True

    def _passed(self):
        return int((self.clock.now_ns() - self._start_ns) // self.period_ns)

    def _fill(self):
        room = max(1, int(self.values.get(cv2.CAP_PROP_BUFFERSIZE, 4)))
        while self._next <= self._passed():
            if len(self._queue) < room:  # else nobody can have this frame any more
                taken_ns = self._start_ns + self._next * self.period_ns
                self._queue.append((taken_ns, self._next))
            self._next += 1
