"""A child process whose output is read without waiting; ended with all that it started."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import select
import signal
import subprocess
from collections.abc import Sequence
from typing import IO, cast

from agent.errors import CameraError

_PIPE_BYTES = 1 << 20  # fewer wake-ups for large frames; the most an ordinary user may ask for
_KEPT_ERRORS = 4096
_TERM_S, _KILL_S, _SOON_S = 1.0, 1.0, 0.2
_MOST_READS = 64
_SHOWN = 300

_log = logging.getLogger(__name__)


class Child:
    """One command in a process group of its own, which `end` ends as a whole."""

    READ_BYTES = 1 << 20

    def __init__(
        self, command: Sequence[str], *, shell: bool = False, keeps: Sequence[int] = ()
    ) -> None:
        """Start the command, which inherits the descriptors that it `keeps`.

        Raises CameraError when it cannot be started.
        """
        self._name = command[0]
        self._process = _start(command, shell=shell, keeps=keeps)
        self._pipes = [
            cast("IO[bytes]", self._process.stdout),
            cast("IO[bytes]", self._process.stderr),
        ]
        self._out, self._err = (pipe.fileno() for pipe in self._pipes)
        for descriptor in (self._out, self._err):
            os.set_blocking(descriptor, False)
        with contextlib.suppress(OSError):
            fcntl.fcntl(self._out, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._errors = b""
        self._poller = select.poll()
        self._poller.register(self._out, select.POLLIN)
        self._poller.register(self._err, select.POLLIN)

    @property
    def pid(self) -> int:
        """Return the number of the process, which is that of its group as well."""
        return self._process.pid

    def wait(self, timeout_s: float) -> bool:
        """Wait for output; False when there is none. What it says of errors is kept aside."""
        ready = dict(self._poller.poll(max(0.0, timeout_s) * 1000))
        if self._err in ready and self._read_errors() is None:
            self._poller.unregister(self._err)
        return self._out in ready

    def read(self) -> bytes | None:
        """Return what it has written, b"" when that is nothing yet, None after its end."""
        try:
            data = os.read(self._out, self.READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError:
            return None
        return data or None

    def obituary(self) -> str:
        """Return how it ended, with the last line that it wrote to its error output."""
        how = "closed its output"
        if self._ends_within(_SOON_S):
            # Looked at, not waited for: until `end` the group's number must stay its own.
            found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
            if found is not None:
                how = _how(found.si_code, found.si_status)
        for _ in range(_MOST_READS):
            if not self._read_errors():
                break
        return f"the camera command {self._name} {how}{self.complaint}"

    @property
    def complaint(self) -> str:
        """Return the last line of its error output as `: line`; empty when there is none."""
        lines = [line.strip() for line in self._errors.decode("utf-8", "replace").splitlines()]
        last = next((line for line in reversed(lines) if line), "")
        shown = "".join(letter if letter.isprintable() else "?" for letter in last[:_SHOWN])
        return f": {shown}" if shown else ""

    def end(self) -> None:
        """End the group: asked first, then killed. Nothing of it is left behind."""
        self._signal(signal.SIGTERM)
        if not self._ends_within(_TERM_S):
            _log.warning("the camera command %s does not end when asked: killed", self._name)
        # It is not yet waited for, so that the group's number is still its own.
        self._signal(signal.SIGKILL)
        try:
            self._process.wait(_KILL_S)
        except subprocess.TimeoutExpired:
            _log.error("process %d cannot be killed and is left to itself", self.pid)
        for pipe in self._pipes:
            pipe.close()

    def _ends_within(self, seconds: float) -> bool:
        """Return whether it ends in time, without taking its exit code away."""
        with contextlib.suppress(OSError):
            watch = os.pidfd_open(self.pid)
            try:
                poller = select.poll()
                poller.register(watch, select.POLLIN)
                return bool(poller.poll(seconds * 1000))
            finally:
                os.close(watch)
        return False

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _read_errors(self) -> bytes | None:
        """Keep the end of the error output; b"" when there is nothing now, None at its end."""
        try:
            data = os.read(self._err, _KEPT_ERRORS)
        except BlockingIOError:
            return b""
        except OSError:
            return None
        self._errors = (self._errors + data)[-_KEPT_ERRORS:]
        return data or None


def _start(command: Sequence[str], *, shell: bool, keeps: Sequence[int]) -> subprocess.Popen[bytes]:
    words = ["/bin/sh", "-c", command[0]] if shell else list(command)
    try:
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            pass_fds=keeps,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise CameraError(_why_not(command[0], error)) from error


def _how(code: int, status: int) -> str:
    if code == os.CLD_EXITED:
        return f"ended with code {status}"
    return f"was ended by {signal.Signals(status).name}"


def _why_not(name: str, error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"there is no program {name}: install it, or set camera.command to its full path"
    return f"the camera command {name} cannot be started: {error}"
