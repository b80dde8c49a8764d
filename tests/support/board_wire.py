"""The cable between a board's serial line and a simulated controller: bytes kept, both ways."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import tty
from pathlib import Path

from agent.gates.messages import Pass
from agent.gates.wire import FrameReader

_LOOK_S = 0.2


class Cable:
    """Joins a connected socket (the board's end) to a pty (the controller's) until it is pulled."""

    def __init__(self, board: socket.socket, port: Path) -> None:
        self._board = board
        self._pty = os.open(port, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._pty)
        self._from_board: list[bytes] = []
        self._lock = threading.Lock()
        self._pulled = threading.Event()
        self._thread = threading.Thread(target=self._carry, name="board-cable")
        self._thread.start()

    def __enter__(self) -> Cable:
        return self

    def __exit__(self, *_: object) -> None:
        self._pulled.set()
        self._thread.join(10)
        os.close(self._pty)
        self._board.close()

    @property
    def said(self) -> bytes:
        """Return every byte that the board has sent so far."""
        with self._lock:
            return b"".join(self._from_board)

    def _carry(self) -> None:
        with contextlib.suppress(OSError):  # either end is gone: so is the cable
            while not self._pulled.is_set():
                ready = select.select([self._board, self._pty], [], [], _LOOK_S)[0]
                if self._board in ready:
                    data = self._board.recv(4096)
                    if not data:
                        return
                    with self._lock:
                        self._from_board.append(data)
                    os.write(self._pty, data)
                if self._pty in ready:
                    self._board.sendall(os.read(self._pty, 4096))


def permissions(said: bytes) -> set[tuple[int, int]]:
    """Return the (boot, part) of every PASS on the wire."""
    messages = [frame.message for frame in FrameReader().feed(said)]
    return {(each.boot, each.part) for each in messages if isinstance(each, Pass)}
