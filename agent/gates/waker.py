"""Ends a wait on file descriptors from another thread."""

from __future__ import annotations

import contextlib
import os
import select
import threading


class Waker:
    """A pipe to oneself. Any thread may call `wake`, also before `open` and after `close`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pipe: tuple[int, int] | None = None

    def open(self) -> None:
        """Make the pipe; harmless when it is there."""
        with self._lock:
            if self._pipe is None:
                self._pipe = os.pipe()
                for fd in self._pipe:
                    os.set_blocking(fd, False)

    def watch(self, poller: select.poll) -> None:
        """Let a poller wake up when somebody calls."""
        if self._pipe is not None:
            poller.register(self._pipe[0], select.POLLIN)

    def wake(self) -> None:
        """End the wait in progress, or the next one."""
        # The lock keeps the number from being closed, and given to another file, meanwhile.
        with self._lock, contextlib.suppress(BlockingIOError):
            if self._pipe is not None:
                os.write(self._pipe[1], b"w")

    def clear(self) -> bool:
        """Wait again from now on; returns whether somebody had called."""
        if self._pipe is None:
            return False
        try:
            return bool(os.read(self._pipe[0], 4096))
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Let go of the pipe; harmless when it is closed."""
        with self._lock:
            pipe, self._pipe = self._pipe, None
            for fd in pipe or ():
                os.close(fd)
