"""Trigger driver `command`: a line in a named pipe of this computer is a part."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import stat
from collections.abc import Sequence

from agent.config.trigger import CommandTrigger as Section
from agent.errors import GateError

WORD = b"part"
_READ_BYTES = 4096
# A longer line is no command, whatever comes after it.
_MAX_LINE = 64


class CommandTrigger:
    """Any program that may write to the pipe gives triggers: `echo part > PIPE`.

    A part's moment is when its line is read. Only the line `part` counts; others are refused and
    counted. A pipe reaches no further than this computer, and its rights say who may write.
    """

    def __init__(self, section: Section) -> None:
        self._path = section.pipe
        self._fd = -1
        self._rest = b""
        self.refused = 0

    @property
    def due_ns(self) -> int | None:
        """Return None: when the next part comes is not known."""
        return None

    def open(self, now_ns: int) -> None:
        """Make the pipe and listen; harmless when that has been done. Raises GateError.

        Lines from before are dropped: their parts have passed.
        """
        del now_ns
        if self._fd >= 0:
            return
        try:
            fd = self._open_pipe()
        except OSError as error:
            raise GateError(f"trigger.pipe {self._path}: {error.strerror}") from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(fd)
            raise GateError(f"trigger.pipe {self._path} is taken by another agent") from error
        self._fd, self._rest = fd, b""
        while self._read():
            pass

    def poll(self, now_ns: int) -> Sequence[int]:
        """Return this moment once for every part that was told. Raises GateError when lost."""
        if self._fd < 0:
            return []
        if not os.fstat(self._fd).st_nlink:
            self.close()
            raise GateError(f"the trigger pipe {self._path} was removed: no part can be told")
        *lines, self._rest = (self._rest + self._read()).split(b"\n")
        if len(self._rest) > _MAX_LINE:  # its beginning is kept, so that its end is no command
            self._rest = self._rest[:_MAX_LINE]
        parts = sum(line.strip(b"\r ") == WORD for line in lines)
        self.refused += len(lines) - parts
        return [now_ns] * parts

    def watch(self, poller: select.poll) -> None:
        """Let a poller wake up when a line comes."""
        if self._fd >= 0:
            poller.register(self._fd, select.POLLIN)

    def close(self) -> None:
        """Let go of the pipe; it stays where it is, so that writers find it again."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _open_pipe(self) -> int:
        with contextlib.suppress(FileExistsError):
            os.mkfifo(self._path, 0o660)
        # Open for both, since a pipe without a writer would be readable, and empty, all the time.
        fd = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISFIFO(os.fstat(fd).st_mode):
            os.close(fd)
            raise GateError(
                f"trigger.pipe {self._path} is no named pipe: remove it, or name another"
            )
        return fd

    def _read(self) -> bytes:
        try:
            return os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise GateError(f"the trigger pipe {self._path} is lost: {error.strerror}") from error
