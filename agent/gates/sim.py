"""The simulated gate: a controller in its own process behind a pty, driven like the real one."""

from __future__ import annotations

import os
import secrets
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import agent
from agent.clock import Clock
from agent.config import gate as config_gate
from agent.config.document import Belt, Timing
from agent.errors import GateError
from agent.gates.controller import ControllerGate
from agent.gates.terms import LineCounts
from agent.ports import GateEvent
from agent.records import GateOutcome, PassOrder, Trigger

_PROGRAM = "agent.sim.process"
_START_WITHIN_MS = 20_000
_END_WITHIN_S = 3.0
_RESTART_AFTER_NS = 1_000_000_000


class SimGate:
    """Gate driver `sim`. `open` starts the controller, `close` ends it and leaves nothing behind.

    It ends by itself when this process dies; when it dies, `poll` starts it again.
    """

    def __init__(
        self, section: config_gate.SimGate, timing: Timing, belt: Belt, clock: Clock
    ) -> None:
        self._section = section
        self._timing = timing
        self._belt = belt
        self._clock = clock
        # The controller makes and removes this folder, so that it goes even if we are killed.
        folder = f"linewarden-gate-{secrets.token_hex(8)}"
        self.link = Path(tempfile.gettempdir()) / folder / "gate"
        told = config_gate.ControllerGate(
            driver="controller",
            port=str(self.link),
            debounce_ms=section.debounce_ms,
            second_eye=section.second_eye,
            second_eye_ms=section.second_eye_ms,
            second_eye_guard_ms=section.second_eye_guard_ms,
            on_disagreement=section.on_disagreement,
            stop_unheard=section.stop_unheard,
        )
        self._gate = ControllerGate(told, timing, clock)
        self._process: subprocess.Popen[bytes] | None = None
        self._started_ns = 0

    @property
    def pid(self) -> int | None:
        """Return the controller's process; None while there is none."""
        return None if self._process is None else self._process.pid

    def open(self) -> None:
        """Start the controller and agree with it. Raises GateError."""
        if self._process is None:
            self._start()
            self._await_ready()
        self._gate.open()

    def poll(self, timeout_s: float) -> Sequence[GateEvent]:
        """Serve the line until something happened, `wake` was called or `timeout_s` is over."""
        dead = self._process is None or self._process.poll() is not None
        if dead and self._clock.now_ns() >= self._started_ns + _RESTART_AFTER_NS:
            self._start()
        return self._gate.poll(timeout_s)

    def wake(self) -> None:
        """Make a `poll` in progress, or the next one, return at once. May be called anywhere."""
        self._gate.wake()

    def allow(self, order: PassOrder) -> bool:
        """Put the permission for one part on the wire; False when it can no longer be in time."""
        return self._gate.allow(order)

    def recorded(self, event: Trigger | GateOutcome) -> None:
        """Say that the event's row is committed: the controller may stop repeating it."""
        self._gate.recorded(event)

    def let_run(self, *, may_run: bool) -> None:
        """Let the belt run, or stop it, from now on."""
        self._gate.let_run(may_run=may_run)

    def counts(self) -> LineCounts:
        """Return how the line has been since the start."""
        return self._gate.counts()

    def close(self) -> None:
        """End the controller and remove its link."""
        self._gate.close()
        self._stop()
        shutil.rmtree(self.link.parent, ignore_errors=True)

    def _start(self) -> None:
        self._stop()
        self._started_ns = self._clock.now_ns()
        environment = dict(os.environ, PYTHONPATH=str(Path(agent.__path__[0]).parent))
        self._process = subprocess.Popen(
            [sys.executable, "-m", _PROGRAM, *self._arguments()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # a terminal's Ctrl-C is for us: the gate ends when we say so
        )

    def _await_ready(self) -> None:
        """Wait until the link can be opened. Raises GateError."""
        pipe = None if self._process is None else self._process.stdout
        if pipe is None or not _said_ready(pipe.fileno()):
            self._stop()
            raise GateError("the simulated gate controller did not start: see what it said above")

    def _arguments(self) -> list[str]:
        belt = self._belt
        options = {
            "link": self.link,
            "record": self._section.record,
            "delay-ms": self._timing.delay_ms,
            "rate": belt.rate_per_s,
            "jitter": belt.jitter,
            "seed": belt.seed,
            "start-ns": belt.start_ns,
            "second-eye": self._section.second_eye,
            "second-eye-ms": self._section.second_eye_ms,
            "flap": self._section.flap,
        }
        if belt.parts is not None:
            options["parts"] = belt.parts
        return ["--with-parent"] + [f"--{name}={value}" for name, value in options.items()]

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_END_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _said_ready(fd: int) -> bool:
    """Wait for the controller's word; False when it ends or hesitates instead."""
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    return bool(poller.poll(_START_WITHIN_MS)) and bool(os.read(fd, 16))
