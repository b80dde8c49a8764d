"""A simulated relay board on a real pty, in a thread of its own, which ends its own pulses."""

from __future__ import annotations

import os
import select
import threading
import tty
from pathlib import Path

from agent.clock import SystemClock
from agent.gates import modbus_frame

CLOCK = SystemClock()
MS = 1_000_000


class RelayBoard:
    """Obeys Modbus frames (function 5 with flash-on, function 1) or LCUS commands.

    It keeps with times what was received (`frames`) and when its coil changed (`changes`).
    `mood` is how it behaves: `good`, `silent` (obeys, says nothing), `dead` (does nothing),
    `garbled` (answers with a wrong checksum), `foreign` (answers to something else), `refusing`
    (exception 1), `echo` (an adapter that echoes, no board behind it), `stuck` (coil always on).
    """

    def __init__(self, folder: Path, kind: str = "modbus", address: int = 1) -> None:
        self.link = folder / "relay"
        self._parse = {"modbus": self._modbus, "lcus": self._lcus}[kind]
        self._address = address
        self._master = -1
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay-board")
        self._rest = b""
        self._off_ns: int | None = None
        self.mood = "good"
        self.on = False
        self.frames: list[tuple[int, bytes]] = []
        self.changes: list[tuple[int, bool]] = []

    def __enter__(self) -> RelayBoard:
        self.plug()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.cut()

    def plug(self) -> None:
        """Plug it in: a new port, under the same name."""
        with self._lock:
            self._master, slave = os.openpty()
            tty.setraw(slave)
            self.link.unlink(missing_ok=True)
            self.link.symlink_to(os.ttyname(slave))
            os.close(slave)
            os.set_blocking(self._master, False)

    def cut(self) -> None:
        """Pull the cable; the board itself keeps its power."""
        with self._lock:
            master, self._master, self._rest = self._master, -1, b""
            if master >= 0:
                os.close(master)
                self.link.unlink(missing_ok=True)

    def pulses(self) -> list[tuple[int, int]]:
        """Return from when to when the coil was on; a pulse that is on ends at 2**63."""
        changes = [*self.changes, (2**63, False)]
        return [(at_ns, changes[i + 1][0]) for i, (at_ns, on) in enumerate(self.changes) if on]

    def flashes(self) -> list[bytes]:
        """Return the flash-on frames that came in."""
        return [frame for _at, frame in self.frames if frame[1:3] == b"\x05\x02"]

    def inject(self, data: bytes) -> None:
        """Say something that nobody has asked for."""
        with self._lock:
            os.write(self._master, data)

    def _run(self) -> None:
        while not self._over.is_set():
            with self._lock:
                self._tick()
                wait = self._master < 0 or not self._serve()
            if wait:
                self._over.wait(0.002)

    def _tick(self) -> None:
        if self._off_ns is not None and CLOCK.now_ns() >= self._off_ns:
            self._off_ns = None
            self._set(on=False)

    def _serve(self) -> bool:
        try:
            if not select.select([self._master], [], [], 0)[0]:
                return False
            self._rest += os.read(self._master, 4096)
        except OSError:  # nobody has the port open
            return False
        self._parse()
        return True

    def _set(self, *, on: bool) -> None:
        if on is not self.on:
            self.on = on
            self.changes.append((CLOCK.now_ns(), on))

    def _lcus(self) -> None:
        while len(self._rest) >= 4:
            frame, self._rest = self._rest[:4], self._rest[4:]
            self.frames.append((CLOCK.now_ns(), frame))
            if frame[0] == 0xA0 and frame[3] == sum(frame[:3]) & 0xFF and self.mood != "dead":
                self._set(on=frame[2] == 1)

    def _modbus(self) -> None:
        while len(self._rest) >= 8:
            frame, self._rest = self._rest[:8], self._rest[8:]
            self.frames.append((CLOCK.now_ns(), frame))
            if self.mood == "echo":
                os.write(self._master, frame)
            elif modbus_frame.is_sound(frame) and frame[0] == self._address:
                self._obey(frame)

    def _obey(self, frame: bytes) -> None:
        if self.mood == "dead":
            return
        if self.mood == "refusing":
            os.write(self._master, modbus_frame.seal(bytes((frame[0], frame[1] | 0x80, 1))))
            return
        answer = frame
        if frame[1] == modbus_frame.READ_COILS:
            on = self.on or self.mood == "stuck"
            answer = modbus_frame.seal(bytes((frame[0], 1, 1, int(on))))
        elif frame[2] == 2:
            self._off_ns = CLOCK.now_ns() + int.from_bytes(frame[4:6], "big") * 100 * MS
            self._set(on=True)
        elif frame[2] == 0:
            self._off_ns = None
            self._set(on=frame[4:6] == b"\xff\x00")
        if self.mood == "silent":
            return
        if self.mood == "garbled":
            answer = answer[:-1] + bytes((answer[-1] ^ 1,))
        if self.mood == "foreign":
            answer = modbus_frame.seal(bytes((frame[0] ^ 2,)) + answer[1:-2])
        os.write(self._master, answer)
