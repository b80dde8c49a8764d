"""A bad line to a broker: a TCP proxy that holds bytes back, stalls, and forgets connections."""

from __future__ import annotations

import random
import select
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field

CHUNK = 4096


@dataclass
class _Way:
    """One direction of one connection: bytes with the moment at which they come out."""

    source: socket.socket
    sink: socket.socket
    waiting: deque[tuple[float, bytes]] = field(default_factory=deque)


class TcpProxy:
    """Listens on a port of its own; one thread. A lost packet of TCP is a stall of all behind it.

    `delay_s` holds every byte back, `loss` of the chunks stall by `stall_s` besides, `half_open`
    lets nothing through any more though both ends still believe in the connection.
    """

    def __init__(self, port: int, seed: int = 1) -> None:
        self._to = port
        self._random = random.Random(seed)
        self.delay_s = self.loss = self.stall_s = 0.0
        self.half_open = False
        self.stalls = self.swallowed = self.accepted = 0
        self._ways: list[_Way] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._break = threading.Event()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tcp-proxy", daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Break all connections, whatever is on its way."""
        self._break.set()

    def stop(self) -> None:
        """Close everything and end the thread."""
        self._end.set()
        self._thread.join(10)
        for way in self._ways:
            way.source.close()
        self._listener.close()

    def _run(self) -> None:
        while not self._end.is_set():
            sources = [self._listener, *(way.source for way in self._ways)]
            ready, _, _ = select.select(sources, [], [], 0.005)
            if self._listener in ready:
                self._accept()
            if self._break.is_set():
                self._break.clear()
                while self._ways:
                    self._drop(self._ways[0])
            for way in [one for one in self._ways if one.source.fileno() >= 0]:
                if way.source in ready:
                    self._take(way)
                self._give(way)

    def _accept(self) -> None:
        near, _ = self._listener.accept()
        try:
            far = socket.create_connection(("127.0.0.1", self._to), timeout=2)
        except OSError:
            near.close()
            return
        self.accepted += 1
        self._ways += [_Way(near, far), _Way(far, near)]

    def _take(self, way: _Way) -> None:
        try:
            data = way.source.recv(CHUNK)
        except OSError:
            data = b""
        if not data:
            self._drop(way)
            return
        if self.half_open:
            self.swallowed += len(data)
            return
        stalled = self._random.random() < self.loss
        self.stalls += stalled
        due = time.monotonic() + self.delay_s + (self.stall_s if stalled else 0.0)
        # Nothing overtakes: what comes behind a lost packet waits for it.
        due = max(due, way.waiting[-1][0]) if way.waiting else due
        way.waiting.append((due, data))

    def _give(self, way: _Way) -> None:
        while way.waiting and way.waiting[0][0] <= time.monotonic():
            _, data = way.waiting.popleft()
            with suppress(OSError):
                way.sink.sendall(data)

    def _drop(self, way: _Way) -> None:
        """Close both ends of a connection."""
        both = [one for one in self._ways if way.source in (one.source, one.sink)]
        for one in both:
            self._ways.remove(one)
            one.source.close()
